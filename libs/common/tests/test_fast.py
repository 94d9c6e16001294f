"""The usual request of a fast route is served in one pass, as the general way would serve it."""

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from common import errors
from common.db import engine as engines
from common.db import tables
from common.http import CORRELATION_HEADER
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth, operation, problems
from common.web.fast import FastRoute, QuickBody, Usual
from common.web.surroundings import REQUEST_ID, Surroundings

ASK = auth.Permission("things:ask", frozenset({Role.CSU_SYSTEM}), "Ask")
JSON = {"Content-Type": "application/json"}


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=1)]


class Told(BaseModel):
    by: str
    size: int
    note: str | None = None


async def answer(
    asked: Annotated[Asked, Body()],
    request: Request,
    caller: Annotated[Principal, auth.requires(ASK)],
) -> Told:
    if asked.size == 404:
        raise errors.NotFound("There is no such thing.")
    if asked.size == 500:
        raise RuntimeError("a bug")
    return Told(by=caller.client_id, size=asked.size)


SEVEN = Asked(size=7)


def quickly(body: bytes) -> Asked | None:
    return SEVEN if body == b'{"size": 7}' else None


async def answer_quickly(
    asked: Annotated[Asked, Body(), QuickBody(quickly)],
    request: Request,
    caller: Annotated[Principal, auth.requires(ASK)],
) -> Told:
    return await answer(asked, request, caller)


class ByItself:
    """An answer that writes itself."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def written(self) -> bytes:
        return self._told.model_dump_json(exclude_none=True).encode()


async def answer_by_itself(
    asked: Annotated[Asked, Body()],
    request: Request,
    caller: Annotated[Principal, auth.requires(ASK)],
) -> ByItself:
    return ByItself(await answer(asked, request, caller))


@pytest.fixture
def app(sqlite_url, identities, clock) -> FastAPI:
    settings = ServiceSettings(
        environment="development", client_id="agreements", body_bytes_max=2000
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(sqlite_url)
        tables.metadata.create_all(engine)
        verifier = identities.verifier()
        yield {"settings": settings, "clock": clock, "engine": engine, "verifier": verifier}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)
    router = APIRouter(route_class=FastRoute)
    router.add_api_route("/fast", answer, methods=["POST"], response_model_exclude_none=True)
    router.add_api_route("/quick", answer_quickly, methods=["POST"])
    router.add_api_route("/itself", answer_by_itself, methods=["POST"], response_model=Told)
    app.include_router(router)
    app.add_api_route("/plain", answer, methods=["POST"], response_model_exclude_none=True)
    return app


@pytest.fixture
def api(app):
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def bearer(api, token_for) -> dict[str, str]:
    """A token that was verified before."""
    token = {"Authorization": f"Bearer {token_for(Role.CSU_SYSTEM, audience='agreements')}"}
    assert api.post("/plain", json={"size": 1}, headers=token).status_code == 200
    return token


@pytest.fixture
def only_the_usual_way(app, api, monkeypatch):
    async def forbidden(*_: Any) -> None:
        raise AssertionError("the general way was taken")

    monkeypatch.setattr(app.fast_path, "_general", forbidden)


BODIES = {
    "good": b'{"size": 1}',
    "not there": b'{"size": 404}',
    "a bug": b'{"size": 500}',
    "too small": b'{"size": 0}',
    "a member too many": b'{"size": 1, "more": 1}',
    "too large": b" " * 2001,
}


@pytest.mark.usefixtures("only_the_usual_way")
@pytest.mark.parametrize("body", BODIES)
def test_the_usual_request_has_the_answer_and_the_headers_of_any_other(api, bearer, body):
    own = {CORRELATION_HEADER: "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"}

    fast, plain = (
        api.post(path, content=BODIES[body], headers=bearer | JSON | own)
        for path in ("/fast", "/plain")
    )

    assert fast.status_code == plain.status_code
    if body != "too large":  # refused by Starlette there, in words of its own
        assert fast.content == plain.content
        assert sorted(fast.headers.items()) == sorted(plain.headers.items())


@pytest.mark.parametrize("path", ["/fast", "/itself"])
@pytest.mark.parametrize("body", ["good", "not there", "too small"])
def test_an_answer_is_the_same_by_the_usual_way_the_general_one_and_the_router(
    app, api, bearer, body, path
):
    def asked(**more):
        found = api.post(path, content=BODIES[body], headers=bearer | JSON | own | more)
        return found.status_code, found.content

    own = {CORRELATION_HEADER: "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"}

    usual, general = asked(), asked(Accept="application/json, text/csv")
    app.fast_path = None

    assert usual == general == asked()
    assert usual[0] == (200 if body == "good" else usual[0])


@pytest.mark.parametrize("body", [b'{"size": 7}', b'{"size": 8}', b'{"size": 0}', b"{"])
def test_a_body_that_is_not_read_quickly_is_read_by_its_type(app, api, bearer, body):
    quick, plain = (
        api.post(path, content=body, headers=bearer | JSON) for path in ("/quick", "/fast")
    )

    assert quick.status_code == plain.status_code
    assert quick.json().get("errors") == plain.json().get("errors")
    assert quick.json().get("size") == plain.json().get("size")


def test_a_body_that_is_read_quickly_is_not_read_again(app):
    with TestClient(app):
        read = app.fast_path._endpoints["POST", "/quick"].read

    assert read(b'{"size": 7}') is quickly(b'{"size": 7}')
    assert read(b'{"size": 8}') == Asked(size=8)


@pytest.mark.usefixtures("only_the_usual_way")
def test_each_answer_has_an_id_of_its_own_and_a_problem_names_it(api, bearer):
    good, refused = (
        api.post("/fast", content=BODIES[body], headers=bearer | JSON)
        for body in ("good", "not there")
    )

    ids = [one.headers[CORRELATION_HEADER] for one in (good, refused)]
    assert len(set(ids)) == 2
    assert refused.json()["instance"] == f"urn:uuid:{ids[1]}"


def test_a_token_is_judged_at_every_call(api, bearer, clock):
    assert api.post("/fast", json={"size": 1}, headers=bearer).status_code == 200

    clock.advance(timedelta(hours=2))

    refused = api.post("/fast", json={"size": 1}, headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_known_token_of_another_role_is_refused(api, token_for):
    token = {"Authorization": f"Bearer {token_for(Role.AUDITOR, audience='agreements')}"}

    answers = [api.post("/fast", json={"size": 1}, headers=token) for _ in range(2)]

    assert [one.status_code for one in answers] == [403, 403]


def test_a_fast_route_waits_for_all_of_a_body_and_for_no_more_than_is_read(api, bearer):
    def sent(*parts: bytes):
        return api.post("/fast", content=iter(parts), headers=bearer | JSON)

    assert sent(b'{"si', b"", b'ze": 7}').json()["size"] == 7
    assert sent(b" " * 1000, b" " * 1001).status_code == 413


# What is usual

VALUES = st.sampled_from(
    [
        (b"accept", b"*/*"),
        (b"accept", b"application/json"),
        (b"accept", b"text/csv"),
        (b"accept", b"application/json;q=0"),
        (b"authorization", b"Bearer abc"),
        (b"authorization", b"Bearer  abc "),
        (b"authorization", b"bearer abc"),
        (b"authorization", b"Basic abc"),
        (b"authorization", b"Bearer "),
        (b"authorization", b"Bearer \xe5"),
        (b"content-type", b"application/json"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-type", b"text/plain"),
        (b"content-encoding", b"gzip"),
        (b"content-encoding", b"identity"),
        (b"content-length", b"2"),
        (b"user-agent", b"x"),
        (REQUEST_ID, b"0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"),
        (REQUEST_ID, b"0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"),
        (REQUEST_ID, b"no id\n"),
    ]
)
USUAL = [(b"authorization", b"Bearer abc"), (b"content-type", b"application/json")]
DECLARED = operation.Operation(produces=("application/json",), takes=True)


@given(st.lists(VALUES, max_size=6), st.sampled_from([b"", b"a=1"]))
@example(USUAL, b"")
def test_nothing_is_usual_that_the_general_way_would_refuse_or_read_otherwise(sent, query):
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/fast",
        "query_string": query,
        "headers": sent,
    }

    usual = Usual.of(scope)

    assert usual is not None or sent != USUAL or query
    if usual is not None:
        request = Request(scope)
        assert usual.token == auth.bearer_token(request)
        assert problems.is_json(request)
        assert not query
        assert not operation.is_encoded(request)
        accept = operation.accept_of(request)
        if accept is not None:
            operation.require_acceptable(accept, DECLARED.produces)
        ids = [v.decode() for n, v in sent if n == REQUEST_ID and not v.startswith(b"no")]
        assert not ids or usual.request_id == ids[0]


def test_the_surroundings_are_those_of_every_answer(app):
    assert isinstance(app.around(app), Surroundings)
