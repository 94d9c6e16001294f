"""Matches of NHS numbers with an invoice, over HTTP: in place of a file (docs/adr/0122)."""

from fastapi import APIRouter

from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    KeyUnavailable,
    NoEdition,
    ObjectStoreUnavailable,
    Refused,
)
from common.web.pagination import Page, Paging
from common.web.problems import responses
from pseudonymisation.people.api.dependencies import MatchCtx, ReadMatchesCtx
from pseudonymisation.people.api.schemas.invoice_matches import (
    InvoiceMatchView,
    MatchAnswer,
    WantedMatch,
)
from pseudonymisation.people.domain import errors
from pseudonymisation.people.use_cases import invoice_matches as use_cases
from pseudonymisation.preparations.domain.errors import UnsafeEditions

router = APIRouter(prefix="/v1/invoice-matches", tags=["people"])


@router.post(
    "",
    responses=responses(
        errors.TooManyPeople,
        errors.DailyLimitReached,
        errors.OptOutsNotKnown,
        AgreementNotFound,
        DecisionUnavailable,
        KeyUnavailable,
        NoEdition,
        ObjectStoreUnavailable,
        Refused,
        UnsafeEditions,
    ),
)
def match_invoice(body: WantedMatch, ctx: MatchCtx) -> MatchAnswer:
    """Say of NHS numbers whether the people were at a provider in a month, to validate its invoice.

    Decided by agreements for the client's own environment, and logged by haven token before it is
    told. There is no file, and no number comes back.
    """
    invoice = body.of(ctx.codes.known(body.provider))
    return MatchAnswer.of(use_cases.ask(invoice, body.nhs_numbers, ctx=ctx))


@router.get("")
def list_invoice_matches(ctx: ReadMatchesCtx, paging: Paging) -> Page[InvoiceMatchView]:
    """List what was asked, oldest first, and where many were not there; never of whom."""
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[InvoiceMatchView].of(
        found, paging, show=InvoiceMatchView.of, key=lambda one: one.id
    )
