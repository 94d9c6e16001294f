"""What crosses the wire of /access/v1 besides questions and answers: several at once, and searches.

A question and its answer pass between services, so they are statements (`statements.question`,
`statements.decision`).
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from statements.decision import Answered, Evaluation, RefusalView
from statements.request import AGREEMENT, Asked, Subject


class Questions(Asked):
    """Several questions in one call; what is at the top stands in for what one leaves out."""

    subject: dict[str, JsonValue] | None = None
    action: dict[str, JsonValue] | None = None
    resource: dict[str, JsonValue] | None = None
    context: dict[str, JsonValue] | None = None
    evaluations: Annotated[tuple[dict[str, JsonValue], ...], Field(min_length=1, max_length=200)]


class Evaluations(Answered):
    evaluations: Annotated[
        list[Evaluation], Field(description="The answers, in the order of the questions.")
    ]


# What may this client have?


class SearchAction(Asked):
    name: Literal["request", "fetch"]


class SearchedResource(Asked):
    type: Literal["line", "holding"]


class SearchPage(Asked):
    token: Annotated[str, Field(pattern=r"^$|" + AGREEMENT)] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class SearchQuestion(Asked):
    """Asks which lines the caller may request, or which holdings fetch."""

    subject: Subject
    action: SearchAction
    resource: SearchedResource
    page: SearchPage = SearchPage()


class FoundView(Answered):
    type: Literal["line", "holding"]
    id: str
    properties: dict[str, JsonValue]


class RefusedView(Answered):
    type: Literal["line", "holding"]
    id: str
    refusals: list[RefusalView]


class NextPage(Answered):
    next_token: str


class FoundContext(Answered):
    epoch: int
    refused: Annotated[
        list[RefusedView],
        Field(description="What the caller's agreements have, and it may not have at the moment."),
    ]


class FoundViews(Answered):
    results: list[FoundView]
    page: NextPage
    context: FoundContext


class AuthzenConfiguration(Answered):
    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_resource_endpoint: str
