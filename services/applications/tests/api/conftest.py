"""Over HTTP: everything real but the clock, the issuer's process, and agreements' answers."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from applications.adapters.agreements import HttpAgreements
from applications.main import create_app
from applications.settings import Settings
from common import http
from common.organisations import RemoteCodes
from common.security import keys
from common.security.roles import Role
from dsfc_testing import safety
from services.applications.tests.answers import CCG, NOW, answers_of, complete
from services.applications.tests.world import AgreementsOnTheWire, FakeTokens, answer_all

BODY = "X26"
DOCUMENT: dict[str, dict] = {}


@pytest.fixture
def database_kind():
    """One engine is enough here: both have the repository's own tests."""
    return "sqlite"


@pytest.fixture
def wire():
    return AgreementsOnTheWire()


@pytest.fixture
def app(migrated, clock, identities, wire, tmp_path):
    clock.set(NOW)
    engine = migrated("applications")
    key_file = tmp_path / "signing.jwk"
    keys.generate(key_file)
    settings = Settings(
        environment="development",
        database_url=engine.url.render_as_string(hide_password=False),
        issuer=identities.url,
        signing_key_file=key_file,
    )
    remote = http.client("http://agreements.test", transport=wire.transport())
    app = create_app(
        settings,
        clock=clock,
        verifier=identities.verifier(),
        agreements=HttpAgreements(remote, FakeTokens()),
        codes=RemoteCodes(remote, FakeTokens()),
    )
    # The document is the same for every app; making it takes longer than most tests.
    app.openapi_schema = DOCUMENT.get("openapi")
    yield app
    if app.openapi_schema is not None:
        DOCUMENT["openapi"] = app.openapi_schema


@pytest.fixture
def client(app):
    with TestClient(app) as client:
        client.event_hooks["response"].append(safety.look_at)
        yield client


@dataclass(frozen=True)
class Caller:
    """Somebody with a token."""

    client: TestClient
    token: str

    def __call__(self, method, path, **given):
        headers = {"Authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **given)

    def get(self, path, **given):
        return self("GET", path, **given)

    def post(self, path, **given):
        return self("POST", path, **given)

    def put(self, path, **given):
        return self("PUT", path, **given)


@dataclass(frozen=True)
class People:
    """Everybody who has a part; `people(role, ods, name)` makes any other."""

    client: TestClient
    token_for: Callable[..., str]

    def __call__(self, role, ods=BODY, name=None):
        token = self.token_for(role, audience="applications", ods=ods, client_id=name)
        return Caller(self.client, token)

    @property
    def editor(self):
        return self(Role.APPLICANT_EDITOR, CCG, "editor")

    @property
    def signatory(self):
        return self(Role.APPLICANT_SIGNATORY, CCG, "signatory")

    @property
    def stranger(self):
        return self(Role.APPLICANT_EDITOR, "00L", "stranger")

    @property
    def officer(self):
        return self(Role.DARS_CASE_OFFICER, name="officer")

    @property
    def member(self):
        return self(Role.ADVISORY_MEMBER, name="member")

    @property
    def approver(self):
        return self(Role.DARS_APPROVER, name="approver")

    @property
    def agreements(self):
        return self(Role.SERVICE_AGREEMENTS, name="agreements")


@pytest.fixture
def people(client, token_for):
    return People(client, token_for)


@pytest.fixture
def draft(people, client):
    """Begins an application over HTTP, answers every section given, and returns its path.

    Sections are stored in one transaction; `test_journey` sends them one by one.
    """

    def begin(raw=None, **body):
        response = people.editor.post("/v1/applications", json={"title": "Admissions", **body})
        assert response.status_code == 201, response.text
        sections = answers_of(complete() if raw is None else raw).sections.values()
        answer_all(client.app_state["context"], UUID(response.json()["id"]), sections)
        return response.headers["Location"]

    return begin


@pytest.fixture
def submitted(people, draft):
    def hand_in(raw=None, **body):
        path = draft(raw, **body)
        response = people.editor.post(f"{path}/submission")
        assert response.status_code == 200, response.text
        return path

    return hand_in


@pytest.fixture
def in_review(people, submitted):
    def take_on(raw=None, **body):
        path = submitted(raw, **body)
        assert people.officer.post(f"{path}/review").status_code == 200
        return path

    return take_on
