"""Keys, what each is for, and how a signed statement is told from every other kind.

Each row of `KEYS` is one kind of signed statement. A verifier demands everything that its
row says (algorithm, `typ`, `iss`, `aud`, `azp`, expiry), so that no token passes for another
(design.md section 8). docs/keys.md is generated from this table.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jose import jwk
from jose.utils import base64url_decode

from common import files
from common.clock import Clock, SystemClock
from common.errors import KeyUnavailable
from common.ids import new_id
from common.security.jwks import Jwks, KeySet
from common.security.jws import NotGenuine, Opened, base64url_encode, open_compact

ISSUED_AHEAD_MAX = timedelta(seconds=30)
"""How far the clock of whoever signed may run before ours."""

ES256 = ec.ECDSA(hashes.SHA256())
COORDINATE_BYTES = 32

STATEMENT_LENGTH_MAX = 4 * 1024 * 1024
"""An attestation lists every column and edition; this is far more than any has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """One kind of signed statement. None means: named by the settings of who verifies."""

    name: str
    owner: str
    use: str
    typ: str
    iss: str | None
    aud: str | None
    public_half: str
    azp: str | None = None
    algorithms: tuple[str, ...] = ("ES256",)
    lifetime_max: timedelta | None = None
    """None: the statement does not expire, and says so by carrying no `exp`."""


AUDIENCES = ("applications", "agreements", "pseudonymisation", "dissemination")
"""The services, as an access token's `aud` names them."""


def audience_scope(audience: str) -> str:
    """Say in `scope` what `resource` says: not every provider knows RFC 8707 (Keycloak)."""
    return f"audience:{audience}"


def access_token(audience: str) -> KeyUse:
    return KeyUse(
        name=f"access-token-{audience}",
        owner="the issuer (OpenID provider)",
        use=f"A caller of {audience} says who they are",
        typ="at+jwt",
        iss=None,
        aud=audience,
        public_half="the issuer's `jwks_uri`",
        algorithms=("ES256", "RS256"),
        lifetime_max=timedelta(hours=1),
    )


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""How a token request says that it authenticates with a `CLIENT_ASSERTION` (RFC 7523)."""

CLIENT_ASSERTION = KeyUse(
    name="client-assertion",
    owner="each client",
    use="A client authenticates at the token endpoint (`private_key_jwt`, RFC 7523), once",
    typ="client-authentication+jwt",
    iss=None,
    aud=None,
    public_half="the client's registration at the issuer",
    lifetime_max=timedelta(minutes=5),
)

PERMIT = KeyUse(
    name="permit",
    owner="agreements",
    use="Lets dissemination have one extract prepared",
    typ="dsfc-permit+jwt",
    iss="urn:dsfc:agreements",
    aud="pseudonymisation",
    azp="dissemination",
    public_half="agreements `/.well-known/jwks.json`",
    lifetime_max=timedelta(seconds=60),
)

PREVIEW = replace(
    PERMIT,
    name="preview",
    use="Lets dissemination ask whether a request would wait; nothing is prepared by it",
    typ="dsfc-preview+jwt",
)

ATTESTATION = KeyUse(
    name="attestation",
    owner="pseudonymisation",
    use="The haven vouches for what is in a prepared file",
    typ="dsfc-attestation+jwt",
    iss="urn:dsfc:pseudonymisation",
    aud="agreements",
    public_half="pseudonymisation `/.well-known/jwks.json`",
    lifetime_max=timedelta(days=30),
)

KEY_ORDER = KeyUse(
    name="key-order",
    owner="each custodian of the haven's keys",
    use="A custodian orders that a key of the haven is made or destroyed; two have to",
    typ="dsfc-key-order+jwt",
    iss="urn:dsfc:key-custodian",
    aud="pseudonymisation",
    public_half="the haven's file of custodians (`KEY_CUSTODIANS_FILE`)",
    lifetime_max=timedelta(days=1),
)


def _lasting(name: str, owner: str, use: str, aud: str, typ: str | None = None) -> KeyUse:
    """Return a statement that does not expire; its key is shown by the service that owns it."""
    return KeyUse(
        name=name,
        owner=owner,
        use=use,
        typ=f"dsfc-{typ or name}+jws",
        iss=f"urn:dsfc:{owner}",
        aud=f"urn:dsfc:{aud}",
        public_half=f"{owner} `/.well-known/jwks.json`",
    )


MANIFEST = _lasting(
    "manifest", "dissemination", "Tells the recipient what a released file is", "recipient"
)

SEAL = _lasting(
    "seal",
    "agreements",
    "Fixes what agreements recorded, change by change: facts that open the gate, permits, "
    "reservations, released files and what became of them",
    "agreements:facts",
)

SIGNATURE_RECEIPT = _lasting(
    "signature-receipt",
    "agreements",
    "Says which document was signed, for whom, in which capacity and role, by whom and when",
    "agreements:signatures",
)

REGISTER_STATEMENT = _lasting(
    "register-statement",
    "agreements",
    "Says to everybody what a public register said at an instant, and whether it was complete",
    "public",
)

DATA_USES_STATEMENT = _lasting(
    "data-uses-statement",
    "dissemination",
    "Says to everybody what the register of data uses said, and whether it was complete",
    "public",
)


def checkpoint(log: str) -> KeyUse:
    """Return the signed head of a service's audit log; `log` is the service's name."""
    use = f"Fixes the head of the audit log of {log}, outside its database"
    return _lasting(f"checkpoint-{log}", log, use, "auditor", "checkpoint")


KEYS: tuple[KeyUse, ...] = (
    *(access_token(audience) for audience in AUDIENCES),
    CLIENT_ASSERTION,
    PERMIT,
    PREVIEW,
    ATTESTATION,
    KEY_ORDER,
    MANIFEST,
    SEAL,
    SIGNATURE_RECEIPT,
    REGISTER_STATEMENT,
    DATA_USES_STATEMENT,
    *(checkpoint(log) for log in AUDIENCES),
)


class Signer:
    """A private key on P-256 that signs with ES256. It never shows its private half."""

    def __init__(self, source: Path | Mapping[str, Any]) -> None:
        """`source`: a file with a private JWK, or the JWK. Raises KeyUnavailable."""
        private = _read(source) if isinstance(source, Path) else dict(source)
        if (private.get("kty"), private.get("crv")) != ("EC", "P-256") or "d" not in private:
            raise KeyUnavailable("The key is not a private JWK on P-256.")
        self.public_jwk: Mapping[str, str] = _public(private)
        self.kid = self.public_jwk["kid"]
        members = {name: private[name] for name in ("kty", "crv", "x", "y", "d")}
        self._key = jwk.construct(members, "ES256")
        self._private = _private_key(members)
        self._secret = members["d"].encode()
        self._heads: dict[str, bytes] = {}
        self._macs: dict[str, hmac.HMAC] = {}
        """There are as many of both as kinds of statement."""

    def __repr__(self) -> str:
        return f"Signer(kid={self.kid!r})"

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """Return a compact JWS over the claims as they are."""
        return self.sign_json(json.dumps(dict(claims), separators=(",", ":")).encode(), typ=typ)

    def sign_json(self, claims: bytes, *, typ: str) -> str:
        """Return a compact JWS over claims that are written already.

        By the library beneath python-jose, which would write header and claims anew each time and
        takes three times as long; whoever verifies does it by python-jose.
        """
        head = self._heads.get(typ)
        if head is None:
            members = {"alg": "ES256", "kid": self.kid, "typ": typ}
            text = json.dumps(members, separators=(",", ":"), sort_keys=True)
            head = self._heads[typ] = base64url_encode(text.encode()) + b"."
        signed = head + base64url_encode(claims)
        r, s = decode_dss_signature(self._private.sign(signed, ES256))
        signature = r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
        return f"{signed.decode('ascii')}.{base64url_encode(signature).decode('ascii')}"

    def mac(self, text: str, *, typ: str) -> str:
        """A mark on a text that only the holders of this key can make, and can tell from others.

        For what a service keeps for itself: it takes microseconds, where a signature takes many
        times as long.
        """
        begun = self._macs.get(typ)
        if begun is None:
            key = hmac.digest(self._secret, f"mac of {typ}".encode(), "sha256")
            begun = self._macs[typ] = hmac.new(key, digestmod="sha256")
        mac = begun.copy()  # half of the time that a new one takes
        mac.update(text.encode())
        return mac.hexdigest()

    def jwks(self) -> dict[str, Any]:
        """Return what `/.well-known/jwks.json` answers."""
        return {"keys": [dict(self.public_jwk)]}


def issue(
    signer: Signer,
    use: KeyUse,
    claims: Mapping[str, Any],
    *,
    at: datetime,
    lifetime: timedelta | None = None,
) -> str:
    """Sign `claims` as that kind of statement: `iss aud azp iat jti exp typ` are the row's.

    What the row leaves open (`iss` or `aud` None) must be among the claims. `jti` may be.
    """
    registered = _registered(use, at=at, lifetime=lifetime)
    return signer.sign({"jti": str(new_id()), **claims, **registered}, typ=use.typ)


def issue_written(
    signer: Signer,
    use: KeyUse,
    claims: bytes,
    *,
    jti: str,
    at: datetime,
    lifetime: timedelta | None = None,
) -> str:
    """Sign claims that are written already, as `issue` does.

    They are an object that has members, none of which `issue` would add.
    """
    added = orjson.dumps({"jti": jti, **_registered(use, at=at, lifetime=lifetime)})
    return signer.sign_json(claims[:-1] + b"," + added[1:], typ=use.typ)


def _registered(use: KeyUse, *, at: datetime, lifetime: timedelta | None) -> dict[str, Any]:
    registered: dict[str, Any] = {"iat": int(at.timestamp())}
    fixed = {"iss": use.iss, "aud": use.aud, "azp": use.azp}
    registered |= {name: value for name, value in fixed.items() if value is not None}
    if use.lifetime_max is not None:
        registered["exp"] = int((at + (lifetime or use.lifetime_max)).timestamp())
    return registered


class SignedVerifier:
    """Accepts statements of one kind only."""

    def __init__(
        self,
        use: KeyUse,
        jwks: Callable[[], Jwks] | KeySet,
        *,
        clock: Clock | None = None,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        """Take the owner's key set from `jwks`, now and whenever a new key is named.

        `issuer` and `audience` fill what the row leaves open, and nothing else.
        """
        self._use = use
        self._keys = jwks if isinstance(jwks, KeySet) else KeySet(jwks)
        self._clock = clock or SystemClock()
        self._issuer = _settled("issuer", use.iss, issuer)
        self._audience = _settled("audience", use.aud, audience)

    def verify(self, compact: str) -> dict[str, Any]:
        """Return its claims. Raise NotGenuine, or KeysUnavailable where there is no key."""
        opened = open_compact(
            compact,
            self._keys,
            algorithms=self._use.algorithms,
            length_max=STATEMENT_LENGTH_MAX,
        )
        demand(
            opened,
            use=self._use,
            issuer=self._issuer,
            audience=self._audience,
            now=self._clock.now(),
        )
        return dict(opened.claims)


def demand(opened: Opened, *, use: KeyUse, issuer: str, audience: str, now: datetime) -> None:
    """Raise NotGenuine unless the statement is of that kind, for us, and of now."""
    claims = opened.claims
    if opened.typ != use.typ:
        raise NotGenuine("It is of another type.")
    if claims.get("iss") != issuer:
        raise NotGenuine("It is from another issuer.")
    if claims.get("aud") != audience:
        raise NotGenuine("It is for another audience.")
    if use.azp is not None and claims.get("azp") != use.azp:
        raise NotGenuine("It was given to another party.")
    issued = instant(claims, "iat")
    if issued > now + ISSUED_AHEAD_MAX:
        raise NotGenuine("It was issued in the future.")
    if use.lifetime_max is None:
        if "exp" in claims:
            raise NotGenuine("It expires, and its kind does not.")
        return
    expires = instant(claims, "exp")
    if expires - issued > use.lifetime_max:
        raise NotGenuine("It lives longer than its kind may.")
    if expires <= now:
        raise NotGenuine("It has expired.")


def instant(claims: Mapping[str, Any], name: str) -> datetime:
    """Return a NumericDate (RFC 7519). Raise NotGenuine where it is missing or no time."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotGenuine(f"It has no `{name}`.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as failure:
        raise NotGenuine(f"Its `{name}` is no time.") from failure


def generate(path: Path) -> Signer:
    """Make a private key in a new file that only its owner can read. Never overwrites."""
    private = generate_jwk()
    files.directory(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(private, file, indent=2)
        file.write("\n")
    return Signer(private)


def load_or_generate(path: Path) -> Signer:
    """Return the key in that file, made now if the file is not there. For development."""
    return Signer(path) if path.exists() else generate(path)


def generate_jwk() -> dict[str, Any]:
    """Return a new private key on P-256 as a JWK."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    private = {
        "kty": "EC",
        "crv": "P-256",
        "x": _coordinate(point.x),
        "y": _coordinate(point.y),
        "d": _coordinate(numbers.private_value),
    }
    return {**_public(private), "d": private["d"]}


def thumbprint(key: Mapping[str, Any]) -> str:
    """RFC 7638, of a key on an elliptic curve."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return base64url_encode(hashlib.sha256(text).digest()).decode("ascii")


COLUMNS = (
    *("name", "owner", "use", "`typ`", "`alg`", "`iss`", "`aud`", "`azp`"),
    *("longest life", "public half"),
)


def render(keys: Sequence[KeyUse] = KEYS) -> str:
    """docs/keys.md, from the table."""
    lines = [
        "# Keys",
        "",
        "Generated by `make contracts` from `common.security.keys.KEYS`; do not edit.",
        "",
        "A verifier demands every column of its row: the algorithm, `typ`, `iss`, `aud`, `azp`",
        "and the longest life. A statement that lacks one, or that carries another's, is",
        "refused, so no token passes for another. A `kid` is the RFC 7638 thumbprint.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    lines += [
        "| "
        + " | ".join(
            (
                use.name,
                use.owner,
                use.use,
                f"`{use.typ}`",
                ", ".join(use.algorithms),
                f"`{use.iss}`" if use.iss else "from the settings",
                f"`{use.aud}`" if use.aud else "from the settings",
                f"`{use.azp}`" if use.azp else "",
                _life(use.lifetime_max),
                use.public_half,
            )
        )
        + " |"
        for use in keys
    ]
    return "\n".join([*lines, ""])


def _life(lifetime: timedelta | None) -> str:
    if lifetime is None:
        return "does not expire"
    return f"{lifetime.days} days" if lifetime.days else f"{int(lifetime.total_seconds())} s"


def _settled(what: str, fixed: str | None, given: str | None) -> str:
    if (fixed is None) == (given is None):
        raise ValueError(f"{what}: either the key table names it or the caller does")
    return fixed or given or ""


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise KeyUnavailable("A key file cannot be read.") from failure
    if not isinstance(value, dict):
        raise KeyUnavailable("A key file does not hold a JWK.")
    return value


def _public(private: Mapping[str, Any]) -> dict[str, str]:
    public = {name: str(private[name]) for name in ("kty", "crv", "x", "y")}
    return {**public, "kid": thumbprint(private), "alg": "ES256", "use": "sig"}


def _private_key(members: Mapping[str, str]) -> ec.EllipticCurvePrivateKey:
    x, y, d = (
        int.from_bytes(base64url_decode(members[name].encode()), "big") for name in ("x", "y", "d")
    )
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
    return ec.EllipticCurvePrivateNumbers(d, public).private_key()


def _coordinate(value: int) -> str:
    return base64url_encode(value.to_bytes(COORDINATE_BYTES, "big")).decode("ascii")
