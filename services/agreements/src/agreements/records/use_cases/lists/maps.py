"""Maps from practices, postcodes and organisations' codes: taken in, made, served."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from agreements.records.domain.lists import maps
from agreements.records.domain.lists.layouts import directories
from agreements.records.domain.lists.layouts import maps as map_layouts
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.layouts.reading import LeftOut, cells_of
from agreements.records.domain.lists.maps import Difference, MapSnapshot
from agreements.records.domain.parties import codes
from agreements.records.domain.parties.organisation import Organisation
from agreements.records.use_cases.context import Compared, Context, compared, require_as_sealed
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import digest, new_id
from common.replacement import (
    Change,
    Judgement,
    ReplacementDecided,
    ReplacementKind,
    ReplacementStatus,
    State,
    rules,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIMITS = rules.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMap:
    """A map that was taken in, and what of its file was not."""

    snapshot: MapSnapshot
    left_out: LeftOut


def import_map(content: bytes, kind: MapKind, valid_from: date, *, ctx: Context) -> ImportedMap:
    """Take in a map; the same content for the same day again is the same map.

    One that changes much of what governs waits for a second person; until then the former governs,
    and nothing is permitted to a commissioner whom it would take people from (ruling 20).
    """
    if kind is MapKind.DEPRIVATION:
        read = directories.deciles(content, ctx.reference.areas.deprivation)
        canonical = map_layouts.Canonical(content=read[0], entries=read[1], left_out=read[2])
    elif kind is MapKind.POSTCODE and _is_directory(content, ctx):
        return import_directory([content], valid_from, ctx=ctx)
    else:
        canonical = map_layouts.canonical(content, kind)
    snapshot = MapSnapshot(
        id=new_id(),
        kind=kind,
        valid_from=valid_from,
        digest=digest(canonical.content),
        entries=canonical.entries,
        bytes=len(canonical.content),
    )
    return _take_in(snapshot, lambda: iter([canonical.content]), canonical.left_out, ctx=ctx)


def import_directory(blocks: Iterable[bytes], valid_from: date, *, ctx: Context) -> ImportedMap:
    """Take in a postcode directory of any size; else as `import_map`."""
    with ctx.reference.spool(blocks, ctx.reference.areas) as directory:
        snapshot = MapSnapshot(
            id=new_id(),
            kind=MapKind.POSTCODE,
            valid_from=valid_from,
            digest=directory.digest,
            entries=directory.entries,
            bytes=directory.size,
        )
        return _take_in(snapshot, directory.pieces, directory.left_out, ctx=ctx)


def _is_directory(content: bytes, ctx: Context) -> bool:
    first = content.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    cells = cells_of(first.decode("utf-8", errors="replace").rstrip("\r"))
    return not isinstance(cells, str) and directories.is_directory(
        cells, ctx.reference.areas.directory
    )


Pieces = Callable[[], Iterator[bytes]]


def _take_in(
    snapshot: MapSnapshot, pieces: Pieces, left_out: LeftOut, *, ctx: Context
) -> ImportedMap:
    kind, valid_from = snapshot.kind, snapshot.valid_from
    with ctx.uow.reading() as tx:
        weighed = _weighed(tx, kind, valid_from, pieces, ctx.clock.now())
    with ctx.uow.writing() as tx:
        known = _kept(tx, snapshot)
        if known is not None and not _is_outdated(tx, known):
            return ImportedMap(snapshot=known, left_out=left_out)
        if _against(tx, kind, valid_from, tx.at) != weighed.against:  # changed meanwhile
            weighed = _weighed(tx, kind, valid_from, pieces, tx.at)
        judgement = _judged(kind, weighed.difference, tx, over_window=weighed.over_window)
        standing = ReplacementStatus.begun(
            judgement,
            by=ctx.principal.subject,
            at=tx.at,
            held_against=_name_of(weighed.against.former),
        )
        snapshot = replace(
            snapshot,
            standing=standing,
            takes_from=weighed.difference.takes_from if standing.is_waiting else frozenset(),
        )
        _supersede_waiting(tx, snapshot, ctx)
        tx.maps.add(
            snapshot,
            pieces(),
            audit=ctx.entry(
                "map-imported" if standing.is_effective else "map-import-waiting",
                f"maps/{snapshot.id}",
                at=tx.at,
                kind=kind.value,
                valid_from=valid_from.isoformat(),
                digest=snapshot.digest,
                left_out=str(left_out.lines),
            ),
        )
    log.info(
        "map_imported",
        map_id=str(snapshot.id),
        kind=kind.value,
        entries=snapshot.entries,
        left_out=left_out.lines,
        state=standing.state.value,
    )
    return ImportedMap(snapshot=snapshot, left_out=left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Against:
    """What a map is held against, by ids."""

    former: UUID | None
    """Which governs on its first day."""
    recent: tuple[UUID, ...]
    """Which would have, since the window began: many small changes are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    against: _Against
    difference: Difference
    over_window: tuple[Change, ...]


def _against(tx: Transaction, kind: MapKind, valid_from: date, at: datetime) -> _Against:
    begun = [m for m in tx.maps.all(kind) if m.is_in_force and m.valid_from <= valid_from]
    former = maps.governing(begun, valid_from)
    days = LIMITS.limit(ReplacementKind(f"{kind}_map"), on=legal_day(at)).window_days
    recent = maps.of_late(begun, valid_from, at=at, days=days)
    return _Against(
        former=None if former is None else former.id,
        recent=tuple(m.id for m in recent if m != former),
    )


def _weighed(
    tx: Transaction, kind: MapKind, valid_from: date, pieces: Pieces, at: datetime
) -> _Weighed:
    against = _against(tx, kind, valid_from, at)
    before = [] if against.former is None else tx.maps.content(against.former)
    return _Weighed(
        against=against,
        difference=maps.compare(before, pieces()),
        over_window=tuple(
            maps.compare(tx.maps.content(one), pieces()).change for one in against.recent
        ),
    )


def _judged(
    kind: MapKind, difference: Difference, tx: Transaction, *, over_window: Iterable[Change]
) -> Judgement:
    return LIMITS.judge(
        ReplacementKind(f"{kind}_map"),
        difference.change,
        on=legal_day(tx.at),
        over_window=over_window,
    )


def _name_of(former: UUID | None) -> str:
    """Name what a map is held against."""
    return "none" if former is None else str(former)


def _held_against(tx: Transaction, found: MapSnapshot) -> str:
    """Name what it would be held against now, were it sent again."""
    others = [m for m in tx.maps.all(found.kind) if m.id != found.id]
    former = maps.governing(others, found.valid_from)
    return _name_of(None if former is None else former.id)


def _is_outdated(tx: Transaction, known: MapSnapshot) -> bool:
    """Say whether a map waits by a preview of something else than it would change now."""
    standing = known.standing
    return (
        standing is not None
        and standing.is_waiting
        and not standing.was_shown(_held_against(tx, known))
    )


def _supersede_waiting(tx: Transaction, by: MapSnapshot, ctx: Context) -> None:
    """Replace one for the same day that still waited."""
    given_up = [
        _stands(m, m.standing.supersede(at=tx.at))
        for m in tx.maps.all(by.kind)
        if m.valid_from == by.valid_from and m.standing is not None and m.standing.is_waiting
    ]
    if given_up:
        tx.maps.stand(
            *given_up,
            audit=ctx.entry("map-import-superseded", f"maps/{given_up[0].id}", at=tx.at),
        )


def _stands(
    snapshot: MapSnapshot, standing: ReplacementStatus, takes_from: frozenset[str] = frozenset()
) -> MapSnapshot:
    return replace(snapshot, standing=standing, takes_from=takes_from)


def confirm_map(map_id: UUID, reason: str, *, ctx: Context) -> MapSnapshot:
    """Let a map govern that waits: somebody else than who sent it.

    Raises:
        MapNotFound, SecondPersonNeeded, ReplacementDecided
        ReplacementOutdated: another map governs its first day by now than it was held against.
        UnlikeSeal: what was shown may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        shown = tx.maps.get(map_id)
    require_as_sealed("The maps are", shown, ctx=ctx)
    with ctx.uow.writing() as tx:
        found = tx.maps.get(map_id)
        standing = _standing(found).confirm(by=ctx.principal.subject, reason=reason, at=tx.at)
        _standing(found).require_shown(_held_against(tx, found))
        return _decided(tx, _stands(found, standing), ctx)


def withdraw_map(map_id: UUID, reason: str, *, ctx: Context) -> MapSnapshot:
    """Take a map back. One in force whose going changes much needs a second person too.

    Raises:
        MapNotFound, SecondPersonNeeded, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        found = tx.maps.get(map_id)
        others = [m for m in tx.maps.all(found.kind) if m.id != found.id]
        following = maps.governing(others, found.valid_from)
        difference = maps.compare(
            tx.maps.content(found.id), [] if following is None else tx.maps.content(following.id)
        )
        standing = _standing(found).take_back(
            None if following is None else _judged(found.kind, difference, tx, over_window=()),
            by=ctx.principal.subject,
            reason=reason,
            at=tx.at,
            against=_name_of(None if following is None else following.id),
        )
        is_leaving = standing.state is State.LEAVING
        takes_from = difference.takes_from if is_leaving else frozenset()
        return _decided(tx, _stands(found, standing, takes_from), ctx)


def _standing(found: MapSnapshot) -> ReplacementStatus:
    if found.standing is None:
        raise ReplacementDecided(
            "It was there before maps were guarded; send the one that is right."
        )
    return found.standing


def _decided(tx: Transaction, snapshot: MapSnapshot, ctx: Context) -> MapSnapshot:
    state = _standing(snapshot).state
    [stored] = tx.maps.stand(
        snapshot, audit=ctx.entry(f"map-{state}", f"maps/{snapshot.id}", at=tx.at)
    )
    log.info("map_decided", map_id=str(snapshot.id), state=state.value)
    return stored


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
            [content],
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
            if known.is_known and replace(known, id=snapshot.id) == snapshot
        ),
        None,
    )


def find_maps(
    kind: MapKind | None,
    as_at: date | None,
    part: Slice,
    *,
    state: State | None = None,
    ctx: Context,
) -> Sequence[Compared[MapSnapshot]]:
    """Return the maps, or with `as_at` those that govern on that day: one a kind.

    The map of organisations is made for the day on which it is asked for.

    Raises:
        UnlikeSeal: those that would govern may have been written past the service.

    """
    if kind is MapKind.ORGANISATION and as_at is not None:
        return _compared(part.of([organisation_map(as_at, ctx=ctx)]), ctx)
    with ctx.uow.reading() as tx:
        found = tx.maps.all(kind, readable=as_at is None)
    if as_at is not None:
        kinds = (
            [kind]
            if kind is not None
            else [MapKind.PRACTICE, MapKind.POSTCODE, MapKind.DEPRIVATION]
        )
        governing = [maps.governing([m for m in found if m.kind is k], as_at) for k in kinds]
        found = [m for m in governing if m is not None]
        require_as_sealed("The maps are", *found, ctx=ctx)
    if state is not None:
        found = [m for m in found if (m.standing.state if m.standing else State.ACCEPTED) is state]
    return _compared(part.of(found), ctx)


def _compared(found: Sequence[MapSnapshot], ctx: Context) -> Sequence[Compared[MapSnapshot]]:
    return compared(found, by=lambda one: [one], ctx=ctx)


def get_map(map_id: UUID, *, ctx: Context) -> Compared[MapSnapshot]:
    with ctx.uow.reading() as tx:
        found = tx.maps.get(map_id)
    return _compared([found], ctx)[0]


def require_sealed_map(map_id: UUID, *, ctx: Context) -> MapSnapshot:
    """Return a map that records are joined by.

    Raises:
        MapNotFound
        UnlikeSeal: it may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        found = tx.maps.get(map_id)
    require_as_sealed("The maps are", found, ctx=ctx)
    return found


def map_content(map_id: UUID, *, ctx: Context) -> Iterator[bytes]:
    """Yield the map's canonical bytes, piece by piece."""
    with ctx.uow.reading() as tx:
        yield from tx.maps.content(map_id)
