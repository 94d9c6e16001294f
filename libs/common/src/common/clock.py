"""Two clocks that are never mixed: the legal clock, and the timer of leases.

The legal clock says which day it is in law (domain.md section 0, ruling 2: Europe/London,
ends inclusive) and is injected everywhere. `boottime` counts seconds that nobody can set,
and goes on counting while the machine sleeps; a lease is measured with it and with
nothing else (design.md section 5). The database's clock is in `common.db.clock`: domains
import this module, and must not reach a database through it.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

# Linux counts sleep only in CLOCK_BOOTTIME; macOS counts it in CLOCK_MONOTONIC.
_LEASE_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """The legal clock."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""


class SystemClock:
    """The machine's own clock: the legal clock of the embedded default."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def now_at_once(clock: Clock) -> datetime | None:
    """Return the present instant where the clock knows it without waiting; else None.

    For event loops: a clock that asks a database may wait for as long as that stands still.
    """
    ready: Callable[[], datetime | None] = getattr(clock, "now_at_once", clock.now)
    return ready()


def legal_day(instant: datetime) -> date:
    """Return the civil date in Europe/London at `instant`."""
    return _aware(instant).astimezone(LONDON).date()


@lru_cache(maxsize=256)  # all that is written in one transaction has the same few
def instant_text(instant: datetime) -> str:
    """Write an instant in UTC (ISO 8601)."""
    return instant.astimezone(UTC).isoformat()


@lru_cache(maxsize=8192)  # a decision asks for the same few dozen days, thousands of times
def start_of(day: date) -> datetime:
    """Return the instant at which `day` begins in London."""
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)


def is_between(day: date, first: date | None, last: date | None) -> bool:
    """Say whether a stretch of days has this one; both ends are inclusive, None is open."""
    return (first is None or first <= day) and (last is None or day <= last)


def end_of(day: date) -> datetime:
    """Return the instant at which `day` is over in London: ends are inclusive."""
    return start_of(day + timedelta(days=1))


def boottime() -> float:
    """Return seconds since the machine's start, sleep included. For leases only."""
    return time.clock_gettime(_LEASE_CLOCK)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant
