"""The event log of production: Apache Kafka, through kafka-python.

Order per key is kept even where a broker fails in between: of each key at most one message is
under way at a time, so a later one cannot become durable before an earlier one.
"""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
)

from common.messaging.envelope import Event, Message, to_message
from common.messaging.errors import EventLogUnavailable
from common.messaging.port import Received

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH = 20
"""Few, so that a group does not take a member with slow handlers for dead."""

BOOTSTRAP_SECONDS = 5.0
SEND_SECONDS = 10.0
LEAVE_SECONDS = 5.0
METADATA_SECONDS = 30
"""How soon partitions that were added are read."""

LOOK_AGAIN_SECONDS = 0.05
PARTITIONS = 4
LOST_PARTITION = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTls:
    """Mutual TLS: Kafka knows a service by its certificate, and its ACL by that name."""

    authority: Path
    certificate: Path
    key: Path


class KafkaLog:
    def __init__(
        self,
        bootstrap: Sequence[str],
        *,
        client_id: str = "dsfc",
        tls: KafkaTls | None = None,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        """Connect when first used. Topics that are missing are created if the ACL lets us."""
        self._connection: dict[str, Any] = {
            "bootstrap_servers": list(bootstrap),
            "client_id": client_id,
            "bootstrap_timeout_ms": int(BOOTSTRAP_SECONDS * 1000),
            **_security(tls),
        }
        self._send_seconds = send_seconds
        self._lock = threading.Lock()
        self._producer: Any = None
        self._topics: set[str] = set()

    def publish(self, events: Sequence[Event]) -> int:
        durable = 0
        try:
            for wave in _waves([to_message(event) for event in events]):
                durable += self._send(wave)
        except EventLogUnavailable as away:
            cause = type(away.__cause__).__name__
            log.warning("event_log_unavailable", durable=durable, cause=cause)
        return durable

    def append(self, message: Message) -> None:
        self._send([message])

    def subscribe(self, group: str, topics: Sequence[str]) -> "KafkaSubscription":
        with _translated():
            self._ensure(topics)
            consumer = KafkaConsumer(
                **self._connection,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                max_poll_records=BATCH,
                session_timeout_ms=10_000,
                allow_auto_create_topics=False,
                metadata_max_age_ms=METADATA_SECONDS * 1000,
                partition_assignment_strategy=[CooperativeStickyAssignor()],
                metrics_enabled=False,
            )
            try:
                _join(consumer, topics)
            except BaseException:
                consumer.close(autocommit=False, timeout_ms=0)
                raise
        return KafkaSubscription(consumer)

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._send_seconds)

    def _send(self, messages: Sequence[Message]) -> int:
        """Send all at once and wait for them; raise unless all are durable."""
        try:
            with _translated():
                self._ensure([message.topic for message in messages])
                producer = self._connected()
                sent = [
                    producer.send(
                        message.topic,
                        key=message.key,
                        value=message.value,
                        headers=list(message.headers.items()),
                    )
                    for message in messages
                ]
                for future in sent:
                    future.get(timeout=self._send_seconds + 1)
        except EventLogUnavailable:
            # What is still under way must not arrive after what is sent next.
            self._abandon()
            raise
        return len(messages)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **self._connection,
                    acks="all",
                    enable_idempotence=True,
                    max_block_ms=int(self._send_seconds * 1000),
                    request_timeout_ms=int(self._send_seconds * 500),
                    delivery_timeout_ms=int(self._send_seconds * 1000),
                    metrics_enabled=False,
                )
            return self._producer

    def _abandon(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=0)

    def _ensure(self, topics: Sequence[str]) -> None:
        missing = set(topics) - self._topics
        if not missing:
            return
        admin = KafkaAdminClient(**self._connection)
        try:
            missing -= set(admin.list_topics())
            if missing:
                # By the broker's default of replicas; by ours of partitions.
                admin.create_topics(
                    {topic: {"num_partitions": PARTITIONS} for topic in sorted(missing)},
                    wait_for_metadata=True,
                )
        except TopicAlreadyExistsError:
            pass  # another service was first
        finally:
            admin.close()
        self._topics |= set(topics)


class KafkaSubscription:
    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def poll(self, timeout: float) -> list[Received]:
        with _translated():
            polled = self._consumer.poll(timeout_ms=int(timeout * 1000))
        return [
            Received(
                message=Message(
                    topic=record.topic,
                    key=record.key or b"",
                    value=record.value or b"",
                    headers={name: value or b"" for name, value in record.headers},
                ),
                partition=record.partition,
                position=record.offset,
            )
            for records in polled.values()
            for record in records
        ]

    def commit(self, received: Received) -> None:
        place = TopicPartition(received.topic, received.partition)
        with _translated():
            try:
                self._consumer.commit({place: OffsetAndMetadata(received.position + 1, "", -1)})
            except LOST_PARTITION:
                # Another member has the partition now, and gets the message again.
                log.warning("partition_lost", topic=received.topic, partition=received.partition)

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=int(LEAVE_SECONDS * 1000))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


def is_reachable(bootstrap: str, *, timeout_seconds: float = 1.0) -> bool:
    """Check whether a broker answers there, and not only the port."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout_seconds).close()
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=int(timeout_seconds * 1000)
        )
    except (OSError, KafkaError):
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _join(consumer: Any, topics: Sequence[str]) -> None:
    """Join the group once the partitions are known: who joins before is given none of them."""
    until = time.monotonic() + BOOTSTRAP_SECONDS
    while any(not consumer.partitions_for_topic(topic) for topic in topics):
        if time.monotonic() > until:
            raise EventLogUnavailable("Kafka does not know a topic.")
        time.sleep(LOOK_AGAIN_SECONDS)
    consumer.subscribe(list(topics))


def _waves(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut into runs in which no key comes twice."""
    wave: list[Message] = []
    keys: set[tuple[str, bytes]] = set()
    for message in messages:
        key = (message.topic, message.key)
        if key in keys:
            yield wave
            wave, keys = [], set()
        wave.append(message)
        keys.add(key)
    if wave:
        yield wave


def _security(tls: KafkaTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "security_protocol": "SSL",
        "ssl_cafile": str(tls.authority),
        "ssl_certfile": str(tls.certificate),
        "ssl_keyfile": str(tls.key),
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (KafkaError, OSError) as failure:
        raise EventLogUnavailable("Kafka does not answer.") from failure
