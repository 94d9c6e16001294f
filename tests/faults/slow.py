"""Clients that read as slowly as a test likes, and say what reached them when."""

import array
import fcntl
import select
import socket
import termios
import threading
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

RECEIVE_BYTES = 4_096
"""Tiny: what our own kernel holds is not the sender's to take back."""
READ_SECONDS_MAX = 60.0
BYTES_A_SECOND = 1_500_000
PAUSED_SECONDS = 0.5


@dataclass(slots=True)
class Download:
    """A GET over a socket of its own, asked and not yet read."""

    url: str
    token: str
    receive_bytes: int = RECEIVE_BYTES
    sock: socket.socket = field(init=False)
    status: int = field(init=False)
    length: int = field(init=False)
    received: int = 0
    arrived: list[tuple[float, int]] = field(default_factory=list)
    """When (`time.monotonic`), and how many bytes."""

    def __post_init__(self) -> None:
        where = urlsplit(self.url)
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)
        self.sock.settimeout(READ_SECONDS_MAX)
        self.sock.connect((where.hostname or "", where.port or 80))
        self.sock.sendall(
            f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.sock.recv(1)
        lines = head.decode("latin-1").lower().splitlines()
        self.status = int(lines[0].split()[1])
        self.length = next(
            int(line.partition(":")[2]) for line in lines if line.startswith("content-length")
        )

    def read(self, at_least: int) -> None:
        while self.received < at_least:
            assert self._once(), "it ended cleanly, and too soon"

    def read_to_the_end(self, *, pause: float = 0.0) -> str:
        """`reset`; or `clean`, where all arrived or the connection was just closed."""
        tick = threading.Event()
        try:
            while self.received < self.length and self._once():
                tick.wait(pause)
        except ConnectionResetError:
            return "reset"
        return "clean"

    def read_until_it_pauses(self) -> None:
        """Read as a network of a megabyte a second would, until nothing comes for a while.

        So slowly that it lasts, and fast enough that nothing is buffered when a lease ends.
        """
        tick = threading.Event()
        self.sock.settimeout(PAUSED_SECONDS)
        try:
            while got := self._once():
                tick.wait(got / BYTES_A_SECOND)
        except TimeoutError:
            self.sock.settimeout(READ_SECONDS_MAX)
        assert self.received < self.length, "it was over before it could pause"

    def held(self) -> int:
        """Bytes that our own kernel has and we have not read."""
        count = array.array("i", [0])
        fcntl.ioctl(self.sock.fileno(), termios.FIONREAD, count)
        return count[0]

    def is_reset(self, *, within: float) -> bool:
        """Whether the connection is gone, seen without reading from it."""
        poll = select.poll()
        poll.register(self.sock, 0)  # errors and hang-ups only
        return bool(poll.poll(within * 1000))

    def after(self, moment: float) -> int:
        """Bytes that were read after a moment."""
        return sum(count for at, count in self.arrived if at > moment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.sock.close()

    def _once(self) -> int:
        got = len(self.sock.recv(self.receive_bytes))
        self.arrived.append((time.monotonic(), got))
        self.received += got
        return got
