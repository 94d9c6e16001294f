"""Certificates of destruction: handed in, accepted by two people, and what follows of it."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.destruction.certificate import (
    Acceptance,
    Certificate,
    DestroyedFile,
    Destruction,
    Statement,
)
from agreements.records.domain.errors import DeliveryUnderWay, LedgerDiffers, NotAParty
from agreements.records.domain.events import FileDestroyed
from agreements.records.use_cases.agreements import close, facts_about
from agreements.records.use_cases.context import (
    Context,
    OnceKey,
    created_before,
    own,
    remember,
    require_as_sealed,
    scope,
)
from agreements.records.use_cases.destruction.ledgers import destruction_of
from agreements.records.use_cases.ports import DisseminatedFile, Releases, Transaction
from common.clock import legal_day
from common.ids import new_id, new_reference

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def hand_in(
    reference: str,
    said: Sequence[Statement],
    *,
    name_of_role: str,
    witness: str | None,
    once: OnceKey | None,
    ctx: Context,
) -> Destruction:
    """Certify what became of copies: a processor of its own, a controller of everybody's.

    Raises:
        NotAParty: the caller is neither a party nor a holder.
        CopyNotHeld, CopyOfAnother, DestroyedOtherwise: nothing of the certificate is taken.

    """
    with ctx.uow.writing() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        before = destruction_of(tx, agreement, tx.at, ctx)
        if created_before(tx, once, ctx) is not None:
            return before
        ours = own(tx, ctx)
        if not agreement.is_party(ours):
            raise NotAParty(f"{ctx.principal.organisation} is no party to {reference}.")
        is_controller = bool(ours & {c for v in agreement.versions for c in v.controllers()})
        certificate = Certificate(
            id=new_id(),
            reference=new_reference("DES"),
            agreement_id=agreement.id,
            organisation=ctx.principal.organisation,
            name_of_role=name_of_role,
            witness=witness,
            handed_in_at=tx.at,
            entries=before.stated(
                said, may_speak_for=None if is_controller else ours, today=legal_day(tx.at)
            ),
        )
        remember(tx, once, str(certificate.id), ctx)
        tx.certificates.save(
            certificate,
            audit=ctx.entry(
                "destruction-certified",
                f"agreements/{reference}",
                at=tx.at,
                certificate=str(certificate.id),
                copies=str(len(certificate.entries)),
            ),
        )
        shown = destruction_of(tx, agreement, tx.at, ctx)
    log.info("destruction_certified", reference=reference, state=shown.state.value)
    return shown


def accept(reference: str, *, reason: str, releases: Releases, ctx: Context) -> Destruction:
    """Accept that all that must go is destroyed; the second person's word makes it so.

    Dissemination is asked first which files it released: the ledger must know each.

    Raises:
        Unavailable: dissemination does not answer; nothing is written.
        UnlikeSeal: what it would rest on was written past this service.
        LedgerDiffers, DeliveryUnderWay, CertificateIncomplete, DestructionNeedsAnotherPerson

    """
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        shown = destruction_of(tx, agreement, ctx.clock.now(), ctx)
    shown.require_complete()
    require_as_sealed("What is recorded of the destruction is", agreement, shown, ctx=ctx)
    # Asked before the transaction begins: nobody waits for another service with it open.
    elsewhere = releases.of(reference)
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        found = destruction_of(tx, agreement, at, ctx)
        _require_agreed(tx, found, elsewhere)
        acceptance = Acceptance(
            id=new_id(),
            agreement_id=agreement.id,
            accepted_by=ctx.principal.subject,
            accepted_at=at,
            reason=reason,
            covers=found.covers,
        )
        is_last = found.accept(acceptance)
        entry = ctx.entry("destruction-accepted", f"agreements/{reference}", at=at)
        tx.acceptances.save(acceptance, audit=entry)
        if is_last:
            agreement = _conclude(tx, agreement, found, at, ctx)
        shown = destruction_of(tx, agreement, at, ctx)
    log.info("destruction_accepted", reference=reference, state=shown.state.value)
    return shown


def _require_agreed(
    tx: Transaction, found: Destruction, elsewhere: Sequence[DisseminatedFile]
) -> None:
    """Demand that the ledger has every file that left, and that none is just leaving."""
    held = {
        one.file_id for one in tx.holdings.of(found.reference, as_sealed=True) if one.is_as_sealed
    }
    if unknown := sorted({one.file_id for one in elsewhere} - held):
        raise LedgerDiffers(
            "An operator has to find out why before anything is accepted.", files=list(unknown)
        )
    concerned = {line.file.file_id for line in found.concluded()}
    leaving = sorted(
        one.file_id for one in elsewhere if one.is_being_delivered and one.file_id in concerned
    )
    if leaving:
        raise DeliveryUnderWay("Accept it when the delivery has ended.", files=list(leaving))


def _conclude(
    tx: Transaction, agreement: Agreement, found: Destruction, at: datetime, ctx: Context
) -> Agreement:
    """Mark every file as destroyed; close the agreement where it is over and nothing is left."""
    gone = [line.file for line in found.concluded()]
    tx.destroyed_files.save(
        *(
            DestroyedFile(
                id=file.holding_id,
                agreement_id=agreement.id,
                file_id=file.file_id,
                destroyed_at=at,
            )
            for file in gone
        ),
        audit=ctx.entry(
            "files-destroyed", f"agreements/{agreement.reference}", at=at, files=str(len(gone))
        ),
    )
    tx.holdings.tell(
        *(
            FileDestroyed(
                holding_id=file.holding_id,
                file_id=file.file_id,
                extract_id=file.extract_id,
                agreement=agreement.reference,
                at=at,
            )
            for file in gone
        )
    )
    is_over = agreement.ended(at, facts_about(tx, agreement, at, ctx)) is not None
    if is_over and not tx.holdings.has_files_out(agreement.reference):
        return close(tx, agreement, at=at, ctx=ctx)
    return agreement
