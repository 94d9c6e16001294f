"""The waiting answer: after the commit, outside the threads, also when it was done before."""

import threading
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from agreements.adapters import rules
from agreements.api.removal import RemovesPermission
from common.errors import Conflict, NotFound
from common.web import problems


@pytest.fixture
def waited():
    """What happened, in order."""
    return []


@pytest.fixture
def client(waited):
    router = APIRouter(route_class=RemovesPermission)

    @router.post("/{outcome}")
    def command(outcome: str) -> dict[str, str]:
        waited.append(("committed", threading.current_thread().name))
        if outcome == "conflict":
            raise Conflict("It is held already.")
        if outcome == "missing":
            raise NotFound("There is no such thing.")
        return {"done": outcome}

    async def pause(seconds):
        waited.append((seconds, threading.current_thread().name))

    @asynccontextmanager
    async def lifespan(_app):
        yield {"rules": rules.load(), "pause": pause}

    app = FastAPI(lifespan=lifespan)
    problems.install(app)
    app.include_router(router)
    with TestClient(app) as test_client:
        yield test_client


@pytest.mark.parametrize(("outcome", "status"), [("now", 200), ("conflict", 409)])
def test_the_answer_comes_after_the_longest_lease_and_waits_in_no_thread_of_the_pool(
    client, waited, outcome, status
):
    assert client.post(f"/{outcome}").status_code == status

    (committed, in_a_thread), (seconds, in_the_loop) = waited
    assert committed == "committed"
    assert seconds == pytest.approx(1.1 * rules.load().longest_lease_seconds())
    assert in_a_thread != in_the_loop


def test_what_changed_nothing_is_answered_at_once(client, waited):
    assert client.post("/missing").status_code == 404
    assert [what for what, _ in waited] == ["committed"]


def test_every_command_that_may_take_permission_away_waits(service):
    """Guard: a new one on a plain router fails here."""
    from fastapi.routing import iter_route_contexts

    waiting = {
        route.path
        for route in iter_route_contexts(service.client.app.routes)
        if isinstance(route.original_route, RemovesPermission)
    }

    assert {
        "/v1/agreements/{reference}/holds",
        "/v1/agreements/{reference}/termination",
        "/v1/contracts/{reference}/termination",
        "/v1/relationships/{relationship_id}/ending",
        "/v1/breaches",
        "/v1/breaches/{breach_id}/finding",
        "/v1/organisations/imports",
        "/v1/assurance/imports",
    } <= waiting
