"""What one edition has and another has in its place: rows, people, sums and months.

Sums are of decimals, to six places: of money a sum of floating-point numbers would say that pennies
come or go where nothing does.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb

from common.replacement import Change
from pseudonymisation.engine.session import EngineLimits, identifier
from pseudonymisation.intake.adapters import lists
from pseudonymisation.intake.adapters.lists import SealedFile
from pseudonymisation.intake.adapters.sums import exact_sum
from pseudonymisation.intake.domain.edition import Replaced, Total, emptied


def replaced(
    before: SealedFile,
    after: SealedFile,
    *,
    measures: Sequence[str],
    scratch: Path,
    limits: EngineLimits,
) -> Replaced:
    """Compare two editions of one place."""
    with lists.opened_files([before, after], scratch=scratch, limits=limits) as connection:
        sums = [_sums(connection, file, measures) for file in (before, after)]
        had, has = (_months(connection, file) for file in (before, after))
        return Replaced(
            rows=lists.rows_changed(connection, before, after),
            people=_people(connection, before, after),
            totals=tuple(Total(name, sums[0][name], sums[1][name]) for name in measures),
            emptied=emptied(had, has),
        )


def _people(connection: duckdb.DuckDBPyConnection, before: SealedFile, after: SealedFile) -> Change:
    had, has, kept = _one(
        connection,
        f"WITH had AS MATERIALIZED (SELECT DISTINCT person_0, person_1 FROM {before.sql}),"
        f" has AS MATERIALIZED (SELECT DISTINCT person_0, person_1 FROM {after.sql})"
        " SELECT (SELECT count(*) FROM had), (SELECT count(*) FROM has),"
        " (SELECT count(*) FROM had SEMI JOIN has USING (person_0, person_1))",
    )
    return Change(before=had, after=has, added=has - kept, removed=had - kept)


def _sums(
    connection: duckdb.DuckDBPyConnection, file: SealedFile, measures: Sequence[str]
) -> dict[str, Decimal | None]:
    """Sum each measure; one that the edition has no column of, or is too large, has no sum."""
    described = connection.sql(f"DESCRIBE SELECT * FROM {file.sql}").fetchall()
    columns = {str(name) for name, *_ in described}
    there = [name for name in measures if name in columns]
    found: dict[str, Decimal | None] = dict.fromkeys(measures)
    if not there:
        return found
    summed = ", ".join(exact_sum(identifier(name)) for name in there)
    row = connection.execute(f"SELECT {summed} FROM {file.sql}").fetchone() or ()
    return found | dict(zip(there, row, strict=True))


def _months(connection: duckdb.DuckDBPyConnection, file: SealedFile) -> list[str]:
    """Return the months of which an edition has rows."""
    found = connection.execute(f"SELECT DISTINCT period FROM {file.sql} WHERE period IS NOT NULL")
    return [str(month) for (month,) in found.fetchall()]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    return tuple(int(value) for value in row or ())
