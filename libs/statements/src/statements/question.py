"""Every question that agreements decides (AuthZEN 1.0).

A request, a release, a fetch, whether people may be re-identified for direct care, whether numbers
may be matched to validate an invoice, and whether scores of risk stratification may come back.
"""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Discriminator, Field, Tag, TypeAdapter

from common.ids import digest
from statements.quick import QuickReader
from statements.request import (
    MONTH,
    AgreementReference,
    Asked,
    Code,
    ExternalId,
    RequestQuestion,
    Subject,
)
from statements.vocabulary import Digest


class ReleaseAction(Asked):
    name: Literal["release"]


class Attested(Asked):
    attestation: Annotated[str, Field(min_length=1, max_length=4_194_304)]


class FileResource(Asked):
    type: Literal["file"] = "file"
    id: ExternalId
    properties: Attested


class ReleaseContext(Asked):
    extract_id: ExternalId


class ReleaseQuestion(Asked):
    """May this prepared file be released? Who and by which line is in the permit that it names."""

    subject: Annotated[
        Subject | None, Field(description="Not looked at: the permit says for whom it is.")
    ] = None
    action: ReleaseAction
    resource: FileResource
    context: ReleaseContext


class FetchAction(Asked):
    name: Literal["fetch"]


class SentObject(Asked):
    """The object that would be sent. It has to be the one that was released."""

    object: Annotated[Digest, Field(description="Of the key of the object in the release store.")]
    bytes: Annotated[int, Field(ge=0, strict=True, description="Size of the object, in bytes.")]
    digest: Annotated[Digest, Field(description="Of what is in the object.")]

    @classmethod
    def of(cls, *, object_key: str, size: int, content: str) -> Self:
        """Name an object by key, size and digest; the key by its own, which tells nobody more."""
        return cls(object=digest(object_key.encode()), bytes=size, digest=content)


class HoldingResource(Asked):
    type: Literal["holding"] = "holding"
    id: UUID
    properties: Annotated[
        SentObject | None, Field(description="What would be sent; none: it is only asked.")
    ] = None


class FetchContext(Asked):
    delivery_id: ExternalId | None = None
    renews: Annotated[
        UUID | None, Field(description="The decision that this one goes on from.")
    ] = None
    dry_run: Annotated[bool, Field(strict=True)] = False


class FetchQuestion(Asked):
    """May bytes of this released file leave now? Yes comes with a lease."""

    subject: Subject
    action: FetchAction
    resource: HoldingResource
    context: FetchContext = FetchContext()


class ReidentifyAction(Asked):
    name: Literal["reidentify"]


class LineOfAgreement(Asked):
    """The line by which the file was made that the tokens are from."""

    purpose: Annotated[Code, Field(description="Purpose of the line.", examples=["RS"])]
    data_set: Annotated[Code, Field(description="Data set of the line.", examples=["SUS_APC"])]
    classification: Annotated[
        Code, Field(description="Classification of the line.", examples=["PSEUDO_ANONYMISED"])
    ]


class LineResource(Asked):
    type: Literal["line"] = "line"
    id: AgreementReference
    properties: LineOfAgreement


class ReidentifyContext(Asked):
    request_id: ExternalId
    people: Annotated[int, Field(ge=1, strict=True, description="How many tokens are asked about.")]


class ReidentifyQuestion(Asked):
    """May this practice be told whom tokens of the line stand for? Yes names their domain."""

    subject: Subject
    action: ReidentifyAction
    resource: LineResource
    context: ReidentifyContext


class MatchAction(Asked):
    name: Literal["match"]


class MatchContext(Asked):
    request_id: ExternalId
    period: Annotated[
        str, Field(pattern=MONTH, description="Month of the invoice.", examples=["2018-04"])
    ]
    people: Annotated[
        int, Field(ge=1, strict=True, description="How many NHS numbers are asked about.")
    ]


class MatchQuestion(Asked):
    """May it be said whether people were at a provider, to validate an invoice of its.

    Yes says whose people count, and whether opt-outs are upheld.
    """

    subject: Subject
    action: MatchAction
    resource: LineResource
    context: MatchContext


class ReturnScoresAction(Asked):
    name: Literal["return_scores"]


class ReturnScoresContext(Asked):
    request_id: ExternalId
    period: Annotated[
        str,
        Field(pattern=MONTH, description="Month that the scores are of.", examples=["2018-04"]),
    ]
    people: Annotated[int, Field(ge=1, strict=True, description="How many people are scored.")]


class ReturnScoresQuestion(Asked):
    """May a supplier of risk stratification send what it worked out of a line's records.

    Yes names the pseudonym domain by whose tokens it knows the people.
    """

    subject: Subject
    action: ReturnScoresAction
    resource: LineResource
    context: ReturnScoresContext


def _action_of(question: Any) -> str | None:
    if isinstance(question, dict):
        action = question.get("action")
        name = action.get("name") if isinstance(action, dict) else None
        return name if isinstance(name, str) else None
    name = getattr(getattr(question, "action", None), "name", None)
    return name if isinstance(name, str) else None


AnyQuestion = (
    RequestQuestion
    | ReleaseQuestion
    | FetchQuestion
    | ReidentifyQuestion
    | MatchQuestion
    | ReturnScoresQuestion
)

Question = Annotated[
    Annotated[RequestQuestion, Tag("request")]
    | Annotated[ReleaseQuestion, Tag("release")]
    | Annotated[FetchQuestion, Tag("fetch")]
    | Annotated[ReidentifyQuestion, Tag("reidentify")]
    | Annotated[MatchQuestion, Tag("match")]
    | Annotated[ReturnScoresQuestion, Tag("return_scores")],
    Discriminator(_action_of),
]

QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)

READ_AGAIN = QuickReader({"request": RequestQuestion, "fetch": FetchQuestion}, new="context")
"""Of questions that come by the thousand: what `QUESTION` would return, or None."""
