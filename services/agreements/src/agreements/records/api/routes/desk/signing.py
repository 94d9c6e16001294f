"""Many signatures as one act (ruling 19)."""

from typing import Annotated

from fastapi import APIRouter

from agreements.records.api import permissions
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.desk.signing import SignedTogetherView, SignTogether
from agreements.records.domain.errors import BatchRefused, NotAParty
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.desk import signing as use_cases
from common.web.context import permitted
from common.web.problems import responses

removing = APIRouter(prefix="/v1", tags=["agreements"], route_class=RemovesPermission)


@removing.post("/agreement-signatures", responses=responses(NotAParty, BatchRefused))
def sign_together(
    body: SignTogether,
    ctx: Annotated[Context, permitted(permissions.SIGN_AGREEMENT)],
) -> SignedTogetherView:
    """Sign many documents as one act, each by its own hash: all of them, or none.

    `BATCH_REFUSED` names every document that cannot be signed, with its code. Signing again what
    is signed changes nothing, so the same act can be sent again.
    """
    done = use_cases.sign_together(body.read(), party=body.party, role=body.name_of_role, ctx=ctx)
    return SignedTogetherView.of(done)
