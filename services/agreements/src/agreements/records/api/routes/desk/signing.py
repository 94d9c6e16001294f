"""Many signatures as one act (ruling 19)."""

from typing import Annotated

from fastapi import APIRouter

from agreements.records.api import permissions
from agreements.records.api.dependencies import once_key
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.desk.signing import SignedTogetherView, SignTogether
from agreements.records.domain.errors import NotAParty
from agreements.records.domain.issuing.errors import BatchRefused
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.desk import signing as use_cases
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.problems import responses

removing = APIRouter(prefix="/v1", tags=["agreements"], route_class=RemovesPermission)


@removing.post("/agreement-signatures", responses=responses(NotAParty, BatchRefused))
def sign_together(
    body: SignTogether,
    ctx: Annotated[Context, permitted(permissions.SIGN_AGREEMENT)],
    key: IdempotencyKey = None,
) -> SignedTogetherView:
    """Sign many documents as one act, each by its own hash: all of them, or none.

    `BATCH_REFUSED` names every document that cannot be signed, with its code, `ALREADY_SIGNED`
    among them. The same act with the same `Idempotency-Key` is answered as it was.
    """
    done = use_cases.sign_together(
        body.read(),
        party=body.party,
        role=body.name_of_role,
        ctx=ctx,
        once=once_key(key, "signatures", body),
    )
    return SignedTogetherView.of(done)
