"""Commissioning relationships: asked for, verified, agreed, active, ended."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import SheetFile, as_text, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.organisations import ImportView
from agreements.records.api.schemas.relationships import (
    Consent,
    CsuChangeView,
    EndRelationship,
    RelationshipView,
    RequestRelationship,
    VerifyContract,
)
from agreements.records.api.schemas.shared import Code, Day, told
from agreements.records.domain.errors import (
    ChangeNotOfItsKind,
    DscroUnknown,
    ImportContradicts,
    ImportRefused,
    NotAParty,
    OrganisationUnknown,
    RelationshipNotFound,
    RelationshipOverlaps,
    SameSupporter,
    ServiceContractMissing,
    StaffNotCleared,
)
from agreements.records.domain.lists import register
from agreements.records.use_cases import relationships as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.lists import imports
from agreements.records.use_cases.passing import csu_change
from agreements.settings import IMPORT_BYTES_MAX
from common.errors import TransitionRefused
from common.web import workbooks
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/relationships", tags=["relationships"])
removing = APIRouter(
    prefix="/v1/relationships", tags=["relationships"], route_class=RemovesPermission
)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        DscroUnknown,
        OrganisationUnknown,
        ServiceContractMissing,
        RelationshipOverlaps,
        NotAParty,
        RelationshipNotFound,
        ChangeNotOfItsKind,
    ),
)
def request_relationship(
    body: RequestRelationship,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.REQUEST_RELATIONSHIP)],
    key: IdempotencyKey = None,
) -> RelationshipView:
    """Ask for a relationship with a DSCRO. It needs a signed service contract."""
    requested = use_cases.request(body.asked(), once=once_key(key, "relationship", body), ctx=ctx)
    response.headers["Location"] = f"/v1/relationships/{requested.relationship.id}"
    return RelationshipView.of(requested)


@router.get("/csu-change", responses=responses(OrganisationUnknown, SameSupporter))
def preview_csu_change(
    ctx: Annotated[Context, permitted(permissions.PREVIEW_TRANSFER)],
    commissioner: Annotated[Code, Query(description="Whose CSU changes.")],
    former: Annotated[Code, Query(description="The CSU that it had.")],
    following: Annotated[Code, Query(description="The CSU that it will have.")],
    effective_from: Annotated[Day, Query(description="The new CSU's first day.")],
) -> CsuChangeView:
    """Say what a change of CSU comes to, and what is missing yet; nothing is written.

    Relationships, amendments, files to be destroyed, pseudonym domains: in one answer, with every
    day that would have no CSU or two.
    """
    found = csu_change.preview(commissioner, former, following, effective_from, ctx=ctx)
    return CsuChangeView.of(found)


@removing.post(
    "/imports",
    responses=responses(ImportRefused, ImportContradicts, *workbooks.REFUSALS),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_relationships(
    content: SheetFile,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> ImportView:
    """Import a published edition of the relationships, in its own columns, as CSV or XLSX.

    What it names is active as it says; what an edition brought before and this one leaves out has
    ended. Other processors stand in one cell, with `;` between them. One line that cannot be taken
    refuses the edition, and `errors` names all such lines. A workbook has one sheet, texts and
    days, no formula and no macro. What gives much waits for a second person; until then the
    stricter of both holds.
    """
    edition = as_text(content, numbers=register.NUMBERS)
    return ImportView.of(imports.import_relationships(edition, ctx=ctx))


@router.get("")
def list_relationships(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_RELATIONSHIPS)],
) -> Page[RelationshipView]:
    """List the relationships that one's organisation is involved in; for staff, all."""
    found = use_cases.page(part(page), ctx=ctx)
    return Page[RelationshipView].of(
        found, page, show=told(RelationshipView.of), key=lambda r: r.one.relationship.id
    )


@router.get("/{relationship_id}", responses=responses(RelationshipNotFound))
def get_relationship(
    relationship_id: UUID,
    ctx: Annotated[Context, permitted(permissions.READ_RELATIONSHIPS)],
) -> RelationshipView:
    """Show a relationship and its state now."""
    return told(RelationshipView.of)(use_cases.get(relationship_id, ctx=ctx))


@router.post(
    "/{relationship_id}/contract-verification",
    responses=responses(RelationshipNotFound, ServiceContractMissing, TransitionRefused),
)
def verify_contract(
    relationship_id: UUID,
    body: VerifyContract,
    ctx: Annotated[Context, permitted(permissions.MANAGE_RELATIONSHIP)],
) -> RelationshipView:
    """Record that the signed service contract was seen."""
    verified = use_cases.verify_contract(
        relationship_id,
        reference=body.service_contract_reference,
        signed_on=body.contract_signed_on,
        ctx=ctx,
    )
    return RelationshipView.of(verified)


@router.post(
    "/{relationship_id}/dscro-agreement",
    responses=responses(RelationshipNotFound, TransitionRefused, StaffNotCleared),
)
def agree_relationship(
    relationship_id: UUID,
    ctx: Annotated[Context, permitted(permissions.AGREE_RELATIONSHIP)],
) -> RelationshipView:
    """Record that the DSCRO agrees. It needs one's policies and training to be in date."""
    return RelationshipView.of(use_cases.agree(relationship_id, ctx=ctx))


@removing.post(
    "/{relationship_id}/activation",
    responses=responses(
        RelationshipNotFound,
        TransitionRefused,
        RelationshipOverlaps,
        ServiceContractMissing,
        ChangeNotOfItsKind,
    ),
)
def activate_relationship(
    relationship_id: UUID,
    ctx: Annotated[Context, permitted(permissions.MANAGE_RELATIONSHIP)],
) -> RelationshipView:
    """Put a relationship in operation; the one that it changes ends the day before.

    Publication is another matter: it needs consent.
    """
    return RelationshipView.of(use_cases.activate(relationship_id, ctx=ctx))


@router.post(
    "/{relationship_id}/refusal", responses=responses(RelationshipNotFound, TransitionRefused)
)
def refuse_relationship(
    relationship_id: UUID,
    ctx: Annotated[Context, permitted(permissions.MANAGE_RELATIONSHIP)],
) -> RelationshipView:
    """Refuse a requested relationship."""
    return RelationshipView.of(use_cases.refuse(relationship_id, ctx=ctx))


@router.post(
    "/{relationship_id}/withdrawal", responses=responses(RelationshipNotFound, TransitionRefused)
)
def withdraw_relationship(
    relationship_id: UUID,
    ctx: Annotated[Context, permitted(permissions.REQUEST_RELATIONSHIP)],
) -> RelationshipView:
    """Withdraw a requested relationship."""
    return RelationshipView.of(use_cases.withdraw(relationship_id, ctx=ctx))


@router.post(
    "/{relationship_id}/consents",
    responses=responses(RelationshipNotFound, NotAParty, TransitionRefused),
)
def consent_to_publication(
    relationship_id: UUID,
    body: Consent,
    ctx: Annotated[Context, permitted(permissions.CONSENT_PUBLICATION)],
) -> RelationshipView:
    """Give or withdraw one's own organisation's consent to publication."""
    shown = use_cases.consent(relationship_id, party=body.organisation, given=body.given, ctx=ctx)
    return RelationshipView.of(shown)


@removing.post(
    "/{relationship_id}/ending",
    responses=responses(RelationshipNotFound, NotAParty, TransitionRefused),
)
def end_relationship(
    relationship_id: UUID,
    body: EndRelationship,
    ctx: Annotated[Context, permitted(permissions.END_RELATIONSHIP)],
) -> RelationshipView:
    """End a relationship after its last day, by default today: releases stop from then."""
    ended = use_cases.end(relationship_id, body.last_day, ctx=ctx)
    return RelationshipView.of(ended)
