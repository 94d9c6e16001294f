"""Two clocks that are never mixed: the legal clock, and the timer of leases.

The legal clock says which day it is in law (domain.md section 0, ruling 2: Europe/London,
ends inclusive) and is injected everywhere. `boottime` counts seconds that nobody can set,
and goes on counting while the machine sleeps; a lease is measured with it and with
nothing else (design.md section 5).
"""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

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


class DatabaseClock:
    """The database's clock, so that all replicas of a service agree on the day.

    `clock_timestamp()` moves on inside a transaction, unlike `now()`. SQLite has no clock
    of its own: there the system's is the database's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._has_own = engine.dialect.name == "postgresql"

    def now(self) -> datetime:
        if not self._has_own:
            return datetime.now(UTC)
        with self._engine.connect() as connection:
            instant = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        if not isinstance(instant, datetime):  # pragma: no cover - PostgreSQL's own type
            raise TypeError("clock_timestamp() is not a timestamp")
        return instant.astimezone(UTC)


def legal_day(instant: datetime) -> date:
    """Return the civil date in Europe/London at `instant`."""
    return _aware(instant).astimezone(LONDON).date()


def start_of(day: date) -> datetime:
    """Return the instant at which `day` begins in London."""
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)


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
