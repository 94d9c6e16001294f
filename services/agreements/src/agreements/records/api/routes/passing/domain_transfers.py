"""Pseudonym domains that go on in another recipient environment (docs/adr/0163)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.passing.domain_transfers import (
    DomainTransferView,
    ProposeDomainTransfer,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import (
    DomainBegun,
    DomainTransferNotAgreed,
    DomainTransferNotFound,
    DomainTransferRecorded,
    DomainTransferTooEarly,
    DomainTransferTookEffect,
    DomainTransferUnfit,
    EnvironmentNotFound,
    FormerFilesNotDestroyed,
    NotAParty,
    StillReceiving,
    UnlikeSeal,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.passing import domain_transfers as use_cases
from common.errors import AgreementNotFound
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/domain-transfers", tags=["agreements"])
removing = APIRouter(
    prefix="/v1/domain-transfers", tags=["agreements"], route_class=RemovesPermission
)

Reader = Annotated[Context, permitted(permissions.READ_AGREEMENTS)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        AgreementNotFound,
        EnvironmentNotFound,
        DomainTransferUnfit,
        DomainTransferRecorded,
        DomainBegun,
    ),
)
def propose_domain_transfer(
    body: ProposeDomainTransfer,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.RECORD_TRANSFER)],
    key: IdempotencyKey = None,
) -> DomainTransferView:
    """Propose that an agreement's pseudonym domains go on in another environment.

    Nothing changes by it: every controller agrees, and the former environment destroys its files.
    """
    proposed = use_cases.propose(
        body.agreement,
        body.former_environment,
        body.following_environment,
        body.effective_from,
        body.evidence,
        once=once_key(key, "domain-transfer", body),
        ctx=ctx,
    )
    response.headers["Location"] = f"/v1/domain-transfers/{proposed.id}"
    return DomainTransferView.of(proposed)


@router.get("", responses=responses(AgreementNotFound))
def list_domain_transfers(
    page: Paging,
    ctx: Reader,
    agreement: Annotated[
        str,
        Query(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="The agreement's reference, without a version.",
            examples=["DARS-NIC-123456-A1B2C"],
        ),
    ],
) -> Page[DomainTransferView]:
    """List the transfers of an agreement's pseudonym domains, with those that were withdrawn."""
    found = use_cases.of_agreement(agreement, part(page), ctx=ctx)
    return Page[DomainTransferView].of(
        found, page, show=told(DomainTransferView.of), key=lambda one: one.one.id
    )


@router.get("/{transfer_id}", responses=responses(DomainTransferNotFound))
def get_domain_transfer(transfer_id: UUID, ctx: Reader) -> DomainTransferView:
    """Show a transfer, and what it waits for."""
    return told(DomainTransferView.of)(use_cases.get(transfer_id, ctx=ctx))


@removing.post(
    "/{transfer_id}/agreement",
    responses=responses(
        DomainTransferNotFound, DomainTransferTookEffect, NotAParty, DomainBegun, UnlikeSeal
    ),
)
def agree_to_domain_transfer(
    transfer_id: UUID,
    ctx: Annotated[Context, permitted(permissions.AGREE_DOMAIN_TRANSFER)],
) -> DomainTransferView:
    """Agree for one's own organisation, a controller of the agreement.

    Once all have, the following environment gets no records before the transfer is in effect.
    """
    return DomainTransferView.of(use_cases.agree(transfer_id, ctx=ctx))


@removing.post(
    "/{transfer_id}/effect",
    responses=responses(
        DomainTransferNotFound,
        DomainTransferTookEffect,
        DomainTransferNotAgreed,
        DomainTransferTooEarly,
        StillReceiving,
        FormerFilesNotDestroyed,
        UnlikeSeal,
    ),
)
def put_domain_transfer_into_effect(
    transfer_id: UUID,
    ctx: Annotated[Context, permitted(permissions.RECORD_TRANSFER)],
) -> DomainTransferView:
    """Let the domains go on: tokens in the following environment are what they were in the former.

    It needs every controller's agreement, the day, the amendment in effect, and that the
    destruction of all that the former environment held is accepted.
    """
    return DomainTransferView.of(use_cases.take_effect(transfer_id, ctx=ctx))


@router.post(
    "/{transfer_id}/withdrawal",
    responses=responses(DomainTransferNotFound, DomainTransferTookEffect),
)
def withdraw_domain_transfer(
    transfer_id: UUID,
    body: Reason,
    ctx: Annotated[Context, permitted(permissions.WITHDRAW_TRANSFER)],
) -> DomainTransferView:
    """Take a transfer back before it is in effect: the following environment begins anew."""
    return DomainTransferView.of(use_cases.withdraw(transfer_id, body.reason, ctx=ctx))
