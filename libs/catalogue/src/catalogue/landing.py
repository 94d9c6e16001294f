"""Landing rules: how a file is taken in, beside what the published data set file says of it.

An agreement's line rests on the digest of a published file, which therefore never changes. What
it says of intake (how values are written) does change, as the national forms do. So that is said
here, in files with a version and a digest of their own, which hold for every version of the data
set at once, and go before what its published file says.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from catalogue.collection import Instrument
from catalogue.fields import CatalogueField
from catalogue.model import DataSet
from catalogue.words import (
    DAYS,
    NUMBERS,
    UNKNOWN_TO_THE_ENGINE,
    Check,
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


def of_pattern(pattern: str) -> Iterator[str]:
    """What is wrong with a pattern."""
    try:
        re.compile(pattern)
    except re.error:
        yield "the pattern is not a regular expression"
    if UNKNOWN_TO_THE_ENGINE.search(pattern):
        yield "the engine's patterns cannot look round, refer back or be possessive"


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


TODAY = "today"


class LandingRules(Strict):
    """One version of the rules of one data set."""

    data_set: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,31}$")]
    version: Annotated[int, Field(ge=1)]
    valid_from: date
    """From this day on files are taken in by this version, until the next one begins."""
    safe_from: Annotated[int, Field(ge=1)] = 1
    """Editions of earlier versions, or of none, are not released any more."""
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    collection: tuple[Instrument, ...] | None = None
    """Directions and provision notices: files are taken in while one is in force (ruling 32).

    None where nothing is said of it, as before version 3 of the first two data sets.
    """
    formats: Mapping[Name, Format] = {}
    void: Void | None = None
    fields: tuple[FieldRule, ...] = ()
    control: tuple[Control, ...] = ()
    withhold: Withhold | None = None
    adds_nothing: tuple[When, ...] = ()
    """Rows of the source message that are no activity."""
    ahead: tuple[Name, ...] = ()
    """Dates that are rightly later than the day of submission: booked, expected."""
    validity: tuple[Validity, ...] = ()
    record: Record | None = None
    digest: str = ""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        if self.safe_from > self.version:
            yield "safe_from is later than version"
        for rule in self.fields:
            if rule.format is not None and rule.format not in self.formats:
                yield f"fields names the format {rule.format}, which is not there"
        if any(when.cancels for when in self.adds_nothing) and self.record is None:
            yield "adds_nothing cancels records, which have no key"
        for when in self.withhold.when if self.withhold else ():
            if when.cancels:
                yield f"{when.code}: a record without identity is not cancelled by it"
        limited = {rule.column for rule in self.validity if rule.than == TODAY}
        if both := sorted(limited & set(self.ahead)):
            yield f"ahead names what is held against today: {', '.join(both)}"
        named = [name for rule in self.fields for name in rule.names]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            yield f"named twice in fields: {', '.join(twice)}"

    @property
    def name(self) -> str:
        return f"{self.data_set}-{self.version}"

    @cached_property
    def form(self) -> str:
        """The digest of what decides in which form keys are compared and made into tokens."""
        said = self.model_dump_json(include={"formats", "void", "fields", "record"})
        return "sha256:" + hashlib.sha256(said.encode()).hexdigest()

    # --- what they say of a data set --------------------------------------------------------------

    def rule_of(self, name: str) -> FieldRule | None:
        """The rule of a column: by its name, or else by the longest beginning of it."""
        found = [
            (len(pattern.removesuffix("*")), not pattern.endswith("*"), rule)
            for rule in self.fields
            for pattern in rule.names
            if matches(pattern, name)
        ]
        return max(found, key=lambda item: (item[1], item[0]))[2] if found else None

    def format_of(self, name: str) -> Format | None:
        rule = self.rule_of(name)
        return None if rule is None or rule.format is None else self.formats[rule.format]

    def otherwise(self, name: str) -> Effect:
        """What a value costs that is not written as it should be."""
        rule = self.rule_of(name)
        return Effect.QUARANTINE if rule is None else rule.otherwise

    def missing(self, field: CatalogueField) -> Effect | None:
        """What a value costs that is not there; None where it need not be."""
        rule = self.rule_of(field.name)
        if rule is not None and rule.missing is not None:
            return rule.missing
        return Effect.QUARANTINE if field.mandatory else None

    def withhold_of(self, data_set: DataSet) -> Withhold | None:
        """What is withheld, and when.

        Where only the published file names categories of confidentiality, all that identifies
        anybody is dropped of their rows.
        """
        hidden = data_set.confidentiality
        if self.withhold is not None or hidden is None:
            return self.withhold
        identifying = {FieldClass.DI, FieldClass.LI}
        when = When(
            code=HIDDEN,
            columns=(hidden.field,),
            values=hidden.withheld,
            source="the published data set file",
            valid_from=date.min,
        )
        return Withhold(
            drop=tuple(f.name for f in data_set.fields if f.class_ in identifying),
            reasons=("S", "P", "R", "C"),
            when=(when,),
        )

    @classmethod
    def as_published(cls, data_set: DataSet) -> Self:
        """No rules: files are taken in as the published file says, and nothing is recorded."""
        return cls(
            data_set=data_set.data_set,
            version=1,
            valid_from=data_set.valid_from,
            sources=("the published data set file",),
        )

    @cached_property
    def controls(self) -> frozenset[str]:
        return frozenset(control.name for control in self.control)

    def problems_with(self, data_set: DataSet) -> Iterator[str]:
        """What in these rules does not fit one version of the data set."""
        known = set(data_set.by_name) | self.controls
        derived = {made.name for made in data_set.derived}
        for where, name in self._references():
            if not any(matches(name, column) for column in known):
                yield f"{where} names {name}, which is not a field of version {data_set.version}"
        if taken := sorted(self.controls & (set(data_set.by_name) | derived)):
            yield f"control names {', '.join(taken)}, which are fields already"
        if self.withhold is not None:
            for name in self.withhold.keep_derived:
                if name not in derived:
                    yield f"withhold.keep_derived names {name}, which is not derived"
        if self.record is not None:
            for name in sorted({*self.record.key} & (self.controls | {data_set.person.nhs_number})):
                yield f"record.key names {name}, which is not kept as it is"
        yield from self._of_columns(data_set)

    def _of_columns(self, data_set: DataSet) -> Iterator[str]:
        for rule in self.fields:
            yield from self._of_formats(rule, data_set)
        for valid in self.validity:
            yield from self._of_validity(valid, data_set)
        for name in self.ahead:
            if name in data_set.by_name and data_set.by_name[name].type not in DAYS:
                yield f"ahead names {name}, which is no date"

    def _of_formats(self, rule: FieldRule, data_set: DataSet) -> Iterator[str]:
        for field in data_set.fields:
            fits = any(matches(pattern, field.name) for pattern in rule.names)
            if fits and rule.format is not None and field.type is not ColumnType.TEXT:
                yield f"fields gives {field.name} a format, which is no text"
            if fits and rule.otherwise is Effect.EMPTY and field.name == data_set.periods.field:
                yield f"fields empties {field.name}, by which a row has its month"

    def _of_validity(self, rule: Validity, data_set: DataSet) -> Iterator[str]:
        field = data_set.by_name.get(rule.column)
        if field is None:
            return
        numeric = field.type in NUMBERS
        match rule.than:
            case Days() | int():
                right = numeric
            case date():
                right = field.type in DAYS
            case name:
                other = data_set.by_name.get(name)
                kind = ColumnType.DATE if name == TODAY else other and other.type
                dated = kind in DAYS and field.type in DAYS
                right = dated or (kind == field.type and field.type is not ColumnType.TEXT)
        if not right:
            yield f"validity {rule.code}: {rule.column} cannot be compared so"
        if rule.effect is Effect.EMPTY and rule.column == data_set.periods.field:
            yield f"validity {rule.code}: empties {rule.column}, by which a row has its month"

    def _references(self) -> Iterator[tuple[str, str]]:
        for rule in self.fields:
            yield from (("fields", name) for name in rule.names)
        whens = [*self.adds_nothing, *(self.withhold.when if self.withhold else ())]
        for when in whens:
            yield from ((when.code, name) for name in when.columns)
            if when.unless is not None:
                yield when.code, when.unless.column
        if self.withhold is not None:
            yield from (("withhold.drop", name) for name in self.withhold.drop)
        yield from (("ahead", name) for name in self.ahead)
        yield from (("record.key", name) for name in (self.record.key if self.record else ()))
        for valid in self.validity:
            yield f"validity {valid.code}", valid.column
            match valid.than:
                case Days(start=start, end=end):
                    yield f"validity {valid.code}", start
                    yield f"validity {valid.code}", end
                case str(name) if name != TODAY:
                    yield f"validity {valid.code}", name
                case _:
                    pass

    def taken_in(self, data_set: DataSet) -> DataSet:
        """The data set as its files are read: formats of these rules, and control columns.

        Its digest stays that of the published file, which is what lines and editions name.
        """
        said = data_set.model_dump(by_alias=True)
        said["fields"] = [self._taken_in(field) for field in data_set.fields] + [
            {"name": c.name, "class": "ADM", "column": "optional", "length_max": c.length_max}
            for c in self.control
        ]
        return DataSet.model_validate(said)

    def _taken_in(self, field: CatalogueField) -> dict[str, Any]:
        said = field.model_dump(by_alias=True) | {"mandatory": self.missing(field) is not None}
        format_ = self.format_of(field.name)
        if format_ is not None:
            said |= {"pattern": format_.pattern, "codes": format_.codes}
        if field.name in self.ahead and field.check is Check.NOT_IN_FUTURE:
            said |= {"check": None}
        return said


def matches(pattern: str, name: str) -> bool:
    """Say whether a name is the one, or begins as the one before the star."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern
