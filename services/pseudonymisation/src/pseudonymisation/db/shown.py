"""What was shown of tables, in rows; read whole, since each new one is held against all of them."""

from dataclasses import dataclass

from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from pseudonymisation.db.preparation_tables import PreparationRow, ShownTableRow
from pseudonymisation.preparations.domain.errors import ShownMeanwhile
from pseudonymisation.preparations.domain.shown import (
    ShownBefore,
    ShownCells,
    ShownTable,
    Whose,
    recipient_of,
)
from statements.filters import FILTER
from statements.permit import Permit

_TOLD: TypeAdapter[ShownCells] = TypeAdapter(ShownCells)


@dataclass(frozen=True, slots=True)
class SqlShownTables:
    session: Session

    def before(self, permit: Permit) -> ShownBefore:
        """Return what the permit's recipient has of its data set, of whomever."""
        found = self.session.exec(
            select(ShownTableRow, PreparationRow.permit)
            .join(PreparationRow, col(PreparationRow.id) == col(ShownTableRow.preparation_id))
            .where(col(ShownTableRow.recipient) == recipient_of(permit))
            .where(col(ShownTableRow.data_set) == permit.line.data_set)
            .order_by(col(ShownTableRow.number))
        ).all()
        tables = tuple(_shown(row, Permit.read(claims)) for row, claims in found)
        return ShownBefore(tables=tables, number=len(found))

    def add(self, shown: ShownTable, *, before: ShownBefore) -> None:
        """Raise ShownMeanwhile where there is another one by now."""
        row = ShownTableRow(
            preparation_id=shown.preparation_id,
            extract_id=shown.extract_id,
            recipient=shown.recipient,
            data_set=shown.data_set,
            number=before.number + 1,
            people=shown.whose.digest,
            measure=shown.measure,
            editions={month: list(ids) for month, ids in shown.editions.items()},
            filters=[FILTER.claims(one) for one in shown.filters],
            told=_TOLD.dump_python(shown.told, mode="json"),
            at=shown.at,
        )
        self.session.add(row)
        try:
            self.session.flush()
        except IntegrityError as error:
            raise ShownMeanwhile from error


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
        told=_TOLD.validate_python(row.told),
        at=row.at,
    )
