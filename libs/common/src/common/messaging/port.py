"""What the suite needs from an event log; the embedded log and Kafka alike keep it.

One contract suite (libs/common/tests/messaging/test_event_log.py) runs on both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from common.messaging.envelope import Event, Message, from_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message and where it stood. Not yet known to be an event."""

    message: Message
    partition: int
    position: int

    @property
    def topic(self) -> str:
        return self.message.topic

    def event(self) -> Event:
        """Raises MessageMalformed."""
        return from_message(self.message)


class Subscription(Protocol):
    """One member of a consumer group. Used by one thread."""

    def poll(self, timeout: float) -> list[Received]:
        """Return what came after what was polled before, in order per key.

        Waits up to `timeout` seconds for the first. Raises EventLogUnavailable.
        """

    def commit(self, received: Received) -> None:
        """Say that it, and all before it in its partition, need never come again."""

    def close(self) -> None:
        """Leave the group. What was polled and not committed comes again to the next member."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...


class EventLog(Protocol):
    """An append-only log of topics."""

    def publish(self, events: Sequence[Event]) -> int:
        """Append in order, and return how many of the first are durable.

        Those after them may be in the log too, or not; order per key is kept, also when
        they are sent again.
        """

    def append(self, message: Message) -> None:
        """Append bytes as they are, durably: how a dead letter is laid aside.

        Raises EventLogUnavailable.
        """

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a group; a new group begins at the start of each topic.

        A message goes to one member of the group, and to each group.
        """

    def close(self) -> None:
        """Let go of connections and files. Nothing that was published is lost."""
