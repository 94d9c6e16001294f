"""Re-identification for direct care, over HTTP (domain.md 8.4)."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from common.audit import RecordNotAsLogged
from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    EditedMeanwhile,
    Refused,
)
from common.replacement import SecondPersonNeeded
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.people.api.dependencies import AnswerCtx, AskCtx, LookUpCtx, ReadCtx
from pseudonymisation.people.api.schemas.reidentifications import (
    ReidentificationAnswer,
    ReidentificationView,
    ToldPage,
    ToldView,
    WantedPerson,
    WantedReidentification,
)
from pseudonymisation.people.domain import errors
from pseudonymisation.people.use_cases import reidentifications as use_cases
from pseudonymisation.people.use_cases.ports import WantedTold
from pseudonymisation.preparations.domain.errors import DomainClosed

DECIDED = (
    *(Refused, AgreementNotFound, DecisionUnavailable, RecordNotAsLogged),
    *(errors.TokensOfAnotherDomain, errors.RegistrationsOutOfDate),
    *(DomainClosed, KeyClosed, KeyDestroyed),
)

router = APIRouter(prefix="/v1/re-identifications", tags=["people"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        errors.TooManyPeople, errors.DailyLimitReached, errors.ReasonUnknown, *DECIDED
    ),
)
def ask_to_reidentify(
    body: WantedReidentification, response: Response, ctx: AskCtx
) -> ReidentificationView:
    """Ask which of one's own registered patients tokens stand for.

    It is `ready` at once, or above a number of people `waiting` for another person of the practice.
    The numbers come with the answer alone. Where any token is of another line nothing is kept.
    """
    asked = use_cases.ask(body.wanted, ctx=ctx)
    response.headers["Location"] = f"/v1/re-identifications/{asked.id}"
    return ReidentificationView.of(asked, ctx.clock.now())


@router.get("")
def list_reidentifications(ctx: ReadCtx, paging: Paging) -> Page[ReidentificationView]:
    """List what was asked, oldest first: of one's own practice, or as an auditor all."""
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    at = ctx.clock.now()
    return Page[ReidentificationView].of(
        found, paging, show=lambda one: ReidentificationView.of(one, at), key=lambda one: one.id
    )


@router.get("/{reidentification_id}", responses=responses(errors.ReidentificationNotFound))
def get_reidentification(reidentification_id: UUID, ctx: ReadCtx) -> ReidentificationView:
    """Return how a request stands."""
    found = use_cases.get(reidentification_id, ctx=ctx)
    return ReidentificationView.of(found, ctx.clock.now())


@router.post(
    "/{reidentification_id}/confirmation",
    responses=responses(
        errors.ReidentificationNotFound,
        errors.ReidentificationOver,
        errors.ReidentificationDecided,
        SecondPersonNeeded,
        EditedMeanwhile,
    ),
)
def confirm_reidentification(
    reidentification_id: UUID, body: Reason, ctx: AnswerCtx
) -> ReidentificationView:
    """Confirm a request that waits: another person of the practice than who asked."""
    confirmed = use_cases.confirm(reidentification_id, body.reason, ctx=ctx)
    return ReidentificationView.of(confirmed, ctx.clock.now())


@router.post(
    "/{reidentification_id}/answer",
    responses=responses(
        errors.ReidentificationNotFound,
        errors.ReidentificationOver,
        errors.ReidentificationWaiting,
        EditedMeanwhile,
        *DECIDED,
    ),
)
def fetch_answer(reidentification_id: UUID, ctx: AnswerCtx) -> ReidentificationAnswer:
    """Fetch the answer, while its time lasts: decided anew, by who is registered now, and logged.

    Each row is the number of a patient of yours, or says that they are not, or that nobody is
    known. A patient who left the practice since it was asked is not told any more.
    """
    return ReidentificationAnswer.of(use_cases.answer(reidentification_id, ctx=ctx))


look_up_router = APIRouter(prefix="/v1/re-identified-people", tags=["people"])


@look_up_router.post("/searches")
def look_up_people(body: WantedPerson, ctx: LookUpCtx, paging: Paging) -> ToldPage:
    """Find who was told of whom, oldest first: by patient, by practice, by who was told.

    The number goes in the body and comes back in nothing. That it was looked up is logged.
    """
    wanted = WantedTold(practice=body.practice, told_to=body.told_to)
    found = use_cases.told_of(
        wanted, body.nhs_number, after=paging.after, limit=paging.rows, ctx=ctx
    )
    page = Page[ToldView].of(found, paging, show=ToldView.of, key=lambda pair: pair[0].id)
    return ToldPage.whole(page)
