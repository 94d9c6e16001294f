"""The closed lists of words that data set files and landing rules are written in."""

from collections.abc import Iterable
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
NAME = r"^[A-Za-z0-9_]{1,64}$"

Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1)]


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
    IDENTIFIED = "identified"
    """The identity itself, by a legal route that the data set names, and in no other case."""


class ColumnType(StrEnum):
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"
    """A day and a time of day, `2019-04-03T11:13` or `2019-04-03 11:13:20`."""
    TIME = "time"
    """A time of day, `11:13` or `11:13:20`."""
    INTEGER = "integer"
    DECIMAL = "decimal"


NUMBERS: Final = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})
DAYS: Final = frozenset({ColumnType.DATE, ColumnType.DATETIME})
"""Types of which each value is on a day."""
MOMENTS: Final = frozenset({ColumnType.DATETIME, ColumnType.TIME})
"""Types that tell a time of day, which itself never leaves (domain.md 8.3)."""


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


class Normal(StrEnum):
    """What is done to a value before it is judged. White space at both ends always goes."""

    UPPER = "upper"
    NO_SPACES = "no_spaces"
    NO_DOTS = "no_dots"
    NO_DASHES = "no_dashes"


class Derivation(StrEnum):
    """Safe forms of domain.md 8.3: made at landing, or of several records when asked for."""

    AGE_YEARS = "age_years"
    AGE_BAND = "age_band"
    YEAR = "year"
    MONTH = "month"
    MONTH_OF_YEAR = "month_of_year"
    FINANCIAL_YEAR = "financial_year"
    DATE = "date"
    """The day of a date-time."""
    HOUR = "hour"
    """The hour of a time of day, 0 to 23."""
    WEEKDAY = "weekday"
    """1, Monday, to 7, Sunday."""
    BAND = "band"
    """In which of `edges` a number, or the hour of a time of day, is."""
    POSTCODE_SECTOR = "postcode_sector"
    POSTCODE_DISTRICT = "postcode_district"
    LSOA = "lsoa"
    """Lower layer super output area of 2011."""
    LSOA_2021 = "lsoa_2021"
    MSOA = "msoa"
    """Middle layer super output area of 2011."""
    MSOA_2021 = "msoa_2021"
    WARD = "ward"
    LOCAL_AUTHORITY = "local_authority"
    """District, or the one authority where there is no county."""
    UPPER_LOCAL_AUTHORITY = "upper_local_authority"
    """County, or the one authority where there is none."""
    DEPRIVATION_DECILE = "deprivation_decile"
    """Of the LSOA; 1 is the most deprived tenth."""
    DEFAULT_POSTCODE = "default_postcode"
    RESIDENCE_COMMISSIONER = "residence_commissioner"
    DAYS = "days"
    """From one date of an event to another: a wait, a length of stay."""
    RECORDS = "records"
    """How many records of the month and provider have the same local identifier: of a spell, its
    episodes."""
    POSITION = "position"
    """Which of these it is, by the date `at`: 1 is the first."""


AGES: Final = frozenset({Derivation.AGE_YEARS, Derivation.AGE_BAND})
OF_A_DATE = frozenset(
    {
        *AGES,
        Derivation.YEAR,
        Derivation.MONTH,
        Derivation.MONTH_OF_YEAR,
        Derivation.FINANCIAL_YEAR,
    }
)
OF_AN_EVENT: Final = frozenset({Derivation.DATE, Derivation.HOUR, Derivation.WEEKDAY})
"""Forms that are made of nothing that identifies anybody."""
OF_RECORDS: Final = frozenset({Derivation.RECORDS, Derivation.POSITION})
"""Forms that are made of several records, when these are prepared for an extract."""
OF_A_POSTCODE: Final = (
    frozenset(Derivation)
    - OF_A_DATE
    - OF_AN_EVENT
    - OF_RECORDS
    - {Derivation.BAND, Derivation.DAYS}
)
AT_A_DATE: Final = AGES | {Derivation.DAYS, Derivation.POSITION}
"""Forms that need a second date."""
AREAS: Final = frozenset(
    {
        Derivation.LSOA,
        Derivation.LSOA_2021,
        Derivation.MSOA,
        Derivation.MSOA_2021,
        Derivation.WARD,
        Derivation.LOCAL_AUTHORITY,
        Derivation.UPPER_LOCAL_AUTHORITY,
        Derivation.DEPRIVATION_DECILE,
    }
)
"""Forms that the directory in force on the day of the record tells of a postcode."""

GIVEN: Final = {
    **dict.fromkeys(
        (*AGES, Derivation.YEAR, Derivation.MONTH, Derivation.MONTH_OF_YEAR),
        Identifier.DATE_OF_BIRTH,
    ),
    **dict.fromkeys(
        (Derivation.POSTCODE_SECTOR, Derivation.POSTCODE_DISTRICT, *AREAS),
        Identifier.POSTCODE,
    ),
}
"""Forms in which files themselves tell of a person, and of which identifier each is one."""

OLDEST: Final = 90
"""From this age on nobody's exact age is kept (domain.md 8.3)."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Strict)


def versions_of(model: type[S], folder: str) -> list[S]:
    """Read every file of a folder of dated rules that stands beside the data sets.

    Raises:
        ValueError: a file does not say what the model asks for.

    """
    return [
        model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in files("catalogue").joinpath(folder).iterdir()
        if path.name.endswith(".yaml")
    ]


def without(checked: S, problems: Iterable[str]) -> S:
    """Return what was checked. Raise ValueError with every problem, where there is one."""
    if found := list(problems):
        raise ValueError("; ".join(found))
    return checked
