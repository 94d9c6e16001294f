"""Merges a net change with the edition in force: by the key of a record, and the day it holds from.

What was landed of the file, and what it deletes, is held against what is there: of each key the
newest counts, and what is as new as what is there takes its place. What is taken back leaves its
key and its day behind, sealed beside the edition, so that an older change does not bring it back.
The result is an edition as any other (docs/adr/0054).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import duckdb

from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.session import identifier, literal, sealed_parquet
from pseudonymisation.intake.adapters.landing.judged.reading import FINDINGS
from pseudonymisation.intake.adapters.landing.judged.statement import HOLDS_FROM, Base
from pseudonymisation.intake.adapters.landing.layout import with_nothing_in
from pseudonymisation.intake.domain.quality import Merged

TAKES: Final = "takes"
EVER: Final = "DATE '0001-01-01'"
"""A record whose file said no day is older than every change."""


class Merge:
    """One net change, in the session that landed it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        key: RecordKey,
        base: Base | None,
        change: str,
        lacking: Mapping[str, str],
    ) -> None:
        """`change` is what was landed of the file, as SQL; the table `deletions` what it deletes.

        Without a base the change is all that there is; `lacking` is what a base leaves out.
        """
        self._connection = connection
        self._key = key
        self._base = base
        self._change = change
        self._lacking = lacking
        self._names = [f"key_{place}" for place in range(len(key.columns))]

    def decide(self) -> Merged:
        """Make the table of what takes the place of what is there; count what it does."""
        run, keys = self._connection.execute, ", ".join(self._names)
        run(
            f"CREATE TABLE changes AS SELECT line, {self._keys}, {HOLDS_FROM} AS day,"
            f" false AS is_gone FROM {self._change}"
            f" UNION ALL SELECT line, {keys}, day, true FROM deletions"
        )
        run(
            "CREATE TABLE newest AS SELECT * EXCLUDE (place) FROM (SELECT *, row_number() OVER"
            f" (PARTITION BY {keys} ORDER BY day DESC, line DESC) AS place FROM changes)"
            " WHERE place = 1"
        )
        run(
            f"CREATE TABLE there AS SELECT {keys}, max(day) AS day, bool_or(is_row) AS is_row"
            f" FROM ({self._there()}) GROUP BY {keys}"
        )
        run(
            f"CREATE TABLE {TAKES} AS SELECT n.*, coalesce(t.is_row, false) AS is_row"
            f" FROM newest AS n LEFT JOIN there AS t ON {self._same('n', 't')}"
            " WHERE t.day IS NULL OR n.day >= t.day"
        )
        row = run(
            "SELECT count(*) FILTER (NOT is_gone AND NOT is_row),"
            " count(*) FILTER (NOT is_gone AND is_row), count(*) FILTER (is_gone AND is_row),"
            f" count(*) FILTER (is_gone AND NOT is_row), (SELECT count(*) FROM changes) - count(*)"
            f" FROM {TAKES}"
        ).fetchone()
        inserted, replaced, deleted, without_match, ignored = map(int, row or (0,) * 5)
        return Merged(
            inserted=inserted,
            replaced=replaced,
            deleted=deleted,
            without_match=without_match,
            ignored=ignored,
        )

    def rows(self, columns: Sequence[str], places: Sequence[str]) -> str:
        """Select what is there after the change: columns of the layout, in their order.

        `places` are columns of the file, by whose places findings are written from now on.
        """
        wanted = [identifier(name) for name in columns]
        base, offset = "", "0"
        if self._base is not None:
            selected = ", ".join(self._of_base(name, places) for name in columns)
            base = (
                f"SELECT {selected} FROM (SELECT *, {self._keys} FROM {self._source}) AS b"
                f" ANTI JOIN {TAKES} AS t ON {self._same('b', 't')} UNION ALL "
            )
            offset = f"(SELECT coalesce(max(line), 0) FROM {self._source})"
        moved = ", ".join(
            f"(line + {offset})::UBIGINT AS line" if name == '"line"' else name for name in wanted
        )
        return (
            f"{base}SELECT {moved} FROM {self._change}"
            f" WHERE line IN (SELECT line FROM {TAKES} WHERE NOT is_gone)"
        )

    def deleted(self) -> str:
        """Select what is gone, with its day: by this change, and before it."""
        keys = ", ".join(self._names)
        gone = f"SELECT {keys}, day FROM {TAKES} WHERE is_gone"
        if self._base is None or self._base.deleted is None:
            return gone
        before = sealed_parquet(self._base.deleted, self._base.key_name)
        return (
            f"{gone} UNION ALL SELECT {', '.join(f'b.{n}' for n in self._names)}, b.day"
            f" FROM {before} AS b ANTI JOIN {TAKES} AS t ON {self._same('b', 't')}"
        )

    @cached_property
    def columns(self) -> Sequence[str]:
        """Name the columns that the edition in force has, those that it leaves out among them."""
        return [] if self._base is None else self._described(self._source)

    @cached_property
    def _source(self) -> str:
        if self._base is None:
            return ""
        file = sealed_parquet(self._base.path, self._base.key_name)
        there = self._described(file)
        lacking = {name: kind for name, kind in self._lacking.items() if name not in there}
        return with_nothing_in(lacking, file)

    def _described(self, source: str) -> list[str]:
        described = self._connection.sql(f"DESCRIBE SELECT * FROM {source}")
        return [str(name) for name, *_ in described.fetchall()]

    @property
    def _keys(self) -> str:
        return ", ".join(f"{c} AS {n}" for c, n in zip(self._key.columns, self._names, strict=True))

    def _there(self) -> str:
        """Select keys that the change names, of rows that are there and of those taken back."""
        keys = ", ".join(self._names)
        if self._base is None:
            return f"SELECT {keys}, day, false AS is_row FROM newest WHERE false"
        day = HOLDS_FROM if HOLDS_FROM in self.columns else "NULL::DATE"
        named = "key_0 IN (SELECT key_0 FROM newest)"
        found = (
            f"SELECT {keys}, coalesce(day, {EVER}) AS day, true AS is_row FROM"
            f" (SELECT {self._keys}, {day} AS day FROM {self._source}) WHERE {named}"
        )
        if self._base.deleted is None:
            return found
        gone = sealed_parquet(self._base.deleted, self._base.key_name)
        return f"{found} UNION ALL SELECT {keys}, day, false FROM {gone} WHERE {named}"

    def _same(self, one: str, other: str) -> str:
        """Say that two keys are the same; of no value equals no value, but of the first."""
        return " AND ".join(
            f"{one}.{name} {'=' if name == 'key_0' else 'IS NOT DISTINCT FROM'} {other}.{name}"
            for name in self._names
        )

    def _of_base(self, name: str, places: Sequence[str]) -> str:
        if name == HOLDS_FROM and HOLDS_FROM not in self.columns:
            return f"NULL::DATE AS {HOLDS_FROM}"
        if name != FINDINGS or self._base is None:
            return f"b.{identifier(name)}"
        numbered = {one: place for place, one in enumerate(places)}
        moved = ", ".join(literal(str(numbered[one])) for one in self._base.columns)
        # Findings of before are written by the places of another file's columns.
        return (
            f"array_to_string(list_transform(string_split(b.{FINDINGS}, ' '), lambda f:"
            f" [{moved}][split_part(f, ':', 1)::INTEGER + 1] || ':' || split_part(f, ':', 2)), ' ')"
            f" AS {FINDINGS}"
        )
