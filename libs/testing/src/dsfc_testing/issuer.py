"""A development issuer: real tokens from real keys, without an OpenID provider.

`dsfc up` runs it on 127.0.0.1; production refuses it and uses a provider such as Keycloak.
People authenticate like clients, with a key of their own, since there is no login page.
Used assertions are remembered in memory only, for as long as they live.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from common.clock import Clock
from common.security.jwks import KeySet
from common.security.jws import NotGenuine, claimed, open_compact
from common.security.keys import (
    ASSERTION_TYPE,
    AUDIENCES,
    CLIENT_ASSERTION,
    STATEMENT_LENGTH_MAX,
    Signer,
    access_token,
    audience_scope,
    demand,
    instant,
    issue,
)
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOKEN_LIFETIME = timedelta(minutes=5)
FORM_BYTES_MAX = 64 * 1024
ASSERTION_TYPS = frozenset({CLIENT_ASSERTION.typ, "jwt"})
"""In lower case: a `typ` is a media type (RFC 7515 4.1.9)."""
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client or a person that may ask for tokens."""

    client_id: str
    title: str
    ods: str
    """The organisation that it belongs to."""

    roles: frozenset[Role]
    public_jwk: Mapping[str, str]
    kind: Literal["client", "person"] = "client"
    training_valid_until: date | None = None


class GrantRefused(Exception):
    """RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description

    @property
    def status(self) -> HTTPStatus:
        unauthorised = self.error == "invalid_client"
        return HTTPStatus.UNAUTHORIZED if unauthorised else HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class AssertionVerifier:
    """Accepts a client's assertions as common OAuth libraries write them.

    RFC 7523 asks for no `typ`, and libraries send `JWT` or none; some name no `kid` where a client
    has one key, and some name the issuer as the audience (draft-ietf-oauth-rfc7523bis). None of it
    lets another statement pass: a client's key signs nothing but assertions.
    """

    client_id: str
    keys: KeySet
    kid: str
    audiences: frozenset[str]
    clock: Clock

    def verify(self, assertion: str) -> dict[str, Any]:
        """Return its claims. Raises NotGenuine."""
        opened = open_compact(
            assertion,
            self.keys,
            algorithms=CLIENT_ASSERTION.algorithms,
            length_max=STATEMENT_LENGTH_MAX,
            assumed={"typ": CLIENT_ASSERTION.typ, "kid": self.kid},
        )
        typ = opened.typ.lower()
        meant = opened.claims.get("aud")
        named = {meant} if isinstance(meant, str) else set(_texts(meant))
        audience = next(iter(sorted(named & self.audiences)), "")
        demand(
            replace(
                opened,
                typ=CLIENT_ASSERTION.typ if typ in ASSERTION_TYPS else typ,
                claims={**opened.claims, "aud": audience},
            ),
            use=CLIENT_ASSERTION,
            issuer=self.client_id,
            audience=audience or self.client_id,
            now=self.clock.now(),
        )
        return dict(opened.claims)


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


class Issuer:
    """The issuer itself, apart from HTTP."""

    def __init__(
        self, identities: Iterable[Identity], signer: Signer, clock: Clock, issuer_url: str
    ) -> None:
        self.url = issuer_url.rstrip("/")
        self.token_url = f"{self.url}/oauth2/token"
        self._signer = signer
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], datetime] = {}
        self._identities: dict[str, tuple[Identity, AssertionVerifier]] = {}
        for identity in identities:
            self.register(identity)

    def register(self, identity: Identity) -> None:
        """Let it ask for tokens from now on; an identity of the same name is replaced."""
        jwks = {"keys": [dict(identity.public_jwk)]}
        verifier = AssertionVerifier(
            identity.client_id,
            KeySet(lambda: jwks),
            str(identity.public_jwk["kid"]),
            frozenset({self.token_url, self.url}),
            self._clock,
        )
        self._identities[identity.client_id] = (identity, verifier)

    def jwks(self) -> dict[str, Any]:
        return self._signer.jwks()

    def metadata(self) -> dict[str, Any]:
        """OpenID Connect Discovery, as far as it applies."""
        return {
            "issuer": self.url,
            "token_endpoint": self.token_url,
            "jwks_uri": f"{self.url}/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "scopes_supported": [role.scope for role in Role],
        }

    def exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return an access token for a client assertion. Raise GrantRefused."""
        if form.get("grant_type") != "client_credentials":
            raise GrantRefused("unsupported_grant_type", "Use client_credentials.")
        identity = self._authenticated(form)
        audience = form.get("resource", "")
        if audience not in AUDIENCES:
            raise GrantRefused("invalid_target", f"`resource` is one of {', '.join(AUDIENCES)}.")
        role = _role(identity, form.get("scope"), audience)
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": identity.client_id,
            "azp": identity.client_id,
            "client_id": identity.client_id,
            "ods": identity.ods,
            "scope": role.scope,
        }
        if identity.training_valid_until is not None:
            claims["training_valid_until"] = identity.training_valid_until.isoformat()
        token = issue(
            self._signer,
            access_token(audience),
            claims,
            at=self._clock.now(),
            lifetime=TOKEN_LIFETIME,
        )
        log.info("token_issued", client_id=identity.client_id, role=role, audience=audience)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "scope": role.scope,
        }

    def _authenticated(self, form: Mapping[str, str]) -> Identity:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise GrantRefused("invalid_client", "Authenticate with private_key_jwt.")
        assertion = form.get("client_assertion", "")
        client_id = claimed(assertion, "sub")
        found = self._identities.get(client_id) if client_id is not None else None
        if found is None or form.get("client_id", client_id) != client_id:
            raise GrantRefused("invalid_client", "The client is not known.")
        identity, verifier = found
        try:
            claims = verifier.verify(assertion)
            expires = instant(claims, "exp")
        except NotGenuine as refusal:
            raise GrantRefused(
                "invalid_client", f"The client assertion is not accepted. {refusal.detail}"
            ) from None
        self._use_once(identity.client_id, claims.get("jti"), expires)
        return identity

    def _use_once(self, client_id: str, jti: object, expires: datetime) -> None:
        if not isinstance(jti, str) or not jti:
            raise GrantRefused("invalid_client", "The client assertion has no `jti`.")
        with self._lock:
            now = self._clock.now()
            self._used = {used: until for used, until in self._used.items() if until > now}
            if (client_id, jti) in self._used:
                raise GrantRefused("invalid_client", "The client assertion was used before.")
            self._used[client_id, jti] = expires


def _role(identity: Identity, scope: str | None, audience: str) -> Role:
    """Return the one role asked for, which the identity has; a single role need not be named."""
    if scope is None and len(identity.roles) == 1:
        return next(iter(identity.roles))
    allowed = {role.scope: role for role in identity.roles}
    words = (scope or "").split(" ")
    role = allowed.get(" ".join(word for word in words if word != audience_scope(audience)))
    if role is None:
        raise GrantRefused("invalid_scope", "`scope` names exactly one role of the client.")
    return role


def create_issuer_app(
    identities: Iterable[Identity], signer: Signer, clock: Clock, issuer_url: str
) -> FastAPI:
    """Return the issuer over HTTP."""
    return serve(Issuer(identities, signer, clock, issuer_url))


def serve(issuer: Issuer) -> FastAPI:
    app = FastAPI(
        title="Development issuer",
        version="1.0.0",
        max_body_size=FORM_BYTES_MAX,
        openapi_url=None,
    )

    @app.get("/.well-known/openid-configuration")
    def discover() -> dict[str, Any]:
        return issuer.metadata()

    @app.get("/jwks.json")
    def publish_keys() -> dict[str, Any]:
        return issuer.jwks()

    @app.post("/oauth2/token")
    async def exchange_assertion(request: Request) -> JSONResponse:
        try:
            granted = issuer.exchange(_form(await request.body()))
        except GrantRefused as refusal:
            log.info("token_refused", error=refusal.error)
            return JSONResponse(
                {"error": refusal.error, "error_description": refusal.description},
                status_code=refusal.status,
                headers=NO_STORE,
            )
        return JSONResponse(granted, headers=NO_STORE)

    return app


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise GrantRefused("invalid_request", "The body is not a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise GrantRefused("invalid_request", "A parameter is there twice.")
    return form
