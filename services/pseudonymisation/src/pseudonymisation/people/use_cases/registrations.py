"""Lists of who is registered with which practice: taken in as haven tokens, one in force.

What a list says is not believed (ruling 20): its sender says how many are on it, and one that
gives many people to other practices waits for a second person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
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
    Limit,
    ReplacementKind,
    ReplacementStatus,
    rules,
)
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.registration import (
    RegistrationList,
    in_force,
    name_of,
    over_window,
)
from pseudonymisation.people.use_cases.context import PeopleContext
from pseudonymisation.people.use_cases.ports import PeopleTransaction, RegistrationImport

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROUNDS: Final = 5
"""So often a list is compared anew, where another was put in force meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationDeclaration:
    """What its sender says of a list."""

    list_date: date
    declared: int


def begin_import(
    announced: RegistrationDeclaration, *, ctx: PeopleContext
) -> tuple[UUID, RegistrationImport]:
    """Prepare to take a list. Raise RegistrationsInvalid where its day is still to come."""
    if announced.list_date > legal_day(ctx.clock.now()):
        raise errors.RegistrationsInvalid("`list_date` must not be in the future.")
    list_id = new_id()
    return list_id, ctx.haven.registrations(list_id)


def finish_import(
    list_id: UUID,
    announced: RegistrationDeclaration,
    coming: RegistrationImport,
    *,
    key: str | None,
    ctx: PeopleContext,
) -> RegistrationList:
    """Put a list in force, or let it wait for a second person.

    Raises:
        RegistrationsInvalid, RegistrationsCountDiffers, IdempotencyKeyReused, EditedMeanwhile

    """
    taken = coming.finish()
    taken.require(announced.declared)
    fingerprint = digest_of(
        {
            "operation": "import_registrations",
            "day": announced.list_date.isoformat(),
            "declared": announced.declared,
            "digest": taken.digest,
        }
    )
    actor, at = ctx.principal.key_owner, ctx.clock.now()
    first = Change(before=0, after=taken.people, added=taken.people, removed=0)
    arrived = RegistrationList(
        id=list_id,
        list_date=announced.list_date,
        people=taken.people,
        digest=taken.digest,
        object_key=coming.key,
        imported_at=at,
        imported_by=ctx.principal.subject,
        standing=ReplacementStatus.begun(
            _judged(first, (), ctx=ctx),
            by=ctx.principal.subject,
            at=at,
            held_against=name_of(None),
        ),
    )
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            former, of_late = in_force(tx.registrations.standing()), _of_late(at, tx)
        judged = _held_against(former, of_late, arrived, ctx=ctx)
        with ctx.uow.writing() as tx:
            repeated = tx.idempotency.find(actor=actor, key=key, fingerprint=fingerprint)
            if repeated is not None:
                coming.abandon()
                return tx.registrations.get(UUID(repeated))
            present = in_force(tx.registrations.standing(locked=True)), _of_late(at, tx)
            if present != (former, of_late):
                continue
            tx.idempotency.remember(
                actor=actor, key=key, fingerprint=fingerprint, resource=str(list_id)
            )
            stored = _save(judged, "registrations-imported", tx, ctx=ctx)
            _supersede_others(stored, tx, ctx=ctx)
        log.info("registrations_imported", list_id=str(list_id), state=stored.standing.state.value)
        return stored
    raise EditedMeanwhile("Another list is being put in force. Try again.")


def confirm(list_id: UUID, reason: str, *, ctx: PeopleContext) -> RegistrationList:
    """Let a list that waits into force: a second person's word.

    Raises:
        RegistrationsNotFound, SecondPersonNeeded, ReplacementDecided
        ReplacementOutdated: another list came into force since it was compared

    """
    with ctx.uow.writing() as tx:
        former = in_force(tx.registrations.standing(locked=True))
        present = tx.registrations.get(list_id)
        present.standing.require_shown(name_of(former))
        confirmed = present.confirm(by=ctx.principal.subject, reason=reason, at=ctx.clock.now())
        stored = _save(confirmed, "registrations-confirmed", tx, ctx=ctx)
        _supersede_others(stored, tx, ctx=ctx)
    log.info("registrations_confirmed", list_id=str(list_id))
    return stored


def take_back(list_id: UUID, reason: str, *, ctx: PeopleContext) -> RegistrationList:
    """Take a list back, waiting or in force: nobody is re-identified then until another comes.

    Raises:
        RegistrationsNotFound, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        tx.registrations.standing(locked=True)
        gone = tx.registrations.get(list_id).take_back(
            by=ctx.principal.subject, reason=reason, at=ctx.clock.now()
        )
        stored = _save(gone, "registrations-taken-back", tx, ctx=ctx)
    log.info("registrations_taken_back", list_id=str(list_id))
    return stored


def get(list_id: UUID, *, ctx: PeopleContext) -> RegistrationList:
    """Raise RegistrationsNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.registrations.get(list_id)
        tx.registrations.hold([list_id])
        return found


def page(*, after: UUID | None, limit: int, ctx: PeopleContext) -> Sequence[RegistrationList]:
    with ctx.uow.reading() as tx:
        return tx.registrations.page(after=after, limit=limit)


def destroy_over(*, ctx: PeopleContext) -> int:
    """Destroy the content of lists that are over; return how many."""
    with ctx.uow.reading() as tx:
        over = tx.registrations.to_destroy()
    worker = replace(ctx, caller=ITSELF)
    for one in over:
        if one.object_key is None:
            continue
        ctx.haven.destroy_registrations(one.id, one.object_key)
        with ctx.uow.writing() as tx:
            current = tx.registrations.get(one.id).without_content()
            _save(current, "registrations-destroyed", tx, ctx=worker)
    return len(over)


def object_keys(*, ctx: PeopleContext) -> Sequence[str]:
    with ctx.uow.reading() as tx:
        return tx.registrations.object_keys()


def _of_late(at: datetime, tx: PeopleTransaction) -> Sequence[RegistrationList]:
    """Return what came in the window, and what two people looked at in it."""
    days = _limit(at).window_days
    return tx.registrations.came_since(at - timedelta(days=days))


def _limit(at: datetime) -> Limit:
    return rules.load().limit(ReplacementKind.REGISTRATIONS, on=legal_day(at))


def _held_against(
    former: RegistrationList | None,
    of_late: Sequence[RegistrationList],
    arrived: RegistrationList,
    *,
    ctx: PeopleContext,
) -> RegistrationList:
    """Hold a list against the one in force, and against all that came in little by little."""
    change = (
        arrived.standing.change
        if former is None
        else ctx.haven.change_of_registrations(former, arrived)
    )
    standing = ReplacementStatus.begun(
        _judged(change, of_late, ctx=ctx),
        by=arrived.imported_by,
        at=arrived.imported_at,
        held_against=name_of(former),
    )
    return replace(arrived, standing=standing)


def _judged(
    change: Change, of_late: Sequence[RegistrationList], *, ctx: PeopleContext
) -> Judgement:
    at = ctx.clock.now()
    return rules.load().judge(
        ReplacementKind.REGISTRATIONS,
        change,
        on=legal_day(at),
        over_window=over_window(of_late, change, limit=_limit(at), at=at),
    )


def _supersede_others(
    newer: RegistrationList, tx: PeopleTransaction, *, ctx: PeopleContext
) -> None:
    """Let what is not newer than the list in force give way, whether it was in force or waits."""
    current = in_force(tx.registrations.standing())
    if not newer.standing.is_effective or current is None:
        return
    for other in tx.registrations.standing():
        if other.id != current.id and other.list_date <= current.list_date:
            gone = other.supersede(at=ctx.clock.now())
            _save(gone, "registrations-superseded", tx, ctx=ctx)


def _save(
    listed: RegistrationList, action: str, tx: PeopleTransaction, *, ctx: PeopleContext
) -> RegistrationList:
    return tx.registrations.save(
        listed,
        audit=entry_for(
            ctx.principal,
            at=ctx.clock.now(),
            action=action,
            resource=f"practice-registrations/{listed.id}",
            on_behalf_of=None,  # the Body's own list
            detail={
                **listed.logged,
                "change": listed.standing.change.as_json(),
                "reason": listed.standing.reason,
            },
        ),
    )
