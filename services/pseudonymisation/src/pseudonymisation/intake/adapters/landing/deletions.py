"""Rows that are no activity: counted, and where they are deletions, what they take back.

A deletion takes back the record of the same provider and key on the lines before it. While the
file is read its key is kept as it is landed (sealed words), with its line: a few dozen bytes each.
When the file has been read, the records are taken out again. Most files have no deletion of a
record that is in them, and are written once.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField, DataSet, LandingRules
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.sealing import Sealer, is_sealed, key_of
from pseudonymisation.intake.domain import errors

DELETIONS_MAX: Final = 1 << 22
"""So many are held: some 200 MiB."""
DELETED: Final = "DELETED"
"""Records that a deletion behind them in the file takes back."""
TABLE: Final = "taken_back"


class LeftOut:
    """Counts rows that are no activity, and remembers which records they take back."""

    def __init__(
        self,
        rules: LandingRules,
        data_set: DataSet,
        keys: Mapping[str, bytes],
        *,
        is_dated: bool = False,
    ) -> None:
        """`is_dated`: of each deletion the day is remembered too from which it holds."""
        self._lock = threading.Lock()
        self._cancelling = pa.array(
            sorted({when.code for when in rules.adds_nothing if when.cancels}), pa.string()
        )
        named = rules.record.key if rules.record and len(self._cancelling) else ()
        self.fields: Sequence[CatalogueField] = [data_set.by_name[name] for name in named]
        self._sealers = {
            field.name: Sealer(*(keys[name] for name in key_of(field.identifier)))
            for field in self.fields
            if field.identifier is not None and is_sealed(field, data_set)
        }
        self._is_dated = is_dated
        self._found: list[pa.RecordBatch] = []
        self.reasons: Counter[str] = Counter()
        self.deletions = 0
        self.without_match = 0
        """Deletions that have nothing before them in the file to take back."""

    @property
    def parameters(self) -> int:
        """How many columns it is called with."""
        return 3 + len(self.fields) + self._is_dated if self.fields else 1

    def __call__(self, codes: pa.Array, *deleting: pa.Array) -> pa.Array:
        """Say no to each, as the condition on which a row is kept.

        `deleting` are the line, the provider in normal form, the columns of the key, and the day
        where deletions are dated.

        Raises:
            TooManyDeletions

        """
        codes = codes.cast(pa.string())
        counts = pc.value_counts(codes).to_pylist()
        with self._lock:
            for item in counts:
                self.reasons[item["values"]] += item["counts"]
            if deleting:
                self._remember(pc.is_in(codes, value_set=self._cancelling), *deleting)
        return pa.array(np.zeros(len(codes), dtype=np.bool_))

    def _remember(
        self, which: pa.Array, line: pa.Array, provider: pa.Array, *key: pa.Array
    ) -> None:
        columns = [line.cast(pa.uint64()).filter(which)]
        days = [key[-1].cast(pa.string()).filter(which).cast(pa.date32())] if self._is_dated else []
        for field, values in zip(self.fields, key[: len(self.fields)], strict=True):
            kept = values.cast(pa.string()).filter(which)
            if field.name in self._sealers:
                cells = self._sealers[field.name].seal(kept)
                columns += [cells.first, cells.second]
            else:
                columns.append(kept)
        columns.append(provider.cast(pa.string()).filter(which))
        self.deletions += len(columns[0])
        if self.deletions > DELETIONS_MAX:
            raise errors.TooManyDeletions(
                f"The file deletes more than {DELETIONS_MAX} records; send what is left of the"
                " period, which takes the place of all that was sent of it."
            )
        if len(columns[0]):
            self._found.append(pa.RecordBatch.from_arrays([*columns, *days], schema=self._schema))

    @property
    def _schema(self) -> pa.Schema:
        words = [2 if field.name in self._sealers else 1 for field in self.fields]
        kinds = [pa.uint64() if n == 2 else pa.string() for n in words for _ in range(n)]
        keys = [(f"key_{place}", kind) for place, kind in enumerate([*kinds, pa.string()])]
        days = [("day", pa.date32())] if self._is_dated else []
        return pa.schema([("line", pa.uint64()), *keys, *days])

    def listed(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the table `deletions` of what was found."""
        # A table of the engine's own: what a join says of large words it cannot push into Arrow.
        connection.register("deleting", pa.Table.from_batches(self._found, schema=self._schema))
        connection.execute("CREATE TABLE deletions AS SELECT * FROM deleting")
        connection.unregister("deleting")

    def take_back(
        self, connection: duckdb.DuckDBPyConnection, key: RecordKey | None, source: str
    ) -> int:
        """Make the table of lines that are taken back of what was landed; return how many.

        `source` is what was landed, as SQL. A record that is sent again behind its deletion stays.
        """
        if not self._found or key is None:
            return 0
        self.listed(connection)
        names = [f"key_{place}" for place in range(len(key.columns))]
        landed = ", ".join(f"{c} AS {n}" for c, n in zip(key.columns, names, strict=True))
        # Of no value equals no value, but the first, without which a record is like no other.
        same = " AND ".join(
            f"l.{name} {'=' if name == names[0] else 'IS NOT DISTINCT FROM'} d.{name}"
            for name in names
        )
        keys = ", ".join(names)
        connection.execute(
            f"CREATE TABLE named AS SELECT line, {keys} FROM (SELECT line, {landed} FROM {source})"
            f" WHERE key_0 IN (SELECT key_0 FROM deletions)"
        )
        connection.execute(
            f"CREATE TABLE {TABLE} AS SELECT l.line FROM named AS l JOIN (SELECT {keys},"
            f" max(line) AS line FROM deletions GROUP BY {keys}) AS d ON {same}"
            " WHERE l.line < d.line"
        )
        matched = connection.execute(
            f"SELECT count(*) FROM deletions AS d JOIN (SELECT {keys}, min(line) AS line FROM named"
            f" GROUP BY {keys}) AS l ON {same} WHERE l.line < d.line"
        ).fetchone()
        taken = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
        self.without_match = self.deletions - int(matched[0] if matched else 0)
        count = int(taken[0] if taken else 0)
        if count:
            self.reasons[DELETED] += count
        return count
