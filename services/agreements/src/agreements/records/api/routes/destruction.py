"""What recipients hold, and its destruction: the ledger, certificates, their acceptance."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import AgreementReference, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.destruction import (
    AcceptDestruction,
    DestructionView,
    HandInCertificate,
    HoldingsStatementView,
    LedgerEntryView,
    PrefilledCertificate,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import (
    CertificateIncomplete,
    CopyNotHeld,
    CopyOfAnother,
    DeliveryUnderWay,
    DestroyedOtherwise,
    DestructionNeedsAnotherPerson,
    LedgerDiffers,
    NotAParty,
    UnlikeSeal,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.destruction import certificates, ledgers
from agreements.records.use_cases.ports import Releases
from common.errors import AgreementNotFound, Unavailable
from common.web.context import from_state, permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.printable import Pages
from common.web.problems import responses

router = APIRouter(prefix="/v1", tags=["destruction"])
removing = APIRouter(prefix="/v1", tags=["destruction"], route_class=RemovesPermission)

PAGES = Pages("agreements.records.api")

Reader = Annotated[Context, permitted(permissions.READ_HOLDINGS)]


@router.get("/holdings")
def list_held_files(page: Paging, ctx: Reader) -> Page[LedgerEntryView]:
    """List what is held under all of one's agreements, and what of it must go by when."""
    found = ledgers.page(part(page), ctx=ctx)
    return Page[LedgerEntryView].of(
        found, page, show=told(LedgerEntryView.shown), key=lambda one: one.one.holding.id
    )


class StatementFormat(StrEnum):
    """For whom a statement of what is held is."""

    JSON = "json"
    HTML = "html"


@router.get(
    "/holdings/statement",
    response_model=HoldingsStatementView,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
def get_holdings_statement(
    ctx: Reader,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        StatementFormat, Query(description="`html`: a page that can be printed.")
    ] = StatementFormat.JSON,
) -> HoldingsStatementView | Response:
    """Say on one page what is held under all of one's agreements, and what must go by when."""
    view = HoldingsStatementView.of(ledgers.statement(ctx=ctx))
    if format is StatementFormat.JSON:
        return view
    return PAGES.page("holdings.html", statement=view)


@router.get("/agreements/{reference}/destruction", responses=responses(AgreementNotFound))
def get_destruction(reference: AgreementReference, ctx: Reader) -> DestructionView:
    """Show what is held under an agreement, what must go by when, and what was certified."""
    return told(DestructionView.of)(ledgers.get(reference, ctx=ctx))


@router.get(
    "/agreements/{reference}/destruction/certificate", responses=responses(AgreementNotFound)
)
def prefill_certificate(reference: AgreementReference, ctx: Reader) -> PrefilledCertificate:
    """Prefill a certificate: every file, holder, place and back-up that must be accounted for."""
    return told(PrefilledCertificate.of)(ledgers.get(reference, ctx=ctx))


@router.post(
    "/agreements/{reference}/destruction/certificates",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        AgreementNotFound, NotAParty, CopyNotHeld, CopyOfAnother, DestroyedOtherwise
    ),
)
def hand_in_certificate(
    reference: AgreementReference,
    body: HandInCertificate,
    ctx: Annotated[Context, permitted(permissions.CERTIFY_DESTRUCTION)],
    key: IdempotencyKey = None,
) -> DestructionView:
    """Certify what became of copies. A part is taken; it is accepted when nothing is left out.

    A processor certifies its own copies, a controller everybody's.
    """
    shown = certificates.hand_in(
        reference,
        [one.told() for one in body.copies],
        name_of_role=body.name_of_role,
        witness=body.witness,
        once=once_key(key, f"certificate/{reference}", body),
        ctx=ctx,
    )
    return DestructionView.of(shown)


@removing.post(
    "/agreements/{reference}/destruction/acceptances",
    responses=responses(
        AgreementNotFound,
        CertificateIncomplete,
        DestructionNeedsAnotherPerson,
        LedgerDiffers,
        DeliveryUnderWay,
        UnlikeSeal,
        Unavailable,
    ),
)
def accept_destruction(
    reference: AgreementReference,
    body: AcceptDestruction,
    ctx: Annotated[Context, permitted(permissions.ACCEPT_DESTRUCTION)],
    releases: Annotated[Releases, from_state("releases")],
) -> DestructionView:
    """Accept that all that must go is destroyed. The second person's acceptance makes it so.

    It closes an agreement that is over, and the haven destroys the keys of its pseudonyms.
    """
    shown = certificates.accept(reference, reason=body.reason, releases=releases, ctx=ctx)
    return DestructionView.of(shown)
