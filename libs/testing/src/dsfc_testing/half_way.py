"""A connection that stops half-way through what is written: between a client and an HTTP server.

The server has the head of a request and half of its body, and the client waits: whoever is killed
now is killed in the middle of a write, however small that is.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE = 65_536
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(slots=True)
class HalfWay:
    """Where clients connect, and which of their requests stops half-way."""

    url: str
    stops_at: re.Pattern[bytes] | None = None
    """Of a request's first line; the first one that has it stops, and no other."""

    stopped: threading.Event = field(default_factory=threading.Event)
    ends: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop_at(self, pattern: bytes) -> None:
        self.stopped.clear()
        self.stops_at = re.compile(pattern)

    def allowed(self, piece: bytes) -> int | None:
        """Return how much of the stream that begins here may pass; None: all of it."""
        with self._lock:
            if self.stops_at is None or not self.stops_at.match(piece):
                return None
            self.stops_at = None
        length = LENGTH.search(piece)
        if length is None:
            raise ValueError("a body without a length has no middle")
        return piece.index(HEAD_END) + len(HEAD_END) + int(length[1]) // 2


@contextmanager
def before(url: str) -> Iterator[HalfWay]:
    """Stand before a server; yields where, which ends with what was begun through it."""
    where = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = HalfWay(f"http://127.0.0.1:{listening.getsockname()[1]}")
        target = (where.hostname or "127.0.0.1", where.port or 80)
        threading.Thread(target=_accept, args=(listening, target, proxy), daemon=True).start()
        try:
            yield proxy
        finally:
            for end in [listening, *proxy.ends]:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _accept(listening: socket.socket, target: tuple[str, int], proxy: HalfWay) -> None:
    with suppress(OSError):  # it was closed: the end of the test
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(target)
            proxy.ends += [client, server]
            for task in ((_ask, client, server, proxy), (_answer, server, client)):
                threading.Thread(target=task[0], args=task[1:], daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, proxy: HalfWay) -> None:
    with suppress(OSError):
        while piece := client.recv(PIECE):
            while HEAD_END not in piece and piece[:4] in (b"PUT ", b"POST"):
                piece += client.recv(PIECE)
            if (left := proxy.allowed(piece)) is None:
                server.sendall(piece)
                continue
            while left > 0:
                server.sendall(piece[:left])
                left -= len(piece)
                piece = client.recv(PIECE) if left > 0 else piece
            proxy.stopped.set()
            while client.recv(PIECE):  # it waits, or is killed
                pass
            break
    _end(server)


def _answer(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while piece := server.recv(PIECE):
            client.sendall(piece)
    _end(client)


def _end(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
