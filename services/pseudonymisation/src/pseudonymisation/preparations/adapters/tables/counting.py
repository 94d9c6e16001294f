"""The count of a plan's records by the columns of axes, and what stands beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from catalogue import CountOf, DataSet, tabulating
from catalogue.relations import plain
from catalogue.tabulating import practices_of
from pseudonymisation.engine import scan
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.preparations.adapters.people import People, words_of_other
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.selection import Selection
from pseudonymisation.preparations.domain.attestation import ExtractOutcome
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.tables.axes import (
    COUNTED,
    NOT_KNOWN,
    OTHERS,
    PART,
    WHOSE,
    Axis,
    made_of,
)
from pseudonymisation.preparations.domain.tables.measures import (
    MILLIONTHS,
    SUMMED,
    VALUED,
    Values,
)
from pseudonymisation.preparations.domain.tables.parts import HAS, NO, YES, is_made
from statements.tables import PERIOD_LEVELS, source_of

CATEGORIES_MAX: Final = 200_000
"""Combinations that are there; a table has no more cells than it can protect."""

Row = tuple[str, ...]
"""Labels of all columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firsts:
    """The records of which each person's first is told from others."""

    months: tuple[str, ...]
    population: int
    """Which of those of the plan: its own is 0."""
    conditions: tuple[str, ...]
    """SQL that a row `s` has to meet besides."""
    of: str = "people"
    """In which role people are meant."""


class Count:
    """The count of a plan's records by the columns of axes, in one statement."""

    def __init__(
        self,
        plan: Plan,
        connection: duckdb.DuckDBPyConnection,
        measure: CountOf,
        axes: Sequence[Axis],
        data_set: DataSet,
        firsts: Mapping[str, Firsts] | None = None,
    ) -> None:
        self._practices = practices_of(data_set)
        self._plan = plan
        self._connection = connection
        self._measure = measure
        self._selection = Selection(plan, connection)
        self._people = People(plan, connection, self._selection)
        self._axes = axes
        self._firsts = firsts or {}
        self.places: list[slice] = []
        self._expressions: list[str] = []
        for axis in axes:
            columns = [axis.column, *axis.coarser]
            start = len(self._expressions)
            self._expressions += [self._label(column) for column in columns]
            self.places.append(slice(start, len(self._expressions)))

    def _label(self, column: str) -> str:
        if column in PERIOD_LEVELS:
            return "s.period"  # the coarser ones are made of it
        if column == WHOSE:
            return " || ".join(
                f"CASE WHEN {condition} THEN '1' ELSE '0' END"
                for condition in self._selection.whose()
            )
        if is_made(column):
            return self._made(column)
        if column == PART:
            counted, others = literal(COUNTED), literal(OTHERS)
            return f"CASE WHEN {self._is_counted()} THEN {counted} ELSE {others} END"
        if source_of(column) != column and plain(source_of(column)) in self._practices:
            return f"coalesce(s.reason_g, {literal(NOT_KNOWN)})"  # by the map of its month
        column = source_of(column)
        source = self._plan.capped.get(column, f"s.{identifier(column)}")
        return f"coalesce(CAST({source} AS VARCHAR), {literal(NOT_KNOWN)})"

    def _made(self, column: str) -> str:
        is_so = f"s.{identifier(column)}"
        if column.startswith(HAS):
            is_so = f"s.{identifier(column.removeprefix(HAS))} IS NOT NULL"
        return f"CASE WHEN {is_so} THEN {literal(YES)} ELSE {literal(NO)} END"

    def _is_counted(self) -> str:
        of = self._measure.where
        if of is None:
            return "TRUE"
        values = ", ".join(map(literal, of.any_of))
        column = f"CAST(s.{identifier(of.column)} AS VARCHAR)"
        return f"coalesce({column} IN ({values}), FALSE)"

    def find_people(self) -> None:
        if self._plan.opt_outs_apply:
            self._people.build_map()

    def rows(self) -> list[tuple[Row, int]]:
        """Count them. Raises NotPrepared where there are too many combinations."""
        self.find_people()
        found = self._grouped(self._expressions, "count(*)")
        return sorted((self._with_periods(row[:-1]), int(str(row[-1]))) for row in found)

    def values(self) -> Values:
        """Find what stands beside the counts. Raises NotPrepared: too many combinations."""
        sums: dict[str, dict[Row, int]] = {}
        found: dict[str, dict[Row, dict[int, int]]] = {}
        for one in self._measure.beside:
            column = f"s.{identifier(one.column or '')}"
            if one.form in SUMMED and one.column not in sums:
                # In whole numbers, so that the sum is the same in any order.
                millionths = f"sum(CAST(round({column} * {MILLIONTHS}) AS HUGEINT))"
                rows = self._grouped(self._expressions, f"coalesce({millionths}, 0)")
                amounts: dict[Row, int] = {}
                for *labels, amount in rows:
                    key = self._key(labels)
                    amounts[key] = amounts.get(key, 0) + int(str(amount))
                sums[one.column or ""] = amounts
            if one.form in VALUED and one.column not in found:
                rows = self._grouped([*self._expressions, column], "count(*)")
                of: dict[Row, dict[int, int]] = {}
                for *labels, value, count in rows:
                    if value is not None:
                        held = of.setdefault(self._key(labels), {})
                        number = int(str(value))
                        held[number] = held.get(number, 0) + int(str(count))
                found[one.column or ""] = of
        return Values(sums=sums, found=found)

    def practices(self, data_set: DataSet) -> list[tuple[Row, str]]:
        """Say which practices are in which categories. Raises NotPrepared: it has no practices."""
        named = [n for n in data_set.by_name if tabulating().is_practice(data_set, n)]
        if not named:
            raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, "min_practices")
        found = self._grouped([*self._expressions, self._label(named[0])], "count(*)")
        return [(self._key(row[:-2]), str(row[-2])) for row in found]

    def key(self, labels: Row) -> Row:
        """Return the labels of the finest columns."""
        return tuple(labels[at.start] for at in self.places)

    def _key(self, row: Sequence[object]) -> Row:
        return self.key(self._with_periods(row))

    def _grouped(self, columns: Sequence[str], aggregate: str) -> list[tuple[object, ...]]:
        found = self._connection.sql(
            f"SELECT {', '.join((*columns, aggregate))} FROM {self._records()}"
            f" GROUP BY {', '.join(map(str, range(1, len(columns) + 1)))}"
            f" LIMIT {CATEGORIES_MAX + 1}"
        ).fetchall()
        if len(found) > CATEGORIES_MAX:
            raise NotPrepared(FailureCode.TABLE_TOO_LARGE)
        return found

    def _records(self) -> str:
        """Select what is counted: everybody's records, or of each person the first."""
        measure = self._measure
        rows, kept = f"({self._selection.rows()})", ""
        if self._plan.opt_outs_apply and self._plan.other is not None:
            # Of a row that names two people either may object: first ones are of what is left.
            rows = f"(SELECT s.* FROM {rows} AS s {self._people.beside})"
        elif self._plan.opt_outs_apply:
            kept = " JOIN people AS m ON s.person_0 = m.person_0 AND s.person_1 = m.person_1"
        told = {axis.column for axis in self._axes}
        valued = ""
        if measure.valued is not None and f"{HAS}{measure.valued}" not in told:
            valued = f" WHERE s.{identifier(measure.valued)} IS NOT NULL"
        # The same record whatever the table is cut by, so that tables are sums of the same.
        first = "ORDER BY period, landed__edition, line) = 1"
        if measure.of != "records" and not told & self._firsts.keys():
            of = self._of_whom(measure.of)
            rows = (
                f"(SELECT * FROM {rows} WHERE {of[-1]} IS NOT NULL"
                f" QUALIFY row_number() OVER (PARTITION BY {', '.join(of)} {first})"
            )
        if self._firsts:
            named = ", ".join(
                f"({among}) AND row_number() OVER (PARTITION BY ({among}), {', '.join(by)}"
                f" {first} AS {identifier(column)}"
                for column, among, by in (
                    (c, self._among(of), self._of_whom(of.of)) for c, of in self._firsts.items()
                )
            )
            rows = f"(SELECT *, {named} FROM {rows} AS s)"
        return f"{rows} AS s{kept}{valued}"

    def _of_whom(self, role: str) -> list[str]:
        """Name the columns by which people of a role are told apart; the last has them all."""
        first, other = ["person_0", "person_1"], self._plan.other
        if role == "people":
            return first
        if other is None:
            raise NotPrepared(FailureCode.TABLE_INVALID, role)
        second = list(words_of_other(other.number)[1:])
        return second if role == "second_people" else [*first, *second]

    def _among(self, of: Firsts) -> str:
        listed = ", ".join(map(literal, of.months))
        whose = self._selection.whose()[of.population]
        has_them = f"s.{self._of_whom(of.of)[-1]} IS NOT NULL"
        conditions = " AND ".join((f"s.period IN ({listed})", whose, has_them, *of.conditions))
        return f"coalesce({conditions}, FALSE)"

    def _with_periods(self, row: Sequence[object]) -> Row:
        labels = [str(value) for value in row]
        for axis, place in zip(self._axes, self.places, strict=True):
            for at, column in enumerate([axis.column, *axis.coarser], place.start):
                labels[at] = made_of(column, labels[at])
        return tuple(labels)

    def outcome(self) -> ExtractOutcome:
        """Say who was left out; how many rows the file has is not known here."""
        people = self._people
        return ExtractOutcome(
            rows=0,
            people=people.people,
            people_left_out=people.left_out,
            rows_left_out=people.rows_left_out,
            rows_without_person_left_out=people.rows_without_person,
            rows_without_reason=0,
            rows_repeated_left_out=self._selection.count_repeats(),
            scan_rule=scan.RULE,
            scanned_columns=tuple(
                dict.fromkeys(
                    source_of(column)
                    for axis in self._axes
                    for column in (axis.column, *axis.coarser)
                    if column not in {*PERIOD_LEVELS, WHOSE, PART} and not is_made(column)
                )
            ),
            scan_hits=0,
        )
