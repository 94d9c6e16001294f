"""Letters that waive opt-outs: recorded by one person, confirmed by another, taken back by one."""

from collections.abc import Sequence
from uuid import UUID

import structlog

import catalogue
from agreements.records.domain.oversight.errors import (
    LetterNotYetWritten,
    OptOutWaiverNotFound,
    OptOutWaiverRecorded,
    WaiverDataSetUnknown,
)
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.use_cases.context import Compared, Context, compared, require_as_sealed
from agreements.records.use_cases.ports import Slice, Transaction
from common.audit import Entry
from common.clock import legal_day

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def record(asked: OptOutWaiver, *, ctx: Context) -> OptOutWaiver:
    """Record a letter, which waits for a second person; the same again changes nothing.

    Raises:
        WaiverDataSetUnknown
        LetterNotYetWritten: it is dated after today.
        OptOutWaiverRecorded: a letter of that reference is on record otherwise.

    """
    known_sets = {one.data_set for one in catalogue.load()}
    if unknown := sorted({*asked.data_sets} - known_sets):
        raise WaiverDataSetUnknown(
            f"`data_sets` has {len(unknown)} that the catalogue does not know.",
            positions=[n for n, one in enumerate(asked.data_sets) if one in unknown],
        )
    with ctx.uow.writing() as tx:
        if asked.dated > legal_day(tx.at):
            raise LetterNotYetWritten("`dated` must be today or before.")
        former = tx.opt_out_waivers.one(reference=asked.reference)
        if former is not None:
            if former.says_the_same(asked):
                return former
            raise OptOutWaiverRecorded(
                f"{asked.reference} is on record and never changed. Take it back, and record the"
                " letter under a reference of its own."
            )
        [stored] = tx.opt_out_waivers.save(asked, audit=_entry("recorded", asked, tx, ctx))
    log.info("opt_out_waiver_recorded", waiver_id=str(stored.id))
    return stored


def confirm(waiver_id: UUID, reason: str, *, ctx: Context) -> OptOutWaiver:
    """Let a letter count: somebody else than who recorded it.

    Raises:
        OptOutWaiverNotFound, SecondPersonNeeded, ReplacementDecided
        UnlikeSeal: what was shown may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        shown = _one(tx, waiver_id)
    require_as_sealed("The letter is", shown, ctx=ctx)
    with ctx.uow.writing() as tx:
        known = _one(tx, waiver_id)
        changed = known.confirm(by=ctx.principal.subject, reason=reason, at=tx.at)
        return _stored(tx, changed, "confirmed", ctx)


def take_back(waiver_id: UUID, reason: str, *, ctx: Context) -> OptOutWaiver:
    """Let opt-outs be upheld again at once.

    Raises:
        OptOutWaiverNotFound, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        known = _one(tx, waiver_id)
        changed = known.take_back(by=ctx.principal.subject, reason=reason, at=tx.at)
        return _stored(tx, changed, "taken-back", ctx)


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[OptOutWaiver]]:
    with ctx.uow.reading() as tx:
        found = tx.opt_out_waivers.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


def _one(tx: Transaction, waiver_id: UUID) -> OptOutWaiver:
    found = tx.opt_out_waivers.one(id=waiver_id)
    if found is None:
        raise OptOutWaiverNotFound(f"There is no letter {waiver_id} on record.")
    return found


def _stored(tx: Transaction, changed: OptOutWaiver, verb: str, ctx: Context) -> OptOutWaiver:
    [stored] = tx.opt_out_waivers.save(changed, audit=_entry(verb, changed, tx, ctx))
    log.info("opt_out_waiver_decided", waiver_id=str(stored.id), state=stored.state.value)
    return stored


def _entry(verb: str, waiver: OptOutWaiver, tx: Transaction, ctx: Context) -> Entry:
    return ctx.entry(
        f"opt-out-waiver-{verb}",
        f"opt-out-waivers/{waiver.id}",
        at=tx.at,
        reference=waiver.reference,
        purpose=waiver.purpose.value,
        valid_from=waiver.valid_from.isoformat(),
    )
