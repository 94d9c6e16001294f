"""The haven's attestations: verified by its key, then read strictly."""

from collections.abc import Callable

from common.clock import Clock
from common.ids import canonical
from common.security.jwks import Jwks
from common.security.jws import NotGenuine
from common.security.keys import ATTESTATION, SignedVerifier
from statements.attestation import FORM, Attestation
from statements.form import Malformed


class SignedAttestations:
    """Accepts what the haven signed for agreements, and nothing else."""

    def __init__(self, jwks: Callable[[], Jwks], *, clock: Clock) -> None:
        self._verifier = SignedVerifier(ATTESTATION, jwks, clock=clock)

    def verify(self, compact: str) -> tuple[Attestation, str] | None:
        """Return the attestation and its canonical JSON; None where it is not genuine.

        Raises KeysUnavailable where the haven's keys cannot be had.
        """
        try:
            claims = canonical(self._verifier.verify(compact)).decode()
            return FORM.read(claims), claims
        except (NotGenuine, Malformed):
            return None
