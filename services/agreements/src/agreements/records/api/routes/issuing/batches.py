"""Bulk issue from a template, and agreements that are in force already: two people each."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import SheetFile, as_text, once_key, part
from agreements.records.api.routes.issuing.templates import TemplateName
from agreements.records.api.schemas.issuing.batches import (
    BatchOfAgreementsView,
    BatchSummary,
    ImportInForce,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import ImportRefused, UnlikeSeal
from agreements.records.domain.issuing.batch import BatchState
from agreements.records.domain.issuing.errors import (
    AgreementBatchNotFound,
    BatchRefused,
    TemplateNotFound,
    TemplateReplaced,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.issuing import batches as use_cases
from agreements.settings import IMPORT_BYTES_MAX
from common.ids import digest
from common.replacement import ReplacementDecided, SecondPersonNeeded
from common.web import workbooks
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1", tags=["issuing"])

HandsIn = Annotated[Context, permitted(permissions.HAND_IN_BATCHES)]
SecondPerson = Annotated[Context, permitted(permissions.DECIDE_BATCHES)]
DryRun = Annotated[
    bool, Query(description="Check all of it, and keep nothing: the answer is what would be.")
]


@router.post(
    "/agreement-templates/{name}/issues",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        TemplateNotFound, TemplateReplaced, ImportRefused, UnlikeSeal, *workbooks.REFUSALS
    ),
    max_body_size=IMPORT_BYTES_MAX,
)
def issue_from_template(
    name: TemplateName,
    number: Annotated[
        int, Query(ge=1, le=10_000, description="Of the template; the newest alone issues.")
    ],
    content: SheetFile,
    ctx: HandsIn,
    *,
    dry_run: DryRun = False,
    key: IdempotencyKey = None,
) -> BatchOfAgreementsView:
    """Hand in to whom agreements are issued: `controller,title,start,end,reference` (CSV, XLSX).

    With a `reference` a row is the next version of that agreement, else a new one. Everything else
    is what is on record of the commissioner. One row that cannot be issued refuses all, and every
    such row is named. Nothing is drafted before a second person confirms it.
    """
    once = once_key(key, f"issue {name} {number} {dry_run}", digest(content))
    batch = use_cases.issue_from_template(
        name, number, as_text(content), is_dry_run=dry_run, once=once, ctx=ctx
    )
    return BatchOfAgreementsView.of(batch, is_dry_run=dry_run)


@router.post(
    "/agreements-in-force",
    status_code=HTTPStatus.CREATED,
    responses=responses(ImportRefused),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_in_force(
    body: ImportInForce, ctx: HandsIn, *, dry_run: DryRun = False, key: IdempotencyKey = None
) -> BatchOfAgreementsView:
    """Hand in agreements that were signed elsewhere and are in force, by the documents' hashes.

    One that cannot be taken refuses all, and every such one is named. Nothing is in force here
    before a second person, who has seen the documents, confirms it.
    """
    once = once_key(key, f"agreements-in-force {dry_run}", body)
    batch = use_cases.import_in_force(body.read(), is_dry_run=dry_run, once=once, ctx=ctx)
    return BatchOfAgreementsView.of(batch, is_dry_run=dry_run)


@router.get("/agreement-batches")
def list_batches(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_BATCHES)],
    state: Annotated[
        BatchState | None, Query(description="Only those; `waiting`: for a second person.")
    ] = None,
) -> Page[BatchSummary]:
    """List the batches of agreements that were handed in."""
    found = use_cases.page(part(page), state, ctx=ctx)
    return Page[BatchSummary].of(found, page, show=told(BatchSummary.of), key=lambda b: b.one.id)


@router.get("/agreement-batches/{batch_id}", responses=responses(AgreementBatchNotFound))
def get_batch(
    batch_id: UUID, ctx: Annotated[Context, permitted(permissions.READ_BATCHES)]
) -> BatchOfAgreementsView:
    """Show a batch with every agreement of it, as it will be drafted."""
    return told(BatchOfAgreementsView.of)(use_cases.get(batch_id, ctx=ctx))


@router.post(
    "/agreement-batches/{batch_id}/confirmation",
    responses=responses(
        AgreementBatchNotFound, SecondPersonNeeded, ReplacementDecided, BatchRefused, UnlikeSeal
    ),
)
def confirm_batch(batch_id: UUID, body: Reason, ctx: SecondPerson) -> BatchOfAgreementsView:
    """Draft all of a batch; somebody other than who handed it in."""
    return BatchOfAgreementsView.of(use_cases.confirm(batch_id, body.reason, ctx=ctx))


@router.post(
    "/agreement-batches/{batch_id}/withdrawal",
    responses=responses(AgreementBatchNotFound, ReplacementDecided),
)
def withdraw_batch(batch_id: UUID, body: Reason, ctx: SecondPerson) -> BatchOfAgreementsView:
    """Give up a batch that waits: nothing of it is drafted."""
    return BatchOfAgreementsView.of(use_cases.withdraw(batch_id, body.reason, ctx=ctx))
