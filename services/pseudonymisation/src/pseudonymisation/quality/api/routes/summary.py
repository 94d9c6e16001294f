"""The short form for an extract, on the second port: for dissemination only."""

from uuid import UUID

from fastapi import APIRouter

from common.web.problems import responses
from pseudonymisation.preparations.domain.errors import PreparationNotFound
from pseudonymisation.quality.api.dependencies import SummaryCtx
from pseudonymisation.quality.api.schemas.summary import QualitySummaryView
from pseudonymisation.quality.use_cases import summaries as use_cases

router = APIRouter(prefix="/v1/preparations", tags=["preparations"])


@router.get("/{permit_id}/quality", responses=responses(PreparationNotFound))
def get_summary(permit_id: UUID, ctx: SummaryCtx) -> QualitySummaryView:
    """Return how complete and valid what a preparation reads is: the same at every call.

    Of the fields that the extract has, or that its columns are made of; small numbers are hidden by
    the disclosure rule of the line.
    """
    return QualitySummaryView.of(use_cases.of_preparation(permit_id, ctx=ctx))
