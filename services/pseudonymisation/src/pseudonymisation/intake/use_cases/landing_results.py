"""How a landing ends: accepted, waiting for a second person, refused, or to be tried again.

State, edition, report, events and audit entry are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
from pydantic import JsonValue

from catalogue import DataSet, LandingRules, Protocol
from common.audit.entries import Entry as AuditEntry
from common.audit.entries import entry_for
from common.errors import AppError, EditedMeanwhile
from common.jobs import Claim
from common.replacement import ReplacementStatus
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import (
    Edition,
    Replaced,
    RulesVersion,
    Status,
    name_of,
)
from pseudonymisation.intake.domain.measures import measured
from pseudonymisation.intake.domain.quality import LandingOutcome, Merged
from pseudonymisation.intake.domain.submission import Submission, next_try
from pseudonymisation.intake.use_cases import rights
from pseudonymisation.intake.use_cases.context import ITSELF, IntakeContext
from pseudonymisation.intake.use_cases.edition_replacements import (
    at_place,
    initial_standing,
    supersede,
    supersede_waiting,
)
from pseudonymisation.intake.use_cases.ports import (
    LandingOrder,
    Scope,
    Transaction,
)
from pseudonymisation.intake.use_cases.submissions import require_no_overlap

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERYTHING: Final = Scope(None)


def judge(outcome: LandingOutcome, data_set: DataSet) -> errors.ContentRefused | None:
    """Judge the file as a whole."""
    share = data_set.file.quarantine_share_max
    if outcome.bad_share > share:
        return errors.TooManyBadRows(
            f"{outcome.quarantined} of {outcome.records} records are invalid, more than"
            f" {share:.0%}. The report has the reasons; the most frequent is {outcome.main_reason}"
        )
    if not (outcome.landed if outcome.merged is None else _says_anything(outcome.merged)):
        why = f" The most frequent reason is {outcome.main_reason}" if outcome.reasons else ""
        return errors.NoGoodRows(f"The file has no valid record.{why}")
    return None


def _says_anything(change: Merged) -> bool:
    """Return whether a net change had a good row: one that is ignored is no fault of the file."""
    return any(
        (change.inserted, change.replaced, change.deleted, change.without_match, change.ignored)
    )


def accept(
    claim: Claim[Submission],
    order: LandingOrder,
    outcome: LandingOutcome,
    quality: Mapping[str, JsonValue],
    *,
    ctx: IntakeContext,
) -> None:
    """Name what was landed: it is the edition in force, or waits for a second person.

    Raises:
        EditedMeanwhile, PeriodOverlaps, PeriodFinal, Unavailable

    """
    at = ctx.clock.now()
    # Landing takes its time, and the period may have been published meanwhile.
    require_not_final(claim.job, order.data_set, ctx=ctx)
    before, former = in_force_of(claim.job, ctx=ctx)
    if outcome.merged is not None and name_of(before) != name_of(order.base):
        raise EditedMeanwhile("Another edition than the change was merged with is in force.")
    submission = order.submission
    replaced = None
    if before is not None and submission.edition_id is not None:
        found = ctx.haven.replaced_by(
            before,
            submission.edition_id,
            ctx.haven.edition_key(submission),
            outcome.landed,
            measures=order.rules.measures,
        )
        replaced = as_declared(found, submission)
    standing = _standing(order.submission, outcome, before, former, replaced, at=at, ctx=ctx)
    quarantine_key = ctx.haven.quarantine_key(claim.job)
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(claim.job.id, EVERYTHING)
        in_force = tx.editions.of(present.data_set, present.provider)
        require_no_overlap(present, in_force)
        if at_place(in_force, present.place) != before:
            raise EditedMeanwhile("Another edition of the period came into force.")
        edition = replace(
            _edition(present, order, outcome, tx, standing=standing, at=at, ctx=ctx),
            replaced=replaced,
        )
        if standing.is_waiting:
            decided = present.hold_back(
                claim.attempt,
                outcome,
                quality,
                quarantine_key=quarantine_key,
                replaced=replaced,
            )
        else:
            decided = present.accept(
                claim.attempt,
                outcome,
                quality,
                quarantine_key=quarantine_key,
                replaced=replaced,
                at=at,
            )
        tx.editions.save(
            edition,
            audit=audit_entry(
                "edition-landed", f"editions/{edition.id}", present, at, rows=edition.rows
            ),
        )
        tx.measures.add(
            edition,
            measured(quality, data_set=order.data_set, rules=order.rules),
            at=at,
        )
        audit = audit_entry(
            "submission-waits" if standing.is_waiting else "submission-accepted",
            f"submissions/{present.id}",
            present,
            at,
            edition=str(edition.id),
        )
        gone = supersede_waiting(edition, tx, audit=audit)
        if not standing.is_waiting:
            supersede(in_force, edition, tx, audit=audit)
        tx.submissions.save(decided, audit=audit)
    for edition_id in gone:
        ctx.haven.discard_edition(edition_id)
    log.info(
        "submission_waits" if standing.is_waiting else "submission_accepted",
        submission_id=str(edition.submission_id),
        rows=outcome.landed,
        quarantined=outcome.quarantined,
    )
    ctx.wake()


def in_force_of(
    submission: Submission, *, ctx: IntakeContext
) -> tuple[Edition | None, Sequence[Edition]]:
    """Return the edition in force of the period and part, and all that were in force of it."""
    data_set, provider, place = submission.data_set, submission.provider, submission.place
    with ctx.uow.reading() as tx:
        in_force = tx.editions.of(data_set, provider)
        return at_place(in_force, place), tx.editions.former(data_set, provider, place)


def require_not_final(submission: Submission, data_set: DataSet, *, ctx: IntakeContext) -> None:
    """Raise PeriodFinal, Unavailable."""
    with ctx.uow.reading() as tx:
        in_force = tx.editions.of(submission.data_set, submission.provider)
    rights.require_not_final(data_set, submission.place, in_force, ctx=ctx)


def as_declared(found: Replaced, submission: Submission) -> Replaced:
    """Leave out months that a net change empties: it names each record that goes."""
    return replace(found, emptied=()) if submission.protocol is Protocol.NET_CHANGE else found


def _standing(
    submission: Submission,
    outcome: LandingOutcome,
    before: Edition | None,
    former: Sequence[Edition],
    replaced: Replaced | None,
    *,
    at: datetime,
    ctx: IntakeContext,
) -> ReplacementStatus:
    if submission.edition_id is None:
        raise LookupError("a submission that was received has an edition to be")
    return initial_standing(
        submission.edition_id,
        ctx.haven.edition_key(submission),
        outcome.landed,
        before=before,
        former=former,
        replaced=replaced,
        by=submission.received_by or submission.submitted_by,
        at=at,
        ctx=ctx,
    )


def _edition(
    submission: Submission,
    order: LandingOrder,
    outcome: LandingOutcome,
    tx: Transaction,
    *,
    standing: ReplacementStatus,
    at: datetime,
    ctx: IntakeContext,
) -> Edition:
    if submission.edition_id is None:
        raise LookupError("a submission that was received has an edition to be")
    former = tx.editions.count(submission.data_set, submission.provider, submission.place)
    return Edition(
        id=submission.edition_id,
        data_set=submission.data_set,
        catalogue_version=submission.catalogue_version,
        catalogue_digest=submission.catalogue_digest,
        period=submission.period,
        provider=submission.provider,
        part=submission.part,
        protocol=submission.protocol,
        left_out_at_source=submission.left_out_at_source,
        number=former + 1,
        status=Status.of(order.data_set, submission.period, submission.sent_at or at),
        submission_id=submission.id,
        object_key=ctx.haven.edition_key(order.submission),
        columns=tuple(outcome.columns),
        sums=tuple(outcome.sums),
        deleted_key=ctx.haven.deleted_key(order.submission)
        if outcome.merged is not None and outcome.merged.has_deleted
        else None,
        rows=outcome.landed,
        rows_repeated=outcome.repeated,
        bytes=outcome.bytes,
        practice_map=order.practice_map.version if order.practice_map else None,
        postcode_map=order.postcode_map.version if order.postcode_map else None,
        further_maps=order.further_maps,
        areas_untold=order.areas_untold,
        organisation_map=order.organisation_map.version,
        landing_rules=_rules(order.rules),
        landed_at=at,
        standing=standing,
    )


def _rules(rules: LandingRules) -> RulesVersion | None:
    return RulesVersion(version=rules.version, digest=rules.digest) if rules.digest else None


def reject(
    claim: Claim[Submission],
    refusal: AppError,
    *,
    ctx: IntakeContext,
    outcome: LandingOutcome | None = None,
    quality: Mapping[str, JsonValue] | None = None,
) -> None:
    """Refuse the file. What there was before stays; what was landed of this is destroyed."""
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(claim.job.id, EVERYTHING)
        rejected = present.reject(
            code=refusal.code,
            detail=refusal.detail,
            at=at,
            refusal=refusal.members,
            attempt=claim.attempt,
            outcome=outcome,
            report=quality,
            quarantine_key=(None if outcome is None else ctx.haven.quarantine_key(claim.job)),
        )
        tx.submissions.save(
            rejected,
            audit=audit_entry(
                "submission-rejected",
                f"submissions/{present.id}",
                present,
                at,
                code=refusal.code,
            ),
        )
    if claim.job.edition_id is not None:
        ctx.haven.discard_edition(claim.job.edition_id)


def give_up(submission: Submission, tx: Transaction, *, ctx: IntakeContext) -> None:
    at = ctx.clock.now()
    refusal = errors.LandingFailed(
        "Landing the file failed several times. Check the file and submit it again."
    )
    tx.submissions.save(
        submission.reject(code=refusal.code, detail=refusal.detail, at=at),
        audit=audit_entry(
            "submission-rejected",
            f"submissions/{submission.id}",
            submission,
            at,
            code=refusal.code,
        ),
    )
    if submission.edition_id is not None:
        ctx.haven.discard_edition(submission.edition_id)
    log.error("landing_given_up", submission_id=str(submission.id))


def wait(claim: Claim[Submission], *, code: str, counts: bool, ctx: IntakeContext) -> None:
    """Try again later; but not for ever."""
    ctx.haven.discard_attempt(claim.job)
    at = ctx.clock.now()
    received = claim.job.received_at or at
    if at - received > ctx.limits.patience:
        refusal = errors.LandingFailed(
            "A service that landing needs was unavailable for too long. Submit the file again."
        )
        reject(claim, refusal, ctx=ctx)
        return
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(claim.job.id, EVERYTHING)
        waiting = present.wait(
            claim.attempt, code=code, until=next_try(at, present.attempts), counts=counts
        )
        tx.submissions.keep_claim(waiting)


def audit_entry(
    action: str, resource: str, of: Submission, at: datetime, **detail: str | int
) -> AuditEntry:
    """Write down what the service does of itself with what a provider submitted."""
    return entry_for(
        ITSELF,
        at=at,
        action=action,
        resource=resource,
        on_behalf_of=of.provider,
        detail=dict(detail),
    )
