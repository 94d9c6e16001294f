"""The database's clock as the legal clock, so that all replicas agree on the day."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from common.clock import Clock, SystemClock, boottime
from common.db.unit_of_work import translated

RESYNC_SECONDS = 1.0
JITTER = timedelta(milliseconds=250)
"""Two questions take different times to be answered; that is no clock that was set back."""


class DatabaseClock:
    """PostgreSQL's `clock_timestamp()`, asked once a second and counted on in between.

    Between two questions time is counted with the timer that nobody can set, so the
    machine's own wall clock never plays a part. SQLite has no clock of its own: there the
    machine's is the database's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._system: Clock | None = None if engine.dialect.name == "postgresql" else SystemClock()
        self._lock = threading.Lock()
        self._asked: tuple[datetime, float] | None = None
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the present instant. Raises DatabaseUnavailable."""
        if self._system is not None:
            return self._system.now()
        with self._lock:
            if self._asked is None or boottime() - self._asked[1] >= RESYNC_SECONDS:
                self._asked = self._ask()
            instant, moment = self._asked
            now = instant + timedelta(seconds=boottime() - moment)
            if timedelta(0) < self._last - now < JITTER:
                now = self._last
            self._last = now
            return now

    def _ask(self) -> tuple[datetime, float]:
        """Return the database's time, and our timer from just before it was asked.

        So the clock may run ahead by the time that an answer takes, and never behind: an
        end is not seen late.
        """
        with translated(), self._engine.connect() as connection:
            moment = boottime()
            instant = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        if not isinstance(instant, datetime):
            raise TypeError("clock_timestamp() answered something that is no timestamp")
        return instant.astimezone(UTC), moment
