"""What was shown of tables, in rows; read whole, since each new one is held against all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from common.audit import log as audit_log
from common.audit.entries import Entry
from common.db.turns import take_turns
from pseudonymisation.db.preparation_tables import PreparationRow, PreparedFileRow, ShownTableRow
from pseudonymisation.preparations.domain.errors import ShownMeanwhile
from pseudonymisation.preparations.domain.shown import (
    HeldTable,
    ShownBefore,
    ShownCells,
    ShownTable,
    Whose,
    recipient_of,
)
from statements.filters import FILTER
from statements.permit import Permit

LOCK = 4_702_111_234_474_983_768
"""Of PostgreSQL: those who add to the store take turns, as SQLite's writers do."""
_TOLD: TypeAdapter[ShownCells] = TypeAdapter(ShownCells)


@dataclass(frozen=True, slots=True)
class SqlShownTables:
    session: Session

    def before(self, permit: Permit) -> ShownBefore:
        """Return what the permit's recipient has of its data set, and what of it is public."""
        recipient = recipient_of(permit)
        found = self.session.exec(
            select(ShownTableRow, PreparationRow.permit)
            .join(PreparationRow, col(PreparationRow.id) == col(ShownTableRow.preparation_id))
            .where(_known_to(recipient, permit.line.data_set))
            .order_by(col(ShownTableRow.at), col(ShownTableRow.number))
        ).all()
        tables = tuple(_shown(row, Permit.read(claims)) for row, claims in found)
        newest = max((row.number for row, _ in found if row.recipient == recipient), default=0)
        return ShownBefore(tables=tables, number=newest)

    def add(self, shown: Sequence[ShownTable], *, before: ShownBefore) -> None:
        """Raise ShownMeanwhile where there is another one by now, of the recipient or public."""
        first = shown[0]
        take_turns(self.session, LOCK)
        known = select(ShownTableRow.preparation_id).where(
            _known_to(first.recipient, first.data_set)
        )
        if set(self.session.exec(known)) != {one.preparation_id for one in before.tables}:
            raise ShownMeanwhile
        self.session.add_all(
            ShownTableRow(
                preparation_id=one.preparation_id,
                extract_id=one.extract_id,
                recipient=one.recipient,
                data_set=one.data_set,
                number=number,
                measure=one.measure,
                editions={month: list(ids) for month, ids in one.editions.items()},
                filters=[FILTER.claims(filter_) for filter_ in one.filters],
                is_public=one.is_public,
                told=_TOLD.dump_python(one.told, mode="json"),
                at=one.at,
            )
            for number, one in enumerate(shown, before.number + 1)
        )
        try:
            self.session.flush()
        except IntegrityError as error:
            raise ShownMeanwhile from error

    def of_file(self, file_id: UUID) -> HeldTable | None:
        file = self.session.get(PreparedFileRow, file_id)
        rows = [] if file is None else self._of(file.preparation_id)
        if not rows:
            return None
        first, preparation = rows[0], self.session.get_one(PreparationRow, rows[0].preparation_id)
        files = self.session.exec(
            select(PreparedFileRow.id).where(
                col(PreparedFileRow.preparation_id) == first.preparation_id
            )
        )
        return HeldTable(
            preparation_id=first.preparation_id,
            controllers=Permit.read(preparation.permit).domain.controllers,
            files=frozenset(files),
            destroyed=frozenset(map(UUID, first.destroyed)),
            is_public=first.is_public,
        )

    def save(self, table: HeldTable, *, audit: Entry) -> None:
        for row in self._of(table.preparation_id):
            if table.is_over:
                self.session.delete(row)
            else:
                row.destroyed = sorted(map(str, table.destroyed))
                self.session.add(row)
        self.session.flush()
        audit_log.append(self.session, [audit])

    def _of(self, preparation_id: UUID) -> Sequence[ShownTableRow]:
        of_table = col(ShownTableRow.preparation_id) == preparation_id
        return self.session.exec(select(ShownTableRow).where(of_table).with_for_update()).all()


def _known_to(recipient: str, data_set: str) -> ColumnElement[bool]:
    return and_(
        col(ShownTableRow.data_set) == data_set,
        or_(col(ShownTableRow.recipient) == recipient, col(ShownTableRow.is_public)),
    )


def _shown(row: ShownTableRow, permit: Permit) -> ShownTable:
    return ShownTable(
        preparation_id=row.preparation_id,
        extract_id=row.extract_id,
        recipient=row.recipient,
        data_set=row.data_set,
        measure=row.measure,
        whose=Whose.of(permit),
        editions={month: tuple(ids) for month, ids in row.editions.items()},
        filters=tuple(FILTER.of(one) for one in row.filters),
        is_public=row.is_public,
        told=_TOLD.validate_python(row.told),
        at=row.at,
    )
