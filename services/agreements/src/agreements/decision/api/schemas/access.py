"""What crosses the wire of /access/v1: the AuthZEN Authorization API 1.0, in our vocabulary."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator

from common.texts import Scanned
from statements.decision import RegisterTerms

CODE = r"^[A-Z][A-Z0-9_]{0,63}$"
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
FIELD = r"^[0-9_]*[A-Za-z][A-Za-z0-9_]*$"
AGREEMENT = r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
LIST = r"^(sha256:[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
CLIENT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"

Code = Annotated[str, Field(pattern=CODE), Scanned(code=True)]
Month = Annotated[str, Field(pattern=MONTH, examples=["2018-04"])]
FieldName = Annotated[
    str, Field(pattern=FIELD, max_length=64, examples=["Sex"]), Scanned(code=True)
]
Identifier = Annotated[str, Field(pattern=IDENTIFIER), Scanned(code=True)]
AgreementReference = Annotated[str, Field(pattern=AGREEMENT, examples=["DARS-NIC-123456-A1B2C"])]


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Outgoing(BaseModel):
    model_config = ConfigDict(frozen=True)


# The subject and its evidence


class Proof(Incoming):
    token: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=16_384,
            description="The client's own access token, of audience `dissemination`.",
            repr=False,
        ),
    ] = None


class Subject(Incoming):
    type: Literal["client"] = "client"
    id: Annotated[
        str,
        Field(pattern=CLIENT, description="The client: `azp` of its token."),
        Scanned(code=True),
    ]
    properties: Proof = Proof()


# May this extract be prepared?


class RequestAction(Incoming):
    name: Literal["request"]


class Wanted(Incoming):
    purpose: Code
    data_set: Code
    classification: Code
    periods: Annotated[tuple[Month, ...], Field(min_length=1, max_length=600)]
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=1000)]
    formats: Annotated[tuple[Literal["parquet", "csv"], ...], Field(min_length=1, max_length=2)] = (
        "parquet",
    )


class AgreementResource(Incoming):
    type: Literal["agreement"] = "agreement"
    id: AgreementReference
    properties: Wanted


class Landed(Incoming):
    """What the haven would read and leave out now, by its answer to `GET /v1/landed-months`."""

    opt_out_lists: Annotated[
        tuple[Annotated[str, Field(pattern=LIST)], ...],
        Field(
            min_length=1,
            max_length=100,
            description="What decides who is left out: the digest of the list in force, and the "
            "ids of those that are upheld beside it.",
            examples=[["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"]],
        ),
    ]
    editions: Annotated[
        dict[Month, tuple[UUID, ...]],
        Field(
            max_length=600,
            description="By month, the ids of the editions that are read.",
            examples=[{"2018-04": ["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"]}],
        ),
    ]


class RequestContext(Incoming):
    extract_id: Identifier | None = None
    request_digest: Annotated[str | None, Field(pattern=DIGEST)] = None
    dry_run: Annotated[bool, Field(strict=True)] = False
    landed: Annotated[
        Landed | None,
        Field(
            description="Of the periods that are asked for, where the haven could be asked: what "
            "would be refused at the release for its opt-out list is refused now. For permits, "
            "not for `dry_run`."
        ),
    ] = None

    @model_validator(mode="after")
    def _is_for_a_permit(self) -> Self:
        if self.dry_run and self.landed is not None:
            raise ValueError("`landed` belongs to a question for a permit; leave it out here.")
        return self


class RequestQuestion(Incoming):
    """May this extract be prepared? Yes comes with a permit."""

    subject: Subject
    action: RequestAction
    resource: AgreementResource
    context: RequestContext = RequestContext()


# May this prepared file be released?


class ReleaseAction(Incoming):
    name: Literal["release"]


class Attested(Incoming):
    attestation: Annotated[str, Field(min_length=1, max_length=4_194_304)]


class FileResource(Incoming):
    type: Literal["file"] = "file"
    id: Identifier
    properties: Attested


class ReleaseContext(Incoming):
    extract_id: Identifier


class ReleaseQuestion(Incoming):
    """May this prepared file be released? Who and by which line is in the permit that it names."""

    subject: Annotated[
        Subject | None, Field(description="Not looked at: the permit says for whom it is.")
    ] = None
    action: ReleaseAction
    resource: FileResource
    context: ReleaseContext


# May bytes of this file leave now?


class FetchAction(Incoming):
    name: Literal["fetch"]


class HoldingResource(Incoming):
    type: Literal["holding"] = "holding"
    id: UUID


class FetchContext(Incoming):
    delivery_id: Identifier | None = None
    renews: Annotated[
        UUID | None, Field(description="The decision that this one goes on from.")
    ] = None
    dry_run: Annotated[bool, Field(strict=True)] = False


class FetchQuestion(Incoming):
    """May bytes of this released file leave now? Yes comes with a lease."""

    subject: Subject
    action: FetchAction
    resource: HoldingResource
    context: FetchContext = FetchContext()


def _action_of(question: Any) -> str | None:
    if isinstance(question, dict):
        action = question.get("action")
        name = action.get("name") if isinstance(action, dict) else None
        return name if isinstance(name, str) else None
    name = getattr(getattr(question, "action", None), "name", None)
    return name if isinstance(name, str) else None


Question = Annotated[
    Annotated[RequestQuestion, Tag("request")]
    | Annotated[ReleaseQuestion, Tag("release")]
    | Annotated[FetchQuestion, Tag("fetch")],
    Discriminator(_action_of),
]


class Questions(Incoming):
    """Several questions in one call; what is at the top stands in for what one leaves out."""

    subject: dict[str, JsonValue] | None = None
    action: dict[str, JsonValue] | None = None
    resource: dict[str, JsonValue] | None = None
    context: dict[str, JsonValue] | None = None
    evaluations: Annotated[tuple[dict[str, JsonValue], ...], Field(min_length=1, max_length=200)]


# Answers


class RefusalView(Outgoing):
    code: Annotated[str, Field(description="A stable code, for programs.")]
    detail: str
    subject: str | None
    remedy: Annotated[
        str | None,
        Field(description="How to resolve the refusal; returned for dry runs only."),
    ] = None


class JudgedAgreement(Outgoing):
    reference: str
    version: str
    document_hash: str


class LeaseView(Outgoing):
    seconds: Annotated[
        float, Field(description="Counted by the asker from before it asked, on CLOCK_BOOTTIME.")
    ]
    until: Annotated[
        datetime | None, Field(description="The next instant at which a fact may turn.")
    ]


class Why(Outgoing):
    id: UUID | None = None
    epoch: int
    refusals: list[RefusalView]
    on_behalf_of: Annotated[
        list[str] | None,
        Field(
            description="Of a logged decision: codes of the controllers in whose name the asker"
            " acts, for the audit log of whoever asks for it. Left out where it is a controller"
            " itself, or may not know of the agreement."
        ),
    ] = None
    agreement: JudgedAgreement | None = None
    permit: str | None = None
    permit_id: UUID | None = None
    permit_expires_at: datetime | None = None
    holding_id: UUID | None = None
    line: int | None = None
    terms: Annotated[
        RegisterTerms | None,
        Field(description="Of a release: what the judged version says for the public register."),
    ] = None
    lease: LeaseView | None = None
    until: Annotated[
        datetime | None, Field(description="Of a dry run: until when yes stays yes.")
    ] = None


class DecisionView(Outgoing):
    decision: bool
    context: Why


class DecisionViews(Outgoing):
    evaluations: list[DecisionView]


# What may this client have?


class SearchAction(Incoming):
    name: Literal["request", "fetch"]


class SearchedResource(Incoming):
    type: Literal["line", "holding"]


class SearchPage(Incoming):
    token: Annotated[str, Field(pattern=r"^$|" + AGREEMENT)] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class SearchQuestion(Incoming):
    """Asks which lines the caller may request, or which holdings fetch."""

    subject: Subject
    action: SearchAction
    resource: SearchedResource
    page: SearchPage = SearchPage()


class FoundView(Outgoing):
    type: Literal["line", "holding"]
    id: str
    properties: dict[str, JsonValue]


class RefusedView(Outgoing):
    type: Literal["line", "holding"]
    id: str
    refusals: list[RefusalView]


class NextPage(Outgoing):
    next_token: str


class FoundContext(Outgoing):
    epoch: int
    refused: Annotated[
        list[RefusedView],
        Field(description="What the caller's agreements have, and it may not have at the moment."),
    ]


class FoundViews(Outgoing):
    results: list[FoundView]
    page: NextPage
    context: FoundContext


class AuthzenConfiguration(Outgoing):
    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_resource_endpoint: str
