"""Standards 7, 8 and 16: the lines of data, opt-outs and the duty of confidentiality."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    Field,
    StrictBool,
)

from applications.domain.sections.forms import (
    NO_CONTROLS,
    Answer,
    DataSetName,
    Day,
    LineNumber,
    Month,
    Ods,
    OptOutReason,
    Route,
    Section,
    Sensitivity,
    Word,
    Words,
)
from common.texts import Scanned
from statements.filters import FILTERS_MAX, WantedFilter, is_empty, is_false, is_none
from statements.parameters import WantedParameters
from statements.vocabulary import (
    GROUP_SIZE_LEAST,
    GROUP_SIZE_MOST,
    Classification,
    EnvironmentKind,
    Purpose,
)

Frequency = Literal["one_off", "daily", "weekly", "monthly", "quarterly", "yearly", "on_request"]
AccessMethod = Literal["ONE_OFF", "ONGOING", "FREQUENT_ADHOC_FLOW", "SYSTEM_ACCESS"]


class Periods(Answer):
    first: Annotated[Month, Field(alias="from")]
    last: Annotated[Month, Field(alias="to")]


class LineField(Answer):
    name: Annotated[
        str,
        Field(pattern=r"^([A-Z][A-Za-z0-9_]{0,30}\.)?[A-Za-z0-9_]{1,64}$", max_length=64),
        Scanned(code=True),
    ]
    treatment: Literal["as_is", "pseudonym", "month", "year", "derived", "identified"]
    reason: Annotated[str, Field(max_length=1000, pattern=NO_CONTROLS), Scanned()] = ""
    """Why no less will do; empty refuses (A19)."""


class Population(Answer):
    rule: Literal["own", "union", "list", "national"]
    commissioners: Annotated[tuple[Ods, ...], Field(max_length=500)] = ()
    reasons: Annotated[
        tuple[Literal["S", "P", "G", "H", "R", "C", "L"], ...], Field(max_length=7)
    ] = ()
    """Reasons for Access by which a row belongs to them (domain.md 6.11); L: it is about a resident
    of the local authority, in either tier (ruling 30)."""


class RecipientEnvironment(Answer):
    organisation: Ods
    kind: EnvironmentKind


class LineAnswer(Answer):
    """One line of the data that are applied for: one purpose, data set and classification."""

    number: LineNumber
    purpose: Purpose
    data_set: DataSetName
    catalogue_version: (
        Annotated[str, Field(pattern=r"^\d{1,5}\.\d{1,5}$"), Scanned(code=True)] | None
    ) = None
    """When left out, the newest on the day of submission."""
    group: Annotated[str, Field(max_length=40, pattern=NO_CONTROLS), Scanned()] | None = None
    classification: Classification
    sensitivity: Sensitivity
    periods: Periods
    fields: Annotated[tuple[LineField, ...], Field(max_length=1000)]
    population: Population
    recipient_environment: RecipientEnvironment
    dissemination_power: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$"), Scanned(code=True)]
    """A code of the vocabulary of domain.md 3.3, never free text."""
    frequency: Frequency
    access_method: AccessMethod
    filters: Annotated[
        tuple[WantedFilter, ...],
        Field(
            max_length=FILTERS_MAX,
            description="Which rows, where less than all will do; none: all of the population.",
            exclude_if=is_empty,
        ),
    ] = ()
    disclosure_parameters: Annotated[
        WantedParameters | None,
        Field(
            description="What the disclosure rule hides and rounds, where it is set for each"
            " application (GP Workforce); left out elsewhere.",
            exclude_if=is_none,
        ),
    ] = None
    min_group_size: Annotated[
        int | None,
        Field(
            strict=True,
            ge=GROUP_SIZE_LEAST,
            le=GROUP_SIZE_MOST,
            description="Of records: how many people at least have to share the same age, sex, area"
            " and whatever else could single them out (k of k-anonymity). A file with a smaller"
            " group is not released. Left out: no limit.",
            exclude_if=is_none,
        ),
    ] = None
    change_sets: Annotated[
        StrictBool,
        Field(
            description="Whether the changes between two extracts of the line may be had besides:"
            " which records were added, removed and changed. Left out: they may not.",
            exclude_if=is_false,
        ),
    ] = False


class Consultation(Answer):
    """Whether the CSU or the DSCRO was consulted first; if not, the reason."""

    organisation: Ods | None = None
    on: Day | None = None
    reason_not_consulted: Words = ""


class Minimisation(Section):
    """7. The data themselves, and why no less of them will do."""

    standard: ClassVar[int] = 7

    lines: Annotated[tuple[LineAnswer, ...], Field(max_length=200)]
    less_intrusive_form: Words = ""
    """Why a less intrusive form will not do."""
    identifiable_justification: Words = ""
    sensitive_justification: Words = ""
    includes_under_16: StrictBool = False
    under_16_justification: Words = ""
    consultation: Consultation = Consultation()


class OptOut(Answer):
    line: LineNumber
    applied: StrictBool = True
    reason: OptOutReason | None = None
    exemption_letter: Word = ""
    """Reference of the CAG letter that the controller holds."""


class Objections(Section):
    """8. Whether objections of patients are upheld; they are, unless a reason is given."""

    standard: ClassVar[int] = 8

    lines: Annotated[tuple[OptOut, ...], Field(max_length=200)] = ()


class Section251(Answer):
    reference: Annotated[
        str,
        Field(min_length=1, max_length=60, pattern=NO_CONTROLS, examples=["CAG 7-07(b)/2013"]),
        Scanned(),
    ]
    purpose: Purpose
    expires: Day


class LineConfidentiality(Answer):
    line: LineNumber
    route: Route
    section_251: Section251 | None = None
    evidence: Words = ""
    """Of consent or of the other law: document, version, provision."""
    caldicott_advice: Word = ""


class Confidentiality(Section):
    """16. How the duty of confidentiality is met, line by line."""

    standard: ClassVar[int] = 16

    lines: Annotated[tuple[LineConfidentiality, ...], Field(max_length=200)]
