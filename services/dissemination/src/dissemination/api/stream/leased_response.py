"""The one place in which bytes of a released file pass to the kernel.

S1 (docs/adr/0019). Bytes "leave" when the kernel accepts them. Before each chunk nothing that was
written may be unsent, the client's own kernel must have room for it, and the lease is looked at;
then the kernel is handed what it takes at once, and nothing else holds a byte. So there is nothing
to withhold when a lease ends: the stream pauses, however slow its client. A timer looks again when
the lease ends, and throws away with the connection what is unsent all the same (a network that
became slow). A stream that is cut ends with a reset, never as if it were whole, and the kernel
forgets what it had not sent.

The connection is uvicorn's own protocol, which `common.web.server` puts into the scope. No
sendfile, no FileResponse, no transport's buffer: nothing that writes later than it is told to.

What remains: a process that the scheduler freezes between the look at the lease and the write may
let one chunk pass; and at an expiry what was sent and is not yet confirmed may be sent again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common import faults
from common.clock import boottime
from common.errors import AppError, Refused
from common.tls.transport import TlsTransport
from dissemination.api.stream.leased_connection import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MIN,
    Connection,
    Flow,
    LeasedConnection,
    Limits,
    StreamClosed,
)
from dissemination.domain.delivery import Cut
from dissemination.domain.errors import ObjectMissing, StreamNotControlled
from dissemination.domain.lease import Lease
from dissemination.domain.ranges import ByteRange

__all__ = [
    "CHUNK_BYTES_MAX",
    "CHUNK_BYTES_MIN",
    "Connection",
    "Ending",
    "Flow",
    "LeasedConnection",
    "LeasedResponse",
    "Limits",
    "Source",
    "StreamClosed",
    "connection_of",
]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EXTENSION = "dsfc.connection"
EXCHANGE = "dsfc.exchange"
"""Where `common.web.server` puts the connection, and this request on it, into an ASGI scope."""

RENEWAL_SECONDS_MIN = 0.02
"""Near the boundary of a fact leases grow short; agreements is not asked in a tight loop."""

RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 1.0


class Exchange(Protocol):
    """One request on its connection."""

    def passed(self, bytes_: int) -> None:
        """Note that so many bytes of the body were handed to the kernel directly."""


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a request.

    Raises:
        StreamNotControlled: the server hides it, or encrypts behind a buffer of its own.

    """
    connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise StreamNotControlled("The server does not hand over its connections.")
    is_encrypted = connection.transport.get_extra_info("sslcontext") is not None
    if is_encrypted and not isinstance(connection.transport, TlsTransport):
        raise StreamNotControlled("The server encrypts with a buffer that cannot be withheld.")
    return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a stream ended."""

    bytes: int
    """With the kernel; where the client went away, at most so many."""

    code: str | None
    """Why it was cut; None where it was not."""


Renew = Callable[[Lease], Awaitable[Lease]]
"""Asks again. Raises Refused where the answer is no, any other AppError where there is none."""


class Source(Protocol):
    """The object that is poured out."""

    block_bytes: int
    """How much of it is best read at once; it is read one block ahead."""

    async def read(self, offset: int, length: int) -> memoryview:
        """Raise AppError where it cannot be had."""

    def close(self) -> None: ...


class LeasedResponse(Response):
    """A part of a released file, let out as long as agreements says so."""

    def __init__(
        self,
        *,
        part: ByteRange,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
        lease: Lease,
        renew: Renew,
        source: Source,
        limits: Limits,
        progress: Callable[[int], Awaitable[None]],
        end: Callable[[Ending], Awaitable[None]],
        counted: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(
            status_code=status_code,
            headers={**headers, "content-length": str(part.length)},
            media_type=media_type,
        )
        self._part = part
        self._lease = lease
        self._renew = renew
        self._source = source
        self._limits = limits
        self._progress = progress
        self._end = end
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._counted():
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        leased = LeasedConnection(connection_of(scope), self._lease, self._limits)
        beside = [
            asyncio.create_task(self._keep_lease(leased)),
            asyncio.create_task(_watch_client(receive, leased)),
            asyncio.create_task(self._record_progress(leased)),
        ]
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send_blocks(leased, scope["extensions"][EXCHANGE])
            # Only now is it sure that all of it is sent: the end is under the lease too.
            await leased.finished()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except StreamClosed:
            pass  # the reset is the answer
        except AppError as error:
            log.warning("stream_cut", code=error.code, detail=error.detail)
            leased.reset(Cut.OBJECT_UNREADABLE)
        except BaseException:
            leased.reset(Cut.SERVER_STOPPED)
            raise
        finally:
            leased.close()
            for task in beside:
                task.cancel()
            # The outcome is written down also when the server stops in mid-stream.
            ending = Ending(bytes=max(leased.written - leased.withheld, 0), code=leased.code)
            await asyncio.shield(self._finish(beside, ending))

    async def _send_blocks(self, leased: LeasedConnection, exchange: Exchange) -> None:
        """Wait until all is sent, look at the lease, hand over one chunk; and again."""
        ahead = _ReadAhead(self._source, self._part)
        try:
            async for block in ahead:
                offset = 0
                while offset < len(block):
                    room = await leased.room()
                    taken = leased.hand_over(block[offset : offset + room])
                    exchange.passed(taken)
                    offset += taken
                    faults.reach("K8")
        finally:
            ahead.stop()

    async def _keep_lease(self, leased: LeasedConnection) -> None:
        """Ask again before the lease ends; go on asking while nobody answers."""
        retry_seconds = 0.0
        while leased.code is None:
            wait = retry_seconds or leased.lease.renew_at - boottime()
            await asyncio.sleep(max(wait, RENEWAL_SECONDS_MIN))
            try:
                lease = await self._renew(leased.lease)
            except Refused as refused:
                log.info("stream_refused", code=refused.code)
                leased.reset(refused.code)
            except AppError as error:
                log.warning("lease_not_renewed", code=error.code)
                retry_seconds = min(max(retry_seconds * 2, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)
            else:
                retry_seconds = 0.0
                leased.extend(lease)

    async def _record_progress(self, leased: LeasedConnection) -> None:
        """Write down now and then how far it is, for the case that this process dies."""
        while True:
            await asyncio.sleep(self._limits.progress_seconds)
            with contextlib.suppress(AppError):  # the database is away: the next time, then
                await self._progress(leased.written)

    async def _finish(self, beside: list[asyncio.Task[None]], ending: Ending) -> None:
        await asyncio.gather(*beside, return_exceptions=True)
        try:
            await self._end(ending)
        except AppError as error:
            # The sweep will say OUTCOME_UNKNOWN: that it began is written down already.
            log.exception("delivery_end_not_recorded", code=error.code)


class _ReadAhead:
    """Blocks of the object in order, the next one read while this one is written."""

    def __init__(self, source: Source, part: ByteRange) -> None:
        self._source = source
        self._offset = part.start
        self._end = part.end
        self._coming: asyncio.Task[memoryview] | None = None
        self._ask()

    def __aiter__(self) -> "_ReadAhead":
        return self

    async def __anext__(self) -> memoryview:
        if self._coming is None:
            raise StopAsyncIteration
        block = await self._coming
        self._coming = None
        self._offset += len(block)
        self._ask()
        return block

    def stop(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
        self._source.close()

    def _ask(self) -> None:
        length = min(self._source.block_bytes, self._end - self._offset)
        if length > 0:
            self._coming = asyncio.create_task(self._exactly(self._offset, length))

    async def _exactly(self, offset: int, length: int) -> memoryview:
        block = await self._source.read(offset, length)
        if len(block) != length:
            raise ObjectMissing("The object is shorter than it was.")
        return block


async def _watch_client(receive: Receive, leased: LeasedConnection) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leased.reset(Cut.CLIENT_GONE)
