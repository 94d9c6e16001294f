"""Standards 9 to 13: what for, how, and to whose benefit."""

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
    Filled,
    Ods,
    Section,
    Words,
)
from common.texts import Scanned
from statements.vocabulary import Classification, Purpose


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
