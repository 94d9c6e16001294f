"""What runs beside the API and decides nothing: announcing states, and alerts of what is late."""

import threading
from datetime import date, datetime, timedelta

import structlog

from agreements.records.use_cases import agreements, breaches
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.destruction import overdue
from agreements.records.use_cases.oversight import lapses
from common.clock import legal_day
from common.errors import Conflict, Unavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()


LOOK_AGAIN = timedelta(seconds=60)
"""After so long all is looked at whatever was noticed: a file that became void changes no fact."""


class Announcer:
    """Tells others of what the passing of time changed (design.md: no decision needs a job).

    All that it goes through follows from facts and from days, so it looks where a fact was recorded
    or another legal day began, and now and then all the same.
    """

    def __init__(self, ctx: Context, *, every_seconds: float) -> None:
        self.name = "announcer"
        self._ctx = ctx
        self._every_seconds = every_seconds
        self._warned_on: date | None = None
        self._seen: tuple[date, int] | None = None
        self._looked_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.turn()
            stop.wait(self._every_seconds)

    def turn(self) -> None:
        """Look once."""
        try:
            breaches.alert_overdue_receipts(ctx=self._ctx)
            now = self._ctx.clock.now()
            with self._ctx.uow.reading() as tx:
                seen = legal_day(now), tx.epoch_at(now)
            if seen != self._seen or self._is_long_ago(now):
                agreements.announce_changes(ctx=self._ctx)
                overdue.alert_overdue(ctx=self._ctx)
                self._seen, self._looked_at = seen, now
            self._warn()
        except (Conflict, Unavailable) as error:
            # Somebody was quicker, or the database is away: the next turn sees it again.
            log.warning("announcer_waits", code=error.code)

    def _is_long_ago(self, now: datetime) -> bool:
        return self._looked_at is None or abs(now - self._looked_at) >= LOOK_AGAIN

    def _warn(self) -> None:
        """Warn of what lapses: once a day, for it goes through all that has an end."""
        today = legal_day(self._ctx.clock.now())
        if today != self._warned_on:
            lapses.warn(ctx=self._ctx)
            self._warned_on = today
