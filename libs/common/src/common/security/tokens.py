"""Access tokens: from the text after `Bearer` to a Principal, or a refusal.

The text of a token never appears in a refusal or a log.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Protocol

from common.clock import Clock, legal_day, now_at_once
from common.errors import Forbidden, Unauthenticated
from common.security.jwks import Jwks, KeySet, fetch_from
from common.security.jws import NotGenuine, Opened, open_compact
from common.security.keys import AUDIENCES, access_token, demand, instant
from common.security.principal import Principal
from common.security.roles import SCOPE_PREFIX, TRAINED, Role

TOKEN_LENGTH_MAX = 16 * 1024
VERIFIED_MAX = 4096
USES = {audience: access_token(audience) for audience in AUDIENCES}
ALGORITHMS = USES[AUDIENCES[0]].algorithms


class TrainingLapsed(Forbidden):
    """A DSCRO role needs training in date (domain.md section 0, ruling 18)."""

    code = "TRAINING_LAPSED"
    title = "The training record for this role is missing or has lapsed"


class TokenVerifier(Protocol):
    def verify(self, token: str, *, audience: str) -> Principal:
        """Raise Unauthenticated, TrainingLapsed, or KeysUnavailable."""

    def known(self, token: str, *, audience: str) -> Principal | None:
        """Return what `verify` would, if that costs neither a signature nor a fetch.

        None otherwise. For event loops, which must not wait.
        """


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A token whose signature was verified, and what it was found to say, by audience."""

    opened: Opened
    judged: dict[str, tuple[datetime, Principal]] = field(default_factory=dict)
    """Since when, and who: true until the token expires."""


class JwksTokenVerifier:
    """Verifies against the issuer's published keys.

    What is costly (the signature) is done once a token, and so is reading its claims; what
    changes with time (expiry, withdrawn keys, training) is judged at every call.
    """

    def __init__(
        self,
        issuer: str,
        jwks: str | Callable[[], Jwks] | KeySet,
        clock: Clock,
        *,
        verified_max: int = VERIFIED_MAX,
    ) -> None:
        """Take the key set from a URL, which is configured and never a user's, or a function."""
        self._issuer = issuer
        fetch = fetch_from(jwks) if isinstance(jwks, str) else jwks
        self._keys = fetch if isinstance(fetch, KeySet) else KeySet(fetch)
        self._clock = clock
        self._verified: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._verified_max = verified_max
        self._lock = threading.Lock()

    def verify(self, token: str, *, audience: str) -> Principal:
        try:
            found = self._remembered(token) or self._opened(token)
        except NotGenuine as refusal:
            raise _refused(refusal) from None
        return self._judged(found, audience=audience, now=self._clock.now())

    def known(self, token: str, *, audience: str) -> Principal | None:
        found, now = self._remembered(token), now_at_once(self._clock)
        if found is None or now is None:
            return None
        return self._judged(found, audience=audience, now=now)

    def _judged(self, found: _Remembered, *, audience: str, now: datetime) -> Principal:
        since, principal = found.judged.get(audience, (None, None))
        if since is not None and principal is not None and since <= now < principal.expires_at:
            return principal
        opened = found.opened
        try:
            demand(opened, use=USES[audience], issuer=self._issuer, audience=audience, now=now)
            principal = _principal(opened.claims, audience=audience)
        except NotGenuine as refusal:
            raise _refused(refusal) from None
        if principal.role in TRAINED:
            _require_training(opened.claims, on=legal_day(now))  # at every call: days pass
        else:
            found.judged[audience] = (now, principal)
        return principal

    def _remembered(self, token: str) -> _Remembered | None:
        found = self._verified.get(_name(token))
        if found is None or not self._keys.is_current(found.opened.kid):
            return None
        return found

    def _opened(self, token: str) -> _Remembered:
        opened = open_compact(token, self._keys, algorithms=ALGORITHMS, length_max=TOKEN_LENGTH_MAX)
        opened = replace(opened, claims={**opened.claims, "aud": _one_of_ours(opened.claims)})
        found = _Remembered(opened)
        with self._lock:
            self._verified[_name(token)] = found
            while len(self._verified) > self._verified_max:
                self._verified.popitem(last=False)  # the oldest, which expires first
        return found


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _refused(refusal: NotGenuine) -> Unauthenticated:
    return Unauthenticated(f"The access token is not accepted. {refusal.detail}")


def _one_of_ours(claims: Mapping[str, Any]) -> Any:
    """Return the audience; of a list, the one of our services in it.

    A token for two of them is for none: whoever received it could use it at the other.
    """
    audience = claims.get("aud")
    if not isinstance(audience, list):
        return audience
    ours = [name for name in audience if name in AUDIENCES]
    return ours[0] if len(ours) == 1 else None


def _principal(claims: Mapping[str, Any], *, audience: str) -> Principal:
    if claims.get("client_id", claims.get("azp")) != claims.get("azp"):
        raise NotGenuine("Its `azp` and `client_id` differ.")
    return Principal(
        subject=_text(claims, "sub"),
        client_id=_text(claims, "azp"),
        organisation=_text(claims, "ods"),
        role=_role(_text(claims, "scope")),
        token_id=_text(claims, "jti"),
        expires_at=instant(claims, "exp"),
        audience=audience,
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise NotGenuine(f"It has no `{name}`.")
    return value


def _role(scope: str) -> Role:
    """Return the one role of a token (design.md section 8); other scopes may be there."""
    ours = [word.removeprefix(SCOPE_PREFIX) for word in scope.split(" ") if _is_ours(word)]
    if len(ours) != 1:
        raise NotGenuine("Its `scope` does not name exactly one role.")
    try:
        return Role(ours[0])
    except ValueError:
        raise NotGenuine("Its `scope` names a role that is not known.") from None


def _is_ours(word: str) -> bool:
    return word.startswith(SCOPE_PREFIX)


def _require_training(claims: Mapping[str, Any], *, on: date) -> None:
    try:
        until = date.fromisoformat(claims["training_valid_until"])
    except (KeyError, TypeError, ValueError):
        raise TrainingLapsed("There is no training record for this role.") from None
    if until < on:
        raise TrainingLapsed("The training record for this role has lapsed.")
