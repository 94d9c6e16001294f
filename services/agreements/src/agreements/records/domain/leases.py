"""Leases: how long the answer to `fetch` may be relied on (design.md section 5).

A lease is a duration, no token. The asker counts it from the moment before it asked, on a clock
that nobody can set; so it ends no later than the instant at which a fact could have turned.
"""

from dataclasses import dataclass
from datetime import datetime

WAITING_FACTOR = 1.1
"""A command that removes permission is answered this many longest leases after its commit."""


@dataclass(frozen=True, slots=True)
class Lease:
    seconds: float
    until: datetime | None
    """The instant that ends it early, where that comes before the usual duration; else the next
    one at which the answer may change."""


def lease(at: datetime, *, seconds: float, turns_at: datetime | None) -> Lease:
    """Grant no more than `seconds`, and nothing beyond the instant at which a fact may turn."""
    if turns_at is None:
        return Lease(seconds, None)
    return Lease(max(0.0, min(seconds, (turns_at - at).total_seconds())), turns_at)


def waiting_seconds(longest_lease_seconds: float) -> float:
    """Return how long after its commit a command that removes permission is answered."""
    return WAITING_FACTOR * longest_lease_seconds
