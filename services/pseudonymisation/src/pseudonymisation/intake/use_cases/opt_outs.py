"""Lists of people who opted out: taken in as haven tokens, tested at every preparation.

What a list says is not believed (ruling 20): its sender names who is on it and how many, and a
list by which many people would be released waits for a second person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

import structlog

from common.audit.entries import entry_for
from common.clock import legal_day
from common.errors import EditedMeanwhile
from common.ids import digest_of, new_id
from common.replacement import (
    Change,
    Judgement,
    Reach,
    ReplacementKind,
    ReplacementOutdated,
    ReplacementStatus,
    State,
    of_late,
    rules,
)
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.opt_out import (
    ListContent,
    ListKind,
    OptOutList,
    in_force,
    name_of,
    newest_first,
    next_in_force,
)
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import ListImport, Transaction

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROUNDS: Final = 5
"""So often a list is compared anew, where another was put in force meanwhile."""


LANDED_COMPARED: Final = 24
"""A first list is held against the people of so many editions, the newest in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeclaration:
    """What its sender says of a list."""

    list_date: date
    kind: ListKind
    declared: int | None
    """How many people are on it."""


def begin_import(announced: ListDeclaration, *, ctx: IntakeContext) -> tuple[UUID, ListImport]:
    """Prepare to take a list.

    Raises:
        ListInvalid: where its day is still to come
        ListOfCleared: where it is of people who may be used

    """
    if announced.kind is ListKind.CLEARED:
        raise errors.ListOfCleared(
            "Send the reply of the national service to `/v1/opt-out-checks/{id}/reply` of the check"
            " that it belongs to."
        )
    if announced.list_date > legal_day(ctx.clock.now()):
        raise errors.ListInvalid("`list_date` must not be in the future.")
    list_id = new_id()
    return list_id, ctx.haven.opt_outs(list_id)


def finish_import(
    list_id: UUID,
    announced: ListDeclaration,
    coming: ListImport,
    *,
    key: str | None,
    ctx: IntakeContext,
) -> OptOutList:
    """Put a list in force from the next preparation on, or let it wait for a second person.

    The same list of the same day under the same key is the one that was taken in before.

    Raises:
        ListInvalid, ListIsReply, ListEmpty, ListDoubled, ListCountDiffers
        IdempotencyKeyReused, Unavailable

    """
    taken = coming.finish()
    taken.require_count(announced.declared)
    fingerprint = digest_of(
        {
            "operation": "import_opt_outs",
            "day": announced.list_date.isoformat(),
            "kind": announced.kind.value,
            "declared": announced.declared,
            "digest": taken.digest,
        }
    )
    actor = ctx.principal.key_owner
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            listed = tx.opt_out_lists.standing()
            landed = tx.editions.newest(LANDED_COMPARED)
        former = in_force(listed)
        arrived = _arrived(list_id, announced, taken, coming.key, listed, landed, ctx=ctx)
        with ctx.uow.writing() as tx:
            repeated = tx.idempotency.find(actor=actor, key=key, fingerprint=fingerprint)
            if repeated is not None:
                coming.abandon()
                return tx.opt_out_lists.get(UUID(repeated))
            if in_force(tx.opt_out_lists.standing(locked=True)) != former:
                continue
            tx.idempotency.remember(
                actor=actor, key=key, fingerprint=fingerprint, resource=str(list_id)
            )
            stored = _save(arrived, "opt-out-list-imported", tx, ctx=ctx)
            _supersede_waiting(stored, tx, ctx=ctx)
        log.info(
            "opt_out_list_imported",
            list_id=str(list_id),
            list_date=stored.list_date.isoformat(),
            state=stored.standing.state.value,
        )
        return stored
    raise EditedMeanwhile("Another list is being put in force. Try again.")


def confirm(list_id: UUID, reason: str, *, ctx: IntakeContext) -> OptOutList:
    """Let a list that waits into force: a second person's word.

    Raises:
        ListNotFound, SecondPersonNeeded, ReplacementDecided, EditedMeanwhile
        ReplacementOutdated: where it would release more by now than its preview says

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            present = tx.opt_out_lists.get(list_id)
            listed = tx.opt_out_lists.standing()
            former = in_force(listed)
        confirmed = present.confirm(by=by, reason=reason, at=at)
        _require_no_more_than_shown(present, former, listed, ctx=ctx)
        with ctx.uow.writing() as tx:
            listed = tx.opt_out_lists.standing(locked=True)
            if in_force(listed) != former or tx.opt_out_lists.get(list_id) != present:
                continue
            stored = _save(confirmed, "opt-out-list-confirmed", tx, ctx=ctx)
            _supersede_waiting(stored, tx, ctx=ctx)
        log.info("opt_out_list_confirmed", list_id=str(list_id))
        return stored
    raise EditedMeanwhile("Another list is being put in force. Try again.")


def _require_no_more_than_shown(
    waiting: OptOutList,
    former: OptOutList | None,
    listed: Sequence[OptOutList],
    *,
    ctx: IntakeContext,
) -> None:
    """Raise ReplacementOutdated where it would release somebody whom its preview does not count.

    That is so where another list came into force since. As many are not the same people: whoever
    is on that one alone counts.
    """
    if former is None or waiting.standing.was_shown(name_of(former)):
        return
    now = ctx.haven.change_of_lists(former, after=waiting)
    then = [one for one in listed if waiting.standing.was_shown(name_of(one))]
    shown = ctx.haven.change_of_lists(*then, after=waiting).removed if then else 0
    if now.removed and ctx.haven.change_of_lists(*then, former, after=waiting).removed > shown:
        raise ReplacementOutdated(
            f"{now.removed} people would be released by it, and its preview, which says"
            f" {waiting.standing.change.removed}, is not of just these: another list came into"
            " force since. Send it again, and it is held against that one.",
            removed=now.removed,
            shown=waiting.standing.change.removed,
        )


def take_back(list_id: UUID, reason: str, *, ctx: IntakeContext) -> OptOutList:
    """Take a list back: one that waits at once; one in force, as its going gives little or much.

    Raises:
        ListNotFound, SecondPersonNeeded, ReplacementDecided

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            present = tx.opt_out_lists.get(list_id)
            after = next_in_force(tx.opt_out_lists.standing(), present)
        judgement = _of_going(present, after, ctx=ctx)
        with ctx.uow.writing() as tx:
            listed = tx.opt_out_lists.standing(locked=True)
            current = tx.opt_out_lists.get(list_id)
            if next_in_force(listed, current) != after or current != present:
                continue
            gone = current.take_back(judgement, instead=after, by=by, reason=reason, at=at)
            stored = _save(gone, "opt-out-list-taken-back", tx, ctx=ctx)
        log.info("opt_out_list_taken_back", list_id=str(list_id), state=stored.standing.state)
        return stored
    raise EditedMeanwhile("Another list is being put in force. Try again.")


def get(list_id: UUID, *, ctx: IntakeContext) -> OptOutList:
    """Raise ListNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.opt_out_lists.get(list_id)
        tx.opt_out_lists.hold([list_id])
        return found


def page(
    *, state: State | None, after: UUID | None, limit: int, ctx: IntakeContext
) -> Sequence[OptOutList]:
    with ctx.uow.reading() as tx:
        return tx.opt_out_lists.page(state=state, after=after, limit=limit)


# --- what they share ------------------------------------------------------------------------------


def _arrived(
    list_id: UUID,
    announced: ListDeclaration,
    taken: ListContent,
    object_key: str,
    listed: Sequence[OptOutList],
    landed: Sequence[Edition],
    *,
    ctx: IntakeContext,
) -> OptOutList:
    """Hold it against the list in force, whatever the day of either: it may come to count.

    And against all of late together, since many small changes are one; a first list is held
    against the people who are landed.
    """
    at, by = ctx.clock.now(), ctx.principal.subject
    first = Change(before=0, after=taken.people, added=taken.people, removed=0)
    arrived = OptOutList(
        id=list_id,
        list_date=announced.list_date,
        people=taken.people,
        digest=taken.digest,
        object_key=object_key,
        imported_at=at,
        imported_by=by,
        standing=ReplacementStatus.begun(_judged(first, (), ctx=ctx), by=by, at=at),
    )
    former, recent = in_force(listed), _of_late(listed, at)
    change = first if former is None else ctx.haven.change_of_lists(former, after=arrived)
    over_window = (
        [ctx.haven.change_of_lists(*recent, after=arrived)]
        if any(one != former for one in recent)
        else []
    )
    reach = ctx.haven.reach_of_list(arrived, landed) if change.is_first else None
    judgement = _judged(change, over_window, reach, ctx=ctx)
    standing = ReplacementStatus.begun(judgement, by=by, at=at, held_against=name_of(former))
    return replace(arrived, standing=standing)


def _of_late(listed: Sequence[OptOutList], at: datetime) -> Sequence[OptOutList]:
    return of_late(
        [o for o in listed if o.standing.is_effective],
        standing=lambda o: o.standing,
        at=at,
        days=rules.load().limit(ReplacementKind.OPT_OUTS, on=legal_day(at)).window_days,
    )


def _of_going(
    gone: OptOutList, after: OptOutList | None, *, ctx: IntakeContext
) -> Judgement | None:
    """Judge what taking a list back gives; where no list is left, nothing is prepared at all."""
    if after is None:
        return None
    return _judged(ctx.haven.change_of_lists(gone, after=after), (), ctx=ctx)


def _judged(
    change: Change,
    over_window: Sequence[Change],
    reach: Reach | None = None,
    *,
    ctx: IntakeContext,
) -> Judgement:
    return rules.load().judge(
        ReplacementKind.OPT_OUTS,
        change,
        on=legal_day(ctx.clock.now()),
        over_window=over_window,
        reach=reach,
    )


def _supersede_waiting(newer: OptOutList, tx: Transaction, *, ctx: IntakeContext) -> None:
    """Supersede what waited and would not count beside the list that is in force now."""
    if not newer.standing.is_effective:
        return
    ordered = newest_first(tx.opt_out_lists.standing())
    behind = ordered[ordered.index(newer) + 1 :]
    for waiting in (o for o in behind if o.standing.is_waiting):
        gone = waiting.supersede(at=ctx.clock.now())
        _save(gone, "opt-out-list-superseded", tx, ctx=ctx)


def _save(opt_outs: OptOutList, action: str, tx: Transaction, *, ctx: IntakeContext) -> OptOutList:
    standing = opt_outs.standing
    return tx.opt_out_lists.save(
        opt_outs,
        audit=entry_for(
            ctx.principal,
            at=ctx.clock.now(),
            action=action,
            resource=f"opt-out-lists/{opt_outs.id}",
            on_behalf_of=None,  # the Body's own list
            detail={
                **opt_outs.logged,
                "change": standing.change.as_json(),
                "reason": standing.reason,
            },
        ),
    )
