"""Framework contracts: issue, sign, terminate, and find what counts for whom, and for what."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import structlog

from agreements.records.domain.agreement import Agreement, Circumstances
from agreements.records.domain.contract import Contract, ContractState, contract_hash
from agreements.records.domain.errors import ContractNotFound, NotAParty, OrganisationUnknown
from agreements.records.domain.parties import organisation
from agreements.records.domain.parties.organisation import (
    legal_entity,
    predecessors,
    require_legal_entity,
)
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    World,
    compared,
    created_before,
    own,
    remember,
    scope,
)
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.lists.names import as_listed
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day, start_of
from common.ids import contract_reference, new_id
from common.security.principal import BODY
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWithState:
    """A contract and its state at an instant."""

    contract: Contract
    state: ContractState


def issue(
    *,
    code: str,
    legal_name: str,
    valid_from: date,
    valid_to: date | None,
    once: OnceKey | None,
    ctx: Context,
) -> ContractWithState:
    """Issue a contract to a legal entity, under the name by which it is listed, for its signature.

    A part of another entity cannot have one (ruling 4), on its first day.

    Raises:
        OrganisationUnknown: the code is not in the loaded list, today or on its first day.
        NotALegalEntity, NameDiffers

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        if (known := created_before(tx, once, ctx)) is not None:
            return _show(_get(tx, known), at)
        day = max(valid_from, legal_day(at))
        code = codes.own(tx, code, day, ctx.reference)
        listed = tx.organisations.find(ods=code)
        require_legal_entity(code, day, listed)
        legal_entity(code, valid_from, listed)
        legal_name = as_listed(legal_name, day, listed, field="legal_name")
        reference = contract_reference()
        contract = Contract(
            id=new_id(),
            reference=reference,
            organisation=code,
            legal_name=legal_name,
            valid_from=valid_from,
            valid_to=valid_to,
            issued_at=at,
            document_hash=contract_hash(
                reference=reference,
                organisation=code,
                legal_name=legal_name,
                valid_from=valid_from,
                valid_to=valid_to,
            ),
        )
        remember(tx, once, reference, ctx)
        [stored] = tx.contracts.save(
            contract, audit=ctx.entry("contract-issued", f"contracts/{reference}", at=at)
        )
    log.info("contract_issued", reference=reference)
    return _show(stored, at)


def sign(
    reference: str,
    *,
    party: str,
    document_hash: str,
    role: str,
    ctx: Context,
    once: OnceKey | None = None,
) -> ContractWithState:
    """Sign for one's own organisation, or for the Body; each for itself, and once.

    Raises:
        ContractNotFound, NotAParty, DocumentHashDiffers, TransitionRefused, AlreadySigned,
        OrganisationSignsFirst, ContractOverlaps

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        contract = _visible(tx, reference, ctx)
        if created_before(tx, once, ctx) is not None:
            return _show(contract, at)
        remember(tx, once, reference, ctx)
        if party == BODY and ctx.principal.role is Role.DARS_APPROVER:
            signed = contract.sign_for_body(
                document_hash=document_hash,
                role=role,
                at=at,
                others=tx.contracts.find(organisation=contract.organisation),
            )
        else:
            _require_own(tx, contract, codes.own(tx, party, legal_day(at), ctx.reference), ctx)
            signed = contract.sign_for_organisation(document_hash=document_hash, role=role, at=at)
        [signed] = tx.contracts.save(
            signed,
            audit=ctx.entry("contract-signed", f"contracts/{reference}", at=at, party=party),
        )
    log.info("contract_signed", reference=reference, party=party)
    return _show(signed, at)


def terminate(reference: str, *, reason: str, ctx: Context) -> ContractWithState:
    """End a contract now; every agreement of its entity as controller is suspended."""
    with ctx.uow.writing() as tx:
        at = tx.at
        ended = end(tx, _get(tx, reference), reason=reason, at=at, ctx=ctx)
    log.info("contract_terminated", reference=reference)
    return _show(ended, at)


def end(
    tx: Transaction, contract: Contract, *, reason: str, at: datetime, ctx: Context
) -> Contract:
    """End a contract and store it; ending what has ended changes nothing."""
    ended = contract.terminate(reason=reason, at=at)
    if ended is contract:
        return contract
    entry = ctx.entry("contract-terminated", f"contracts/{contract.reference}", at=at)
    [stored] = tx.contracts.save(ended, audit=entry)
    return stored


def of_controllers(
    tx: Transaction, controllers: Iterable[str], at: datetime, ctx: World
) -> dict[str, Contract]:
    """Return the contracts that count for any of these controllers, by reference."""
    counting = {one for code in controllers for one in standing_codes(tx, code, legal_day(at), ctx)}
    return {
        contract.reference: contract
        for code in sorted(counting)
        for contract in tx.contracts.find(organisation=code)
    }


def get(reference: str, *, ctx: Context) -> Compared[ContractWithState]:
    with ctx.uow.reading() as tx:
        shown = _show(_visible(tx, reference, ctx), ctx.clock.now())
    return _compared([shown], ctx)[0]


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[ContractWithState]]:
    """Return the contracts that the caller may know of, in order of id."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        known = scope(tx, ctx)
        if known is None:
            found = list(tx.contracts.page(part))
        else:
            found = part.of(c for code in known for c in tx.contracts.page(part, organisation=code))
    return _compared([_show(c, at) for c in found], ctx)


def _compared(
    shown: Sequence[ContractWithState], ctx: Context
) -> Sequence[Compared[ContractWithState]]:
    return compared(shown, by=lambda one: [one.contract], ctx=ctx)


def counting_for(
    code: str, as_at: date | None, *, ctx: Context
) -> Sequence[Compared[ContractWithState]]:
    """Return the contracts that count for an organisation on a day.

    They are those of the legal entity behind it, and of predecessors whose standing passed to
    that entity by a transfer instrument (A03).
    """
    at = instant_on(as_at, now=ctx.clock.now())
    with ctx.uow.reading() as tx:
        counting = standing_codes(tx, code, legal_day(at), ctx)
        known = scope(tx, ctx)
        if known is not None:
            counting = [c for c in counting if c in known]
        found = [_show(c, at) for one in counting for c in tx.contracts.find(organisation=one)]
    return _compared(found, ctx)


def instant_on(day: date | None, *, now: datetime) -> datetime:
    """Return the instant that stands for a civil day: now today, else its beginning.

    What was signed this morning is in force today, although not from the day's first instant.
    """
    return now if day is None or day == legal_day(now) else start_of(day)


def standing_codes(tx: Transaction, code: str, day: date, ctx: World) -> list[str]:
    """Return the codes whose contract, assurance and fee count for `code` on that day."""
    return standing_of(tx, [code], day, ctx)[code]


def standing_of(
    tx: Transaction, wanted: Collection[str], day: date, ctx: World
) -> dict[str, list[str]]:
    """Return the same of several codes, by each of them."""
    lists = codes.read(tx, wanted, day, ctx.reference)
    own = {code: lists.codes.own(code) for code in wanted}
    listed = {**lists.organisations}
    listed |= codes.listed(tx, {*own.values()} - listed.keys())
    instruments = tx.instruments.all()
    found = {}
    for code, short in own.items():
        try:
            entity = organisation.legal_entity(short, day, listed[short])
        except OrganisationUnknown:
            entity = short
        found[code] = [entity, *predecessors(entity, day, instruments)]
    return found


def have_contract(
    tx: Transaction, wanted: Collection[str], at: datetime, ctx: World
) -> dict[str, bool]:
    """Say for which of these a framework contract that counts is in force at that instant."""
    standing = standing_of(tx, wanted, legal_day(at), ctx)
    every = {one for counting in standing.values() for one in counting}
    contracts = tx.contracts.among("organisation", sorted(every))
    in_force = {one.organisation for one in contracts if one.is_in_force(at)}
    return {code: not in_force.isdisjoint(counting) for code, counting in standing.items()}


class FactsAbout:
    """What the states of agreements rest on that is not their own; of all of them asked once."""

    def __init__(
        self, tx: Transaction, agreements: Sequence[Agreement], at: datetime, ctx: World
    ) -> None:
        self._tx, self._at, self._ctx = tx, at, ctx
        self._agreements = agreements
        self._with_files_out = tx.holdings.with_files_out([a.reference for a in agreements])

    def of(self, agreement: Agreement) -> Circumstances:
        """Return what one of them rests on."""
        controllers = agreement.shown(self._at).controllers()
        return Circumstances(
            without_contract=frozenset(c for c in controllers if not self._has_contract(c)),
            has_files_out=agreement.reference in self._with_files_out,
            lapse_rules=self._ctx.reference.lapse,
        )

    def _has_contract(self, code: str) -> bool:
        if code not in self._have_contract:
            self._have_contract |= have_contract(self._tx, [code], self._at, self._ctx)
        return self._have_contract[code]

    @cached_property
    def _have_contract(self) -> dict[str, bool]:
        """Of all controllers; of none, as yet, where something of one of them cannot be read."""
        try:
            controllers = {c for a in self._agreements for c in a.shown(self._at).controllers()}
            return have_contract(self._tx, controllers, self._at, self._ctx)
        except unreadable.UNREADABLE:
            return {}


def _get(tx: Transaction, reference: str) -> Contract:
    contract = tx.contracts.one(reference=reference)
    if contract is None:
        raise ContractNotFound("There is no such framework contract.")
    return contract


def _visible(tx: Transaction, reference: str, ctx: Context) -> Contract:
    contract = _get(tx, reference)
    known = scope(tx, ctx)
    if known is not None and contract.organisation not in known:
        raise ContractNotFound("There is no such framework contract.")
    return contract


def _require_own(tx: Transaction, contract: Contract, party: str, ctx: Context) -> None:
    if party != contract.organisation or party not in own(tx, ctx):
        raise NotAParty(f"You do not sign {contract.reference} for {party}.")


def _show(contract: Contract, at: datetime) -> ContractWithState:
    return ContractWithState(contract=contract, state=contract.state_at(at))
