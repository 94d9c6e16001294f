"""The database's clock as the legal clock, so that all replicas agree on the day.

A question for the time is answered some time after it was asked, so there are two ways to read the
answer. What *ends* by itself must not be seen late: `now` never runs behind the database's clock,
and ahead of it by `ROUND_TRIP_SECONDS_MAX` at most. What a command *takes away* must hold at once
on every replica: its instant is read inside the transaction that writes it (`within`), under the
lock that orders changes, so that it cannot lie ahead of the commit (docs/adr/0025).
"""

import threading
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, text

from common.clock import Clock, SystemClock, boottime
from common.db.unit_of_work import DatabaseUnavailable, translated

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RESYNC_SECONDS = 1.0
ROUND_TRIP_SECONDS_MAX = 0.4
"""How long an answer may have taken. Less than decisions of two replicas may lie apart
(`BEHIND_MAX` of agreements), so that a slow one cannot make the others' clocks look behind."""

ASKED_TIMES_MAX = 5
JITTER = timedelta(seconds=ROUND_TRIP_SECONDS_MAX)
"""Two questions take different times to be answered; that is no clock that was set back."""

TIME = text("SELECT clock_timestamp()")


class ClockUncertain(DatabaseUnavailable):
    """Every answer was on its way for so long that nobody knows what it says about now."""

    code = "CLOCK_UNCERTAIN"
    title = "The database's clock answers too slowly to be relied on"


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
        """Return the present instant: never too early.

        Raises:
            DatabaseUnavailable: there is no answer.
            ClockUncertain: no answer came in time.

        """
        if self._system is not None:
            return self._system.now()
        with self._lock:
            if self._is_due():
                self._asked = self._ask()
            return self._counted()

    def now_at_once(self) -> datetime | None:
        """Return the present instant, or None where the database would have to be asked.

        For event loops: a question may take as long as a database stands still.
        """
        if self._system is not None:
            return self._system.now()
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return None if self._is_due() else self._counted()
        finally:
            self._lock.release()

    def within(self, connection: Connection) -> datetime:
        """Return the instant inside a transaction: it cannot lie ahead of the commit.

        Call it under the lock that the transaction takes, so that instants have the order of
        commits. It is the database's own reading, and does not rest on how long an answer takes.
        """
        if self._system is not None:
            return self._system.now()
        return _instant(connection)

    def _is_due(self) -> bool:
        return self._asked is None or boottime() - self._asked[1] >= RESYNC_SECONDS

    def _counted(self) -> datetime:
        if self._asked is None:
            raise LookupError("the clock was never asked")
        instant, moment = self._asked
        now = instant + timedelta(seconds=boottime() - moment)
        if timedelta(0) < self._last - now <= JITTER:
            now = self._last
        self._last = now
        return now

    def _ask(self) -> tuple[datetime, float]:
        """Return the database's time, and our timer from just before it was asked.

        So the clock may run ahead by the time that an answer takes, and never behind: an end is
        not seen late. The quicker of two answers counts. One that took too long is asked for
        again, and at last refused: a replica that is slow refuses itself, and does not write
        instants that lie ahead of others'.
        """
        quickest: tuple[float, datetime, float] | None = None
        with translated(), self._engine.connect() as connection:
            for asked in range(1, ASKED_TIMES_MAX + 1):
                moment = boottime()
                instant = _instant(connection)
                answer = (boottime() - moment, instant, moment)
                quickest = answer if quickest is None else min(quickest, answer)
                if asked > 1 and quickest[0] <= ROUND_TRIP_SECONDS_MAX:
                    return quickest[1], quickest[2]
        log.warning("clock_answers_slowly", times=ASKED_TIMES_MAX)
        raise ClockUncertain("The database's clock answers too slowly; retry later.")


def within(clock: Clock, connection: Connection) -> datetime:
    """Return the instant inside a transaction, by `clock` where that is the database's own."""
    return clock.within(connection) if isinstance(clock, DatabaseClock) else clock.now()


def _instant(connection: Connection) -> datetime:
    instant = connection.execute(TIME).scalar_one()
    if not isinstance(instant, datetime):
        raise TypeError("clock_timestamp() answered something that is no timestamp")
    return instant.astimezone(UTC)
