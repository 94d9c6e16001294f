"""Organisations, transfer instruments, and where data land."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog

from agreements.records.domain.errors import ClientTaken, EnvironmentNotFound, OrganisationNotFound
from agreements.records.domain.parties import organisation
from agreements.records.domain.parties.environment import EnvironmentClient, RecipientEnvironment
from agreements.records.domain.parties.organisation import (
    DAY,
    Organisation,
    TransferInstrument,
    require_new,
    require_no_circle,
)
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    remember,
    scope,
)
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day
from common.ids import new_id
from statements.vocabulary import EnvironmentKind

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationWithSuccessor:
    """An organisation on a day, and who succeeded it by then."""

    organisation: Organisation
    own: str
    """The code that stands for itself: of a longer form or a site, whose it is (ruling 23)."""
    successor: str | None


def get_organisation(
    code: str, day: date | None, *, ctx: Context
) -> Compared[OrganisationWithSuccessor]:
    """Return the organisation as it is on `day`, by default today, also by a longer form."""
    day = day or legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        lists = codes.read(tx, [code], day, ctx.reference)
        own = lists.codes.own(code)
        listed = lists.organisations.get(code) or lists.organisations.get(own, ())
        instruments = tx.instruments.all()
    found = organisation.on(day, listed)
    if found is None:
        raise OrganisationNotFound(f"{code} is not in the loaded list on {day}.", own=own)
    successors = [i for i in instruments if i.predecessor == found.ods and i.valid_from <= day]
    latest = max(successors, key=lambda i: (i.valid_from, i.id), default=None)
    shown = OrganisationWithSuccessor(
        organisation=found, own=own, successor=latest.successor if latest else None
    )
    [one] = compared([shown], by=lambda one: [one], ctx=ctx)
    return one


def page_organisations(
    part: Slice, kind: str | None, *, ctx: Context
) -> Sequence[Compared[Organisation]]:
    equal = {} if kind is None else {"kind": kind}
    with ctx.uow.reading() as tx:
        found = tx.organisations.page(part, **equal)
    return compared(found, by=lambda one: [one], ctx=ctx)


def require_known(tx: Transaction, codes: Iterable[str], day: date) -> None:
    """Raise OrganisationUnknown for a code that is not in the loaded list on that day."""
    for code in codes:
        organisation.legal_entity(code, day, tx.organisations.find(ods=code))


def require_possible_transfer(
    tx: Transaction, predecessor: str, successor: str, valid_from: date
) -> None:
    """Demand that one could follow the other on that day.

    Raises:
        OrganisationUnknown: the successor is not listed on its first day, or the predecessor not
            on the day before.
        TransferInCircle, TransferRecorded

    """
    instruments = tx.instruments.all()
    require_no_circle(predecessor, successor, instruments)
    require_known(tx, [successor], valid_from)
    require_known(tx, [predecessor], valid_from - DAY)
    require_new(predecessor, successor, instruments)


def withdraw_transfer(instrument_id: UUID, reason: str, *, ctx: Context) -> TransferInstrument:
    """Take back an instrument before its day, once: nothing passes by it.

    Raises:
        TransferNotFound
        TransferTookEffect: its day has come.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        instrument = tx.instruments.get(instrument_id)
        if not instrument.can_be_withdrawn(legal_day(at)):
            return instrument
        withdrawn = tx.instruments.withdraw(
            instrument,
            reason,
            audit=ctx.entry("transfer-withdrawn", f"transfer-instruments/{instrument.id}", at=at),
        )
    log.info("transfer_withdrawn", instrument_id=str(instrument_id))
    return withdrawn


def record_transfer(
    *,
    predecessor: str,
    successor: str,
    valid_from: date,
    evidence: str,
    once: OnceKey | None,
    ctx: Context,
) -> TransferInstrument:
    """Record by which instrument what was the predecessor's became the successor's."""
    with ctx.uow.writing() as tx:
        at = tx.at
        if (known := created_before(tx, once, ctx)) is not None:
            return tx.instruments.get(UUID(known))
        require_possible_transfer(tx, predecessor, successor, valid_from)
        instrument = TransferInstrument(
            id=new_id(),
            predecessor=predecessor,
            successor=successor,
            valid_from=valid_from,
            evidence=evidence,
        )
        remember(tx, once, str(instrument.id), ctx)
        tx.instruments.add(
            instrument,
            audit=ctx.entry(
                "transfer-recorded",
                f"transfer-instruments/{instrument.id}",
                at=at,
                predecessor=predecessor,
                successor=successor,
                valid_from=valid_from.isoformat(),
            ),
        )
    log.info("transfer_recorded", instrument_id=str(instrument.id))
    return instrument


def transfers(part: Slice, *, ctx: Context) -> Sequence[Compared[TransferInstrument]]:
    with ctx.uow.reading() as tx:
        found = tx.instruments.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentWithClients:
    environment: RecipientEnvironment
    clients: tuple[str, ...]


def open_environment(
    organisation_code: str,
    kind: EnvironmentKind,
    clients: Sequence[str],
    *,
    ctx: Context,
) -> EnvironmentWithClients:
    """Open a recipient environment; the same request again adds clients that are new."""
    with ctx.uow.writing() as tx:
        at = tx.at
        organisation_code = codes.own(tx, organisation_code, legal_day(at), ctx.reference)
        require_known(tx, [organisation_code], legal_day(at))
        found = tx.environments.one(organisation=organisation_code, kind=kind)
        if found is None:
            [found] = tx.environments.save(
                RecipientEnvironment(id=new_id(), organisation=organisation_code, kind=kind),
                audit=ctx.entry(
                    "environment-opened",
                    f"recipient-environments/{organisation_code}/{kind}",
                    at=at,
                ),
            )
        opened = _with_clients(tx, found, clients, ctx)
    log.info("environment_opened", environment_id=str(found.id))
    return opened


def add_clients(
    environment_id: UUID, clients: Sequence[str], *, ctx: Context
) -> EnvironmentWithClients:
    with ctx.uow.writing() as tx:
        found = tx.environments.one(id=environment_id)
        if found is None:
            raise EnvironmentNotFound(f"There is no recipient environment {environment_id}.")
        return _with_clients(tx, found, clients, ctx)


def remove_client(environment_id: UUID, client_id: str, *, ctx: Context) -> EnvironmentWithClients:
    """Take a client out of an environment; one that is not in it changes nothing."""
    with ctx.uow.writing() as tx:
        at = tx.at
        found = tx.environments.one(id=environment_id)
        if found is None:
            raise EnvironmentNotFound(f"There is no recipient environment {environment_id}.")
        client = tx.environment_clients.one(environment_id=environment_id, client_id=client_id)
        if client is not None:
            tx.environment_clients.retract(
                client,
                audit=ctx.entry(
                    "environment-client-removed",
                    f"recipient-environments/{environment_id}",
                    at=at,
                    client=client_id,
                ),
            )
        return _shown(tx, found)


def page_environments(part: Slice, *, ctx: Context) -> Sequence[Compared[EnvironmentWithClients]]:
    with ctx.uow.reading() as tx:
        known = scope(tx, ctx)
        if known is None:
            found: Sequence[RecipientEnvironment] = tx.environments.page(part)
        else:
            found = part.of(
                e for code in known for e in tx.environments.page(part, organisation=code)
            )
        shown = unreadable.each(found, lambda one: _shown(tx, one), key=lambda one: one.id)
    return compared(shown, by=lambda one: [one.environment], ctx=ctx)


def _with_clients(
    tx: Transaction, environment: RecipientEnvironment, clients: Sequence[str], ctx: Context
) -> EnvironmentWithClients:
    new = []
    for client_id in dict.fromkeys(clients):
        known = tx.environment_clients.one(client_id=client_id)
        if known is not None and known.environment_id != environment.id:
            raise ClientTaken(f"{client_id} belongs to another recipient environment.")
        if known is None:
            new.append(
                EnvironmentClient(id=new_id(), environment_id=environment.id, client_id=client_id)
            )
    if new:
        tx.environment_clients.save(
            *new,
            audit=ctx.entry(
                "environment-clients-added",
                f"recipient-environments/{environment.id}",
                at=tx.at,
                clients=" ".join(client.client_id for client in new),
            ),
        )
    return _shown(tx, environment)


def _shown(tx: Transaction, environment: RecipientEnvironment) -> EnvironmentWithClients:
    clients = tx.environment_clients.find(environment_id=environment.id)
    return EnvironmentWithClients(
        environment=environment, clients=tuple(sorted(c.client_id for c in clients))
    )
