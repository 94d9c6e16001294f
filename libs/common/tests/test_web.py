"""HTTP as every service speaks it."""

import json
import re
from collections.abc import Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urljoin
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Request
from fastapi.testclient import TestClient
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from common import errors
from common.clock import SystemClock
from common.db import engine as engines
from common.db import tables
from common.http import RemoteProblem, RemoteUnavailable
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth, problems
from common.web.fast import FastRoute
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from dsfc_testing import safety

READ = auth.Permission("things:read", frozenset({Role.AUDITOR, Role.CSU_SYSTEM}), "Read things")
WRITE = auth.Permission("things:write", frozenset({Role.DARS_CASE_OFFICER}), "Write things")
OPEN = auth.public("A test.")

SECRET = "Featherstonehaugh"
NHS_NUMBER = "9990000018"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=1, le=9)]


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    kind: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    parts: list[Part] = []
    names: dict[str, int] = {}
    note: str | None = None
    ends: str | None = None

    @field_validator("note")
    @classmethod
    def _quotes(cls, value: str | None) -> str | None:
        if value == SECRET:
            raise ValueError(f"{value} is not allowed")
        return value

    @field_validator("ends")
    @classmethod
    def _says(cls, value: str | None) -> str | None:
        if value == SECRET:
            raise errors.Invalid("It ends before it begins.")
        return value


class Item(BaseModel):
    id: UUID


ERRORS: Mapping[str, BaseException] = {
    "not-found": errors.NotFound("There is no such thing."),
    "conflict": errors.Conflict("It is closed.", state="closed"),
    "forbidden": errors.Forbidden("Not you."),
    "refused": errors.Refused(
        "Two things forbid it.",
        [
            errors.Refusal("LCR_MISSING", "No relationship.", "02P"),
            errors.Refusal("DSFC_NOT_IN_FORCE", "No contract."),
        ],
    ),
    "unprocessable": errors.Unprocessable("It makes no sense."),
    "unavailable": errors.Unavailable("Away."),
    "too-large": errors.TooLarge("Too much."),
    "unauthenticated": errors.Unauthenticated("Who?"),
    "unsupported": errors.UnsupportedMedia("Send text/csv."),
    "range": errors.RangeNotSatisfiable("Beyond the end."),
    "remote": RemoteProblem(status=409, code="PERMIT_USED", detail=SECRET, members={"x": SECRET}),
    "remote-away": RemoteUnavailable("agreements does not answer."),
    "database": OperationalError(SECRET, {"p": SECRET}, Exception(SECRET)),
    "bug": RuntimeError(f"{SECRET} {NHS_NUMBER}"),
}


def things(app: FastAPI) -> None:
    @app.get("/v1/things")
    def list_things(
        principal: Annotated[Principal, auth.requires(READ)], page: Paging
    ) -> Page[Item]:
        everything = [UUID(int=n) for n in range(1, 8)]
        found = [one for one in everything if page.after is None or one > page.after]
        return Page[Item].of(
            found[: page.rows], page, show=lambda one: Item(id=one), key=lambda one: one
        )

    @app.post("/v1/things", status_code=201, dependencies=[auth.requires(WRITE)])
    def make_thing(thing: Thing, key: IdempotencyKey = None) -> dict[str, str | None]:
        return {"key": key}

    @app.put("/v1/things/{thing_id}", dependencies=[OPEN])
    def put_thing(thing_id: UUID, thing: Thing) -> Thing:
        return thing

    @app.get("/v1/errors/{name}", dependencies=[OPEN])
    def fail(name: str) -> None:
        raise ERRORS[name]

    @app.put("/v1/large", dependencies=[OPEN], openapi_extra={})
    def large(body: Annotated[dict[str, Any], Body()]) -> int:
        return len(body)


@pytest.fixture
def settings() -> ServiceSettings:
    return ServiceSettings(environment="development", client_id="agreements", body_bytes_max=2000)


@pytest.fixture
def make_app(settings, sqlite_url, identities):
    def make(routes=things, **state) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_app: FastAPI):
            engine = engines.create(sqlite_url)
            tables.metadata.create_all(engine)
            yield {
                "settings": settings,
                "clock": SystemClock(),
                "engine": engine,
                "verifier": identities.verifier(),
                **state,
            }
            engine.dispose()

        app = web.create(
            title="Things", version="1", summary="For tests", settings=settings, lifespan=lifespan
        )
        routes(app)
        return app

    return make


@pytest.fixture
def api(make_app):
    with TestClient(make_app(), raise_server_exceptions=False) as client:
        client.event_hooks["response"].append(safety.look_at)
        yield client


@pytest.fixture
def headers(token_for):
    def headers(role=Role.AUDITOR, **more) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_for(role, audience='agreements', **more)}"}

    return headers


def is_problem(response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:dsfc:problem:{code}"
    assert body["title"]
    assert body["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    return body


# Every refusal is a problem


def test_no_token_is_401(api):
    response = api.get("/v1/things")

    is_problem(response, 401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "Bearer", "Basic dTpw", "Bearer a.b.c", f"Bearer {SECRET}"]
)
def test_a_bad_token_is_401_and_is_not_repeated(api, authorization):
    response = api.get("/v1/things", headers={"Authorization": authorization})

    is_problem(response, 401, "UNAUTHENTICATED")
    assert SECRET not in response.text


def test_a_token_for_another_service_is_401(api, token_for):
    token = token_for(Role.AUDITOR, audience="dissemination")

    is_problem(
        api.get("/v1/things", headers={"Authorization": f"Bearer {token}"}), 401, "UNAUTHENTICATED"
    )


def test_another_role_is_403_and_is_told_which_permission_it_lacks(api, headers):
    response = api.post("/v1/things", headers=headers(Role.AUDITOR), json={"id": str(uuid4())})

    assert is_problem(response, 403, "ROLE_NOT_PERMITTED")["permission"] == "things:write"


def test_an_unknown_path_is_404_and_is_not_repeated(api):
    response = api.get(f"/v1/{NHS_NUMBER}")

    is_problem(response, 404, "NOT_FOUND")
    assert NHS_NUMBER not in response.text


def test_an_unknown_method_is_405_and_says_which_there_are(api):
    response = api.delete("/v1/things")

    is_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"]


@pytest.mark.parametrize("way", ["declared", "chunked"])
def test_a_body_that_is_too_large_is_413(api, way):
    body = json.dumps({"a": "x" * 3000}).encode()
    content = body if way == "declared" else iter([body[:10], body[10:]])
    response = api.put("/v1/large", content=content, headers={"content-type": "application/json"})

    is_problem(response, 413, "TOO_LARGE")


def test_a_body_of_another_type_is_415(api):
    response = api.put(
        f"/v1/things/{uuid4()}", content=b"id=1", headers={"content-type": "text/plain"}
    )

    is_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_that_is_no_json_is_422(api):
    response = api.put(
        f"/v1/things/{uuid4()}", content=b"{", headers={"content-type": "application/json"}
    )

    assert is_problem(response, 422, "INVALID_REQUEST")["errors"][0]["kind"] == "json_invalid"


def test_a_bug_is_500_and_says_nothing_about_it(api):
    response = api.get("/v1/errors/bug")

    body = is_problem(response, 500, "INTERNAL_ERROR")
    assert set(body) == {"type", "title", "status", "code", "instance"}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("not-found", 404, "NOT_FOUND"),
        ("conflict", 409, "CONFLICT"),
        ("forbidden", 403, "FORBIDDEN"),
        ("unprocessable", 422, "UNPROCESSABLE"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("too-large", 413, "TOO_LARGE"),
        ("unauthenticated", 401, "UNAUTHENTICATED"),
        ("unsupported", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("range", 416, "RANGE_NOT_SATISFIABLE"),
        ("remote", 502, "REMOTE_PROBLEM"),
        ("remote-away", 503, "DEPENDENCY_UNAVAILABLE"),
        ("database", 503, "DATABASE_UNAVAILABLE"),
    ],
)
def test_each_error_has_its_status_and_code(api, name, status, code):
    response = api.get(f"/v1/errors/{name}")

    is_problem(response, status, code)
    assert SECRET not in response.text
    assert ("retry-after" in response.headers) is (status == HTTPStatus.SERVICE_UNAVAILABLE)


def test_a_refusal_names_every_reason(api):
    body = is_problem(api.get("/v1/errors/refused"), 403, "LCR_MISSING")

    assert body["refusals"] == [
        {"code": "LCR_MISSING", "detail": "No relationship.", "subject": "02P"},
        {"code": "DSFC_NOT_IN_FORCE", "detail": "No contract.", "subject": None},
    ]
    assert errors.Refused.code == "REFUSED"


def test_members_of_an_error_are_members_of_the_problem(api):
    assert api.get("/v1/errors/conflict").json()["state"] == "closed"


def test_what_another_service_refused_is_told_by_its_code_only(api):
    body = api.get("/v1/errors/remote").json()

    assert (body["remote_code"], body["remote_status"]) == ("PERMIT_USED", 409)


# What was sent is never repeated


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({SECRET: 1}, "#/body/*",
         "There is no such member; allowed are `ends`, `id`, `kind`, `names`, `note`, `parts`."),
        ({"id": SECRET}, "#/body/id", "Input should be a valid UUID"),
        ({"kind": SECRET}, "#/body/kind", "String should match pattern '^[a-z]+$'"),
        ({"parts": [{"size": 1}, {"size": SECRET}]}, "#/body/parts/1/size", None),
        ({"parts": [{"size": 10}]}, "#/body/parts/0/size",
         "Input should be less than or equal to 9"),
        ({"parts": [{"size": 1, SECRET: SECRET}]}, "#/body/parts/0/*",
         "There is no such member; allowed are `size`."),
        ({"names": {SECRET: "x"}}, "#/body/names/*", None),
        ({"note": SECRET}, "#/body/note", "Input is not valid"),
        ({"ends": SECRET}, "#/body/ends", "It ends before it begins."),
    ],
)  # fmt: skip
def test_neither_values_nor_unknown_keys_are_repeated(api, change, pointer, detail):
    """Guard: `problems._violations` and `problems._text` (S7)."""
    response = api.put(f"/v1/things/{uuid4()}", json={"id": str(uuid4())} | change)

    (violation,) = is_problem(response, 422, "INVALID_REQUEST")["errors"]
    assert violation["pointer"] == pointer
    assert detail in {None, violation["detail"]}
    assert SECRET not in response.text


def test_neither_are_path_and_query(api, headers):
    path = api.put(f"/v1/things/{SECRET}", json={"id": str(uuid4())})
    query = api.get(f"/v1/things?limit={SECRET}", headers=headers())

    assert is_problem(path, 422, "INVALID_REQUEST")["errors"][0]["pointer"] == "#/path/thing_id"
    assert is_problem(query, 422, "INVALID_REQUEST")["errors"][0]["pointer"] == "#/query/limit"
    assert SECRET not in path.text + query.text


def test_a_correlation_id_is_taken_over_only_if_it_is_one(api):
    given = "01a202d8-0f0b-7619-8ba5-9a96d3d40f7b"

    assert api.get("/livez", headers={"X-Request-ID": given}).headers["x-request-id"] == given
    assert api.get("/livez", headers={"X-Request-ID": SECRET}).headers["x-request-id"] != SECRET


def test_every_response_has_the_headers_of_safety(api):
    for path in ("/livez", "/v1/unknown", "/v1/errors/bug"):
        response = api.get(path)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]


# Permissions


def test_a_permitted_role_gets_in_twice_with_one_token(api, headers):
    with_token = headers(Role.CSU_SYSTEM, ods="0DF")

    assert api.get("/v1/things", headers=with_token).status_code == 200
    assert api.get("/v1/things", headers=with_token).status_code == 200


def test_every_routes_permission_can_be_listed(make_app):
    listed = {(m, p): permission for m, p, permission in auth.route_permissions(make_app())}

    assert listed["GET", "/v1/things"] == READ
    assert listed["POST", "/v1/things"] == WRITE
    assert listed["PUT", "/v1/large"] == auth.Public("A test.")
    assert isinstance(listed["GET", "/openapi.json"], auth.Public)
    assert {path for _, path in listed} >= {"/livez", "/readyz", "/metrics", "/docs"}


def forgotten(app: FastAPI) -> None:
    @app.get("/v1/forgotten")
    def forgot() -> None: ...


def twice(app: FastAPI) -> None:
    @app.get("/v1/twice", dependencies=[OPEN])
    def twice(principal: Annotated[Principal, auth.requires(READ)]) -> None: ...


def mounted(app: FastAPI) -> None:
    app.mount("/other", FastAPI())


@pytest.mark.parametrize("routes", [forgotten, twice, mounted])
def test_a_route_without_exactly_one_permission_stops_the_start(make_app, routes):
    """Guard: the first line of `web.app._with_limits`."""
    with pytest.raises(LookupError), TestClient(make_app(routes)):
        pass


def test_a_state_that_lacks_something_stops_the_start(settings):
    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        yield {"settings": settings}

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)
    with pytest.raises(LookupError, match="verifier"), TestClient(app):
        pass


# Pages, keys, probes, metrics, documents


def test_pages_follow_one_another_to_the_end(api, headers):
    seen, after = [], None
    with_token = headers()
    while True:
        query = {"limit": 3} | ({"after": after} if after else {})
        page = api.get("/v1/things", params=query, headers=with_token).json()
        seen.append([UUID(item["id"]).int for item in page["items"]])
        after = page["next"]
        if after is None:
            break

    assert seen == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_page_has_a_limit(api, headers, limit):
    is_problem(
        api.get("/v1/things", params={"limit": limit}, headers=headers()), 422, "INVALID_REQUEST"
    )


def test_an_idempotency_key_is_handed_over_or_refused(api, headers):
    case_officer = headers(Role.DARS_CASE_OFFICER)

    def post(key):
        return api.post(
            "/v1/things", headers=case_officer | {"Idempotency-Key": key}, json={"id": str(uuid4())}
        )

    assert post("abc").json() == {"key": "abc"}
    refused = is_problem(post("x" * 201), 422, "INVALID_REQUEST")
    assert refused["errors"][0]["pointer"] == "#/header/Idempotency-Key"


def test_a_living_process_is_alive_and_ready(api):
    assert api.get("/livez").text == "alive"
    assert api.get("/readyz").text == "ready"


def test_without_a_database_it_lives_and_is_not_ready(make_app):
    away = engines.create("postgresql://nobody@127.0.0.1:1/none")
    with TestClient(make_app(engine=away)) as client:
        assert client.get("/livez").status_code == 200
        refused = is_problem(client.get("/readyz"), 503, "NOT_READY")
        assert refused["failed"] == {"database": "DATABASE_UNAVAILABLE"}
        assert "outbox_oldest_pending_seconds" not in client.get("/metrics").text.split("TYPE")[-1]


def test_a_services_own_checks_count_too(make_app):
    def fails() -> None:
        raise OSError

    with TestClient(make_app(readiness={"key_store": fails})) as client:
        refused = is_problem(client.get("/readyz"), 503, "NOT_READY")
        assert refused["detail"] == "Not ready: key_store."
        assert refused["failed"] == {"key_store": "UNAVAILABLE"}


def test_metrics_have_routes_and_the_age_of_the_outbox_and_nothing_of_requests(make_app, headers):
    with TestClient(make_app()) as client:
        client.get(f"/v1/errors/not-found?{SECRET}")
        client.get(f"/v1/{SECRET}")
        scraped = client.get("/metrics").text

    assert 'http_route="/v1/errors/{name}"' in scraped
    assert "http_server_request_duration_seconds_bucket" in scraped
    assert "outbox_oldest_pending_seconds 0.0" in scraped
    assert SECRET not in scraped


def test_the_gauge_shows_how_long_the_oldest_event_has_been_waiting(
    make_app, sqlite_url, make_engine
):
    with TestClient(make_app()) as client:
        with engines.writing(make_engine(sqlite_url)).begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO outbox (event_id, topic, event, enqueued_at)"
                    " VALUES ('a', 't', '{}', '2018-06-01 09:00:00.000000')"
                )
            )
        (line,) = [
            line
            for line in client.get("/metrics").text.splitlines()
            if line.startswith("outbox_oldest_pending_seconds ")
        ]

    assert float(line.split()[1]) > 1e8


def test_the_document_is_valid_and_says_what_each_operation_requires(api):
    document = api.get("/openapi.json").json()
    validate(document)
    made = document["paths"]["/v1/things"]["post"]

    assert made["x-permission"] == "things:write"
    assert made["x-roles"] == ["dars-case-officer"]
    assert {"401", "403", "422"} < set(made["responses"])
    assert "application/problem+json" in made["responses"]["422"]["content"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["paths"]["/v1/large"]["put"]["x-public"] == "A test."


def test_refusals_of_an_operation_are_documented_together():
    documented = problems.responses(errors.NotFound, errors.Conflict, errors.Refused)

    assert set(documented) == {403, 404, 409}
    assert "`NOT_FOUND`" in documented[404]["description"]


ASSET = re.compile(r'(?:src|href)="([^"]+)"')


def test_the_interactive_pages_need_nothing_but_the_service_itself(api):
    page = api.get("/docs")
    assets = [urljoin("/docs", named) for named in ASSET.findall(page.text)]
    kinds = {path: api.get(path).headers["content-type"] for path in assets}
    script = api.get("/docs/start.js").text

    assert kinds == {
        "/docs/icon.png": "image/png",
        "/docs/swagger-ui.css": "text/css; charset=utf-8",
        "/docs/swagger-ui.js": "text/javascript; charset=utf-8",
        "/docs/start.js": "text/javascript; charset=utf-8",
    }
    assert api.get("/openapi.json").status_code == 200
    assert "//" not in page.text + script  # no other machine is named
    assert "SwaggerUIBundle" in api.get("/docs/swagger-ui.js").text


def test_the_interactive_pages_may_run_and_call_only_what_is_here(api):
    """Guard: the policy in `web.pages.docs`."""
    page = api.get("/docs")
    policy = page.headers["content-security-policy"]

    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script>|<style>| style=| on[a-z]+=", page.text)  # nothing inline
    # Only the page may run scripts, not what it loads.
    assert "default-src 'none'" in api.get("/docs/swagger-ui.js").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/redoc", "/docs/oauth2-redirect", "/docs/main.py", "/docs/../swagger-ui.js"]
)
def test_no_other_file_is_served_beside_the_pages(api, path):
    is_problem(api.get(path), 404, "NOT_FOUND")


def test_the_callers_own_token_can_be_handed_on(api):
    class Request:
        def __init__(self, header: str | None) -> None:
            self.headers = {} if header is None else {"authorization": header}

    assert auth.bearer_token(Request("Bearer abc")) == "abc"
    for header in (None, "Bearer", "Basic abc"):
        with pytest.raises(errors.Unauthenticated):
            auth.bearer_token(Request(header))


# Fast routes: the same answers, without the framework's layers


class Echo(BaseModel):
    by: str


def fast_beside_plain(app: FastAPI) -> None:
    fast_router = APIRouter(prefix="/v1", route_class=FastRoute)

    async def answer(
        thing: Annotated[Thing, Body()],
        request: Request,
        caller: Annotated[Principal, auth.requires(WRITE)],
    ) -> Echo:
        """Echo who asked, or fail as told."""
        if thing.kind in FAILURES:
            raise FAILURES[thing.kind]
        return Echo(by=caller.client_id)

    fast_router.add_api_route("/fast", answer, methods=["POST"])
    app.include_router(fast_router)
    app.add_api_route("/v1/plain", answer, methods=["POST"])


FAILURES: Mapping[str, BaseException] = {name.replace("-", ""): e for name, e in ERRORS.items()}

BODIES: Mapping[str, bytes] = {
    "good": b'{"id": "00000000-0000-7000-8000-000000000001"}',
    "empty": b"",
    "not json": b"{",
    "not an object": b"[]",
    "missing": b"{}",
    "unknown key": f'{{"id": "{UUID(int=1)}", "{SECRET}": 1}}'.encode(),
    "nested": f'{{"id": "{UUID(int=1)}", "parts": [{{"size": 0}}]}}'.encode(),
    "our own words": f'{{"id": "{UUID(int=1)}", "ends": "{SECRET}"}}'.encode(),
    "others' words": f'{{"id": "{UUID(int=1)}", "note": "{SECRET}"}}'.encode(),
    "too large": b" " * 2001,
    **{n: f'{{"id": "{UUID(int=1)}", "kind": "{n}"}}'.encode() for n in FAILURES},
}


@pytest.fixture
def fast_api(make_app):
    with TestClient(make_app(fast_beside_plain), raise_server_exceptions=False) as client:
        yield client


IN_ITS_OWN_WORDS = ("title", "detail", "instance")
"""Whoever refuses first, our code or the framework, has its own; the code is the same."""


def told(response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    return {
        "status_code": response.status_code,
        **{name: value for name, value in body.items() if name not in IN_ITS_OWN_WORDS},
    }


@pytest.mark.parametrize("body", BODIES)
def test_a_fast_route_answers_as_any_other_does(fast_api, headers, body):
    sent = headers(Role.DARS_CASE_OFFICER) | {"Content-Type": "application/json"}

    fast, plain = (
        fast_api.post(f"/v1/{path}", content=BODIES[body], headers=sent)
        for path in ("fast", "plain")
    )

    if body in {"empty", "not json", "not an object"}:  # each parser has words of its own
        assert {fast.status_code, plain.status_code} == {422}
        assert fast.json()["errors"][0]["pointer"].startswith("#/body")
    else:
        assert told(fast) == told(plain)
    assert SECRET not in fast.text
    assert set(plain.headers) <= set(fast.headers)


@pytest.mark.parametrize(
    ("sent", "role"),
    [
        ({"Content-Type": "application/json"}, None),
        ({"Content-Type": "text/plain"}, Role.DARS_CASE_OFFICER),
        ({"Content-Type": "application/json"}, Role.AUDITOR),
        ({"Content-Type": "application/json", "Authorization": "Bearer x"}, None),
    ],
)
def test_a_fast_route_refuses_as_any_other_does(fast_api, headers, sent, role):
    sent = sent | ({} if role is None else headers(role))

    fast, plain = (
        fast_api.post(f"/v1/{path}", content=BODIES["good"], headers=sent)
        for path in ("fast", "plain")
    )

    assert fast.status_code in {401, 403, 415}
    assert told(fast) == told(plain)


def test_a_fast_route_is_documented_counted_and_has_a_permission(fast_api, headers):
    fast_api.post("/v1/fast", content=BODIES["good"], headers=headers(Role.AUDITOR))

    operation = fast_api.get("/openapi.json").json()["paths"]["/v1/fast"]["post"]
    assert operation["x-permission"] == "things:write"
    assert "requestBody" in operation
    scraped = fast_api.get("/metrics").text
    counted = 'fast_request_duration_seconds_count{http_response_status_code="403"'
    assert f'{counted},http_route="/v1/fast"}} 1.0' in scraped


def test_another_method_of_a_fast_path_is_the_routers(fast_api):
    is_problem(fast_api.get("/v1/fast"), 405, "METHOD_NOT_ALLOWED")


def test_a_fast_route_without_a_permission_stops_the_start(make_app):
    def routes(app: FastAPI) -> None:
        fast_router = APIRouter(route_class=FastRoute)

        async def answer(
            thing: Annotated[Thing, Body()],
            request: Request,
            caller: Annotated[str, Depends(lambda: "anybody")],
        ) -> Echo:
            """Never served."""

        fast_router.add_api_route("/v1/fast", answer, methods=["POST"])
        app.include_router(fast_router)

    with pytest.raises((LookupError, TypeError)), TestClient(make_app(routes)):
        pass
