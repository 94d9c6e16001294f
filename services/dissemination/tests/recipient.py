"""A recipient that reads as slowly as a test likes, with TLS or without."""

import array
import fcntl
import select
import socket
import ssl
import termios
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Network:
    """A client's socket, of which can be said at any time how much has come."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._read_bytes = 0

    def recv(self, most: int) -> bytes:
        seconds = self._sock.gettimeout()
        if seconds != 0 and not select.select([self._sock], [], [], seconds)[0]:
            raise TimeoutError
        with self._lock:
            data = self._sock.recv(most)
            self._read_bytes += len(data)
        return data

    def received(self) -> int:
        """How much has come over the network: what was read, and what the kernel holds."""
        count = array.array("i", [0])
        with self._lock:
            fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, count)
            return self._read_bytes + count[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Encrypted:
    """A client's end of TLS over a network of which it reads no more than it is asked for."""

    def __init__(self, network: Network, authority: Path) -> None:
        self._network = network
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=authority)
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=network.getpeername()[0]
        )
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._network.sendall(self._outgoing.read())
                self._incoming.write(self._network.recv(65536))
            else:
                self._network.sendall(self._outgoing.read())
                return

    @property
    def unread(self) -> int:
        """How much has come from the network and was not returned yet."""
        return self._incoming.pending + self._tls.pending()

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._network.sendall(self._outgoing.read())

    def recv(self, most: int) -> bytes:
        """Return what there is, at most as much; `b""` where it ended cleanly.

        Raises:
            ConnectionResetError: it was cut, also where TLS alone can tell.

        """
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                if not (data := self._network.recv(most)):
                    raise ConnectionResetError("without the goodbye of TLS") from None
                self._incoming.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


@dataclass
class Download:
    """A client that reads as slowly as a test likes, over a socket of its own."""

    sock: Network | Encrypted
    head: bytes = b""
    body: bytearray = field(default_factory=bytearray)

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def read_head(self) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.sock.recv(1)
        self.head = data

    def read(self, at_least: int) -> None:
        """Raises ConnectionResetError where the stream is cut."""
        while len(self.body) < at_least:
            got = self.sock.recv(65536)
            assert got, "the stream ended cleanly before its length"
            self.body += got

    @property
    def unread(self) -> int:
        """How much of what was read from the network is not in the body yet."""
        return self.sock.unread if isinstance(self.sock, Encrypted) else 0

    def read_until_reset(self) -> bool:
        """Whether it ended with a reset; False for a clean end."""
        try:
            while got := self.sock.recv(65536):
                self.body += got
        except ConnectionResetError:
            return True
        return False
