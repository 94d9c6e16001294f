"""The other real parts a demo can run on: Apache Kafka from its jars, PostgreSQL from a wheel."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from dsfc_testing.kafka_broker import NoBroker, start_broker
from dsfc_testing.postgresql import Server, server

__all__ = ["Database", "Events", "NoBroker", "kafka", "postgresql"]


class Events(StrEnum):
    EMBEDDED = "embedded"
    KAFKA = "kafka"


class Database(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@contextmanager
def kafka(directory: Path) -> Iterator[Sequence[str]]:
    """Yield a broker of our own. Raise NoBroker where there is no JVM or no Maven."""
    broker = start_broker(directory)
    try:
        yield [broker.bootstrap]
    finally:
        broker.stop()


@contextmanager
def postgresql() -> Iterator[Server]:
    """Yield a server of our own, on which databases can be made."""
    with server() as started:
        yield started
