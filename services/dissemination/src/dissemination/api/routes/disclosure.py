"""Tables of a recipient: checked before they are shown. Nothing is kept."""

from fastapi import APIRouter

from common.web.problems import responses
from dissemination.api.dependencies import ChecksOf
from dissemination.api.permissions import CheckCtx
from dissemination.api.schemas.disclosure import TableCheckView, TableToCheck
from dissemination.domain.errors import CheckOutOfBounds, TableRefused, TooManyChecks

router = APIRouter(prefix="/v1/disclosure-checks", tags=["disclosure"])


@router.post("", responses=responses(TableRefused, CheckOutOfBounds, TooManyChecks))
def check_table(body: TableToCheck, checks: ChecksOf, ctx: CheckCtx) -> TableCheckView:
    """Check a table that is protected, or protect one, by the rule of its product.

    Says which hidden cells can be worked out, to which counts, and from which sums. Made of what is
    sent alone; neither the table nor the answer is kept.
    """
    del ctx  # who may ask is all that it is for
    return TableCheckView.model_validate(checks.answer(body.model_dump(mode="json")))
