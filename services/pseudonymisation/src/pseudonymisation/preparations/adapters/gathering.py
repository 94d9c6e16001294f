"""Columns that are made of several records: of a spell its episodes (docs/adr/0072).

Counted are the records of a month and provider that have the same local identifier, whoever has a
right to them: what is told of a spell is the same in every extract of its month. A record that is
there twice counts once; one whose identifier was withheld is of nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from catalogue import OF_RECORDS, DataSet, Derivation
from pseudonymisation.engine import repeats
from pseudonymisation.engine.sealing import is_sealed
from pseudonymisation.engine.session import identifier

TYPE: Final = "INTEGER"
TABLE: Final = "gathered"
"""Of every row, by `edition` and `line`, what is made of it and others."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A column that is made of the records that have the same words in `key`."""

    name: str
    key: tuple[str, ...]
    """Landed columns, quoted; the first is null where there is no identifier."""
    at: str | None
    """The landed date by which they are in their order."""

    @property
    def sql(self) -> str:
        """What is made of a row in this window of others."""
        window = f"PARTITION BY {', '.join((*self.key, repeats.PERIOD))}"
        if self.at is None:
            made = f"count(*) OVER ({window})"
        else:
            order = f"{identifier(self.at)}, edition, line"
            made = f"row_number() OVER ({window} ORDER BY {order})"
        return f"CASE WHEN {self.key[0]} IS NOT NULL THEN {made} END::{TYPE}"


def gathered(names: Iterable[str], data_set: DataSet) -> tuple[Gathered, ...]:
    """Return which of these columns are made of several records."""
    provider = repeats.PROVIDER if data_set.person.provider else repeats.SUBMITTER
    wanted, found = set(names), []
    for made in data_set.derived:
        if made.name in wanted and made.derivation in OF_RECORDS:
            sealed = is_sealed(data_set.by_name[made.source], data_set)
            words = [f"{made.source}__0", f"{made.source}__1"] if sealed else [made.source]
            at = made.at if made.derivation is Derivation.POSITION else None
            found.append(Gathered(made.name, (*map(identifier, words), provider), at))
    return tuple(found)


def make(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Gathered], editions: Sequence[str]
) -> None:
    """Make the table of them; `editions` are the rows of each that are there once, as SQL."""
    needed = {part for one in columns for part in one.key[:-1]}
    needed |= {identifier(one.at) for one in columns if one.at}
    taken = ", ".join(sorted(needed | {repeats.PERIOD, *repeats.REASONS_OF_PROVIDER}))
    rows = " UNION ALL ".join(
        f"SELECT {number}::USMALLINT AS edition, line, {taken} FROM ({source})"
        for number, source in enumerate(editions)
    )
    selected = ", ".join(f"{one.sql} AS {identifier(one.name)}" for one in columns)
    connection.execute(f"CREATE TABLE {TABLE} AS SELECT edition, line, {selected} FROM ({rows})")


def beside(edition: int, source: str, columns: Sequence[Gathered]) -> str:
    """Read `source`, SQL of an edition's rows, with the columns besides."""
    if not columns:
        return source
    selected = ", ".join(f"g.{identifier(one.name)}" for one in columns)
    return (
        f"(SELECT r.*, {selected} FROM {source} AS r LEFT JOIN"
        f" (SELECT * EXCLUDE (edition) FROM {TABLE} WHERE edition = {edition}) AS g"
        " ON r.line = g.line)"
    )
