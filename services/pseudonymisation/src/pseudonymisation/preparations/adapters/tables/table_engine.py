"""Makes the file of one table on this machine: counted by the locked engine, then protected."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import randbits
from typing import Final
from uuid import UUID

import duckdb
import structlog

from catalogue import CountOf, DataSet, tabulating
from common.ids import digest
from common.jobs import Report
from common.personal_data import find_in_record
from disclosure import DisclosureProblem, Rule
from disclosure import rule as rule_of
from disclosure.outputs import written
from pseudonymisation.engine import scan
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.session import EngineLimits, identifier, literal, session
from pseudonymisation.preparations.adapters.extract_engine import DuckDbExtractEngine
from pseudonymisation.preparations.adapters.people import People
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.selection import Selection
from pseudonymisation.preparations.domain.attestation import ExtractOutcome
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import Whose, read_of
from pseudonymisation.preparations.domain.tables.axes import (
    NOT_KNOWN,
    PERIODS,
    WHOSE,
    Axis,
    Categories,
)
from pseudonymisation.preparations.domain.tables.beside import Beside, chosen
from pseudonymisation.preparations.domain.tables.practices import require_practices
from pseudonymisation.preparations.domain.tables.tabulating import Counted, MadeTable, make
from pseudonymisation.preparations.use_cases.ports import ExtractOrder, PreparedFiles
from statements.filters import in_words
from statements.tables import MONTH, PERIOD_LEVELS, AttestedTable, PermittedTable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SECONDS: Final = 45.0
"""The search for a proof; when they are over, more is hidden in its place."""
ABOUT_MAX: Final = 1_900
"""Characters of a line of what the file says of itself; the manifest has all of it."""
CATEGORIES_MAX: Final = 200_000
"""Combinations that are there; a table has no more cells than it can protect."""


class TableEngine:
    """`preparations.use_cases.ports.ExtractEngine`: tables here, records by their own engine."""

    def __init__(
        self, *, records: DuckDbExtractEngine, scratch: Path, limits: EngineLimits
    ) -> None:
        self._records = records
        self._scratch = scratch
        self._limits = limits

    @contextmanager
    def make(self, work: ExtractOrder, *, attempt: UUID, report: Report) -> Iterator[PreparedFiles]:
        """Raise NotPrepared."""
        if work.permit.table is None:
            with self._records.make(work, attempt=attempt, report=report) as made:
                yield made
            return
        place = self._scratch / str(attempt)
        try:
            yield self._files(work, work.permit.table, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self, alive: set[UUID]) -> None:
        self._records.sweep(alive)

    def _files(self, work: ExtractOrder, table: PermittedTable, place: Path) -> PreparedFiles:
        measure = tabulating().measure(work.data_set, table.measure)
        if measure is None:
            raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, table.measure)
        rule = _rule(work, table, measure)
        try:
            (place / "spill").mkdir(parents=True, mode=0o700)
            with_earlier = _beside(work, table)
            counted, outcome = self._counted(work, table, measure, with_earlier, place)
            _require_no_personal_data(counted, work.data_set)
            made = make(
                counted,
                measure=measure.counts,
                name=measure.name,
                title=_title(work, measure),
                rule=rule,
                disclosure=table.disclosure,
                known=with_earlier.known(counted),
                seconds=SECONDS,
                seed=randbits(63),
            )
            printed = replace(made.printed, about=_about(work, table, rule, made))
            files = {}
            for form in work.permit.formats:
                files[form] = place / f"table.{form}"
                files[form].write_bytes(written(printed, form))
        except DisclosureProblem as wrong:  # a label that cannot be printed
            raise NotPrepared(FailureCode.TABLE_INVALID, wrong.code) from None
        except (duckdb.Error, EngineFailed) as failure:
            log.warning("engine_failed", kind=type(failure).__name__)
            raise NotPrepared(FailureCode.ENGINE_FAILED) from None
        except OSError as failure:
            log.warning("working_files_failed", errno=failure.errno)
            raise NotPrepared(FailureCode.ENGINE_FAILED) from None
        done = replace(outcome, rows=made.cells, table=_attested(table, rule, made))
        return PreparedFiles(done, files, shown=made.shown)

    @contextmanager
    def _session(self, plan: Plan, place: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        sources = [*plan.editions, *plan.opted_out, *plan.cleared]
        with session(
            directories=sorted({source.path.parent for source in sources} | {place}),
            temp_directory=place / "spill",
            keys={source.key_name: source.key for source in sources},
            limits=self._limits,
        ) as connection:
            yield connection

    def _counted(
        self,
        work: ExtractOrder,
        table: PermittedTable,
        measure: CountOf,
        with_earlier: Beside,
        place: Path,
    ) -> tuple[Counted, ExtractOutcome]:
        asked = self._records.plan(work)
        plan = replace(self._records.plan(_order(work, with_earlier)), others=with_earlier.others)
        axes = [*_axes(table, work), *with_earlier.axes]
        with self._session(plan, place) as connection:
            count = _Count(plan, connection, measure, axes)
            rows = count.rows()
            least = 0 if table.parameters is None else table.parameters.min_practices
            practices = count.practices(work.data_set) if least > 1 else []
            outcome = count.outcome()
        if plan != asked:  # what is attested is of what was asked for alone
            with self._session(asked, place) as connection:
                own = _Count(asked, connection, measure, axes)
                own.find_people()
                outcome = own.outcome()
        categories = tuple(
            _categories(axis, at, rows, work.data_set, with_earlier)
            for axis, at in zip(axes, count.places, strict=True)
        )
        if least > 1:
            require_practices(categories, practices, least=least)
        counts: dict[tuple[str, ...], int] = {}
        for row in rows:
            key = tuple(row[at.start] for at in count.places)
            counts[key] = counts.get(key, 0) + int(row[-1])
        reason = work.data_set.population.get("P")
        return Counted(
            categories=categories,
            counts=counts,
            not_submitted=_not_submitted(work),
            provider_column=None if reason is None else reason.field,
        ), outcome


Row = tuple[str, ...]
"""A counted row: labels of all columns, and how many."""


class _Count:
    """The count of a plan's records by the columns of axes, in one statement."""

    def __init__(
        self,
        plan: Plan,
        connection: duckdb.DuckDBPyConnection,
        measure: CountOf,
        axes: Sequence[Axis],
    ) -> None:
        self._plan = plan
        self._connection = connection
        self._measure = measure
        self._selection = Selection(plan, connection)
        self._people = People(plan, connection, self._selection)
        self._axes = axes
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
        source = self._plan.capped.get(column, f"s.{identifier(column)}")
        return f"coalesce(CAST({source} AS VARCHAR), {literal(NOT_KNOWN)})"

    def find_people(self) -> None:
        if self._plan.opt_outs_apply:
            self._people.build_map()

    def rows(self) -> list[Row]:
        """Count them. Raises NotPrepared where there are too many."""
        self.find_people()
        found = self._grouped(self._expressions, "count(*)")
        return sorted(self._with_periods(row) for row in found)

    def practices(self, data_set: DataSet) -> list[tuple[Row, str]]:
        """Say which practices are in which categories. Raises NotPrepared: it has no practices."""
        named = [n for n in data_set.by_name if tabulating().is_practice(data_set, n)]
        if not named:
            raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, "min_practices")
        columns = [*self._expressions, self._label(named[0])]
        found = [self._with_periods(row) for row in self._grouped(columns, "count(*)")]
        return [(tuple(row[at.start] for at in self.places), row[-2]) for row in found]

    def _grouped(self, columns: Sequence[str], *aggregates: str) -> list[tuple[object, ...]]:
        kept = ""
        if self._plan.opt_outs_apply:
            kept = " JOIN people AS m ON s.person_0 = m.person_0 AND s.person_1 = m.person_1"
        of = self._measure.where
        where = ""
        if of is not None:
            values = ", ".join(map(literal, of.any_of))
            where = f" WHERE CAST(s.{identifier(of.column)} AS VARCHAR) IN ({values})"
        found = self._connection.sql(
            f"SELECT {', '.join((*columns, *aggregates))} FROM ({self._selection.rows()}) AS s"
            f"{kept}{where} GROUP BY {', '.join(map(str, range(1, len(columns) + 1)))}"
            f" LIMIT {CATEGORIES_MAX + 1}"
        ).fetchall()
        if len(found) > CATEGORIES_MAX:
            raise NotPrepared(FailureCode.TABLE_TOO_LARGE)
        return found

    def _with_periods(self, row: Sequence[object]) -> Row:
        labels = [str(value) for value in row]
        for axis, place in zip(self._axes, self.places, strict=True):
            for at, column in enumerate([axis.column, *axis.coarser], place.start):
                if column in PERIODS:
                    labels[at] = PERIODS[column](labels[at])
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
                    column
                    for axis in self._axes
                    for column in (axis.column, *axis.coarser)
                    if column not in PERIOD_LEVELS and column != WHOSE
                )
            ),
            scan_hits=0,
        )


def _beside(work: ExtractOrder, table: PermittedTable) -> Beside:
    """Choose what the recipient has already; who has a right to small numbers is told nothing."""
    editions = [edition for edition, _ in (*work.editions, *work.beside)]
    return chosen(
        table,
        filters=work.permit.filters,
        periods=work.permit.periods,
        whose=Whose.of(work.permit),
        data_set=work.data_set,
        shown=() if table.disclosure == "exact" else work.shown.tables,
        read=partial(read_of, editions),
    )


def _order(work: ExtractOrder, with_earlier: Beside) -> ExtractOrder:
    """Count what the earlier tables counted besides."""
    if not with_earlier.used:
        return work
    months = with_earlier.all_months
    further = [one for one in work.beside if any(map(one[0].covers, months))]
    return replace(
        work,
        permit=replace(work.permit, periods=months, filters=with_earlier.common),
        editions=(*work.editions, *further),
    )


def _axes(table: PermittedTable, work: ExtractOrder) -> list[Axis]:
    """Cut by what was asked; of the whole nation the units have it for their total."""
    permit, rules = work.permit, tabulating()
    is_nation = permit.population.is_national and not permit.filters
    return [
        Axis.of(
            one,
            is_geography=is_nation
            and one.column not in PERIOD_LEVELS
            and rules.is_geography(work.data_set, one.column),
        )
        for one in table.dimensions
    ]


def _categories(
    axis: Axis, place: slice, rows: Sequence[Row], data_set: DataSet, with_earlier: Beside
) -> Categories:
    """Take the categories that there are; of a closed list all that it has."""
    lines: dict[str, tuple[str, ...]] = {}
    field = data_set.by_name.get(axis.column)
    if field is not None and field.codes is not None and not axis.coarser:
        lines = dict.fromkeys(field.codes, ())
    if axis.column == MONTH:
        for month in with_earlier.all_months:
            lines[month] = tuple(PERIODS[level](month) for level in axis.coarser)
    for row in rows:
        leaf, above = row[place.start], row[place.start + 1 : place.stop]
        if lines.setdefault(leaf, above) != above:
            raise NotPrepared(FailureCode.TABLE_INVALID, axis.column)
    if not any(with_earlier.is_asked_for(axis.column, leaf) for leaf in lines):
        nobody = with_earlier.nobody(axis.column)
        lines[nobody] = tuple(NOT_KNOWN for _ in axis.coarser)
    inside = frozenset(leaf for leaf in lines if with_earlier.is_asked_for(axis.column, leaf))
    return Categories(axis=axis, lines=dict(sorted(lines.items())), inside=inside)


def _require_no_personal_data(counted: Counted, data_set: DataSet) -> None:
    """Look at each label that is a provider's text: a code may hold what it should not."""
    for one in counted.categories:
        for column in (one.axis.column, *one.axis.coarser):
            field = data_set.by_name.get(column)
            if field is None or field.codes is not None:
                continue
            if any(find_in_record(leaf) for leaf in one.lines):
                log.warning("personal_data_found", columns=[column])
                raise NotPrepared(FailureCode.PCD_LEAK)


def _rule(work: ExtractOrder, table: PermittedTable, measure: CountOf) -> Rule:
    """Return the rule, with the agreement's parameters where it has none of its own."""
    code, said = work.permit.disclosure_rule, table.parameters
    try:
        found = rule_of(code, parameters=None if said is None else said.as_told())
        found.require(measure.counts)
    except DisclosureProblem:
        raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, code) from None
    return found


def _not_submitted(work: ExtractOrder) -> frozenset[tuple[str, str]]:
    """Name providers who sent something of the periods, and months of which they sent nothing."""
    pinned = [edition for edition, _ in work.editions]
    providers = {edition.provider for edition in pinned}
    return frozenset(
        (provider, month)
        for provider in providers
        for month in work.permit.periods
        if not any(e.provider == provider and e.covers(month) for e in pinned)
    )


def _title(work: ExtractOrder, measure: CountOf) -> str:
    first, last = work.permit.periods[0], work.permit.periods[-1]
    when = first if first == last else f"{first} to {last}"
    return f"{work.data_set.title}: {measure.title}, {when}"


def _about(
    work: ExtractOrder, table: PermittedTable, rule: Rule, made: MadeTable
) -> tuple[tuple[str, str], ...]:
    """Say in the file itself what was asked of which data, and how it is protected."""
    permit = work.permit
    told = {
        "data set": f"{work.data_set.data_set} {work.data_set.version}",
        "measure": table.measure,
        "dimensions": "; ".join(" in ".join(one.levels) for one in table.dimensions),
        "months": ", ".join(permit.periods),
        "rows": in_words(permit.filters) or "all of the line's population",
        "agreement": f"{permit.agreement.reference} {permit.agreement.version}",
        "editions": ", ".join(str(edition.id) for edition, _ in work.editions),
        "rule": f"{rule.code} {rule.version}",
        "source of the rule": rule.source,
        "profile": table.disclosure,
        "cells": str(made.cells),
        **{f"cells: {why.replace('_', ' ')}": str(n) for why, n in made.hidden.items()},
        "release": permit.extract_id,
    }
    return tuple(
        (name, text if len(text) <= ABOUT_MAX else f"{text[:ABOUT_MAX]} …")
        for name, text in told.items()
    )


def _attested(table: PermittedTable, rule: Rule, made: MadeTable) -> AttestedTable:
    return AttestedTable(
        measure=table.measure,
        dimensions=table.dimensions,
        disclosure=table.disclosure,
        rule=rule.code,
        rule_version=rule.version,
        certificate=digest(made.certificate) if table.disclosure == "protected" else "none",
        cells=made.cells,
        hidden=dict(made.hidden),
        earlier=made.earlier,
        parameters=table.parameters,
        recovered=made.recovered,
        footnotes=made.footnotes,
    )
