"""Landing: what workers do with submissions that were received, and cleaning up behind them.

A worker claims a submission, lands it under an attempt of its own, and names the result in one
transaction with the decision. Whatever is away in the meantime (agreements, a key, the object
store), the submission waits, and nothing half-written is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Literal

import structlog
from pydantic import JsonValue

from catalogue import DataSet, Derivation, LandingRules, UnknownDataSet
from common.audit.entries import Entry as AuditEntry
from common.audit.entries import entry_for
from common.clock import legal_day
from common.errors import AppError, ClaimLost, EditedMeanwhile, Unavailable
from common.ids import new_id
from common.jobs import Claim, Report, SignOfLife, holding
from common.replacement import Standing
from pseudonymisation.engine.keys import KeyDestroyed
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Edition, RulesVersion, Status
from pseudonymisation.intake.domain.quality import Outcome, report
from pseudonymisation.intake.domain.submission import Submission, next_try
from pseudonymisation.intake.use_cases import relanding, rights
from pseudonymisation.intake.use_cases.context import ITSELF, Context
from pseudonymisation.intake.use_cases.edition_replacements import (
    begun,
    give_up_waiting,
    of_period,
    supersede,
)
from pseudonymisation.intake.use_cases.ports import (
    ContentDamaged,
    EngineFailed,
    LandingOrder,
    MapFile,
    MapKind,
    Scope,
    Transaction,
)
from pseudonymisation.intake.use_cases.submissions import require_collected, require_no_overlap

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERYTHING: Final = Scope(None)
REFUSALS: Final = (
    errors.ContentRefused,
    errors.CollectionNotInForce,
    errors.PeriodOverlaps,
    errors.ProviderRefused,
)
"""By which a submission is rejected for good."""
BATCH: Final = 100
MAPPED: Final = frozenset({Derivation.LSOA, Derivation.RESIDENCE_COMMISSIONER})


@dataclass(frozen=True, slots=True)
class LandingJobs:
    """The work of landing, as a runner asks for it."""

    ctx: Context

    def claim(self) -> Claim[Submission] | None:
        """Take the oldest submission that nobody works on, if there is one."""
        at = self.ctx.clock.now()
        with self.ctx.uow.writing() as tx:
            for found in tx.submissions.claimable(at, limit=1):
                attempt, until = new_id(), at + self.ctx.limits.claims.duration
                if found.attempt is not None:
                    # What a lost worker has written is nobody's; it may not finish any more.
                    self.ctx.haven.discard_attempt(found)
                if found.is_exhausted:
                    _give_up(found, tx, ctx=self.ctx)
                    return None  # what comes next is found the next time
                claimed = tx.submissions.keep_claim(found.claim(attempt, until=until))
                return Claim(claimed, attempt)
        return None

    def run(self, claim: Claim[Submission]) -> None:
        """Land it, and say what became of it."""
        log_ = log.bind(submission_id=str(claim.job.id), attempt=str(claim.attempt))
        extend = partial(self._extend, claim)
        with holding(extend, self.ctx.limits.claims, clock=self.ctx.clock, log_=log_) as report:
            try:
                self._tried(claim, report, log_)
            except KeyDestroyed:
                # Whoever took the submission over has discarded what this attempt had begun.
                raise ClaimLost("Another worker took the submission over.") from None

    def sweep(self) -> None:
        """Land anew what has to be, destroy what was kept long enough, and what no row names."""
        relanding.tell_unsafe(ctx=self.ctx)
        relanding.land_anew(ctx=self.ctx)
        destroyed = _destroy_decided(ctx=self.ctx)
        older_than = self.ctx.clock.now() - self.ctx.limits.orphans
        orphans = self.ctx.haven.sweep(
            lambda: _named(ctx=self.ctx), older_than=older_than.timestamp()
        )
        if destroyed or orphans:
            log.info("haven_swept", destroyed=destroyed, orphans=orphans)

    def _extend(self, claim: Claim[Submission], sign: SignOfLife) -> None:
        with self.ctx.uow.writing() as tx:
            tx.submissions.extend_claim(claim.job.id, claim.attempt, sign)

    def _tried(
        self, claim: Claim[Submission], report: Report, log_: structlog.stdlib.BoundLogger
    ) -> None:
        try:
            self._land(claim, report)
        except REFUSALS as refusal:
            _reject(claim, refusal, ctx=self.ctx)
            log_.info("submission_rejected", code=refusal.code)
        except ContentDamaged:
            refused = errors.LandingFailed("What was stored of the upload is damaged; resubmit.")
            _reject(claim, refused, ctx=self.ctx)
            log_.warning("upload_damaged")
        except EngineFailed:
            _wait(claim, code=errors.LandingFailed.code, counts=True, ctx=self.ctx)
            log_.warning("landing_failed", attempts=claim.job.attempts)
        except (Unavailable, EditedMeanwhile) as away:
            _wait(claim, code=away.code, counts=False, ctx=self.ctx)
            log_.warning("landing_waits", code=away.code)

    def _land(self, claim: Claim[Submission], progress: Report) -> None:
        ctx, submission = self.ctx, claim.job
        try:
            data_set = ctx.catalogue.by_digest(submission.catalogue_digest)
        except UnknownDataSet:
            raise errors.CatalogueOutdated("This machine does not have that catalogue.") from None
        received = legal_day(submission.received_at or ctx.clock.now())
        require_collected(data_set, received, ctx=ctx)
        rules, as_read = ctx.catalogue.intake_of(data_set, legal_day(ctx.clock.now()))
        order = LandingOrder(
            submission=submission,
            data_set=as_read,
            rules=rules,
            today=received,
            providers=rights.providers(submission, ctx=ctx),
            practice_map=self._map("practice", submission, data_set),
            postcode_map=self._map("postcode", submission, data_set),
            organisation_map=self._governing("organisation", submission, data_set),
        )
        outcome = ctx.haven.land(order, progress)
        refusal = _judge(outcome, data_set)
        quality = report(outcome, data_set=data_set, is_rejected=refusal is not None)
        if refusal is not None:
            _reject(claim, refusal, ctx=ctx, outcome=outcome, quality=quality)
            log.info("submission_rejected", submission_id=str(submission.id), code=refusal.code)
            return
        _accept(claim, order, outcome, quality, ctx=ctx)

    def _map(
        self, kind: Literal["practice", "postcode"], submission: Submission, data_set: DataSet
    ) -> MapFile | None:
        """The map as at the beginning of the period (domain.md 6.11), where one is needed.

        :raises MapMissing: where none governs that day
        """
        if kind not in needed_maps(data_set):
            return None
        return self._governing(kind, submission, data_set)

    def _governing(self, kind: MapKind, submission: Submission, data_set: DataSet) -> MapFile:
        day = data_set.periods.first_day(submission.period.first_day)
        found = self.ctx.maps.governing(kind, day)
        if found is None:
            raise errors.MapMissing(f"No {kind} map governs {day.isoformat()}.", kind=kind)
        return found


def needed_maps(data_set: DataSet) -> frozenset[str]:
    """Say which maps landing looks commissioners and areas up in."""
    by_reason = {r.source for r in data_set.population.values()} & {"practice", "postcode"}
    by_derivation = {"postcode" for d in data_set.derived if d.derivation in MAPPED}
    return frozenset(by_reason | by_derivation)


def _judge(outcome: Outcome, data_set: DataSet) -> errors.ContentRefused | None:
    """Judge the file as a whole."""
    share = data_set.file.quarantine_share_max
    if outcome.bad_share > share:
        return errors.TooManyBadRows(
            f"{outcome.quarantined} of {outcome.records} records are bad, more than"
            f" {share:.0%}; the report says why. Most often {outcome.main_reason}"
        )
    if not outcome.landed:
        why = f" Most often {outcome.main_reason}" if outcome.reasons else ""
        return errors.NoGoodRows(f"No record is left to be landed.{why}")
    return None


def _accept(
    claim: Claim[Submission],
    order: LandingOrder,
    outcome: Outcome,
    quality: Mapping[str, JsonValue],
    *,
    ctx: Context,
) -> None:
    """Name what was landed: it is the edition in force, or waits for a second person."""
    at = ctx.clock.now()
    before, former = _in_force(claim.job, ctx=ctx)
    standing = _standing(order.submission, outcome, before, former, at=at, ctx=ctx)
    quarantine_key = ctx.haven.quarantine_key(claim.job)
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(claim.job.id, EVERYTHING)
        in_force = tx.editions.of(present.data_set, present.provider)
        require_no_overlap(present, [edition.period for edition in in_force])
        if of_period(in_force, present.period) != before:
            raise EditedMeanwhile("Another edition of the period was put in force.")
        edition = _edition(present, order, outcome, tx, standing=standing, at=at, ctx=ctx)
        if standing.is_waiting:
            decided = present.hold_back(
                claim.attempt, outcome, quality, quarantine_key=quarantine_key
            )
        else:
            decided = present.accept(
                claim.attempt, outcome, quality, quarantine_key=quarantine_key, at=at
            )
        tx.editions.save(
            edition,
            audit=_audit(
                "edition-landed", f"editions/{edition.id}", present, at, rows=edition.rows
            ),
        )
        audit = _audit(
            "submission-waits" if standing.is_waiting else "submission-accepted",
            f"submissions/{present.id}",
            present,
            at,
            edition=str(edition.id),
        )
        gone = give_up_waiting(edition, tx, audit=audit)
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


def _in_force(submission: Submission, *, ctx: Context) -> tuple[Edition | None, Sequence[Edition]]:
    """Return the edition in force of the period, and all that were in force of it."""
    data_set, provider, period = submission.data_set, submission.provider, submission.period
    with ctx.uow.reading() as tx:
        in_force = tx.editions.of(data_set, provider)
        return of_period(in_force, period), tx.editions.former(data_set, provider, period)


def _standing(
    submission: Submission,
    outcome: Outcome,
    before: Edition | None,
    former: Sequence[Edition],
    *,
    at: datetime,
    ctx: Context,
) -> Standing:
    if submission.edition_id is None:
        raise LookupError("a submission that was received has an edition to be")
    return begun(
        submission.edition_id,
        ctx.haven.edition_key(submission),
        outcome.landed,
        before=before,
        former=former,
        by=submission.received_by or submission.submitted_by,
        at=at,
        ctx=ctx,
    )


def _edition(
    submission: Submission,
    order: LandingOrder,
    outcome: Outcome,
    tx: Transaction,
    *,
    standing: Standing,
    at: datetime,
    ctx: Context,
) -> Edition:
    if submission.edition_id is None:
        raise LookupError("a submission that was received has an edition to be")
    former = tx.editions.count(submission.data_set, submission.provider, submission.period)
    return Edition(
        id=submission.edition_id,
        data_set=submission.data_set,
        catalogue_version=submission.catalogue_version,
        catalogue_digest=submission.catalogue_digest,
        period=submission.period,
        provider=submission.provider,
        number=former + 1,
        status=Status.of(order.data_set),
        submission_id=submission.id,
        object_key=ctx.haven.edition_key(order.submission),
        rows=outcome.landed,
        rows_repeated=outcome.repeated,
        bytes=outcome.bytes,
        practice_map=order.practice_map.version if order.practice_map else None,
        postcode_map=order.postcode_map.version if order.postcode_map else None,
        organisation_map=order.organisation_map.version,
        landing_rules=_rules(order.rules),
        landed_at=at,
        standing=standing,
    )


def _rules(rules: LandingRules) -> RulesVersion | None:
    return RulesVersion(version=rules.version, digest=rules.digest) if rules.digest else None


def _reject(
    claim: Claim[Submission],
    refusal: AppError,
    *,
    ctx: Context,
    outcome: Outcome | None = None,
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
            attempt=claim.attempt,
            outcome=outcome,
            report=quality,
            quarantine_key=(None if outcome is None else ctx.haven.quarantine_key(claim.job)),
        )
        tx.submissions.save(
            rejected,
            audit=_audit(
                "submission-rejected",
                f"submissions/{present.id}",
                present,
                at,
                code=refusal.code,
            ),
        )
    if claim.job.edition_id is not None:
        ctx.haven.discard_edition(claim.job.edition_id)


def _give_up(submission: Submission, tx: Transaction, *, ctx: Context) -> None:
    at = ctx.clock.now()
    refusal = errors.LandingFailed("The file was tried several times and cannot be landed.")
    tx.submissions.save(
        submission.reject(code=refusal.code, detail=refusal.detail, at=at),
        audit=_audit(
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


def _wait(claim: Claim[Submission], *, code: str, counts: bool, ctx: Context) -> None:
    """Try again later; but not for ever."""
    ctx.haven.discard_attempt(claim.job)
    at = ctx.clock.now()
    received = claim.job.received_at or at
    if at - received > ctx.limits.patience:
        refusal = errors.LandingFailed("What landing needs was away for too long; resubmit.")
        _reject(claim, refusal, ctx=ctx)
        return
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(claim.job.id, EVERYTHING)
        waiting = present.wait(
            claim.attempt, code=code, until=next_try(at, present.attempts), counts=counts
        )
        tx.submissions.keep_claim(waiting)


def _destroy_decided(*, ctx: Context) -> int:
    """Destroy uploads and quarantines that were kept as long as they are to be kept."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        old = tx.submissions.decided_before(at - ctx.limits.keep_uploads, limit=BATCH)
    for submission in old:
        for key in (submission.content and submission.content.key, submission.quarantine_key):
            if key:
                ctx.haven.destroy(key)
        with ctx.uow.writing() as tx:
            present = tx.submissions.get(submission.id, EVERYTHING)
            tx.submissions.save(
                present.forget_content(),
                audit=_audit(
                    "submission-content-destroyed", f"submissions/{present.id}", present, at
                ),
            )
    return len(old)


def _named(*, ctx: Context) -> list[str]:
    with ctx.uow.reading() as tx:
        return list(tx.object_keys())


def _audit(
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
