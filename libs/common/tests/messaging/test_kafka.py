"""What only Kafka's log promises: what it does while the broker is away, and who may connect."""

import gc
import logging
from uuid import uuid4

import pytest

from common.messaging.envelope import to_message
from common.messaging.errors import EventLogUnavailable
from common.messaging.kafka import KafkaLog, KafkaTls, _security, _waves, is_reachable
from dsfc_testing import ports
from dsfc_testing.kafka_broker import start_broker

# kafka-python leaves sockets to the collector where it cannot connect; collected here, so that
# no other test is blamed.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def sockets_are_collected():
    # Captured log records would keep the tracebacks, and they the sockets.
    logger = logging.getLogger("kafka")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)
    gc.collect()


@pytest.fixture
def nowhere(monkeypatch):
    """An address at which nothing listens."""
    monkeypatch.setattr("common.messaging.kafka.BOOTSTRAP_SECONDS", 0.3)
    with ports.held() as (port,):
        yield f"127.0.0.1:{port}"


def test_while_the_broker_is_away_nothing_is_durable(nowhere, happened):
    log = KafkaLog([nowhere], send_seconds=0.5)

    assert log.publish([happened(), happened()]) == 0
    with pytest.raises(EventLogUnavailable):
        log.append(to_message(happened()))
    with pytest.raises(EventLogUnavailable):
        log.subscribe("group", ["tests.thing"])
    assert not is_reachable(nowhere)
    log.close()


def test_of_each_key_one_message_is_under_way_at_a_time(happened):
    one, two = uuid4(), uuid4()
    messages = [to_message(happened(thing)) for thing in (one, two, one, one, two)]

    waves = list(_waves(messages))

    assert [message for wave in waves for message in wave] == messages
    assert [len(wave) for wave in waves] == [2, 1, 2]


def test_a_certificate_is_both_shown_and_demanded(tmp_path):
    tls = KafkaTls(authority=tmp_path / "ca", certificate=tmp_path / "crt", key=tmp_path / "key")

    assert _security(tls) == {
        "security_protocol": "SSL",
        "ssl_cafile": str(tmp_path / "ca"),
        "ssl_certfile": str(tmp_path / "crt"),
        "ssl_keyfile": str(tmp_path / "key"),
    }
    assert _security(None) == {}


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_the_log_goes_on_when_the_broker_comes_back(
    tmp_path, happened, drained, until, request, monkeypatch
):
    request.getfixturevalue("kafka_bootstrap")  # skips where there is no Kafka
    thing = uuid4()
    first = start_broker(tmp_path / "broker")
    log = KafkaLog([first.bootstrap], send_seconds=2)
    until(lambda: log.publish([happened(thing, version=1)]) == 1)

    first.stop()
    assert log.publish([happened(thing, version=2)]) == 0
    second = start_broker(tmp_path / "broker", port=int(first.bootstrap.rpartition(":")[2]))
    try:
        until(lambda: log.publish([happened(thing, version=2)]) == 1)
        until(lambda: log.publish([happened(thing, version=3)]) == 1)
        versions = []
        with log.subscribe("readers", ["tests.thing"]) as subscription:
            while 3 not in versions:
                versions += [r.event().aggregate_version for r in drained(subscription, 1)]
    finally:
        log.close()
        second.stop()
    # At least once: what was not confirmed in time is said again, and may have arrived.
    assert list(dict.fromkeys(versions)) == [1, 2, 3]
    assert versions == sorted(versions)
