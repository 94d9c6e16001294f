"""Expectations, and what came of them, in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlmodel import Session, col

from common.audit import Entry as AuditEntry
from common.audit import LoggedRows, telling
from common.db.saving import put, record
from common.replacement import State as Replacement
from common.unreadable import from_row
from pseudonymisation.db.editions import sums_of_row
from pseudonymisation.db.held.kept import EDITIONS, EXPECTATIONS, SUBMISSIONS
from pseudonymisation.db.quality.tables import ExpectationRow
from pseudonymisation.db.tables import EditionRow, SubmissionRow, is_in_force
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.board import LandedEdition, SentFile
from pseudonymisation.quality.domain.errors import ExpectationNotFound
from pseudonymisation.quality.domain.schedule import Expectation
from pseudonymisation.quality.use_cases.ports import OfBoard


@dataclass(frozen=True, slots=True)
class SqlBoard:
    session: Session
    rows: LoggedRows

    def expectation(self, expectation_id: UUID) -> Expectation:
        row = self.session.get(ExpectationRow, expectation_id)
        if row is None:
            raise ExpectationNotFound("The expectation does not exist.")
        return _to_expectation(row)

    def expectations(
        self, wanted: OfBoard, scope: Scope, *, after: UUID | None, limit: int | None
    ) -> Sequence[Expectation]:
        query = select(ExpectationRow)
        if scope.own is not None:
            query = query.where(col(ExpectationRow.provider).in_(scope.own))
        if wanted.data_set is not None:
            query = query.where(col(ExpectationRow.data_set) == wanted.data_set)
        if wanted.provider is not None:
            query = query.where(col(ExpectationRow.provider) == wanted.provider)
        return self.rows.page(
            self.session,
            EXPECTATIONS,
            query,
            _to_expectation,
            key=col(ExpectationRow.id),
            after=after,
            limit=limit,
            is_all=scope.own is None and wanted == OfBoard(),
        )

    def editions(
        self, wanted: OfBoard, scope: Scope, *, first: str, last: str
    ) -> Sequence[LandedEdition]:
        row = EditionRow
        in_force = is_in_force()
        query = (
            select(row, in_force)
            .where(col(row.period_first) <= last, col(row.period_last) >= first)
            .where(col(row.state).not_in([Replacement.TAKEN_BACK.value, Replacement.WAITING.value]))
            .where(*_of(wanted, scope, col(row.data_set), col(row.provider)))
            .order_by(col(row.id))
        )
        found = list(self.session.execute(query))
        # Also what lies in no month that is looked at: its row may have been altered to.
        of_all = select(col(row.id)).where(
            *_of(wanted, scope, col(row.data_set), col(row.provider))
        )
        self.rows.compare(self.session, EDITIONS, list(self.session.scalars(of_all)))
        if scope.own is None:
            self.rows.look_for_gone(self.session, EDITIONS, after=None, last=None)
        return [
            LandedEdition(
                id=edition.id,
                data_set=edition.data_set,
                provider=edition.provider,
                period=Period.parse(edition.period),
                part=edition.part,
                sums=sums_of_row(edition) if is_read else (),
                number=edition.number,
                is_in_force=bool(is_read),
                rows=edition.rows - (edition.rows_repeated or 0),
                landed_at=edition.landed_at,
            )
            for edition, is_read in found
        ]

    def sent(self, wanted: OfBoard, scope: Scope, *, first: str, last: str) -> Sequence[SentFile]:
        row = SubmissionRow
        week = col(row.period_first).contains("-W", autoescape=True)
        query = (
            select(
                row.id,
                row.data_set,
                row.provider,
                row.period_first,
                row.period_last,
                row.state,
                row.created_at,
            )  # type: ignore[call-overload]
            .where(or_(week, (col(row.period_first) <= last) & (col(row.period_last) >= first)))
            .where(*_of(wanted, scope, col(row.data_set), col(row.provider)))
            .order_by(col(row.id))
        )
        found = (
            SentFile(
                id=id_,
                data_set=data_set,
                provider=provider,
                period=Period.stored(of_first, of_last),
                state=state,
                created_at=created_at,
            )
            for id_, data_set, provider, of_first, of_last, state, created_at in (
                self.session.execute(query)
            )
        )
        sent = [one for one in found if one.period.first <= last and one.period.last >= first]
        self.rows.compare(self.session, SUBMISSIONS, [one.id for one in sent])
        return sent

    def save(self, expectation: Expectation, *, audit: AuditEntry) -> Expectation:
        stored = replace(expectation, version=expectation.version + 1)
        values = {
            "id": stored.id,
            "version": stored.version,
            "data_set": stored.data_set,
            "provider": stored.provider,
            "first": stored.first,
            "last": stored.last,
            "every": stored.every,
            "recorded_at": stored.recorded_at,
            "recorded_by": stored.recorded_by,
            "reason": stored.reason,
        }
        put(self.session, ExpectationRow, values, version=expectation.version)
        told = telling(self.session, audit, (EXPECTATIONS, stored.id))
        record(self.session, events=(), audit=told)
        return stored


def _of(
    wanted: OfBoard, scope: Scope, data_set: Any, provider: Any
) -> tuple[ColumnElement[bool], ...]:
    conditions = []
    if wanted.data_set is not None:
        conditions.append(data_set == wanted.data_set)
    if wanted.provider is not None:
        conditions.append(provider == wanted.provider)
    if scope.own is not None:
        conditions.append(provider.in_(scope.own))
    return tuple(conditions)


@from_row
def _to_expectation(row: ExpectationRow) -> Expectation:
    return Expectation(
        id=row.id,
        data_set=row.data_set,
        provider=row.provider,
        first=row.first,
        last=row.last,
        every=row.every,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        reason=row.reason,
        version=row.version,
    )
