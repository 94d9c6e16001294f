"""Lists that replace: which wait, and what a second person says (ruling 20; docs/adr/0022)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.organisations import SentImportView
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import ImportNotFound, RelationshipOverlaps, UnlikeSeal
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.lists import imports as use_cases
from common.replacement import ReplacementDecided, ReplacementOutdated, SecondPersonNeeded
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import OfState, Reason, filtered

router = APIRouter(prefix="/v1/imports", tags=["imports"])
removing = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=RemovesPermission)

Second = Annotated[Context, permitted(permissions.DECIDE_IMPORTS)]


@router.get("")
def list_imports(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_IMPORTS)],
    state: OfState = None,
) -> Page[SentImportView]:
    """List the lists that were sent, with what each changes; `state=waiting`: to be decided."""
    found = use_cases.page(part(page), filtered(state), ctx=ctx)
    return Page[SentImportView].of(
        found, page, show=told(SentImportView.of), key=lambda i: i.one.id
    )


@removing.post(
    "/{import_id}/confirmation",
    responses=responses(
        ImportNotFound,
        SecondPersonNeeded,
        ReplacementDecided,
        ReplacementOutdated,
        RelationshipOverlaps,
        UnlikeSeal,
    ),
)
def confirm_import(import_id: UUID, body: Reason, ctx: Second) -> SentImportView:
    """Confirm a list that waits; somebody other than who sent it."""
    sent = use_cases.confirm(import_id, body.reason, ctx=ctx)
    return SentImportView.of(sent)


@removing.post(
    "/{import_id}/withdrawal",
    responses=responses(
        ImportNotFound, SecondPersonNeeded, ReplacementDecided, RelationshipOverlaps
    ),
)
def withdraw_import(import_id: UUID, body: Reason, ctx: Second) -> SentImportView:
    """Take a list back: one that waits, or the newest in force of its layout.

    What it wrote goes and what it replaced is true again, but for what was changed since. Where
    that changes much it is `leaving`, and the stricter of both holds, until a second person takes
    it back as well.
    """
    sent = use_cases.withdraw(import_id, body.reason, ctx=ctx)
    return SentImportView.of(sent)
