"""The database's clock as the legal clock, so that all replicas agree on the day."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from common.clock import Clock, SystemClock, boottime
from common.db.unit_of_work import translated

RESYNC_SECONDS = 1.0


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

    def now(self) -> datetime:
        """Return the present instant. Raises DatabaseUnavailable."""
        if self._system is not None:
            return self._system.now()
        with self._lock:
            moment = boottime()
            if self._asked is None or moment - self._asked[1] >= RESYNC_SECONDS:
                # `moment` is from before the question: the clock may run late by the time
                # of one answer, and so never says that a day has begun before it has.
                self._asked = (self._ask(), moment)
                return self._asked[0]
            instant, at = self._asked
            return instant + timedelta(seconds=moment - at)

    def _ask(self) -> datetime:
        with translated(), self._engine.connect() as connection:
            instant = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        if not isinstance(instant, datetime):
            raise TypeError("clock_timestamp() answered something that is no timestamp")
        return instant.astimezone(UTC)
