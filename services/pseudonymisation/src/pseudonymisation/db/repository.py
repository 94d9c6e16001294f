"""The intake in a relational database: the one place that knows its rows and its domain."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, exists, func, insert, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from common import audit as audit_log
from common.audit import Entry as AuditEntry
from common.db import claims, idempotency, outbox
from common.db.overwriting import overwrite
from common.db.unit_of_work import UnitOfWork
from common.errors import EditedMeanwhile, EditionNotFound
from common.jobs import SignOfLife
from common.replacement import State as Replacement
from pseudonymisation.db import events
from pseudonymisation.db.edition_rows import of_edition, to_edition
from pseudonymisation.db.opt_out_repository import SqlOptOutChecks, SqlOptOutLists
from pseudonymisation.db.tables import (
    EditionRow,
    OptOutCheckRow,
    OptOutListRow,
    QuarantineRow,
    SubmissionRow,
    is_in_force,
)
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.errors import SubmissionNotFound
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import Entry
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.domain.submission import DECIDED, Content, State, Submission
from pseudonymisation.intake.use_cases.ports import Scope

UNDER_WAY = [State.RECEIVED.value, State.LANDING.value]


@dataclass(frozen=True, slots=True)
class SqlSubmissions:
    session: Session

    def get(self, submission_id: UUID, scope: Scope) -> Submission:
        query = select(SubmissionRow).where(col(SubmissionRow.id) == submission_id)
        if scope.own is not None:
            query = query.where(_is_own(scope.own))
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise SubmissionNotFound("There is no such submission.")
        return _to_submission(row)

    def sent_by(self, submission_id: UUID, own: frozenset[str]) -> Submission:
        query = (
            select(SubmissionRow)
            .where(col(SubmissionRow.id) == submission_id)
            .where(col(SubmissionRow.submitted_by).in_(own))
        )
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise SubmissionNotFound("There is no such submission.")
        return _to_submission(row)

    def page(
        self, scope: Scope, *, data_set: str | None, after: UUID | None, limit: int
    ) -> Sequence[Submission]:
        query = select(SubmissionRow).order_by(col(SubmissionRow.id)).limit(limit)
        if scope.own is not None:
            query = query.where(_is_own(scope.own))
        if data_set is not None:
            query = query.where(col(SubmissionRow.data_set) == data_set)
        if after is not None:
            query = query.where(col(SubmissionRow.id) > after)
        return [_to_submission(row) for row in self.session.exec(query)]

    def entries(
        self, submission_id: UUID, *, after: int, limit: int
    ) -> Sequence[tuple[int, Entry]]:
        query = (
            select(QuarantineRow)
            .where(col(QuarantineRow.submission_id) == submission_id)
            .where(col(QuarantineRow.position) > after)
            .order_by(col(QuarantineRow.position))
            .limit(limit)
        )
        return [
            (row.position, Entry(row.line, row.column, row.code))
            for row in self.session.exec(query)
        ]

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
            .where(col(SubmissionRow.id) != submission.id)
            .where(or_(col(SubmissionRow.state).in_([*UNDER_WAY, State.WAITING.value]), in_force))
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
            state=State.LANDING.value,
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
        for event in submission.pending:
            outbox.enqueue(self.session, events.of_submission(stored, event))
        audit_log.append(self.session, [audit])
        return stored

    def keep_claim(self, submission: Submission) -> Submission:
        stored = replace(submission, version=submission.version + 1, pending=(), entries=())
        values = _of_submission(stored)
        if submission.version == 0:
            self.session.add(SubmissionRow.model_validate(values))
            self.session.flush()
        else:
            overwrite(self.session, SubmissionRow, values, version=submission.version)
        return stored


@dataclass(frozen=True, slots=True)
class SqlEditions:
    session: Session

    def get(self, edition_id: UUID, scope: Scope) -> Edition:
        query = select(EditionRow).where(col(EditionRow.id) == edition_id)
        if scope.own is not None:
            query = query.where(_is_of(scope.own))
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise EditionNotFound("There is no such edition.")
        return to_edition(row)

    def page(
        self,
        scope: Scope,
        *,
        data_set: str | None,
        period: Period | None,
        state: Replacement | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Edition]:
        query = select(EditionRow).order_by(col(EditionRow.id)).limit(limit)
        if scope.own is not None:
            query = query.where(_is_of(scope.own))
        if data_set is not None:
            query = query.where(col(EditionRow.data_set) == data_set)
        if state is not None:
            query = query.where(col(EditionRow.state) == state.value)
        if period is not None:
            query = query.where(col(EditionRow.period_first) <= period.last)
            query = query.where(col(EditionRow.period_last) >= period.first)
        if after is not None:
            query = query.where(col(EditionRow.id) > after)
        return [to_edition(row) for row in self.session.exec(query)]

    def of(self, data_set: str, provider: str) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(is_in_force())
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def waiting(self, data_set: str, provider: str) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(col(EditionRow.state) == Replacement.WAITING.value)
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def in_force(self, *, but_made_by: Collection[str], limit: int) -> Sequence[Edition]:
        known, other = col(EditionRow.landing_rules_digest), aliased(SubmissionRow)
        # What comes after the edition's own upload would otherwise be superseded by it.
        has_successor = (
            exists()
            .where(col(other.data_set) == col(EditionRow.data_set))
            .where(col(other.provider) == col(EditionRow.provider))
            .where(col(other.state).in_([*UNDER_WAY, State.WAITING.value]))
        )
        query = (
            select(EditionRow)
            .join(SubmissionRow, col(SubmissionRow.id) == col(EditionRow.submission_id))
            .where(is_in_force())
            .where(or_(known.is_(None), known.not_in(but_made_by)))
            .where(col(SubmissionRow.state) == State.ACCEPTED.value)
            .where(col(SubmissionRow.content_key).is_not(None))
            .where(~has_successor)
            .order_by(col(EditionRow.id))
            .limit(limit)
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def newest(self, limit: int) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(is_in_force())
            .order_by(col(EditionRow.landed_at).desc(), col(EditionRow.id).desc())
            .limit(limit)
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def former(self, data_set: str, provider: str, period: Period) -> Sequence[Edition]:
        gave_way = col(EditionRow.superseded_by).is_not(None)
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(col(EditionRow.period) == str(period))
            .where(col(EditionRow.state) != Replacement.TAKEN_BACK.value)
            .where(or_(is_in_force(), gave_way))
            .order_by(col(EditionRow.number))
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def gave_way_to(self, edition_id: UUID) -> Edition | None:
        query = (
            select(EditionRow)
            .where(col(EditionRow.superseded_by) == edition_id)
            .where(col(EditionRow.state) == Replacement.SUPERSEDED.value)
            .order_by(col(EditionRow.number).desc())
            .limit(1)
        )
        row = self.session.exec(query).first()
        return None if row is None else to_edition(row)

    def not_told_unsafe(
        self, *, data_sets: Collection[str], but_made_by: Collection[str], limit: int
    ) -> Sequence[Edition]:
        known = col(EditionRow.landing_rules_digest)
        query = (
            select(EditionRow)
            .where(col(EditionRow.unsafe_at).is_(None))
            .where(col(EditionRow.data_set).in_(data_sets))
            .where(or_(known.is_(None), known.not_in(but_made_by)))
            .order_by(col(EditionRow.id))
            .limit(limit)
        )
        return [to_edition(row) for row in self.session.exec(query)]

    def covering(self, data_set: str, months: Sequence[str]) -> Sequence[Edition]:
        if not months:
            return []
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.period_first) <= max(months))
            .where(col(EditionRow.period_last) >= min(months))
            .where(is_in_force())
            .order_by(col(EditionRow.id))
        )
        found = [to_edition(row) for row in self.session.exec(query)]
        return [e for e in found if any(e.period.first <= m <= e.period.last for m in months)]

    def count(self, data_set: str, provider: str, period: Period) -> int:
        query = (
            select(func.count())
            .select_from(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(col(EditionRow.period) == str(period))
        )
        return self.session.exec(query).one()

    def save(self, edition: Edition, *, audit: AuditEntry) -> Edition:
        stored = replace(edition, version=edition.version + 1, pending=())
        values = of_edition(stored)
        if edition.version == 0:
            self.session.add(EditionRow.model_validate(values))
            try:
                self.session.flush()
            except IntegrityError:
                raise EditedMeanwhile("Another edition of the period was quicker.") from None
        else:
            overwrite(self.session, EditionRow, values, version=edition.version)
        for event in edition.pending:
            outbox.enqueue(self.session, events.of_edition(stored, event))
        audit_log.append(self.session, [audit])
        return stored


@dataclass(frozen=True, slots=True)
class SqlIntake:
    """One transaction of the intake."""

    session: Session

    @property
    def submissions(self) -> SqlSubmissions:
        return SqlSubmissions(self.session)

    @property
    def editions(self) -> SqlEditions:
        return SqlEditions(self.session)

    @property
    def opt_out_lists(self) -> SqlOptOutLists:
        return SqlOptOutLists(self.session)

    @property
    def opt_out_checks(self) -> SqlOptOutChecks:
        return SqlOptOutChecks(self.session)

    def log(self, audit: AuditEntry) -> None:
        audit_log.append(self.session, [audit])

    def repeated(self, *, actor: str, key: str | None, fingerprint: str) -> str | None:
        if key is None:
            return None
        return idempotency.find(self.session, actor=actor, key=key, fingerprint=fingerprint)

    def remember(self, *, actor: str, key: str | None, fingerprint: str, resource: str) -> None:
        if key is not None:
            idempotency.remember(
                self.session, actor=actor, key=key, fingerprint=fingerprint, resource=resource
            )

    def object_keys(self) -> Iterator[str]:
        for column in (
            SubmissionRow.content_key,
            SubmissionRow.quarantine_key,
            EditionRow.object_key,
            OptOutListRow.object_key,
            OptOutCheckRow.object_key,
            OptOutCheckRow.reply_key,
        ):
            named = self.session.exec(select(column).where(col(column).is_not(None)))
            yield from (key for key in named if key is not None)


def unit_of_work(engine: Engine) -> UnitOfWork[SqlIntake]:
    return UnitOfWork(engine, SqlIntake)


def _is_of(own: frozenset[str]) -> Any:
    """Say of an edition that it is an organisation's, also where that goes by a longer code."""
    sent = select(SubmissionRow.id).where(
        col(SubmissionRow.submitted_by).in_(own), col(SubmissionRow.basis) == Basis.OWN.value
    )
    return or_(col(EditionRow.provider).in_(own), col(EditionRow.submission_id).in_(sent))


def _is_own(own: frozenset[str]) -> Any:
    return or_(col(SubmissionRow.provider).in_(own), col(SubmissionRow.submitted_by).in_(own))


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
        "created_at": submission.created_at,
        "state": submission.state.value,
        "content_key": None if content is None else content.key,
        "content_bytes": None if content is None else content.bytes,
        "content_digest": None if content is None else content.digest,
        "content_header": None if content is None else content.header,
        "content_records": None if content is None else content.records,
        "received_at": submission.received_at,
        "received_by": submission.received_by,
        "decided_at": submission.decided_at,
        "edition_id": submission.edition_id,
        "attempt": submission.attempt,
        "attempts": submission.attempts,
        "claimed_until": submission.claimed_until,
        "code": submission.code,
        "detail": submission.detail,
        "report": None if submission.report is None else dict(submission.report),
        "quarantine_key": submission.quarantine_key,
        "rows_done": submission.rows_done,
    }


def _to_submission(row: SubmissionRow) -> Submission:
    content = None
    if row.content_key is not None:
        content = Content(
            key=row.content_key,
            bytes=row.content_bytes or 0,
            digest=row.content_digest or "",
            header=row.content_header or "",
            records=row.content_records or 0,
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
        created_at=row.created_at,
        state=State(row.state),
        content=content,
        received_at=row.received_at,
        received_by=row.received_by,
        decided_at=row.decided_at,
        edition_id=row.edition_id,
        attempt=row.attempt,
        attempts=row.attempts,
        claimed_until=row.claimed_until,
        code=row.code,
        detail=row.detail,
        report=row.report,
        quarantine_key=row.quarantine_key,
        rows_done=row.rows_done,
        version=row.version,
    )
