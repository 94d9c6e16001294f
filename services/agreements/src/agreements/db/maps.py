"""Maps: their content in pieces, and how each stands."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.import_tables import MapStandingRow
from agreements.db.tables import MapChunkRow, MapSnapshotRow
from agreements.db.written import add, supersede
from agreements.records.domain.errors import MapNotFound
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.maps import MapSnapshot
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading
from common.db.replacement import standing_of, values_of

CHUNK_BYTES = 1_000_000
GZIP = b"\x1f\x8b"
"""How a compressed piece begins, and no text: pieces were kept as text before."""


@dataclass(frozen=True, slots=True)
class SqlMaps:
    session: Session

    def all(self, kind: str | None, *, readable: bool = False) -> Sequence[MapSnapshot]:
        query = select(MapSnapshotRow).order_by(col(MapSnapshotRow.id))
        if kind is not None:
            query = query.where(col(MapSnapshotRow.kind) == kind)
        if not readable:
            standings = {row.id: row for row in self._standings()}
            rows = self.session.execute(query).scalars()
            return [_read(row, standings.get(row.id)) for row in rows]
        return reading.page(self.session, query, self._with_standing, key=col(MapSnapshotRow.id))

    def get(self, map_id: UUID) -> MapSnapshot:
        row = self.session.get(MapSnapshotRow, map_id)
        if row is None:
            raise MapNotFound(f"There is no map {map_id}.")
        return self._with_standing(row)

    def add(self, snapshot: MapSnapshot, pieces: Iterable[bytes], *, audit: Entry) -> None:
        row = {
            "id": snapshot.id,
            "epoch": stamp(self.session, at=audit.at),
            "recorded_at": audit.at,
            "kind": snapshot.kind.value,
            "valid_from": snapshot.valid_from,
            "digest": snapshot.digest,
            "entries": snapshot.entries,
            "bytes": snapshot.bytes,
        }
        add(self.session, MapSnapshotRow, [row])
        for number, piece in enumerate(_cut(pieces)):
            # Neighbours have the same areas: a tenth is left, and the lock is short.
            content = gzip.compress(piece, compresslevel=1, mtime=0)
            chunk = {"map_id": snapshot.id, "number": number, "content": content}
            add(self.session, MapChunkRow, [chunk])
        if snapshot.standing is None:
            audit_log.append(self.session, [audit])
        else:
            self.stand(snapshot, audit=audit)

    def stand(self, *snapshots: MapSnapshot, audit: Entry) -> tuple[MapSnapshot, ...]:
        """Store how maps stand."""
        epoch = stamp(self.session, at=audit.at)
        stored = tuple(replace(s, standing_version=s.standing_version + 1) for s in snapshots)
        for former, one in zip(snapshots, stored, strict=True):
            if one.standing is None:
                raise ValueError("a map without a standing has none to store")
            if former.standing_version > 0:
                version = former.standing_version
                supersede(self.session, MapStandingRow, former.id, version, epoch=epoch)
            row = {
                "id": one.id,
                "version": one.standing_version,
                "epoch": epoch,
                "recorded_at": audit.at,
                "takes_from": sorted(one.takes_from),
                **values_of(one.standing),
            }
            add(self.session, MapStandingRow, [row])
        audit_log.append(self.session, [audit])
        return stored

    def content(self, map_id: UUID) -> Iterator[bytes]:
        number = 0
        while (row := self.session.get(MapChunkRow, (map_id, number))) is not None:
            yield gzip.decompress(row.content) if row.content.startswith(GZIP) else row.content
            self.session.expunge(row)  # one piece in memory at a time
            number += 1

    def _with_standing(self, row: MapSnapshotRow) -> MapSnapshot:
        return _read(row, next(iter(self._standings(row.id)), None))

    def _standings(self, map_id: UUID | None = None) -> list[MapStandingRow]:
        query = select(MapStandingRow).where(col(MapStandingRow.superseded_epoch).is_(None))
        if map_id is not None:
            query = query.where(col(MapStandingRow.id) == map_id)
        return list(self.session.execute(query).scalars())


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give pieces of a size at most."""
    for piece in pieces:
        for start in range(0, len(piece), CHUNK_BYTES):
            yield piece[start : start + CHUNK_BYTES]


def _read(row: MapSnapshotRow, standing: MapStandingRow | None) -> MapSnapshot:
    return unreadable.read(row, lambda one: map_of(one, standing))


def map_of(
    row: MapSnapshotRow | Row[Any], standing: MapStandingRow | Row[Any] | None
) -> MapSnapshot:
    snapshot = MapSnapshot(
        id=row.id,
        kind=MapKind(row.kind),
        valid_from=row.valid_from,
        digest=row.digest,
        entries=row.entries,
        bytes=row.bytes,
    )
    if standing is None:
        return snapshot
    return replace(
        snapshot,
        standing=standing_of(standing),
        takes_from=frozenset(standing.takes_from),
        standing_version=standing.version,
    )
