"""The waiting answer: after the commit, outside the threads, also when it was done before."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from agreements.decision.adapters import rules
from agreements.records.api.removal import RemovesPermission
from common.db.unit_of_work import note_instant
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


def test_a_command_that_a_stopping_server_cancels_is_not_answered_early():
    """Guard: `_hang_up`. uvicorn would say 500 at once."""
    ended = []

    class Connection:
        class transport:  # noqa: N801  as the protocol has it
            abort = staticmethod(lambda: ended.append("reset"))

    async def scenario():
        started = asyncio.Event()

        async def never(_seconds):
            started.set()
            await asyncio.Event().wait()

        async def command() -> dict[str, str]:
            return {}

        app = FastAPI()
        router = APIRouter(route_class=RemovesPermission)
        router.add_api_route("/", command, methods=["POST"])
        app.include_router(router)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [],
            "query_string": b"",
            "extensions": {"dsfc.connection": Connection},
            "state": {"rules": rules.load(), "pause": never},
        }

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            ended.append(message)

        task = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(started.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert ended == ["reset"]


def test_the_answer_waits_for_an_instant_that_lies_ahead_of_the_clock(clock):
    """Guard: `_ahead`. Where a database's clock was set back, others believe what was written
    only from its instant on."""
    waited = []
    router = APIRouter(route_class=RemovesPermission)

    @router.post("/")
    def command() -> dict[str, str]:
        note_instant(clock.now() + timedelta(seconds=2))
        return {}

    async def pause(seconds):
        waited.append(seconds)

    @asynccontextmanager
    async def lifespan(_app):
        yield {"rules": rules.load(), "pause": pause, "clock": clock}

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    with TestClient(app) as client:
        assert client.post("/").status_code == 200

    assert waited == [pytest.approx(2 + 1.1 * rules.load().longest_lease_seconds())]


CANNOT_REMOVE = {
    "/access/v1/evaluation": "asks",
    "/access/v1/evaluations": "asks",
    "/access/v1/search/resource": "asks",
    "/v1/recipient-environments": "adds clients, and takes none from another environment",
    "/v1/recipient-environments/{environment_id}/clients": "adds; a taken client is refused",
    "/v1/transfer-instruments/{instrument_id}/withdrawal": "leaves everything with whom it is",
    "/v1/domain-transfers": "proposes; nothing changes before it is agreed",
    "/v1/domain-transfers/{transfer_id}/withdrawal": "gives: what waited begins anew",
    "/v1/contracts": "issues what nobody has signed",
    "/v1/contracts/{reference}/signatures": "gives; one that overlaps is refused",
    "/v1/agreements/{reference}/conditions/{condition}/fulfilment": "gives",
    "/v1/holds/{hold_id}/lift-approvals": "gives",
    "/v1/relationships": "asks for what is not in operation",
    "/v1/relationships/{relationship_id}/contract-verification": "is before operation",
    "/v1/relationships/{relationship_id}/dscro-agreement": "is before operation",
    "/v1/relationships/{relationship_id}/refusal": "is before operation",
    "/v1/relationships/{relationship_id}/withdrawal": "is before operation",
    "/v1/relationships/{relationship_id}/consents": "is about publication, not about release",
    "/v1/agreements/{reference}/destruction/certificates": "says what became of copies",
    "/v1/agreement-templates/{name}/versions": "keeps what others are issued from",
    "/v1/agreement-templates/{name}/issues": "waits for a second person",
    "/v1/agreements-in-force": "waits for a second person",
    "/v1/agreement-batches/{batch_id}/confirmation": "gives; a version governs once signed",
    "/v1/agreement-batches/{batch_id}/withdrawal": "is before anything is drafted",
    "/v1/local-flows": "waits for a second person",
    "/v1/local-flows/{flow_id}/approval": "gives",
    "/v1/local-flows/{flow_id}/refusal": "is before anything names it",
    "/v1/local-flows/{flow_id}/withdrawal": "is refused where an agreement names it",
    "/v1/breaches/{breach_id}/receipt": "confirms",
    "/v1/breaches/{breach_id}/facts": "says what happened",
    "/v1/breaches/{breach_id}/closure": "leaves holds as they are",
    "/v1/registers/relationships/editions": "publishes",
    "/v1/staff-records": "is about who may act, and no release rests on it",
    "/v1/staff-records/{record_id}/ending": "is about who may act, and no release rests on it",
    "/v1/audits": "plans",
    "/v1/directions": "is about intake; no release rests on it",
    "/v1/internal-instructions": "records what two people have to sign",
    "/v1/internal-instructions/{instruction_id}/signature": "gives",
    "/v1/opt-out-waivers": "records what waits for a second person",
    "/v1/opt-out-waivers/{waiver_id}/confirmation": "gives",
    "/v1/audits/{audit_id}/report": "says what was found; no release rests on it",
    "/v1/audits/{audit_id}/actions/{number}/completion": "says what was done",
    "/v1/audits/{audit_id}/publication": "publishes",
    "/v1/audits/{audit_id}/follow-up": "says what was seen",
    "/v1/submission-rights": "records what waits for a second person",
    "/v1/submission-rights/imports": "records what waits for a second person",
    "/v1/submission-rights/{batch}/confirmation": "gives",
    "/v1/submission-rights/{batch}/withdrawal": "gives up what never held",
}
"""Every command that may be answered at once, and why."""


def test_every_command_waits_or_is_known_to_be_unable_to_take_permission_away(service):
    """Guard: a new command on a plain router fails here until somebody says why it may."""
    commands = [
        route
        for route in iter_route_contexts(service.client.app.routes)
        if set(getattr(route.original_route, "methods", None) or ()) - {"GET", "HEAD"}
    ]
    waiting = {r.path for r in commands if isinstance(r.original_route, RemovesPermission)}

    assert {r.path for r in commands} - waiting == set(CANNOT_REMOVE)
    assert waiting == {
        "/v1/agreements/{reference}/holds",
        "/v1/agreements/{reference}/signatures",
        "/v1/agreement-signatures",
        "/v1/agreements/{reference}/termination",
        "/v1/agreements/{reference}/destruction/acceptances",
        "/v1/agreements/{reference}/onward-shares",
        "/v1/agreements/{reference}/place-findings",
        "/v1/contracts/{reference}/termination",
        "/v1/relationships/{relationship_id}/activation",
        "/v1/relationships/{relationship_id}/ending",
        "/v1/breaches",
        "/v1/breaches/{breach_id}/finding",
        "/v1/organisations/imports",
        "/v1/transfer-instruments",
        "/v1/domain-transfers/{transfer_id}/agreement",
        "/v1/domain-transfers/{transfer_id}/effect",
        "/v1/maps",
        "/v1/maps/{map_id}/confirmation",
        "/v1/maps/{map_id}/withdrawal",
        "/v1/postcode-directories",
        "/v1/imports/{import_id}/confirmation",
        "/v1/imports/{import_id}/withdrawal",
        "/v1/submission-rights/{right_id}/ending",
        "/v1/opt-out-waivers/{waiver_id}/withdrawal",
        "/v1/internal-instructions/{instruction_id}/withdrawal",
        "/v1/recipient-environments/{environment_id}/clients/{client_id}",
        "/v1/assurance/imports",
        "/v1/relationships/imports",
        "/v1/publications/imports",
        "/v1/environment-registers/{kind}/imports",
        "/v1/assurance",
        "/v1/ico-registrations",
        "/v1/section-251-approvals",
        "/v1/section-251-approvals/{approval_id}/withdrawal",
        "/v1/section-251-approvals/{approval_id}/conditions",
        "/v1/publications",
    }
