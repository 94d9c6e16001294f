"""Uploads in parts in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from common import audit as audit_log
from common.audit import Entry as AuditEntry
from common.db.saving import put
from pseudonymisation.db.tables import PartialUploadRow
from pseudonymisation.intake.domain.errors import UploadNotFound
from pseudonymisation.intake.domain.partial_upload import Part, PartialUpload
from pseudonymisation.intake.domain.written import ContentForm


@dataclass(frozen=True, slots=True)
class SqlPartialUploads:
    session: Session

    def get(self, submission_id: UUID, upload_id: UUID) -> PartialUpload:
        row = self.session.get(PartialUploadRow, upload_id)
        if row is None or row.submission_id != submission_id:
            raise UploadNotFound(
                "There is no such upload: it expired, or another was begun. Begin it again."
            )
        return _to_upload(row)

    def of(self, submission_id: UUID) -> Sequence[PartialUpload]:
        query = select(PartialUploadRow).where(col(PartialUploadRow.submission_id) == submission_id)
        return [
            _to_upload(row) for row in self.session.exec(query.order_by(col(PartialUploadRow.id)))
        ]

    def untouched_since(self, instant: datetime, *, limit: int) -> Sequence[PartialUpload]:
        query = (
            select(PartialUploadRow)
            .where(col(PartialUploadRow.touched_at) < instant)
            .order_by(col(PartialUploadRow.id))
            .limit(limit)
        )
        return [_to_upload(row) for row in self.session.exec(query)]

    def save(self, upload: PartialUpload, *, audit: AuditEntry | None = None) -> PartialUpload:
        stored = replace(upload, version=upload.version + 1)
        put(self.session, PartialUploadRow, _of_upload(stored), version=upload.version)
        self._log(audit)
        return stored

    def remove(self, upload: PartialUpload, *, audit: AuditEntry | None = None) -> None:
        row = self.session.get(PartialUploadRow, upload.id)
        if row is not None:
            self.session.delete(row)
            self._log(audit)

    def _log(self, audit: AuditEntry | None) -> None:
        self.session.flush()
        if audit is not None:
            audit_log.append(self.session, [audit])


def _of_upload(upload: PartialUpload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "version": upload.version,
        "submission_id": upload.submission_id,
        "form": upload.form.value,
        "begun_at": upload.begun_at,
        "touched_at": upload.touched_at,
        "length": upload.length,
        "digest": upload.digest,
        "offset": upload.offset,
        "parts": [[part.key, part.bytes] for part in upload.parts],
        "is_complete": upload.is_complete,
    }


def _to_upload(row: PartialUploadRow) -> PartialUpload:
    return PartialUpload(
        id=row.id,
        submission_id=row.submission_id,
        form=ContentForm(row.form),
        begun_at=row.begun_at,
        touched_at=row.touched_at,
        length=row.length,
        digest=row.digest,
        offset=row.offset,
        parts=tuple(Part(key, size) for key, size in row.parts),
        is_complete=row.is_complete,
        version=row.version,
    )
