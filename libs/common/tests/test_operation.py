"""A request is held to what its operation declares."""

import gzip
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import pytest
from fastapi import APIRouter, Body, FastAPI, Query, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field

from common.clock import SystemClock
from common.db import engine as engines
from common.db import tables
from common.security.roles import Role
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth
from common.web.fast import FastRoute
from common.web.pagination import Paging

READ = auth.Permission("things:read", frozenset({Role.AUDITOR}), "Read things")
OPEN = auth.public("A test.")
SECRET = "Featherstonehaugh"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Part(Strict):
    size: int
    colour: str = ""


class Cat(Strict):
    kind: Literal["cat"]
    lives: int


class Dog(Strict):
    kind: Literal["dog"]
    tricks: int


class Nothing(BaseModel):
    """An answer without members."""


class Thing(Strict):
    name: str
    part: Part | None = None
    parts: list[Part] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


def routes(app: FastAPI) -> None:
    router = APIRouter(prefix="/v1/things")

    @router.get("", dependencies=[OPEN])
    def list_things(
        page: Paging, state: Annotated[str | None, Query(alias="state")] = None
    ) -> list[str]:
        return [str(page.limit), state or ""]

    @router.get("/{thing_id}", dependencies=[auth.requires(READ)])
    def get_thing(thing_id: int) -> int:
        return thing_id

    @router.post("", dependencies=[OPEN])
    def make_thing(thing: Thing) -> str:
        return thing.name

    @router.get(
        "/{thing_id}/file",
        dependencies=[OPEN],
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
    )
    def file(thing_id: int) -> Response:
        return Response(str(thing_id), media_type="text/csv")

    @router.delete("/{thing_id}", dependencies=[OPEN], status_code=204)
    def remove(thing_id: int) -> None:
        """Nothing comes back."""

    fast = APIRouter(route_class=FastRoute)

    @fast.post("/v1/fast")
    async def answer(
        thing: Annotated[Thing, Body()],
        request: Request,
        caller: Annotated[object, auth.requires(READ)],
    ) -> Nothing:
        return Nothing()

    app.include_router(router)
    app.include_router(fast)


@pytest.fixture
def api(sqlite_url, identities):
    settings = ServiceSettings(environment="development", client_id="agreements")

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(sqlite_url)
        tables.metadata.create_all(engine)
        yield {
            "settings": settings,
            "clock": SystemClock(),
            "engine": engine,
            "verifier": identities.verifier(),
        }
        engine.dispose()

    app = web.create(title="T", version="1", summary="T", settings=settings, lifespan=lifespan)
    routes(app)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def token(token_for):
    return {"Authorization": f"Bearer {token_for(Role.AUDITOR, audience='agreements')}"}


@pytest.mark.parametrize(
    "query", [f"{SECRET}=1", f"limit=2&{SECRET}={SECRET}", "Limit=2", "limit[]=2", f"={SECRET}"]
)
def test_a_parameter_that_is_not_known_is_refused_with_those_that_are(api, query):
    answer = api.get(f"/v1/things?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_PARAMETER")
    assert answer.json()["allowed"] == ["after", "limit", "state"]
    assert SECRET not in answer.text


def test_the_close_name_is_named(api):
    assert "Was `limit` meant?" in api.get("/v1/things?limits=2").json()["detail"]


def test_known_parameters_are_taken(api):
    assert api.get("/v1/things?limit=2&state=open").json() == ["2", "open"]


@pytest.mark.parametrize("path", ["/v1/things/1?a=1", "/v1/fast?a=1"])
def test_an_operation_without_parameters_takes_none(api, token, path):
    method = "POST" if "fast" in path else "GET"

    answer = api.request(
        method, path, headers=token, json={"name": "a"} if "fast" in path else None
    )

    assert (answer.status_code, answer.json()["allowed"]) == (422, [])


def test_who_is_not_let_in_learns_nothing_of_parameters(api):
    assert api.get("/v1/things/1?a=1").status_code == 401


@pytest.mark.parametrize(
    ("body", "pointer", "allowed"),
    [
        ({"name": "a", SECRET: 1}, "#/body/*", ["name", "part", "parts", "pet"]),
        ({"name": "a", "part": {"size": 1, SECRET: 1}}, "#/body/part/*", ["colour", "size"]),
        ({"name": "a", "parts": [{"size": 1, SECRET: 1}]}, "#/body/parts/0/*", ["colour", "size"]),
        (
            {"name": "a", "pet": {"kind": "cat", "lives": 9, SECRET: 1}},
            "#/body/pet/cat/*",
            ["kind", "lives"],
        ),
    ],
)
def test_a_member_that_is_not_known_is_refused_with_those_that_are(
    api, token, body, pointer, allowed
):
    for path in ("/v1/things", "/v1/fast"):
        answer = api.post(path, json=body, headers=token)

        [error] = answer.json()["errors"]
        assert (answer.status_code, error["pointer"]) == (422, pointer)
        assert error["allowed"] == allowed
        assert SECRET not in answer.text


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml, text/csv", "application/json;q=0", "nonsense", "text/*"],
)
def test_an_answer_that_cannot_be_had_is_406_and_names_what_can(api, accept):
    answer = api.get("/v1/things", headers={"Accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["acceptable"] == ["application/json"]


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "*/*",
        "*",
        "application/*",
        "text/html, */*;q=0.1",
        "",
        "APPLICATION/JSON",
    ],
)
def test_an_answer_that_can_be_had_is_had(api, accept):
    assert api.get("/v1/things", headers={"Accept": accept}).status_code == 200


def test_several_lines_of_accept_are_one_list(api):
    """RFC 9110 5.3: whoever adds a line does not take back the one before."""
    lines = [("Accept", "text/html"), ("Accept", "application/json")]

    assert api.get("/v1/things", headers=lines).status_code == 200
    assert api.get("/v1/things", headers=lines[:1] * 2).status_code == 406


def test_what_has_another_type_than_json_is_had_as_that(api):
    path = "/v1/things/1/file"

    assert api.get(path, headers={"Accept": "text/csv"}).text == "1"
    assert api.get(path, headers={"Accept": "application/xml"}).status_code == 406


def test_an_answer_without_a_body_is_acceptable_to_all(api):
    assert api.delete("/v1/things/1", headers={"Accept": "text/html"}).status_code == 204


def test_without_a_token_no_error_is_named_and_with_a_bad_one_it_is(api):
    """RFC 6750 section 3.1: a request without credentials gets no error code."""
    without = api.get("/v1/things/1")
    other_scheme = api.get("/v1/things/1", headers={"Authorization": "Basic dTpw"})
    bad = api.get("/v1/things/1", headers={"Authorization": "Bearer a.b.c"})

    assert [a.headers["www-authenticate"] for a in (without, other_scheme, bad)] == [
        "Bearer",
        "Bearer",
        'Bearer error="invalid_token"',
    ]


@pytest.mark.parametrize("path", ["/v1/things", "/v1/fast"])
@pytest.mark.parametrize("coding", ["gzip", "br", "Identity, gzip", "no-such", "GZIP"])
def test_a_body_that_has_to_be_decoded_is_415(api, token, path, coding):
    headers = token | {"Content-Type": "application/json", "Content-Encoding": coding}

    for content in (b'{"name": "a"}', gzip.compress(b'{"name": "a"}')):
        answer = api.post(path, content=content, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert "Content-Encoding" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/things", "/v1/fast"])
def test_a_body_that_says_that_it_is_as_it_is_is_read(api, token, path):
    answer = api.post(path, json={"name": "a"}, headers=token | {"Content-Encoding": "Identity"})

    assert answer.is_success
