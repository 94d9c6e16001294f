"""Submissions in a relational database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import exists, insert, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from catalogue import Protocol
from common.audit import Entry as AuditEntry
from common.audit import Kept, LoggedRows, telling
from common.db import claims
from common.db.saving import put, record
from common.jobs import SignOfLife
from common.unreadable import from_row
from pseudonymisation.db import events
from pseudonymisation.db.held.kept import FIELDS, QUALITIES, QUARANTINES, SUBMISSIONS
from pseudonymisation.db.tables import (
    EditionRow,
    QuarantineRow,
    SubmissionRow,
    is_in_force,
)
from pseudonymisation.intake.domain.edition import Replaced
from pseudonymisation.intake.domain.errors import SubmissionNotFound
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import QuarantineEntry
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.domain.submission import DECIDED, Submission
from pseudonymisation.intake.domain.written import (
    BulkPart,
    Content,
    ContentForm,
    Delimiter,
    Dialect,
    Quoting,
)
from pseudonymisation.intake.use_cases.ports import Scope

_DELIMITER: TypeAdapter[Delimiter | None] = TypeAdapter(Delimiter | None)
_QUOTING: TypeAdapter[Quoting | None] = TypeAdapter(Quoting | None)
UNDER_WAY = [SubmissionState.RECEIVED.value, SubmissionState.LANDING.value]


@dataclass(frozen=True, slots=True)
class SqlSubmissions:
    session: Session
    rows: LoggedRows

    def get(self, submission_id: UUID, scope: Scope) -> Submission:
        query = select(SubmissionRow).where(col(SubmissionRow.id) == submission_id)
        if scope.own is not None:
            query = query.where(_is_own(scope.own))
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise SubmissionNotFound("The submission does not exist, or you may not see it.")
        return _to_submission(row)

    def sent_by(self, submission_id: UUID, own: frozenset[str]) -> Submission:
        query = (
            select(SubmissionRow)
            .where(col(SubmissionRow.id) == submission_id)
            .where(col(SubmissionRow.submitted_by).in_(own))
        )
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise SubmissionNotFound("The submission does not exist, or you may not see it.")
        return _to_submission(row)

    def page(
        self, scope: Scope, *, data_set: str | None, after: UUID | None, limit: int
    ) -> Sequence[Submission]:
        query = select(SubmissionRow)
        if scope.own is not None:
            query = query.where(_is_own(scope.own))
        if data_set is not None:
            query = query.where(col(SubmissionRow.data_set) == data_set)
        return self.rows.page(
            self.session,
            SUBMISSIONS,
            query,
            _to_submission,
            key=col(SubmissionRow.id),
            after=after,
            limit=limit,
            is_all=scope.own is None,
        )

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, SUBMISSIONS, ids)

    def hold_entries(self, submission_id: UUID) -> None:
        self.rows.compare(self.session, QUARANTINES, [submission_id])

    def entries(
        self, submission_id: UUID, *, after: int, limit: int
    ) -> Sequence[tuple[int, QuarantineEntry]]:
        query = (
            select(QuarantineRow)
            .where(col(QuarantineRow.submission_id) == submission_id)
            .where(col(QuarantineRow.position) > after)
            .order_by(col(QuarantineRow.position))
            .limit(limit)
        )
        return [(row.position, _to_entry(row)) for row in self.session.exec(query)]

    def same_content(self, submission: Submission, digest: str) -> UUID | None:
        in_force = (
            exists()
            .where(col(EditionRow.submission_id) == col(SubmissionRow.id))
            .where(is_in_force())
        )
        query = (
            select(SubmissionRow.id)
            .where(col(SubmissionRow.data_set) == submission.data_set)
            .where(col(SubmissionRow.provider) == submission.provider)
            .where(col(SubmissionRow.content_digest) == digest)
            .where(col(SubmissionRow.period_first) == submission.period.columns[0])
            .where(col(SubmissionRow.period_last) == submission.period.columns[1])
            .where(col(SubmissionRow.part) == _part(submission.part))
            .where(col(SubmissionRow.protocol) == submission.protocol.value)
            .where(
                # Who only counted wrongly whom it left out sends the same file again.
                col(SubmissionRow.left_out_at_source).is_not_distinct_from(
                    submission.left_out_at_source
                )
            )
            .where(col(SubmissionRow.id) != submission.id)
            .where(
                or_(
                    col(SubmissionRow.state).in_([*UNDER_WAY, SubmissionState.WAITING.value]),
                    in_force,
                )
            )
        )
        return self.session.exec(query).first()

    def claimable(self, at: datetime, *, limit: int) -> Sequence[Submission]:
        older = aliased(SubmissionRow)
        waits_for_older = (
            exists()
            .where(col(older.data_set) == col(SubmissionRow.data_set))
            .where(col(older.provider) == col(SubmissionRow.provider))
            .where(col(older.state).in_(UNDER_WAY))
            .where(col(older.received_at) < col(SubmissionRow.received_at))
        )
        query = (
            select(SubmissionRow)
            .where(col(SubmissionRow.state).in_(UNDER_WAY))
            .where(claims.is_free(col(SubmissionRow.claimed_until), at=at))
            .where(~waits_for_older)
            .order_by(col(SubmissionRow.received_at), col(SubmissionRow.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_to_submission(row) for row in self.session.exec(query)]

    def extend_claim(self, submission_id: UUID, attempt: UUID, sign: SignOfLife) -> None:
        claims.extend(
            self.session,
            SubmissionRow,
            submission_id,
            attempt,
            state=SubmissionState.LANDING.value,
            values={"claimed_until": sign.claimed_until, "rows_done": sign.rows_done},
        )

    def decided_before(self, instant: datetime, *, limit: int) -> Sequence[Submission]:
        query = (
            select(SubmissionRow)
            .where(col(SubmissionRow.state).in_([state.value for state in DECIDED]))
            .where(col(SubmissionRow.decided_at) < instant)
            .where(
                or_(
                    col(SubmissionRow.content_key).is_not(None),
                    col(SubmissionRow.quarantine_key).is_not(None),
                )
            )
            .order_by(col(SubmissionRow.id))
            .limit(limit)
        )
        return [_to_submission(row) for row in self.session.exec(query)]

    def save(self, submission: Submission, *, audit: AuditEntry) -> Submission:
        stored = self.keep_claim(submission)
        if submission.entries:
            self.session.execute(
                insert(QuarantineRow),
                [
                    {
                        "submission_id": stored.id,
                        "position": position,
                        "line": entry.line,
                        "column": entry.column,
                        "code": entry.code,
                    }
                    for position, entry in enumerate(submission.entries, start=1)
                ],
            )
        told = (events.of_submission(stored, event) for event in submission.pending)
        records: list[tuple[Kept, object]] = [(SUBMISSIONS, stored.id)]
        if submission.entries:
            records.append((QUARANTINES, stored.id))
        if stored.edition_id is not None:
            records += [(QUALITIES, stored.edition_id), (FIELDS, stored.edition_id)]
        record(self.session, events=told, audit=telling(self.session, audit, *records))
        return stored

    def keep_claim(self, submission: Submission) -> Submission:
        stored = replace(submission, version=submission.version + 1, pending=(), entries=())
        values = _of_submission(stored)
        put(self.session, SubmissionRow, values, version=submission.version)
        return stored


def _is_own(own: frozenset[str]) -> Any:
    return or_(col(SubmissionRow.provider).in_(own), col(SubmissionRow.submitted_by).in_(own))


def _part(part: BulkPart | None) -> str:
    return "" if part is None else str(part)


def _of_submission(submission: Submission) -> dict[str, Any]:
    content = submission.content
    return {
        "id": submission.id,
        "version": submission.version,
        "data_set": submission.data_set,
        "catalogue_version": submission.catalogue_version,
        "catalogue_digest": submission.catalogue_digest,
        "period_first": submission.period.columns[0],
        "period_last": submission.period.columns[1],
        "provider": submission.provider,
        "submitted_by": submission.submitted_by,
        "basis": submission.basis and submission.basis.value,
        "delimiter": submission.dialect.delimiter,
        "quoting": submission.dialect.quoting,
        "protocol": submission.protocol.value,
        "part": _part(submission.part),
        "left_out_at_source": submission.left_out_at_source,
        "created_at": submission.created_at,
        "state": submission.state.value,
        "content_key": None if content is None else content.key,
        "content_bytes": None if content is None else content.bytes,
        "content_digest": None if content is None else content.digest,
        "content_header": None if content is None else content.header,
        "content_records": None if content is None else content.records,
        "content_form": None if content is None else content.form.value,
        "tables": {name: _of_content(one) for name, one in submission.tables.items()} or None,
        "received_at": submission.received_at,
        "received_by": submission.received_by,
        "decided_at": submission.decided_at,
        "edition_id": submission.edition_id,
        "attempt": submission.attempt,
        "attempts": submission.attempts,
        "claimed_until": submission.claimed_until,
        "code": submission.code,
        "detail": submission.detail,
        "refusal": dict(submission.refusal) or None,
        "report": None if submission.report is None else dict(submission.report),
        "quarantine_key": submission.quarantine_key,
        "replaced": None if submission.replaced is None else submission.replaced.as_json(),
        "rows_done": submission.rows_done,
    }


def _of_content(content: Content) -> dict[str, Any]:
    return {**asdict(content), "form": content.form.value}


def _to_content(said: dict[str, Any]) -> Content:
    return Content(**{**said, "form": ContentForm(said["form"])})


@from_row
def _to_entry(row: QuarantineRow) -> QuarantineEntry:
    entry = QuarantineEntry(row.line, row.column, row.code)
    if not entry.detail:
        raise ValueError("code")
    return entry


@from_row
def _to_submission(row: SubmissionRow) -> Submission:
    content = None
    if row.content_key is not None:
        content = Content(
            key=row.content_key,
            bytes=row.content_bytes or 0,
            digest=row.content_digest or "",
            header=row.content_header or "",
            records=row.content_records or 0,
            form=ContentForm(row.content_form or ContentForm.CSV),
        )
    return Submission(
        id=row.id,
        data_set=row.data_set,
        catalogue_version=row.catalogue_version,
        catalogue_digest=row.catalogue_digest,
        period=Period.stored(row.period_first, row.period_last),
        provider=row.provider,
        submitted_by=row.submitted_by,
        basis=Basis(row.basis) if row.basis else None,
        dialect=Dialect(
            _DELIMITER.validate_python(row.delimiter), _QUOTING.validate_python(row.quoting)
        ),
        protocol=Protocol(row.protocol),
        part=BulkPart.stored(row.part),
        left_out_at_source=row.left_out_at_source,
        created_at=row.created_at,
        state=SubmissionState(row.state),
        content=content,
        tables={name: _to_content(one) for name, one in (row.tables or {}).items()},
        received_at=row.received_at,
        received_by=row.received_by,
        decided_at=row.decided_at,
        edition_id=row.edition_id,
        attempt=row.attempt,
        attempts=row.attempts,
        claimed_until=row.claimed_until,
        code=row.code,
        detail=row.detail,
        refusal=row.refusal or {},
        report=row.report,
        quarantine_key=row.quarantine_key,
        replaced=None if row.replaced is None else Replaced.of_json(row.replaced),
        rows_done=row.rows_done,
        version=row.version,
    )
