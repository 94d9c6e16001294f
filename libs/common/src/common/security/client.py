"""How one of ours asks the issuer for a token: `private_key_jwt` (RFC 7523), then keeps it."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from common import http
from common.clock import Clock, SystemClock
from common.errors import AppError, Unavailable
from common.security.keys import ASSERTION_TYPE, CLIENT_ASSERTION, Signer, audience_scope, issue
from common.security.roles import Role

ASSERTION_LIFETIME = timedelta(seconds=60)
RENEW_BEFORE = timedelta(seconds=30)
"""A token that may expire on its way is not sent."""


class TokensUnavailable(Unavailable):
    code = "TOKENS_UNAVAILABLE"
    title = "The token issuer is temporarily unavailable"


def client_assertion(signer: Signer, *, client_id: str, meant_for: str, at: datetime) -> str:
    """Say who the client is: to that endpoint or issuer, for a minute, once."""
    return issue(
        signer,
        CLIENT_ASSERTION,
        {"iss": client_id, "sub": client_id, "aud": meant_for},
        at=at,
        lifetime=ASSERTION_LIFETIME,
    )


def token_request(
    signer: Signer, *, client_id: str, meant_for: str, role: Role, audience: str, at: datetime
) -> dict[str, str]:
    """Return the form that the token endpoint is sent."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion(
            signer, client_id=client_id, meant_for=meant_for, at=at
        ),
        "scope": f"{role.scope} {audience_scope(audience)}",
        "resource": audience,
    }


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    since: datetime
    until: datetime


class ServiceTokens:
    """Access tokens of one client in one role, kept until shortly before they expire."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        key: Path | Signer,
        role: Role,
        *,
        assertion_audience: str | None = None,
        clock: Clock | None = None,
        remote: http.Client | None = None,
    ) -> None:
        self._token_url = token_url
        self._meant_for = assertion_audience or token_url
        self._client_id = client_id
        self._signer = key if isinstance(key, Signer) else Signer(key)
        self._role = role
        self._clock = clock or SystemClock()
        self._remote = remote
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def token(self, audience: str) -> str:
        """Raises TokensUnavailable."""
        with self._lock:
            kept = self._kept.get(audience)
            # A clock that was set back makes a token one of the future, which nobody takes.
            if kept is None or not kept.since <= self._clock.now() < kept.until:
                kept = self._kept[audience] = self._ask(audience)
        return kept.token

    def _ask(self, audience: str) -> _Kept:
        now = self._clock.now()
        form = token_request(
            self._signer,
            client_id=self._client_id,
            meant_for=self._meant_for,
            role=self._role,
            audience=audience,
            at=now,
        )
        try:
            granted = self._post(urlencode(form).encode("ascii")).json()
            lifetime = timedelta(seconds=granted["expires_in"])
            return _Kept(granted["access_token"], now, now + lifetime - RENEW_BEFORE)
        except (AppError, KeyError, TypeError, ValueError):
            # The issuer's words are for whoever set this service up, not for its callers.
            raise TokensUnavailable("The issuer gave no token.") from None

    def _post(self, form: bytes) -> http.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._remote is not None:
            return http.call(self._remote, "POST", self._token_url, content=form, headers=headers)
        # Asked for every few minutes: a connection kept open would only have to be closed.
        with http.client(self._token_url) as remote:
            return http.call(remote, "POST", self._token_url, content=form, headers=headers)
