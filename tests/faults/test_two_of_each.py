"""Two processes of every service on one PostgreSQL and one Kafka, behind one address each.

What may be done by one alone at a time (to publish what is stored, to have a job, to handle a part
of a topic) is done once; and when one of the two is killed the other goes on.
"""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlmodel import Session

from common.audit import verify
from common.audit.checkpoints import path_of
from common.db import engine as engines
from common.ids import new_id
from dsfc_cli.house.suite import SERVICES
from dsfc_cli.synthetic import generate
from dsfc_client import Extract
from dsfc_testing import ports
from dsfc_testing.postgresql import Server
from tests.faults.balancer import Balancer, balanced
from tests.faults.slow import Download
from tests.forking import Forked, ForkingSuite
from tests.running import (
    APRIL,
    CSU,
    DATA_SET,
    DAYS,
    DEADLINE_SECONDS,
    MAY,
    Scene,
    patiently,
    play,
    quick,
    scene_of,
    until,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgresql,
    pytest.mark.kafka,
    pytest.mark.xdist_group("kafka"),
    pytest.mark.timeout(900),
]

EXTRACTS = 6


@dataclass
class PairedSuite(ForkingSuite):
    """Two processes of each service; everybody is told the one address before both."""

    stack: ExitStack = field(default_factory=ExitStack)
    second: dict[str, Forked] = field(default_factory=dict)
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Where the processes themselves are."""

    def _start_issuer(self) -> None:
        super()._start_issuer()
        held = self.stack.enter_context(ports.held(len(SERVICES) + 1))
        self._seconds = dict(zip((*SERVICES, "preparations"), held, strict=True))
        for name, port in self._seconds.items():
            both = (self._ports[name], port)
            self.own[name] = tuple(f"http://127.0.0.1:{port}" for port in both)
            balancer: Balancer = self.stack.enter_context(balanced(*both))
            self.urls[name] = balancer.url

    def start_seconds(self, services: Sequence[str] = SERVICES) -> None:
        for service in services:
            told = {"PORT": str(self._seconds[service])}
            if service == "pseudonymisation":
                told["PREPARATIONS_PORT"] = str(self._seconds["preparations"])
            with self.log_file(f"{service}-2").open("ab") as log:
                self.second[service] = self._spawn(service, log, told)
        for service in services:
            until(lambda url=self.own[service][1]: _is_ready(url), what=f"second {service}")

    def stop(self) -> None:
        for process in self.second.values():
            process.terminate()
            process.wait()
        super().stop()
        self.stack.close()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server, kafka_bootstrap: str
) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("pair")
    suite = PairedSuite(
        directory / "state",
        server=postgresql_server,
        kafka_bootstrap=[kafka_bootstrap],
        settings=quick(None),
    )
    with suite:
        suite.start_seconds()
        facts = play(suite, directory / "input", csus=[CSU], months=[APRIL, MAY])
        yield scene_of(suite, directory / "input", facts)


def rows(scene: Scene, service: str, query: str, **values: object) -> Sequence[tuple[Any, ...]]:
    engine = engines.create(scene.suite.database_url(service))
    try:
        with Session(engine) as session:
            return [tuple(row) for row in session.execute(text(query), values)]
    finally:
        engine.dispose()


def published(scene: Scene) -> dict[str, int]:
    """How often each event stands in the log, by its id."""
    count: dict[str, int] = {}
    with closing(KafkaConsumer(bootstrap_servers=list(scene.suite.kafka_bootstrap))) as consumer:
        parts = [
            TopicPartition(topic, number)
            for topic in consumer.topics()
            if topic.startswith(SERVICES)
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(timeout_ms=1_000).values():
                for record in records:
                    id_ = dict(record.headers)["ce_id"].decode()
                    count[id_] = count.get(id_, 0) + 1
    return count


def stored(scene: Scene) -> set[str]:
    query = "SELECT event_id FROM outbox"
    return {str(id_) for service in SERVICES for (id_,) in rows(scene, service, query)}


def released(scene: Scene, number: int) -> Sequence[Extract]:
    """Ask for so many extracts side by side, and wait for each, whoever is killed meanwhile."""
    mine = scene.csu.dissemination

    def one(_: int) -> Extract:
        key = str(new_id())
        asked = patiently(lambda: mine.request(scene.body(), key=key))
        return patiently(lambda: mine.wait(asked.id, timeout_seconds=DEADLINE_SECONDS))

    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(one, range(number)))


def all_published(scene: Scene) -> bool:
    unsaid = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return all(rows(scene, service, unsaid) == [(0,)] for service in SERVICES)


def nothing_is_lost_or_twice(scene: Scene, extracts: Sequence[Extract]) -> None:
    files = [str(file.id) for extract in extracts for file in extract.files]
    assert {extract.state.lower() for extract in extracts} == {"released"}
    assert len(files) == len(set(files)) == len(extracts)
    register = [
        str(line.model_dump()["file_id"]) for line in scene.suite.public().dissemination.register()
    ]
    assert [register.count(file) for file in files] == [1] * len(files)
    until(lambda: all_published(scene), what="all that is stored is published")

    def held() -> bool:
        ledger = [str(file) for (file,) in rows(scene, "agreements", "SELECT file_id FROM holding")]
        return [ledger.count(file) for file in files] == [1] * len(files)

    until(held, what="agreements heard of every file once")
    # Whoever is killed between publishing and noting it publishes once more; none is missing.
    said = published(scene)
    assert stored(scene) <= set(said)
    for service in SERVICES:
        jwks = patiently(
            lambda url=scene.suite.urls[service]: httpx.get(
                f"{url}/.well-known/jwks.json", timeout=10
            ).json()
        )
        checkpoints = path_of(Path(scene.suite.directory) / "checkpoints", service)
        report = verify(scene.suite.database_url(service), checkpoints, jwks, log=service)
        assert [str(finding) for finding in report.findings] == []


def test_two_work_side_by_side_and_each_thing_is_done_once(pair: Scene) -> None:
    """Guards: `leadership` of the relay, claims of jobs and extracts, the inbox of consumers."""
    done = released(pair, EXTRACTS)

    nothing_is_lost_or_twice(pair, done)
    said, own = published(pair), stored(pair)
    assert {said[id_] for id_ in own} == {1}, "with nobody killed none is published again"


def test_a_file_is_fetched_from_either_and_each_notes_its_delivery(pair: Scene) -> None:
    [file] = pair.released().files
    token = {"Authorization": f"Bearer {pair.token()}"}

    answers = [
        httpx.get(f"{url}/v1/files/{file.id}/content", headers=token, timeout=60)
        for url in pair.suite.own["dissemination"]
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    query = "SELECT outcome FROM delivery WHERE file_id = :file"
    until(
        lambda: (
            rows(pair, "dissemination", query, file=str(file.id)) == [("complete",), ("complete",)]
        ),
        what="both deliveries are noted",
    )


def test_months_that_are_sent_to_both_at_once_are_landed_once_each(
    pair: Scene, tmp_path: Path
) -> None:
    provider = pair.stage.actor("provider-r0a").pseudonymisation
    months = [f"2018-{month:02d}" for month in range(6, 10)]
    first, last = DAYS[APRIL]
    sent = []
    for month in months:
        path = tmp_path / f"{month}.csv"
        days = {
            "first": first.replace(month=int(month[5:])),
            "last": last.replace(month=int(month[5:])),
        }
        generate(DATA_SET, rows=500, seed=1, world=pair.world, path=path, **days)
        sent.append((month, path))

    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda one: provider.submit(DATA_SET, *one), sent))
        landed = list(
            threads.map(
                lambda one: patiently(
                    lambda: provider.wait(one.id, timeout_seconds=DEADLINE_SECONDS)
                ),
                opened,
            )
        )

    assert {one.state.lower() for one in landed} == {"accepted"}
    found = rows(
        pair,
        "pseudonymisation",
        "SELECT period, count(*) FROM edition WHERE period > '2018-05' GROUP BY period",
    )
    assert sorted(found) == [(month, 1) for month in months]


def test_with_one_of_agreements_killed_a_stream_pauses_and_goes_on(pair: Scene) -> None:
    """S6 and S1: no answer is no yes, and nobody is cut for it."""
    [file] = pair.released(periods=[MAY]).files
    url = pair.url("dissemination", f"/v1/files/{file.id}/content")
    with Download(url, pair.token(), 32_768) as download:
        download.read(100_000)
        pair.suite.stop_service("agreements", number=signal.SIGKILL)
        try:
            assert download.read_to_the_end(pause=0.002) == "clean"
            assert download.received == download.length
        finally:
            pair.suite.start_service("agreements")
            until(lambda: _is_ready(pair.suite.own["agreements"][0]), what="agreements is back")


@pytest.mark.parametrize("service", SERVICES)
def test_one_of_two_is_killed_under_way_and_the_other_goes_on(pair: Scene, service: str) -> None:
    """Whichever of both publishes, works or handles: after the first the second is killed too."""
    done: list[Extract] = []
    with ThreadPoolExecutor(1) as threads:
        for kill in ("first", "second"):
            asked = threads.submit(released, pair, EXTRACTS)
            if kill == "first":
                pair.suite.stop_service(service, number=signal.SIGKILL)
            else:
                pair.suite.second[service].kill()
                pair.suite.second[service].wait()
            done += asked.result()
            if kill == "first":
                pair.suite.start_service(service)
                until(lambda: _is_ready(pair.suite.own[service][0]), what=f"{service} is back")
            else:
                pair.suite.start_seconds([service])
    nothing_is_lost_or_twice(pair, done)
