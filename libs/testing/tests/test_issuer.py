"""The development issuer and its client: private_key_jwt over real HTTP."""

import json
import threading
import time
from datetime import timedelta
from urllib.parse import parse_qs
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from jose import jwt
from jose.utils import base64url_encode

from common import http
from common.security.client import ServiceTokens, TokensUnavailable, token_request
from common.security.keys import CLIENT_ASSERTION, issue
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier
from dsfc_testing import issuer as issuers
from dsfc_testing.issuer import Identity, Issuer

URL = "http://issuer.test"
TOKEN_URL = f"{URL}/oauth2/token"


@pytest.fixture
def identity(signer):
    return Identity(
        client_id="0df-analytics",
        title="NEL CSU, analytics",
        ods="0DF",
        roles=frozenset({Role.CSU_SYSTEM, Role.CSU_ADVISER}),
        public_jwk=signer.public_jwk,
    )


@pytest.fixture
def issuer(identity, stranger, clock):
    return Issuer([identity], stranger, clock, URL)


@pytest.fixture
def remote(issuer):
    with TestClient(issuers.serve(issuer), base_url=URL) as client:
        yield client


@pytest.fixture
def form(signer, clock):
    """A good request; `form(assertion={...}, scope=None)` changes it, None takes away."""

    def make(*, assertion=None, signed_by=signer, **changes):
        claims = {"iss": "0df-analytics", "sub": "0df-analytics", "aud": TOKEN_URL}
        compact = issue(
            signed_by,
            CLIENT_ASSERTION,
            claims | (assertion or {}),
            at=clock.now(),
            lifetime=timedelta(seconds=60),
        )
        good = token_request(
            signer,
            client_id="0df-analytics",
            meant_for=TOKEN_URL,
            role=Role.CSU_SYSTEM,
            audience="dissemination",
            at=clock.now(),
        )
        changed = good | {"client_assertion": compact} | changes
        return {name: value for name, value in changed.items() if value is not None}

    return make


def test_a_token_is_given_for_an_assertion_and_is_accepted(remote, issuer, form, clock):
    answer = remote.post("/oauth2/token", data=form())

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    granted = answer.json()
    assert granted | {"token_type": "Bearer", "expires_in": 300} == granted
    assert granted["scope"] == "dsfc:csu-system"
    principal = JwksTokenVerifier(URL, issuer.jwks, clock).verify(
        granted["access_token"], audience="dissemination"
    )
    assert (principal.subject, principal.client_id) == ("0df-analytics", "0df-analytics")
    assert (principal.organisation, principal.role) == ("0DF", Role.CSU_SYSTEM)


def test_an_assertion_is_used_once(remote, form, clock):
    """Guard: `Issuer._use_once`."""
    once = form()
    assert remote.post("/oauth2/token", data=once).status_code == 200

    for _ in range(2):
        answer = remote.post("/oauth2/token", data=once)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "used before" in answer.json()["error_description"]
        clock.advance(59 / 2)
    assert remote.post("/oauth2/token", data=form()).status_code == 200


def test_the_same_name_of_an_assertion_is_refused_in_another_assertion(remote, form):
    assert remote.post("/oauth2/token", data=form(assertion={"jti": "1"})).status_code == 200
    assert remote.post("/oauth2/token", data=form(assertion={"jti": "1"})).status_code == 401


def test_of_many_at_once_one_uses_the_assertion(issuer, form):
    once = form()
    given, refused = [], []

    def ask():
        try:
            given.append(issuer.exchange(once))
        except issuers.GrantRefused as refusal:
            refused.append(refusal.error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(given) == 1
    assert refused == ["invalid_client"] * 7


def test_used_assertions_are_forgotten_when_they_have_expired(issuer, form, clock):
    for _ in range(5):
        issuer.exchange(form())
    clock.advance(61)
    issuer.exchange(form())

    assert len(issuer._used) == 1


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "x"}, 401, "invalid_client"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": "abc"}, 401, "invalid_client"),
        ({"client_id": "somebody-else"}, 401, "invalid_client"),
        ({"assertion": {"sub": "unheard-of", "iss": "unheard-of"}}, 401, "invalid_client"),
        ({"assertion": {"iss": "somebody-else"}}, 401, "invalid_client"),
        ({"assertion": {"aud": f"{URL}/other"}}, 401, "invalid_client"),
        ({"assertion": {"aud": "dissemination"}}, 401, "invalid_client"),
        ({"assertion": {"jti": ""}}, 401, "invalid_client"),
        ({"assertion": {"jti": 5}}, 401, "invalid_client"),
        ({"scope": "dsfc:csu-system dsfc:csu-adviser"}, 400, "invalid_scope"),
        ({"scope": "dsfc:dars-approver"}, 400, "invalid_scope"),
        ({"scope": "dsfc:csu-system audience:pseudonymisation"}, 400, "invalid_scope"),
        ({"scope": "audience:dissemination"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"resource": "payroll"}, 400, "invalid_target"),
        ({"resource": "dissemination agreements"}, 400, "invalid_target"),
        ({"resource": None}, 400, "invalid_target"),
    ],
)
def test_a_request_with_one_thing_wrong_is_refused(changes, status, error, remote, form):
    answer = remote.post("/oauth2/token", data=form(**changes))

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


def test_another_key_does_not_speak_for_a_client(remote, form, stranger):
    """Guard: each client's own key. The issuer's key is a stranger to it, too."""
    answer = remote.post("/oauth2/token", data=form(signed_by=stranger))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_access_token_is_no_assertion(remote, form):
    given = remote.post("/oauth2/token", data=form()).json()["access_token"]

    assert remote.post("/oauth2/token", data=form(client_assertion=given)).status_code == 401


@pytest.fixture
def assertion(signer, clock):
    """An assertion as a library writes it: `assertion(header, claims)`, signed by the client."""

    def make(header, **changes):
        now = int(clock.now().timestamp())
        claims = {
            "iss": "0df-analytics",
            "sub": "0df-analytics",
            "aud": TOKEN_URL,
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + 60,
        }
        parts = [json.dumps({"alg": "ES256", **header}), json.dumps(claims | changes)]
        signed = ".".join(base64url_encode(part.encode()).decode() for part in parts)
        return f"{signed}.{base64url_encode(signer._key.sign(signed.encode())).decode()}"

    return make


@pytest.mark.parametrize("typ", [{"typ": "JWT"}, {"typ": "jwt"}, {}, {"typ": CLIENT_ASSERTION.typ}])
@pytest.mark.parametrize("names_its_key", [True, False])
@pytest.mark.parametrize("audience", [TOKEN_URL, URL, [TOKEN_URL], [URL, TOKEN_URL]])
def test_assertions_of_common_libraries_are_taken(
    typ, names_its_key, audience, remote, form, assertion, signer
):
    header = typ | ({"kid": signer.public_jwk["kid"]} if names_its_key else {})

    answer = remote.post(
        "/oauth2/token", data=form(client_assertion=assertion(header, aud=audience))
    )

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ({"typ": "at+jwt"}, {}),
        ({"typ": "dsfc-permit+jwt"}, {}),
        ({"typ": 5}, {}),
        ({"kid": "another"}, {}),
        ({"alg": "none"}, {}),
        ({"crit": ["x"]}, {}),
        ({}, {"aud": []}),
        ({}, {"aud": ["https://elsewhere.example"]}),
        ({}, {"aud": [5]}),
        ({}, {"aud": "0df-analytics"}),
        ({}, {"aud": ""}),
        ({}, {"aud": None}),
    ],
)
def test_other_statements_are_not(header, changes, remote, form, assertion):
    answer = remote.post("/oauth2/token", data=form(client_assertion=assertion(header, **changes)))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_of_before_is_refused(remote, form, clock):
    old = form()
    clock.advance(60)

    assert remote.post("/oauth2/token", data=old).status_code == 401


def test_one_role_need_not_be_named(issuer, form, signer):
    issuer.register(
        Identity(
            client_id="0df-analytics",
            title="",
            ods="0DF",
            roles=frozenset({Role.CSU_SYSTEM}),
            public_jwk=signer.public_jwk,
        )
    )

    assert issuer.exchange(form(scope=None))["scope"] == "dsfc:csu-system"


@pytest.mark.parametrize("body", [b"a", b"\xff=1", b"grant_type=a&grant_type=b"])
def test_what_is_no_form_is_refused(body, remote):
    answer = remote.post(
        "/oauth2/token",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_what_is_published_is_enough_to_verify_and_no_more(remote, issuer, stranger):
    metadata = remote.get("/.well-known/openid-configuration").json()

    assert metadata["issuer"] == URL
    assert metadata["token_endpoint"] == TOKEN_URL
    assert metadata["jwks_uri"] == f"{URL}/jwks.json"
    assert remote.get("/jwks.json").json() == stranger.jwks() == issuer.jwks()
    assert "d" not in remote.get("/jwks.json").json()["keys"][0]


# The client.


@pytest.fixture
def asked(remote):
    """A client of ours on the issuer's app, counting its requests."""
    seen = []

    def handle(request):
        seen.append(request)
        answer = remote.request(
            request.method, request.url.path, headers=dict(request.headers), content=request.read()
        )
        return httpx.Response(answer.status_code, json=answer.json())

    client = http.client(URL, transport=httpx.MockTransport(handle))
    client.seen = seen
    yield client
    client.close()


def tokens(asked, signer, clock, role=Role.CSU_SYSTEM):
    return ServiceTokens(TOKEN_URL, "0df-analytics", signer, role, clock=clock, remote=asked)


def test_a_token_is_kept_until_shortly_before_its_end(asked, signer, clock):
    own = tokens(asked, signer, clock)

    first = own.token("dissemination")
    clock.advance(269)
    assert own.token("dissemination") == first
    clock.advance(1)
    assert own.token("dissemination") != first
    assert len(asked.seen) == 2


@pytest.mark.parametrize(("said", "meant_for"), [(None, TOKEN_URL), (URL, URL)])
def test_an_assertion_is_meant_for_the_token_url_or_for_whom_the_settings_say(
    asked, signer, clock, said, meant_for
):
    own = ServiceTokens(
        TOKEN_URL,
        "0df-analytics",
        signer,
        Role.CSU_SYSTEM,
        assertion_audience=said,
        clock=clock,
        remote=asked,
    )

    own.token("dissemination")

    (form,) = asked.seen
    (assertion,) = parse_qs(form.content.decode())["client_assertion"]
    assert jwt.get_unverified_claims(assertion)["aud"] == meant_for


def test_a_token_of_the_future_is_not_shown(asked, signer, clock):
    """Guard: `_Kept.since`. Nobody takes it until the clock, set back, is there again."""
    own = tokens(asked, signer, clock)
    clock.advance(timedelta(hours=1))
    of_the_future = own.token("dissemination")

    clock.advance(timedelta(hours=-1))

    assert own.token("dissemination") != of_the_future


def test_each_audience_has_a_token_of_its_own(asked, signer, clock):
    own = tokens(asked, signer, clock)

    assert own.token("dissemination") != own.token("agreements")
    assert len(asked.seen) == 2


def test_an_issuer_that_refuses_is_unavailable_without_its_words(asked, signer, clock):
    own = tokens(asked, signer, clock, role=Role.DARS_APPROVER)

    with pytest.raises(TokensUnavailable) as refused:
        own.token("dissemination")
    assert "scope" not in refused.value.detail


def test_an_issuer_that_answers_nonsense_is_unavailable(signer, clock):
    nonsense = http.client(
        URL, transport=httpx.MockTransport(lambda _request: httpx.Response(200, json={"a": 1}))
    )
    with nonsense, pytest.raises(TokensUnavailable):
        tokens(nonsense, signer, clock).token("dissemination")


def test_a_failed_attempt_is_tried_again(asked, signer, clock, issuer):
    known = issuer._identities.pop("0df-analytics")
    own = tokens(asked, signer, clock)
    with pytest.raises(TokensUnavailable):
        own.token("dissemination")

    issuer._identities["0df-analytics"] = known
    assert own.token("dissemination")


def test_from_key_file_to_principal_over_the_network(tmp_path, stranger, clock):
    """As `dsfc up` has it: a key in a file, an issuer on a port, its keys by URL."""
    from common.security import keys

    key_file = tmp_path / "client.jwk"
    client = keys.generate(key_file)
    config = uvicorn.Config(app=None, port=0, log_level="critical")
    socket = config.bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    identity = Identity(
        client_id="agreements",
        title="agreements",
        ods="X26",
        roles=frozenset({Role.SERVICE_AGREEMENTS}),
        public_jwk=client.public_jwk,
    )
    config.app = issuers.create_issuer_app([identity], stranger, clock, url)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        own = ServiceTokens(
            f"{url}/oauth2/token", "agreements", key_file, Role.SERVICE_AGREEMENTS, clock=clock
        )
        verifier = JwksTokenVerifier(url, f"{url}/jwks.json", clock)

        principal = verifier.verify(own.token("applications"), audience="applications")
    finally:
        server.should_exit = True
        thread.join(20)
    assert principal.role is Role.SERVICE_AGREEMENTS
    with pytest.raises(TokensUnavailable):
        own.token("dissemination")
