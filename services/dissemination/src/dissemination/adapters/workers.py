"""What runs beside the API: driver of extracts, rounds of orders, sweeper of deliveries."""

import threading

import structlog

from catalogue import Catalogue
from common.errors import Unavailable
from dissemination.use_cases import deliveries, driver, order_rounds
from dissemination.use_cases.context import Context

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class ExtractDriver:
    """Moves extracts forward: when woken, and now and then without."""

    def __init__(
        self, ctx: Context, woken: threading.Event, *, number: int, poll_seconds: float
    ) -> None:
        self.name = f"extract-driver-{number}"
        self._ctx = ctx
        self._woken = woken
        self._poll_seconds = poll_seconds

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._woken.clear()
            try:
                moved = driver.turn(ctx=self._ctx)
            except Unavailable as away:
                log.warning("driver_waits", code=away.code)
                moved = 0
            if not moved:
                self._woken.wait(self._poll_seconds)


class OrderRounds:
    """Carries out standing orders: when woken, and now and then without."""

    name = "order-rounds"

    def __init__(
        self, ctx: Context, known: Catalogue, woken: threading.Event, *, poll_seconds: float
    ) -> None:
        self._ctx = ctx
        self._known = known
        self._woken = woken
        self._poll_seconds = poll_seconds

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._woken.clear()
            try:
                taken = order_rounds.turn(known=self._known, ctx=self._ctx)
            except Unavailable as away:
                log.warning("orders_wait", code=away.code)
                taken = 0
            if not taken:
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
