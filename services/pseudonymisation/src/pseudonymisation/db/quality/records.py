"""Reads what was measured of editions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Select, func, or_, select
from sqlmodel import Session, col

from common.audit import LoggedRows
from common.db import reading
from common.db.idempotency import SqlIdempotencyKeys
from common.db.unit_of_work import UnitOfWork
from common.replacement import State as Replacement
from common.unreadable import from_row
from pseudonymisation.db.editions import sums_of_row
from pseudonymisation.db.held.kept import EDITIONS, FIELDS, PREPARATIONS, QUALITIES
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.preparations import SqlPreparations
from pseudonymisation.db.quality.board import SqlBoard
from pseudonymisation.db.quality.tables import EditionQualityRow, FieldQualityRow
from pseudonymisation.db.submissions import SqlSubmissions
from pseudonymisation.db.tables import EditionRow, SubmissionRow, is_in_force
from pseudonymisation.intake.domain.measures import FieldMeasure, Sums
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.preparations.domain.preparation import Preparation
from pseudonymisation.quality.domain.editions import EditionStanding, MeasuredEdition
from pseudonymisation.quality.domain.rates import FieldTotals
from pseudonymisation.quality.domain.statement import Coverage
from pseudonymisation.quality.use_cases.ports import OfEditions

Measured = tuple[EditionQualityRow, EditionRow]
FIELDS_COMPARED_MAX: Final = 300
"""Editions of which the rows of every field are read for one answer: 0.4 s at a load of 20."""
STANDINGS: Final = {
    Replacement.WAITING: EditionStanding.WAITING,
    Replacement.TAKEN_BACK: EditionStanding.TAKEN_BACK,
}


@dataclass(frozen=True, slots=True)
class SqlQualityRecords:
    session: Session
    rows: LoggedRows

    def page(
        self, wanted: OfEditions, scope: Scope, *, after: UUID | None, limit: int
    ) -> Sequence[MeasuredEdition]:
        query = _selected(wanted).order_by(col(EditionRow.id)).limit(limit)
        if scope.own is not None:
            query = query.join(
                SubmissionRow, col(SubmissionRow.id) == col(EditionRow.submission_id)
            ).where(
                or_(
                    col(EditionRow.provider).in_(scope.own),
                    col(SubmissionRow.submitted_by).in_(scope.own),
                )
            )
        if after is not None:
            query = query.where(col(EditionRow.id) > after)
        found = reading.page_by(self.session, query, self._with_fields, key=col(EditionRow.id))
        if scope.own is None:
            self._hold_part(after, found[-1].edition_id if len(found) == limit else None)
        return found

    def trend(self, data_set: str, provider: str, *, limit: int) -> Sequence[MeasuredEdition]:
        wanted = OfEditions(data_set=data_set, provider=provider, only_in_force=True)
        newest = (col(EditionRow.period_first).desc(), col(EditionRow.id).desc())
        return self._with_fields(_selected(wanted).order_by(*newest).limit(limit))[::-1]

    def national(
        self, data_set: str, periods: Collection[str]
    ) -> Mapping[tuple[str, str], FieldTotals]:
        summed = [
            func.sum(col(column))
            for column in (
                FieldQualityRow.judged,
                FieldQualityRow.valid,
                FieldQualityRow.missing,
                FieldQualityRow.withheld,
            )
        ]
        query = (
            select(col(EditionQualityRow.period), col(FieldQualityRow.field), *summed)
            .join(EditionRow, col(EditionRow.id) == col(EditionQualityRow.edition_id))
            .join(
                FieldQualityRow,
                col(FieldQualityRow.edition_id) == col(EditionQualityRow.edition_id),
            )
            .where(col(EditionQualityRow.data_set) == data_set)
            .where(col(EditionQualityRow.period).in_(periods))
            .where(is_in_force())
            .group_by(col(EditionQualityRow.period), col(FieldQualityRow.field))
        )
        # Also what is not summed: its row may have been altered to be left out.
        of_data_set = (
            select(col(EditionRow.id))
            .join(
                EditionQualityRow,
                col(EditionQualityRow.edition_id) == col(EditionRow.id),
                isouter=True,
            )
            .where(
                or_(
                    col(EditionRow.data_set) == data_set,
                    col(EditionQualityRow.data_set) == data_set,
                )
            )
        )
        ids = list(self.session.scalars(of_data_set))
        self.rows.compare(self.session, EDITIONS, ids)
        self.rows.compare(self.session, QUALITIES, ids)
        in_sum = (
            select(col(EditionQualityRow.edition_id))
            .join(EditionRow, col(EditionRow.id) == col(EditionQualityRow.edition_id))
            .where(col(EditionQualityRow.data_set) == data_set)
            .where(col(EditionQualityRow.period).in_(periods))
            .where(is_in_force())
            .limit(FIELDS_COMPARED_MAX + 1)
        )
        summed_ids = list(self.session.scalars(in_sum))
        if len(summed_ids) > FIELDS_COMPARED_MAX:
            self.rows.pass_over(FIELDS)
        else:
            self.rows.compare(self.session, FIELDS, summed_ids)
        return {(row[0], row[1]): _totals(row) for row in self.session.execute(query)}

    def submission(self, submission_id: UUID, scope: Scope) -> Submission:
        submissions = SqlSubmissions(self.session, self.rows)
        found = submissions.get(submission_id, scope)
        submissions.hold([submission_id])
        return found

    def sums(
        self, data_sets: Collection[str], provider: str, period: Period, *, instead: UUID | None
    ) -> Mapping[str, Sequence[Sums]]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set).in_(data_sets))
            .where(col(EditionRow.provider) == provider)
            .where(col(EditionRow.period_first) <= period.last)
            .where(col(EditionRow.period_last) >= period.first)
            .where(or_(is_in_force(), col(EditionRow.id) == instead))
            .order_by(col(EditionRow.id))
        )
        rows = list(self.session.scalars(query))
        self.rows.compare(self.session, EDITIONS, [row.id for row in rows])
        own = next((row for row in rows if row.id == instead), None)
        months = {*period}
        return {
            name: [
                one
                for row in rows
                if row.data_set == name and (own is None or row.id == own.id or _stays(row, own))
                for one in sums_of_row(row)
                if one.month in months
            ]
            for name in data_sets
        }

    def preparation(self, permit_id: UUID) -> Preparation:
        found = SqlPreparations(self.session, self.rows).get(permit_id)
        self.rows.compare(self.session, PREPARATIONS, [permit_id])
        return found

    def of(self, edition_ids: Collection[UUID]) -> Sequence[MeasuredEdition]:
        wanted = col(EditionRow.id).in_(edition_ids)
        return self._with_fields(_selected(OfEditions()).where(wanted).order_by(col(EditionRow.id)))

    def coverage(self, periods: Collection[tuple[str, str]]) -> Sequence[Coverage]:
        data_set, period = col(EditionQualityRow.data_set), col(EditionQualityRow.period)
        query = (
            select(data_set, period, func.count(col(EditionQualityRow.provider).distinct()))
            .join(EditionRow, col(EditionRow.id) == col(EditionQualityRow.edition_id))
            .where(data_set.in_({name for name, _ in periods}))
            .where(period.in_({of for _, of in periods}))
            .where(is_in_force())
            .group_by(data_set, period)
            .order_by(data_set, period)
        )
        return [
            Coverage(data_set=name, period=of, providers=providers)
            for name, of, providers in self.session.execute(query)
            if (name, of) in periods
        ]

    def _hold(self, edition_ids: Collection[UUID]) -> None:
        for kept in (EDITIONS, QUALITIES, FIELDS):
            self.rows.compare(self.session, kept, edition_ids)

    def _hold_part(self, after: UUID | None, last: UUID | None) -> None:
        """Hold what is not listed against the log: it may have been altered to be left out."""
        query = select(col(EditionRow.id))
        if after is not None:
            query = query.where(col(EditionRow.id) > after)
        if last is not None:
            query = query.where(col(EditionRow.id) <= last)
        ids = list(self.session.scalars(query))
        for kept in (EDITIONS, QUALITIES):
            self.rows.compare(self.session, kept, ids)
            self.rows.look_for_gone(self.session, kept, after=after, last=last)

    def _with_fields(self, query: Select[EditionQualityRow, EditionRow]) -> list[MeasuredEdition]:
        found = [(quality, edition) for quality, edition in self.session.execute(query)]
        self._hold([edition.id for _, edition in found])
        fields: dict[UUID, list[FieldMeasure]] = {edition.id: [] for _, edition in found}
        rows = self.session.scalars(
            select(FieldQualityRow)
            .where(col(FieldQualityRow.edition_id).in_(fields))
            .order_by(col(FieldQualityRow.position))
        )
        for row in rows:
            fields[row.edition_id].append(_to_measure(row))
        return [_to_edition(quality, edition, fields[edition.id]) for quality, edition in found]


@dataclass(frozen=True, slots=True)
class SqlQuality:
    """One transaction of data quality."""

    session: Session
    rows: LoggedRows

    @property
    def records(self) -> SqlQualityRecords:
        return SqlQualityRecords(self.session, self.rows)

    @property
    def board(self) -> SqlBoard:
        return SqlBoard(self.session, self.rows)

    @property
    def idempotency(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)


def quality_unit_of_work(engine: Engine, logged: Logged | None = None) -> UnitOfWork[SqlQuality]:
    """Make the unit of work of data quality; what is shown is held against what was `logged`."""
    rows = (logged or Logged()).rows
    return UnitOfWork(engine, lambda session: SqlQuality(session, rows))


def _stays(row: EditionRow, own: EditionRow) -> bool:
    """Return whether an edition does not give way to another."""
    return (row.data_set, row.period, row.part) != (own.data_set, own.period, own.part)


def _selected(wanted: OfEditions) -> Select[EditionQualityRow, EditionRow]:
    query: Select[EditionQualityRow, EditionRow] = select(EditionQualityRow, EditionRow).join(
        EditionRow, col(EditionRow.id) == col(EditionQualityRow.edition_id)
    )
    if wanted.data_set is not None:
        query = query.where(col(EditionQualityRow.data_set) == wanted.data_set)
    if wanted.data_sets is not None:
        query = query.where(col(EditionQualityRow.data_set).in_(wanted.data_sets))
    if wanted.provider is not None:
        query = query.where(col(EditionQualityRow.provider) == wanted.provider)
    if wanted.month is not None:
        query = query.where(col(EditionQualityRow.period_first) <= wanted.month)
        query = query.where(col(EditionQualityRow.period_last) >= wanted.month)
    if wanted.first is not None:
        query = query.where(col(EditionQualityRow.period_last) >= wanted.first)
    if wanted.last is not None:
        query = query.where(col(EditionQualityRow.period_first) <= wanted.last)
    if wanted.only_in_force:
        query = query.where(is_in_force())
    for name, periods in sorted(wanted.published.items()):
        is_another = col(EditionQualityRow.data_set) != name
        query = query.where(or_(is_another, col(EditionQualityRow.period).in_(sorted(periods))))
    return query


def _to_edition(
    quality: EditionQualityRow, edition: EditionRow, fields: Sequence[FieldMeasure]
) -> MeasuredEdition:
    return MeasuredEdition(
        edition_id=edition.id,
        submission_id=edition.submission_id,
        data_set=quality.data_set,
        provider=quality.provider,
        period=quality.period,
        number=edition.number,
        standing=_standing(edition),
        superseded_by=edition.superseded_by,
        landed_at=edition.landed_at,
        records=quality.records,
        landed=quality.landed,
        set_aside=quality.set_aside,
        repeated=quality.repeated,
        withheld=quality.withheld,
        fields=tuple(fields),
    )


def _standing(edition: EditionRow) -> EditionStanding:
    state = Replacement(edition.state)
    if state in STANDINGS:
        return STANDINGS[state]
    is_read = edition.superseded_by is None and state is not Replacement.SUPERSEDED
    return EditionStanding.IN_FORCE if is_read else EditionStanding.SUPERSEDED


@from_row
def _totals(row: Sequence[Any]) -> FieldTotals:
    """Read sums. More valid values than were judged are no sums of ours."""
    judged, valid, missing, withheld = (int(count) for count in row[2:])
    if min(judged, valid, missing, withheld) < 0 or valid + missing + withheld > judged:
        raise ValueError("sums")
    return FieldTotals(judged=judged, valid=valid, missing=missing, withheld=withheld)


@from_row
def _to_measure(row: FieldQualityRow) -> FieldMeasure:
    if row.valid + row.missing + row.withheld > row.judged:
        raise ValueError("counts")
    return FieldMeasure(
        field=row.field,
        is_submitted=row.is_submitted,
        judged=row.judged,
        valid=row.valid,
        missing=row.missing,
        invalid=row.invalid,
        default=row.defaulted,
        withheld=row.withheld,
        duplicate=row.duplicate,
    )
