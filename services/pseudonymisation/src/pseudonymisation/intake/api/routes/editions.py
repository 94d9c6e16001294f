"""Editions over HTTP: which there are, and which is in force."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from common.errors import EditedMeanwhile, EditionNotFound
from common.replacement import ReplacementDecided, ReplacementOutdated, SecondPersonNeeded
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import OfState, Reason, filtered
from pseudonymisation.intake.api.dependencies import (
    ConfirmEditionsCtx,
    EditionsCtx,
    WithdrawEditionsCtx,
)
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, PERIOD, EditionView
from pseudonymisation.intake.domain.errors import (
    EditionMerged,
    PeriodFinal,
    PeriodInvalid,
    PeriodOverlaps,
)
from pseudonymisation.intake.use_cases import edition_replacements as replacements
from pseudonymisation.intake.use_cases import editions as use_cases

router = APIRouter(prefix="/v1/editions", tags=["editions"])


@router.get("", responses=responses(PeriodInvalid))
def list_editions(
    ctx: EditionsCtx,
    paging: Paging,
    data_set: Annotated[str | None, Query(pattern=DATA_SET)] = None,
    period: Annotated[
        str | None, Query(pattern=PERIOD, description="Those that share a month with it.")
    ] = None,
    state: OfState = None,
) -> Page[EditionView]:
    """List editions, oldest first, superseded ones too.

    With `state=waiting` those by which much would change, and that a second person has to see.
    """
    found = use_cases.page(
        data_set=data_set,
        period=period,
        state=filtered(state),
        after=paging.after,
        limit=paging.rows,
        ctx=ctx,
    )
    return Page[EditionView].of(found, paging, show=EditionView.of_edition, key=lambda e: e.id)


@router.get("/{edition_id}", responses=responses(EditionNotFound))
def get_edition(edition_id: UUID, ctx: EditionsCtx) -> EditionView:
    """Describe an edition: what it changes, and whether it is in force."""
    return EditionView.of_edition(use_cases.get(edition_id, ctx=ctx))


@router.post(
    "/{edition_id}/confirmation",
    responses=responses(
        EditionNotFound,
        SecondPersonNeeded,
        ReplacementDecided,
        ReplacementOutdated,
        PeriodOverlaps,
        PeriodFinal,
        EditedMeanwhile,
    ),
)
def confirm_edition(edition_id: UUID, body: Reason, ctx: ConfirmEditionsCtx) -> EditionView:
    """Confirm an edition that waits; somebody other than who sent it, with a reason.

    Extracts of the one before are superseded from now on.
    """
    return EditionView.of_edition(replacements.confirm(edition_id, body.reason, ctx=ctx))


@router.post(
    "/{edition_id}/withdrawal",
    responses=responses(
        EditionNotFound, SecondPersonNeeded, ReplacementDecided, EditedMeanwhile, EditionMerged
    ),
)
def take_edition_back(edition_id: UUID, body: Reason, ctx: WithdrawEditionsCtx) -> EditionView:
    """Take an edition back. One that waits: its submission is rejected, the one in force stays.

    One that is or was in force, by the staff of the haven: what was made with it is void from now
    on, and the one before it is in force again. Where the two differ much it is `leaving` until a
    second person takes it back as well.
    """
    return EditionView.of_edition(replacements.take_back(edition_id, body.reason, ctx=ctx))
