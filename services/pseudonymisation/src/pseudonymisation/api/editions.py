"""Editions over HTTP: which there are, and which is in force."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from common.web.pagination import Page, Paging
from common.web.problems import responses
from pseudonymisation.api.dependencies import EditionsCtx
from pseudonymisation.api.schemas import DATA_SET, PERIOD, EditionView
from pseudonymisation.domain.errors import EditionNotFound, PeriodInvalid
from pseudonymisation.use_cases import editions as use_cases

router = APIRouter(prefix="/v1/editions", tags=["editions"])


@router.get("", responses=responses(PeriodInvalid))
def list_editions(
    ctx: EditionsCtx,
    paging: Paging,
    data_set: Annotated[str | None, Query(pattern=DATA_SET)] = None,
    period: Annotated[
        str | None, Query(pattern=PERIOD, description="Those that share a month with it.")
    ] = None,
) -> Page[EditionView]:
    """List editions, oldest first, superseded ones too."""
    found = use_cases.page(
        data_set=data_set, period=period, after=paging.after, limit=paging.rows, ctx=ctx
    )
    return Page[EditionView].of(found, paging, show=EditionView.of, key=lambda e: e.id)


@router.get("/{edition_id}", responses=responses(EditionNotFound))
def get_edition(edition_id: UUID, ctx: EditionsCtx) -> EditionView:
    """Describe an edition."""
    return EditionView.of(use_cases.get(edition_id, ctx=ctx))
