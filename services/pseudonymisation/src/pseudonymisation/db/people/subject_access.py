"""Subject access requests, and what was ever prepared, in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from common.audit import Entry, LoggedRows, telling
from common.db.saving import put, record
from common.unreadable import from_row
from pseudonymisation.db.held.kept import PREPARATIONS, SUBJECT_ACCESS
from pseudonymisation.db.people.tables import SubjectAccessRow
from pseudonymisation.db.preparation_tables import PreparationRow, PreparedFileRow
from pseudonymisation.people.domain.asked import AskedState
from pseudonymisation.people.domain.errors import SubjectAccessNotFound
from pseudonymisation.people.domain.subject_access import PreparedExtract, SubjectAccess
from pseudonymisation.preparations.domain.permit import read
from pseudonymisation.preparations.domain.preparation import PreparationState


@dataclass(frozen=True, slots=True)
class SqlSubjectAccess:
    session: Session
    rows: LoggedRows

    def get(self, id_: UUID) -> SubjectAccess:
        row = self.session.get(SubjectAccessRow, id_, populate_existing=True)
        if row is None:
            raise SubjectAccessNotFound("The subject access request does not exist.")
        return _to_request(row)

    def page(self, *, after: UUID | None, limit: int) -> Sequence[SubjectAccess]:
        query = select(SubjectAccessRow)
        return self.rows.page(
            self.session,
            SUBJECT_ACCESS,
            query,
            _to_request,
            key=col(SubjectAccessRow.id),
            after=after,
            limit=limit,
        )

    def past(self, at: datetime) -> Sequence[SubjectAccess]:
        query = (
            select(SubjectAccessRow)
            .where(col(SubjectAccessRow.ends_at) <= at)
            .where(col(SubjectAccessRow.state) != AskedState.OVER.value)
            .order_by(col(SubjectAccessRow.id))
        )
        return [_to_request(row) for row in self.session.exec(query)]

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, SUBJECT_ACCESS, ids)

    def save(self, one: SubjectAccess, *, audit: Entry) -> SubjectAccess:
        stored = replace(one, version=one.version + 1)
        values: dict[str, Any] = {f.name: getattr(stored, f.name) for f in fields(stored)}
        values["state"] = stored.state.value
        put(self.session, SubjectAccessRow, values, version=one.version)
        record(
            self.session,
            events=(),
            audit=telling(self.session, audit, (SUBJECT_ACCESS, stored.id)),
        )
        return stored


def prepared_extracts(session: Session, rows: LoggedRows) -> Sequence[PreparedExtract]:
    """Return all records that were ever prepared, held against the audit log, oldest first."""
    files: dict[UUID, list[tuple[UUID, str, str]]] = {}
    for file in session.exec(select(PreparedFileRow).order_by(col(PreparedFileRow.position))):
        files.setdefault(file.preparation_id, []).append((file.id, file.format, file.object_key))
    query = (
        select(PreparationRow)
        .where(col(PreparationRow.state) == PreparationState.PREPARED.value)
        .order_by(col(PreparationRow.created_at), col(PreparationRow.id))
    )
    found = [
        PreparedExtract(
            preparation_id=row.id, permit=read(row.permit), files=tuple(files.get(row.id, ()))
        )
        for row in session.exec(query)
    ]
    rows.compare(session, PREPARATIONS, [one.preparation_id for one in found])
    rows.look_for_gone(session, PREPARATIONS, after=None, last=None)
    return [one for one in found if one.permit.table is None]


@from_row
def _to_request(row: SubjectAccessRow) -> SubjectAccess:
    return SubjectAccess(**{**row.model_dump(), "state": AskedState(row.state)})
