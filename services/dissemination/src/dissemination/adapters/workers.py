"""What runs beside the API: turns at extracts and orders, and the sweeper of deliveries."""

import threading
from collections.abc import Callable

import structlog

from common.errors import Unavailable
from dissemination.use_cases import deliveries
from dissemination.use_cases.context import Context

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Turns:
    """Takes turns at what there is to do: when woken, and now and then without."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], int],
        woken: threading.Event,
        *,
        poll_seconds: float,
    ) -> None:
        """Take a turn that says how much it did; after one that did nothing it is waited."""
        self.name = name
        self._turn = turn
        self._woken = woken
        self._poll_seconds = poll_seconds

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._woken.clear()
            try:
                done = self._turn()
            except Unavailable as away:
                log.warning("turns_wait", worker=self.name, code=away.code)
                done = 0
            if not done:
                self._woken.wait(self._poll_seconds)


class DeliverySweeper:
    """Ends the deliveries whose process died."""

    def __init__(self, ctx: Context, *, every_seconds: float) -> None:
        self.name = "delivery-sweeper"
        self._ctx = ctx
        self._every_seconds = every_seconds

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                ended = deliveries.sweep(ctx=self._ctx)
            except Unavailable as away:
                log.warning("sweeper_waits", code=away.code)
            else:
                if ended:
                    log.warning("deliveries_lost", count=ended)
            stop.wait(self._every_seconds)
