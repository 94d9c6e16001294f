"""A resubmission takes the place of an edition: at once, or when a second person has said so.

A file of one row, sent in good faith, replaced ten thousand once and superseded what had been
released from them (ruling 20; docs/adr/0022). An edition that waits leaves the one in force, and
nobody is told that anything was superseded before it is confirmed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from catalogue import Protocol
from common.audit.entries import Entry, entry_for
from common.clock import legal_day
from common.errors import EditedMeanwhile
from common.replacement import (
    Change,
    Judgement,
    ReplacementDecided,
    ReplacementKind,
    ReplacementStatus,
    State,
    of_late,
    rules,
)
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Edition, Place, Replaced, name_of
from pseudonymisation.intake.use_cases import rights
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import LandingOrder, Scope, Transaction
from pseudonymisation.intake.use_cases.submissions import require_no_overlap

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def at_place(editions: Sequence[Edition], place: Place) -> Edition | None:
    """Return which of the editions in force is the one of just this period and part."""
    return next((edition for edition in editions if edition.place == place), None)


def base_of(order: LandingOrder, *, ctx: IntakeContext) -> Edition | None:
    """Return the edition in force with which a net change is merged; None where there is none.

    Raises:
        NetChangeBaseUnsuitable: where it was made in another way, or may not be rested on
        NetChangeBlocked: where one waits, which would be lost without a word

    """
    submission = order.submission
    with ctx.uow.reading() as tx:
        in_force = tx.editions.of(submission.data_set, submission.provider)
        waiting = tx.editions.waiting(submission.data_set, submission.provider)
    require_no_overlap(submission, in_force)
    if at_place(waiting, submission.place) is not None:
        raise errors.NetChangeBlocked(
            "An edition of the period waits for a second person, and a change is merged with what"
            " is in force. Have it confirmed or taken back, then send the change again."
        )
    base = at_place(in_force, submission.place)
    why = base and _unsuitable(base, order)
    if why:
        raise errors.NetChangeBaseUnsuitable(errors.SUBMIT_WHOLE.format(why=why))
    return base


def _unsuitable(base: Edition, order: LandingOrder) -> str | None:
    """Say why a change cannot be merged with an edition; None where it can."""
    maps = (order.practice_map, order.postcode_map, order.organisation_map)
    versions = tuple(None if one is None else one.version for one in maps)
    if base.unsafe_at is not None:
        return "is not safe to be released"
    if base.standing.state is State.LEAVING:
        return "is being taken back"
    if base.landing_rules is None or base.landing_rules.digest != order.rules.digest:
        return "was made by other landing rules"
    if base.catalogue_digest != order.submission.catalogue_digest or not base.columns:
        return "was made by another version of the data set"
    if (base.practice_map, base.postcode_map, base.organisation_map) != versions or (
        base.further_maps,
        base.areas_untold,
    ) != (order.further_maps, order.areas_untold):
        return "was made with other maps"
    return None


def initial_standing(
    edition_id: UUID,
    object_key: str,
    rows: int,
    *,
    before: Edition | None,
    former: Sequence[Edition],
    replaced: Replaced | None,
    by: str,
    at: datetime,
    ctx: IntakeContext,
) -> ReplacementStatus:
    """Judge what was landed against the edition in force of its period and part.

    And against each of `former` that was in force of late: many small losses are one. Where a
    month at an end would have no rows any more, somebody has to look whatever it is of the whole.
    """
    change = (
        Change(before=0, after=rows, added=rows, removed=0) if replaced is None else replaced.rows
    )
    on = legal_day(at)
    recent = of_late(
        former,
        standing=lambda e: e.standing,
        at=at,
        days=rules.load().limit(ReplacementKind.EDITION, on=on).window_days,
    )
    over_window = (
        ctx.haven.change_of_editions(one, edition_id, object_key, rows)
        for one in recent
        if before is not None and one.id != before.id
    )
    judgement = rules.load().judge(ReplacementKind.EDITION, change, on=on, over_window=over_window)
    if replaced is not None and replaced.emptied:
        judgement = replace(judgement, waits=True)
    return ReplacementStatus.begun(judgement, by=by, at=at, held_against=name_of(before))


def supersede(
    former: Sequence[Edition], edition: Edition, tx: Transaction, *, audit: Entry
) -> None:
    """Let the editions of the same period and part give way, and tell so.

    `audit` is of whoever did it; each edition has an entry of its own.
    """
    for other in former:
        if other.place == edition.place and other.id != edition.id:
            entry = replace(
                audit,
                action="edition-superseded",
                resource=f"editions/{other.id}",
                detail={"by": str(edition.id)},
            )
            tx.editions.save(other.supersede(edition, at=audit.at), audit=entry)


def supersede_waiting(edition: Edition, tx: Transaction, *, audit: Entry) -> Sequence[UUID]:
    """Supersede what waits for the same period and part; return which editions are to be destroyed.

    Their submissions are rejected: their files were never in force.
    """
    gone = []
    for waiting in tx.editions.waiting(edition.data_set, edition.provider):
        if waiting.place != edition.place or waiting.id == edition.id:
            continue
        entry = replace(
            audit,
            action="edition-superseded-waiting",
            resource=f"editions/{waiting.id}",
            detail={"by": str(edition.id)},
        )
        standing = waiting.standing.supersede(at=audit.at)
        tx.editions.save(replace(waiting, standing=standing), audit=entry)
        refusal = errors.SubmissionSuperseded("A later file of the period took its place.")
        _reject(waiting, refusal, tx, audit=entry)
        gone.append(waiting.id)
    return gone


def confirm(edition_id: UUID, reason: str, *, ctx: IntakeContext) -> Edition:
    """Put an edition that waits in force: a second person's word.

    Raises:
        EditionNotFound, SecondPersonNeeded, ReplacementDecided, PeriodOverlaps
        ReplacementOutdated: where another is in force by now than it was held against
        PeriodFinal, Unavailable: the period may have been published while it waited

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.reading() as tx:
        asked_for = tx.editions.get(edition_id, ctx.scope)
        there = tx.editions.of(asked_for.data_set, asked_for.provider)
    if asked_for.standing.is_waiting:
        landed_as = ctx.catalogue.by_digest(asked_for.catalogue_digest)
        rights.require_not_final(landed_as, asked_for.place, there, ctx=ctx)
    with ctx.uow.writing() as tx:
        waiting = tx.editions.get(edition_id, ctx.scope)
        standing = waiting.standing.confirm(by=by, reason=reason, at=at)
        submission = tx.submissions.get(waiting.submission_id, Scope(None))
        in_force = tx.editions.of(waiting.data_set, waiting.provider)
        require_no_overlap(submission, in_force)
        waiting.standing.require_shown(name_of(at_place(in_force, waiting.place)))
        audit = _entry("edition-confirmed", waiting, reason, at, ctx=ctx)
        supersede(in_force, waiting, tx, audit=audit)
        stored = tx.editions.save(replace(waiting, standing=standing), audit=audit)
        tx.submissions.save(
            submission.confirm(rows=waiting.rows, rows_repeated=waiting.rows_repeated, at=at),
            audit=replace(
                audit, action="submission-accepted", resource=f"submissions/{submission.id}"
            ),
        )
    log.info("edition_confirmed", edition_id=str(edition_id))
    return stored


def take_back(edition_id: UUID, reason: str, *, ctx: IntakeContext) -> Edition:
    """Take an edition back. Of one that waits the submission is rejected, and it is destroyed.

    One that is or was in force is taken back by the staff of the haven: what was made with it is
    void, and the one before it is in force again. Where these differ much, two have to.

    Raises:
        EditionNotFound, SecondPersonNeeded, ReplacementDecided, EditedMeanwhile
        EditionMerged: where a later one has its records

    """
    with ctx.uow.reading() as tx:
        present = tx.editions.get(edition_id, ctx.scope)
        before = tx.editions.gave_way_to(edition_id)
        later = present.superseded_by and tx.editions.get(present.superseded_by, ctx.scope)
    if (
        later
        and later.protocol is Protocol.NET_CHANGE
        and (later.standing.state is not State.TAKEN_BACK)
    ):
        raise errors.EditionMerged(
            f"Edition {later.id} was made of this one by a net change, and has its records. Take"
            " that one back first.",
            edition=str(later.id),
        )
    if present.standing.is_waiting:
        return _take_back_waiting(edition_id, reason, ctx=ctx)
    if ctx.scope.own is not None:
        raise ReplacementDecided(
            "A provider may take back only an edition that waits. To replace this one, submit the"
            " period again.",
            state=present.standing.state.value,
        )
    return _take_back_landed(present, before, reason, ctx=ctx)


def _take_back_landed(
    present: Edition, before: Edition | None, reason: str, *, ctx: IntakeContext
) -> Edition:
    at, by = ctx.clock.now(), ctx.principal.subject
    # Compared before the transaction begins: nobody waits for the engine with it open.
    judgement = None if before is None else _of_going(present, before, at, ctx=ctx)
    with ctx.uow.writing() as tx:
        current = tx.editions.get(present.id, ctx.scope)
        if current != present or tx.editions.gave_way_to(present.id) != before:
            raise EditedMeanwhile("Another edition is being put in force. Try again.")
        audit = _entry("edition-taken-back", current, reason, at, ctx=ctx)
        gone = current.take_back(judgement, instead=before, by=by, reason=reason, at=at)
        stored = tx.editions.save(gone, audit=audit)
        if before is not None and current.is_read and not stored.is_read:
            tx.editions.save(
                before.restore(by=by, reason=reason, at=at),
                audit=replace(
                    audit,
                    action="edition-restored",
                    resource=f"editions/{before.id}",
                    detail={"taken_back": str(current.id)},
                ),
            )
    log.info("edition_taken_back", edition_id=str(present.id), state=stored.standing.state.value)
    return stored


def _of_going(gone: Edition, after: Edition, at: datetime, *, ctx: IntakeContext) -> Judgement:
    change = ctx.haven.change_of_editions(gone, after.id, after.object_key, after.rows)
    return rules.load().judge(ReplacementKind.EDITION, change, on=legal_day(at), over_window=())


def _take_back_waiting(edition_id: UUID, reason: str, *, ctx: IntakeContext) -> Edition:
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.writing() as tx:
        waiting = tx.editions.get(edition_id, ctx.scope)
        if not waiting.standing.is_waiting:
            raise ReplacementDecided(
                "The edition is not waiting any more.", state=waiting.standing.state.value
            )
        standing = waiting.standing.take_back(None, by=by, reason=reason, at=at)
        audit = _entry("edition-taken-back", waiting, reason, at, ctx=ctx)
        stored = tx.editions.save(replace(waiting, standing=standing), audit=audit)
        _reject(waiting, errors.SubmissionTakenBack("It was taken back."), tx, audit=audit)
    ctx.haven.discard_edition(edition_id)
    log.info("edition_taken_back", edition_id=str(edition_id))
    return stored


def _reject(
    waiting: Edition, refusal: errors.ContentRefused, tx: Transaction, *, audit: Entry
) -> None:
    submission = tx.submissions.get(waiting.submission_id, Scope(None))
    tx.submissions.save(
        submission.reject_waiting(code=refusal.code, detail=refusal.detail, at=audit.at),
        audit=replace(
            audit,
            action="submission-rejected",
            resource=f"submissions/{submission.id}",
            detail={"code": refusal.code},
        ),
    )


def _entry(
    action: str, edition: Edition, reason: str, at: datetime, *, ctx: IntakeContext
) -> Entry:
    return entry_for(
        ctx.principal,
        at=at,
        action=action,
        resource=f"editions/{edition.id}",
        on_behalf_of=edition.provider,
        detail={"reason": reason, "change": edition.standing.change.as_json()},
    )
