"""Makes a backup of the keys each day, and destroys those whose day has come."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from common.clock import Clock, legal_day
from common.errors import AppError
from pseudonymisation.engine.custody.backups import Backups
from pseudonymisation.engine.keystore import KeyStore

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY: Final = timedelta(days=1)
NAMED: Final = 20
"""So many lost keys are named; `keys list` names all."""


@dataclass(slots=True)
class KeyBackupWorker:
    """Of several processes each may make one: a backup too many is no harm."""

    store: Callable[[], KeyStore]
    backups: Callable[[], Backups]
    clock: Clock
    look_seconds: float
    name: str = "key-backups"

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.look()
            stop.wait(self.look_seconds)

    def look(self) -> None:
        """Destroy what is due; then back up, where no backup is of the last day."""
        try:
            self._look()
        except AppError as refused:
            log.warning("keys_not_backed_up", code=refused.code, detail=refused.detail)

    def _look(self) -> None:
        backups, now = self.backups(), self.clock.now()
        for period in backups.destroy_due(legal_day(now)):
            log.info("key_backups_destroyed", period=period)
        period = backups.current()
        if period < f"{legal_day(now):%Y-%m}":
            # All backups go on one day, those of yesterday too, where nobody begins another month.
            day = backups.destroy_on(period).isoformat()
            log.warning("key_backups_of_a_past_month", period=period, destroy_on=day)
        if spoilt := backups.unreadable():
            log.warning("key_backups_unreadable", files=[path.name for path in spoilt])
        # One that says that it is of tomorrow is none of today.
        if any(now - EVERY < backup.made_at <= now for backup in backups.all()):
            return
        if missing := self.store().missing():
            log.error("keys_lost", keys=len(missing), names=missing[:NAMED])
            return
        made = backups.make(self.store(), now)
        log.info("keys_backed_up", keys=len(made.names), destroy_on=made.destroy_on.isoformat())
