"""Answers inside the server's protocol what came before with the same head (docs/adr/0150).

Dissemination asks about the same file every second, on connections that stay open, and but for its
id the head of its request is the same for minutes. To parse it anew, make a scope, a task and a
cycle of it costs more than to judge it. So a head that the server's parser has read, and that held
nothing unusual, is known by its bytes: what comes again with it, but for its id, is handed to its
endpoint at once (`QuickBody.begin`), and the answer is written when it is told.

The token in the head is judged at every call. Nothing here parses HTTP. Where a head is not known,
is cut in two, or comes while an answer is under way, and where the endpoint does not begin, the
same bytes go to the parser and the ordinary way. What uvicorn keeps of a request under way is kept
here by its names, which it does not promise: `libs/common/tests/test_quick_answers.py` holds both
to each other over raw sockets.
"""

import re
import time
from asyncio import Transport
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import Response
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from common.http import CORRELATION_HEADER
from common.ids import new_id_text
from common.security.principal import Principal
from common.settings import ServiceSettings
from common.web.app import Service
from common.web.connections import ConnectionInScope, whole
from common.web.fast import Begin, FastEndpoint, FastPath, Usual, Written, lines
from common.web.surroundings import REQUEST_ID, added_headers

BEGINS = b"POST "
END_OF_HEAD = b"\r\n\r\n"
HEAD_BYTES_MAX = 8_192
HEADS_MAX = 1_024

ID_LINE = b"\r\n%b: " % CORRELATION_HEADER.encode("ascii")
"""As our own services write it. Of a head with an id that is written otherwise none is known."""
ID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?=\r\n)")

SAID_OF_A_REQUEST = ("type", "method", "path", "query_string", "headers")
FRAMED_OTHERWISE = frozenset({b"expect", b"transfer-encoding", b"upgrade"})


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What the parser found in a head."""

    fast: FastEndpoint
    read: Callable[[bytes], Any | None]
    begin: Begin
    token: str
    length: int
    """Of the body, in bytes."""
    scope: Scope
    """Method, path and headers, for whoever words a refusal."""


class KnownHeads:
    """The heads of one app's requests, by their bytes but for the request's id."""

    def __init__(self, app: Any) -> None:
        """Take an app of any kind: of one without fast routes no head is ever known."""
        self._app = app
        self._known: dict[bytes, KnownHead] = {}

    @property
    def path(self) -> FastPath | None:
        """Return the app's fast path, where any of its routes is answered here."""
        path = self._app.fast_path if isinstance(self._app, Service) else None
        return path if path is not None and path.begins_any() else None

    def find(self, head: bytes) -> tuple[KnownHead, str | None] | None:
        """Return what is known of a head, and the request's id, where it has one."""
        but_id, request_id = _parted(head)
        known = self._known.get(but_id)
        return None if known is None else (known, request_id)

    def learn(self, head: bytes, cycle: RequestResponseCycle, path: FastPath) -> None:
        """Keep what the parser made of a head, where it held nothing unusual.

        Only where its token is accepted now: nobody else fills this with what they make up.
        """
        scope: Scope = cycle.scope  # type: ignore[assignment]  # one, typed more narrowly
        fast, usual = path.endpoint(scope), Usual.of(scope)
        if fast is None or fast.quick is None or fast.quick.begin is None or usual is None:
            return
        if scope["http_version"] != "1.1" or not cycle.keep_alive or len(head) > HEAD_BYTES_MAX:
            return
        but_id, request_id = _parted(head)
        names = [name for name, _ in scope["headers"]]
        if (request_id is None) == (REQUEST_ID in names) or not FRAMED_OTHERWISE.isdisjoint(names):
            return
        length = _length(scope)
        settings: ServiceSettings = scope["state"]["settings"]
        if length is None or length > settings.body_bytes_max:
            return
        if path.known(fast, usual.token, scope["state"]) is None:
            return
        if len(self._known) >= HEADS_MAX:
            del self._known[next(iter(self._known))]  # the oldest, whose token expires first
        self._known[but_id] = KnownHead(
            fast=fast,
            read=fast.quick.read,
            begin=fast.quick.begin,
            token=usual.token,
            length=length,
            scope={name: scope[name] for name in SAID_OF_A_REQUEST},
        )


class _NobodyWaits:
    """An event for which nothing here waits."""

    def set(self) -> None:
        """Wake nobody."""


class QuickExchange:
    """A request that is answered here. It stands on the connection where the server has its cycle.

    The members that the server looks at have its names: whether an answer is under way; that the
    client has gone, or that the connection ends behind the answer, it says by them.
    """

    keep_alive = more_body = True
    disconnected = response_started = response_complete = waiting_for_100_continue = False
    message_event = _NobodyWaits()
    caller: Principal

    def __init__(self, head: KnownHead, sent: bytes, request_id: str) -> None:
        self.head = head
        self.sent = sent
        """The head, as it came."""
        self.request_id = request_id
        self.began = time.perf_counter()
        self.body: bytes | bytearray = b""


class QuickConnection(ConnectionInScope):
    """A connection that answers by itself what has a known head."""

    def __init__(self, heads: KnownHeads, **given: Any) -> None:
        super().__init__(**given)
        self._heads = heads
        self._path: FastPath | None = None
        self._gathered: QuickExchange | None = None
        """The one whose body is not whole yet."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._path = self._heads.path

    def data_received(self, data: bytes) -> None:
        path = self._path
        if path is None or self._is_over():
            super().data_received(data)
        elif self._gathered is not None:
            self._gather(self._gathered, data)
        elif data.startswith(BEGINS) and self._is_between():
            end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
            found = self._heads.find(data[:end])
            if found is None:
                self._learn(data, end, path)
            else:
                self._take(*found, data, end)
        else:
            super().data_received(data)

    def _is_between(self) -> bool:
        """Check that the last request was answered, and nothing of another one has come."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self._is_in_head
            and not self._is_in_body
            and not self.flow.write_paused
        )

    def _learn(self, data: bytes, end: int, path: FastPath) -> None:
        """Leave it to the parser, and keep what that made of the head."""
        before = self.cycle
        super().data_received(data)
        cycle = self.cycle
        if cycle is before or self._is_over():
            return
        if len(data) - end == self._body_bytes:  # so the parser ended it where it ends here
            self._heads.learn(data[:end], cycle, path)

    # A request with a known head

    def _take(self, head: KnownHead, request_id: str | None, data: bytes, end: int) -> None:
        self._unset_keepalive_if_required()
        exchange = QuickExchange(head, data[:end], request_id or new_id_text())
        self.cycle = exchange  # type: ignore[assignment]  # it has what is asked of one
        body = data[end:]
        if len(body) == head.length:
            exchange.body = body
            self._ask(exchange)
            return
        self._forget_message()
        self._is_in_body = True
        self._marked = (0, self.loop.time())
        exchange.body = bytearray()
        self._gathered = exchange
        self._gather(exchange, body)

    def _gather(self, exchange: QuickExchange, data: bytes) -> None:
        missing = exchange.head.length - len(exchange.body)
        exchange.body += data[:missing]
        self._body_bytes = len(exchange.body)
        if len(data) < missing:
            return
        self._gathered = None
        self._is_in_body = False
        exchange.body = bytes(exchange.body)
        self._ask(exchange)
        if len(data) > missing:
            self.data_received(data[missing:])

    def _ask(self, exchange: QuickExchange) -> None:
        """Begin it; what is not begun goes to the parser as it came."""
        exchange.more_body = False
        try:
            has_begun = self._begin(exchange)
        except Exception:  # noqa: BLE001 - the endpoint meets it as well, and it is answered there
            has_begun = False
        if not has_begun:
            exchange.response_complete = True
            super().data_received(exchange.sent + exchange.body)

    def _begin(self, exchange: QuickExchange) -> bool:
        head, path, state = exchange.head, self._path, self.app_state
        caller = None if path is None else path.known(head.fast, head.token, state)
        if caller is None:
            return False
        question = head.read(bytes(exchange.body))
        if question is None:
            return False
        exchange.caller = caller
        return head.begin(question, caller, state, partial(self._tell, exchange))

    def _tell(self, exchange: QuickExchange, told: Written | Exception) -> None:
        """Write the answer down, or why there is none."""
        request_id = exchange.request_id
        if not isinstance(told, Exception):
            try:
                body = told.written()
            except Exception as error:  # noqa: BLE001 - it is the outermost handler here
                told = error
            else:
                headers = b"%bcontent-length: %d\r\n" % (lines(request_id), len(body))
                self._write(exchange, HTTPStatus.OK, headers, body)
                return
        if self._path is not None:
            refusal = self._path.refusal(exchange.head.scope, request_id, exchange.caller, told)
            self._write(
                exchange,
                refusal.status_code,
                _headers_of(refusal, exchange),
                bytes(refusal.body),
            )

    def _write(self, exchange: QuickExchange, status: int, headers: bytes, body: bytes) -> None:
        if self._path is not None:
            self._path.count(exchange.head.scope["path"], status, exchange.began)
        exchange.response_started = exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return  # it was logged, and nobody is there to read it
        added, keep_alive = self.server_state.default_headers, exchange.keep_alive
        self.transport.write(
            whole(STATUS_LINE[status], added, headers, body, keep_alive=keep_alive)
        )
        if not keep_alive:
            self.transport.close()
        if self.pipeline:
            self.on_response_complete()
            return
        # As there; but the server's timer is not set, which is longer than `look` waits.
        self.server_state.total_requests += 1
        self._since = self.loop.time()
        self.flow.resume_reading()


def _parted(head: bytes) -> tuple[bytes, str | None]:
    """Return a head without the value of the request's id, and that; None where there is none."""
    at = head.find(ID_LINE) + len(ID_LINE)
    found = ID.match(head, at) if at >= len(ID_LINE) else None
    if found is None:
        return head, None
    return head[:at] + head[found.end() :], str(found[0], "ascii")


def _length(scope: Scope) -> int | None:
    """Return the body's length, where it is announced, once, and by nothing else."""
    told = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(told[0]) if len(told) == 1 and told[0].isdigit() else None


def _headers_of(refusal: Response, exchange: QuickExchange) -> bytes:
    """Return its headers and those of every answer, as `surrounded` sends them."""
    own = refusal.raw_headers
    names = {name for name, _ in own}
    if (b"connection", b"close") in own:
        exchange.keep_alive = False
        own = [header for header in own if header[0] != b"connection"]
    added = [header for header in added_headers(exchange.request_id) if header[0] not in names]
    return b"".join([b"%b: %b\r\n" % header for header in (*own, *added)])
