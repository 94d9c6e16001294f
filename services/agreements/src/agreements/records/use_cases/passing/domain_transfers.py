"""Pseudonym domains that go on with another processor: proposed, agreed, and put into effect.

The contract manager proposes; every controller agrees for itself; it takes effect once two people
have accepted that the former environment holds nothing any more (docs/adr/0163).
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.destruction.ledger import recipient_of
from agreements.records.domain.errors import (
    DomainBegun,
    DomainTransferNotFound,
    DomainTransferRecorded,
    DomainTransferUnfit,
    EnvironmentNotFound,
    NotAParty,
)
from agreements.records.domain.parties.domain_transfer import DomainTransfer, succession
from agreements.records.domain.parties.environment import RecipientEnvironment
from agreements.records.domain.parties.relationship import Step
from agreements.records.domain.version import AgreementVersion
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    own,
    remember,
    require_as_sealed,
    scope,
)
from agreements.records.use_cases.destruction.ledgers import destroyed_of, destruction_of
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def propose(
    reference: str,
    former: UUID,
    following: UUID,
    valid_from: date,
    evidence: str,
    *,
    once: OnceKey | None,
    ctx: Context,
) -> DomainTransfer:
    """Propose that an agreement's domains go on in another environment.

    Raises:
        AgreementNotFound, EnvironmentNotFound
        DomainTransferUnfit: these are not two environments of one kind, the former never received
            under the agreement, or the day lies before the new processor's first one.
        DomainTransferRecorded: one of the same domains, or to the same environment, is under way.
        DomainBegun: the following environment was given files under the agreement.

    """
    with ctx.uow.writing() as tx:
        if (known := created_before(tx, once, ctx)) is not None:
            return _get(tx, UUID(known))
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        before, after = _environment(tx, former), _environment(tx, following)
        if before.kind is not after.kind or before.organisation == after.organisation:
            raise DomainTransferUnfit(
                "Domains go on in an environment of the same kind, of another organisation."
            )
        if not any(_lands(v, before) for v in agreement.versions if v.effective_from() is not None):
            raise DomainTransferUnfit("No line of the agreement ever landed in the former one.")
        meant = [v for v in agreement.versions if _lands(v, after)]
        shown = max(meant, key=lambda v: v.sequence) if meant else agreement.shown(tx.at)
        _require_not_early(tx, shown, after, valid_from)
        _require_free(tx, agreement, before, after)
        _require_not_begun(tx, agreement, after)
        proposed = DomainTransfer(
            id=new_id(),
            agreement_id=agreement.id,
            former_environment=before.id,
            following_environment=after.id,
            valid_from=valid_from,
            evidence=evidence,
            controllers=tuple(sorted(shown.controllers())),
            proposed_at=tx.at,
        )
        remember(tx, once, str(proposed.id), ctx)
        return _saved(tx, proposed, agreement, "domain-transfer-proposed", ctx, agreement=reference)


def agree(transfer_id: UUID, *, ctx: Context) -> DomainTransfer:
    """Agree for one's own organisation: a controller of the agreement.

    Raises:
        DomainTransferNotFound
        NotAParty: the caller's organisation is no controller of it.
        DomainTransferTookEffect: it is over.
        DomainBegun: the following environment was given files meanwhile.

    """
    with ctx.uow.reading() as tx:
        shown, agreement = _known(tx, transfer_id, ctx)
    require_as_sealed("The transfer is", shown, agreement, ctx=ctx)
    with ctx.uow.writing() as tx:
        transfer, agreement = _known(tx, transfer_id, ctx)
        ours = own(tx, ctx)
        mine = [one for one in transfer.controllers if one in ours]
        if not mine:
            raise NotAParty(
                f"{ctx.principal.organisation} is no controller of {agreement.reference}."
            )
        agreed = transfer
        for controller in mine:
            agreed = agreed.agree(controller, at=tx.at)
        if agreed == transfer:
            return transfer
        _require_not_begun(tx, agreement, _environment(tx, transfer.following_environment))
        return _saved(tx, agreed, agreement, "domain-transfer-agreed", ctx)


def take_effect(transfer_id: UUID, *, ctx: Context) -> DomainTransfer:
    """Put it into effect: from now on the domains are the following environment's alone.

    Raises:
        DomainTransferNotFound, DomainTransferTookEffect, DomainTransferNotAgreed,
        DomainTransferTooEarly, StillReceiving, FormerFilesNotDestroyed
        UnlikeSeal: what it would rest on was written past this service.

    """
    with ctx.uow.reading() as tx:
        shown, agreement = _known(tx, transfer_id, ctx)
        destruction = destruction_of(tx, agreement, ctx.clock.now(), ctx)
        environments = _both(tx, shown)
    rests_on = (shown, agreement, destruction, *environments)
    require_as_sealed("What the transfer rests on is", *rests_on, ctx=ctx)
    with ctx.uow.writing() as tx:
        transfer, agreement = _known(tx, transfer_id, ctx)
        version = agreement.governing(tx.at)
        both = _both(tx, transfer)
        effective = transfer.take_effect(
            at=tx.at,
            today=legal_day(tx.at),
            receives=[one.id for one in both if version is not None and _lands(version, one)],
            held=_held_in(tx, agreement),
        )
        if effective == transfer:
            return transfer
        return _saved(tx, effective, agreement, "domain-transfer-in-effect", ctx)


def withdraw(transfer_id: UUID, reason: str, *, ctx: Context) -> DomainTransfer:
    """Take it back before it is in effect: the following environment begins with other tokens.

    Raises:
        DomainTransferNotFound, DomainTransferTookEffect

    """
    with ctx.uow.writing() as tx:
        transfer, agreement = _known(tx, transfer_id, ctx)
        withdrawn = transfer.withdraw(reason, at=tx.at)
        if withdrawn == transfer:
            return transfer
        return _saved(tx, withdrawn, agreement, "domain-transfer-withdrawn", ctx)


def get(transfer_id: UUID, *, ctx: Context) -> Compared[DomainTransfer]:
    with ctx.uow.reading() as tx:
        transfer, _ = _known(tx, transfer_id, ctx)
    [one] = compared([transfer], by=lambda one: [one], ctx=ctx)
    return one


def of_agreement(
    reference: str, part: Slice, *, ctx: Context
) -> Sequence[Compared[DomainTransfer]]:
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        found = tx.domain_transfers.page(part, agreement_id=agreement.id)
    return compared(found, by=lambda one: [one], ctx=ctx)


def _get(tx: Transaction, transfer_id: UUID) -> DomainTransfer:
    found = tx.domain_transfers.one(id=transfer_id)
    if found is None:
        raise DomainTransferNotFound(f"There is no transfer of domains {transfer_id}.")
    return found


def _known(tx: Transaction, transfer_id: UUID, ctx: Context) -> tuple[DomainTransfer, Agreement]:
    """Return it with its agreement, where the caller may know of that."""
    found = _get(tx, transfer_id)
    agreement = tx.agreements.by_id(found.agreement_id)
    ours = scope(tx, ctx)
    if ours is not None and not agreement.is_party(ours):
        raise DomainTransferNotFound(f"There is no transfer of domains {transfer_id}.")
    return found, agreement


def _of(tx: Transaction, agreement: Agreement) -> Sequence[DomainTransfer]:
    return tx.domain_transfers.find(agreement_id=agreement.id)


def _environment(tx: Transaction, environment_id: UUID) -> RecipientEnvironment:
    found = tx.environments.one(id=environment_id)
    if found is None:
        raise EnvironmentNotFound(f"There is no recipient environment {environment_id}.")
    return found


def _both(tx: Transaction, transfer: DomainTransfer) -> tuple[RecipientEnvironment, ...]:
    ids = (transfer.former_environment, transfer.following_environment)
    return tuple(_environment(tx, one) for one in ids)


def _lands(version: AgreementVersion, environment: RecipientEnvironment) -> bool:
    """Say whether a line of a version names the environment."""
    wanted = (environment.organisation, environment.kind.value)
    return any(recipient_of(line) == wanted for line in version.lines)


def _held_in(tx: Transaction, agreement: Agreement) -> frozenset[UUID]:
    """Return the environments that hold files of the agreement: not void, and not destroyed."""
    held = tx.holdings.of(agreement.reference)
    gone = destroyed_of(tx, agreement, held)
    return frozenset(one.environment_id for one in held if not one.is_void and one.id not in gone)


def _require_not_early(
    tx: Transaction, version: AgreementVersion, after: RecipientEnvironment, valid_from: date
) -> None:
    first = [
        one.valid_from
        for controller in version.controllers()
        for one in tx.relationships.find(commissioner=controller)
        if one.state is Step.ACTIVE and after.organisation in one.supporters()
    ]
    if first and valid_from < min(first):
        raise DomainTransferUnfit(
            f"Its relationship with {after.organisation} begins on {min(first)}: no day before."
        )


def _require_free(
    tx: Transaction,
    agreement: Agreement,
    before: RecipientEnvironment,
    after: RecipientEnvironment,
) -> None:
    known = _of(tx, agreement)
    wanted = {before.id, after.id}
    under_way = [
        one
        for one in known
        if one.is_open and wanted & {one.former_environment, one.following_environment}
    ]
    if under_way:
        raise DomainTransferRecorded(
            "Withdraw it, or have it take effect, first.", domain_transfer=str(under_way[0].id)
        )
    if succession(known).has_passed_on(before.id):
        raise DomainTransferRecorded(
            "Its domains have gone on: name the environment that has them now."
        )


def _require_not_begun(tx: Transaction, agreement: Agreement, after: RecipientEnvironment) -> None:
    if succession(_of(tx, agreement)).goes_on_in(after.id):
        raise DomainBegun(
            f"{after.organisation} goes on with domains of {agreement.reference} already: no"
            " environment has those of two."
        )
    if after.id in _held_in(tx, agreement):
        raise DomainBegun(
            f"{after.organisation} holds files of {agreement.reference} with tokens of its own."
            " Their destruction is certified and accepted first; else it stays with those tokens."
        )


def _saved(
    tx: Transaction,
    transfer: DomainTransfer,
    of: Agreement,
    action: str,
    ctx: Context,
    **detail: str,
) -> DomainTransfer:
    before = [one for one in _of(tx, of) if one.id != transfer.id]
    former, following = _both(tx, transfer)
    [stored] = tx.domain_transfers.save(
        transfer.announce(
            agreement=of.reference,
            former=former,
            following=following,
            known=succession(before),
            at=tx.at,
        ),
        audit=ctx.entry(action, f"domain-transfers/{transfer.id}", at=tx.at, **detail),
    )
    log.info(action.replace("-", "_"), transfer_id=str(stored.id), state=stored.state.value)
    return stored
