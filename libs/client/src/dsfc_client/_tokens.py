"""Access tokens by `private_key_jwt` (RFC 7523), as at the NHS API platform."""

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from jose import jwt

from dsfc_client._errors import ConnectionLost, Problem

ASSERTION_SECONDS = 60
ASSERTION_TYPE = "client-authentication+jwt"
"""RFC 7523bis: no other token passes for an assertion."""
REFRESH_SECONDS_BEFORE = 30


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, in which role, and the private key that proves it.

    `role` is one of the roles the client may hold; a token carries one at a time.
    """

    client_id: str
    role: str
    key: Mapping[str, Any]
    """A private JWK (ES256 or RS256) with its `kid`."""

    @classmethod
    def from_file(cls, client_id: str, role: str, path: Path) -> "Credentials":
        """Read the JWK from `path`. Raises OSError or ValueError."""
        return cls(client_id, role, json.loads(path.read_text(encoding="utf-8")))


class TokenSource:
    """Gets a token for each audience, and keeps it until shortly before it ends."""

    def __init__(
        self,
        token_url: str,
        credentials: Credentials,
        http: httpx.Client,
        *,
        assertion_audience: str | None = None,
    ) -> None:
        """Ask at `token_url`; an assertion is meant for it, or for `assertion_audience` if said."""
        self._url = token_url
        self._meant_for = assertion_audience or token_url
        self._credentials = credentials
        self._http = http
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, float]] = {}

    def token(self, audience: str) -> str:
        """Return a bearer token for `audience`. Raise Problem or ConnectionLost."""
        with self._lock:
            kept = self._kept.get(audience)
            if kept is None or kept[1] <= time.monotonic():
                kept = self._fetch(audience)
                self._kept[audience] = kept
            return kept[0]

    def _fetch(self, audience: str) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(),
            # The audience twice: for providers that know RFC 8707, and for those that do not.
            "scope": f"dsfc:{self._credentials.role} audience:{audience}",
            "resource": audience,
        }
        try:
            response = self._http.post(self._url, data=form)
        except httpx.TransportError as error:
            raise ConnectionLost("The token service does not answer.") from error
        if response.is_error:
            raise Problem.of(response)
        body = response.json()
        lasts = float(body["expires_in"]) - REFRESH_SECONDS_BEFORE
        return str(body["access_token"]), time.monotonic() + lasts

    def _assertion(self) -> str:
        now = int(time.time())
        who, key = self._credentials.client_id, dict(self._credentials.key)
        claims = {
            "iss": who,
            "sub": who,
            "aud": self._meant_for,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        headers = {"typ": ASSERTION_TYPE, **({"kid": key["kid"]} if "kid" in key else {})}
        return str(jwt.encode(claims, key, algorithm=key.get("alg", "ES256"), headers=headers))
