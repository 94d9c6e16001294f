"""No signed statement passes for another, and none that was tampered with passes at all."""

import base64
import hashlib
import hmac
import itertools
import json
import stat
import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwk, jws

from common.errors import KeyUnavailable
from common.security import keys
from common.security.jwks import KeySet, KeysUnavailable, public_keys
from common.security.jws import NotGenuine, claimed
from common.security.keys import (
    ATTESTATION,
    KEYS,
    MANIFEST,
    PERMIT,
    SignedVerifier,
    Signer,
    generate_jwk,
    issue,
)

ISSUER = "http://issuer.test"
TOKEN_URL = f"{ISSUER}/oauth2/token"


def verifier_of(use, signer, clock):
    """As whoever accepts that kind would make it."""
    return SignedVerifier(
        use,
        signer.jwks,
        clock=clock,
        issuer=None if use.iss else ISSUER,
        audience=None if use.aud else TOKEN_URL,
    )


def statement_of(use, signer, clock, **changes):
    """As its owner would sign it."""
    claims = {"iss": use.iss or ISSUER, "aud": use.aud or TOKEN_URL, "sub": "a"}
    return issue(signer, use, claims | changes, at=clock.now())


def b64(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("use", KEYS, ids=lambda use: use.name)
def test_each_kind_passes_where_it_belongs(use, signer, clock):
    claims = verifier_of(use, signer, clock).verify(statement_of(use, signer, clock, of="this"))

    assert claims["of"] == "this"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param(given, wanted, id=f"{given.name}-as-{wanted.name}")
        for given, wanted in itertools.permutations(KEYS, 2)
    ],
)
def test_no_kind_passes_for_another_even_under_the_same_key(given, wanted, signer, clock):
    """Guard: `keys.demand`, called for every statement. One key signs for all here, so that
    nothing but the row's `typ`, `iss` and `aud` can tell them apart."""
    with pytest.raises(NotGenuine):
        verifier_of(wanted, signer, clock).verify(statement_of(given, signer, clock))


def test_no_two_rows_say_the_same():
    assert len({(use.typ, use.iss, use.aud) for use in KEYS}) == len(KEYS)
    assert len({use.name for use in KEYS}) == len(KEYS)


def signed(signer, clock, typ=PERMIT.typ, **changes):
    """A permit with something changed, and a good signature. None takes a claim away."""
    now = int(clock.now().timestamp())
    claims = {
        "iss": PERMIT.iss,
        "aud": PERMIT.aud,
        "azp": PERMIT.azp,
        "iat": now,
        "exp": now + 60,
        "jti": "1",
    } | changes
    return signer.sign({k: v for k, v in claims.items() if v is not None}, typ=typ)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"typ": "JWT"}, "another type"),
        ({"typ": "at+jwt"}, "another type"),
        ({"typ": "DSFC-PERMIT+JWT"}, "another type"),
        ({"iss": "urn:dsfc:dissemination"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "dissemination"}, "another audience"),
        ({"aud": ["pseudonymisation", "dissemination"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"azp": "0df-analytics"}, "another party"),
        ({"azp": None}, "another party"),
        ({"exp": None}, "no `exp`"),
        ({"exp": "2999-01-01"}, "no `exp`"),
        ({"exp": True}, "no `exp`"),
        ({"exp": float("inf")}, "is no time"),
        ({"iat": None}, "no `iat`"),
        ({"iat": 1, "exp": 2}, "has expired"),
        ({"iat": 1}, "lives longer"),
    ],
)
def test_a_permit_with_one_thing_wrong_is_refused(changes, why, signer, clock):
    with pytest.raises(NotGenuine, match=why):
        verifier_of(PERMIT, signer, clock).verify(signed(signer, clock, **changes))


def test_a_permit_ends_at_the_second_it_says(signer, clock):
    permit = signed(signer, clock)
    verifier = verifier_of(PERMIT, signer, clock)

    clock.advance(59)
    verifier.verify(permit)
    clock.advance(1)
    with pytest.raises(NotGenuine, match="has expired"):
        verifier.verify(permit)


def test_a_permit_from_the_future_is_refused(signer, clock):
    permit = signed(signer, clock)
    verifier = verifier_of(PERMIT, signer, clock)

    clock.advance(-30)
    verifier.verify(permit)
    clock.advance(-1)
    with pytest.raises(NotGenuine, match="in the future"):
        verifier.verify(permit)


def test_what_does_not_expire_may_not_say_that_it_does(signer, clock):
    manifest = statement_of(MANIFEST, signer, clock, exp=int(clock.now().timestamp()) + 10)

    with pytest.raises(NotGenuine, match="its kind does not"):
        verifier_of(MANIFEST, signer, clock).verify(manifest)


def test_an_attestation_may_live_for_thirty_days_and_no_longer(signer, clock):
    attestation = statement_of(ATTESTATION, signer, clock)
    verifier = verifier_of(ATTESTATION, signer, clock)

    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    verifier.verify(attestation)
    clock.advance(1)
    with pytest.raises(NotGenuine, match="has expired"):
        verifier.verify(attestation)


# Signatures.


def parts(compact):
    return compact.split(".")


def test_no_signature_is_no_statement(signer, clock):
    header, payload, _ = parts(signed(signer, clock))
    none = b64({"alg": "none", "typ": PERMIT.typ, "kid": signer.kid})
    verifier = verifier_of(PERMIT, signer, clock)

    for compact in (f"{none}.{payload}.", f"{none}.{payload}.{b64(b'x')}", f"{header}.{payload}."):
        with pytest.raises(NotGenuine):
            verifier.verify(compact)


@pytest.mark.parametrize("alg", ["HS256", "hs256", "none", "NONE", "ES384", "RS256", "", None, 5])
def test_only_the_algorithm_of_the_row_is_accepted(alg, signer, clock):
    _, payload, signature = parts(signed(signer, clock))
    header = b64({"alg": alg, "typ": PERMIT.typ, "kid": signer.kid})

    with pytest.raises(NotGenuine, match="algorithm is not accepted"):
        verifier_of(PERMIT, signer, clock).verify(f"{header}.{payload}.{signature}")


def test_the_public_key_is_not_a_secret_that_signs(signer, clock):
    """HS256 with the public key as its secret (CVE-2024-33663). Guard: `algorithms` is pinned."""
    pem = jwk.construct(dict(signer.public_jwk), "ES256").to_pem()
    header = b64({"alg": "HS256", "typ": PERMIT.typ, "kid": signer.kid})
    payload = parts(signed(signer, clock))[1]
    text = f"{header}.{payload}"
    signature = b64(hmac.digest(pem, text.encode(), hashlib.sha256))

    with pytest.raises(NotGenuine, match="algorithm is not accepted"):
        verifier_of(PERMIT, signer, clock).verify(f"{text}.{signature}")


def test_another_key_under_the_same_name_is_found_out(signer, stranger, clock):
    claims = parts(signed(signer, clock))[1]
    payload = base64.urlsafe_b64decode(claims + "==")
    forged = jws.sign(
        payload,
        stranger._key,
        headers={"typ": PERMIT.typ, "kid": signer.kid},
        algorithm="ES256",
    )

    with pytest.raises(NotGenuine, match="signature is not right"):
        verifier_of(PERMIT, signer, clock).verify(forged)


def test_a_key_that_the_owner_does_not_publish_is_not_known(signer, stranger, clock):
    with pytest.raises(NotGenuine, match="key is not known"):
        verifier_of(PERMIT, signer, clock).verify(signed(stranger, clock))


def test_every_altered_character_is_found_out(signer, clock):
    """Also the last ones of each part, whose spare bits lax decoders ignore."""
    compact = signed(signer, clock)
    verifier = verifier_of(PERMIT, signer, clock)
    ends = [i - 1 for i, c in enumerate(compact) if c == "."] + [len(compact) - 1]

    for place in {*range(0, len(compact), 7), *ends}:
        if compact[place] == ".":
            continue
        for other in {"A", "B", "-", "_"} - {compact[place]}:
            altered = compact[:place] + other + compact[place + 1 :]
            with pytest.raises(NotGenuine):
                verifier.verify(altered)


@pytest.mark.parametrize(
    "junk", ["", ".", "..", "a.b", "a.b.c.d", "ü.b.c", " ", "a.b.c\n", "=.=.="]
)
def test_what_is_no_compact_jws_is_refused(junk, signer, clock):
    with pytest.raises(NotGenuine):
        verifier_of(PERMIT, signer, clock).verify(junk)


@pytest.mark.parametrize("around", ["{}=", " {}", "{}\n", "{}==", "{} "])
def test_nothing_may_stand_around_it(around, signer, clock):
    with pytest.raises(NotGenuine, match="not a compact JWS"):
        verifier_of(PERMIT, signer, clock).verify(around.format(signed(signer, clock)))


@pytest.mark.parametrize(
    "member", [{"crit": ["exp"]}, {"jku": "http://evil.test"}, {"jwk": {}}, {"b64": False}]
)
def test_a_header_does_not_say_how_it_is_judged(member, signer, clock):
    compact = jws.sign(
        {"iss": PERMIT.iss},
        signer._key,
        headers={"typ": PERMIT.typ, "kid": signer.kid, **member},
        algorithm="ES256",
    )

    with pytest.raises(NotGenuine, match="members that are not accepted"):
        verifier_of(PERMIT, signer, clock).verify(compact)


@pytest.mark.parametrize("header", [{"kid": None}, {"kid": 5}, {"typ": None}, {"typ": []}])
def test_a_header_names_its_key_and_its_type(header, signer, clock):
    compact = jws.sign(
        {"iss": PERMIT.iss},
        signer._key,
        headers={"typ": PERMIT.typ, "kid": signer.kid} | header,
        algorithm="ES256",
    )

    with pytest.raises(NotGenuine, match="names no key or no type"):
        verifier_of(PERMIT, signer, clock).verify(compact)


@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b"{", b"\xff"])
def test_claims_are_an_object(payload, signer, clock):
    compact = jws.sign(
        payload,
        signer._key,
        headers={"typ": PERMIT.typ, "kid": signer.kid},
        algorithm="ES256",
    )

    with pytest.raises(NotGenuine, match=r"not JSON|not a JSON object"):
        verifier_of(PERMIT, signer, clock).verify(compact)


def test_a_refusal_does_not_quote_what_was_refused(signer, clock):
    compact = signed(signer, clock, iss="9990000018")

    with pytest.raises(NotGenuine) as refused:
        verifier_of(PERMIT, signer, clock).verify(compact)
    assert "9990000018" not in refused.value.detail


def test_what_is_claimed_is_read_without_being_believed(signer, clock):
    compact = signed(signer, clock, sub="csu")

    assert claimed(compact, "sub") == "csu"
    assert claimed(compact, "exp") is None
    assert claimed("not.a.jws", "sub") is None
    assert claimed("nothing", "sub") is None
    assert claimed(f"{b64({})}.{b64(b'[]')}.{b64(b'x')}", "sub") is None


# Sets of keys.


class Source:
    """A key set that counts how often it is asked for, and can be away."""

    def __init__(self, *signers):
        self.signers = list(signers)
        self.asked = 0
        self.is_away = False

    def __call__(self):
        self.asked += 1
        if self.is_away:
            raise ConnectionError
        return {"keys": [dict(signer.public_jwk) for signer in self.signers]}


class Timer:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def timer():
    return Timer()


def test_a_known_key_is_fetched_once(signer, timer):
    source = Source(signer)
    key_set = KeySet(source, elapsed=timer)

    for _ in range(100):
        assert key_set.get(signer.kid) is not None
    assert source.asked == 1


def test_unknown_names_do_not_stampede_the_source(signer, timer):
    """Guard: `refetch_seconds`. A stranger can make up a new `kid` for each request."""
    source = Source(signer)
    key_set = KeySet(source, elapsed=timer, refetch_seconds=30)
    key_set.get(signer.kid)

    for number in range(1000):
        assert key_set.get(f"made-up-{number}") is None
    assert source.asked == 1
    timer.seconds += 30
    for number in range(1000):
        assert key_set.get(f"made-up-{number}") is None
    assert source.asked == 2


def test_many_at_once_fetch_once(signer):

    entered, go_on = threading.Event(), threading.Event()

    def fetch():
        source.asked += 1
        entered.set()
        assert go_on.wait(30)
        return signer.jwks()

    source = Source()
    key_set = KeySet(fetch)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(key_set.get(signer.kid))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(30)
    go_on.set()
    for thread in threads:
        thread.join()

    assert len(found) == 20
    assert all(found)
    assert source.asked == 1


def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(signer, stranger, timer):
    source = Source(signer)
    key_set = KeySet(source, elapsed=timer, refetch_seconds=30, refresh_seconds=300)
    assert key_set.get(signer.kid)
    source.signers = [stranger]

    timer.seconds += 30
    assert key_set.get(stranger.kid)
    assert key_set.get(signer.kid) is None


def test_a_withdrawn_key_is_forgotten_when_the_set_is_old(signer, timer):
    source = Source(signer)
    key_set = KeySet(source, elapsed=timer, refresh_seconds=300)
    assert key_set.get(signer.kid)
    source.signers = []

    timer.seconds += 299
    assert key_set.get(signer.kid)
    timer.seconds += 1
    assert key_set.get(signer.kid) is None


def test_while_its_source_is_away_a_known_key_serves_for_a_time(signer, timer):
    source = Source(signer)
    key_set = KeySet(source, elapsed=timer, refresh_seconds=300, keep_seconds=3600)
    assert key_set.get(signer.kid)
    source.is_away = True

    timer.seconds += 3599
    assert key_set.get(signer.kid)
    assert not key_set.is_current(signer.kid)
    timer.seconds += 1
    with pytest.raises(KeysUnavailable):
        key_set.get(signer.kid)


def test_a_source_that_was_never_there_is_asked_seldom_and_found_when_it_comes(signer, timer):
    source = Source(signer)
    source.is_away = True
    key_set = KeySet(source, elapsed=timer, retry_seconds=1)

    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            key_set.get(signer.kid)
    assert source.asked == 1
    source.is_away = False
    timer.seconds += 1
    assert key_set.get(signer.kid)


def rsa_jwk(bits):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {**jwk.construct(pem.decode(), "RS256").to_dict(), "kid": f"rsa-{bits}"}


def test_only_keys_that_may_verify_are_taken(signer):
    good = dict(signer.public_jwk)
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    refused = [
        {"kty": "oct", "k": b64(b"secret"), "kid": "secret", "alg": "HS256"},
        {**good, "kid": "for-encryption", "use": "enc"},
        {**good, "kid": "of-another-algorithm", "alg": "RS256"},
        {**good, "kid": 5},
        {name: value for name, value in good.items() if name != "kid"},
        {**good, "kid": "off-the-curve", "x": good["y"]},
        {"kid": "half", "kty": "EC", "crv": "P-256", "x": good["x"]},
        {
            "kid": "p-384",
            "kty": "EC",
            "crv": "P-384",
            "x": b64(other_curve.x.to_bytes(48, "big")),
            "y": b64(other_curve.y.to_bytes(48, "big")),
        },
        rsa_jwk(1024),
        {**rsa_jwk(2048), "kid": "hmac", "alg": "HS256"},
    ]

    taken = public_keys({"keys": [*refused, good, rsa_jwk(2048)]})

    assert {kid: key.algorithm for kid, key in taken.items()} == {
        signer.kid: "ES256",
        "rsa-2048": "RS256",
    }


# Private keys.


def test_a_key_file_is_its_owners_alone_and_is_never_overwritten(tmp_path):
    path = tmp_path / "keys" / "signing.jwk"

    made = keys.generate(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer(path).kid == made.kid == keys.load_or_generate(path).kid
    with pytest.raises(FileExistsError):
        keys.generate(path)
    assert keys.load_or_generate(tmp_path / "other.jwk").kid != made.kid


def test_a_signer_shows_nothing_private(signer):
    private = generate_jwk()
    one = Signer(private)

    shown = json.dumps([one.jwks(), dict(one.public_jwk), repr(one)])

    assert private["d"] not in shown
    assert set(one.public_jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_a_key_has_the_name_that_rfc_7638_gives_it():
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }

    expected = hashlib.sha256(
        b'{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
        b'"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
    ).digest()
    assert keys.thumbprint(key) == b64(expected)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"kty": "RSA"}', "not JSON"])
def test_a_key_file_that_is_gone_or_broken_is_unavailable(tmp_path, content):
    path = tmp_path / "signing.jwk"
    if content is not None:
        path.write_text(content)

    with pytest.raises(KeyUnavailable) as refused:
        Signer(path)
    assert str(path) not in refused.value.detail


def test_a_public_key_does_not_sign(signer):
    with pytest.raises(KeyUnavailable):
        Signer(dict(signer.public_jwk))


def test_what_the_table_names_is_not_named_again(signer):
    with pytest.raises(ValueError, match="issuer"):
        SignedVerifier(PERMIT, signer.jwks, issuer="urn:dsfc:else")
    with pytest.raises(ValueError, match="issuer"):
        SignedVerifier(keys.CLIENT_ASSERTION, signer.jwks, audience=TOKEN_URL)


def test_a_claim_cannot_take_the_place_of_the_rows(signer, clock):
    compact = statement_of(PERMIT, signer, clock, iss="urn:evil", azp="evil", exp=9e9)

    claims = verifier_of(PERMIT, signer, clock).verify(compact)

    assert (claims["iss"], claims["azp"]) == (PERMIT.iss, PERMIT.azp)
    assert claims["exp"] - claims["iat"] == 60


def test_the_page_of_keys_has_a_line_for_each():
    page = keys.render()

    for use in KEYS:
        (line,) = [one for one in page.splitlines() if one.startswith(f"| {use.name} |")]
        assert f"`{use.typ}`" in line
        assert line.count("|") == len(keys.COLUMNS) + 1
