"""Policies, training and secondments of staff in DSCRO roles: recorded by others, asked here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import structlog

from agreements.records.domain.errors import (
    StaffRecordNotFound,
    StaffRecordOfOneself,
    StaffRecordOverlaps,
    StaffRequirementUnknown,
)
from agreements.records.domain.oversight import staff
from agreements.records.domain.oversight.staff import Clearance, StaffRecord, StaffRecordKind
from agreements.records.use_cases.context import Compared, Context, compared, require_as_sealed
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.replacement import is_same_person
from common.security.roles import TRAINED

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """A person's records, and whether they allow a DSCRO role."""

    records: tuple[Compared[StaffRecord], ...]
    clearance: Clearance


def record(asked: StaffRecord, *, ctx: Context) -> StaffRecord:
    """Record a policy signed, a training done or a secondment; the same again changes nothing.

    Raises:
        StaffRecordOfOneself
        OrganisationUnknown: the employer is not in the loaded lists on the first day.
        StaffRequirementUnknown: no rule asks for such a policy or training on the first day.
        StaffRecordOverlaps: the person is seconded on some of these days already.

    """
    _require_another(asked.subject, ctx)
    with ctx.uow.writing() as tx:
        employer = codes.own(tx, asked.organisation, asked.valid_from, ctx.reference)
        require_known(tx, [employer], asked.valid_from)
        asked = replace(asked, organisation=employer)
        _require_asked_for(asked, ctx)
        known = tx.staff_records.find(subject=asked.subject)
        if (same := _same(asked, known)) is not None:
            if same.valid_to == asked.valid_to and same.organisation == employer:
                return same
            asked = replace(asked, id=same.id, version=same.version)
        _require_one_secondment(asked, known)
        stored = _save(tx, asked, "staff-record-recorded", ctx)
    log.info("staff_record_recorded", record_id=str(stored.id), kind=stored.kind.value)
    return stored


def _require_another(subject: str, ctx: Context) -> None:
    if is_same_person(subject, ctx.principal.subject):
        raise StaffRecordOfOneself("Somebody else in your role has to record it.")


def _require_asked_for(asked: StaffRecord, ctx: Context) -> None:
    if asked.kind is StaffRecordKind.SECONDMENT:
        return
    rules = [
        rule.reference
        for rule in ctx.reference.staff
        if rule.kind is asked.kind and rule.holds_on(asked.valid_from)
    ]
    if asked.reference not in rules:
        raise StaffRequirementUnknown(
            f"`reference` is none that a rule asks for on {asked.valid_from}."
            f" Take one of: {', '.join(rules) or 'none'}.",
            allowed=[*rules],
        )


def _same(asked: StaffRecord, known: Sequence[StaffRecord]) -> StaffRecord | None:
    key = (asked.kind, asked.reference, asked.valid_from)
    return next((k for k in known if (k.kind, k.reference, k.valid_from) == key), None)


def _require_one_secondment(asked: StaffRecord, known: Sequence[StaffRecord]) -> None:
    if asked.kind is not StaffRecordKind.SECONDMENT:
        return
    for other in known:
        if other.kind is not StaffRecordKind.SECONDMENT or other.id == asked.id:
            continue
        ends = [end for end in (asked.valid_to, other.valid_to) if end is not None]
        if all(max(asked.valid_from, other.valid_from) <= end for end in ends):
            raise StaffRecordOverlaps(
                f"A secondment from {other.valid_from} is recorded: end it before the first day"
                " of this one.",
                record=str(other.id),
            )


def end(record_id: UUID, last_day: date, *, ctx: Context) -> StaffRecord:
    """End a record after a day.

    Raises:
        StaffRecordNotFound, StaffRecordEnds, StaffRecordOfOneself

    """
    with ctx.uow.writing() as tx:
        known = tx.staff_records.one(id=record_id)
        if known is None:
            raise StaffRecordNotFound(f"There is no record {record_id}.")
        _require_another(known.subject, ctx)
        ended = known.end(last_day)
        if ended is known:
            return known
        return _save(tx, ended, "staff-record-ended", ctx)


def _save(tx: Transaction, record: StaffRecord, action: str, ctx: Context) -> StaffRecord:
    [stored] = tx.staff_records.save(
        record,
        audit=ctx.entry(
            action,
            f"staff-records/{record.id}",
            at=tx.at,
            kind=record.kind.value,
            reference=record.reference,
        ),
    )
    return stored


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[StaffRecord]]:
    """Return everybody's records; to whoever acts in a DSCRO role, their own."""
    own = {"subject": ctx.principal.subject} if ctx.principal.role in TRAINED else {}
    with ctx.uow.reading() as tx:
        found = tx.staff_records.page(part, **own)
    return compared(found, by=lambda one: [one], ctx=ctx)


def clearance_of(subject: str, organisation: str, as_at: date | None, *, ctx: Context) -> Cleared:
    """Say whether a person of an organisation may act in a DSCRO role on a day, and why not.

    Raises:
        StaffRecordNotFound: it is somebody else's, and the caller knows of their own alone.

    """
    if ctx.principal.role in TRAINED and subject != ctx.principal.subject:
        raise StaffRecordNotFound("There are no such records.")
    day = as_at or legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        found = tx.staff_records.find(subject=subject)
        own = codes.own(tx, organisation, day, ctx.reference)
    return Cleared(
        records=tuple(compared(found, by=lambda one: [one], ctx=ctx)),
        clearance=staff.clearance(found, ctx.reference.staff, organisation=own, day=day),
    )


def require_cleared(ctx: Context) -> None:
    """Demand it of the caller, where they act in a DSCRO role (ruling 18).

    Raises:
        StaffNotCleared: something is missing, or has lapsed.
        UnlikeSeal: a record may have been written past the service.

    """
    if ctx.principal.role not in TRAINED:
        return
    day, own, found = _of_caller(ctx)
    staff.clearance(found, ctx.reference.staff, organisation=own, day=day).require()
    require_as_sealed("The records of your policies and training are", *found, ctx=ctx)


def require_dscro_of_caller(ctx: Context) -> str:
    """Return for which DSCRO the caller acts, as the token and the register prove it.

    Raises:
        DscroNotProved
        UnlikeSeal: a record may have been written past the service.

    """
    day, own, found = _of_caller(ctx)
    dscro = staff.dscro_of(found, organisation=own, day=day)
    require_as_sealed("The records of your secondment are", *found, ctx=ctx)
    return dscro


def _of_caller(ctx: Context) -> tuple[date, str, Sequence[StaffRecord]]:
    """Return this day, whose the caller is by its own code, and what is recorded of the caller."""
    day = legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        found = tx.staff_records.find(subject=ctx.principal.subject)
        return day, codes.own(tx, ctx.principal.organisation, day, ctx.reference), found
