"""Framework contracts: one a legal entity."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import ContractReference, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.contracts import ContractView, IssueContract, Sign, StatedReason
from agreements.records.api.schemas.shared import Code, Day, told
from agreements.records.domain.errors import (
    AlreadySigned,
    ContractNotFound,
    ContractOverlaps,
    DocumentHashDiffers,
    NameDiffers,
    NotALegalEntity,
    NotAParty,
    OrganisationSignsFirst,
    OrganisationUnknown,
)
from agreements.records.use_cases import contracts as use_cases
from agreements.records.use_cases.context import Context
from common.errors import TransitionRefused
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])
removing = APIRouter(prefix="/v1/contracts", tags=["contracts"], route_class=RemovesPermission)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, NotALegalEntity, NameDiffers),
)
def issue_contract(
    body: IssueContract,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.ISSUE_CONTRACT)],
    key: IdempotencyKey = None,
) -> ContractView:
    """Issue a framework contract to a legal entity, for its signature."""
    issued = use_cases.issue(
        code=body.organisation,
        legal_name=body.legal_name,
        valid_from=body.start,
        valid_to=body.end,
        once=once_key(key, "contract", body),
        ctx=ctx,
    )
    response.headers["Location"] = f"/v1/contracts/{issued.contract.reference}"
    return ContractView.of(issued, written=body.legal_name)


@router.get("")
def list_contracts(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_CONTRACTS)],
    organisation: Annotated[
        Code | None,
        Query(description="Those that count for it: its legal entity's, and predecessors'."),
    ] = None,
    as_at: Annotated[Day | None, Query(description="With `organisation`: on this day.")] = None,
) -> Page[ContractView]:
    """List framework contracts: one's own, or for staff and services all."""
    if organisation is not None:
        found = use_cases.counting_for(organisation, as_at, ctx=ctx)
        return Page[ContractView](items=[told(ContractView.of)(c) for c in found])
    return Page[ContractView].of(
        use_cases.page(part(page), ctx=ctx),
        page,
        show=told(ContractView.of),
        key=lambda c: c.one.contract.id,
    )


@router.get("/{reference}", responses=responses(ContractNotFound))
def get_contract(
    reference: ContractReference,
    ctx: Annotated[Context, permitted(permissions.READ_CONTRACTS)],
) -> ContractView:
    """Show a framework contract and its state now."""
    return told(ContractView.of)(use_cases.get(reference, ctx=ctx))


@router.post(
    "/{reference}/signatures",
    responses=responses(
        ContractNotFound,
        NotAParty,
        DocumentHashDiffers,
        AlreadySigned,
        OrganisationSignsFirst,
        ContractOverlaps,
        TransitionRefused,
    ),
)
def sign_contract(
    reference: ContractReference,
    body: Sign,
    ctx: Annotated[Context, permitted(permissions.SIGN_CONTRACT)],
    key: IdempotencyKey = None,
) -> ContractView:
    """Sign a contract: the organisation first, then the Body, each once.

    The same with the same `Idempotency-Key` is answered as it was.
    """
    signed = use_cases.sign(
        reference,
        party=body.party,
        document_hash=body.document_hash,
        role=body.name_of_role,
        ctx=ctx,
        once=once_key(key, f"contract-signature/{reference}", body),
    )
    return ContractView.of(signed)


@removing.post("/{reference}/termination", responses=responses(ContractNotFound))
def terminate_contract(
    reference: ContractReference,
    body: StatedReason,
    ctx: Annotated[Context, permitted(permissions.TERMINATE_CONTRACT)],
) -> ContractView:
    """End a framework contract now: every agreement of its entity as controller is suspended."""
    ended = use_cases.terminate(reference, reason=body.reason, ctx=ctx)
    return ContractView.of(ended)
