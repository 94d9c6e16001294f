"""All rows about agreements as they are stored, read by one statement a table for many of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Dialect
from sqlmodel import Session

from agreements.db.seals.stored import Stored, StoredColumns, by_column, stored
from agreements.db.tables import (
    AgreementLineRow,
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
    HoldLiftRow,
    HoldLineRow,
    HoldRow,
    RenewalRow,
    SignatureRow,
    SpecialConditionRow,
    TaskRow,
)
from common.db.tables import table_of

Rows = Sequence[StoredColumns]
NONE: Rows = ()
OF_AGREEMENT, OF_VERSION, OF_HOLD = "agreement_id", "agreement_version_id", "hold_id"


class AgreementTables(NamedTuple):
    """The tables that say all of an agreement, each with how its rows are stored."""

    agreement: Stored
    version: Stored
    party: Stored
    line: Stored
    signature: Stored
    condition: Stored
    renewal: Stored
    task: Stored
    hold: Stored
    held_line: Stored
    lift: Stored


@cache
def tables(dialect: Dialect) -> AgreementTables:
    return AgreementTables(
        *(
            stored(table_of(row), dialect)
            for row in (
                *(AgreementRow, AgreementVersionRow, AgreementPartyRow, AgreementLineRow),
                *(SignatureRow, SpecialConditionRow, RenewalRow, TaskRow),
                *(HoldRow, HoldLineRow, HoldLiftRow),
            )
        )
    )


class AgreementRows(NamedTuple):
    """Every row about one agreement, current or not: all that its seals are over."""

    agreement: Rows
    """Of its reference."""
    version: Rows
    party: Rows
    line: Rows
    signature: Rows
    condition: Rows
    renewal: Rows
    task: Rows
    hold: Rows
    held_line: Rows
    lift: Rows

    @property
    def size(self) -> int:
        """Return about how many bytes they take: their long texts, and a little for each row."""
        of = 0
        for rows in self:
            for row in rows:
                of += 200 + sum(len(value) for value in row if isinstance(value, str))
        return of


def rows_of(
    session: Session, which: Sequence[tuple[Any, str]]
) -> Mapping[tuple[Any, str], AgreementRows]:
    """Return the rows of these agreements, by id (as it is stored) and reference."""
    of = tables(session.get_bind().dialect)
    ids, references = {id_ for id_, _ in which}, {reference for _, reference in which}
    rows = by_column(
        of.agreement, "reference", of.agreement.among(session, "reference", references)
    )
    version, condition, renewal, task, hold = (
        table.among(session, OF_AGREEMENT, ids)
        for table in (of.version, of.condition, of.renewal, of.task, of.hold)
    )
    versions, holds = _owners(of.version, version), _owners(of.hold, hold)
    owned = [
        by_column(of.version, OF_AGREEMENT, version),
        *(
            _by_owner(table, OF_VERSION, table.among(session, OF_VERSION, versions), versions)
            for table in (of.party, of.line, of.signature)
        ),
        by_column(of.condition, OF_AGREEMENT, condition),
        by_column(of.renewal, OF_AGREEMENT, renewal),
        by_column(of.task, OF_AGREEMENT, task),
        by_column(of.hold, OF_AGREEMENT, hold),
        *(
            _by_owner(table, OF_HOLD, table.among(session, OF_HOLD, holds), holds)
            for table in (of.held_line, of.lift)
        ),
    ]
    return {
        (id_, reference): AgreementRows(
            rows.get(reference, NONE), *(by.get(id_, NONE) for by in owned)
        )
        for id_, reference in which
    }


def _owners(of: Stored, rows: Rows) -> Mapping[Any, Any]:
    """Return whose each row is, by its id."""
    at, whose = of.position("id"), of.position(OF_AGREEMENT)
    return {row[at]: row[whose] for row in rows}


def _by_owner(
    of: Stored, column: str, rows: Rows, owners: Mapping[Any, Any]
) -> Mapping[Any, list[StoredColumns]]:
    at, found = of.position(column), defaultdict(list)
    for row in rows:
        found[owners[row[at]]].append(row)
    return found
