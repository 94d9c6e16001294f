"""Standards 1 to 6: how long, by whom, where and how secured."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    Field,
    StrictBool,
)

from applications.domain.sections.forms import (
    NO_CONTROLS,
    Answer,
    Day,
    EvidenceKind,
    Filled,
    LengthCategory,
    Ods,
    Section,
    Word,
    Words,
)
from common.texts import Scanned

LocationKind = Literal["processing", "storage", "backup", "disaster_recovery", "remote_access"]


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
