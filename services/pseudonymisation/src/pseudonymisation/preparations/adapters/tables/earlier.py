"""What a table that is made is held against, and what is counted for it besides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from catalogue import CountOf, DataSet, tabulating
from pseudonymisation.preparations.adapters.extract_engine import with_beside
from pseudonymisation.preparations.adapters.filters import conditions
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.tables.counting import Firsts
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownTable, Whose, read_of, shown_table
from pseudonymisation.preparations.domain.tables.axes import Axis
from pseudonymisation.preparations.domain.tables.beside import Beside, chosen, is_whole
from pseudonymisation.preparations.domain.tables.parts import (
    HAS,
    Selected,
    filter_of,
    is_made,
    made_by,
    of_records,
)
from pseudonymisation.preparations.domain.tables.tabulating import MadeTable
from pseudonymisation.preparations.use_cases.ports import ExtractOrder
from statements.tables import PermittedTable, source_of


def of_measure(work: ExtractOrder, measure: CountOf) -> ExtractOrder:
    """Count what the measure counts alone, as if it had been asked for by a filter."""
    of = filter_of(measure)
    if of is None:
        return work
    filters = (*work.permit.filters, of)
    return replace(work, permit=replace(work.permit, filters=filters))


def beside_of(
    work: ExtractOrder,
    table: PermittedTable,
    measure: CountOf,
    made: Mapping[str, MadeTable],
) -> Beside:
    """Choose what the recipient has already, the measures of this table among it.

    Who has a right to small numbers is told nothing.

    One of a measure that is not known any more is of nothing that is counted now.

    Raises:
        NotPrepared: of people, tables of other months or filters are no sums of the same cells

    """
    editions = [edition for edition, _ in (*work.editions, *work.beside)]
    now = [
        shown_table(
            work.permit,
            [edition for edition, _ in work.editions],
            name,
            told,
            preparation_id=UUID(int=0),
            at=datetime.max.replace(tzinfo=UTC),
        )
        for one in made.values()
        for name, told in one.shown.items()
    ]
    earlier = () if table.disclosure == "exact" else (*work.shown.tables, *now)
    parts: list[ShownTable] = []
    firsts: dict[str, Selected] = {}
    for one in earlier:
        known = tabulating().measure(work.data_set, one.measure)
        part, of = (one, {}) if known is None else of_records(one, known)
        parts.append(part)
        firsts |= of
    filters = of_measure(work, measure).permit.filters
    selected = Selected(
        months=frozenset(work.permit.periods), whose=Whose.of(work.permit), filters=filters
    )
    own, of = made_by(measure, selected)
    read = partial(read_of, editions)
    unlike = [
        one
        for one in parts
        for first in (firsts[f.column] for f in one.filters if f.column in firsts)
        if measure.of != "records" and first.meets(selected)
        if not (first.is_of_same(selected) and is_whole(one, read))
    ]
    if unlike:
        releases = ", ".join(dict.fromkeys(one.extract_id for one in unlike))
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, releases)
    return chosen(
        replace(table, measure="records"),
        filters=(*filters, *own),
        periods=work.permit.periods,
        whose=selected.whose,
        data_set=work.data_set,
        shown=parts,
        read=read,
        part_column=measure.where.column if measure.where and measure.is_of_a_part else None,
        firsts={**firsts, **of},
    )


def order_of(work: ExtractOrder, with_earlier: Beside) -> ExtractOrder:
    """Count what the earlier tables counted besides."""
    if not with_earlier.used:
        return work
    months = with_earlier.all_months
    further = [one for one in work.beside if any(map(one[0].covers, months))]
    real = tuple(one for one in with_earlier.common if not is_made(one.column))
    return replace(
        work,
        permit=replace(work.permit, periods=months, filters=real),
        editions=(*work.editions, *further),
    )


def related_to(
    plan: Plan,
    work: ExtractOrder,
    whole: DataSet,
    axes: Sequence[Axis],
    measure: CountOf | None,
) -> Plan:
    """Say what has to stand beside the rows of a group, so that they can be counted by axes."""
    named = {source_of(one) for axis in axes for one in (axis.column, *axis.coarser)}
    named |= {one.removeprefix(HAS) for one in named if one.startswith(HAS)}
    named |= {measure.valued or ""} if measure is not None else set()
    return with_beside(plan, work, whole, named)


def firsts_of(with_earlier: Beside, plan: Plan, work: ExtractOrder) -> Mapping[str, Firsts]:
    """Say in SQL of which rows `s` each made column means the first ones."""
    populations = (with_earlier.whose, *with_earlier.others)
    found = {}
    for axis in with_earlier.axes:
        of = with_earlier.firsts.get(axis.column)
        if of is not None:
            own = tuple(one for one in of.filters if one not in with_earlier.common)
            found[axis.column] = Firsts(
                months=tuple(sorted(of.months)),
                population=populations.index(of.whose),
                of=of.of,
                conditions=conditions(own, work.data_set, plan.capped),
            )
    return found
