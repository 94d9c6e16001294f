"""What answers are made of: days, codes, texts and words of the Standards."""

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationInfo,
)

from common.errors import Invalid
from common.texts import Scanned

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)
NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


def _iso_day(value: object) -> object:
    # pydantic would also take seconds since 1970, and instants.
    if isinstance(value, date) or (isinstance(value, str) and ISO_DAY.fullmatch(value)):
        return value
    raise Invalid("a day is written YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_iso_day), Field(ge=EARLIEST, le=LATEST)]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2018-04"])]


OWN = "own_code"
"""In the context of a validation: how codes are read, so that they can be compared."""


def _read_code(code: str, info: ValidationInfo) -> str:
    own: Callable[[str], str] | None = (info.context or {}).get(OWN)
    return code if own is None else own(code)


Ods = Annotated[
    str, Field(pattern=r"^[A-Z0-9]{3,9}$", examples=["02P"]), AfterValidator(_read_code)
]
"""Of any shape of domain.md 1.3: whether the code exists is for the loaded list to say."""
Word = Annotated[str, Field(max_length=300, pattern=NO_CONTROLS), Scanned()]
Words = Annotated[str, Field(max_length=10_000, pattern=NO_CONTROLS), Scanned()]
Filled = Annotated[str, Field(min_length=1, max_length=300, pattern=NO_CONTROLS), Scanned()]
DataSetName = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,31}$", examples=["SUS_APC", "DIDS"]), Scanned(code=True)
]
LineNumber = Annotated[StrictInt, Field(ge=1, le=999)]


class Kind(StrEnum):
    """Kind of application: what it does to an agreement."""

    NEW = "new"
    AMENDMENT = "amendment"
    RENEWAL = "renewal"
    EXTENSION = "extension"
    SIMPLE_CHANGE = "simple_change"

    @property
    def in_words(self) -> str:
        """As it stands in a sentence: `an amendment`, `a simple change`."""
        words = self.value.replace("_", " ")
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


class Sensitivity(StrEnum):
    SENSITIVE = "SENSITIVE"
    NON_SENSITIVE = "NON_SENSITIVE"


class Territory(StrEnum):
    ENGLAND_AND_WALES = "england_and_wales"
    UK = "uk"
    EEA = "eea"
    WORLDWIDE = "worldwide"


class Route(StrEnum):
    """How the common-law duty of confidentiality is met (Standard 16)."""

    NOT_IDENTIFIABLE = "not_identifiable"
    CONSENT = "consent"
    SECTION_251 = "section_251"
    OTHER_LAW = "other_law"
    NONE = "none"


class OptOutReason(StrEnum):
    """Why opt-outs are not upheld (Standard 8)."""

    NO_IDENTIFYING_DATA = "no_identifying_data"
    CONSENT = "consent"
    EXEMPTION = "exemption"


class EvidenceKind(StrEnum):
    """What proves security (Standard 5)."""

    DSPT = "DSPT"
    SLSP = "SLSP"
    ISO27001 = "ISO27001"


class LengthCategory(StrEnum):
    """What the longest term depends on, beside commercial use and sub-licences (2.5)."""

    DEFAULT = "default"
    ARCHIVING_RESEARCH = "archiving_research"
    CONSENTED_ARCHIVE = "consented_archive"


class Answer(BaseModel):
    """Part of a section."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class Section(Answer):
    """All that one Standard asks."""

    standard: ClassVar[int]
