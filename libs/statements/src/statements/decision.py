"""The decision: yes or no, and what it gives (AuthZEN 1.0).

Written by agreements alone. A member that a reader does not know is passed over.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.errors import AgreementNotFound, AppError, Refusal, Refused
from statements.filters import Filters
from statements.form import OPEN
from statements.line import AgreementVersion
from statements.permit import OptOut
from statements.snapshot import NamedController
from statements.vocabulary import OptOutSource


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLine:
    """The line of the agreement by which a file was judged."""

    __pydantic_config__ = OPEN

    number: Annotated[int, Field(description="In the version that was judged.")]
    purpose: str
    data_set: str
    classification: str
    sensitivity: str
    opt_outs_applied: Annotated[bool, Field(description="Whether objections are upheld.")]
    opt_out_reason: Annotated[str, Field(description="Why not; empty where they are.")]
    dissemination_power: Annotated[str, Field(description="The legal basis, by its code.")]
    access_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTerms:
    """What the version that was judged says, as far as the public register publishes it."""

    __pydantic_config__ = OPEN

    title: str
    start: Annotated[date, Field(description="The agreement's first day.")]
    end: Annotated[date, Field(description="Its last day, inclusive.")]
    controllers: Annotated[tuple[NamedController, ...], Field(min_length=1)]
    commercial: bool
    sub_licence: bool
    line: JudgedLine
    objectives: str
    processing: str
    outputs: str
    benefits: str
    yielded_benefits: str


class Answered(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class RefusalView(Answered):
    code: Annotated[str, Field(description="A stable code, for programs.")]
    detail: Annotated[str, Field(description="The reason in words.")] = ""
    subject: Annotated[
        str | None, Field(description="What it is about: a field, a month, an organisation.")
    ] = None
    remedy: Annotated[
        str | None,
        Field(description="How to resolve the refusal; returned for dry runs only."),
    ] = None


class GivenLease(Answered):
    seconds: Annotated[
        float,
        Field(ge=0, description="Counted by the asker from before it asked, on CLOCK_BOOTTIME."),
    ]
    until: Annotated[
        datetime | None, Field(description="The next instant at which a fact may turn.")
    ] = None


class GivenMatch(Answered):
    """Whose people may be asked about, by the line."""

    national: Annotated[bool, Field(description="Whether everybody's count.")]
    codes: Annotated[list[str], Field(description="Of commissioners whose people count.")]
    reasons: Annotated[
        list[str], Field(description="Reasons for Access by which somebody is theirs, by letter.")
    ]
    filters: Annotated[Filters, Field(description="Which rows count; none: all.")] = ()
    opt_outs_applied: Annotated[
        bool, Field(description="Whether who opted out counts as not there.")
    ]
    opt_outs_by: Annotated[
        OptOutSource, Field(description="How it is known who did: a list, or the national check.")
    ]
    list_age_days_max: Annotated[int, Field(description="How old the list may be, in days.")]


class EvaluationContext(Answered):
    """The reasons of a no; of a yes what it gives."""

    id: Annotated[UUID | None, Field(description="The decision in the log; none of a dry run.")] = (
        None
    )
    epoch: Annotated[int, Field(description="Of the facts that were judged.")]
    refusals: Annotated[
        list[RefusalView], Field(description="Every reason of a no; empty for a yes.")
    ]
    on_behalf_of: Annotated[
        list[str] | None,
        Field(
            description="Of a logged decision: codes of the controllers in whose name the asker"
            " acts, for the audit log of whoever asks for it. Left out where it is a controller"
            " itself, or may not know of the agreement."
        ),
    ] = None
    agreement: Annotated[
        AgreementVersion | None, Field(description="The version that was judged.")
    ] = None
    permit: Annotated[
        str | None, Field(description="Of a request: the permit, a JWS for the safe haven.")
    ] = None
    permit_id: Annotated[UUID | None, Field(description="Of a request: `jti` of the permit.")] = (
        None
    )
    permit_expires_at: Annotated[
        datetime | None,
        Field(description="Of a request: until when the haven accepts the permit."),
    ] = None
    holding_id: Annotated[
        UUID | None, Field(description="Of a release: by which every fetch names the file.")
    ] = None
    line: Annotated[int | None, Field(description="Number of the line that allows it.")] = None
    terms: Annotated[
        RegisterTerms | None,
        Field(description="Of a release: what the judged version says for the public register."),
    ] = None
    lease: Annotated[
        GivenLease | None, Field(description="Of a fetch: how long bytes may leave.")
    ] = None
    domain: Annotated[
        str | None,
        Field(
            description="Of a re-identification, and of scores that come back: the pseudonym"
            " domain whose tokens lead back."
        ),
    ] = None
    match: Annotated[
        GivenMatch | None,
        Field(description="Of a match of NHS numbers with an invoice: whose people count."),
    ] = None
    until: Annotated[
        datetime | None, Field(description="Of a dry run: until when yes stays yes.")
    ] = None
    preview: Annotated[
        str | None,
        Field(
            description="Of a dry run that dissemination asks of a request: a JWS for the safe"
            " haven, as a permit and good for 60 seconds, by which it says whether the request"
            " would wait and prepares nothing. Left out where nothing could make it wait."
        ),
    ] = None
    opt_outs: Annotated[
        OptOut | None,
        Field(
            description="Of a dry run of a request: whether opt-outs would be upheld, and why."
            " Never who opted out, nor whether anybody did."
        ),
    ] = None


class Evaluation(Answered):
    decision: Annotated[bool, Field(description="True: permitted.")]
    context: EvaluationContext


def refusal_of(why: EvaluationContext) -> AppError:
    """Return what a no is told as: Refused with every reason, or AgreementNotFound.

    Whoever may not know of an agreement is told what one that is not there is told.
    """
    refusals = [Refusal(one.code, one.detail, one.subject) for one in why.refusals]
    if [one.code for one in refusals] == [AgreementNotFound.code]:
        return AgreementNotFound("There is no such agreement.")
    if not refusals:
        refusals = [Refusal("REFUSED", "Agreements gave no reason.")]
    return Refused(
        "The agreement does not allow this.",
        refusals,
        on_behalf_of=",".join(why.on_behalf_of or ()) or None,
    )
