"""The public keys of this service, with which its attestations are verified."""

from typing import Any

from fastapi import APIRouter

from common.web.auth import public
from pseudonymisation.intake.api.dependencies import Signing

router = APIRouter(tags=["keys"])


@router.get(
    "/.well-known/jwks.json", dependencies=[public("Public keys, to verify attestations with.")]
)
def get_keys(signer: Signing) -> dict[str, Any]:
    """Return the public keys (RFC 7517)."""
    return dict(signer.jwks())
