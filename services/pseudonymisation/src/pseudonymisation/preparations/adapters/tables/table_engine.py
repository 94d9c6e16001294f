"""Makes the file of one table on this machine: counted by the locked engine, then protected."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from secrets import randbits
from typing import Final
from uuid import UUID

import duckdb
import structlog

from catalogue import CountOf, DataSet, tabulating
from catalogue.relations import plain, split
from common.jobs import Report
from common.personal_data import find_in_record
from disclosure import DisclosureProblem, Rule, strictest
from disclosure import rule as rule_of
from disclosure.outputs import written
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.objects import AtHand
from pseudonymisation.engine.session import EngineLimits, session
from pseudonymisation.preparations.adapters.extract_engine import DuckDbExtractEngine
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.tables.counting import Count, Row
from pseudonymisation.preparations.adapters.tables.earlier import (
    beside_of,
    firsts_of,
    of_measure,
    order_of,
    related_to,
)
from pseudonymisation.preparations.adapters.tables.saying import (
    about,
    assumed_of,
    attested,
    measures_in,
    noted,
    title_of,
)
from pseudonymisation.preparations.domain.attestation import ExtractOutcome
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.groups import as_known
from pseudonymisation.preparations.domain.shown import Whose
from pseudonymisation.preparations.domain.tables.absent import not_members, not_submitted
from pseudonymisation.preparations.domain.tables.across import (
    PeopleTold,
    counted_of,
    require_no_difference,
)
from pseudonymisation.preparations.domain.tables.axes import (
    COUNTED,
    NOT_KNOWN,
    OTHERS,
    PART,
    PERIODS,
    Axis,
    Categories,
)
from pseudonymisation.preparations.domain.tables.beside import Beside
from pseudonymisation.preparations.domain.tables.parts import NO, YES, is_made
from pseudonymisation.preparations.domain.tables.practices import require_practices
from pseudonymisation.preparations.domain.tables.tabulating import (
    Counted,
    MadeTable,
    make,
    together,
)
from pseudonymisation.preparations.use_cases.ports import (
    ChangeFiles,
    EarlierExtract,
    ExtractOrder,
    PreparedFiles,
)
from statements.attestation import StandingEdition
from statements.tables import MONTH, PERIOD_LEVELS, PermittedTable, source_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Lines = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By column its categories, each with those that it lies in."""
SECONDS: Final = 45.0
"""The search for a proof; when they are over, more is hidden in its place."""


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

    def changes(
        self,
        work: ExtractOrder,
        made: PreparedFiles,
        earlier: EarlierExtract,
        *,
        attempt: UUID,
    ) -> ChangeFiles:
        """Records alone have change sets."""
        return self._records.changes(work, made, earlier, attempt=attempt)

    def standing_beside(self, work: ExtractOrder, *, attempt: UUID) -> tuple[StandingEdition, ...]:
        """Whom a table counts is whom records of the same selection would have."""
        return self._records.standing_beside(work, attempt=attempt)

    def sweep(self, alive: set[UUID]) -> None:
        self._records.sweep(alive)

    def _files(self, work: ExtractOrder, table: PermittedTable, place: Path) -> PreparedFiles:
        measures = measures_in(work, table)
        rule = _rule(work, table, measures)
        title = title_of(work, measures)
        try:
            (place / "spill").mkdir(parents=True, mode=0o700)
            made: dict[str, MadeTable] = {}
            with self._records.at_hand(place) as landed:
                seen, outcomes = self._seen(work, table, measures, place, landed)
                for measure in measures:
                    beside = beside_of(work, table, measure, made)
                    counted, of_one = self._counted(
                        work, table, measure, beside, place, landed, seen
                    )
                    _require_no_personal_data(counted, work.data_set)
                    made[measure.name] = make(
                        counted,
                        title=title,
                        rule=rule,
                        disclosure=table.disclosure,
                        known=beside.known(counted),
                        seconds=SECONDS / len(measures),
                        seed=self._seed(),
                    )
                    outcomes.append(of_one)
                _require_nothing_across(work, table, measures, made, rule)
            own, done = work.permit.extract_id, made[table.measure]
            done = together(made, title=title, own=own) if len(made) > 1 else done
            done = noted(work, table, done)
            printed = replace(done.printed, about=about(work, table, rule, done))
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
        said = replace(
            outcomes[0],
            rows=done.rows,
            table=attested(work, table, rule, done),
            assumed={} if table.disclosure == "exact" else assumed_of(rule),
        )
        return PreparedFiles(said, files, shown=done.shown)

    def _plan(
        self,
        work: ExtractOrder,
        landed: AtHand,
        axes: Sequence[Axis] = (),
        measure: CountOf | None = None,
    ) -> Plan:
        """Say what the engine is to read; of a group also what stands beside its rows."""
        plan = self._records.plan(work, landed)
        return plan if work.whole is None else related_to(plan, work, work.whole, axes, measure)

    @contextmanager
    def _session(self, plan: Plan, place: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        with session(
            directories=sorted({source.path.parent for source in plan.sources} | {place}),
            temp_directory=place / "spill",
            keys={source.key_name: source.key for source in plan.sources},
            limits=self._limits,
        ) as connection:
            yield connection

    def _seen(
        self,
        work: ExtractOrder,
        table: PermittedTable,
        measures: Sequence[CountOf],
        place: Path,
        landed: AtHand,
    ) -> tuple[Lines, list[ExtractOutcome]]:
        """Find the categories that any of several measures has: all have the same rows.

        Also who was left out of any of them. Of a single measure its own count says both.
        """
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        if len(measures) == 1:
            return found, []
        for measure in measures:
            axes = _axes(table, measure, work)
            plan = self._plan(of_measure(work, measure), landed, axes, measure)
            with self._session(plan, place) as connection:
                count = Count(plan, connection, measure, axes, work.data_set)
                rows = count.rows()
            for axis, at in zip(axes, count.places, strict=True):
                lines = found.setdefault(axis.column, {})
                for row, _ in rows:
                    lines.setdefault(row[at.start], row[at.start + 1 : at.stop])
        whole = self._plan(work, landed)
        with self._session(whole, place) as connection:
            every = Count(whole, connection, measures[0], axes, work.data_set)
            every.find_people()
            return found, [every.outcome()]

    def _counted(
        self,
        work: ExtractOrder,
        table: PermittedTable,
        measure: CountOf,
        with_earlier: Beside,
        place: Path,
        landed: AtHand,
        seen: Lines,
    ) -> tuple[Counted, ExtractOutcome]:
        measured = of_measure(work, measure)
        own_axes = _axes(table, measure, work)
        asked = self._plan(measured, landed, own_axes, measure)
        order = order_of(measured, with_earlier)
        axes = [*own_axes, *with_earlier.axes]
        plan = replace(self._plan(order, landed, axes, measure), others=with_earlier.others)
        with self._session(plan, place) as connection:
            count = Count(
                plan, connection, measure, axes, work.data_set, firsts_of(with_earlier, plan, work)
            )
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
            _categories(axis, at, labels, work.data_set, measure, with_earlier, seen)
            for axis, at in zip(axes, count.places, strict=True)
        )
        if least > 1:
            require_practices(categories, practices, least=least)
        counts: dict[tuple[str, ...], int] = {}
        for of_row, number in rows:
            key = count.key(of_row)
            counts[key] = counts.get(key, 0) + number
        reason = work.data_set.population.get("P")
        provider = None if reason is None else reason.field
        if provider is not None:  # also where it is a column of what the rows belong to
            named = (axis.column for axis in axes if plain(axis.column) == provider)
            provider = next(named, provider)
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
            never=tuple(
                with_earlier.never({one.axis.column: tuple(one.lines) for one in categories})
            ),
            not_members=frozenset(not_members(work.data_set, with_earlier.all_months)),
            members_column=next((f.name for f in work.data_set.fields if f.members), None),
            topics=tabulating().topics(
                work.data_set,
                [
                    *(axis.column for axis in axes),
                    *(one.column for one in measured.permit.filters),
                    *measure.columns,
                ],
            ),
            not_submitted=not_submitted(
                [edition for edition, _ in work.editions], work.permit.periods
            ),
            provider_column=provider,
        ), outcome


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
    seen: Lines,
) -> Categories:
    """Take the categories that there are; of a closed list all that it has."""
    lines: dict[str, tuple[str, ...]] = {}
    if axis.levels and not axis.is_part:
        lines = dict(seen.get(axis.column, {}))
    field = data_set.by_name.get(axis.column)
    if field is not None and field.codes is not None and not axis.coarser:
        lines |= dict.fromkeys(field.codes, ())
    if is_made(axis.column):
        lines = {YES: (), NO: ()}
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


def _rule(work: ExtractOrder, table: PermittedTable, measures: Sequence[CountOf]) -> Rule:
    """Return the rule, with the agreement's parameters where it has none of its own."""
    code, said = work.permit.disclosure_rule, table.parameters
    try:
        own = rule_of(code, parameters=None if said is None else said.as_told())
        found = strictest([own, *(rule_of(other) for other in table.linked_rules)])
        for measure in measures:
            found.require(measure.counts)
            if found.measures is not None:
                found.require(measure.name)
    except DisclosureProblem:
        raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, code) from None
    return found


def _require_nothing_across(
    work: ExtractOrder,
    table: PermittedTable,
    measures: Sequence[CountOf],
    made: Mapping[str, MadeTable],
    rule: Rule,
) -> None:
    """Hold people of a group against those of the groups that it is joined with.

    Raises:
        NotPrepared: where their difference would tell a small number

    """
    whole, group = work.whole, work.data_set.part
    if whole is None or table.disclosure != "protected":
        return
    before = [
        PeopleTold(
            group=split(one.measure)[0],
            of=of,
            release=one.extract_id,
            whose=one.whose,
            months=one.months,
            filters=one.filters,
            cells=one.told,
        )
        for one in work.across
        if (
            of := counted_of(tabulating().measure(whole, one.measure), split(one.measure)[0], whole)
        )
    ]
    for measure, of in ((one, counted_of(one, group, whole)) for one in measures):
        if of is None:
            continue
        now = PeopleTold(
            group=group,
            of=of,
            release=work.permit.extract_id,
            whose=Whose.of(work.permit),
            months=frozenset(work.permit.periods),
            filters=as_known(group, work.permit.filters),
            cells=made[measure.name].shown[measure.name],
        )
        require_no_difference(now, before, whole, rule)
