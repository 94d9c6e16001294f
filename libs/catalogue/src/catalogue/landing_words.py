"""The words of landing rules: formats, voids, signals, limits, and what each costs a record."""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from catalogue.patterns import problems as of_pattern
from catalogue.words import (
    ColumnType,
    FieldClass,
    Name,
    Normal,
    Strict,
    Text,
    without,
)

NAMES = r"^[A-Za-z0-9_]{1,64}\*?$"
"""A column, or with a star all columns whose names begin so."""
HIDDEN = "CONFIDENTIAL"
"""The signal of a data set whose published file alone names categories of confidentiality."""
CODE = r"^[A-Z][A-Z0-9_]{2,39}$"


class Effect(StrEnum):
    """What becomes of a value that is not as it should be, and of its record."""

    EMPTY = "empty"
    """The value is taken as none and counted; the record stays."""
    WARN = "warn"
    """It stays as it is and is counted."""
    QUARANTINE = "quarantine"
    """The record is set aside."""


Names = Annotated[tuple[Annotated[str, Field(pattern=NAMES)], ...], Field(min_length=1)]


class Sourced(Strict):
    """A rule says where it comes from, and since when it is so."""

    source: Text
    dated: date


class Format(Sourced):
    """How a kind of value is written, in its normal form, as a whole."""

    pattern: Text | None = None
    codes: Annotated[tuple[Text, ...] | None, Field(min_length=1)] = None
    normal: tuple[Normal, ...] = ()

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        if (self.pattern is None) == (self.codes is None):
            yield "a format has either a pattern or codes"
        if self.pattern is not None:
            yield from of_pattern(self.pattern)


class Void(Sourced):
    """Placeholders for "unknown", which are no values (domain.md, ruling 22)."""

    words: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]+$")], ...] = ()
    """Letters and digits in upper case; in a file the case does not count, nor what else stands
    between them."""
    repeated_from: Annotated[int, Field(ge=2)] = 3
    """So many times one and the same letter or digit, and nothing else, is no key."""
    patterns: tuple[Text, ...] = ()
    """What programs leave of a key: as a whole, in any case, it is none."""
    classes: tuple[FieldClass, ...] = ()
    """Of the columns in which a placeholder that fits the format is one all the same."""
    spared: Annotated[
        Mapping[FieldClass, tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]+$")], ...]],
        Field(exclude_if=lambda said: not said),  # what said nothing of it has the form it had
    ] = {}
    """Words that are values in columns of a class, where they are written with nothing else."""
    numbers: tuple[Annotated[str, Field(pattern=r"^[0-9]{10}$")], ...] = ()
    """NHS numbers that stand for none."""
    dates: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        found = (problem for pattern in self.patterns for problem in of_pattern(pattern))
        return without(self, found)


class FieldRule(Strict):
    """How columns are taken in."""

    names: Names
    format: Name | None = None
    otherwise: Effect = Effect.QUARANTINE
    """What a value costs that is not written so, or is too long."""
    missing: Effect | None = None
    """What a value costs that is not there. Unless said, as the published file says."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        wrong = self.missing is Effect.EMPTY
        return without(self, ["a missing value is empty already"] if wrong else [])


class Control(Strict):
    """A column of the source message that a file may have: read here, and kept nowhere."""

    name: Name
    length_max: Annotated[int, Field(ge=1, le=255)] = 35
    type: Literal[ColumnType.TEXT, ColumnType.DATE] = ColumnType.TEXT
    column: Literal["required", "optional"] = "optional"


class When(Strict):
    """What a row says by some of its columns.

    Values are compared in upper case, without what is neither letter nor digit.
    """

    code: Annotated[str, Field(pattern=CODE)]
    columns: Names
    values: tuple[Text, ...] = ()
    """One of these."""
    other_than: tuple[Text, ...] | None = None
    """Any value but these."""
    begins: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]{3,6}$")], ...] = ()
    """A code that begins so, its full stop not counted."""
    known: tuple[Text, ...] = ()
    """What may stand there; anything else is a finding."""
    unless: "Unless | None" = None
    cancels: bool = False
    """The row also takes back the record with its key on the lines before it."""
    source: Text
    valid_from: date
    valid_to: date | None = None
    """By the date that decides to which month a row belongs; the last day counts."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        if bool(self.values) + (self.other_than is not None) + bool(self.begins) != 1:
            yield f"{self.code}: says one of `values`, `other_than` and `begins`"
        if self.valid_to is not None and self.valid_to < self.valid_from:
            yield f"{self.code}: valid_to is before valid_from"


class Unless(Strict):
    """Where a column has one of these values the signal says nothing."""

    column: Name
    values: Annotated[tuple[Text, ...], Field(min_length=1)]


class Withhold(Strict):
    """Whom a row is about is not to be known: what goes, and what stays (rulings 21, 26)."""

    drop: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Columns that are dropped at landing. The person's token is one of the row."""
    keep_derived: tuple[Name, ...] = ()
    """Of what is made of dropped columns, what stays."""
    reasons: tuple[Literal["S", "P", "G", "H", "R", "C", "L"], ...]
    """By which letters the row still reaches a commissioner."""
    when: Annotated[tuple[When, ...], Field(min_length=1)]


class Comparison(StrEnum):
    BELOW = "below"
    """Also: before."""
    ABOVE = "above"
    """Also: after."""
    DIFFERS = "differs"


class Days(Strict):
    """The days from one date of the row to another."""

    start: Annotated[Name, Field(alias="from")]
    end: Annotated[Name, Field(alias="to")]


class Validity(Strict):
    """A value that is written rightly and cannot be: against a limit, or another column."""

    code: Annotated[str, Field(pattern=CODE)]
    column: Name
    is_: Annotated[Comparison, Field(alias="is")]
    than: date | int | Name | Days
    """A limit, another column, `today` (the day of submission), or days between two."""
    effect: Effect
    text: Text
    """What its sender is told."""
    source: Text


class Twice(StrEnum):
    """What becomes of a record that comes again."""

    QUARANTINE = "quarantine"
    """The first stays, and those that come after it are set aside."""
    REPLACE = "replace"
    """The last stays in the place of those before it."""


class Record(Strict):
    """By what a record is known again, whatever file it comes in.

    Whoever made the key made it for itself, so the provider whose record it is always belongs
    to it; another provider's record with the same key is another record.
    """

    key: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Columns. Without a value in the first, a record is like no other."""
    twice: Twice
    source: Text
