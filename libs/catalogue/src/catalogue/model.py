"""What a data set file says: its columns, what each is, and what may leave in which form.

A file is immutable once published; a change is a new version beside it. The digest is over the
canonical JSON (RFC 8785) of the validated file, so that white space and comments do not count.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

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


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    codes: tuple[str, ...] | None = None
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
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"{self.name}: the pattern is not a regular expression") from error
        if (self.class_ in IDENTIFYING) != (self.identifier is not None):
            raise ValueError(
                f"{self.name}: DI, LI and STAFF, and only they, have an identifier type"
            )
        if Treatment.PSEUDONYM in self.treatments and self.identifier is None:
            raise ValueError(f"{self.name}: only an identifier becomes a pseudonym")
        if Treatment.DERIVED in self.treatments:
            raise ValueError(f"{self.name}: a derived form is an entry under `derived`")
        if self.class_ is FieldClass.LI and Treatment.AS_IS in self.treatments:
            raise ValueError(f"{self.name}: a local identifier never leaves as it is under COM")
        dated = {Treatment.MONTH, Treatment.YEAR} & set(self.treatments)
        if dated and self.type is not ColumnType.DATE:
            raise ValueError(f"{self.name}: only a date has a month and a year")
        return self


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
    withheld: tuple[str, ...]


class FileFormat(Strict):
    format: Literal["csv"] = "csv"
    encoding: Literal["utf-8"] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
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
        names = [f.name for f in self.fields] + [d.name for d in self.derived]
        folded = [n.casefold() for n in names]
        twice = sorted({n for n in names if folded.count(n.casefold()) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        reserved = sorted({n for n in folded if n in RESERVED or "__" in n})
        if reserved:
            raise ValueError(f"reserved for the landing: {', '.join(reserved)}")
        for where, name in self._references():
            if name not in self.by_name:
                raise ValueError(f"{where} names {name}, which is not a field")
        if self.by_name[self.person.nhs_number].identifier is not Identifier.NHS_NUMBER:
            raise ValueError("person.nhs_number must name a field of that identifier type")
        if self.by_name[self.periods.field].type is not ColumnType.DATE:
            raise ValueError("periods.field must name a date")
        for derived in self.derived:
            if derived.at and self.by_name[derived.at].type is not ColumnType.DATE:
                raise ValueError(f"{derived.name}: `at` must name a date")
        return self

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


RESERVED = frozenset(
    {
        "token", "reason_for_access", "period", "line", "pcd_masked",
        "person_kind", "person_0", "person_1",
        "reason_s", "reason_p", "reason_g", "reason_h", "reason_r", "reason_c",
    }
)  # fmt: skip
"""Names that the landing and the released file use for themselves."""
