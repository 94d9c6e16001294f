"""The landing board, and the expectations that it rests on."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from common.db.idempotency import IdempotencyKeyReused
from common.errors import EditedMeanwhile
from common.web.idempotency import IdempotencyKey, fingerprint
from common.web.operation import accept_of, preferred
from common.web.pagination import LIMIT_DEFAULT, LIMIT_MAX, Page, Paging
from common.web.problems import responses
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, ODS
from pseudonymisation.intake.domain.errors import (
    DataSetUnknown,
    PeriodInvalid,
    ProviderNotOpen,
    ProviderUnknown,
)
from pseudonymisation.quality.api.csv_files import HTML, JSON
from pseudonymisation.quality.api.dependencies import ExpectCtx, QualityCtx
from pseudonymisation.quality.api.pages import page
from pseudonymisation.quality.api.routes.reports import TEXT
from pseudonymisation.quality.api.schemas.board import (
    PLACE,
    BoardPage,
    BoardStateName,
    EndExpectation,
    ExpectationView,
    NewExpectation,
    key_of,
)
from pseudonymisation.quality.api.windows import MONTH
from pseudonymisation.quality.domain.board import BoardState
from pseudonymisation.quality.domain.errors import (
    ExpectationInvalid,
    ExpectationNotFound,
    ExpectationOverlaps,
    WindowInvalid,
)
from pseudonymisation.quality.use_cases import boards as use_cases
from pseudonymisation.quality.use_cases.boards import BoardFilter
from pseudonymisation.quality.use_cases.ports import OfBoard

router = APIRouter(tags=["landing board"])

OfDataSet = Annotated[str | None, Query(pattern=DATA_SET, description="By its name.")]
OfProvider = Annotated[str | None, Query(pattern=ODS, description="Its code in normal form.")]
TYPES = (JSON, HTML)


@router.get(
    "/v1/landing-board",
    response_model=BoardPage,
    responses=responses(WindowInvalid, PeriodInvalid) | {200: {"content": {HTML: TEXT}}},
)
def read_board(
    ctx: QualityCtx,
    request: Request,
    data_set: OfDataSet = None,
    provider: OfProvider = None,
    first: Annotated[
        str | None,
        Query(alias="from", pattern=MONTH, description="By default eleven months before `to`."),
    ] = None,
    last: Annotated[
        str | None, Query(alias="to", pattern=MONTH, description="By default the present month.")
    ] = None,
    state: Annotated[BoardStateName | None, Query(description="Only lines that stand so.")] = None,
    late: Annotated[bool | None, Query(description="Only what is late, or what is not.")] = None,
    shrunk: Annotated[
        bool | None, Query(description="Only what has shrunk, or what has not.")
    ] = None,
    after: Annotated[
        str | None, Query(pattern=PLACE, description="The `next` of the previous page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> Response | BoardPage:
    """Show who should have sent what by when, what came, what is late and what shrank.

    The newest periods first, at most 36 months. A provider sees its own lines. As JSON or a page.
    """
    asked = BoardFilter(
        first=first,
        last=last,
        state=None if state is None else BoardState(state),
        is_late=late,
        has_shrunk=shrunk,
    )
    found = use_cases.read(
        OfBoard(data_set=data_set, provider=provider),
        asked,
        after=None if after is None else key_of(after),
        limit=limit + 1,
        ctx=ctx,
    )
    board = BoardPage.of(list(found), limit)
    if preferred(accept_of(request), TYPES) == HTML:
        query = {k: v for k, v in request.query_params.items() if k not in {"after", "limit"}}
        return page("board.html", board=board, query=query, limit=limit)
    return board


@router.post(
    "/v1/expectations",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        DataSetUnknown,
        ExpectationInvalid,
        ExpectationOverlaps,
        IdempotencyKeyReused,
        ProviderNotOpen,
        ProviderUnknown,
    ),
)
def expect_files(
    body: NewExpectation, response: Response, ctx: ExpectCtx, key: IdempotencyKey = None
) -> ExpectationView:
    """Record that a provider should send a data set from a month on; the board shows delays."""
    wanted = use_cases.begun(
        data_set=body.data_set,
        provider=body.provider,
        first=body.first,
        last=body.last,
        every=body.every,
        reason=body.reason,
        ctx=ctx,
    )
    stored = use_cases.expect(
        wanted, key=key, fingerprint=fingerprint("expect_files", body), ctx=ctx
    )
    response.headers["Location"] = f"/v1/expectations/{stored.id}"
    return ExpectationView.of(stored)


@router.get("/v1/expectations")
def list_expectations(
    ctx: QualityCtx, paging: Paging, data_set: OfDataSet = None, provider: OfProvider = None
) -> Page[ExpectationView]:
    """List who should send what, in the order in which it was recorded."""
    wanted = OfBoard(data_set=data_set, provider=provider)
    found = use_cases.expectations(wanted, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[ExpectationView].of(found, paging, show=ExpectationView.of, key=lambda one: one.id)


@router.post(
    "/v1/expectations/{expectation_id}/end",
    responses=responses(ExpectationNotFound, ExpectationInvalid, EditedMeanwhile),
)
def end_expectation(expectation_id: UUID, body: EndExpectation, ctx: ExpectCtx) -> ExpectationView:
    """Record the month from which no files are expected. What was expected before stays."""
    ended = use_cases.end(expectation_id, body.last, reason=body.reason, ctx=ctx)
    return ExpectationView.of(ended)
