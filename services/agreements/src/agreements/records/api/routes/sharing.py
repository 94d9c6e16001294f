"""Versions compared, data passed on, places that an audit found."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import AgreementReference, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.shared import told
from agreements.records.api.schemas.sharing import (
    FindPlaces,
    LogOnwardShare,
    MayShareView,
    OnwardShareView,
    PlacesView,
    VersionComparison,
)
from agreements.records.domain.errors import NotAParty, SharedInFuture, SharedWithOneself
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.passing import onward
from common.errors import AgreementNotFound, LineNotInAgreement
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/agreements/{reference}", tags=["agreements"])
removing = APIRouter(
    prefix="/v1/agreements/{reference}", tags=["agreements"], route_class=RemovesPermission
)

Reader = Annotated[Context, permitted(permissions.READ_AGREEMENTS)]
Number = Annotated[str, Query(pattern=r"^v[0-9]{1,6}\.[0-9]{1,6}$", examples=["v1.0"])]


@router.get("/differences", responses=responses(AgreementNotFound))
def compare_versions(
    reference: AgreementReference,
    ctx: Reader,
    former: Annotated[Number, Query(description="The version that it is compared with.")],
    later: Annotated[Number, Query(description="The version that is compared.")],
) -> VersionComparison:
    """Say in sentences what a version says otherwise than another one, annex by annex."""
    found = use_cases.compare(reference, former, later, ctx=ctx)
    return told(partial(VersionComparison.of, former, later))(found)


@router.get("/onward-shares", responses=responses(AgreementNotFound))
def list_onward_shares(
    reference: AgreementReference, page: Paging, ctx: Reader
) -> Page[OnwardShareView]:
    """List what was passed on under an agreement: to whom, when, by which clause."""
    found = onward.shares(reference, part(page), ctx=ctx)
    return Page[OnwardShareView].of(
        found, page, show=told(OnwardShareView.of), key=lambda one: one.one.id
    )


@router.get("/onward-shares/permission", responses=responses(AgreementNotFound, LineNotInAgreement))
def ask_to_share(
    reference: AgreementReference,
    ctx: Reader,
    recipient: Annotated[str, Query(pattern=r"^[A-Z0-9]{3,9}$", description="An ODS code.")],
    line: Annotated[int, Query(ge=1, le=10_000, description="The number of the line.")],
) -> MayShareView:
    """Say whether data of a line may go on to an organisation now. Nothing is logged."""
    return MayShareView.of(onward.ask(reference, recipient, line, ctx=ctx))


@removing.post(
    "/onward-shares",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        AgreementNotFound, LineNotInAgreement, NotAParty, SharedInFuture, SharedWithOneself
    ),
)
def log_onward_share(
    reference: AgreementReference,
    body: LogOnwardShare,
    ctx: Annotated[Context, permitted(permissions.LOG_ONWARD_SHARE)],
    key: IdempotencyKey = None,
) -> OnwardShareView:
    """Log that data went on. Where no clause names the recipient, a breach is opened."""
    once = once_key(key, f"onward-share/{reference}", body)
    return OnwardShareView.of(onward.share(reference, body.told(), once=once, ctx=ctx))


@removing.post("/place-findings", responses=responses(AgreementNotFound, LineNotInAgreement))
def find_places(
    reference: AgreementReference,
    body: FindPlaces,
    ctx: Annotated[Context, permitted(permissions.FIND_PLACES)],
) -> PlacesView:
    """Hold the places where an audit found data against the agreement.

    One that it does not name opens a breach, and asks for an amendment.
    """
    breach = onward.find_places(
        reference,
        {place.postcode: place.operator for place in body.places},
        lines=None if body.lines is None else tuple(sorted(set(body.lines))),
        stopped=body.activity_stopped,
        ctx=ctx,
    )
    return PlacesView.of(breach)
