"""The national check over HTTP: opened, its request handed out, its reply taken and decided."""

from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal, Self
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from common.audit import RecordNotAsLogged, is_as_logged
from common.db.idempotency import IdempotencyKeyReused
from common.errors import EditedMeanwhile
from common.replacement import ReplacementDecided, ReplacementOutdated, SecondPersonNeeded
from common.texts import Scanned
from common.web.idempotency import IdempotencyKey, fingerprint
from common.web.logged import IsAsLogged
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason, StandingView
from pseudonymisation.intake.api.dependencies import (
    CheckCtx,
    DecideChecksCtx,
    ReadChecksCtx,
    TakeBackChecksCtx,
    Uploading,
)
from pseudonymisation.intake.api.routes.opt_outs import LIST_BYTES_MAX
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, RequestBody
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain import opt_out_check as domain
from pseudonymisation.intake.domain.national_check.life import CheckState
from pseudonymisation.intake.domain.opt_out_check import NO_REPLY
from pseudonymisation.intake.use_cases import opt_out_checks as use_cases
from pseudonymisation.intake.use_cases.context import IntakeContext

router = APIRouter(prefix="/v1/opt-out-checks", tags=["opt-outs"])


class OpenCheck(RequestBody):
    """What is to be prepared, and whose people are therefore asked about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"data_set": "SUS_APC", "periods": ["2018-04"], "purpose": "RS"}]
        }
    )

    data_set: Annotated[
        str,
        Field(pattern=DATA_SET, description="The data set, by its name.", examples=["SUS_APC"]),
        Scanned(code=True),
    ]
    periods: Annotated[
        list[Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]],
        Field(min_length=1, max_length=120, description="Months, `YYYY-MM`."),
    ]
    purpose: Annotated[
        Literal["COM", "IV", "RS", "OTHER"],
        Field(description="The purpose of the line that it is prepared under."),
    ]


StateOfCheck = Literal[
    "open", "asked", "overdue", "refused", "expired", "answered", "waiting", "taken_back"
]
SignalOfReply = Literal["REPLY_CLEARS_FEW", "REPLY_CLEARS_EVERYBODY"]
Reference = Annotated[
    str,
    Query(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The reference of the message that the reply came with; that of the check.",
        examples=["NDOO-BCDFGHJKLMNPQRST"],
    ),
    Scanned(code=True),
]


class CheckView(BaseModel):
    """A check: whom it asks about is never shown."""

    id: UUID
    data_set: Annotated[str, Field(description="The data set, by its name.")]
    periods: Annotated[list[str], Field(description="Months, `YYYY-MM`.")]
    purpose: Annotated[str, Field(description="Of the line that it is prepared under.")]
    editions: Annotated[list[UUID], Field(description="Whose people are asked about.")]
    people: Annotated[int, Field(description="How many people are asked about.")]
    state: Annotated[
        StateOfCheck,
        Field(
            description="`open`: its request was not fetched. `asked`: it was, and the reply is to"
            " come. `overdue`: the national service should have answered by now. `refused`: what"
            " came was no reply of it. `expired`: it is too old to be answered. By none of these"
            " is anything prepared. `answered`: the reply is in force. `waiting`: it clears many"
            " who were not cleared before, or looks like something else than a reply"
            " (`signals`), and waits for a second person; only who is cleared by it and by the one"
            " in force is used. `taken_back`: nobody is used by it, nor by an older reply in its"
            " place."
        ),
    ]
    next_step: Annotated[str, Field(description="What is to be done next, in words.")]
    reference: Annotated[
        str,
        Field(
            description="What the message to the national service has as its subject and as its"
            " reference, and its reply too. It has no characters to which no answer comes."
        ),
    ]
    age_days: Annotated[int, Field(description="How old it is, in legal days since its opening.")]
    good_until: Annotated[
        date,
        Field(description="The last legal day, in Europe/London, on which it may be used."),
    ]
    asked_at: Annotated[
        datetime | None,
        Field(description="When its request was fetched the last time, RFC 3339, in UTC."),
    ]
    answer_due_at: Annotated[
        datetime | None,
        Field(
            description="From when on its reply is overdue, RFC 3339, in UTC. Null: its request was"
            " not fetched, or it has its reply."
        ),
    ]
    refused_code: Annotated[
        str | None,
        Field(description="With which code the last of what came was refused; null: nothing was."),
    ]
    refused_at: Annotated[datetime | None, Field(description="When that was, RFC 3339, in UTC.")]
    signals: Annotated[
        list[SignalOfReply],
        Field(
            description="What the reply looks like, if not like a reply. `REPLY_CLEARS_FEW`: fewer"
            " than half of who was asked about, as a list of those who objected would, or what was"
            " cut off. `REPLY_CLEARS_EVERYBODY`: all of many, as the request itself would."
        ),
    ]
    cleared: Annotated[
        int | None, Field(description="How many of them may be used; null without a reply.")
    ]
    reply_digest: Annotated[
        str | None, Field(description="Of the reply as it came: `sha256:` and the hash.")
    ]
    opened_at: Annotated[datetime, Field(description="When it was opened, RFC 3339, in UTC.")]
    replied_at: Annotated[datetime | None, Field(description="When the reply was taken, in UTC.")]
    standing: Annotated[
        StandingView | None,
        Field(
            description="How the reply stands, and who decided it; null without one. Its `change`"
            " is of people who were asked about before too, and counts who is not cleared:"
            " `removed` are those whom this reply clears and the one in force then did not."
        ),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, check: domain.OptOutCheck, now: domain.CheckNow) -> Self:
        reply, asked, refusal = check.reply, check.asked, check.refusal
        return cls(
            id=check.id,
            data_set=check.data_set,
            periods=list(check.periods),
            purpose=check.purpose,
            editions=list(check.editions),
            people=check.people,
            state=now.state.value,
            next_step=now.next_step,
            reference=check.reference,
            age_days=now.age_days,
            good_until=now.good_until,
            asked_at=None if asked is None else asked.at,
            answer_due_at=now.answer_due_at,
            refused_code=None if refusal is None else refusal.code,
            refused_at=None if refusal is None else refusal.at,
            signals=[signal.value for signal in now.signals],
            cleared=None if reply is None else reply.cleared,
            reply_digest=None if reply is None else reply.digest,
            opened_at=check.opened_at,
            replied_at=None if reply is None else reply.received_at,
            standing=None if reply is None else StandingView.of(reply.standing),
            is_as_logged=is_as_logged(f"opt-out-checks/{check.id}"),
        )


def _shown(check: domain.OptOutCheck, ctx: IntakeContext) -> CheckView:
    return CheckView.of(check, use_cases.now(check, ctx=ctx))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        errors.DataSetUnknown,
        errors.PeriodInvalid,
        errors.CheckAsksNobody,
        errors.CheckTooLarge,
        IdempotencyKeyReused,
    ),
)
def open_check(
    body: OpenCheck, response: Response, ctx: CheckCtx, key: IdempotencyKey = None
) -> CheckView:
    """Open a check about everybody with an NHS number in the editions in force of the periods."""
    check = use_cases.open_(
        data_set=body.data_set,
        periods=body.periods,
        purpose=body.purpose,
        key=key,
        fingerprint=fingerprint("open_check", body),
        ctx=ctx,
    )
    response.headers["Location"] = f"/v1/opt-out-checks/{check.id}"
    return _shown(check, ctx)


@router.get("")
def list_checks(
    ctx: ReadChecksCtx,
    paging: Paging,
    state: Annotated[
        StateOfCheck | None,
        Query(description="Only those that stand so now; `waiting`: for a second person."),
    ] = None,
) -> Page[CheckView]:
    """List checks, oldest first; `state=waiting` for what a second person has to see."""
    wanted = None if state is None else CheckState(state)
    found = use_cases.page(state=wanted, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[CheckView].of(found, paging, show=partial(_shown, ctx=ctx), key=lambda c: c.id)


@router.get("/{check_id}", responses=responses(errors.CheckNotFound))
def get_check(check_id: UUID, ctx: ReadChecksCtx) -> CheckView:
    """Return how a check stands."""
    return _shown(use_cases.get(check_id, ctx=ctx), ctx)


@router.get(
    "/{check_id}/request",
    response_class=StreamingResponse,
    responses=responses(
        errors.CheckNotFound,
        errors.CheckTooOld,
        errors.CheckAnswered,
        RecordNotAsLogged,
        EditedMeanwhile,
    )
    | {200: {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_request(check_id: UUID, ctx: CheckCtx) -> StreamingResponse:
    """Return the request file for the national service: `number,` and a line feed each.

    It identifies people: for staff of a DSCRO alone, and that it was asked for is logged. It goes
    to the national service with the check's `reference` as subject and as reference of the message;
    fetched again it is the same file.
    """
    return StreamingResponse(
        use_cases.request_of(check_id, ctx=ctx),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="check-{check_id}.dat"',
            "Cache-Control": "no-store",
        },
    )


@router.put(
    "/{check_id}/reply",
    max_body_size=LIST_BYTES_MAX,
    responses=responses(
        errors.CheckNotFound,
        errors.CheckTooOld,
        errors.CheckNotAsked,
        errors.CheckAnswered,
        errors.ReplyInvalid,
        errors.ReplyTruncated,
        errors.ReplyDoubled,
        errors.ReplyNotAsked,
        errors.ReplyOfAnotherCheck,
        errors.UploadIncomplete,
        EditedMeanwhile,
        errors.TooManyUploads,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}, "example": "9990000018,\n"}},
        }
    },
)
async def put_reply(
    check_id: UUID, reference: Reference, request: Request, ctx: CheckCtx, uploads: Uploading
) -> CheckView:
    """Receive the national service's reply as it came: `number,` per person who may be used.

    Whoever is not in it is left out; an empty reply clears nobody and is right. The same reply
    again changes nothing. Refused, and remembered by the check with its code, is what is no list,
    ends within a line, names somebody twice or others than were asked, or has the reference of
    another check. One that clears many whom an earlier reply about these months did not clear, or
    that looks like something else (`signals`), is `waiting` for a second person, and only who is
    cleared by both is used.
    """
    begin = partial(use_cases.begin_reply, check_id, reference, ctx=ctx)
    try:
        async with uploads.into(request, begin) as ((check, reply_id), coming):
            stored = await run_sync(
                partial(use_cases.finish_reply, check, reply_id, coming, ctx=ctx)
            )
    except NO_REPLY as refused:
        await run_sync(partial(use_cases.note_refusal, check_id, refused.code, ctx=ctx))
        raise
    return await run_sync(_shown, stored, ctx)


@router.post(
    "/{check_id}/confirmation",
    responses=responses(
        errors.CheckNotFound,
        errors.CheckNotAnswered,
        SecondPersonNeeded,
        ReplacementDecided,
        ReplacementOutdated,
        EditedMeanwhile,
    ),
)
def confirm_reply(check_id: UUID, body: Reason, ctx: DecideChecksCtx) -> CheckView:
    """Confirm a reply that waits; somebody other than who sent it, with a reason."""
    return _shown(use_cases.confirm_reply(check_id, body.reason, ctx=ctx), ctx)


@router.post(
    "/{check_id}/withdrawal",
    responses=responses(
        errors.CheckNotFound, errors.CheckNotAnswered, ReplacementDecided, EditedMeanwhile
    ),
)
def take_reply_back(check_id: UUID, body: Reason, ctx: TakeBackChecksCtx) -> CheckView:
    """Take a reply back, waiting or in force. One person is enough: it only takes away.

    No older reply takes the place of one that was in force; nothing is prepared until a new check
    was answered. What was made with it is void: its fetch is refused with `FILE_VOID`.
    """
    return _shown(use_cases.take_reply_back(check_id, body.reason, ctx=ctx), ctx)
