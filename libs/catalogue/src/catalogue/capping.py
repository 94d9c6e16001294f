"""Caps that go together over all columns of a line, as dated data: what is done to which column.

A line's columns are judged together with those of the other lines whose people have the same
tokens, because whoever has both has them side by side.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import Field

from catalogue.model import DataSet
from catalogue.words import (
    AGES,
    DAYS,
    ColumnType,
    Derivation,
    Identifier,
    Name,
    Strict,
    Treatment,
    versions_of,
)

EXACT_DATE: Final = "exact_date"
Form = Derivation | Literal["exact_date"]


class Cap(StrEnum):
    """What is done to a column; each hides what those before it hide, and more."""

    CAPPED = "capped"
    """Of the oldest: what somebody has who is just as old as the cap."""
    CAPPED_TOGETHER = "capped_together"
    """The same, of all who are among the oldest by any age of the line."""
    WITHHELD_OF_OLDEST = "withheld_of_oldest"
    """Of the oldest: null."""
    WITHHELD = "withheld"
    """Of everybody: null, because what else is on the line makes it tell too much."""

    def hides(self, other: "Cap") -> bool:
        """Say whether whoever does this has done the other as well."""
        return _STRICTNESS[self] >= _STRICTNESS[other]


_STRICTNESS: Final[Mapping[Cap, int]] = {cap: at for at, cap in enumerate(Cap)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One column of a line, as far as caps go: which form of what it tells."""

    data_set: str
    name: str
    source: str
    """The column of the provider's file that it is made of; its own name where it is that. Of
    several tables it is named by its table, so that it is the same in every group that has it."""
    form: Form | None
    """None where it is neither a form of a date nor of a postcode."""
    identifier: Identifier | None = None
    """What the source identifies a person by."""
    until: str | None = None
    """Of a number of days, the column at which it ends; it begins at `source`."""

    @property
    def is_age(self) -> bool:
        """Say whether it tells how old somebody is; a band of an age does."""
        of_birth = self.identifier is Identifier.DATE_OF_BIRTH
        return self.form in AGES or (of_birth and self.form == Derivation.BAND)

    def is_of_the_same(self, other: "Shown") -> bool:
        """Say whether both are made of one thing; a person's is the same in every data set."""
        if self.data_set == other.data_set:
            return self.source == other.source
        return self.identifier is not None and self.identifier is other.identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:
    """What is done to a column, and for which others' sake."""

    column: Shown
    cap: Cap
    because_of: tuple[Shown, ...] = ()
    """Without each of these the column would be told as it is; none where it is capped anyhow."""


class Together(Strict):
    """Forms of one source of which the finer is withheld where a coarser one is on the line too."""

    coarse: Annotated[tuple[Derivation, ...], Field(min_length=1)]
    finer: Form
    of: Literal["event"] | None = None
    """Only of dates that identify nobody."""

    def undoing(self, column: Shown, others: Sequence[Shown]) -> Iterator[Shown]:
        """Give what else on the line is a coarser form of the same."""
        if column.form == self.finer and (self.of is None or column.identifier is None):
            yield from (o for o in others if o.form in self.coarse and column.is_of_the_same(o))


class Beside(Strict):
    """Forms of one of a person's identifiers, withheld where those of another are told too."""

    finer: Annotated[tuple[Derivation, ...], Field(min_length=1)]
    of: Identifier
    others: Annotated[tuple[Derivation, ...], Field(alias="with", min_length=1)]

    def undoing(self, column: Shown, others: Sequence[Shown]) -> Iterator[Shown]:
        """Give what else is told of the person."""
        if column.identifier is self.of and column.form in self.finer:
            yield from (o for o in others if o.identifier is not None and o.form in self.others)


class Told(Strict):
    """Forms of one of a person's identifiers."""

    of: Identifier
    forms: Annotated[tuple[Derivation, ...], Field(min_length=1)]


class Apart(Strict):
    """Forms that are withheld where one of each of several others is told too."""

    finer: Annotated[tuple[Derivation, ...], Field(min_length=1)]
    others: Annotated[tuple[Told, ...], Field(alias="with", min_length=2)]

    def undoing(self, column: Shown, others: Sequence[Shown]) -> Iterator[Shown]:
        """Give what else is told, where something of each is."""
        if column.form not in self.finer:
            return
        found = [
            [o for o in others if o.identifier is told.of and o.form in told.forms]
            for told in self.others
        ]
        if all(found):
            yield from (o for group in found for o in group)


class Length(Strict):
    """A column that is the number of days between two dates of its data set."""

    data_set: str
    length: Name
    first: Name
    last: Name

    def undoing(self, column: Shown, others: Sequence[Shown]) -> Iterator[Shown]:
        """Give the date that is told exactly, where the other one is told in a coarser form."""
        if (column.data_set, column.name) == (self.data_set, self.length):
            yield from _halves(column, self.first, self.last, others)


class Counted(Strict):
    """A column that landing made, which is the number of days between two dates."""

    form: Derivation

    def undoing(self, column: Shown, others: Sequence[Shown]) -> Iterator[Shown]:
        """Give the date that is told exactly, where the other one is told in a coarser form."""
        if column.form == self.form and column.until is not None:
            yield from _halves(column, column.source, column.until, others)


def _halves(column: Shown, first: str, last: str, others: Sequence[Shown]) -> Iterator[Shown]:
    """Give what is told of two dates, where one is told exactly and the other is not."""
    told: dict[str, list[Shown]] = {first: [], last: []}
    for other in others:
        of_a_date = other.form and other.form != Derivation.DAYS
        if other.data_set == column.data_set and other.source in told and of_a_date:
            told[other.source].append(other)
    exact = {s: [o for o in forms if o.form == EXACT_DATE] for s, forms in told.items()}
    for one, end in ((first, last), (last, first)):
        if exact[one] and told[end] and not exact[end]:
            yield from (*exact[one], *told[end])


class NotCovered(Strict):
    """What the caps leave, and why."""

    what: Annotated[str, Field(min_length=20)]
    why: Annotated[str, Field(min_length=20)]


class Caps(Strict):
    """One version of the rule."""

    rule: Annotated[str, Field(pattern=r"^caps/[0-9]+$")]
    valid_from: date
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    oldest: Annotated[int, Field(ge=1, le=120)]
    """Years from which on nobody's age is told exactly."""
    of_birth: Mapping[Derivation, Literal["capped", "withheld"]]
    several_ages: Literal["capped_together"] | None = None
    together: tuple[Together, ...]
    beside: tuple[Beside, ...] = ()
    apart: tuple[Apart, ...] = ()
    lengths: tuple[Length, ...] = ()
    counted: tuple[Derivation, ...] = ()
    """Forms that are numbers of days between two dates."""
    not_covered: tuple[NotCovered, ...] = ()

    def on_line(self, data_set: DataSet, columns: Mapping[str, Treatment]) -> dict[str, Cap]:
        """Say what is done to which of a line's columns; what is not named is left as it is."""
        found = self.on_columns(shown(data_set, columns))
        return {capped.column.name: capped.cap for capped in found}

    def on_columns(self, own: Iterable[Shown], others: Iterable[Shown] = ()) -> tuple[Capped, ...]:
        """Say what is done to which columns, where `others` may come to stand beside them."""
        own = tuple(own)
        every = (*own, *others)
        found = (self._on(column, every) for column in own)
        return tuple(capped for capped in found if capped is not None)

    def _on(self, column: Shown, others: Sequence[Shown]) -> Capped | None:
        rules: tuple[Together | Beside | Apart | Length | Counted, ...] = (
            *self.together, *self.beside, *self.apart, *self.lengths,
            *(Counted(form=form) for form in self.counted),
        )  # fmt: skip
        undoing = tuple(dict.fromkeys(o for r in rules for o in r.undoing(column, others)))
        if undoing:
            return Capped(column=column, cap=Cap.WITHHELD, because_of=undoing)
        if column.identifier is not Identifier.DATE_OF_BIRTH:
            return None
        if column.is_age and self.several_ages:
            ages = tuple(
                o
                for o in others
                if o.is_age and o.name != column.name and o.data_set == column.data_set
            )
            if ages:
                return Capped(column=column, cap=Cap.CAPPED_TOGETHER, because_of=ages)
        told = {str(form): how for form, how in self.of_birth.items()}.get(str(column.form))
        if told is None:
            return None
        cap = Cap.CAPPED if told == "capped" else Cap.WITHHELD_OF_OLDEST
        return Capped(column=column, cap=cap)


def form_of(type_: ColumnType, treatment: str) -> Form | None:
    """Say which form of itself a column of the provider's file tells in that treatment."""
    if type_ not in DAYS:
        return None
    forms: Mapping[str, Form] = {
        Treatment.AS_IS: EXACT_DATE,
        Treatment.MONTH: Derivation.MONTH,
        Treatment.YEAR: Derivation.YEAR,
    }
    return forms.get(treatment)


def shown(data_set: DataSet, columns: Mapping[str, Treatment]) -> tuple[Shown, ...]:
    """Describe a line's columns; one that the data set does not have tells nothing."""
    fields = {f.name: f for f in data_set.fields}
    origin = data_set.origin
    found = []
    for name, treatment in columns.items():
        form, field = data_set.forms.get(name), fields.get(name)
        if form is not None:
            is_a_day = form.derivation is Derivation.DATE
            found.append(
                Shown(
                    data_set=data_set.data_set,
                    name=name,
                    source=origin(form.source),
                    form=EXACT_DATE if is_a_day else form.derivation,
                    identifier=form.identifier,
                    until=origin(form.at or "") if form.derivation is Derivation.DAYS else None,
                )
            )
        elif field is not None:
            found.append(
                Shown(
                    data_set=data_set.data_set,
                    name=name,
                    source=origin(name),
                    form=form_of(field.type, treatment),
                    identifier=field.identifier,
                )
            )
    return tuple(found)


@cache
def caps() -> Caps:
    """Give the newest rule: what protects people is not waited for."""
    rules = versions_of(Caps, "caps")
    return max(rules, key=lambda rule: (rule.valid_from, int(rule.rule.partition("/")[2])))
