"""By which columns the rows of an extract can be filtered, and by which values.

What a filter lets through tells of every row what it asks. So it asks only for what the column
would tell in the file: a code, a label or a number that identifies nobody, in the form in which it
may leave (docs/adr/0050).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from catalogue.patterns import fits
from catalogue.relations.words import split
from catalogue.words import NUMBERS, ColumnType, Derivation, Treatment

if TYPE_CHECKING:
    from catalogue.model import DataSet

FORMS = frozenset({Treatment.AS_IS, Treatment.DERIVED})
"""Forms in which a column says itself; tokens, months and years stand for something else."""


class FilterProblem(StrEnum):
    EMPTY = "empty"
    """Nothing is asked for, or a number that is at least more than at most."""
    UNSUITABLE = "unsuitable"
    """Values of a number, bounds of a code, or both at once."""
    CODE_UNKNOWN = "code_unknown"
    """A value that the column of this version cannot have."""


@dataclass(frozen=True, kw_only=True)
class Filterable:
    """What a filter may ask of one column."""

    is_number: bool = False
    codes: frozenset[str] | None = None
    pattern: str | None = None
    length_max: int = 255
    separator: str | None = None
    """Between several values in one cell: one of those asked for is enough."""

    def problem(
        self, any_of: Sequence[str], at_least: int | None, at_most: int | None
    ) -> FilterProblem | None:
        """Say what is wrong with a filter on this column; None where nothing is."""
        bounds = (at_least, at_most)
        is_bounded = bounds != (None, None)
        if not any_of and not is_bounded:
            return FilterProblem.EMPTY
        if at_least is not None and at_most is not None and at_least > at_most:
            return FilterProblem.EMPTY
        if is_bounded != self.is_number or bool(any_of) == self.is_number:
            return FilterProblem.UNSUITABLE
        return None if all(map(self._can_have, any_of)) else FilterProblem.CODE_UNKNOWN

    def _can_have(self, value: str) -> bool:
        if self.codes is not None:
            return value in self.codes
        if not value.strip() or len(value) > self.length_max:
            return False
        return self.pattern is None or fits(self.pattern, value)


def chosen_by(column: str, group: str, above: Mapping[str, Collection[str]]) -> bool:
    """Say whether a filter on a column chooses rows of a group (docs/adr/0202).

    It does in the column's own group, and wherever each row belongs to one row of that: `above`
    names for each group those.
    """
    of = split(column)[0]
    return of == group or of in above.get(group, ())


def not_chosen(
    columns: Collection[str], groups: Iterable[str], above: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str]]:
    """Give each filter's column with each of these groups of which it can choose no rows.

    A group of which a filter on the same column, of another group, chooses rows is not among them:
    sessions that belong to nothing have a provider of their own.
    """
    for group in groups:
        chosen = {split(name)[1] for name in columns if chosen_by(name, group, above)}
        yield from ((name, group) for name in columns if split(name)[1] not in chosen)


def filterable(data_set: "DataSet", name: str) -> Filterable | None:
    """Return what a filter may ask of the column; None where there is none, or it may nothing."""
    column = data_set.releasables.get(name)
    if column is None or column.identifier is not None or not FORMS & set(column.treatments):
        return None
    if column.type in NUMBERS:
        return Filterable(is_number=True)
    if column.type is not ColumnType.TEXT:
        return None
    field = data_set.by_name.get(name)
    if field is not None:
        return Filterable(
            codes=None if field.codes is None else frozenset(field.codes),
            pattern=field.pattern,
            length_max=field.length_max,
            separator=field.separator,
        )
    form = data_set.forms[name]
    if form.derivation is Derivation.BAND:
        return Filterable(codes=frozenset(form.labels))
    return Filterable()
