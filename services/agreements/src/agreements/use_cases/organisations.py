"""Organisations, transfer instruments, maps, and where data land."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import structlog

from agreements.domain import codes, maps, organisation
from agreements.domain.environment import (
    EnvironmentClient,
    EnvironmentKind,
    RecipientEnvironment,
)
from agreements.domain.errors import ClientTaken, EnvironmentNotFound, OrganisationNotFound
from agreements.domain.layouts import maps as map_layouts
from agreements.domain.layouts import ods
from agreements.domain.layouts.maps import MapKind
from agreements.domain.layouts.reading import LeftOut
from agreements.domain.maps import MapSnapshot
from agreements.domain.organisation import Organisation, TransferInstrument
from agreements.use_cases.context import Context, OnceKey, created_before, remember, scope
from agreements.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import digest, new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import changed."""

    layout: str
    listed: int
    added: int
    changed: int
    unchanged: int
    left_out: LeftOut


def import_organisations(content: bytes, layout: ods.Layout, *, ctx: Context) -> Imported:
    """Take in a published list: of each code the rows of that list become what it says."""
    read = ods.read(content, layout, icbs_from=ctx.reference.icbs_from)
    with ctx.uow.writing() as tx:
        at = tx.at
        known = _by_key(tx.organisations.find())
        facts = [_organisation(row, layout, known) for row in read.listed]
        changed = [f for f in facts if f != known.get((f.ods, f.valid_from))]
        codes = {f.ods for f in facts}
        keys = {(f.ods, f.valid_from) for f in facts}
        gone = [
            f
            for key, f in known.items()
            if f.source == layout and f.ods in codes and key not in keys
        ]
        entry = ctx.entry(
            "organisations-imported",
            "organisations",
            at=at,
            layout=layout.value,
            digest=digest(content),
            left_out=str(read.left_out.lines),
        )
        if gone:
            tx.organisations.retract(*gone, audit=entry)
        if changed:
            tx.organisations.save(*changed, audit=entry)
    result = Imported(
        layout=layout.value,
        listed=len(facts),
        added=sum(f.version == 0 for f in changed),
        changed=sum(f.version > 0 for f in changed) + len(gone),
        unchanged=len(facts) - len(changed),
        left_out=read.left_out,
    )
    log.info(
        "organisations_imported",
        layout=layout.value,
        listed=result.listed,
        left_out=read.left_out.lines,
    )
    return result


def _by_key(found: Iterable[Organisation]) -> dict[tuple[str, date], Organisation]:
    return {(o.ods, o.valid_from): o for o in found}


def _organisation(
    row: ods.Listed, layout: ods.Layout, known: dict[tuple[str, date], Organisation]
) -> Organisation:
    former = known.get((row.ods, row.valid_from))
    return Organisation(
        id=former.id if former else new_id(),
        ods=row.ods,
        name=row.name,
        kind=row.kind,
        legal_entity=row.legal_entity,
        parent=row.parent,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        source=layout.value,
        version=former.version if former else 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An organisation on a day, and who succeeded it by then."""

    organisation: Organisation
    successor: str | None


def get_organisation(code: str, day: date | None, *, ctx: Context) -> Found:
    """Return the organisation as it is on `day`, by default today."""
    day = day or legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        found = organisation.on(day, tx.organisations.find(ods=code))
        instruments = tx.instruments.all()
    if found is None:
        raise OrganisationNotFound(f"{code} is not in the loaded list on {day}.")
    successors = [i for i in instruments if i.predecessor == code and i.valid_from <= day]
    latest = max(successors, key=lambda i: (i.valid_from, i.id), default=None)
    return Found(organisation=found, successor=latest.successor if latest else None)


def page_organisations(part: Slice, kind: str | None, *, ctx: Context) -> Sequence[Organisation]:
    with ctx.uow.reading() as tx:
        if kind is None:
            return tx.organisations.page(part)
        return tx.organisations.page(part, kind=kind)


def must_be_known(tx: Transaction, codes: Iterable[str], day: date) -> None:
    """Raise OrganisationUnknown for a code that is not in the loaded list on that day."""
    for code in codes:
        organisation.legal_entity(code, day, tx.organisations.find(ods=code))


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
            return next(i for i in tx.instruments.all() if str(i.id) == known)
        must_be_known(tx, [successor], valid_from)
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


def transfers(part: Slice, *, ctx: Context) -> Sequence[TransferInstrument]:
    with ctx.uow.reading() as tx:
        return part.of(tx.instruments.all())


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMap:
    """A map that was taken in, and what of its file was not."""

    snapshot: MapSnapshot
    left_out: LeftOut


def import_map(content: bytes, kind: MapKind, valid_from: date, *, ctx: Context) -> ImportedMap:
    """Take in a map; the same content for the same day again is the same map."""
    canonical = map_layouts.canonical(content, kind)
    snapshot = MapSnapshot(
        id=new_id(),
        kind=kind,
        valid_from=valid_from,
        digest=digest(canonical.content),
        entries=canonical.entries,
        bytes=len(canonical.content),
    )
    with ctx.uow.writing() as tx:
        if (known := _kept(tx, snapshot)) is not None:
            return ImportedMap(snapshot=known, left_out=canonical.left_out)
        tx.maps.add(
            snapshot,
            canonical.content,
            audit=ctx.entry(
                "map-imported",
                f"maps/{snapshot.id}",
                at=tx.at,
                kind=kind.value,
                valid_from=valid_from.isoformat(),
                digest=snapshot.digest,
                left_out=str(canonical.left_out.lines),
            ),
        )
    log.info(
        "map_imported",
        map_id=str(snapshot.id),
        kind=kind.value,
        entries=snapshot.entries,
        left_out=canonical.left_out.lines,
    )
    return ImportedMap(snapshot=snapshot, left_out=canonical.left_out)


def organisation_map(day: date, *, ctx: Context) -> MapSnapshot:
    """Return the map from codes to entities as at a day, as the lists are known now.

    It is kept where it is not yet: whoever landed by it names it by its digest for ever.
    """
    with ctx.uow.reading() as tx:
        snapshot, _ = _organisation_map(tx, day, ctx)
        if (kept := _kept(tx, snapshot)) is not None:
            return kept
    with ctx.uow.writing() as tx:
        snapshot, content = _organisation_map(tx, day, ctx)
        if (kept := _kept(tx, snapshot)) is not None:
            return kept
        tx.maps.add(
            snapshot,
            content,
            audit=ctx.entry(
                "map-made",
                f"maps/{snapshot.id}",
                at=tx.at,
                kind=snapshot.kind.value,
                valid_from=day.isoformat(),
                digest=snapshot.digest,
            ),
        )
    log.info("map_made", map_id=str(snapshot.id), entries=snapshot.entries)
    return snapshot


def _organisation_map(tx: Transaction, day: date, ctx: Context) -> tuple[MapSnapshot, bytes]:
    listed: dict[str, list[Organisation]] = {}
    for one in tx.organisations.find():
        listed.setdefault(one.ods, []).append(one)
    content, entries = codes.canonical(codes.Codes(day, listed, ctx.reference.codes))
    snapshot = MapSnapshot(
        id=new_id(),
        kind=MapKind.ORGANISATION,
        valid_from=day,
        digest=digest(content),
        entries=entries,
        bytes=len(content),
    )
    return snapshot, content


def _kept(tx: Transaction, snapshot: MapSnapshot) -> MapSnapshot | None:
    """Return the map that says just this of just this day."""
    return next(
        (
            known
            for known in tx.maps.all(snapshot.kind)
            if replace(known, id=snapshot.id) == snapshot
        ),
        None,
    )


def find_maps(
    kind: MapKind | None, as_at: date | None, part: Slice, *, ctx: Context
) -> Sequence[MapSnapshot]:
    """Return the maps, or with `as_at` those that govern on that day: one a kind.

    The map of organisations is made for the day on which it is asked for.
    """
    if kind is MapKind.ORGANISATION and as_at is not None:
        return part.of([organisation_map(as_at, ctx=ctx)])
    with ctx.uow.reading() as tx:
        found = tx.maps.all(kind)
    if as_at is not None:
        kinds = [kind] if kind is not None else [MapKind.PRACTICE, MapKind.POSTCODE]
        governing = [maps.governing([m for m in found if m.kind is k], as_at) for k in kinds]
        found = [m for m in governing if m is not None]
    return part.of(found)


def get_map(map_id: UUID, *, ctx: Context) -> MapSnapshot:
    with ctx.uow.reading() as tx:
        return tx.maps.get(map_id)


def map_content(map_id: UUID, *, ctx: Context) -> Iterator[bytes]:
    """Yield the map's canonical bytes, piece by piece."""
    with ctx.uow.reading() as tx:
        yield from tx.maps.content(map_id)


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
    """Open where an organisation's data land; the same again adds what clients are new."""
    with ctx.uow.writing() as tx:
        at = tx.at
        must_be_known(tx, [organisation_code], legal_day(at))
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


def page_environments(part: Slice, *, ctx: Context) -> Sequence[EnvironmentWithClients]:
    with ctx.uow.reading() as tx:
        known = scope(tx, ctx)
        if known is None:
            found: Sequence[RecipientEnvironment] = tx.environments.page(part)
        else:
            found = part.of(e for code in known for e in tx.environments.find(organisation=code))
        return [_shown(tx, environment) for environment in found]


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
