"""A client that reads slowly, to see how a stream ends when permission is taken away."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

RECEIVE_BYTES = 32_768
"""A small receive buffer: what our own kernel holds is not the sender's to take back."""
READ_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True)
class Cut:
    """How a download ended."""

    status: int
    announced: int
    received: int
    ended: str
    """`reset`, `clean`, or `cut` (closed before the announced length)."""
    seconds_to_end: float
    """From the answer to `meanwhile` until the connection was seen to end."""


def read_slowly(
    url: str, token: str, *, first_bytes: int, meanwhile: Callable[[], object], part: Path
) -> Cut:
    """Read `first_bytes`, do `meanwhile`, then read on until the stream ends, into `part`."""
    where = urlsplit(url)
    with socket.socket() as connection, part.open("wb") as file:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        connection.settimeout(READ_SECONDS_MAX)
        connection.connect((where.hostname or "127.0.0.1", where.port or 80))
        request = (
            f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(request.encode())
        head, body = _head(connection)
        status = int(head[0].split()[1])
        announced = int(
            next(h.partition(":")[2] for h in head if h.lower().startswith("content-length"))
        )
        received = file.write(body)
        while received < min(first_bytes, announced):
            received += file.write(connection.recv(RECEIVE_BYTES))
        meanwhile()
        answered = time.monotonic()
        ended = "clean"
        try:
            while data := connection.recv(RECEIVE_BYTES):
                received += file.write(data)
            if received < announced:
                ended = "cut"
        except ConnectionResetError:
            ended = "reset"
        return Cut(status, announced, received, ended, time.monotonic() - answered)


def _head(connection: socket.socket) -> tuple[list[str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(RECEIVE_BYTES)
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), body
