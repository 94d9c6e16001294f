"""Local flows: layouts that a DSCRO registers, and a second person approves."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from agreements.flows.api import permissions
from agreements.flows.api.schemas.local_flows import (
    DATA_SET,
    FlowVersionsView,
    LocalFlowView,
    LocalFlowWithFile,
    RegisterLocalFlow,
)
from agreements.flows.domain.errors import (
    LocalFlowDecided,
    LocalFlowInUse,
    LocalFlowInvalid,
    LocalFlowNotFound,
    LocalFlowOfAnother,
    LocalFlowVersionTaken,
)
from agreements.flows.domain.local_flow import FlowState
from agreements.flows.use_cases import local_flows as use_cases
from agreements.flows.use_cases.context import FlowContext
from agreements.records.api.dependencies import once_key, part
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import DscroNotProved, StaffNotCleared, UnlikeSeal
from common.replacement import SecondPersonNeeded
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/local-flows", tags=["local flows"])

Reader = Annotated[FlowContext, permitted(permissions.READ_LOCAL_FLOWS, state="flows")]
Registrar = Annotated[FlowContext, permitted(permissions.REGISTER_LOCAL_FLOW, state="flows")]
Second = Annotated[FlowContext, permitted(permissions.DECIDE_LOCAL_FLOW, state="flows")]
FlowId = Annotated[UUID, Path(description="Of the local flow.")]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        DscroNotProved,
        StaffNotCleared,
        LocalFlowInvalid,
        LocalFlowVersionTaken,
        LocalFlowOfAnother,
        UnlikeSeal,
    ),
)
def register_local_flow(
    body: RegisterLocalFlow, ctx: Registrar, key: IdempotencyKey = None
) -> LocalFlowView:
    """Register the layout of a local flow. It permits nothing before a second person approves it.

    The file says what a data set of the catalogue says, in a closed language: no name beyond its
    grammar, patterns in the syntax of RE2, and no class or treatment beyond those of the published
    data sets. A change is the next version. It is the DSCRO's for which you are proved to act.
    """
    once = once_key(key, "local-flow", body)
    return LocalFlowView.model_validate(use_cases.register(body.asked(), once=once, ctx=ctx))


@router.get("")
def list_local_flows(
    page: Paging,
    ctx: Reader,
    data_set: Annotated[
        str | None, Query(pattern=DATA_SET, description="Only those of this name.")
    ] = None,
    state: Annotated[
        FlowState | None, Query(description="Only those; `registered`: for a second person.")
    ] = None,
) -> Page[LocalFlowView]:
    """List local flows, whatever became of them."""
    found = use_cases.page(part(page), data_set=data_set, state=state, ctx=ctx)
    return Page[LocalFlowView].of(
        found, page, show=told(LocalFlowView.model_validate), key=lambda one: one.one.id
    )


@router.get("/versions", responses=responses(UnlikeSeal))
def read_versions(
    ctx: Reader,
    data_set: Annotated[
        str,
        Query(
            pattern=DATA_SET,
            description="The name of the data set.",
            examples=["LPF_AMBULANCE_CONVEYANCES"],
        ),
    ],
) -> FlowVersionsView:
    """Return which versions of a local flow may be used now, and by which digest each is had."""
    return FlowVersionsView.of(data_set, [*use_cases.versions(data_set, ctx=ctx)])


@router.get(
    "/files/{digest}",
    responses=responses(LocalFlowNotFound, UnlikeSeal)
    | {
        200: {
            "description": "The file.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
    response_class=Response,
)
def read_file(
    ctx: Reader,
    digest: Annotated[
        str,
        Path(
            pattern=r"^sha256:[0-9a-f]{64}$",
            description="As an agreement's line, a permit and an edition have it.",
        ),
    ],
) -> Response:
    """Return the file with this digest: canonical JSON (RFC 8785), whose SHA-256 it is.

    Only where the flow is approved or in use. Whoever fetches it checks the digest.
    """
    return Response(use_cases.file_of(digest, ctx=ctx), media_type="application/json")


@router.get("/{flow_id}", responses=responses(LocalFlowNotFound, UnlikeSeal))
def read_local_flow(flow_id: FlowId, ctx: Reader) -> LocalFlowWithFile:
    """Return a local flow with its file, for whoever decides on it."""
    found, content = use_cases.read(flow_id, ctx=ctx)
    shown = told(LocalFlowView.model_validate)(found)
    return LocalFlowWithFile(**shown.model_dump(), content=content.decode("utf-8"))


@router.post(
    "/{flow_id}/approval",
    responses=responses(
        StaffNotCleared, LocalFlowNotFound, LocalFlowDecided, SecondPersonNeeded, UnlikeSeal
    ),
)
def approve_local_flow(flow_id: FlowId, body: Reason, ctx: Second) -> LocalFlowView:
    """Approve a layout; somebody other than who registered it. From then on it never changes."""
    return LocalFlowView.model_validate(use_cases.approve(flow_id, body.reason, ctx=ctx))


@router.post(
    "/{flow_id}/refusal",
    responses=responses(LocalFlowNotFound, LocalFlowDecided, SecondPersonNeeded),
)
def refuse_local_flow(flow_id: FlowId, body: Reason, ctx: Second) -> LocalFlowView:
    """Refuse a layout that waits; somebody other than who registered it."""
    return LocalFlowView.model_validate(use_cases.refuse(flow_id, body.reason, ctx=ctx))


@router.post(
    "/{flow_id}/withdrawal",
    responses=responses(
        DscroNotProved,
        LocalFlowNotFound,
        LocalFlowOfAnother,
        LocalFlowDecided,
        LocalFlowInUse,
        UnlikeSeal,
    ),
)
def withdraw_local_flow(flow_id: FlowId, body: Reason, ctx: Registrar) -> LocalFlowView:
    """Withdraw a layout of one's own DSCRO that no agreement names. Nobody knows it any more."""
    return LocalFlowView.model_validate(use_cases.withdraw(flow_id, body.reason, ctx=ctx))
