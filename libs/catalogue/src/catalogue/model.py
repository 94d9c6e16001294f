"""What a data set file says: its columns, what each is, and what may leave in which form.

A file is immutable once published; a change is a new version beside it. The digest is over the
canonical JSON (RFC 8785) of the validated file, so that white space and comments do not count.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
NAME = r"^[A-Za-z0-9_]{1,64}$"


class FieldClass(StrEnum):
    """Field classes of domain.md 6.2; STAFF from ruling 13."""

    DI = "DI"
    LI = "LI"
    QI = "QI"
    SEN = "SEN"
    CLIN = "CLIN"
    ORG = "ORG"
    DER = "DER"
    ADM = "ADM"
    STAFF = "STAFF"


IDENTIFYING = frozenset({FieldClass.DI, FieldClass.LI, FieldClass.STAFF})
"""Classes whose cells are never at rest in clear."""


STAFF_LENGTH_MAX = 12
"""A code of staff that may leave as it is fits into one sealed block, which can be opened."""


class Treatment(StrEnum):
    """The form in which a column may leave."""

    AS_IS = "as_is"
    PSEUDONYM = "pseudonym"
    MONTH = "month"
    YEAR = "year"
    DERIVED = "derived"


class ColumnType(StrEnum):
    TEXT = "text"
    DATE = "date"
    INTEGER = "integer"
    DECIMAL = "decimal"


class Identifier(StrEnum):
    """The type of an identifying cell. Each type has a key of its own in the haven."""

    NHS_NUMBER = "nhs_number"
    LOCAL_PATIENT = "local_patient"
    DATE_OF_BIRTH = "date_of_birth"
    POSTCODE = "postcode"
    LOCAL = "local"
    STAFF = "staff"


class Check(StrEnum):
    """Checks of a value's content that a type and a pattern cannot make."""

    NHS_NUMBER = "nhs_number"
    POSTCODE = "postcode"
    NOT_IN_FUTURE = "not_in_future"


TYPE_OF_IDENTIFIER = {Identifier.DATE_OF_BIRTH: ColumnType.DATE}
"""Every other identifier is text."""
TYPE_OF_CHECK = {
    Check.NHS_NUMBER: ColumnType.TEXT,
    Check.POSTCODE: ColumnType.TEXT,
    Check.NOT_IN_FUTURE: ColumnType.DATE,
}
UNKNOWN_TO_THE_ENGINE = re.compile(r"\\[1-9Z]|\(\?(?:[=!>(#]|<[=!]|P=)|(?<!\\)[*+?}]\+")
"""Of Python's expressions what the engine's automaton has not: looking round, references back."""


class Derivation(StrEnum):
    """Safe forms of domain.md 8.3, made once, at landing."""

    AGE_YEARS = "age_years"
    AGE_BAND = "age_band"
    YEAR = "year"
    MONTH = "month"
    MONTH_OF_YEAR = "month_of_year"
    FINANCIAL_YEAR = "financial_year"
    POSTCODE_SECTOR = "postcode_sector"
    POSTCODE_DISTRICT = "postcode_district"
    LSOA = "lsoa"
    DEFAULT_POSTCODE = "default_postcode"
    RESIDENCE_COMMISSIONER = "residence_commissioner"


OF_A_DATE = frozenset(
    {
        Derivation.AGE_YEARS,
        Derivation.AGE_BAND,
        Derivation.YEAR,
        Derivation.MONTH,
        Derivation.MONTH_OF_YEAR,
        Derivation.FINANCIAL_YEAR,
    }
)
"""All others are made of a postcode."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Strict)


def _without(checked: S, problems: Iterable[str]) -> S:
    """Return what was checked. Raise ValueError with every problem, where there is one."""
    if found := list(problems):
        raise ValueError("; ".join(found))
    return checked


Name = Annotated[str, Field(pattern=NAME)]


class CatalogueField(Strict):
    """One column of the provider's file."""

    name: Name
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
    check: Check | None = None
    identifier: Identifier | None = None
    scan: bool = False
    """Free text or a code in which personal data are found in practice (domain.md 8.6).

    A column that is kept in clear is masked; an identifier is sealed whole and its hits are only
    counted, because masked identifiers of two people could become the same.
    """
    treatments: tuple[Treatment, ...] = ()
    """In which forms the column may leave at all; none means never."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return _without(self, (f"{self.name}: {problem}" for problem in self._problems()))

    def _problems(self) -> Iterator[str]:
        yield from self._of_the_shape()
        yield from self._of_the_identifier()
        if Treatment.DERIVED in self.treatments:
            yield "a derived form is an entry under `derived`"
        if len(set(self.treatments)) < len(self.treatments):
            yield "a treatment is named twice"
        dated = {Treatment.MONTH, Treatment.YEAR} & set(self.treatments)
        if dated and self.type is not ColumnType.DATE:
            yield "only a date has a month and a year"

    def _of_the_shape(self) -> Iterator[str]:
        if self.type is not ColumnType.TEXT and (self.pattern or self.codes or self.scan):
            yield "only text has a pattern, codes or a scan"
        if self.codes is not None and (self.pattern or self.scan):
            yield "codes leave nothing to a pattern or a scan"
        if self.check is not None and self.type is not TYPE_OF_CHECK[self.check]:
            yield f"{self.check} is checked in a {TYPE_OF_CHECK[self.check]}, not in a {self.type}"
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error:
                yield "the pattern is not a regular expression"
            if UNKNOWN_TO_THE_ENGINE.search(self.pattern):
                yield "the engine's patterns cannot look round, refer back or be possessive"

    def _of_the_identifier(self) -> Iterator[str]:
        if (self.class_ in IDENTIFYING) != (self.identifier is not None):
            yield "DI, LI and STAFF, and only they, have an identifier type"
        if self.identifier is None:
            if Treatment.PSEUDONYM in self.treatments:
                yield "only an identifier becomes a pseudonym"
            return
        allowed = {Treatment.PSEUDONYM, Treatment.DERIVED}
        if self.class_ is FieldClass.STAFF:
            allowed |= {Treatment.AS_IS}  # ruling 13: where a line lists it with a reason
        if set(self.treatments) - allowed:
            yield "an identifier leaves as a pseudonym, or in a form under `derived`"
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


class DerivedField(Strict):
    """One column that landing makes from others."""

    name: Name
    title: str = ""
    class_: Annotated[FieldClass, Field(alias="class")] = FieldClass.DER
    type: ColumnType = ColumnType.TEXT
    source: Annotated[Name, Field(alias="from")]
    at: Name | None = None
    """The date field at which an age is taken."""
    derivation: Derivation

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        ages = {Derivation.AGE_YEARS, Derivation.AGE_BAND}
        if (self.derivation in ages) != (self.at is not None):
            raise ValueError(f"{self.name}: an age, and only an age, is taken `at` a date")
        return self


class Periods(Strict):
    unit: Literal["month"]
    earliest: Annotated[str, Field(alias="from", pattern=MONTH)]
    latest: Annotated[str | None, Field(alias="to", pattern=MONTH)] = None
    field: Name
    """The date that decides to which month a row belongs."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        ends_early = self.latest is not None and self.latest < self.earliest
        return _without(self, ["`to` is before `from`"] if ends_early else [])


class Person(Strict):
    """Where a row says whom it is about."""

    nhs_number: Name
    nhs_number_status: Name | None = None
    local_id: Name | None = None
    provider: Name | None = None
    """Where absent, the provider of the submission."""
    date_of_birth: Name | None = None
    postcode: Name | None = None


class Reason(Strict):
    """How one letter of Reasons for Access (domain.md 6.11) is found."""

    source: Literal["submitter", "organisation", "practice", "postcode", "commissioner"]
    field: Name | None = None

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if (self.source == "submitter") != (self.field is None):
            raise ValueError("every source but the submitter names a field")
        return self


class Confidentiality(Strict):
    """Rows that are withheld as a whole (domain.md 6.3, R23)."""

    field: Name
    withheld: Annotated[tuple[str, ...], Field(min_length=1)]


class FileFormat(Strict):
    format: Literal["csv"] = "csv"
    encoding: Literal["utf-8"] = "utf-8"
    delimiter: Literal[",", ";", "|"] = ","
    date_format: Literal["%Y-%m-%d"] = "%Y-%m-%d"
    line_bytes_max: Annotated[int, Field(ge=100, le=1_048_576)] = 65_536
    file_bytes_max: Annotated[int, Field(ge=1)] = 64 * 1024**3
    quarantine_share_max: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A file of which more than this share is bad is refused as a whole."""


class Releasable(Strict):
    """A column by the name an agreement's line knows it."""

    name: str
    class_: Annotated[FieldClass, Field(alias="class")]
    type: ColumnType
    treatments: tuple[Treatment, ...]
    source: str
    identifier: Identifier | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class DataSet(Strict):
    """One version of one data set."""

    data_set: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,31}$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    title: str
    description: str
    source: str
    valid_from: date
    valid_to: date | None = None
    grain: str
    sensitivity: Literal["SENSITIVE", "NON_SENSITIVE"]
    file: FileFormat = FileFormat()
    periods: Periods
    refresh: Literal["replaced", "editions", "final_at_publication"]
    publication_gate: bool
    disclosure_rule: str
    person: Person
    population: Mapping[Literal["S", "P", "G", "H", "R", "C"], Reason]
    confidentiality: Confidentiality | None = None
    fields: Annotated[tuple[CatalogueField, ...], Field(min_length=1)]
    derived: tuple[DerivedField, ...] = ()
    digest: str = ""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        _without(self, self._of_names())
        return _without(self, (*self._of_person(), *self._of_population(), *self._of_dates()))

    def _of_names(self) -> Iterator[str]:
        names = [f.name for f in self.fields] + [d.name for d in self.derived]
        folded = [n.casefold() for n in names]
        if twice := sorted({n for n in names if folded.count(n.casefold()) > 1}):
            yield f"named twice: {', '.join(twice)}"
        if reserved := sorted({n for n in folded if n in RESERVED or "__" in n}):
            yield f"reserved for the landing: {', '.join(reserved)}"
        for where, name in self._references():
            if name not in self.by_name:
                yield f"{where} names {name}, which is not a field"

    def _of_person(self) -> Iterator[str]:
        for role, wanted in PERSONAL.items():
            name = getattr(self.person, role)
            if name is not None and self.by_name[name].identifier is not wanted:
                yield f"person.{role} must name a field of the identifier type {wanted}"
        local = self.person.local_id
        if local is not None and self.by_name[local].class_ is not FieldClass.LI:
            yield "person.local_id must name a field of class LI"

    def _of_dates(self) -> Iterator[str]:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            yield "valid_to is before valid_from"
        dated = self.by_name[self.periods.field]
        if dated.type is not ColumnType.DATE or dated.identifier or not dated.mandatory:
            yield "periods.field must name a mandatory date that is no identifier"
        for derived in self.derived:
            yield from self._of_derived(derived)

    def _of_population(self) -> Iterator[str]:
        for letter, reason in self.population.items():
            if reason.field is None:
                continue
            found = self.by_name[reason.field].identifier
            if reason.source == "postcode":
                if found is not Identifier.POSTCODE:
                    yield f"population.{letter} must name a postcode"
            elif found is not None:
                yield f"population.{letter} must name no identifier"

    def _of_derived(self, derived: DerivedField) -> Iterator[str]:
        source = self.by_name[derived.source]
        if derived.derivation in OF_A_DATE:
            if source.type is not ColumnType.DATE:
                yield f"derived.{derived.name} must be made `from` a date"
        elif source.identifier is not Identifier.POSTCODE:
            yield f"derived.{derived.name} must be made `from` a postcode"
        if derived.at and self.by_name[derived.at].type is not ColumnType.DATE:
            yield f"derived.{derived.name}: `at` must name a date"

    def _references(self) -> list[tuple[str, str]]:
        person = [
            ("person." + key, value)
            for key, value in self.person.model_dump().items()
            if value is not None
        ]
        reasons = [(f"population.{k}", r.field) for k, r in self.population.items() if r.field]
        sources = [(f"derived.{d.name}", d.source) for d in self.derived]
        dates = [(f"derived.{d.name}", d.at) for d in self.derived if d.at]
        hidden = [("confidentiality", self.confidentiality.field)] if self.confidentiality else []
        return [*person, ("periods", self.periods.field), *reasons, *sources, *dates, *hidden]

    @cached_property
    def by_name(self) -> Mapping[str, CatalogueField]:
        return {f.name: f for f in self.fields}

    def serves(self, line: "DataSet", names: Iterable[str]) -> bool:
        """Say whether what was landed of this version has another version's columns in it.

        They are the same where their type, identifier and derivation are; how they were read is
        the landing rules' affair, and what may leave is the line's.
        """
        same = (
            self.person == line.person
            and self.population == line.population
            and self.periods.field == line.periods.field
        )
        return same and all(self.meaning(name) == line.meaning(name) for name in names)

    def meaning(self, name: str) -> tuple[object, ...]:
        """What a column holds, as far as landing goes; of this version alone where it has none."""
        for field in self.fields:
            if field.name == name:
                return (name, field.type, field.identifier, field.scan)
        for made in self.derived:
            if made.name == name:
                return (name, made.type, made.source, made.at, made.derivation)
        return (name, self.digest)

    @cached_property
    def releasables(self) -> Mapping[str, Releasable]:
        """Every column that an agreement's line can name, by name."""
        raw = {
            f.name: Releasable(
                name=f.name,
                class_=f.class_,
                type=f.type,
                treatments=f.treatments,
                source=f.name,
                identifier=f.identifier,
            )
            for f in self.fields
        }
        made = {
            d.name: Releasable(
                name=d.name,
                class_=d.class_,
                type=d.type,
                treatments=(Treatment.DERIVED,),
                source=d.source,
            )
            for d in self.derived
        }
        return raw | made

    def releasable(self, name: str) -> Releasable:
        """Raise KeyError where the data set has no such column."""
        return self.releasables[name]


PERSONAL = {
    "nhs_number": Identifier.NHS_NUMBER,
    "date_of_birth": Identifier.DATE_OF_BIRTH,
    "postcode": Identifier.POSTCODE,
}
"""Which identifier a field must be that says this of a person."""
RESERVED = frozenset(
    {
        "token", "reason_for_access", "period", "line", "pcd_masked", "scan_rule",
        "identity_withheld", "findings",
        "person_kind", "person_0", "person_1",
        "reason_s", "reason_p", "reason_g", "reason_h", "reason_r", "reason_c",
    }
)  # fmt: skip
"""Names that the landing and the released file use for themselves."""
