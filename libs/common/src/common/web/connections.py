"""Connections have limits before anything that comes over them is believed (docs/adr/0029).

Nobody has said who they are when the first bytes come. So a request line, headers and framing are
counted while they arrive, and never held where they grow; who sends half a request, nothing, or
takes no answer has limited time; and where there are too many connections those that wait for
nothing make room for those that ask. A refusal is a problem, as everywhere.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, Protocol, Self
from weakref import ref

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from common.settings import ServiceSettings
from common.web import problems
from common.web.app import Service
from common.web.fast import EXCHANGE
from common.web.surroundings import SAFETY

CONNECTION = "dsfc.connection"
"""`scope["extensions"][CONNECTION]` is the protocol, with its `flow` and its `transport`."""

LOOKS_EVERY_SECONDS = 0.5
HEAD_PIECE_BYTES = 16_384
"""So much is parsed at once of what may be a head, so that it is counted before it has grown."""

FRAMING_BYTES_MAX = 16_384
FRAMING_SHARE = 4
"""Sizes of chunks, their extensions and trailers: as much as this, and a quarter of the body."""

STRAY_BYTES_MAX = 1_024

FRAMING = frozenset({b"content-length", b"transfer-encoding"})

LINGER_SECONDS = 1.0
LINGER_BYTES_MAX = 1_048_576
"""How long, and how much, is read and thrown away after a refusal, so that it is received."""

OK = STATUS_LINE[HTTPStatus.OK]
BAD_REQUEST, TIMED_OUT, URI_TOO_LONG, HEADERS_TOO_LARGE, UNAVAILABLE = 400, 408, 414, 431, 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What `common.settings` says of connections; the names are the same."""

    request_line_bytes_max: int = 8_192
    header_bytes_max: int = 32_768
    header_count_max: int = 100
    header_seconds_max: float = 10
    body_progress_bytes: int = 1_024
    body_progress_seconds: float = 30
    response_stall_seconds: float = 60
    idle_seconds_max: float = 30
    pipelined_max: int = 16
    connections_max: int = 512
    connections_per_peer_max: int = 256

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})


class Counted(Protocol):
    """Counts what was ended, by why."""

    def __call__(self, reason: str) -> None: ...


class Exchange:
    """One request and its answer on a connection.

    The request has it in its scope, so it does not hold on to what holds the scope: such a ring
    is found by the garbage collector alone, which then stops everything for what it costs.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = ref(cycle)

    def passed(self, bytes_: int) -> None:
        """Note that so many bytes of the body went to the kernel without the transport."""
        if (cycle := self._cycle()) is not None:
            cycle.expected_content_length -= bytes_

    def answer(self, headers: bytes, body: bytes) -> bool:
        """Answer 200 at once, head and body in one write, as the server's `send` would in two.

        Return whether it was done: not where what was written before waits to be taken, or where
        there is nobody, or an answer, any more. The headers are whole lines; those that the server
        adds, and the body's length, are added here.
        """
        cycle = self._cycle()
        if cycle is None or cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
            return False
        cycle.response_started = cycle.response_complete = True
        headers = b"%bcontent-length: %d\r\n" % (headers, len(body))
        keep_alive = cycle.keep_alive
        cycle.transport.write(
            whole(OK, cycle.default_headers, headers, body, keep_alive=keep_alive)
        )
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


class _Lines:
    """The lines of the headers that the server adds: another list each second, for all the same."""

    __slots__ = ("_of", "_written")

    def __init__(self) -> None:
        self._of: Sequence[tuple[bytes, bytes]] = ()
        self._written = b""

    def __call__(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        if headers is not self._of:
            self._written = b"".join([b"%b: %b\r\n" % header for header in headers])
            self._of = headers
        return self._written


_lines = _Lines()


def whole(
    status: bytes,
    added: Sequence[tuple[bytes, bytes]],
    headers: bytes,
    body: bytes,
    *,
    keep_alive: bool,
) -> bytes:
    """Write an answer down, head and body, as the server's `send` would in two; it adds `added`."""
    closing = b"" if keep_alive else b"connection: close\r\n"
    return b"%b%b%b%b\r\n%b" % (status, _lines(added), headers, closing, body)


class OverLimit(Exception):
    """Raised in the parser's callbacks, so that it stops at once."""


class ConnectionInScope(HttpToolsProtocol):
    """Lets a stream see its own connection, and holds every connection to its limits.

    A leased download has to know that all it wrote has left, before it looks at its lease
    again, and to abort what has not (docs/adr/0019). ASGI alone tells neither.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.at_loss: Callable[[], None] | None = None
        """Called when the connection is over, while its socket can still be asked."""
        self._limits = limits_of(self.config.app)
        self._status = 0
        """With which it was refused; what comes after that is not read."""
        self._is_deaf = False
        """All that was asked is whole and gets its answer; what came behind it is no request."""
        self._thrown_away = 0
        self._is_body_skipped = self._is_priming = False
        self._is_in_head = False
        self._is_in_body = False
        self._ended_a_message = False
        self._since = self.loop.time()
        """When the head began, or since when nothing is under way; when it was refused."""
        self._forget_message()
        self._unsent = (0, self._since)
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.at_loss is not None:
            self.at_loss()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._status or self._is_deaf:
            self._throw_away(len(data))
            return
        start = 0
        while start < len(data) and not self._is_over():
            end = len(data) if self._is_in_body else start + HEAD_PIECE_BYTES
            piece = data[start:end] if (start, end) != (0, len(data)) else data
            self._parse(piece)
            start += len(piece)

    def _parse(self, piece: bytes) -> None:
        was_in_body, body_before = self._is_in_body, self._body_bytes
        self._ended_a_message = False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay_with_http(piece[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self.refuse(self._status or BAD_REQUEST)
        if self._is_over():
            return
        if self._is_in_head and not self._ended_a_message:
            self._head_bytes += len(piece)
            if self._head_bytes > self._limits.request_line_bytes_max + (
                self._limits.header_bytes_max
            ):
                self.refuse(HEADERS_TOO_LARGE if self.url else URI_TOO_LONG)
        elif not self._is_in_head and not self._is_in_body and not self._ended_a_message:
            self._stray_bytes += len(piece)  # empty lines, before a request
            if self._stray_bytes > STRAY_BYTES_MAX:
                self.refuse(BAD_REQUEST)
        elif was_in_body and self._is_in_body:
            self._framing_bytes += len(piece) - (self._body_bytes - body_before)
            if self._framing_bytes > FRAMING_BYTES_MAX + self._body_bytes // FRAMING_SHARE:
                self.refuse(BAD_REQUEST)

    def _stay_with_http(self, rest: bytes) -> None:
        """Go on behind an `Upgrade`: nothing here speaks another protocol (RFC 9110 7.8).

        The parser leaves the request's body to that protocol. It is told of it once more.
        """
        if self._is_in_body:
            framing = [b"%b: %b\r\n" % (n, v) for n, v in self.headers if n in FRAMING]
            self._is_priming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
            self._is_priming = False
        if rest:
            self._parse(rest)

    # What the parser finds

    def on_message_begin(self) -> None:
        if self._is_priming:
            return
        super().on_message_begin()
        if len(self.pipeline) >= self._limits.pipelined_max:
            self._over(BAD_REQUEST)
        self._forget_message()
        self._is_in_head = True
        self._since = self.loop.time()
        # uvicorn types extensions as dictionaries; ASGI leaves their values to us.
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        if self._is_priming:
            return
        if len(self.url) + len(url) > self._limits.request_line_bytes_max:
            self._over(URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:
            return  # a trailer: nothing here reads one, and it is no header of the request
        self._header_bytes += len(name) + len(value) + 4
        if (
            self._header_bytes > self._limits.header_bytes_max
            or len(self.headers) >= self._limits.header_count_max
        ):
            self._over(HEADERS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_priming:
            return
        self._is_in_head = False
        self._is_in_body = True
        self._marked = (0, self.loop.time())
        super().on_headers_complete()
        if self.cycle is None:
            return
        self._is_body_skipped = self.parser.should_upgrade() and any(
            name in FRAMING for name, _ in self.headers
        )
        self.scope["extensions"][EXCHANGE] = Exchange(self.cycle)  # type: ignore[assignment]  # as above
        app = self.config.app
        if isinstance(app, Service) and app.fast_path is not None:
            # A fast route writes down what it was asked; a second line for it would cost more.
            self.cycle.access_log = self.access_log and not app.fast_path.serves(self.scope)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_body_skipped:
            self._is_body_skipped = False
            return  # its body is still to come: see `_stay_with_http`
        self._is_in_body = False
        self._ended_a_message = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    # What is refused

    def refuse(self, status: int) -> None:
        """Answer with a problem and end the connection; without one where an answer runs.

        No line in the log: who can be refused often could fill it. It is counted.
        """
        counted_of(self.config.app)(str(status))
        if self._is_answering():
            # It may have been done already: to refuse it for what came behind it would be untrue.
            self._status = 0
            self._is_deaf = True
            self.cycle.keep_alive = False
            return
        self._status = status
        self._since = self.loop.time()
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # Two answers would be taken for one another.
            if self.cycle.response_started or self.pipeline:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write(_problem(status))
        if self.transport.can_write_eof():
            # To close with something unread would reset it, and the answer with it.
            self.transport.write_eof()
        else:
            self.transport.close()

    def _over(self, status: int) -> None:
        self._status = status
        raise OverLimit

    def _is_answering(self) -> bool:
        """Check whether the last request is whole, and its answer not yet."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _is_over(self) -> bool:
        return bool(self._status) or self._is_deaf or self.transport.is_closing()

    def _throw_away(self, bytes_: int) -> None:
        self._thrown_away += bytes_
        if self._thrown_away > LINGER_BYTES_MAX:
            self.transport.abort()

    def _forget_message(self) -> None:
        self._head_bytes = self._header_bytes = self._body_bytes = self._framing_bytes = 0
        self._stray_bytes = 0
        self._marked = (0, self._since)

    # What time does

    def is_idle(self) -> bool:
        """Check whether no request is under way: nothing came, or half of a head."""
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def look(self, now: float) -> None:
        """End the connection where its time is over. Called every half second."""
        if self.transport.is_closing():
            return
        limits = self._limits
        if self._status:
            if now - self._since > LINGER_SECONDS:
                self.transport.abort()
        elif self._is_in_head and (self.is_idle() or self._is_in_body):
            if now - self._since > limits.header_seconds_max:
                self.refuse(TIMED_OUT)
        elif self.cycle is None:
            if now - self._since > limits.header_seconds_max:
                self._end("silent")
        elif self.is_idle():
            if now - self._since > limits.idle_seconds_max:
                self._end("idle")
        else:
            self._look_at_body(now)
        self._look_at_answer(now)

    def _look_at_body(self, now: float) -> None:
        bytes_, at = self._marked
        is_ours = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if not self._is_in_body or is_ours:
            self._marked = (self._body_bytes, now)  # we are to read on, or all is there
        elif now - at > self._limits.body_progress_seconds:
            if self._body_bytes - bytes_ < self._limits.body_progress_bytes:
                self.refuse(TIMED_OUT)
            self._marked = (self._body_bytes, now)

    def _look_at_answer(self, now: float) -> None:
        """End it where nobody takes what was answered. Leased streams leave nothing here."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent[0]:
            self._unsent = (unsent, now)
        elif now - self._unsent[1] > self._limits.response_stall_seconds:
            self._end("stalled")

    def _end(self, reason: str) -> None:
        counted_of(self.config.app)(reason)
        self.transport.abort()

    # How many there are

    @property
    def peer(self) -> str:
        return self.client[0] if self.client else ""

    def waits_since(self) -> tuple[int, float]:
        """Return who goes first where room is needed: the silent, the idle, the slowest body."""
        if not self.is_idle():
            return 2, self._body_bytes
        return int(self.cycle is not None), self._since

    def may_make_room(self) -> bool:
        """Check whether nothing is lost with it but what was not asked yet."""
        return not self._is_over() and (self.is_idle() or self._is_in_body)

    def _make_room(self) -> None:
        """Let this one in, in place of one that waits; refuse it where none does."""
        others = [c for c in self.connections if c is not self and isinstance(c, ConnectionInScope)]
        per_peer = Counter(c.peer for c in others)
        if per_peer[self.peer] >= self._limits.connections_per_peer_max:
            crowd: Iterable[ConnectionInScope] = (c for c in others if c.peer == self.peer)
        elif len(others) >= self._limits.connections_max:
            most = max(per_peer, key=per_peer.__getitem__)
            crowd = (c for c in others if c.peer == most)
        else:
            return
        waiting = [c for c in crowd if c.may_make_room()]
        if waiting:
            min(waiting, key=ConnectionInScope.waits_since)._end("crowded")  # noqa: SLF001 - its own class
        else:
            self.refuse(UNAVAILABLE)


def look_at(connections: Iterable[Any], now: float) -> None:
    """Hold all of them to their time."""
    for connection in list(connections):
        if isinstance(connection, ConnectionInScope):
            connection.look(now)


def limits_of(app: Any) -> Limits:
    """Return the limits that the app's settings name; of an app without any, the defaults."""
    settings = getattr(getattr(app, "state", None), "settings", None)
    return Limits.of(settings) if isinstance(settings, ServiceSettings) else Limits()


def counted_of(app: Any) -> Counted:
    metrics = getattr(getattr(app, "state", None), "metrics", None)
    counted: Counted = getattr(metrics, "connection_ended", _uncounted)
    return counted


def note_lag(app: Any, seconds: float, connections: int) -> None:
    """Tell the app's metrics how late the event loop is, and how many connections it has."""
    metrics = getattr(getattr(app, "state", None), "metrics", None)
    noted = getattr(metrics, "loop_was_late", None)
    if noted is not None:
        noted(seconds, connections)


def _uncounted(reason: str) -> None:
    """Do nothing: an app without metrics is one of the tests' own."""
    del reason


def _problem(status: int) -> bytes:
    response = problems.problem(status)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {problems.MEDIA_TYPE}\r\n"
        f"Content-Length: {len(response.body)}\r\n"
        + "".join(f"{str(name, 'ascii')}: {str(value, 'ascii')}\r\n" for name, value in SAFETY)
        + ("Retry-After: 1\r\n" if status == UNAVAILABLE else "")
        + "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + bytes(response.body)
