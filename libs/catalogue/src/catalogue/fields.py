"""One column of a data set: of the provider's file, or made at landing."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from catalogue import membership, patterns
from catalogue.words import (
    AT_A_DATE,
    DAYS,
    GIVEN,
    IDENTIFYING,
    MOMENTS,
    NUMBERS,
    OLDEST,
    Check,
    ColumnType,
    Derivation,
    FieldClass,
    Identifier,
    Name,
    Normal,
    Strict,
    Treatment,
    without,
)

STAFF_LENGTH_MAX = 12
"""A code of staff that may leave as it is fits into one sealed block, which can be opened."""
SEPARATORS: Final = ",;|^ "
HEADER: Final = r"^[^\x00-\x1f\x7f\s](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x1f\x7f\s])?$"
"""How a column may be named in a file: anything that can be seen."""

TYPE_OF_IDENTIFIER = {Identifier.DATE_OF_BIRTH: ColumnType.DATE}
"""Every other identifier is text."""
TYPES_OF_CHECK = {
    Check.NHS_NUMBER: frozenset({ColumnType.TEXT}),
    Check.POSTCODE: frozenset({ColumnType.TEXT}),
    Check.NOT_IN_FUTURE: DAYS,
}
TYPES_OF_FORM = {
    Derivation.AGE_YEARS: ColumnType.INTEGER,
    Derivation.YEAR: ColumnType.INTEGER,
    Derivation.MONTH_OF_YEAR: ColumnType.INTEGER,
    Derivation.DEPRIVATION_DECILE: ColumnType.INTEGER,
}
"""Every other form that a file can tell is text."""


class CatalogueField(Strict):
    """One column of the provider's file."""

    name: Name
    header: Annotated[str | None, Field(pattern=HEADER)] = None
    """How files name it, where that is no name: `Time in A&E (mins)`."""
    title: str = ""
    class_: Annotated[FieldClass, Field(alias="class")]
    type: ColumnType = ColumnType.TEXT
    column: Literal["required", "optional"] = "required"
    """Whether the file's header must have it."""
    mandatory: bool = False
    """Whether a row without a value is quarantined."""
    length_max: Annotated[int, Field(ge=1, le=4000)] = 255
    pattern: str | None = None
    codes: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    labels: Mapping[str, str] = {}
    """What codes mean; a file writes `codes: {"1": Male}`."""
    separator: Annotated[str | None, Field(min_length=1, max_length=1)] = None
    """Between several values in one cell, each of which is written as the pattern says."""
    normal: tuple[Normal, ...] = ()
    recode: Mapping[str, str] = {}
    """Values that stand for another: `{"7001": "0"}`, an age of less than a day."""
    lookup: Name | None = None
    """The list under `lookups` by which names become codes of organisations."""
    members: Name | None = None
    """The dated list of organisations of which a value has to name one, as at the period."""
    check: Check | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    """What a number can be at all; another is a mistake."""
    cap: int | None = None
    """A number above it is kept as this."""
    tells: Derivation | None = None
    """Which safe form of a person's birth date or postcode it already is (domain.md 8.3)."""
    identifier: Identifier | None = None
    scan: bool = False
    """Free text or a code in which personal data are found in practice (domain.md 8.6).

    A column that is kept in clear is masked; an identifier is sealed whole and its hits are only
    counted, because masked identifiers of two people could become the same.
    """
    treatments: tuple[Treatment, ...] = ()
    """In which forms the column may leave at all; none means never."""
    topic: Literal["LEARNING_DISABILITY", "AUTISM"] | None = None
    """What a table by it is on, where a disclosure rule protects that further (domain.md 7.1)."""
    examples: tuple[str, ...] = ()
    """Values that are written so, none of a person's."""
    assumed: bool = False
    """Nobody published that the data set has it: it is thought so."""
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_labels(cls, said: Any) -> Any:
        if isinstance(said, dict) and isinstance(said.get("codes"), dict):
            return said | {"codes": tuple(said["codes"]), "labels": said["codes"]}
        return said

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, (f"{self.name}: {problem}" for problem in self._problems()))

    @property
    def label(self) -> str:
        """How files name it."""
        return self.header or self.name

    def _problems(self) -> Iterator[str]:
        yield from self._of_the_shape()
        yield from self._of_numbers()
        yield from self._of_the_form()
        yield from self._of_the_identifier()
        if Treatment.DERIVED in self.treatments:
            yield "a derived form is an entry under `derived`"
        if len(set(self.treatments)) < len(self.treatments):
            yield "a treatment is named twice"
        dated = {Treatment.MONTH, Treatment.YEAR} & set(self.treatments)
        if dated and self.type not in DAYS:
            yield "only a date has a month and a year"
        if self.type in MOMENTS and Treatment.AS_IS in self.treatments:
            yield "a time of day leaves as its hour or its band, under `derived`"

    def _of_the_shape(self) -> Iterator[str]:
        if self.type is not ColumnType.TEXT and (self.pattern or self.codes or self.scan):
            yield "only text has a pattern, codes or a scan"
        if self.codes is not None and (self.pattern or self.scan):
            yield "codes leave nothing to a pattern or a scan"
        if self.check is not None and self.type not in TYPES_OF_CHECK[self.check]:
            kinds = " or ".join(sorted(TYPES_OF_CHECK[self.check]))
            yield f"{self.check} is checked in a {kinds}, not in a {self.type}"
        if self.pattern is not None:
            yield from patterns.problems(self.pattern)
        yield from self._of_several()
        yield from self._of_members()
        if self.type is not ColumnType.TEXT and (self.normal or self.lookup):
            yield "only text has a normal form or a lookup"
        if self.lookup is not None and self.recode:
            yield "names are looked up or values are recoded, not both"
        if self.lookup is not None and (self.pattern or self.scan or self.identifier):
            yield "a lookup gives codes, which leave nothing to a pattern, a scan or an identifier"

    def _of_members(self) -> Iterator[str]:
        if self.members is None:
            return
        if membership.members(self.members) is None:
            yield f"there is no list of organisations {self.members}"
        if self.class_ is not FieldClass.ORG or self.type is not ColumnType.TEXT:
            yield "members are organisations: text of the class ORG"
        if self.codes is not None or self.separator is not None or self.lookup is not None:
            yield "a list of members leaves nothing to codes, a lookup or several values"

    def _of_several(self) -> Iterator[str]:
        if self.separator is not None:
            if self.separator not in SEPARATORS:
                yield f"values are separated by one of {' '.join(SEPARATORS).strip()} or a space"
            if self.pattern is None and self.codes is None:
                yield "several values in a cell have a pattern or codes"
            if self.identifier is not None:
                yield "an identifier is one value"

    def _of_numbers(self) -> Iterator[str]:
        said = (self.minimum, self.maximum, self.cap)
        if any(limit is not None for limit in said) and self.type not in NUMBERS:
            yield "only a number has a minimum, a maximum or a cap"
        if self.minimum is None:
            return
        if self.maximum is not None and self.maximum < self.minimum:
            yield "the maximum is below the minimum"
        if self.cap is not None and self.cap < self.minimum:
            yield "the cap is below the minimum"

    def _of_the_form(self) -> Iterator[str]:
        if self.tells is None:
            return
        if self.tells not in GIVEN:
            yield f"a file tells one of {', '.join(sorted(GIVEN))} of a person"
        if self.identifier is not None:
            yield "what identifies somebody is no safe form"
        if self.type is not TYPES_OF_FORM.get(self.tells, ColumnType.TEXT):
            yield f"{self.tells} is a {TYPES_OF_FORM.get(self.tells, ColumnType.TEXT)}"
        if self.tells is Derivation.AGE_YEARS and self.cap is not None and self.cap > OLDEST:
            yield f"an age is capped at {OLDEST} at most"
        if self.tells is Derivation.AGE_BAND:
            if self.codes is None:
                yield "an age band has codes"
            if any(int(found[0]) > OLDEST for c in self.codes or () if (found := _begins(c))):
                yield f"age bands end with {OLDEST}+"

    def _of_the_identifier(self) -> Iterator[str]:
        if (self.class_ in IDENTIFYING) != (self.identifier is not None):
            yield "DI, LI and STAFF, and only they, have an identifier type"
        if self.identifier is None:
            if Treatment.PSEUDONYM in self.treatments:
                yield "only an identifier becomes a pseudonym"
            if Treatment.IDENTIFIED in self.treatments:
                yield "only a direct identifier leaves as the identity"
            return
        allowed = {Treatment.PSEUDONYM, Treatment.DERIVED}
        if self.class_ is FieldClass.STAFF:
            allowed |= {Treatment.AS_IS}  # ruling 13: where a line lists it with a reason
        if self.class_ is FieldClass.DI:
            allowed |= {Treatment.IDENTIFIED}  # docs/adr/0064: by a legal route
        if set(self.treatments) - allowed:
            yield (
                "an identifier leaves as a pseudonym, or in a form under `derived`;"
                " a direct one by a legal route as the identity"
            )
        if Treatment.AS_IS in self.treatments and (
            self.pattern is None or self.length_max > STAFF_LENGTH_MAX
        ):
            yield (
                "a code of staff that leaves as it is has a pattern,"
                f" and at most {STAFF_LENGTH_MAX} characters"
            )
        wanted = TYPE_OF_IDENTIFIER.get(self.identifier, ColumnType.TEXT)
        if self.type is not wanted:
            yield f"{self.identifier} is a {wanted}, not a {self.type}"

    def within(self, first: date, last: date) -> Self:
        """Give the field as files of these days are read: with the members of then as its codes."""
        found = membership.members(self.members) if self.members else None
        if found is None:
            return self
        codes = found.codes(first, last)
        return self.model_copy(update={"codes": codes, "pattern": None, "members": None})

    def of_codes(self, codes: tuple[str, ...]) -> Self:
        """Give the field with these of its codes alone."""
        return self.model_copy(update={"codes": codes})

    @property
    def is_told_as_a_day(self) -> bool:
        """Whether it is a date that identifies nobody and may leave as it is."""
        is_event = self.type in DAYS and self.identifier is None
        return is_event and Treatment.AS_IS in self.treatments

    @property
    def limit(self) -> int | None:
        """Above which a number is kept as this: an age also where nothing is said of it."""
        if self.tells is Derivation.AGE_YEARS and self.cap is None:
            return OLDEST
        return self.cap


def _begins(code: str) -> re.Match[str] | None:
    """Find the number that an age band begins with."""
    return re.match(r"[0-9]+", code)


class DerivedField(Strict):
    """One column that landing makes from others."""

    name: Name
    title: str = ""
    class_: Annotated[FieldClass, Field(alias="class")] = FieldClass.DER
    type: ColumnType = ColumnType.TEXT
    source: Annotated[Name, Field(alias="from")]
    at: Name | None = None
    """The date field at which an age is taken, or at which a number of days ends."""
    edges: tuple[int, ...] = ()
    """Where bands begin; what is below the first is a band too, and so is what is above."""
    derivation: Derivation
    assumed: bool = False

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if (self.derivation in AT_A_DATE) != (self.at is not None):
            raise ValueError(
                f"{self.name}: an age or a number of days, and only these, is taken `at` a date"
            )
        if (self.derivation is Derivation.BAND) != bool(self.edges):
            raise ValueError(f"{self.name}: a band, and only a band, has `edges`")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"{self.name}: edges go up")
        if self.class_ in IDENTIFYING:
            raise ValueError(f"{self.name}: what is derived identifies nobody")
        return self

    def labels(self) -> list[str]:
        """The bands from the lowest to the highest."""
        inner = [
            f"{low}-{high - 1}" if high - low > 1 else str(low)
            for low, high in zip(self.edges, self.edges[1:], strict=False)
        ]
        return [f"<{self.edges[0]}", *inner, f"{self.edges[-1]}+"]
