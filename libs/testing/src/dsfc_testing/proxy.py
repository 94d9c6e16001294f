"""A connection that delays, holds, cuts and forgets: a real one, between a client and PostgreSQL.

What is injected is chosen by what passes, so that a test says "the answer to the commit is lost"
and not "something breaks after 20 ms".
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import make_url
from sqlalchemy.engine import URL

PIECE = 65_536
CLOCK = re.compile(rb"clock_timestamp")
COMMIT = re.compile(rb"COMMIT\x00")

Passing = Callable[[bytes], None]
"""Sees a piece before it is passed on. It may wait, or raise Cut."""


class Cut(Exception):
    """The connection ends here; the piece is not passed on."""


@dataclass(slots=True)
class Proxy:
    """Where clients connect, and what happens to what they say and hear."""

    url: str
    question: Passing = field(default=lambda _piece: None)
    answer: Passing = field(default=lambda _piece: None)
    clients: list[socket.socket] = field(default_factory=list)

    def forget_clients(self) -> None:
        """Break every connection on the clients' side; what they said is passed on all the same."""
        for client in self.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


@contextmanager
def before(database_url: str) -> Iterator[Proxy]:
    """Stand before a PostgreSQL server; yields the URL of the same database through the proxy."""
    url = make_url(database_url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        through = url.set(host="127.0.0.1", port=port).difference_update_query(["host", "port"])
        proxy = Proxy(through.render_as_string(hide_password=False))
        servers: list[socket.socket] = []
        thread = threading.Thread(
            target=_accept, args=(listening, url, proxy, servers), name="proxy", daemon=True
        )
        thread.start()
        try:
            yield proxy
        finally:
            for end in [listening, *proxy.clients, *servers]:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _accept(listening: socket.socket, url: URL, proxy: Proxy, servers: list[socket.socket]) -> None:
    with suppress(OSError):  # it was closed: the end of the test
        while True:
            client, _ = listening.accept()
            server = _connect(url)
            proxy.clients.append(client)
            servers.append(server)
            for source, target, side in (
                (client, server, "question"),
                (server, client, "answer"),
            ):
                threading.Thread(
                    target=_pass, args=(source, target, proxy, side), daemon=True
                ).start()


def _connect(url: URL) -> socket.socket:
    host = str(url.query.get("host") or url.host or "127.0.0.1")
    port = int(str(url.query.get("port") or url.port or 5432))
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server
    return socket.create_connection((host, port))


def _pass(source: socket.socket, target: socket.socket, proxy: Proxy, side: str) -> None:
    try:
        while piece := source.recv(PIECE):
            getattr(proxy, side)(piece)  # as it is now: tests change it
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except (Cut, OSError):
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
