"""Agreements: read, sign, end; their holds and holdings."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import AgreementReference, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.agreements import (
    AgreementSummary,
    AgreementView,
    Fulfilment,
    HoldingView,
    HoldPreviewView,
    HoldView,
    SetHold,
)
from agreements.records.api.schemas.contracts import Sign, StatedReason
from agreements.records.api.schemas.shared import told
from agreements.records.api.searching import Searched
from agreements.records.domain.errors import (
    AlreadySigned,
    ConditionNotFound,
    DocumentHashDiffers,
    HoldLifted,
    HoldNotFound,
    LiftNeedsAnotherPerson,
    NotAParty,
    UnlikeSeal,
    VersionLapsed,
    VersionSuperseded,
)
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.desk import signing
from common.errors import AgreementNotFound, LineNotInAgreement, TransitionRefused
from common.ids import digest
from common.texts import Scanned
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from statements import agreement_page
from statements.drafted import PageDiffers, page_of

router = APIRouter(prefix="/v1", tags=["agreements"])
removing = APIRouter(prefix="/v1", tags=["agreements"], route_class=RemovesPermission)

HASH_HEADER = "Digest-SHA256"


class DocumentFormat(StrEnum):
    """For whom a document is."""

    JSON = "json"
    HTML = "html"


@router.get("/agreements")
def list_agreements(
    page: Paging,
    search: Searched,
    ctx: Annotated[Context, permitted(permissions.READ_AGREEMENTS)],
) -> Page[AgreementSummary]:
    """List the agreements to which one's organisation is a party, or search them; for staff, all.

    What is asked for is said by one and the same version, that which governs or another: a
    controller of former days is found as well.
    """
    found = use_cases.page(part(page), search, ctx=ctx)
    return Page[AgreementSummary].of(
        found, page, show=told(AgreementSummary.of), key=lambda a: a.one.agreement.id
    )


@router.get("/agreements/{reference}", responses=responses(AgreementNotFound))
def get_agreement(
    reference: AgreementReference,
    ctx: Annotated[Context, permitted(permissions.READ_AGREEMENTS)],
) -> AgreementView:
    """Show an agreement: the version that governs, its state, signatures, holds and tasks."""
    return told(AgreementView.of)(use_cases.get(reference, ctx=ctx))


@router.get(
    "/agreements/{reference}/document",
    response_class=Response,
    responses={
        **responses(AgreementNotFound, UnlikeSeal, PageDiffers),
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/html": {"schema": {"type": "string"}},
            }
        },
    },
)
def get_document(
    reference: AgreementReference,
    ctx: Annotated[Context, permitted(permissions.READ_AGREEMENTS)],
    version: Annotated[
        str | None,
        Query(pattern=r"^v[0-9]{1,6}\.[0-9]{1,6}$", description="By default the latest drafted."),
    ] = None,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        DocumentFormat, Query(description="`html`: the same for people, to be printed.")
    ] = DocumentFormat.JSON,
) -> Response:
    """Return what the parties sign: canonical JSON, whose hash is in `Digest-SHA256`.

    It names the hash of the page for people (`for_people`), so that who signs the one signs both.
    What was signed before there was such a page has one that says that it is no part of it.
    """
    found = use_cases.document(reference, version, ctx=ctx)
    if format is DocumentFormat.HTML:
        page = page_of(found.document)
        return Response(
            page,
            media_type="text/html",
            headers={
                HASH_HEADER: digest(page.encode()),
                "Content-Security-Policy": agreement_page.policy(),
            },
        )
    return Response(
        found.document,
        media_type="application/json",
        headers={HASH_HEADER: found.document_hash},
    )


@removing.post(
    "/agreements/{reference}/signatures",
    responses=responses(
        AgreementNotFound,
        NotAParty,
        DocumentHashDiffers,
        AlreadySigned,
        VersionSuperseded,
        VersionLapsed,
        TransitionRefused,
    ),
)
def sign_agreement(
    reference: AgreementReference,
    body: Sign,
    ctx: Annotated[Context, permitted(permissions.SIGN_AGREEMENT)],
    key: IdempotencyKey = None,
) -> AgreementView:
    """Sign the version whose document has this hash. The last signature puts it into effect.

    An organisation signs a document once; the same with the same `Idempotency-Key` is answered as
    it was.

    An amendment may take lines away; so this answer waits for leases too.
    """
    signed = signing.sign(
        reference,
        party=body.party,
        document_hash=body.document_hash,
        role=body.name_of_role,
        ctx=ctx,
        once=once_key(key, f"signature/{reference}", body),
    )
    return AgreementView.of(signed)


@removing.post(
    "/agreements/{reference}/termination", responses=responses(AgreementNotFound, NotAParty)
)
def terminate_agreement(
    reference: AgreementReference,
    body: StatedReason,
    ctx: Annotated[Context, permitted(permissions.TERMINATE_AGREEMENT)],
) -> AgreementView:
    """End an agreement before its term: the Body, or one of its controllers."""
    ended = use_cases.terminate(reference, reason=body.reason, ctx=ctx)
    return AgreementView.of(ended)


@router.post(
    "/agreements/{reference}/conditions/{condition}/fulfilment",
    responses=responses(AgreementNotFound, ConditionNotFound),
)
def fulfil_condition(
    reference: AgreementReference,
    condition: Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,100}$"), Scanned(code=True)],
    body: Fulfilment,
    ctx: Annotated[Context, permitted(permissions.FULFIL_CONDITION)],
) -> AgreementView:
    """Record that a special condition was met, with its evidence."""
    shown = use_cases.fulfil_condition(reference, condition, evidence=body.evidence, ctx=ctx)
    return AgreementView.of(shown)


@router.get("/agreements/{reference}/holdings", responses=responses(AgreementNotFound))
def list_holdings(
    reference: AgreementReference,
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_HOLDINGS)],
) -> Page[HoldingView]:
    """List the files that were released under an agreement."""
    found = use_cases.holdings(reference, part(page), ctx=ctx)
    return Page[HoldingView].of(found, page, show=HoldingView.of, key=lambda h: h.id)


@removing.post(
    "/agreements/{reference}/holds", responses=responses(AgreementNotFound, LineNotInAgreement)
)
def set_hold(
    reference: AgreementReference,
    body: SetHold,
    ctx: Annotated[Context, permitted(permissions.HANDLE_BREACH)],
) -> HoldView:
    """Stop releases of these lines, or of all, at once. One person may; two lift it."""
    hold, shown = use_cases.set_hold(reference, body.lines, reason=body.reason, ctx=ctx)
    return HoldView.of(hold, shown.at)


@router.get(
    "/agreements/{reference}/holds/preview",
    responses=responses(AgreementNotFound, LineNotInAgreement),
)
def preview_hold(
    reference: AgreementReference,
    ctx: Annotated[Context, permitted(permissions.PREVIEW_HOLD)],
    lines: Annotated[
        list[Annotated[int, Query(ge=1, le=10_000)]] | None,
        Query(max_length=200, description="By default all."),
    ] = None,
) -> HoldPreviewView:
    """Show what a hold would stop, before it is set."""
    return HoldPreviewView.of(use_cases.preview_hold(reference, lines, ctx=ctx))


@router.post(
    "/holds/{hold_id}/lift-approvals",
    responses=responses(HoldNotFound, HoldLifted, LiftNeedsAnotherPerson, UnlikeSeal),
)
def approve_lift(
    hold_id: UUID,
    body: StatedReason,
    ctx: Annotated[Context, permitted(permissions.LIFT_HOLD)],
) -> HoldView:
    """Approve that a hold is lifted. The second person's approval lifts it."""
    hold, shown = use_cases.approve_lift(hold_id, reason=body.reason, ctx=ctx)
    return HoldView.of(hold, shown.at)
