"""Which people an extract has, and their tokens: one map that the rows are joined with."""

from collections.abc import Iterator
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from pseudonymisation.engine.blocks import BATCH, Words
from pseudonymisation.engine.session import whole
from pseudonymisation.engine.tokens import PERSON_KINDS, Kind, Retokeniser
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.selection import Selection

_MINTED: Final = pa.schema(
    [
        ("person_0", pa.uint64()),
        ("person_1", pa.uint64()),
        ("place_0", pa.uint64()),
        ("place_1", pa.uint64()),
        ("minted__head", pa.uint16()),
        ("minted__0", pa.uint64()),
        ("minted__1", pa.uint64()),
    ]
)


class People:
    """The map of people to tokens, less the opted-out, who are counted."""

    def __init__(
        self, plan: Plan, connection: duckdb.DuckDBPyConnection, selection: Selection
    ) -> None:
        self._plan = plan
        self._connection = connection
        self._selection = selection
        self.people = 0
        self.left_out = 0
        self.rows = 0
        self.rows_left_out = 0
        self.rows_without_person = 0

    def build_map(self) -> None:
        self._connection.execute(
            "CREATE TABLE people (person_0 UBIGINT, person_1 UBIGINT, place_0 UBIGINT, "
            "place_1 UBIGINT, minted__head USMALLINT, minted__0 UBIGINT, minted__1 UBIGINT)"
        )
        opted_out = "FALSE"
        joined = ""
        if self._plan.opted_out and self._plan.opt_outs_apply:
            opted_out = "o.person_0 IS NOT NULL"
            # UNION, not UNION ALL: nobody is on the lists twice.
            listed = " UNION ".join(
                f"SELECT person_0, person_1 FROM {source.sql}" for source in self._plan.opted_out
            )
            joined = (
                f"LEFT JOIN (SELECT DISTINCT person_0, person_1 FROM ({listed})) "
                "AS o ON p.person_0 = o.person_0 AND p.person_1 = o.person_1"
            )
        if self._plan.cleared and self._plan.opt_outs_apply:
            # Whoever has no number cannot be asked about, and is left out and counted as such.
            opted_out = f"({opted_out} OR (p.person_kind = 1 AND c.person_0 IS NULL))"
            # Cleared is who is in each of the replies.
            cleared = " INTERSECT ".join(
                f"SELECT person_0, person_1 FROM {source.sql}" for source in self._plan.cleared
            )
            joined += (
                f" LEFT JOIN (SELECT DISTINCT person_0, person_1 FROM ({cleared})) "
                "AS c ON p.person_0 = c.person_0 AND p.person_1 = c.person_1"
            )
        query = (
            f"SELECT p.person_kind, p.person_0, p.person_1, p.rows, {opted_out} AS opted_out "
            "FROM (SELECT person_kind, person_0, person_1, count(*) AS rows "
            f"FROM ({self._selection.rows()}) GROUP BY ALL) AS p {joined}"
        )
        # A second cursor reads while the first one writes; both are of one locked engine.
        reader = self._connection.cursor().sql(query).to_arrow_reader(BATCH)
        minted = pa.RecordBatchReader.from_batches(_MINTED, self._mint(reader))
        self._connection.register("minted", minted)
        self._connection.execute("INSERT INTO people SELECT * FROM minted")
        self._connection.unregister("minted")

    def _mint(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        retokenisers = {
            number: Retokeniser(
                kind=kind,
                domain_key=self._plan.keys.domain,
                domain_id=self._plan.domain_id,
                haven_key=self._plan.keys.haven if kind is Kind.NUMBER else None,
            )
            for number, kind in PERSON_KINDS.items()
        }
        for batch in reader:
            kinds, first, second, rows, opted_out = (_array(c) for c in batch.columns)
            for number, retokeniser in retokenisers.items():
                of_kind = kinds == number
                kept = of_kind & ~opted_out
                self.left_out += int(np.count_nonzero(of_kind & opted_out))
                self.rows_left_out += int(rows[of_kind & opted_out].sum())
                if self._plan.opt_outs_apply and retokeniser.kind is not Kind.NUMBER:
                    # Who has no number cannot be looked up in the list (design.md section 7).
                    self.rows_without_person += int(rows[kept].sum())
                    continue
                self.people += int(np.count_nonzero(kept))
                self.rows += int(rows[kept].sum())
                yield from _minted(retokeniser, first[kept], second[kept])


def _minted(retokeniser: Retokeniser, first: Words, second: Words) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(first), BATCH):
        part = slice(start, start + BATCH)
        words = first[part], second[part]
        columns = [*words, *retokeniser.minted(*words)]
        yield pa.record_batch([pa.array(column) for column in columns], schema=_MINTED)


def _array(column: pa.Array | pa.ChunkedArray) -> Words:
    column = whole(column)
    if column.null_count:
        column = column.fill_null(0)
    values: Words = column.to_numpy(zero_copy_only=False)
    return values
