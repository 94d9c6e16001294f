"""The answers to the 20 Standards, one typed section each (domain.md 2.4).

A section's type says what can be said at all; whether what was said is enough is for the
machine checks (`applications.domain.checks`). So a field's reason may be empty here and
refuses there, with its name: an applicant can save what is not finished.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    ValidationInfo,
)

from common.errors import Invalid
from common.texts import STORED, Scanned
from statements.vocabulary import Classification, EnvironmentKind, Purpose

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


class Length(Section):
    """1. How long the agreement is to run, and why so long."""

    standard: ClassVar[int] = 1

    start: Day
    end: Day
    """The last day of it: ends are inclusive (ruling 2)."""
    category: LengthCategory = LengthCategory.DEFAULT
    justification: Words = ""


class Controller(Answer):
    ods: Ods
    legal_name: Filled
    contract_reference: Annotated[
        str | None,
        Field(
            pattern=r"^CON-\d{5,6}-[A-Z0-9]{5}(-v\d+\.\d+)?$",
            description="Of the framework contract; when left out, the one in force is named.",
        ),
    ] = None
    gdpr_article_6: Annotated[tuple[Filled, ...], Field(max_length=10, examples=[["6(1)(e)"]])] = ()
    gdpr_article_9: Annotated[tuple[Filled, ...], Field(max_length=10, examples=[["9(2)(h)"]])] = ()
    dpa_2018_schedule_1: Annotated[
        tuple[Filled, ...], Field(max_length=10, examples=[["paragraph 2"]])
    ] = ()


class Controllers(Section):
    """2. Every controller, as the exact legal entity, and its legal bases."""

    standard: ClassVar[int] = 2

    controllers: Annotated[tuple[Controller, ...], Field(max_length=200)]


class Processor(Answer):
    ods: Ods
    legal_name: Filled
    role: Filled
    documented_instructions: StrictBool = False


class Processors(Section):
    """3. Every organisation that processes for a controller."""

    standard: ClassVar[int] = 3

    processors: Annotated[tuple[Processor, ...], Field(max_length=200)] = ()


LocationKind = Literal["processing", "storage", "backup", "disaster_recovery", "remote_access"]


class Location(Answer):
    address: Filled
    postcode: Annotated[str, Field(max_length=12, pattern=NO_CONTROLS), Scanned()]
    country: Annotated[
        str,
        Field(
            pattern=r"^(GB-(ENG|NIR|SCT|WLS)|[A-Z]{2})$",
            description="ISO 3166; the United Kingdom by its parts.",
            examples=["GB-ENG"],
        ),
    ]
    operator: Ods
    kinds: Annotated[tuple[LocationKind, ...], Field(min_length=1, max_length=5)]


class Locations(Section):
    """4. Where data are processed and stored, and by whom."""

    standard: ClassVar[int] = 4

    locations: Annotated[tuple[Location, ...], Field(max_length=200)]


class Evidence(Answer):
    ods: Ods
    kind: EvidenceKind
    reference: Filled


class Security(Section):
    """5. What proves the security of each controller and processor."""

    standard: ClassVar[int] = 5

    evidence: Annotated[tuple[Evidence, ...], Field(max_length=400)]


class Registration(Answer):
    ods: Ods
    number: Annotated[
        str, Field(max_length=20, pattern=NO_CONTROLS, examples=["Z1234567"]), Scanned()
    ]
    expires: Day
    name: Word = ""
    """As it stands in the ICO's register."""


class Registrations(Section):
    """6. Each party's entry in the ICO's register of fee payers."""

    standard: ClassVar[int] = 6

    registrations: Annotated[tuple[Registration, ...], Field(max_length=400)]


class Periods(Answer):
    first: Annotated[Month, Field(alias="from")]
    last: Annotated[Month, Field(alias="to")]


class LineField(Answer):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$"), Scanned(code=True)]
    treatment: Literal["as_is", "pseudonym", "month", "year", "derived"]
    reason: Annotated[str, Field(max_length=1000, pattern=NO_CONTROLS), Scanned()] = ""
    """Why no less will do; empty refuses (A19)."""


class Population(Answer):
    rule: Literal["own", "union", "list", "national"]
    commissioners: Annotated[tuple[Ods, ...], Field(max_length=500)] = ()
    reasons: Annotated[tuple[Literal["S", "P", "G", "H", "R", "C"], ...], Field(max_length=6)] = ()
    """Reasons for Access by which a row belongs to them (domain.md 6.11)."""


class RecipientEnvironment(Answer):
    organisation: Ods
    kind: EnvironmentKind


Frequency = Literal["one_off", "daily", "weekly", "monthly", "quarterly", "yearly", "on_request"]
AccessMethod = Literal["ONE_OFF", "ONGOING", "FREQUENT_ADHOC_FLOW", "SYSTEM_ACCESS"]


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


class PurposeAnswer(Answer):
    code: Purpose
    objective: Words
    gdpr_article_6: Annotated[
        str, Field(max_length=40, pattern=NO_CONTROLS, examples=["6(1)(e)"]), Scanned()
    ]


class Objective(Section):
    """9. What the data are for. The first purpose is the agreement's."""

    standard: ClassVar[int] = 9

    purposes: Annotated[tuple[PurposeAnswer, ...], Field(max_length=4)]
    public_interest: Words = ""
    ethical_issues: Words = ""
    background: Words = ""
    wider_programme: Words = ""
    data_subjects: Words = ""


class Flow(Answer):
    source: Annotated[Ods, Field(alias="from")]
    target: Annotated[Ods, Field(alias="to")]
    level: Classification
    description: Words = ""
    onward: StrictBool = False
    """Beyond the parties."""


class Linkage(Answer):
    data_sets: Annotated[tuple[DataSetName, ...], Field(min_length=2, max_length=50)]
    key: Literal["person"] = "person"
    mitigation: Words = ""


class Processing(Section):
    """10. What is done with the data, where they flow, what they are linked with."""

    standard: ClassVar[int] = 10

    activities: Words
    flows: Annotated[tuple[Flow, ...], Field(max_length=500)] = ()
    linkage: Annotated[tuple[Linkage, ...], Field(max_length=50)] = ()
    re_identification: StrictBool = False
    """Whether anybody will re-identify: a GP practice its own patients, in RS, and nobody else."""
    no_re_identification_statement: StrictBool = False
    substantive_staff_only: StrictBool = False
    other_staff_arrangement: Words = ""


class Output(Answer):
    title: Filled
    level: Classification
    disclosure_rule: Annotated[str, Field(max_length=60, pattern=NO_CONTROLS), Scanned()] = ""
    target: Day | None = None


class Outcomes(Section):
    """11. What will come of it, and at which level of data."""

    standard: ClassVar[int] = 11

    outputs: Annotated[tuple[Output, ...], Field(max_length=200)]
    dissemination_plan: Words = ""


class Benefit(Answer):
    description: Words
    beneficiaries: Words = ""
    magnitude: Words = ""
    measure: Words = ""
    due: Day | None = None


class YieldedBenefit(Answer):
    description: Words
    on: Day | None = None


class Benefits(Section):
    """12. Who gains, how much, how one will know, and by when."""

    standard: ClassVar[int] = 12

    benefits: Annotated[tuple[Benefit, ...], Field(max_length=200)]
    yielded: Annotated[tuple[YieldedBenefit, ...], Field(max_length=200)] = ()
    """What the former term brought: a renewal or an extension has some, or says why not."""
    why_none_yielded: Words = ""


class Commercial(Section):
    """13. Whether anybody makes money with it."""

    standard: ClassVar[int] = 13

    commercial: StrictBool
    controller_charges: StrictBool = False
    party_gains: StrictBool = False
    solely_commercial: StrictBool = False
    marketing: StrictBool = False
    insurance: StrictBool = False
    benefit_to_health: Words = ""


class Condition(Answer):
    """A special condition of the agreement (Annex F)."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$"), Scanned(code=True)]
    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=NO_CONTROLS), Scanned()]
    due: Day
    owner: Ods


OURS = "assurance-"
"""Conditions that the security rule adds by itself have ids that begin so, and no others."""


class SpecialConditions(Section):
    """14. Extra restrictions, time-bound and auditable."""

    standard: ClassVar[int] = 14

    conditions: Annotated[tuple[Condition, ...], Field(max_length=200)] = ()


class Ethics(Section):
    """15. Ethical approval; where it is not required, that is recorded, never blank."""

    standard: ClassVar[int] = 15

    research: StrictBool = False
    outcome: Literal["not_required", "approved"]
    reference: Word = ""
    explanation: Words = ""


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


class Consent(Section):
    """17. Whether consent is the basis under data-protection law (not the common law's)."""

    standard: ClassVar[int] = 17

    relied_on: StrictBool
    form_version: Word = ""
    withdrawal_process: Words = ""


class SubLicence(Section):
    """18. Whether the data may go on to others under a sub-licence."""

    standard: ClassVar[int] = 18

    sub_licence: StrictBool = False
    legal_basis: Words = ""
    value_added: Words = ""
    volume: Words = ""
    template: Word = ""
    approval_group_terms: Word = ""
    criteria: Words = ""
    flow_down_terms: Words = ""


class Transparency(Section):
    """19. That a compliant public notice exists for the life of the agreement."""

    standard: ClassVar[int] = 19

    confirmed: StrictBool
    notice_url: Annotated[str, Field(max_length=500, pattern=NO_CONTROLS), Scanned()] = ""
    """Kept, never fetched: nothing here calls a URL that a user gave."""
    last_checked: Day | None = None


class TerritoryOfUse(Section):
    """20. Where in the world the data may be."""

    standard: ClassVar[int] = 20

    territory: Territory
    transfer_condition: Words = ""
    """Chapter 5 of the GDPR, where it is outside the EEA."""


SECTIONS: Mapping[int, type[Section]] = {
    kind.standard: kind
    for kind in (
        Length,
        Controllers,
        Processors,
        Locations,
        Security,
        Registrations,
        Minimisation,
        Objections,
        Objective,
        Processing,
        Outcomes,
        Benefits,
        Commercial,
        SpecialConditions,
        Ethics,
        Confidentiality,
        Consent,
        SubLicence,
        Transparency,
        TerritoryOfUse,
    )
}


def free_texts(answer: Answer, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield every text of no closed form that people wrote, with its pointer."""
    for name, described in type(answer).model_fields.items():
        at = f"{pointer}/{described.alias or name}"
        match getattr(answer, name):
            case str() as text if any(
                isinstance(m, Scanned) and not m.code for m in described.metadata
            ):
                yield at, text
            case Answer() as part:
                yield from free_texts(part, at)
            case tuple() as parts:
                for position, part in enumerate(parts):
                    if isinstance(part, Answer):
                        yield from free_texts(part, f"{at}/{position}")
            case _:
                pass


S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Answers:
    """The sections that were answered so far, by number."""

    sections: Mapping[int, Section] = field(default_factory=dict)

    def of(self, kind: type[S]) -> S | None:
        """The section of that type, or None while it is not answered."""
        found = self.sections.get(kind.standard)
        return found if isinstance(found, kind) else None

    def with_(self, section: Section) -> "Answers":
        return Answers({**self.sections, section.standard: section})

    def codes(self) -> frozenset[str]:
        """Return every organisation's code that an answer names."""
        found: set[str] = set()

        def note(code: str) -> str:
            found.add(code)
            return code

        self.read_by(note)
        return frozenset(found)

    def read_by(self, own: Callable[[str], str]) -> "Answers":
        """Return the same answers with every organisation under the code that `own` gives."""
        context = {**STORED, OWN: own}
        return Answers(
            {
                number: type(section).model_validate(
                    section.model_dump(by_alias=True), context=context
                )
                for number, section in self.sections.items()
            }
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Return the sections by number, as they are sent."""
        return {
            str(number): section.model_dump(mode="json", by_alias=True)
            for number, section in self.sections.items()
        }

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(number for number in SECTIONS if number not in self.sections)

    @property
    def parties(self) -> tuple[str, ...]:
        """Codes of controllers, then processors, each once."""
        return tuple(dict.fromkeys([*self.controllers, *self.processors]))

    @property
    def controllers(self) -> tuple[str, ...]:
        section = self.of(Controllers)
        return tuple(c.ods for c in section.controllers) if section else ()

    @property
    def processors(self) -> tuple[str, ...]:
        section = self.of(Processors)
        return tuple(p.ods for p in section.processors) if section else ()

    @property
    def lines(self) -> tuple[LineAnswer, ...]:
        section = self.of(Minimisation)
        return section.lines if section else ()

    def numbered_lines(self) -> Iterator[tuple[str, LineAnswer]]:
        """Each line with its pointer."""
        for position, line in enumerate(self.lines):
            yield f"/sections/7/lines/{position}", line
