"""What could be linked under an agreement: asked before anything is asked for."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from agreements.decision.api.schemas.linkage import LinkageView
from agreements.decision.use_cases import linkage
from common.errors import AgreementNotFound, LineNotInAgreement, Refused
from common.security.principal import Principal
from common.security.roles import BODY_STAFF, PARTIES
from common.web.auth import Permission, requires
from common.web.problems import responses
from statements.request import AgreementReference

router = APIRouter(prefix="/v1", tags=["access"])

READ_LINKAGE = Permission(
    "linkage:read",
    BODY_STAFF | PARTIES,
    "See which lines of one's own agreement could be linked, and by which clause; staff: of any",
)


@router.get(
    "/agreements/{reference}/linkage",
    responses=responses(AgreementNotFound, LineNotInAgreement, Refused),
)
def preview_linkage(
    reference: Annotated[
        AgreementReference, Path(description="The agreement's reference, without a version.")
    ],
    request: Request,
    caller: Annotated[Principal, requires(READ_LINKAGE)],
    line: Annotated[
        int | None,
        Query(
            ge=1,
            le=10_000,
            description="A line of records: what it is linked with alone, and why with no other."
            " By default all that is linked.",
        ),
    ] = None,
) -> LinkageView:
    """Show which lines of an agreement could be linked by person, and by which clause.

    Records are linked by people's pseudonyms: by an NHS number that is valid, within one purpose,
    environment and treatment of opt-outs, between data sets that the agreement's linkage lists.
    """
    found = linkage.preview(
        reference,
        line=line,
        organisation=None if caller.role in BODY_STAFF else caller.organisation,
        logs=request.state.decision_logs,
        clock=request.state.clock,
    )
    return LinkageView.of(found)
