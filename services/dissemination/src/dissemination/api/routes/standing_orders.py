"""Standing orders: placed, watched, confirmed, ended."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from common.db.idempotency import IdempotencyKeyReused
from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    EditedMeanwhile,
    InvalidPeriods,
    Refused,
    TransitionRefused,
)
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from dissemination.api.dependencies import CatalogueOf
from dissemination.api.permissions import EndOrderCtx, OrderCtx, ReadCtx
from dissemination.api.routes.extracts import OfAgreement
from dissemination.api.schemas.standing_orders import StandingOrderDetail, StandingOrderView
from dissemination.domain.errors import (
    LineForOneTime,
    StandingOrderExists,
    StandingOrderNotFound,
    WhenUnsuitable,
)
from dissemination.domain.orders.standing_order import OrderState
from dissemination.use_cases import standing_orders as use_cases
from statements.standing_order import WantedStandingOrder

router = APIRouter(prefix="/v1/standing-orders", tags=["standing orders"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        Refused,
        AgreementNotFound,
        InvalidPeriods,
        LineForOneTime,
        WhenUnsuitable,
        StandingOrderExists,
        IdempotencyKeyReused,
        DecisionUnavailable,
    ),
)
def place_standing_order(
    body: WantedStandingOrder,
    response: Response,
    ctx: OrderCtx,
    catalogue: CatalogueOf,
    key: IdempotencyKey = None,
) -> StandingOrderDetail:
    """Place a standing order: each period of the line is asked for when its time has come.

    Every period is a decision, an extract and a release of its own. One that is refused is shown
    with every code, and asked for again. Nothing is fetched by itself.
    """
    placed = use_cases.place(body, idempotency_key=key, known=catalogue, ctx=ctx)
    response.headers["Location"] = f"/v1/standing-orders/{placed.order.id}"
    return StandingOrderDetail.of(placed, catalogue)


@router.get("")
def list_standing_orders(
    ctx: ReadCtx,
    paging: Paging,
    catalogue: CatalogueOf,
    agreement: OfAgreement = None,
    state: Annotated[OrderState | None, Query(description="Only those in this state.")] = None,
) -> Page[StandingOrderView]:
    """List the standing orders of one's own organisation, oldest first."""
    found = use_cases.page(
        agreement=agreement, state=state, after=paging.after, limit=paging.rows, ctx=ctx
    )
    return Page[StandingOrderView].of(
        found,
        paging,
        show=lambda shown: StandingOrderView.of(shown, catalogue),
        key=lambda shown: shown.order.id,
    )


@router.get("/{order_id}", responses=responses(StandingOrderNotFound))
def get_standing_order(order_id: UUID, ctx: ReadCtx, catalogue: CatalogueOf) -> StandingOrderDetail:
    """Show it with what became of each period: its extract, or every reason why there is none."""
    return StandingOrderDetail.of(use_cases.get(order_id, ctx=ctx), catalogue)


@router.post(
    "/{order_id}/confirmation",
    responses=responses(
        StandingOrderNotFound,
        TransitionRefused,
        EditedMeanwhile,
        AgreementNotFound,
        DecisionUnavailable,
    ),
)
def confirm_standing_order(
    order_id: UUID, ctx: OrderCtx, catalogue: CatalogueOf
) -> StandingOrderDetail:
    """Confirm it with a token of now; from then on it is decided in the name of whoever confirms.

    Needed where nobody who ordered has fetched or asked for anything under the agreement for 62
    days (`EVIDENCE_NOT_ACCEPTED`), and where somebody else takes it over.
    """
    return StandingOrderDetail.of(use_cases.confirm(order_id, ctx=ctx), catalogue)


@router.post(
    "/{order_id}/end",
    responses=responses(StandingOrderNotFound, TransitionRefused, EditedMeanwhile),
)
def end_standing_order(
    order_id: UUID, ctx: EndOrderCtx, catalogue: CatalogueOf
) -> StandingOrderDetail:
    """End it: nothing is asked for any more. Extracts that are under way go on."""
    return StandingOrderDetail.of(use_cases.end(order_id, ctx=ctx), catalogue)
