"""Events of the tests' own type, workers in threads, and waiting that has an end."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from common.ids import new_id
from common.messaging import consumer
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Event

POLL_SECONDS = 0.05
"""A test does not wait for a consumer's last look as long as an operator would."""

AT = datetime(2018, 6, 1, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def short_polls(monkeypatch):
    monkeypatch.setattr(consumer, "POLL_SECONDS", POLL_SECONDS)


@pytest.fixture
def happened():
    """`happened(thing, version)`: an event about that thing, on the topic of its type."""

    def make(thing: UUID | None = None, version: int = 1, **changes) -> Event:
        thing = thing or uuid4()
        values = {
            "id": new_id(),
            "type": "tests.thing-happened.v1",
            "source": "/tests",
            "subject": f"thing/{thing}",
            "time": AT,
            "topic": "tests.thing",
            "aggregate_id": str(thing),
            "aggregate_version": version,
            "state": "happened",
            "data": {"thing_id": str(thing)},
        }
        return Event(**(values | changes))

    return make


@pytest.fixture
def embedded_log(tmp_path):
    log = EmbeddedLog(tmp_path / "events.db")
    yield log
    log.close()


@pytest.fixture
def topic():
    """A topic that no other test uses, since Kafka's log outlives a test."""
    return f"tests.{uuid4().hex}"


@pytest.fixture
def group():
    return f"group-{uuid4().hex}"


@pytest.fixture
def running():
    """`with running(worker):` runs a worker in a thread; what it raises fails the test."""

    @contextmanager
    def run(*workers):
        stop = threading.Event()
        raised = []

        def work(worker):
            try:
                worker.run(stop)
            except BaseException as failure:
                raised.append(failure)
                raise

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        try:
            yield stop
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not raised
        assert not any(thread.is_alive() for thread in threads)

    return run


@pytest.fixture
def drained():
    """`drained(subscription, n)`: poll and commit until n messages are there."""

    def drain(subscription, count: int, *, seconds: float = 60.0):
        found = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} messages came"
            for received in subscription.poll(0.2):
                found.append(received)
                subscription.commit(received)
        return found

    return drain
