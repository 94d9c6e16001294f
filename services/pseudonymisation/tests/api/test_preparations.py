"""The second port over HTTP: who may, what is refused, and that nothing is echoed."""

from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from common.clock import legal_day
from common.ids import new_id
from common.replacement import State
from common.security.keys import ATTESTATION, SignedVerifier
from common.security.roles import Role
from common.settings import Environment, ServiceSettings
from common.web import app as web
from common.web.auth import route_permissions
from pseudonymisation.preparations.api.routes.preparations import PREPARE, landed_router, router
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.landed import day
from statements.attestation import Attestation

RECORDS = [
    {
        "NHS_Number": "9990000018",
        "Local_Patient_ID": f"L{i}",
        "Sex": "1",
        "Admission_Date": day("2018-04-03"),
        "Hospital_Spell_No": f"S{i}",
        "period": "2018-04",
        "reasons": {"G": "02P"},
    }
    for i in range(5)
]


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


@pytest.fixture
def client(haven, clock, identities):
    settings = ServiceSettings(environment=Environment.DEVELOPMENT, client_id="pseudonymisation")

    @asynccontextmanager
    async def lifespan(_app):
        yield {
            "settings": settings,
            "clock": clock,
            "engine": haven.engine,
            "verifier": identities.verifier(),
            "preparations": haven.preparing,
        }

    app = web.create(
        title="Preparations", version="1", summary="", settings=settings, lifespan=lifespan
    )
    app.include_router(router)
    app.include_router(landed_router)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def headers(token_for):
    def make(role=Role.SERVICE_DISSEMINATION, client_id="dissemination"):
        token = token_for(role=role, ods="X26", client_id=client_id, audience="pseudonymisation")
        return {"Authorization": f"Bearer {token}"}

    return make


def body_of(haven, **more):
    request = haven.request(**more)
    claims = haven.claims(request)
    return UUID(claims["jti"]), {"permit": haven.permit(claims), "request": request}


def test_the_months_that_can_be_read_are_listed_for_dissemination_alone(client, haven, headers):
    path = "/v1/landed-months?data_set="
    nothing = client.get(path + "SUS_APC", headers=headers()).json()
    haven.land(RECORDS)

    [month] = client.get(path + "SUS_APC", headers=headers()).json()["items"]

    assert nothing == {"items": [], "opt_out_lists": [], "is_as_logged": None}
    assert (month["month"], month["providers"]) == ("2018-04", 1)
    assert len(month["editions"]) == 1
    assert client.get(path + "DIDS", headers=headers()).json() == nothing
    assert client.get(path + "SUS_APC", headers=headers(Role.CSU_SYSTEM)).status_code == 403


def test_a_request_with_filters_is_the_one_that_was_permitted(client, haven, headers):
    haven.land(RECORDS)
    filters = [{"column": "Sex", "any_of": ["1"]}]
    request = haven.request(filters=filters)
    claims = haven.claims(request) | {"filters": filters}
    id_, body = claims["jti"], {"permit": haven.permit(claims), "request": request}

    put = client.put(f"/v1/preparations/{id_}", json=body, headers=headers())

    assert put.status_code == 201, put.json()


def test_what_is_landed_is_named_as_a_file_that_is_made_of_it_attests_it(client, haven, headers):
    haven.land(RECORDS)
    today = legal_day(haven.clock.now())
    haven.opt_out(["9990000018"], on=today)
    haven.opt_out(["9990000026"], on=today, state=State.WAITING)
    told = client.get("/v1/landed-months?data_set=SUS_APC", headers=headers()).json()
    request = haven.request()
    claims = haven.claims(request, opt_out={"applied": True, "list_age_days_max": 7})
    id_, body = claims["jti"], {"permit": haven.permit(claims), "request": request}

    assert client.put(f"/v1/preparations/{id_}", json=body, headers=headers()).is_success
    haven.work()
    done = client.get(f"/v1/preparations/{id_}", headers=headers()).json()

    (file,) = done["files"]
    attested = Attestation.read(
        SignedVerifier(ATTESTATION, haven.own.jwks, clock=haven.clock).verify(file["attestation"])
    )
    assert len(told["opt_out_lists"]) == 2
    assert frozenset(told["opt_out_lists"]) == attested.opt_out.lists
    assert frozenset(told["items"][0]["editions"]) == attested.editions_of("2018-04")


def test_a_preparation_is_put_followed_and_found_again(client, haven, headers):
    haven.land(RECORDS)
    id_, body = body_of(haven)

    first = client.put(f"/v1/preparations/{id_}", json=body, headers=headers())
    again = client.put(f"/v1/preparations/{id_}", json=body, headers=headers())
    haven.work()
    done = client.get(f"/v1/preparations/{id_}", headers=headers())

    assert (first.status_code, again.status_code, done.status_code) == (201, 202, 200)
    assert first.headers["location"] == f"/v1/preparations/{id_}"
    assert first.json() == again.json()
    assert first.json() | {"extract_id": ""} == {
        "id": str(id_),
        "extract_id": "",
        "state": "accepted",
        "progress": {"rows_done": 0, "rows_total": None},
        "code": None,
        "detail": None,
        "files": [],
        "is_as_logged": None,
    }
    told = done.json()
    assert (told["state"], told["progress"]) == ("prepared", {"rows_done": 5, "rows_total": 5})
    (file,) = told["files"]
    assert set(file) == {"id", "format", "object_key", "bytes", "digest", "rows", "attestation"}
    assert haven.objects() == [file["object_key"]]


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SERVICE_DISSEMINATION])
def test_no_other_role_may(client, haven, headers, role):
    id_, body = body_of(haven)

    for answer in (
        client.put(f"/v1/preparations/{id_}", json=body, headers=headers(role)),
        client.get(f"/v1/preparations/{id_}", headers=headers(role)),
    ):
        assert answer.status_code == 403
        assert answer.json()["code"] in {"ROLE_NOT_PERMITTED", "TRAINING_LAPSED"}
    assert haven.actions() == []


def test_without_a_token_the_answer_is_401(client, haven):
    id_, body = body_of(haven)

    assert client.put(f"/v1/preparations/{id_}", json=body).status_code == 401
    assert client.get(f"/v1/preparations/{id_}").status_code == 401


def test_refusals_are_problems_with_their_codes(client, haven, headers):
    id_, body = body_of(haven)
    head, payload, signature = body["permit"].split(".")
    altered = body | {"permit": f"{head}.{payload[:-3]}AAA.{signature}"}
    other = body | {"request": haven.request()}

    def put(body, id_=id_):
        return client.put(f"/v1/preparations/{id_}", json=body, headers=headers())

    answers = {
        "NO_EDITION": (409, put(body)),
        "PERMIT_INVALID": (403, put(altered)),
        "PERMIT_MISMATCH": (403, put(other)),
        "PREPARATION_NOT_FOUND": (
            404,
            client.get(f"/v1/preparations/{new_id()}", headers=headers()),
        ),
    }
    haven.land(RECORDS)
    put(body)
    answers["PERMIT_USED"] = (409, put(other))
    answers["FORM_NOT_ALLOWED"] = (403, put(*reversed(body_of(haven, fields=["Postcode"]))))

    for code, (status, answer) in answers.items():
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["permit"] not in answer.text
    assert [r["subject"] for r in answers["FORM_NOT_ALLOWED"][1].json()["refusals"]] == ["Postcode"]


@pytest.mark.parametrize(
    "change",
    [
        {"permit": None},
        {"permit": ""},
        {"more": 1},
        {"request": {}},
        {"request": "x"},
    ],
)
def test_a_malformed_body_is_422(client, haven, headers, change):
    id_, body = body_of(haven)

    answer = client.put(f"/v1/preparations/{id_}", json=body | change, headers=headers())

    assert answer.status_code == 422
    assert answer.json()["code"] == "INVALID_REQUEST"


def test_numbers_and_half_characters_in_a_request_are_422_and_not_an_error_of_ours(client, headers):
    for odd in (1e400, 2**70, "\\ud800", ["x"], None):
        raw = '{"permit": "x.y.z", "request": {"extract_id": %s}}' % (
            f'"{odd}"' if isinstance(odd, str) else "null" if odd is None else str(odd)
        )
        answer = client.put(
            f"/v1/preparations/{new_id()}",
            content=raw,
            headers=headers() | {"content-type": "application/json"},
        )
        assert answer.status_code == 422, odd


@pytest.mark.parametrize("column", ["extract_id", "state", "code", "finished_at"])
def test_a_preparation_that_was_altered_past_the_service_is_told(client, haven, headers, column):
    """Guards: `SqlPreparations.hold`, `telling` where it is stored."""
    haven.land(RECORDS)
    id_, body = body_of(haven)
    assert client.put(f"/v1/preparations/{id_}", json=body, headers=headers()).status_code == 201
    before = client.get(f"/v1/preparations/{id_}", headers=headers()).json()
    value = {"extract_id": "0" * 32, "state": "failed", "code": "TABLE_TOO_LARGE"}
    said = value.get(column, "2018-01-01 00:00:00.000000")
    with haven.engine.begin() as connection:
        connection.execute(text(f"UPDATE preparation SET {column} = :said"), {"said": said})

    assert before["is_as_logged"] is True
    assert client.get(f"/v1/preparations/{id_}", headers=headers()).json()["is_as_logged"] is False


def test_every_route_declares_its_permission(client):
    routes = route_permissions(client.app)
    ours = {(method, path): p for method, path, p in routes if path.startswith("/v1/")}

    assert ours == {
        ("GET", "/v1/landed-months"): PREPARE,
        ("GET", "/v1/preparations/{permit_id}"): PREPARE,
        ("PUT", "/v1/preparations/{permit_id}"): PREPARE,
        ("POST", "/v1/preparations/{permit_id}/judgement"): PREPARE,
    }
