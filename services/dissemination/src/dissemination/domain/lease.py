"""The time-limited answer to `fetch`: how long bytes may leave.

design.md section 5: a lease is a duration, counted from the moment *before* the question
was asked, on a clock that nobody can set and that goes on while the machine sleeps.
"""

from dataclasses import dataclass
from uuid import UUID

RENEWED_AFTER = 0.5
SETTLED_BEFORE = 0.15
"""Parts of the lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    decision_id: UUID
    """The decision that gave it; a renewal names it."""

    asked_at: float
    """`boottime()` before the question left us. The answer's own age counts against it."""

    seconds: float

    guard_seconds: float = 0.0
    """Ends it a little earlier than it was given: a timer may fire late by a millisecond."""

    @property
    def until(self) -> float:
        """When the last byte has to be with the kernel, on the same clock."""
        return self.asked_at + self.seconds - self.guard_seconds

    @property
    def renew_at(self) -> float:
        """When to ask again: early enough that an answer on time leaves no pause."""
        return self.asked_at + self.seconds * RENEWED_AFTER

    def is_fresh(self, now: float) -> bool:
        """Whether a byte may leave at `now`."""
        return now < self.until

    def may_write(self, now: float) -> bool:
        """Whether to begin a chunk: it should be with the kernel before the lease ends.

        A stream that stops a little early has nothing buffered when the lease ends, and so
        is paused and not cut: agreements' restart must not cut thirty downloads.
        """
        return now < self.until - self.seconds * SETTLED_BEFORE

    def seconds_left(self, now: float) -> float:
        return max(self.until - now, 0.0)
