"""Scores of risk stratification as they cross the wire; people are tokens, in the body alone."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from pseudonymisation.people.use_cases.risk_scores import ReturnedScores

MODEL = r"^[A-Za-z][A-Za-z0-9 _.-]{0,39}$"
MODEL_VERSION = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,19}$"


class ScoresView(BaseModel):
    """How scores stand that came back; not of whom."""

    id: Annotated[UUID, Field(description="Of the submission by which they are landed.")]
    state: Annotated[
        str,
        Field(
            description="As of every submission: `received`, `landing`, then `accepted`, `waiting`"
            " for a second person of the DSCRO, or `rejected`."
        ),
    ]
    agreement: Annotated[str, Field(description="Under which they were sent.")]
    model: Annotated[
        str, Field(description="Whose former scores of the month these take the place of.")
    ]
    month: Annotated[str, Field(description="Month that they are of, `YYYY-MM`.")]
    received_at: Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
    people: Annotated[
        int | None,
        Field(
            description="People whose scores were taken; null where nothing was taken now: the same"
            " was sent before, or it is only asked how they stand."
        ),
    ]
    without_number: Annotated[
        int | None,
        Field(
            description="People without an NHS number, whose scores were left out: nobody can be"
            " told of them."
        ),
    ]
    without_practice: Annotated[
        int | None,
        Field(
            description="People whom the list of registrations does not have: their scores go to no"
            " practice and to no commissioner."
        ),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, returned: ReturnedScores) -> Self:
        submission, counted = returned.submission, returned.counted
        part = submission.part
        return cls(
            id=submission.id,
            state=submission.state.value,
            agreement="" if part is None else part.recipient,
            model="" if part is None else part.group,
            month=str(submission.period),
            received_at=submission.received_at,
            people=None if counted is None else counted.people,
            without_number=None if counted is None else counted.without_number,
            without_practice=None if counted is None else counted.without_practice,
            is_as_logged=is_as_logged(f"submissions/{submission.id}"),
        )
