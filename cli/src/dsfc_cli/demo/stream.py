"""A client that reads slowly, to see how a stream ends when permission is taken away."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

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
    url: str,
    token: str,
    *,
    authority: Path | None,
    first_bytes: int,
    meanwhile: Callable[[], object],
    part: Path,
) -> Cut:
    """Read `first_bytes`, do `meanwhile`, then read on until the stream ends, into `part`.

    `authority` is who signed the certificate of an https address.
    """
    where = urlsplit(url)
    with _connected(where, authority) as connection, part.open("wb") as file:
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


def _connected(where: SplitResult, authority: Path | None) -> socket.socket:
    host = where.hostname or "127.0.0.1"
    plain = socket.socket()
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        plain.settimeout(READ_SECONDS_MAX)
        is_tls = where.scheme == "https"
        plain.connect((host, where.port or (443 if is_tls else 80)))
        if not is_tls:
            return plain
        context = ssl.create_default_context(cafile=authority)
        return context.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def _head(connection: socket.socket) -> tuple[list[str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(RECEIVE_BYTES)
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), body
