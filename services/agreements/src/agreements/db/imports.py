"""Imports as they stand, of which what waits keeps what it says; and published editions."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, Select, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.import_tables import ImportContentRow, ImportRow
from agreements.db.relationship_tables import RelationshipEditionRow
from agreements.db.store import put
from agreements.db.written import add
from agreements.records.domain.lists import register
from agreements.records.domain.lists.imports import Import, ImportKind
from agreements.records.domain.lists.layouts import dspt, ods, publications, relationships
from agreements.records.domain.lists.register import RelationshipEdition
from agreements.records.use_cases.ports import Slice
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading
from common.db.replacement import standing_of, values_of
from common.ids import digest
from common.replacement import State

LISTED: dict[ImportKind, TypeAdapter[Any]] = {
    ImportKind.ORGANISATIONS: TypeAdapter(tuple[ods.ListedOrganisation, ...]),
    ImportKind.ASSURANCE: TypeAdapter(tuple[dspt.Entry, ...]),
    ImportKind.RELATIONSHIPS: TypeAdapter(tuple[relationships.ListedRelationship, ...]),
    ImportKind.PUBLICATIONS: TypeAdapter(tuple[publications.ListedPublication, ...]),
    ImportKind.REGISTER: TypeAdapter(tuple[register.ListedForPublication, ...]),
}


@dataclass(frozen=True, slots=True)
class SqlImports:
    session: Session

    def one(self, import_id: UUID) -> Import | None:
        found = self._read(col(ImportRow.id) == import_id)
        return found[0] if found else None

    def waiting(self) -> list[Import]:
        return self._read(col(ImportRow.state) == State.WAITING.value)

    def applied(self, kind: ImportKind, layout: str) -> list[Import]:
        return self._read(
            col(ImportRow.kind) == kind.value,
            col(ImportRow.layout) == layout,
            col(ImportRow.applied_epoch).is_not(None),
            col(ImportRow.state) != State.TAKEN_BACK.value,
        )

    def leaving(self) -> list[Import]:
        return self._read(col(ImportRow.state) == State.LEAVING.value)

    def page(self, part: Slice, state: State | None) -> list[Import]:
        where = [] if state is None else [col(ImportRow.state) == state.value]
        if part.after is not None:
            where.append(col(ImportRow.id) > part.after)
        query = self._query(*where).limit(part.rows)
        return reading.page(
            self.session, query, lambda row: import_of(self.session, row), key=col(ImportRow.id)
        )

    def save(self, *sent: Import, audit: Entry, is_told: bool = False) -> tuple[Import, ...]:
        epoch = stamp(self.session, at=audit.at)
        stored: list[Import] = []
        for one in sent:
            kept = self._kept(one) if one.version == 0 else one
            more = values_of(kept.standing)
            stored += put(self.session, ImportRow, [kept], epoch=epoch, audit=audit, **more)
        if not is_told:
            audit_log.append(self.session, [audit])
        return tuple(stored)

    def _kept(self, sent: Import) -> Import:
        """Keep what a list says beside it, under its digest."""
        content = LISTED[sent.kind].dump_json(sent.listed)
        add(self.session, ImportContentRow, [{"import_id": sent.id, "content": content.decode()}])
        return replace(sent, content_digest=digest(content))

    def _query(self, *where: ColumnElement[bool]) -> Select[Any]:
        return (
            select(ImportRow)
            .where(col(ImportRow.superseded_epoch).is_(None), *where)
            .order_by(col(ImportRow.id))
        )

    def _read(self, *where: ColumnElement[bool]) -> list[Import]:
        rows = self.session.execute(self._query(*where)).scalars()
        return [unreadable.read(row, lambda one: import_of(self.session, one)) for row in rows]


@dataclass(frozen=True, slots=True)
class SqlEditions:
    session: Session

    def latest(self) -> RelationshipEdition | None:
        return self._newest()

    def at_epoch(self, epoch: int) -> RelationshipEdition | None:
        return self._newest(col(RelationshipEditionRow.epoch) <= epoch)

    def get(self, number: int) -> RelationshipEdition | None:
        return self._newest(col(RelationshipEditionRow.number) == number)

    def _newest(self, *where: ColumnElement[bool]) -> RelationshipEdition | None:
        row = self.session.execute(
            select(RelationshipEditionRow)
            .where(*where)
            .order_by(col(RelationshipEditionRow.number).desc())
            .limit(1)
        ).scalar_one_or_none()
        return None if row is None else self._read(row)

    def add(self, edition: RelationshipEdition, *, audit: Entry) -> None:
        add(
            self.session,
            RelationshipEditionRow,
            [
                {
                    "id": edition.id,
                    "epoch": stamp(self.session, at=audit.at),
                    "recorded_at": audit.at,
                    "number": edition.number,
                    "published_at": edition.published_at,
                    "digest": edition.digest,
                    "content": edition.content,
                }
            ],
        )
        audit_log.append(self.session, [audit])

    def _read(self, row: RelationshipEditionRow) -> RelationshipEdition:
        taken_back = self.session.execute(
            select(col(ImportRow.id))
            .where(col(ImportRow.kind) == ImportKind.REGISTER.value)
            .where(col(ImportRow.applied_epoch) == row.epoch)
            .where(col(ImportRow.superseded_epoch).is_(None))
            .where(
                (col(ImportRow.state) == State.TAKEN_BACK.value)
                # Also where a later edition came before the second person said so.
                | col(ImportRow.leaving_by).is_not(None)
            )
        ).first()
        return RelationshipEdition(
            id=row.id,
            number=row.number,
            published_at=row.published_at,
            digest=row.digest,
            content=row.content,
            is_taken_back=taken_back is not None,
        )


def import_of(session: Session, row: ImportRow | Row[Any]) -> Import:
    """Make an import of its row. What it says is read while it waits.

    Raises:
        ValueError: what it says is not what was kept.

    """
    kind, standing = ImportKind(row.kind), standing_of(row)
    listed: Any = ()
    if standing.is_waiting:
        kept = session.get(ImportContentRow, row.id)
        listed = _listed(kind, "" if kept is None else kept.content, row.content_digest)
    return Import(
        id=row.id,
        kind=kind,
        layout=row.layout,
        digest=row.digest,
        snapshot_on=row.snapshot_on,
        listed=listed,
        content_digest=row.content_digest,
        applied_epoch=row.applied_epoch,
        standing=standing,
        version=row.version,
    )


@lru_cache(maxsize=16)
def _listed(kind: ImportKind, content: str, expected: str) -> Any:
    """Read what waits; facts of many agreements are loaded while it does."""
    if digest(content.encode()) != expected:
        raise ValueError("what a list says is not what was kept")
    return LISTED[kind].validate_json(content)
