"""Subject access requests, over HTTP: "was I in it?" (docs/adr/0120)."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from common.audit import RecordNotAsLogged
from common.errors import EditedMeanwhile, KeyUnavailable
from common.replacement import SecondPersonNeeded
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason
from pseudonymisation.people.api.dependencies import AskSubjectCtx, ReadSubjectCtx
from pseudonymisation.people.api.schemas.subject_access import (
    SubjectAccessAnswer,
    SubjectAccessView,
    WantedSubjectAccess,
)
from pseudonymisation.people.domain import errors
from pseudonymisation.people.use_cases import subject_access as use_cases
from pseudonymisation.preparations.domain.errors import ReleaseStoreUnavailable

router = APIRouter(prefix="/v1/subject-access-requests", tags=["people"])


@router.post("", status_code=HTTPStatus.CREATED, responses=responses(errors.NumberInvalid))
def ask_for_subject_access(
    body: WantedSubjectAccess, response: Response, ctx: AskSubjectCtx
) -> SubjectAccessView:
    """Ask in which releases rows of a person were.

    It waits for another person of information governance. The number is kept nowhere.
    """
    asked = use_cases.ask(body.nhs_number, body.reason, ctx=ctx)
    response.headers["Location"] = f"/v1/subject-access-requests/{asked.id}"
    return SubjectAccessView.of(asked, ctx.clock.now())


@router.get("")
def list_subject_access_requests(ctx: ReadSubjectCtx, paging: Paging) -> Page[SubjectAccessView]:
    """List what was asked, oldest first; never of whom."""
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    at = ctx.clock.now()
    return Page[SubjectAccessView].of(
        found, paging, show=lambda one: SubjectAccessView.of(one, at), key=lambda one: one.id
    )


@router.get("/{request_id}", responses=responses(errors.SubjectAccessNotFound))
def get_subject_access_request(request_id: UUID, ctx: ReadSubjectCtx) -> SubjectAccessView:
    """Return how a request stands."""
    return SubjectAccessView.of(use_cases.get(request_id, ctx=ctx), ctx.clock.now())


@router.post(
    "/{request_id}/confirmation",
    responses=responses(
        errors.SubjectAccessNotFound,
        errors.SubjectAccessOver,
        errors.SubjectAccessDecided,
        SecondPersonNeeded,
        EditedMeanwhile,
    ),
)
def confirm_subject_access(request_id: UUID, body: Reason, ctx: AskSubjectCtx) -> SubjectAccessView:
    """Confirm a request that waits: another person of information governance than who asked."""
    confirmed = use_cases.confirm(request_id, body.reason, ctx=ctx)
    return SubjectAccessView.of(confirmed, ctx.clock.now())


@router.post(
    "/{request_id}/answer",
    responses=responses(
        errors.SubjectAccessNotFound,
        errors.SubjectAccessOver,
        errors.SubjectAccessWaiting,
        errors.ReleasesUnavailable,
        EditedMeanwhile,
        KeyUnavailable,
        RecordNotAsLogged,
        ReleaseStoreUnavailable,
    ),
)
def fetch_subject_access_answer(request_id: UUID, ctx: AskSubjectCtx) -> SubjectAccessAnswer:
    """Look through every released file of records, and return those with rows of the person.

    It is logged before it is told, and kept nowhere: each answer looks anew.
    """
    return SubjectAccessAnswer.of(use_cases.answer(request_id, ctx=ctx))
