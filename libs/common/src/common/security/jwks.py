"""Public keys of others: a JWKS, cached, fetched again seldom and by one thread at a time.

An unknown `kid` is what a stranger can send as often as they like, so it must not become
a fetch each time: at most one every `refetch_seconds`, whatever the number of requests.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError
from jose.utils import base64url_decode

from common import http
from common.errors import Unavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Jwks = Mapping[str, Any]
"""A JSON Web Key Set (RFC 7517): `{"keys": [...]}`."""

RSA_BITS_MIN = 2048


class KeysUnavailable(Unavailable):
    code = "KEYS_UNAVAILABLE"
    title = "The public keys are temporarily unavailable"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key with the one algorithm that it may be used with."""

    kid: str
    algorithm: str
    key: Key


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: Mapping[str, PublicKey]
    at: float


class KeySet:
    def __init__(
        self,
        fetch: Callable[[], Jwks],
        *,
        refetch_seconds: float = 30.0,
        refresh_seconds: float = 300.0,
        keep_seconds: float = 3600.0,
        retry_seconds: float = 1.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty set; nothing is fetched yet.

        `refetch_seconds`: least time between fetches for an unknown kid;
        `refresh_seconds`: age at which known keys are fetched anew, so that a withdrawn key
        stops being accepted; `keep_seconds`: how long they may serve while their source is
        away; `retry_seconds`: least time between attempts while there are none at all.
        """
        self._fetch = fetch
        self._refetch = refetch_seconds
        self._refresh = refresh_seconds
        self._keep = keep_seconds
        self._retry = retry_seconds
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._fetched: _Fetched | None = None
        self._attempted_at: float | None = None

    def get(self, kid: str) -> PublicKey | None:
        """The key of that name, or None. Raises KeysUnavailable where there are none to ask."""
        fetched = self._fetched
        if fetched is not None and kid in fetched.keys:
            # Where it is old, whoever comes first renews it, and the others need not wait.
            if not self.is_current(kid) and self._lock.acquire(blocking=False):
                try:
                    self._renew(self._refetch)
                finally:
                    self._lock.release()
        else:
            with self._lock:
                # Who waited for another's fetch comes too soon for one of their own.
                self._renew(self._retry if self._fetched is None else self._refetch)
        return self._current().get(kid)

    def is_current(self, kid: str) -> bool:
        """Check whether `get` has that key without a fetch."""
        fetched = self._fetched
        return (
            fetched is not None
            and kid in fetched.keys
            and self._elapsed() - fetched.at < self._refresh
        )

    def _current(self) -> Mapping[str, PublicKey]:
        fetched = self._fetched
        if fetched is None or self._elapsed() - fetched.at >= self._keep:
            raise KeysUnavailable("The key set has not been reachable.")
        return fetched.keys

    def _renew(self, interval: float) -> None:
        now = self._elapsed()
        if self._attempted_at is not None and now - self._attempted_at < interval:
            return
        self._attempted_at = now
        try:
            keys = public_keys(self._fetch())
        except Exception as failure:  # noqa: BLE001  any failure to fetch means: keep what there is
            log.warning("key_set_not_fetched", failure=type(failure).__name__)
            return
        self._fetched = _Fetched(keys, now)


def fetch_from(url: str, *, authority: Path | None = None) -> Callable[[], Jwks]:
    """Fetch the key set from a URL of the settings; never from one that a token names.

    `authority` is whom its certificate must be from, as `http.client` takes it.
    """

    def fetch() -> Jwks:
        # Minutes lie between two fetches: no connection is kept, and so none is left open.
        with http.client(url, authority=authority) as remote:
            document: Jwks = http.call(remote, "GET", url).json()
        return document

    return fetch


def public_keys(jwks: Jwks) -> Mapping[str, PublicKey]:
    """The keys that may verify a signature; all others (secret, short, unnamed) are left out."""
    found = (_public_key(entry) for entry in jwks["keys"])
    return {key.kid: key for key in found if key is not None}


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:
    kid = entry.get("kid")
    algorithm = _algorithm(entry)
    if not isinstance(kid, str) or algorithm is None or entry.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in entry.items() if name in _PUBLIC_MEMBERS}
    try:
        if algorithm == "RS256" and _bits(entry["n"]) < RSA_BITS_MIN:
            return None
        return PublicKey(kid, algorithm, jwk.construct(public, algorithm))
    except (JOSEError, KeyError, ValueError, TypeError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(base64url_decode(modulus.encode("ascii")), "big").bit_length()


_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "n", "e"})


def _algorithm(entry: Mapping[str, Any]) -> str | None:
    match entry.get("kty"), entry.get("crv"), entry.get("alg"):
        case "EC", "P-256", None | "ES256":
            return "ES256"
        case "RSA", _, None | "RS256":
            return "RS256"
        case _:
            return None
