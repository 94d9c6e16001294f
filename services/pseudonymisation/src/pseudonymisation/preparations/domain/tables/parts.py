"""Measures as parts of the same records, so that tables of several are held against one another.

There are no more people than records, and no more records with a value than records. So a person's
first record, and whether a record has a value, are categories as any column has: tables of people
and of records are sums of the same cells (docs/adr/0082).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from catalogue import CountOf
from common.ids import digest_of
from pseudonymisation.preparations.domain.shown import ShownTable, Whose
from statements.filters import Filters, RowFilter

FIRST: Final = "first record of a person "
HAS: Final = "has "
"""No column can be named as either begins: there is a space in it."""
YES, NO = "1", "0"


def is_made(column: str) -> bool:
    """Say whether a column is none of the data set's, but made for the sake of a measure."""
    return column.startswith((FIRST, HAS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The records of which each person's first is counted."""

    months: frozenset[str]
    whose: Whose
    filters: Filters
    of: str = "people"
    """Whose first is meant: where rows name two people, of `second_people` or `pairs`."""

    @property
    def column(self) -> str:
        """Name the column that says of a record whether it is a first one of these."""
        whose = self.whose
        said = (
            self.of,
            sorted(self.months),
            (whose.is_national, sorted(whose.codes), sorted(whose.reasons)),
            whose.opt_outs_applied,
            sorted(repr(one.in_order) for one in self.filters),
        )
        return f"{FIRST}{digest_of(repr(said))}"

    def meets(self, other: "Selected") -> bool:
        """Say whether a record can be in both."""
        return bool(self.months & other.months) and self.whose.meets(other.whose)

    def is_of_same(self, other: "Selected") -> bool:
        """Say whether the first ones of both are found among the same records."""
        return replace(self, of=other.of).column == other.column


def filter_of(measure: CountOf) -> RowFilter | None:
    """Say which rows a measure counts, as if it had been asked for by a filter."""
    if measure.where is None or measure.is_of_a_part:
        return None
    return RowFilter(column=measure.where.column, any_of=measure.where.any_of)


def made_by(measure: CountOf, selected: Selected) -> tuple[Filters, Mapping[str, Selected]]:
    """Say by which made columns a measure's records are told, and of what these are the first."""
    if measure.of != "records":
        of = replace(selected, of=measure.of)
        return (RowFilter(column=of.column, any_of=(YES,)),), {of.column: of}
    if measure.valued is not None:
        return (RowFilter(column=f"{HAS}{measure.valued}", any_of=(YES,)),), {}
    return (), {}


def of_records(one: ShownTable, measure: CountOf) -> tuple[ShownTable, Mapping[str, Selected]]:
    """Say what an earlier table counted as a part of all records."""
    of = filter_of(measure)
    filters = one.filters if of is None else (*one.filters, of)
    made, firsts = made_by(measure, Selected(months=one.months, whose=one.whose, filters=filters))
    return replace(one, measure="records", filters=(*filters, *made)), firsts


def never(
    firsts: Mapping[str, Selected],
    labels: Mapping[str, Iterable[str]],
    populations: Sequence[Whose],
    *,
    passes: Callable[[RowFilter, str], bool],
    month: str,
    whose: str,
) -> Iterator[Mapping[str, frozenset[str]]]:
    """Name what cannot be: the first record of some that is none of these.

    Of each, categories by column. A reader knows it: a table with such records is none that could
    be.
    """
    for column, of in firsts.items():
        if column not in labels:
            continue
        outside = {month: frozenset(one for one in labels.get(month, ()) if one not in of.months)}
        at = populations.index(of.whose)
        outside[whose] = frozenset(one for one in labels.get(whose, ()) if one[at] != YES)
        for one in of.filters:
            there = labels.get(one.column, ())
            outside[one.column] = outside.get(one.column, frozenset()) | frozenset(
                label for label in there if not passes(one, label)
            )
        for other, categories in outside.items():
            if categories:
                yield {column: frozenset((YES,)), other: categories}


def never_of_two(
    firsts: Mapping[str, Selected], labels: Mapping[str, Iterable[str]]
) -> Iterator[Mapping[str, frozenset[str]]]:
    """Name what cannot be where each row names two people: a first one that is in no first pair.

    So a reader knows that there are no more of either than pairs.
    """
    there = [(column, of) for column, of in firsts.items() if column in labels]
    for column, of in there:
        for other, pairs in there:
            if of.of != "pairs" and pairs.of == "pairs" and of.is_of_same(pairs):
                yield {column: frozenset((YES,)), other: frozenset((NO,))}
