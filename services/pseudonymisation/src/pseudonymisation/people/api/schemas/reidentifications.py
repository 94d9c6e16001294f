"""Re-identifications, as they cross the wire: numbers in bodies alone."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.errors import Invalid
from common.texts import Scanned
from common.web.logged import IsAsLogged
from common.web.pagination import Page
from common.web.replacement import Reason
from pseudonymisation.people.api.schemas.confirmed import (
    Answers,
    AskedAt,
    Confirmation,
    ConfirmedAt,
    ConfirmedBy,
    EndsAt,
)
from pseudonymisation.people.domain.reidentification import (
    Outcome,
    Reidentification,
    ToldOf,
    WantedPeople,
)
from pseudonymisation.people.use_cases.reidentifications import Answered
from statements.request import AgreementInForce, DataSetOfLine, PurposeOfLine
from statements.vocabulary import Classification, LineKey

TOKEN = r"^[A-Za-z][A-Za-z0-9_-]{23}$"  # noqa: S105 - the form of a pseudonym
SENT_MAX = 1_000
ORGANISATION = r"^[A-Z0-9]{3,9}$"
SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$"

StateName = Literal["waiting", "ready", "over"]
OutcomeName = Literal["number", "not_registered_with_you", "not_known"]


def _each_once(tokens: list[str]) -> list[str]:
    if len(set(tokens)) != len(tokens):
        raise Invalid("each token may be named once")
    return tokens


class WantedReidentification(Reason):
    """Tokens of one line, and why whom they stand for has to be known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agreement": "DARS-NIC-123456-A1B2C",
                    "purpose": "RS",
                    "data_set": "SUS_APC",
                    "classification": "PSEUDO_ANONYMISED",
                    "tokens": ["PatientTokenOfTheExample"],
                    "reason_code": "case_finding",
                    "reason": "The score is in the highest five in a hundred; a review is due.",
                }
            ]
        }
    )

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine
    classification: Annotated[Classification, Field(description="Classification of the line.")]
    tokens: Annotated[
        list[Annotated[str, Field(pattern=TOKEN), Scanned(code=True)]],
        AfterValidator(_each_once),
        Field(
            min_length=1,
            max_length=SENT_MAX,
            description="Tokens of people (column `Token`) as the supplier's results have them,"
            " each once. How many one request may have is a dated rule.",
            examples=[["PatientTokenOfTheExample"]],
        ),
    ]
    reason_code: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z_]{1,63}$",
            description="Why, by a code of the rule of today: `case_finding`, `care_planning`,"
            " `recall` or `safety`.",
            examples=["case_finding"],
        ),
    ]

    @property
    def wanted(self) -> WantedPeople:
        return WantedPeople(
            agreement=self.agreement,
            key=LineKey(self.purpose.value, self.data_set, self.classification.value),
            tokens=tuple(self.tokens),
            reason_code=self.reason_code,
            reason=self.reason,
        )


class ReidentificationView(BaseModel):
    """A request, and how it stands; none of its tokens."""

    id: UUID
    practice: Annotated[str, Field(description="Code of the practice that asks.")]
    asked_by: Annotated[str, Field(description="The subject who asked.")]
    agreement: str
    purpose: str
    data_set: str
    classification: str
    people: Annotated[int, Field(description="How many tokens it is about.")]
    reason_code: Annotated[str, Field(description="Why, by the code of the day's rule.")]
    reason: Annotated[str, Field(description="Why, in words.")]
    asked_at: AskedAt
    state: Annotated[
        StateName,
        Field(
            description="`waiting`: for another person of the practice. `ready`: the answer can be"
            " fetched. `over`: its time is over, and its tokens are gone."
        ),
    ]
    ends_at: EndsAt
    confirmed_by: ConfirmedBy
    confirmed_at: ConfirmedAt
    confirmation: Confirmation
    answers: Answers
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, one: Reidentification, at: datetime) -> Self:
        return cls(
            id=one.id,
            practice=one.practice,
            asked_by=one.asked_by,
            agreement=one.agreement,
            purpose=one.key.purpose,
            data_set=one.key.data_set,
            classification=one.key.classification,
            people=one.people,
            reason_code=one.reason_code,
            reason=one.reason,
            asked_at=one.asked_at,
            state=one.standing(at).value,
            ends_at=one.ends_at,
            confirmed_by=one.confirmed_by,
            confirmed_at=one.confirmed_at,
            confirmation=one.confirmation,
            answers=one.answers,
            is_as_logged=is_as_logged(f"re-identifications/{one.id}"),
        )


class ReidentifiedRow(BaseModel):
    token: Annotated[str, Field(description="As it was asked about.")]
    outcome: Annotated[
        OutcomeName,
        Field(
            description="`number`: a patient of yours. `not_registered_with_you`: no list of"
            " registrations has them as yours today. `not_known`: it stands for nobody with an NHS"
            " number."
        ),
    ]
    nhs_number: Annotated[str | None, Field(description="Of your patient; else null.")]


class ReidentificationAnswer(BaseModel):
    """The answer, row by row. It is kept nowhere."""

    id: UUID
    people: Annotated[
        list[ReidentifiedRow], Field(description="One row a token, in the order of the request.")
    ]

    @classmethod
    def of(cls, answered: Answered) -> Self:
        return cls(
            id=answered.reidentification.id,
            people=[
                ReidentifiedRow(
                    token=one.token,
                    outcome=one.outcome.value,
                    nhs_number=one.number if one.outcome is Outcome.NUMBER else None,
                )
                for one in answered.found
            ],
        )


class WantedPerson(BaseModel):
    """Whom an auditor asks about: by one or several of these."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"nhs_number": "9990000018"}]}
    )

    nhs_number: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9]{10}$",
            description="Ten digits, here in the body alone: it is turned into the haven's token at"
            " once, and neither kept nor logged.",
        ),
    ] = None
    practice: Annotated[
        str | None, Field(pattern=ORGANISATION, description="The practice that was told.")
    ] = None
    told_to: Annotated[
        Annotated[str, Field(pattern=SUBJECT), Scanned(code=True)] | None,
        Field(description="The person who was told, by its subject."),
    ] = None


class ToldView(BaseModel):
    """That somebody was told of a person, or was not since they are another practice's."""

    id: UUID
    reidentification_id: UUID
    practice: str
    told_to: Annotated[str, Field(description="The subject who fetched the answer.")]
    told_at: Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
    outcome: Annotated[OutcomeName, Field(description="What they were told.")]
    asked_by: Annotated[str, Field(description="The subject who asked.")]
    confirmed_by: Annotated[str | None, Field(description="The second person, where one had to.")]
    agreement: str
    purpose: str
    data_set: str
    reason_code: str
    reason: str
    decision_id: Annotated[UUID, Field(description="Agreements' decision that allowed it.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, found: tuple[ToldOf, Reidentification]) -> Self:
        told, request = found
        return cls(
            id=told.id,
            reidentification_id=request.id,
            practice=request.practice,
            told_to=told.told_to,
            told_at=told.told_at,
            outcome=told.outcome.value,
            asked_by=request.asked_by,
            confirmed_by=request.confirmed_by,
            agreement=request.agreement,
            purpose=request.key.purpose,
            data_set=request.key.data_set,
            reason_code=request.reason_code,
            reason=request.reason,
            decision_id=UUID(told.decision_id),
            is_as_logged=is_as_logged(f"re-identifications/{request.id}"),
        )


class ToldPage(Page[ToldView]):
    """One page, and whether all that it was looked for in is as the audit log tells."""

    is_as_logged: IsAsLogged

    @classmethod
    def whole(cls, page: Page[ToldView]) -> Self:
        return cls(**page.model_dump(), is_as_logged=is_as_logged())
