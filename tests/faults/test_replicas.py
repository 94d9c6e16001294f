"""S1 with two replicas of agreements on one PostgreSQL database, and S6 with that database gone.

Whatever forbids is told to the first replica. Dissemination asks the second, whose caches are warm.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url, text

from agreements.decision.adapters import rules
from agreements.records.domain.leases import waiting_seconds
from common.clock import SystemClock
from common.db import engine as engines
from dsfc_client import ExtractFile
from dsfc_testing.postgresql import Server
from tests.faults.slow import RECEIVE_BYTES, Download
from tests.running import MAY, Scene, scene_on_postgresql, until

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.xdist_group("replicas"),
    pytest.mark.timeout(300),
]

KERNEL_BYTES = 8 * RECEIVE_BYTES
"""What a client's kernel may hold with such a buffer: it doubles what is asked for, and more."""

AWAY_SECONDS_MAX = 25.0
"""Dissemination waits five seconds for agreements, a service five for a connection; and the
machine may be busy."""


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server
) -> Iterator[tuple[Scene, str]]:
    with scene_on_postgresql(tmp_path_factory, postgresql_server, "replicas") as played:
        yield played


@pytest.fixture(scope="module")
def file(replicas: tuple[Scene, str]) -> ExtractFile:
    return replicas[0].released(periods=[MAY]).files[0]


def queried(scene: Scene, service: str, query: str, **values: object) -> list[tuple[Any, ...]]:
    engine = engines.create(scene.suite.database_url(service))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query), values)]
    engine.dispose()
    return found


def renewals(scene: Scene, file: ExtractFile) -> int:
    query = "SELECT sum(renewals) FROM decision WHERE action = 'fetch' AND subject = :file"
    ((count,),) = queried(scene, "agreements", query, file=str(file.id))
    return count or 0


def content(scene: Scene, file: ExtractFile) -> str:
    return scene.url("dissemination", f"/v1/files/{file.id}/content")


def fetch(scene: Scene, url: str, holding: str) -> dict[str, Any]:
    """Ask one replica the question that a download is."""
    service, asker = scene.stage.actor("dissemination"), "csu-0df-analytics"
    answer = httpx.post(
        f"{url}/access/v1/evaluation",
        json={
            "subject": {"type": "client", "id": asker, "properties": {"token": scene.token()}},
            "action": {"name": "fetch"},
            "resource": {"type": "holding", "id": holding},
            "context": {"delivery_id": "00000000-0000-7000-8000-000000000001"},
        },
        headers={"Authorization": f"Bearer {scene.token('agreements', service)}"},
        timeout=60,
    )
    decided: dict[str, Any] = answer.raise_for_status().json()
    return decided


def report_breach(scene: Scene) -> str:
    breach = scene.stage.actor("csu-0df-contact").agreements.report_breach(
        {
            "agreement": scene.reference,
            "lines": None,
            "activity_stopped": "no",
            "description": "A report was mailed to an organisation that is no party.",
            "discovered_at": SystemClock().now().isoformat(),
        }
    )
    return str(breach.id)


def set_hold(scene: Scene) -> str:
    handler = scene.stage.actor("body-breach-1").agreements
    held = handler.post(
        f"/v1/agreements/{scene.reference}/holds", {"reason": "A report was sent astray."}
    )
    return str(held["id"])


def lift_breach(scene: Scene, breach: str) -> None:
    agreement = scene.stage.actor("body-breach-1").agreements.get(
        f"/v1/agreements/{scene.reference}"
    )
    lift(scene, next(h for h in agreement["holds"] if h["breach_id"] == breach)["id"])


def lift(scene: Scene, hold: str) -> None:
    one, two = (scene.stage.actor(f"body-breach-{n}").agreements for n in (1, 2))
    assert one.approve_lift(hold, "The mail was recalled unread.").lifted_at is None
    assert two.approve_lift(hold, "The recipient confirmed deletion.").lifted_at is not None


@pytest.mark.scenario("B03")
def test_after_the_answer_to_a_hold_no_byte_leaves(
    replicas: tuple[Scene, str], file: ExtractFile
) -> None:
    """S1. Guards: the epoch that a decision reads in a snapshot begun after the question, under
    which alone a replica believes what it remembers (`PermissionCache.find`, `FactsCache.get`); the
    answer that waits for leases given before (`RemovesPermission`); the reset of a stream that is
    refused (`LeasedConnection.reset`)."""
    scene, second = replicas
    first = scene.suite.urls["agreements"]
    ((holding,),) = queried(
        scene, "agreements", "SELECT id FROM holding WHERE file_id = :file", file=str(file.id)
    )
    url, token = content(scene, file), scene.token()
    with Download(url, token) as stalled, Download(url, token) as reading:
        stalled.read(1_000)
        ended: list[str] = []
        reader = threading.Thread(target=lambda: ended.append(reading.read_to_the_end(pause=0.04)))
        reader.start()
        before = renewals(scene, file)
        until(lambda: renewals(scene, file) > before + 3)  # the second is warm
        until(lambda: four_under_way(scene, [first, second], str(holding)))

        asked = time.monotonic()
        breach = report_breach(scene)
        answered = time.monotonic()
        assert answered - asked > waiting_seconds(rules.load().longest_lease_seconds())
        held, taken = stalled.held(), stalled.received

        assert stalled.is_reset(within=60.0)
        assert stalled.read_to_the_end() == "reset"
        assert stalled.received - taken <= held
        reader.join()
        assert ended == ["reset"]
        assert reading.after(answered) <= KERNEL_BYTES
        assert reading.received < reading.length
    for url in (first, second):
        decided = fetch(scene, url, str(holding))
        assert not decided["decision"]
        assert [r["code"] for r in decided["context"]["refusals"]] == ["BREACH_OPEN"]
    deliveries = until(lambda: _ended(scene, file))
    assert {(d["outcome"], d["code"]) for d in deliveries} == {("cut", "BREACH_OPEN")}
    assert {d["bytes"] >= stalled.received for d in deliveries} == {True}
    refused = httpx.get(content(scene, file), headers=_bearer(scene), timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (403, "BREACH_OPEN")

    lift_breach(scene, breach)
    assert httpx.get(content(scene, file), headers=_bearer(scene), timeout=60).status_code == 200


REPEATED = 20


@pytest.mark.long
@pytest.mark.parametrize(
    ("take_away", "give_back"), [(report_breach, lift_breach), (set_hold, lift)]
)
def test_however_often_permission_is_taken_away_no_byte_leaves_after_the_answer(
    replicas: tuple[Scene, str],
    file: ExtractFile,
    take_away: Callable[[Scene], str],
    give_back: Callable[[Scene, str], None],
) -> None:
    """S1, many times: what holds once may hold by chance. Guards as above."""
    scene, _ = replicas
    for _ in range(REPEATED):
        url, token = content(scene, file), scene.token()
        with Download(url, token) as stalled, Download(url, token) as reading:
            assert (stalled.status, reading.status) == (200, 200)
            stalled.read(1_000)
            reading.read(1_000)
            ended: list[str] = []
            reader = threading.Thread(
                target=lambda: ended.append(reading.read_to_the_end(pause=0.01))  # noqa: B023
            )
            reader.start()

            taken = take_away(scene)
            answered = time.monotonic()
            held, before = stalled.held(), stalled.received

            assert stalled.is_reset(within=60.0)
            assert stalled.read_to_the_end() == "reset"
            assert stalled.received - before <= held
            reader.join()
            assert ended == ["reset"]
            assert reading.after(answered) <= KERNEL_BYTES
        give_back(scene, taken)


def under_way(scene: Scene) -> tuple[int, int]:
    """What a hold would stop, as whoever is about to set it is told."""
    path = f"/v1/agreements/{scene.reference}/holds/preview"
    preview = scene.stage.actor("body-breach-1").agreements.get(path)
    return preview["flows"], preview["under_way"]


def four_under_way(scene: Scene, replicas: list[str], holding: str) -> bool:
    """Whether both downloads are counted, and two questions asked just now.

    A lease is a second long. On a busy machine one may be over when the others are given.
    """
    assert all(fetch(scene, url, holding)["decision"] for url in replicas)
    flows, count = under_way(scene)
    return flows == 1 and count >= 2 + len(replicas)


def _ended(scene: Scene, file: ExtractFile) -> list[dict[str, Any]]:
    """The deliveries of a file, once none is under way."""
    found = scene.csu.dissemination.get("/v1/deliveries", file_id=str(file.id))["items"]
    return [] if any(d["outcome"] == "under_way" for d in found) else found


def _bearer(scene: Scene) -> dict[str, str]:
    return {"Authorization": f"Bearer {scene.token()}"}


@contextmanager
def gone(server: Server, url: str) -> Iterator[None]:
    """A database that lets nobody in, and has thrown out whoever was."""
    name = make_url(url).database
    admin = make_url(server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def answered(call: Any) -> tuple[int, str, bool]:
    """Status and code, and whether it came in the defined time."""
    began = time.monotonic()
    response = call()
    code = response.json().get("code", "") if response.is_error else ""
    return response.status_code, code, time.monotonic() - began < AWAY_SECONDS_MAX


def test_with_the_database_of_agreements_gone_the_answer_is_no_and_a_stream_waits(
    replicas: tuple[Scene, str], file: ExtractFile, postgresql_server: Server
) -> None:
    """S6. Guards: `translated`, which makes a lost database DATABASE_UNAVAILABLE, and
    dissemination, to which anything but a yes is none; `LeasedConnection._renewed`, a pause."""
    scene, _ = replicas
    extracts = "SELECT count(*) FROM extract"
    before = queried(scene, "dissemination", extracts)
    with Download(content(scene, file), scene.token(), 32_768) as download:
        with gone(postgresql_server, scene.suite.database_url("agreements")):
            download.read_until_it_pauses()
            told = answered(
                lambda: httpx.post(
                    scene.url("dissemination", "/v1/extracts"),
                    json=scene.body(periods=[MAY]),
                    headers=_bearer(scene),
                    timeout=30,
                )
            )
            assert told == (503, "DECISION_UNAVAILABLE", True)
        until(
            lambda: (
                httpx.get(content(scene, file), headers=_bearer(scene), timeout=60).status_code
                == 200
            )
        )
        assert download.read_to_the_end() == "clean"
        assert download.received == download.length

    assert queried(scene, "dissemination", extracts) == before


@pytest.mark.parametrize("service", ["applications", "agreements", "dissemination"])
def test_a_service_whose_database_is_gone_says_so_in_time_and_comes_back(
    replicas: tuple[Scene, str], postgresql_server: Server, service: str
) -> None:
    """S6. Guard: `translated`; without it the answer is a 500."""
    scene, _ = replicas
    path = {
        "applications": "/v1/applications",
        "agreements": "/v1/agreements",
        "dissemination": "/v1/extracts",
    }[service]
    who = scene.stage.actor("ccg-02p-applicant") if service == "applications" else None
    headers = {"Authorization": f"Bearer {scene.token(service, who)}"}

    def ask() -> httpx.Response:
        return httpx.get(scene.url(service, path), headers=headers, timeout=30)

    assert ask().status_code == 200
    with gone(postgresql_server, scene.suite.database_url(service)):
        assert answered(ask) == (503, "DATABASE_UNAVAILABLE", True)

    until(lambda: ask().status_code == 200)


CUT_UNSEEN = {"BREACH_OPEN", "LEASE_ENDED", "DECISION_UNAVAILABLE", "OUTCOME_UNKNOWN"}


@contextmanager
def standing_still(server: Server, url: str) -> Iterator[None]:
    """A database whose processes take what they are sent and answer nothing; nobody new gets in."""
    name = make_url(url).database
    admin = make_url(server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        stopped = [pid for (pid,) in connection.execute(query, [name])]
        assert stopped
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def gives_nothing(url: str, scene: Scene) -> bool:
    """Say whether a new fetch has no byte of the file: no answer in time, or that there is none."""
    try:
        return httpx.get(url, headers=_bearer(scene), timeout=2).status_code >= 500
    except httpx.ReadTimeout:
        return True


@pytest.mark.long
@pytest.mark.skipif("TEST_POSTGRES_URL" in os.environ, reason="the server's processes are not ours")
def test_while_the_database_of_dissemination_stands_still_a_hold_ends_a_stream_all_the_same(
    replicas: tuple[Scene, str], file: ExtractFile, postgresql_server: Server
) -> None:
    """S1 and S6. Guards: a stream asks agreements alone for its lease, and writes nothing for it
    (`LeasedConnection`); a delivery is on record before its first byte (`deliveries.begin`)."""
    scene, _ = replicas
    url = content(scene, file)
    with Download(url, scene.token()) as stalled, Download(url, scene.token(), 32_768) as reading:
        stalled.read(1_000)
        reading.read(1_000)
        with standing_still(postgresql_server, scene.suite.database_url("dissemination")):
            assert gives_nothing(url, scene)
            hold = set_hold(scene)
            answered = time.monotonic()
            held, before = stalled.held(), stalled.received

            assert stalled.is_reset(within=60.0)
            assert stalled.read_to_the_end() == "reset"
            assert stalled.received - before <= held
            assert reading.read_to_the_end() == "reset"
            assert reading.after(answered) <= 8 * 32_768

    deliveries = until(lambda: _ended(scene, file))
    # Why it was cut could not be written down while the database stood still. Who writes first
    # says what it knows: the stream that it was refused or had no decision, the sweep that nothing
    # was heard of it. None says that it was complete.
    assert {d["outcome"] for d in deliveries} <= {"complete", "cut"}
    ours = deliveries[-2:]
    assert [d["outcome"] for d in ours] == ["cut", "cut"]
    assert {d["code"] for d in ours} <= CUT_UNSEEN
    refused = httpx.get(url, headers=_bearer(scene), timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (403, "BREACH_OPEN")
    lift(scene, hold)
    assert until(lambda: httpx.get(url, headers=_bearer(scene)).status_code == 200)
