"""Makes the file of one table on this machine: counted by the locked engine, then protected."""

import shutil
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import permutations
from pathlib import Path
from secrets import randbits
from typing import Final
from uuid import UUID

import duckdb
import structlog

from catalogue import Assumed, CountOf, DataSet, members, tabulating
from catalogue.assuming import WORD
from common.ids import digest
from common.jobs import Report
from common.personal_data import find_in_record
from disclosure import DisclosureProblem, Rule
from disclosure import rule as rule_of
from disclosure.outputs import written
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.objects import AtHand
from pseudonymisation.engine.session import EngineLimits, session
from pseudonymisation.preparations.adapters.extract_engine import DuckDbExtractEngine
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.tables.counting import Count, Row
from pseudonymisation.preparations.domain.attestation import ExtractOutcome
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownTable, Whose, read_of
from pseudonymisation.preparations.domain.tables.axes import (
    COUNTED,
    NOT_KNOWN,
    OTHERS,
    PART,
    PERIODS,
    Axis,
    Categories,
)
from pseudonymisation.preparations.domain.tables.beside import Beside, chosen
from pseudonymisation.preparations.domain.tables.practices import require_practices
from pseudonymisation.preparations.domain.tables.tabulating import Counted, MadeTable, make
from pseudonymisation.preparations.use_cases.ports import ExtractOrder, PreparedFiles
from statements.filters import RowFilter, in_words
from statements.tables import (
    MONTH,
    PERIOD_LEVELS,
    AttestedTable,
    PermittedTable,
    source_of,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SECONDS: Final = 45.0
"""The search for a proof; when they are over, more is hidden in its place."""
ABOUT_MAX: Final = 1_900
"""Characters of a line of what the file says of itself; the manifest has all of it."""


def by_chance() -> int:
    """Begin the search so that nobody can repeat it: which others are hidden tells nothing."""
    return randbits(63)


class TableEngine:
    """`preparations.use_cases.ports.ExtractEngine`: tables here, records by their own engine."""

    def __init__(
        self,
        *,
        records: DuckDbExtractEngine,
        scratch: Path,
        limits: EngineLimits,
        seed: Callable[[], int] = by_chance,
    ) -> None:
        self._records = records
        self._scratch = scratch
        self._limits = limits
        self._seed = seed

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
            with_earlier = _beside(work, table, measure)
            with self._records.at_hand(place) as landed:
                counted, outcome = self._counted(work, table, measure, with_earlier, place, landed)
            _require_no_personal_data(counted, work.data_set)
            made = make(
                counted,
                title=_title(work, measure),
                rule=rule,
                disclosure=table.disclosure,
                known=with_earlier.known(counted),
                seconds=SECONDS,
                seed=self._seed(),
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
        done = replace(
            outcome,
            rows=made.cells,
            table=_attested(table, rule, made),
            assumed={} if table.disclosure == "exact" else assumed_of(rule),
        )
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
        landed: AtHand,
    ) -> tuple[Counted, ExtractOutcome]:
        measured = _measured(work, measure)
        asked = self._records.plan(measured, landed)
        order = _order(measured, with_earlier)
        plan = replace(self._records.plan(order, landed), others=with_earlier.others)
        axes = [*_axes(table, measure, work), *with_earlier.axes]
        with self._session(plan, place) as connection:
            count = Count(plan, connection, measure, axes, work.data_set)
            rows = count.rows()
            values = count.values()
            least = 0 if table.parameters is None else table.parameters.min_practices
            practices = count.practices(work.data_set) if least > 1 else []
            outcome = count.outcome()
        if plan != asked:  # what is attested is of what was asked for alone
            with self._session(asked, place) as connection:
                own = Count(asked, connection, measure, axes, work.data_set)
                own.find_people()
                outcome = own.outcome()
        labels = [of for of, _ in rows]
        categories = tuple(
            _categories(axis, at, labels, work.data_set, measure, with_earlier)
            for axis, at in zip(axes, count.places, strict=True)
        )
        if least > 1:
            require_practices(categories, practices, least=least)
        counts: dict[tuple[str, ...], int] = {}
        for of_row, number in rows:
            key = count.key(of_row)
            counts[key] = counts.get(key, 0) + number
        reason = work.data_set.population.get("P")
        return Counted(
            categories=categories,
            counts=counts,
            measure=measure,
            values=values,
            related=frozenset(
                (one.column, other.column)
                for one, other in permutations(axes, 2)
                if tabulating().are_related(work.data_set, one.column, other.column)
            ),
            not_members=frozenset(_not_members(work.data_set, with_earlier.all_months)),
            members_column=next((f.name for f in work.data_set.fields if f.members), None),
            not_submitted=_not_submitted(work),
            provider_column=None if reason is None else reason.field,
        ), outcome


def _measured(work: ExtractOrder, measure: CountOf) -> ExtractOrder:
    """Count what the measure counts alone, as if it had been asked for by a filter."""
    of = _filter_of(measure)
    if of is None:
        return work
    filters = (*work.permit.filters, of)
    return replace(work, permit=replace(work.permit, filters=filters))


def _filter_of(measure: CountOf) -> RowFilter | None:
    if measure.where is None or measure.is_of_a_part:
        return None
    return RowFilter(column=measure.where.column, any_of=measure.where.any_of)


def _of_its_base(one: ShownTable, data_set: DataSet) -> ShownTable:
    """Say what an earlier table counted as a part of what others counted.

    One of a measure that is not known any more is of nothing that is counted now.
    """
    measure = tabulating().measure(data_set, one.measure)
    if measure is None:
        return one
    of = _filter_of(measure)
    filters = one.filters if of is None else (*one.filters, of)
    return replace(one, measure=measure.base, filters=filters)


def _beside(work: ExtractOrder, table: PermittedTable, measure: CountOf) -> Beside:
    """Choose what the recipient has already; who has a right to small numbers is told nothing.

    Raises:
        NotPrepared: of people, tables of other months or filters are no sums of the same cells

    """
    editions = [edition for edition, _ in (*work.editions, *work.beside)]
    earlier = () if table.disclosure == "exact" else work.shown.tables
    found = chosen(
        replace(table, measure=measure.base),
        filters=_measured(work, measure).permit.filters,
        periods=work.permit.periods,
        whose=Whose.of(work.permit),
        data_set=work.data_set,
        shown=tuple(_of_its_base(one, work.data_set) for one in earlier),
        read=partial(read_of, editions),
        part_column=measure.where.column if measure.where and measure.is_of_a_part else None,
    )
    if measure.of == "people" and not found.is_of_the_same_records:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, found.releases)
    return found


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


def _axes(table: PermittedTable, measure: CountOf, work: ExtractOrder) -> list[Axis]:
    """Cut by what was asked; of the whole nation the units have it for their total."""
    permit, rules = work.permit, tabulating()
    is_nation = permit.population.is_national and not permit.filters
    of = measure.where
    share = any(one.form == "percentage" for one in measure.beside)
    is_of_a_part = of is not None and measure.is_of_a_part
    part = [Axis(column=of.column, levels=(PART,), is_share=share)] if of and is_of_a_part else []
    if part and any(part[0].column in one.levels for one in table.dimensions):
        raise NotPrepared(FailureCode.TABLE_INVALID, part[0].column)
    return part + [
        Axis.of(
            one,
            is_geography=is_nation
            and one.column not in PERIOD_LEVELS
            and rules.is_geography(work.data_set, source_of(one.column)),
        )
        for one in table.dimensions
    ]


def _categories(
    axis: Axis,
    place: slice,
    rows: Sequence[Row],
    data_set: DataSet,
    measure: CountOf,
    with_earlier: Beside,
) -> Categories:
    """Take the categories that there are; of a closed list all that it has."""
    lines: dict[str, tuple[str, ...]] = {}
    field = data_set.by_name.get(axis.column)
    if field is not None and field.codes is not None and not axis.coarser:
        lines = dict.fromkeys(field.codes, ())
    if axis.column == MONTH:
        for month in with_earlier.all_months:
            lines[month] = tuple(PERIODS[level](month) for level in axis.coarser)
    if axis.is_part and field is not None and measure.where is not None:
        named = measure.where.any_of
        lines = {code: (COUNTED if code in named else OTHERS,) for code in field.codes or named}
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
        if found.measures is not None:
            found.require(measure.name)
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


def _not_members(data_set: DataSet, months: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name organisations and months in which the data set was not about them."""
    lists = [members(field.members) for field in data_set.fields if field.members]
    for found in filter(None, lists):
        codes = {one.code for one in found.organisations}
        for month in months:
            first = date.fromisoformat(f"{month}-01")
            last = first.replace(day=monthrange(first.year, first.month)[1])
            yield from ((code, month) for code in codes.difference(found.codes(first, last)))


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


def assumed_of(rule: Rule) -> Assumed:
    """Say of a disclosure rule whether all of it was published, as its source has it."""
    if WORD not in rule.source.casefold():
        return {}
    return {f"disclosure rule {rule.name}": ("source",)}


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
