"""What waits for whom."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.schemas.desk.inbox import InboxView
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.desk import inbox as use_cases
from agreements.records.use_cases.desk.inbox import Duty
from common.web.auth import Permission
from common.web.context import permitted

router = APIRouter(prefix="/v1", tags=["inbox"])

LIMIT_MAX = 500

WHOSE: Mapping[Duty, Permission] = {
    Duty.SIGN_AGREEMENT: permissions.SIGN_AGREEMENT,
    Duty.SIGN_CONTRACT: permissions.SIGN_CONTRACT,
    Duty.CONSENT_TO_PUBLICATION: permissions.CONSENT_PUBLICATION,
    Duty.VERIFY_SERVICE_CONTRACT: permissions.MANAGE_RELATIONSHIP,
    Duty.AGREE_TO_RELATIONSHIP: permissions.AGREE_RELATIONSHIP,
    Duty.ACTIVATE_RELATIONSHIP: permissions.MANAGE_RELATIONSHIP,
    Duty.CONFIRM_IMPORT: permissions.DECIDE_IMPORTS,
    Duty.CONFIRM_AGREEMENTS: permissions.DECIDE_BATCHES,
    Duty.CONFIRM_SUBMISSION_RIGHTS: permissions.DECIDE_IMPORTS,
    Duty.LIFT_HOLD: permissions.LIFT_HOLD,
    Duty.JUDGE_BREACH: permissions.HANDLE_BREACH,
    Duty.AMEND_AGREEMENT: permissions.AMEND_AGREEMENT,
    Duty.CERTIFY_DESTRUCTION: permissions.CERTIFY_DESTRUCTION,
    Duty.ACCEPT_DESTRUCTION: permissions.ACCEPT_DESTRUCTION,
    Duty.AGREE_TO_DOMAIN_TRANSFER: permissions.AGREE_DOMAIN_TRANSFER,
    Duty.PUT_DOMAIN_TRANSFER_INTO_EFFECT: permissions.RECORD_TRANSFER,
}
"""Who may do what waits: nobody is told of what another role has to do."""


@router.get("/inbox")
def get_inbox(
    ctx: Annotated[Context, permitted(permissions.READ_INBOX)],
    limit: Annotated[
        int, Query(ge=1, le=LIMIT_MAX, description="How many items; all are counted.")
    ] = 100,
) -> InboxView:
    """Return what waits for the caller, by role and organisation: signatures, consents, seconds.

    It is read out of the facts: what was done waits no more.
    """
    role = ctx.principal.role
    duties = [duty for duty, permission in WHOSE.items() if role in permission.roles]
    return InboxView.of(use_cases.get(duties, limit, ctx=ctx))
