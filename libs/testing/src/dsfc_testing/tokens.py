"""Tokens for tests: a real issuer with real keys in this process, and its real verifier."""

from datetime import date, timedelta

from common.clock import Clock, legal_day
from common.security.client import token_request
from common.security.keys import Signer, generate_jwk
from common.security.principal import BODY
from common.security.roles import TRAINED, Role
from common.security.tokens import JwksTokenVerifier
from dsfc_testing.issuer import Identity, Issuer

ISSUER_URL = "http://issuer.test"


class LocalIssuer:
    """An issuer at which whoever is asked for becomes known."""

    def __init__(self, clock: Clock, issuer_url: str = ISSUER_URL) -> None:
        self.clock = clock
        self.signer = Signer(generate_jwk())
        self.issuer = Issuer((), self.signer, clock, issuer_url)
        self._keys: dict[str, Signer] = {}
        self._identities: dict[str, Identity] = {}
        self._granted: dict[tuple[object, ...], str] = {}

    @property
    def url(self) -> str:
        return self.issuer.url

    def verifier(self) -> JwksTokenVerifier:
        """Return what a service's lifespan has as `verifier`."""
        return JwksTokenVerifier(self.url, self.issuer.jwks, self.clock)

    def key_of(self, client_id: str) -> Signer:
        """Return the client's own key, with which it signs assertions."""
        return self._keys.setdefault(client_id, Signer(generate_jwk()))

    def know(
        self, client_id: str, *, ods: str, role: Role, training_valid_until: date | None = None
    ) -> Identity:
        """Register an identity, or give it one more role."""
        known = self._identities.get(client_id)
        identity = Identity(
            client_id=client_id,
            title=client_id,
            ods=ods,
            roles=(known.roles if known else frozenset()) | {role},
            public_jwk=self.key_of(client_id).public_jwk,
            training_valid_until=training_valid_until,
        )
        self._identities[client_id] = identity
        self.issuer.register(identity)
        return identity

    def token_for(
        self,
        role: Role,
        *,
        audience: str,
        ods: str = BODY,
        client_id: str | None = None,
        training_valid_until: date | None = None,
    ) -> str:
        """Return an access token as that client gets it; who is trained is so for another year.

        It keeps the token, as a client does: while neither the clock nor what the issuer knows of
        it has moved, who asks again is given the one from before.
        """
        client_id, now = client_id or f"{role.value}-{ods}", self.clock.now()
        if role in TRAINED and training_valid_until is None:
            training_valid_until = legal_day(now) + timedelta(days=365)
        known = self._identities.get(client_id)
        asked = (client_id, role, audience, ods, training_valid_until, now)
        if known is not None and (known.ods, known.training_valid_until) == asked[3:5]:
            kept = self._granted.get(asked)
            if kept is not None:
                return kept
        self.know(client_id, ods=ods, role=role, training_valid_until=training_valid_until)
        granted = self.issuer.exchange(
            token_request(
                self.key_of(client_id),
                client_id=client_id,
                meant_for=self.issuer.token_url,
                role=role,
                audience=audience,
                at=now,
            )
        )
        token: str = granted["access_token"]
        self._granted[asked] = token
        return token
