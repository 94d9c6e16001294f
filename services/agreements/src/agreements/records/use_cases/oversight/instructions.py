"""The Body's internal instructions: recorded, signed by two roles, withdrawn."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from agreements.records.domain.oversight.errors import (
    AgreementOfAnotherController,
    InstructionNotFound,
    InstructionRecorded,
)
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.use_cases.context import Compared, Context, compared, require_as_sealed
from agreements.records.use_cases.ports import Slice, Transaction
from common.audit import Entry
from common.security.principal import BODY

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def record(asked: InternalInstruction, *, ctx: Context) -> InternalInstruction:
    """Record one, for two people to sign; the same again changes nothing.

    Raises:
        AgreementNotFound
        AgreementOfAnotherController: the Body is not a controller of it.
        InstructionRecorded: one of that reference is on record otherwise.

    """
    with ctx.uow.writing() as tx:
        agreement = tx.agreements.get(asked.agreement, scope=None)
        if BODY not in agreement.shown(tx.at).controllers():
            raise AgreementOfAnotherController(
                f"The Body is no controller of {asked.agreement}; its controllers have contracts."
            )
        former = tx.internal_instructions.one(reference=asked.reference)
        if former is not None:
            if former.says_the_same(asked):
                return former
            raise InstructionRecorded(
                f"{asked.reference} is on record and never changed. Withdraw it, and record the"
                " instruction under a reference of its own."
            )
        [stored] = tx.internal_instructions.save(asked, audit=_entry("recorded", asked, tx, ctx))
    log.info("internal_instruction_recorded", instruction_id=str(stored.id))
    return stored


def sign(instruction_id: UUID, *, ctx: Context) -> InternalInstruction:
    """Sign it in the role of one's token.

    Raises:
        InstructionNotFound, InstructionSigned, InstructionDecided, SecondPersonNeeded
        UnlikeSeal: what is signed may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        shown = _one(tx, instruction_id)
    require_as_sealed("The instruction is", shown, ctx=ctx)
    who = ctx.principal
    with ctx.uow.writing() as tx:
        known = _one(tx, instruction_id)
        signed = known.sign(role=who.role, by=who.subject, at=tx.at)
        [stored] = tx.internal_instructions.save(signed, audit=_entry("signed", signed, tx, ctx))
    return stored


def withdraw(instruction_id: UUID, reason: str, *, ctx: Context) -> InternalInstruction:
    """Let nothing be given by it any more. Raise InstructionNotFound, InstructionDecided."""
    with ctx.uow.writing() as tx:
        known = _one(tx, instruction_id)
        gone = known.withdraw(by=ctx.principal.subject, reason=reason, at=tx.at)
        [stored] = tx.internal_instructions.save(gone, audit=_entry("withdrawn", gone, tx, ctx))
    return stored


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[InternalInstruction]]:
    with ctx.uow.reading() as tx:
        found = tx.internal_instructions.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


def _one(tx: Transaction, instruction_id: UUID) -> InternalInstruction:
    found = tx.internal_instructions.one(id=instruction_id)
    if found is None:
        raise InstructionNotFound(f"There is no internal instruction {instruction_id}.")
    return found


def _entry(verb: str, one: InternalInstruction, tx: Transaction, ctx: Context) -> Entry:
    return ctx.entry(
        f"internal-instruction-{verb}",
        f"internal-instructions/{one.id}",
        at=tx.at,
        reference=one.reference,
        agreement=one.agreement,
    )
