"""The words that statements are made of."""

from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import Field

from catalogue import Cap, Treatment

Text = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""A UUID, as it is written."""
TreatmentName = Annotated[str, Field(pattern=rf"^({'|'.join(Treatment)})$")]
"""One of the catalogue's treatments."""
LegalRoute = Annotated[str, Field(pattern=r"^(consent|section_251|other_law)$")]
"""By which the duty of confidentiality is met where people are known."""
CapName = Annotated[str, Field(pattern=rf"^({'|'.join(Cap)})$")]
"""One of the catalogue's caps: what is done to a column."""


class LineKey(NamedTuple):
    """What tells the lines of an agreement apart: never the data set alone (domain.md 3.2)."""

    purpose: str
    data_set: str
    classification: str


class Purpose(StrEnum):
    """Risk stratification, invoice validation, commissioning, or anything else."""

    RS = "RS"
    IV = "IV"
    COM = "COM"
    OTHER = "OTHER"


class Classification(StrEnum):
    """Form of the data of a line, from identifiable to suppressed aggregates."""

    IDENTIFIABLE = "IDENTIFIABLE"
    PSEUDO_ANONYMISED = "PSEUDO_ANONYMISED"
    AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
    AGGREGATE_SUPPRESSED = "AGGREGATE_SUPPRESSED"

    @property
    def is_record_level(self) -> bool:
        return self in {Classification.IDENTIFIABLE, Classification.PSEUDO_ANONYMISED}


AGGREGATES: Final = frozenset(str(c) for c in Classification if not c.is_record_level)
"""Of lines by which tables are made, and records never."""

GROUP_SIZE_LEAST, GROUP_SIZE_MOST = 2, 1_000
"""Of a line's limit of k: how many people share what could single them out (docs/adr/0121)."""


class EnvironmentKind(StrEnum):
    """Where data land."""

    ANALYTICS = "analytics"
    CEFF = "ceff"
    ASH = "ash"
    RS_SUPPLIER = "rs_supplier"
    GP_PRACTICE = "gp_practice"


class Format(StrEnum):
    """How files are written: records in two, tables in all of them."""

    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"
    HTML = "html"


RecordFormat = Literal[Format.PARQUET, Format.CSV]
"""A workbook or a page of records is nobody's need, and a row too many is a loss unseen."""
RECORD_FORMATS: Final[frozenset[str]] = frozenset(get_args(RecordFormat))
FormatName = Annotated[str, Field(pattern=rf"^({'|'.join(Format)})$")]
PopulationRule = Annotated[str, Field(pattern=r"^(own|union|list|national)$")]
REASONS: Final = "CGHLPRS"
"""The letters of Reasons for Access, in the order in which they are written into a file."""
Reason = Annotated[str, Field(pattern=rf"^[{REASONS}]$")]
"""One of them (domain.md 6.11; L: resident of a local authority, ruling 30)."""
OptOutTreatment = Literal["applied", "not_applied"]
OptOutSource = Literal["list", "check"]
"""How it is known who objected: by a list of objectors, or by a national check (R12)."""
OptOutGroundName = Literal["rule", "line", "consent", "statute"]
"""On what it rests that opt-outs are upheld, or are not."""
