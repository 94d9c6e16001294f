"""Finds records that come again: in one file, in two months, or from two submitters.

A record is known by its provider and the key that the landing rules name. Compared is what was
landed: sealed words are equal where values are. Most files have no record twice: one pass over
the keys, taken as one number each, tells so; only where a number comes again are the keys
themselves compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalogue import DataSet, LandingRules, Twice
from pseudonymisation.engine.sealing import is_sealed
from pseudonymisation.engine.session import identifier

LINE_FEED: Final = 10
BITS: Final = 32
"""Of the number that is taken for a key."""
KEYS_MAX: Final = 1 << 22
"""So many keys are sorted at a time: 16 MiB."""
BATCH: Final = 1 << 20
TABLE: Final = "repeated"
"""Rows that another takes the place of: `edition`, `line`."""
PERIOD: Final = '"period"'
SUBMITTER: Final = "reason_s"
REASONS_OF_PROVIDER: Final = ("reason_p", SUBMITTER)
PROVIDER: Final = f"coalesce({', '.join(REASONS_OF_PROVIDER)})"
"""Whose record it is, in normal form; reason S is the provider of the submission."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What a record is known by, as SQL over landed columns, and which of several stays."""

    columns: tuple[str, ...]
    keeps_last: bool

    @classmethod
    def of(cls, rules: LandingRules, data_set: DataSet) -> "RecordKey | None":
        """Read it from the landing rules; None where they have none."""
        if rules.record is None:
            return None
        columns: list[str] = []
        for name in rules.record.key:
            sealed = is_sealed(data_set.by_name[name], data_set)
            landed = [f"{name}__0", f"{name}__1"] if sealed else [name]
            columns += map(identifier, landed)
        if data_set.periods.unit == "edition":
            columns.append(PERIOD)  # what an edition says again is another edition's
        provider = PROVIDER if data_set.person.provider else SUBMITTER
        return cls((*columns, provider), keeps_last=rules.record.twice is Twice.REPLACE)

    def is_in(self, columns: Iterable[str]) -> bool:
        """Return whether an edition has the columns of the key."""
        return {*self._landed} <= {identifier(name) for name in columns}

    @property
    def _landed(self) -> tuple[str, ...]:
        return self.columns[:-1]

    @property
    def number(self) -> str:
        """SQL of one number for the key; two keys may share one. A sealed word is one already.

        Half a word sorts in half the time, and of ten million keys some ten thousand share one.
        """
        word = self.first if self.first.endswith('__0"') else f"hash({self.first})"
        return f"({word} >> {BITS})::UINTEGER"

    @property
    def first(self) -> str:
        """The column without whose value a record is like no other."""
        return self.columns[0]


def find(connection: duckdb.DuckDBPyConnection, key: RecordKey, editions: Sequence[str]) -> int:
    """Make the table of rows that give way to another; return how many they are.

    `editions` are what is read of each, as SQL, in the order in which they were landed. Of a
    record that was landed twice the one of the latest edition stays, or of the first, as the
    rules say; within an edition it goes by the line.
    """
    connection.execute(f"CREATE TABLE {TABLE} (edition USMALLINT, line UBIGINT)")
    suspects = _suspects(connection, key, editions)
    if not len(suspects):
        return 0
    # A table of the engine's own: what a join says of large words it cannot push into Arrow.
    connection.register("suspects", pa.table({"record": suspects}))
    connection.execute("CREATE OR REPLACE TABLE suspected AS SELECT record FROM suspects")
    connection.unregister("suspects")
    if not _any_alike(connection, key, editions):
        return 0
    names = [f"key_{place}" for place in range(len(key.columns))]
    selected = ", ".join(f"{c} AS {n}" for c, n in zip(key.columns, names, strict=True))
    rows = " UNION ALL ".join(
        f"SELECT {number}::USMALLINT AS edition, line, {selected} FROM {source}"
        f" WHERE {key.first} IS NOT NULL AND {key.number} IN (SELECT record FROM suspected)"
        for number, source in enumerate(editions)
    )
    order = "DESC" if key.keeps_last else "ASC"
    found = connection.execute(
        f"INSERT INTO {TABLE} SELECT edition, line FROM (SELECT edition, line, row_number() OVER"
        f" (PARTITION BY {', '.join(names)} ORDER BY edition {order}, line {order}) AS place"
        f" FROM ({rows})) WHERE place > 1"
    ).fetchone()
    return int(found[0]) if found else 0


def _suspects(
    connection: duckdb.DuckDBPyConnection, key: RecordKey, editions: Sequence[str]
) -> npt.NDArray[np.uint32]:
    """Return the numbers of keys that come more than once.

    Sorting numbers costs half of what the engine's grouping does. So many are held at a time;
    numbers are spread evenly, so that a part of their range has a part of the keys.
    """
    rows = " UNION ALL ".join(
        f"SELECT {key.number} AS record FROM {source} WHERE {key.first} IS NOT NULL"
        for source in editions
    )
    # Of whole files, which the engine need not read for it.
    counted = " UNION ALL ".join(f"SELECT count(*) AS rows FROM {source}" for source in editions)
    most = connection.execute(f"SELECT sum(rows) FROM ({counted})").fetchone()
    bits = max(0, int(most[0] if most else 0) // KEYS_MAX).bit_length()
    found = []
    for part in range(1 << bits):
        chosen = f" WHERE record >> {BITS - bits} = {part}" if bits else ""
        reader = connection.sql(f"SELECT record FROM ({rows}){chosen}").to_arrow_reader(BATCH)
        numbers = [batch.column(0).to_numpy(zero_copy_only=False) for batch in reader]
        if numbers:
            every = np.concatenate(numbers)
            every.sort()
            found.append(np.unique(every[1:][every[1:] == every[:-1]]))
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


def _any_alike(
    connection: duckdb.DuckDBPyConnection, key: RecordKey, editions: Sequence[str]
) -> bool:
    """Return whether any two suspects have the same first column too, and not its number alone."""
    rows = " UNION ALL ".join(
        f"SELECT {key.first} AS first FROM {source}"
        f" WHERE {key.first} IS NOT NULL AND {key.number} IN (SELECT record FROM suspected)"
        for source in editions
    )
    alike = connection.execute(
        f"SELECT 1 FROM ({rows}) GROUP BY first HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    return alike is not None


def without(edition: int) -> str:
    """Return SQL that says of a landed row of that edition that no other takes its place."""
    return f"line NOT IN (SELECT line FROM {TABLE} WHERE edition = {edition})"


def lines(connection: duckdb.DuckDBPyConnection, edition: int = 0) -> npt.NDArray[np.int64]:
    """Return the lines of an edition that give way, in order."""
    found = connection.execute(
        f"SELECT line::BIGINT AS line FROM {TABLE} WHERE edition = {edition} ORDER BY line"
    ).fetchnumpy()
    numbers: npt.NDArray[np.int64] = np.asarray(found["line"], dtype=np.int64)
    return numbers


def picked(
    chunks: Iterable[bytes], wanted: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], pa.Array]]:
    """Return the lines of a file with these numbers, in order, chunk by chunk."""
    rest, first = b"", 1
    for chunk in chain(chunks, (b"\n",)):
        data = rest + chunk
        end = data.rfind(b"\n") + 1
        rest, whole = data[end:], data[:end]
        ends = np.flatnonzero(np.frombuffer(whole, dtype=np.uint8) == LINE_FEED)
        here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(ends))]
        if len(here):
            starts = np.concatenate([[0], ends + 1])
            places = here - first
            yield here, pa.array([whole[starts[place] : ends[place]] for place in places.tolist()])
        first += len(ends)
