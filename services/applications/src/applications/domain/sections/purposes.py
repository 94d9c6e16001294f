"""Standards 9 to 13: what for, how, and to whose benefit."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    Field,
    StrictBool,
    model_validator,
)

from applications.domain.sections.forms import (
    NO_CONTROLS,
    Answer,
    DataSetName,
    Day,
    Filled,
    Ods,
    Section,
    Words,
)
from common.errors import Invalid
from common.texts import Scanned
from statements.bridging import BRIDGING_FILE
from statements.tables import is_none
from statements.vocabulary import Classification, Purpose

PAIR: Final = 2


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
    """What people's records are linked with: by equal pseudonyms, or by a bridging file."""

    data_sets: Annotated[
        tuple[DataSetName, ...],
        Field(
            min_length=1,
            max_length=50,
            description="Between which: two at least. By a bridging file those of both agreements,"
            " which may be one and the same.",
        ),
    ]
    key: Annotated[
        Literal["person", "bridging_file"],
        Field(
            description="`person`: somebody has one pseudonym in all of them. `bridging_file`:"
            " pseudonyms differ, and a file that is given once pairs them."
        ),
    ] = "person"
    mitigation: Words = ""
    agreement: Annotated[
        str | None,
        Field(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="By a bridging file: the agreement of the same recipient with whose"
            " pseudonyms those of this one are paired; it has to say the same of this one.",
            exclude_if=is_none,
        ),
    ] = None
    first_day: Annotated[
        Day | None,
        Field(
            alias="from",
            description="By a bridging file: the first day on which it may be given.",
            exclude_if=is_none,
        ),
    ] = None
    last_day: Annotated[
        Day | None,
        Field(
            alias="to",
            description="By a bridging file: the last day on which it may be given and fetched;"
            " left out: as long as the agreement is in force.",
            exclude_if=is_none,
        ),
    ] = None

    @model_validator(mode="after")
    def _says_what_its_key_needs(self) -> Self:
        by_file = self.key == BRIDGING_FILE
        if not by_file and len(set(self.data_sets)) < PAIR:
            raise Invalid("data sets are linked with one another: name two")
        if by_file != (self.agreement is not None and self.first_day is not None):
            raise Invalid("a bridging file, and no other linkage, names `agreement` and `from`")
        if self.last_day is not None and (self.first_day is None or self.last_day < self.first_day):
            raise Invalid("`to` is a day of a bridging file, and not before `from`")
        return self


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
    """11. The outputs, and the level of data in them."""

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
    """12. Who benefits, how much, how it is measured, and by when."""

    standard: ClassVar[int] = 12

    benefits: Annotated[tuple[Benefit, ...], Field(max_length=200)]
    yielded: Annotated[tuple[YieldedBenefit, ...], Field(max_length=200)] = ()
    """What the former term brought: a renewal or an extension has some, or says why not."""
    why_none_yielded: Words = ""


class Commercial(Section):
    """13. Whether the use is commercial."""

    standard: ClassVar[int] = 13

    commercial: StrictBool
    controller_charges: StrictBool = False
    party_gains: StrictBool = False
    solely_commercial: StrictBool = False
    marketing: StrictBool = False
    insurance: StrictBool = False
    benefit_to_health: Words = ""
