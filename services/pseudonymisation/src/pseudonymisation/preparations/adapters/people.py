"""Which people an extract has, and their tokens: one map that the rows are joined with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from pseudonymisation.engine.blocks import BATCH, Words, derive
from pseudonymisation.engine.session import identifier, literal, whole
from pseudonymisation.engine.tokens import NUMBERED, OTHER_KINDS, PERSON_KINDS, Kind, Retokeniser
from pseudonymisation.intake.adapters.landing.layout import kind_of_other
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
PEOPLE, OTHERS = "people", "others"
"""The maps: of whom rows are about, and of second persons."""
FIRST: Final = ("person_kind", "person_0", "person_1")


class People:
    """The maps of people to tokens, less the opted-out, who are counted.

    Where a row names two people it leaves only where neither is left out.
    """

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
        """Make the map of people, and that of second persons, where rows name two."""
        rows = of_practice(self._selection.rows(), self._plan)
        counted = self._map(PEOPLE, PERSON_KINDS, rows, FIRST)
        self.people, self.rows = counted.people, counted.rows
        self.left_out, self.rows_left_out = counted.left_out, counted.rows_left_out
        self.rows_without_person = counted.rows_without_person
        other = self._plan.other
        if other is None:
            return
        kept = f"SELECT s.* FROM ({rows}) AS s {joined_with(PEOPLE, FIRST)}"
        kinds = PERSON_KINDS if other.is_linked else OTHER_KINDS
        seconds = self._map(OTHERS, kinds, kept, words_of_other(other.number))
        self.left_out += seconds.left_out
        self.rows_left_out += seconds.rows_left_out
        self.rows_without_person += seconds.rows_without_person
        self._count(rows)

    @property
    def beside(self) -> str:
        """Put beside selected rows (`s`) their people (`m`, and `b`), less rows of the left out."""
        joined = joined_with(PEOPLE, FIRST)
        other = self._plan.other
        if other is None:
            return joined
        seconds = joined_with(OTHERS, words_of_other(other.number), "b")
        return f"{joined} LEFT {seconds} WHERE {has_its_other(other.number)}"

    def _count(self, rows: str) -> None:
        """Count again whom rows are about that are left when second persons are."""
        found = self._connection.sql(
            "SELECT count(DISTINCT (s.person_0, s.person_1)), count(*)"
            f" FROM ({rows}) AS s {self.beside}"
        ).fetchone()
        self.people, self.rows = found or (0, 0)

    def _map(
        self, name: str, kinds: Mapping[int, Kind], rows: str, words: tuple[str, str, str]
    ) -> "_Counted":
        self._connection.execute(
            f"CREATE TABLE {name} (person_0 UBIGINT, person_1 UBIGINT, place_0 UBIGINT, "
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
        kind, first, second = words
        query = (
            f"SELECT p.person_kind, p.person_0, p.person_1, p.rows, {opted_out} AS opted_out "
            f"FROM (SELECT s.{kind} AS person_kind, s.{first} AS person_0, s.{second} AS person_1,"
            f" count(*) AS rows FROM ({rows}) AS s WHERE s.{first} IS NOT NULL GROUP BY ALL) AS p"
            f" {joined}"
        )
        counted = _Counted()
        # A second cursor reads while the first one writes; both are of one locked engine.
        reader = self._connection.cursor().sql(query).to_arrow_reader(BATCH)
        minted = pa.RecordBatchReader.from_batches(_MINTED, self._mint(reader, kinds, counted))
        self._connection.register("minted", minted)
        self._connection.execute(f"INSERT INTO {name} SELECT * FROM minted")
        self._connection.unregister("minted")
        return counted

    def _key_of(self, kind: Kind) -> bytes:
        """Return by which key people of a kind have their tokens.

        A number is the same person's in every data set. A local id is somebody's at one provider,
        and nobody vouches that it is the same person's in another data set.
        """
        domain, data_set = self._plan.keys.domain, self._plan.linked_data_set
        if kind in NUMBERED or not data_set:
            return domain
        return derive(domain, f"without a number/{data_set}")

    def _mint(
        self, reader: pa.RecordBatchReader, of: Mapping[int, Kind], counted: "_Counted"
    ) -> Iterator[pa.RecordBatch]:
        retokenisers = {
            number: Retokeniser(
                kind=kind,
                domain_key=self._key_of(kind),
                domain_id=self._plan.domain_id,
                haven_key=self._plan.keys.haven if kind in NUMBERED else None,
            )
            for number, kind in of.items()
        }
        for batch in reader:
            kinds, first, second, rows, opted_out = (_array(c) for c in batch.columns)
            for number, retokeniser in retokenisers.items():
                of_kind = kinds == number
                kept = of_kind & ~opted_out
                counted.left_out += int(np.count_nonzero(of_kind & opted_out))
                counted.rows_left_out += int(rows[of_kind & opted_out].sum())
                if self._plan.opt_outs_apply and retokeniser.kind not in NUMBERED:
                    # Who has no number cannot be looked up in the list (design.md section 7).
                    counted.rows_without_person += int(rows[kept].sum())
                    continue
                counted.people += int(np.count_nonzero(kept))
                counted.rows += int(rows[kept].sum())
                yield from _minted(retokeniser, first[kept], second[kept])


def of_practice(rows: str, plan: Plan) -> str:
    """Keep the rows of a practice's own patients, where the file is for one (ruling 29)."""
    if not plan.registered_with:
        return rows
    codes = ", ".join(literal(code) for code in plan.registered_with)
    by_each = " AND ".join(
        f"EXISTS (SELECT 1 FROM {listed.sql} AS r WHERE r.person_0 = s.person_0"
        f" AND r.person_1 = s.person_1 AND r.practice IN ({codes}))"
        for listed in plan.registered
    )
    return f"SELECT s.* FROM ({rows}) AS s WHERE s.person_kind = 1 AND {by_each}"


@dataclass
class _Counted:
    """Whom a map has, and whom it leaves out."""

    people: int = 0
    left_out: int = 0
    rows: int = 0
    rows_left_out: int = 0
    rows_without_person: int = 0


def words_of_other(number: str) -> tuple[str, str, str]:
    """Name the landed columns of a second person, by that of its number."""
    names = (kind_of_other(number), f"{number}__0", f"{number}__1")
    kind, first, second = map(identifier, names)
    return kind, first, second


def joined_with(name: str, words: tuple[str, str, str], alias: str = "m") -> str:
    """Join selected rows (`s`) with whom a map has."""
    _, first, second = words
    return (
        f"JOIN {name} AS {alias} ON s.{first} = {alias}.person_0 AND s.{second} = {alias}.person_1"
    )


def has_its_other(number: str) -> str:
    """Say that a row names no second person, or one that is not left out."""
    return f"(s.{words_of_other(number)[1]} IS NULL OR b.person_0 IS NOT NULL)"


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
