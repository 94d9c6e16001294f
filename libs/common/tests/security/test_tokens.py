"""From the text after `Bearer` to a principal, or a refusal."""

from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jws

from common.errors import Unauthenticated
from common.security.jwks import KeySet, KeysUnavailable
from common.security.keys import AUDIENCES, PERMIT, issue
from common.security.principal import Principal
from common.security.roles import TRAINED, Role
from common.security.tokens import JwksTokenVerifier, TrainingLapsed
from dsfc_testing.tokens import ISSUER_URL


@pytest.fixture
def verifier(identities):
    return identities.verifier()


@pytest.fixture
def claims(clock):
    """What a good token for dissemination says."""
    now = int(clock.now().timestamp())
    return {
        "iss": ISSUER_URL,
        "aud": "dissemination",
        "sub": "0df-analytics",
        "azp": "0df-analytics",
        "client_id": "0df-analytics",
        "ods": "0DF",
        "scope": "dsfc:csu-system",
        "jti": "t-1",
        "iat": now,
        "exp": now + 300,
    }


@pytest.fixture
def token(identities, claims):
    """`token(exp=None, scope="...")`: that token with changes; None takes a claim away."""

    def make(*, typ="at+jwt", signer=identities.signer, **changes):
        changed = {k: v for k, v in (claims | changes).items() if v is not None}
        return signer.sign(changed, typ=typ)

    return make


def test_a_good_token_says_who_is_calling(token, verifier, clock):
    assert verifier.verify(token(), audience="dissemination") == Principal(
        subject="0df-analytics",
        client_id="0df-analytics",
        organisation="0DF",
        role=Role.CSU_SYSTEM,
        token_id="t-1",
        expires_at=clock.now() + timedelta(seconds=300),
        audience="dissemination",
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"typ": "JWT"}, "another type"),
        ({"typ": PERMIT.typ}, "another type"),
        ({"iss": "http://evil.test"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "agreements"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": ["account"]}, "another audience"),
        ({"aud": ["dissemination", "agreements"]}, "another audience"),
        ({"exp": None}, "no `exp`"),
        ({"exp": 1, "iat": 0}, "has expired"),
        ({"iat": None}, "no `iat`"),
        ({"iat": 2_000_000_000, "exp": 2_000_000_010}, "in the future"),
        ({"iat": 0}, "lives longer"),
        ({"sub": None}, "no `sub`"),
        ({"sub": ""}, "no `sub`"),
        ({"sub": 7}, "no `sub`"),
        ({"azp": None, "client_id": None}, "no `azp`"),
        ({"azp": "somebody-else"}, "differ"),
        ({"ods": None}, "no `ods`"),
        ({"jti": None}, "no `jti`"),
        ({"scope": None}, "no `scope`"),
        ({"scope": "openid"}, "exactly one role"),
        ({"scope": "dsfc:csu-system dsfc:dscro-operator"}, "exactly one role"),
        ({"scope": "dsfc:csu-system dsfc:csu-system"}, "exactly one role"),
        ({"scope": "dsfc:emperor"}, "not known"),
        ({"scope": "dsfc:"}, "not known"),
        ({"scope": "csu-system"}, "exactly one role"),
    ],
)
def test_a_token_with_one_thing_wrong_is_refused(changes, why, token, verifier):
    with pytest.raises(Unauthenticated, match=why):
        verifier.verify(token(**changes), audience="dissemination")


def test_scopes_and_audiences_of_others_do_not_matter(token, verifier):
    """A provider adds `openid` and `account`; they say nothing to us."""
    principal = verifier.verify(
        token(scope="openid dsfc:auditor profile", aud=["account", "dissemination"]),
        audience="dissemination",
    )

    assert principal.role is Role.AUDITOR


def test_each_token_is_for_one_service(token_for, verifier):
    """Guard: `aud`. A service that is called could otherwise call another as its caller."""
    for audience in AUDIENCES:
        given = token_for(Role.AUDITOR, audience=audience)
        verifier.verify(given, audience=audience)
        for other in set(AUDIENCES) - {audience}:
            with pytest.raises(Unauthenticated, match="another audience"):
                verifier.verify(given, audience=other)


def test_a_token_that_is_remembered_is_still_for_one_service(token_for, verifier):
    given = token_for(Role.AUDITOR, audience="agreements")
    verifier.verify(given, audience="agreements")

    with pytest.raises(Unauthenticated):
        verifier.verify(given, audience="dissemination")
    with pytest.raises(Unauthenticated):
        verifier.known(given, audience="dissemination")


def test_a_permit_is_no_access_token(identities, verifier, clock):
    """Under the issuer's own key, so that only its kind can give it away."""
    permit = issue(identities.signer, PERMIT, {"sub": "a", "scope": "dsfc:auditor"}, at=clock.now())

    for audience in AUDIENCES:
        with pytest.raises(Unauthenticated):
            verifier.verify(permit, audience=audience)


def test_another_issuers_token_is_refused(token, stranger, verifier):
    with pytest.raises(Unauthenticated, match="key is not known"):
        verifier.verify(token(signer=stranger), audience="dissemination")


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "\ud800", "é" * 10, "x" * 20_000])
def test_what_is_no_token_is_refused(text, verifier):
    with pytest.raises(Unauthenticated):
        verifier.verify(text, audience="dissemination")


def test_a_token_has_a_longest_length(token, verifier):
    with pytest.raises(Unauthenticated, match="too long"):
        verifier.verify(token(padding="x" * 16_000), audience="dissemination")


def test_a_refusal_does_not_quote_the_token(token, verifier):
    given = token(sub="9990000018", exp=None)

    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(given, audience="dissemination")
    assert "9990000018" not in refused.value.detail
    assert given not in refused.value.detail
    assert refused.value.code == "UNAUTHENTICATED"


def test_a_token_ends_also_when_it_is_remembered(token, verifier, clock):
    """Guard: the remembered part is the signature, and expiry is judged at each call."""
    given = token()
    verifier.verify(given, audience="dissemination")

    clock.advance(299)
    verifier.verify(given, audience="dissemination")
    clock.advance(1)
    for ask in (verifier.verify, verifier.known):
        with pytest.raises(Unauthenticated, match="has expired"):
            ask(given, audience="dissemination")


def test_a_token_is_not_judged_at_once_by_a_clock_that_would_have_to_be_asked(
    verifier, token_for, clock, monkeypatch
):
    """Guard: `now_at_once`. An event loop would be held as long as the database stands still."""
    given = token_for(Role.CSU_SYSTEM, ods="0DF", audience="dissemination")
    verifier.verify(given, audience="dissemination")
    assert verifier.known(given, audience="dissemination") is not None

    monkeypatch.setattr(clock, "now_at_once", lambda: None, raising=False)

    assert verifier.known(given, audience="dissemination") is None


def test_a_remembered_token_costs_no_signature_and_an_unknown_one_is_not_known(
    token, verifier, monkeypatch
):
    given = token()
    assert verifier.known(given, audience="dissemination") is None
    principal = verifier.verify(given, audience="dissemination")

    def refuse(*_arguments, **_options):
        raise AssertionError("it was verified again")

    monkeypatch.setattr("common.security.tokens.open_compact", refuse)

    assert verifier.verify(given, audience="dissemination") == principal
    assert verifier.known(given, audience="dissemination") == principal


def test_a_refused_token_is_not_remembered_as_good(token, verifier):
    given = token(aud="agreements")
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            verifier.verify(given, audience="dissemination")


def test_what_is_remembered_has_a_limit(token, identities, clock):
    verifier = JwksTokenVerifier(identities.url, identities.issuer.jwks, clock, verified_max=3)
    tokens = [token(jti=f"t-{number}") for number in range(5)]
    for given in tokens:
        verifier.verify(given, audience="dissemination")

    known = [verifier.known(given, audience="dissemination") is not None for given in tokens]
    assert known == [False, False, True, True, True]


def test_a_withdrawn_key_ends_the_tokens_that_it_signed(token, identities, clock):
    """Guard: `is_current`. A remembered signature is as good as its key is now."""
    seconds = [0.0]
    published = [identities.issuer.jwks()]
    keys = KeySet(lambda: published[0], refresh_seconds=300, elapsed=lambda: seconds[0])
    verifier = JwksTokenVerifier(identities.url, keys, clock)
    given = token(exp=int(clock.now().timestamp()) + 3000)
    verifier.verify(given, audience="dissemination")

    published[0] = {"keys": []}
    seconds[0] = 300
    assert verifier.known(given, audience="dissemination") is None
    with pytest.raises(Unauthenticated, match="key is not known"):
        verifier.verify(given, audience="dissemination")


def test_without_any_key_the_answer_is_that_we_cannot_say(token, identities, clock):
    def away():
        raise ConnectionError

    verifier = JwksTokenVerifier(identities.url, away, clock)

    with pytest.raises(KeysUnavailable):
        verifier.verify(token(), audience="dissemination")


# An OpenID provider that signs with RSA.


@pytest.fixture(scope="module")
def provider():
    """A key as Keycloak has it by default: (private PEM, public JWK)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, {**jwk.construct(public.decode(), "RS256").to_dict(), "kid": "rsa"}


def test_a_provider_may_sign_with_rsa(provider, claims, clock):
    private, public = provider
    token = jws.sign(claims, private, headers={"typ": "at+jwt", "kid": "rsa"}, algorithm="RS256")
    verifier = JwksTokenVerifier(ISSUER_URL, lambda: {"keys": [public]}, clock)

    assert verifier.verify(token, audience="dissemination").subject == claims["sub"]


def test_a_key_is_used_with_its_own_algorithm_only(provider, claims, identities, clock):
    """Guard: `key.algorithm != algorithm`. Both algorithms are allowed, each for its keys."""
    private, public = provider
    keys = {"keys": [public, *identities.issuer.jwks()["keys"]]}
    verifier = JwksTokenVerifier(ISSUER_URL, lambda: keys, clock)
    token = jws.sign(
        claims,
        private,
        headers={"typ": "at+jwt", "kid": identities.signer.kid},
        algorithm="RS256",
    )

    with pytest.raises(Unauthenticated, match="for another algorithm"):
        verifier.verify(token, audience="dissemination")


# Training (domain.md section 0, ruling 18).


@pytest.mark.parametrize("role", sorted(TRAINED))
def test_a_dscro_role_needs_training_in_date(role, token, verifier, clock):
    today = clock.now().date()

    def with_training(until):
        return token(scope=role.scope, training_valid_until=until)

    assert verifier.verify(with_training(today.isoformat()), audience="dissemination").role is role
    yesterday = (today - timedelta(days=1)).isoformat()
    for until in (yesterday, None, "", "soon", 20180601):
        given = with_training(until)
        for _ in range(2):  # also when it is remembered
            with pytest.raises(TrainingLapsed) as refused:
                verifier.verify(given, audience="dissemination")
        assert refused.value.code == "TRAINING_LAPSED"


def test_training_is_in_date_until_midnight_in_london(identities, clock, verifier):
    """The end is inclusive, and a day is London's: 23:30 UTC in June is the next day there."""
    clock.set(datetime(2018, 6, 1, 22, 59, tzinfo=UTC))
    given = identities.token_for(
        Role.DSCRO_OPERATOR,
        audience="pseudonymisation",
        training_valid_until=date(2018, 6, 1),
    )

    verifier.verify(given, audience="pseudonymisation")
    clock.set(datetime(2018, 6, 1, 23, 0, tzinfo=UTC))
    with pytest.raises(TrainingLapsed):
        verifier.verify(given, audience="pseudonymisation")


def test_other_roles_need_no_training(token, verifier):
    for role in set(Role) - TRAINED:
        given = token(scope=role.scope, training_valid_until="2000-01-01")
        assert verifier.verify(given, audience="dissemination").role is role
