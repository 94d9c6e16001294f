"""Decisions that the connection begins by itself: what is promised of others holds of them.

Over the real server, asked as dissemination asks. `libs/common/tests/test_quick_answers.py` holds
the connection to HTTP; here it is the decision: as by the endpoint, logged as by it and before it
is answered, under the epoch of its own moment, by tokens that are judged at every call.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select
from sqlmodel import Session

from agreements.db.decisions.tables import DecisionRow
from agreements.decision.adapters.attestations import SignedAttestations
from agreements.decision.use_cases import decider as deciding
from agreements.decision.use_cases.decider import Decider
from common.db.tables import table_of
from common.ids import new_id
from common.security.keys import Signer, generate_jwk
from common.security.roles import Role
from common.web import server
from services.agreements.tests.api.test_access import EVALUATION, Asked, codes
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed

PATIENCE_SECONDS = 60
OTHERS_OWN = {"id", "permit", "permit_id", "permit_expires_at", "epoch"}
"""What each decision has of its own."""

pytestmark = pytest.mark.timeout(180)


class Counted:
    """How often the decider was asked by the connection, and how often by the endpoint."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.then, self.called = 0, 0
        ask, ask_then = Decider.ask, Decider.ask_then

        async def asked(decider: Decider, question: Any) -> Any:
            self.called += 1
            return await ask(decider, question)

        def asked_then(decider: Decider, *given: Any) -> None:
            self.then += 1
            ask_then(decider, *given)

        monkeypatch.setattr(Decider, "ask", asked)
        monkeypatch.setattr(Decider, "ask_then", asked_then)

    @property
    def by_connection(self) -> int:
        return self.then - self.called


class Quick(Asked):
    """The service, asked by the connections of its server."""

    def __init__(self, asked: Asked, group: server.Group, counted: Counted) -> None:
        super().__init__(asked.service, asked.haven)
        self.group, self.counted = group, counted
        self.headers = self.service.headers(Role.SERVICE_DISSEMINATION)
        self.tokens: dict[str, str] = {}
        self.stack = ExitStack()
        self.remote = self.connect()

    def token(self, *who: Any, **more: Any) -> str:
        """Return the same token for the same client: clients keep theirs for minutes."""
        asked = repr((who, more))
        if asked not in self.tokens:
            self.tokens[asked] = super().token(*who, **more)
        return self.tokens[asked]

    def connect(self) -> httpx.Client:
        made = httpx.Client(base_url=self.group.urls[0], timeout=PATIENCE_SECONDS)
        return self.stack.enter_context(made)

    def quickly(self, body: Any, *, by: httpx.Client | None = None) -> httpx.Response:
        return (by or self.remote).post(EVALUATION, headers=self.headers, json=body)

    def know(self, *bodies: Any) -> None:
        """Have heads of their lengths known, and their tokens verified."""
        for body in bodies:
            for _ in range(3):
                self.quickly(body)


@contextmanager
def serving(app: Any, state: dict[str, Any]) -> Iterator[server.Group]:
    group = server.Group([(app, "127.0.0.1", 0)], [], graceful_seconds=PATIENCE_SECONDS)
    thread = threading.Thread(target=group.run_quietly, daemon=True)
    thread.start()
    group.wait_until_ready()
    group._servers[0].lifespan.state.update(state)
    try:
        yield group
    finally:
        group.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def quick(service, app_client, monkeypatch) -> Iterator[Quick]:
    """A sound world, a released file, and a server in front of it."""
    haven = Signer(generate_jwk())
    seed(service.parts.engine, on_the_catalogue(plain.sound()), sealer=service.parts.sealer)
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    fast_path = app_client.app.fast_path
    with serving(app_client.app, app_client.app_state) as group:
        found = Quick(Asked(service, haven), group, Counted(monkeypatch))
        with found.stack:
            yield found
    app_client.app.fast_path = fast_path


def but_its_own(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    headers = dict(answer.headers)
    for name in ("date", "x-request-id", "content-length"):
        headers.pop(name, None)
    body = answer.json()
    body.pop("instance", None)
    for name in OTHERS_OWN:
        body.get("context", {}).pop(name, None)
    return int(answer.status_code), headers, body


def logged_but_its_own(rows: list[DecisionRow]) -> list[dict[str, Any]]:
    own = {"id", "inputs", "outcome", "subject", "renews", "seal"}
    return [
        {c.name: getattr(row, c.name) for c in table_of(DecisionRow).c if c.name not in own}
        for row in rows
    ]


KINDS = {
    "a yes to a fetch": (lambda q, h: q.fetch_body(h), True),
    "a yes to a fetch of an object": (
        lambda q, h: (
            q.fetch_body(h)
            | {
                "resource": {
                    "type": "holding",
                    "id": h,
                    "properties": {
                        "object": f"sha256:{'0' * 64}",
                        "bytes": 1,
                        "digest": f"sha256:{'0' * 64}",
                    },
                }
            }
        ),
        True,
    ),
    "a no to a fetch": (lambda q, _: q.fetch_body(str(new_id())), True),
    "a fetch by another client": (
        lambda q, h: q.fetch_body(h, client="other", token=q.token("other", ods="0CX")),
        True,
    ),
    "a yes to a request": (lambda q, _: q.request_body(), True),
    "a no to a request": (lambda q, _: q.request_body(purpose="RS"), True),
    "of no agreement": (lambda q, _: q.request_body(agreement="DARS-NIC-999999-Z9Z9Z"), True),
    "a digest of another": (lambda q, _: q.request_body(digest=f"sha256:{'0' * 64}"), True),
    "a fetch with another's token": (
        lambda q, h: q.fetch_body(h, token=q.token("other", ods="0CX")),
        True,
    ),
    "a request with another's token": (
        lambda q, _: q.request_body(token=q.token("other", ods="0CX")),
        False,
    ),
    "a token for another service": (
        lambda q, h: q.fetch_body(h, token=q.token(audience="agreements")),
        False,
    ),
    "no token": (lambda q, h: q.fetch_body(h) | {"subject": {"type": "client", "id": "x"}}, False),
    "a dry fetch": (lambda q, h: q.fetch_body(h, dry_run=True), False),
    "a dry request": (lambda q, _: q.request_body(dry=True), False),
    "no digest": (
        lambda q, _: q.request_body() | {"context": {"extract_id": str(new_id())}},
        False,
    ),
    "no question": (lambda q, _: q.request_body(periods=["May"]), False),
}


def test_it_is_answered_and_logged_as_by_the_endpoint(quick):
    holding = quick.released()["holding_id"]
    for kind, (make, is_begun) in KINDS.items():
        before = len(quick.logged())
        by_endpoint = [quick.post(make(quick, holding)) for _ in range(2)][1]
        rows = quick.logged()[before:]
        before += len(rows)
        quick.counted.then = quick.counted.called = 0

        answers = [quick.quickly(make(quick, holding)) for _ in range(4)]

        for answer in answers:
            assert but_its_own(answer) == but_its_own(by_endpoint), kind
        assert (quick.counted.by_connection > 0) == is_begun, kind
        again = quick.logged()[before:]
        assert len(again) == 2 * len(rows), kind
        assert logged_but_its_own(again) == logged_but_its_own(rows) * 2, kind


def test_a_renewal_extends_the_decision_that_was_logged_and_outlives_its_token(quick):
    holding, token = quick.released()["holding_id"], quick.token()
    first = quick.quickly(quick.fetch_body(holding, token=token)).json()["context"]["id"]
    body = quick.fetch_body(holding, token=token, renews=first)
    quick.know(body)
    quick.counted.then = quick.counted.called = 0

    assert quick.quickly(body).json()["context"]["id"] == first
    assert quick.counted.by_connection == 1
    (row,) = [row for row in quick.logged() if str(row.id) == first]
    assert row.renewals == 4
    quick.service.clock.advance(timedelta(hours=2))
    quick.headers = quick.service.headers(Role.SERVICE_DISSEMINATION)
    quick.know(body)
    anew = quick.quickly(quick.fetch_body(holding, token=token))

    assert quick.quickly(body).json()["context"]["id"] == first
    assert anew.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


def test_both_tokens_are_judged_at_every_call(quick):
    """Guards: `FastPath.known` in the connection, `asks._at_hand`."""
    holding = quick.released()["holding_id"]
    body = quick.fetch_body(holding)
    quick.know(body)
    assert quick.quickly(body).json()["decision"]
    before = len(quick.logged())
    quick.service.clock.advance(timedelta(hours=2))

    own_expired = quick.quickly(body)
    quick.headers = quick.service.headers(Role.SERVICE_DISSEMINATION)
    quick.tokens.clear()
    quick.know(quick.fetch_body(holding))
    clients_expired = quick.quickly(body)

    assert (own_expired.status_code, own_expired.json()["code"]) == (401, "UNAUTHENTICATED")
    assert clients_expired.json()["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert len(quick.logged()) == before + 3  # those in between, by tokens of then


def test_what_was_taken_away_is_refused_by_the_next_answer_and_a_no_is_not_kept(quick):
    """Guard: the epoch is read in each batch, and nothing of a no is remembered."""
    holding = quick.released()["holding_id"]
    first = quick.quickly(quick.fetch_body(holding)).json()["context"]["id"]
    bodies = [
        lambda: quick.fetch_body(holding),
        lambda: quick.fetch_body(holding, renews=first),
        quick.request_body,
    ]
    quick.know(*(make() for make in bodies))
    quick.counted.then = quick.counted.called = 0
    hold = quick.service.post(
        f"/v1/agreements/{plain.REFERENCE}/holds",
        Role.BREACH_HANDLER,
        {"lines": [1], "reason": "not stopped"},
    )
    assert hold.status_code in (200, 201), hold.text

    refused = [quick.quickly(make()) for make in bodies]

    assert [codes(answer) for answer in refused] == [{("BREACH_OPEN", "line 1")}] * 3
    for who in ("one", "another"):
        lift = f"/v1/holds/{hold.json()['id']}/lift-approvals"
        lifted = quick.service.post(lift, Role.DARS_APPROVER, {"reason": "over"}, who=who)
        assert lifted.status_code == 200, lifted.text
    again = [quick.quickly(make()).json() for make in bodies]
    assert [answer["decision"] for answer in again] == [True, True, True]
    assert again[1]["context"]["id"] != first  # under another epoch it is a decision of its own
    assert quick.counted.by_connection == 6


def test_a_renewal_of_an_agreement_that_is_over_is_refused(quick):
    holding, token = quick.released()["holding_id"], quick.token()
    first = quick.quickly(quick.fetch_body(holding, token=token)).json()["context"]["id"]
    body = quick.fetch_body(holding, token=token, renews=first)
    quick.know(body)
    quick.counted.then = quick.counted.called = 0
    quick.service.clock.advance(timedelta(days=400))
    quick.headers = quick.service.headers(Role.SERVICE_DISSEMINATION)
    quick.tokens.clear()
    token = quick.token()
    body = quick.fetch_body(holding, token=token, renews=first)

    answers = [quick.quickly(body) for _ in range(3)]

    assert [answer.json()["decision"] for answer in answers] == [False] * 3
    assert quick.counted.by_connection > 0


def test_nothing_is_answered_that_could_not_be_committed(quick):
    """Guard: the decider tells after the transaction is over."""
    holding = quick.released()["holding_id"]

    def fail(_connection: Any) -> None:
        raise RuntimeError("the disk is full")

    for kind in ("a yes to a fetch", "a yes to a request", "a no to a fetch"):
        make = KINDS[kind][0]
        quick.know(make(quick, holding))
        before = len(quick.logged())
        quick.counted.then = quick.counted.called = 0
        event.listen(quick.service.parts.engine, "commit", fail)
        try:
            answer = quick.quickly(make(quick, holding))
        finally:
            event.remove(quick.service.parts.engine, "commit", fail)

        assert answer.status_code == 500, kind
        assert quick.counted.by_connection == 1, kind
        assert len(quick.logged()) == before, kind
        assert quick.quickly(make(quick, holding)).status_code == 200, kind


def test_who_cannot_be_told_keeps_nobody_else_from_it(quick):
    """Guard: `_tell_each`. All of one batch are told by one call."""
    decider: Decider = quick.service.parts.decider

    def fail(_answer: Any) -> None:
        raise RuntimeError("it cannot be told")

    async def both() -> Any:
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        decider.ask_then(asking.request(), fail, loop)
        decider.ask_then(asking.request(), told.set_result, loop)
        return await asyncio.wait_for(told, PATIENCE_SECONDS)

    assert asyncio.run(both()).permitted


def test_where_too_many_wait_it_is_refused_as_by_the_endpoint(quick, monkeypatch):
    holding = quick.released()["holding_id"]
    quick.know(quick.fetch_body(holding))
    monkeypatch.setattr(deciding, "WAITING_MAX", 0)

    answers = [ask(quick.fetch_body(holding)) for ask in (quick.quickly, quick.post)]

    assert answers[0].status_code == 503
    assert answers[0].json()["code"] == "DECISION_UNAVAILABLE"
    assert but_its_own(answers[0]) == but_its_own(answers[1])


def test_all_that_was_committed_is_answered_before_the_server_ends(quick, monkeypatch):
    """Many at once, while it is told to end in the middle of their transaction."""
    holding = quick.released()["holding_id"]
    quick.know(quick.fetch_body(holding))
    before = len(quick.logged())
    arrived, go_on, then = threading.Event(), threading.Event(), quick.counted.then
    decide_all = deciding.decide_all

    def slowly(asks: Any, **given: Any) -> Any:
        arrived.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return decide_all(asks, **given)

    monkeypatch.setattr(deciding, "decide_all", slowly)
    remotes = [quick.connect() for _ in range(8)]
    for remote in remotes:
        remote.get("/livez")
    answers: list[httpx.Response] = []
    asking = [
        threading.Thread(
            target=lambda by=remote: answers.append(quick.quickly(quick.fetch_body(holding), by=by))
        )
        for remote in remotes
    ]
    for thread in asking:
        thread.start()
    assert arrived.wait(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while quick.counted.then < then + len(remotes):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", httpx.URL(quick.group.urls[0]).port)) as idle:
        quick.group.stop()
        assert idle.recv(1) == b""  # from here on each connection ends behind its answer
    go_on.set()
    for thread in asking:
        thread.join(PATIENCE_SECONDS)

    with Session(quick.service.parts.engine) as session:
        logged = {str(row) for row in session.execute(select(DecisionRow.id)).scalars()}
    answered = {answer.json()["context"]["id"] for answer in answers}
    assert len(answered) == len(remotes)
    assert answered <= logged
    assert len(logged) == before + len(remotes)
    assert {answer.headers["connection"] for answer in answers} == {"close"}
