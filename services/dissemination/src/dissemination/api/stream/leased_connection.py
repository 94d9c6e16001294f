"""One connection under a lease: written to while the lease is fresh, closed for good by a reset.

Nothing passes but what the client's kernel takes at once; so nothing lies in between when a lease
ends, and what has no lease is not sent later (docs/adr/0019).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from common.clock import boottime
from dissemination.api.stream.kernel import Kernel
from dissemination.api.stream.patience import Patience
from dissemination.domain.delivery import Cut
from dissemination.domain.lease import Lease

CHUNK_BYTES_MAX = 1_048_576
CHUNK_BYTES_MIN = 2_048
"""At most 1 MiB at once; less where the network is slow, so that nothing is unsent when a lease
ends. Every stream begins with the least: nobody knows yet how slow its network is."""

SLOW_SECONDS = 0.05
QUICK_SECONDS = 0.01
"""How long a chunk may take to drain: a third of what a lease of a second leaves it at its end
(`SETTLED_BEFORE`), so that agreements' restart finds nothing unsent."""

ROOM_BYTES_MAX = 65_536
"""A client that reads slowly makes room bit by bit; so much is worth a write."""

HEADROOM = 4
"""A quarter of the client's window stays empty. A receiver counts memory and not bytes: one that is
full to the brim takes back room that it had offered, and what was written for it stays with us."""

SETTLED_SECONDS = 0.2
"""A window that has not moved for so long may be all that the client will offer: it was larger
before its kernel knew how much memory our packets take. Less is believed of it, step by step."""

POLL_SECONDS_MIN = 0.0005
POLL_SECONDS_MAX = 0.01
"""No event tells that a client has made room, without something to be sent."""

STALLED_SECONDS = 3.0
STALLED_FACTOR = 3
"""A client that has made no room for so long while no lease is fresh has stalled, and is cut;
and for three times as long as it ever took before."""

LOOK_SECONDS = 0.1
"""How often a wait for an event is looked at, so that only observed time counts."""

PASSAGE_PART = 0.25
"""Of what is left of a lease: within that a chunk has to be out of our kernel."""


class Flow(Protocol):
    """uvicorn's flow control of one connection."""

    write_paused: bool

    async def drain(self) -> None: ...


class Connection(Protocol):
    """What a stream needs of uvicorn's protocol."""

    transport: asyncio.Transport
    flow: Flow
    at_loss: Callable[[], None] | None
    """Called when the connection is over, while its socket can still be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    pause_seconds_max: float
    """How long a stream waits for a decision while agreements is away."""

    stall_seconds_max: float
    """How long a client may take nothing at all."""

    progress_seconds: float = 10.0


class StreamClosed(Exception):
    """The connection was reset while somebody waited to write."""


class LeasedConnection:
    """Takes bytes while a lease is fresh; closed for good by a reset of the connection."""

    def __init__(self, connection: Connection, lease: Lease, limits: Limits) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._flow = connection.flow
        self._kernel = Kernel(connection.transport)
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self.lease = lease
        self.code: str | None = None
        self._over = False
        self._is_whole = False
        """All that is to be written was handed to the kernel."""

        self._unconfirmed_at_loss: int | None = None
        """What the client's kernel had not confirmed when the connection was lost."""

        self._is_full = False
        """The kernel took less than it was handed."""

        self.written = 0
        self.withheld = 0
        """What was still ours, and not the kernel's, when it was reset."""

        self._paused_for = 0.0
        """How long no lease has allowed anything, in observed time."""

        self._leaseless_for = 0.0
        """How long the client has made no room while agreements did not answer, likewise."""

        self._window_max = 0
        self._longest_shut = 0.0
        """How long the client has taken to make room, at the longest."""

        self.chunk_bytes = 0
        connection.at_loss = self._note_loss
        # Drained means empty: with uvicorn's own limits 16 KiB may still wait in here.
        self._transport.set_write_buffer_limits(high=0)
        self._resize(CHUNK_BYTES_MIN)
        self._arm()

    async def room(self) -> int:
        """Return how many bytes may be handed over at once, when there are any.

        All is sent, the client has room and the lease is fresh. Nothing may be awaited between
        this and `hand_over`. Raises StreamClosed.
        """
        while True:
            await self._sent()
            room = await self._opened()
            await self.ready()
            room = self._passable(room)
            if room and not self._kernel.unsent():
                return room

    async def ready(self) -> None:
        """Return when nothing is buffered here and the lease is fresh. Raises StreamClosed."""
        while True:
            await self._drained()
            self._require_open()
            if self.lease.may_write(boottime()) and not self._flow.write_paused:
                self._paused_for = 0.0
                return
            await self._renewed()

    def hand_over(self, data: memoryview) -> int:
        """Hand the kernel what it takes at once, and return how many bytes; the rest is not ours.

        No buffer of this process comes between: it would write later than it may.

        Raises:
            StreamClosed: the connection is over.

        """
        if not self.lease.may_write(boottime()):
            return 0
        try:
            taken = self._kernel.take(data)
        except OSError:
            self.reset(Cut.CLIENT_GONE)
            raise StreamClosed(self.code) from None
        self._is_full = taken < len(data)
        self.written += taken
        return taken

    async def finished(self) -> None:
        """Return when all that was written is sent: the end is under the lease too.

        After it there is nothing left to withhold, so nothing resets the connection any more. Nor
        does anything before it, once the client has confirmed all: who has it may hang up at once.

        Raises:
            StreamClosed: the connection was reset first.

        """
        self._is_whole = True
        await self._drained()
        await self._sent()
        self._require_open()
        self._over = True

    def extend(self, lease: Lease) -> None:
        """Go by the newest answer, also where it ends sooner than the one before.

        One that came too late to be used shows all the same that agreements is there.
        """
        self.lease = lease
        if lease.may_write(lease.asked_at):
            self._paused_for = self._leaseless_for = 0.0
        self._arm()
        self._changed.set()

    def reset(self, code: str) -> None:
        """Reset the connection. What the kernel has not taken never leaves."""
        if self._over or self.code is not None:
            return
        if self._is_delivered():
            self._over = True
            return
        self.code = code
        self.withheld = self._transport.get_write_buffer_size()
        self._kernel.reset()
        self._changed.set()

    def close(self) -> None:
        """Let go of the connection; it may serve another request."""
        self._connection.at_loss = None
        if self._timer is not None:
            self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits()
            self._kernel.limit_unsent(0)

    def _note_loss(self) -> None:
        self._unconfirmed_at_loss = self._kernel.unconfirmed()

    def _is_delivered(self) -> bool:
        """Say whether all was handed over and the client's kernel has confirmed all of it."""
        if not self._is_whole or self._kernel.unsent():
            return False
        unconfirmed = self._kernel.unconfirmed()
        return (self._unconfirmed_at_loss if unconfirmed is None else unconfirmed) == 0

    def _require_open(self) -> None:
        if self._transport.is_closing():
            self.reset(Cut.CLIENT_GONE)
        if self.code is not None:
            raise StreamClosed(self.code)

    def _is_waiting(self) -> bool:
        return self.code is None and not self._over and not self._transport.is_closing()

    async def _drained(self) -> None:
        """Wait until nothing is buffered, and learn from it how much to write at once."""
        if not self._flow.write_paused:
            # All of the last chunk was taken at once. Let the timers have their turn.
            await asyncio.sleep(0)
            self._resize(self.chunk_bytes * 2)
            return
        began, stalled_for, patience = self._loop.time(), 0.0, Patience()
        while self._flow.write_paused and self._is_waiting():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._flow.drain()
            stalled_for += patience.passed(LOOK_SECONDS)
            if stalled_for > self._limits.stall_seconds_max:
                self.reset(Cut.CLIENT_STALLED)
        self._learn(self._loop.time() - began)

    async def _sent(self) -> None:
        """Wait until the kernel has sent all that it was handed, and learn from that as well."""
        if not self._kernel.unsent():
            return
        began, stalled_for, patience = self._loop.time(), 0.0, Patience()
        for pause in _pauses():
            await asyncio.sleep(pause)
            if not self._is_waiting() or not self._kernel.unsent():
                break
            stalled_for += patience.passed(pause)
            if stalled_for > self._limits.stall_seconds_max:
                self.reset(Cut.CLIENT_STALLED)
        self._learn(self._loop.time() - began)

    def _learn(self, waited: float) -> None:
        if waited > SLOW_SECONDS:
            self._resize(self.chunk_bytes // 2)
        elif waited < QUICK_SECONDS:
            self._resize(self.chunk_bytes * 2)

    def _resize(self, chunk_bytes: int) -> None:
        """Write so much at once, and let the kernel take no more than that unsent.

        It would otherwise take megabytes, and say that there is room again only when a third
        of them has gone: with a slow client far too late for the end of a lease.
        """
        chunk_bytes = min(max(chunk_bytes, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
        if chunk_bytes != self.chunk_bytes:
            self.chunk_bytes = chunk_bytes
            self._kernel.limit_unsent(chunk_bytes)

    async def _opened(self) -> int:
        """Wait until the client's kernel has room; return how many bytes to write at once."""
        if self._is_full:
            self._is_full = False
            await asyncio.sleep(POLL_SECONDS_MIN)
        shut_for, self._leaseless_for, seen, patience = 0.0, 0.0, -1, Patience()
        for pause in _pauses():
            window = self._kernel.window()
            if window is None or not self._is_waiting():
                break
            self._window_max = max(self._window_max, window)
            usable = window - self._window_max // HEADROOM
            if shut_for > SETTLED_SECONDS and self.lease.may_write(boottime()):
                usable = max(usable, window // 2)
                self._window_max = max(window, self._window_max // 2)
            if usable >= max(
                min(self.chunk_bytes, ROOM_BYTES_MAX, self._window_max // HEADROOM), 1
            ):
                self._longest_shut = max(self._longest_shut, shut_for)
                if room := self._passable(min(usable, self.chunk_bytes)):
                    return room
            if window != seen:
                self._longest_shut = max(self._longest_shut, shut_for)
                shut_for, self._leaseless_for, seen = 0.0, 0.0, window
            self._judge_stall(shut_for)
            await asyncio.sleep(pause)
            passed = patience.passed(pause)
            shut_for += passed
            is_fresh = self.lease.is_fresh(boottime())
            self._leaseless_for = 0.0 if is_fresh else self._leaseless_for + passed
        return self.chunk_bytes

    def _passable(self, room: int) -> int:
        """Return how many of so many bytes our own kernel would let leave while the lease lasts.

        0: what is on its way has to be confirmed first.
        """
        now = boottime()
        if not self.lease.may_write(now):
            return room  # nothing is written: `ready` waits for the next lease
        passage = self._kernel.passage(self.lease.seconds_left(now) * PASSAGE_PART)
        return room if passage is None else min(room, passage)

    def _judge_stall(self, shut_for: float) -> None:
        """Cut a client that takes nothing, where that is not only its pace."""
        pace = max(STALLED_SECONDS, STALLED_FACTOR * self._longest_shut)
        if shut_for > self._limits.stall_seconds_max:
            self.reset(Cut.CLIENT_STALLED)
        elif self._leaseless_for > pace:
            self.reset(Cut.LEASE_ENDED)

    async def _renewed(self) -> None:
        """Pause: nothing is buffered, and no lease allows more. Not for ever."""
        patience = Patience()
        self._changed.clear()
        while self._is_waiting() and not self._changed.is_set():
            look = min(max(self._limits.pause_seconds_max - self._paused_for, 0), LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(look):
                    await self._changed.wait()
            self._paused_for += patience.passed(look)
            if self._is_out_of_patience():
                self.reset(Cut.DECISION_UNAVAILABLE)

    def _is_out_of_patience(self) -> bool:
        is_over = self._paused_for >= self._limits.pause_seconds_max
        return is_over and not self.lease.may_write(boottime())

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self.lease.seconds_left(boottime()), self._at_lease_end)

    def _at_lease_end(self) -> None:
        """The watchdog: whatever is still buffered has no lease any more.

        With nothing unsent there is nothing to stop, and `ready` lets no chunk pass.
        """
        if self.lease.is_fresh(boottime()):
            self._arm()  # the timer was early
        elif self._kernel.unsent():
            self.reset(Cut.LEASE_ENDED)


def _pauses() -> Iterator[float]:
    """Look often at first, since most clients are quick."""
    seconds = 0.0
    while True:
        yield seconds
        seconds = min(max(seconds * 2, POLL_SECONDS_MIN), POLL_SECONDS_MAX)
