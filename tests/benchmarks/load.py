"""A load of requests that were written before, over connections that stay open.

Closed loop: each connection sends its next request when it has its answer. A small client of
our own: a full one takes longer to ask than the service to answer.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, cast

import uvloop

CONNECTIONS: Final = 16
END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """How many answers in how long, and how long each was waited for."""

    answers: int
    seconds: float
    waits: Sequence[float]
    """Seconds, in ascending order."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return 1000 * self.waits[min(int(share * len(self.waits)), len(self.waits) - 1)]


def put(
    requests: Sequence[bytes],
    port: int,
    *,
    seconds: float,
    accepts: Callable[[bytes], bool],
    core: int | None = None,
) -> Load:
    """Put them, over and over, for so long; `accepts` judges every answer's body.

    :raises AssertionError: where one is not a 200, or not accepted
    """
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        return uvloop.run(_put(requests, port, seconds, accepts))
    finally:
        os.sched_setaffinity(0, before)


def encoded(
    method: str, path: str, *, token: str | None = None, body: bytes | None = None
) -> bytes:
    """Write one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (body or b"")


async def _put(
    requests: Sequence[bytes], port: int, seconds: float, accepts: Callable[[bytes], bool]
) -> Load:
    loop = asyncio.get_running_loop()
    stream = cycle(requests)
    connections = [
        (await loop.create_connection(lambda: _Connection(stream, accepts), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    start = time.perf_counter()
    for connection in connections:
        connection.begin(start + seconds)
    await asyncio.gather(*(connection.over for connection in connections))
    took = time.perf_counter() - start
    waits = sorted(wait for connection in connections for wait in connection.waits)
    return Load(len(waits), took, waits)


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], accepts: Callable[[bytes], bool]) -> None:
        self._requests = requests
        self._accepts = accepts
        self._received = b""
        self._sent_at = self._until = 0.0
        self._transport: asyncio.Transport | None = None
        self.waits: list[float] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but name.
        self._transport = cast("asyncio.Transport", transport)

    def begin(self, until: float) -> None:
        self._until = until
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return
        head = self._received[:end].lower()
        at = head.index(LENGTH) + len(LENGTH)
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._received) < end + len(END_OF_HEAD) + length:
            return
        now = time.perf_counter()
        self.waits.append(now - self._sent_at)
        body = self._received[end + len(END_OF_HEAD) :]
        if not head.startswith(b"http/1.1 200") or not self._accepts(body):
            self._end(AssertionError((head + body)[:1000]))
            return
        self._received = b""
        if now < self._until:
            self._ask()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionResetError("the server closed"))

    def _ask(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def _end(self, error: Exception | None) -> None:
        assert self._transport is not None
        if not self.over.done():
            self.over.set_result(None) if error is None else self.over.set_exception(error)
        self._transport.close()
