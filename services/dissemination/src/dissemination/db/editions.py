"""What others said of what files were made of: editions that were replaced, files that are void."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import Session, col

from common.audit import telling
from common.audit.entries import Entry
from dissemination.db.kept import FILES
from dissemination.db.log import append
from dissemination.db.tables import DestroyedFileRow, SupersededEditionRow, VoidFileRow
from dissemination.domain.agreement_status import FILE_VOID, Withdrawal
from dissemination.domain.extract import Replaced


@dataclass(frozen=True, slots=True)
class SqlEditions:
    session: Session

    def supersede(self, edition_id: str, *, by: str, at: datetime) -> None:
        self.session.merge(
            SupersededEditionRow(edition_id=edition_id, superseded_by=by, superseded_at=at)
        )
        self.session.flush()

    def replacements(self, edition_ids: Sequence[str]) -> Sequence[Replaced]:
        query = (
            select(SupersededEditionRow)
            .where(col(SupersededEditionRow.edition_id).in_(list(edition_ids)))
            .order_by(col(SupersededEditionRow.edition_id))
        )
        return [
            Replaced(edition_id=row.edition_id, by=row.superseded_by, at=row.superseded_at)
            for row in self.session.scalars(query)
        ]


@dataclass(frozen=True, slots=True)
class SqlVoids:
    session: Session

    def put(self, file_id: UUID, void: Withdrawal) -> None:
        self.session.merge(VoidFileRow(file_id=file_id, since=void.since))
        self.session.flush()

    def of(self, file_ids: Collection[UUID]) -> Withdrawal | None:
        query = select(func.min(col(VoidFileRow.since))).where(
            col(VoidFileRow.file_id).in_(list(file_ids))
        )
        since = self.session.scalar(query)
        if since is None:
            return None
        return Withdrawal(agreement_state=None, since=since, code=FILE_VOID)


@dataclass(frozen=True, slots=True)
class SqlDestroyedFiles:
    session: Session

    def put(self, file_id: UUID, *, at: datetime, agreement: str, audit: Entry) -> None:
        self.session.merge(DestroyedFileRow(file_id=file_id, since=at))
        append(self.session, agreement, telling(self.session, audit, (FILES, file_id)))

    def of(self, file_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        query = select(DestroyedFileRow).where(col(DestroyedFileRow.file_id).in_(list(file_ids)))
        return {row.file_id: row.since for row in self.session.scalars(query)}
