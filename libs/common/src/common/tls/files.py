"""Certificates and authorities from files, as they are now: renewed without a restart.

A file is looked at when a connection begins. What began goes on with what it began with, and what
cannot be read (a certificate is there and its key not yet) leaves the former in place.
"""

import os
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ALPN = ["http/1.1"]

Seen = tuple[tuple[int, int, int], ...]
"""Of each file its inode, size and time of change: a mounted secret is renewed by another inode."""


@dataclass(slots=True)
class Renewed:
    """A TLS context made of files, and made anew when they change."""

    files: Sequence[Path]
    make: Callable[[], ssl.SSLContext]
    _seen: Seen | None = field(init=False, default=None)
    _refused: Seen | None = field(init=False, default=None)
    """What could not be read: told once, and not tried again until it changes."""

    _context: ssl.SSLContext = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Read them. Raises OSError or ssl.SSLError where that cannot be done at the start."""
        self._seen, self._context = _look(self.files), self.make()

    def context(self) -> ssl.SSLContext:
        """Return the newest context that could be made."""
        with self._lock:
            try:
                seen = _look(self.files)
                if seen not in (self._seen, self._refused):
                    self._renew(seen)
            except OSError as error:
                self._refuse(None, error)
            return self._context

    def _renew(self, seen: Seen) -> None:
        try:
            self._context = self.make()
        except OSError as error:  # as ssl.SSLError is one
            self._refuse(seen, error)
            return
        self._seen, self._refused = seen, None
        log.info("tls_files_renewed", files=[str(path) for path in self.files])

    def _refuse(self, seen: Seen | None, error: OSError) -> None:
        if seen is None and self._refused == ():
            return
        self._refused = () if seen is None else seen
        log.error(
            "tls_files_unreadable",
            files=[str(path) for path in self.files],
            failure=type(error).__name__,
        )


def served(certificate: Path, key: Path) -> Renewed:
    """Return what a server shows: its certificate with those between, and its key.

    Raises:
        OSError: they cannot be read, or do not belong together (an ssl.SSLError).

    """

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(ALPN)
        context.load_cert_chain(certificate, key)
        return context

    return Renewed((certificate, key), make)


def trusted(authority: Path) -> Renewed:
    """Return whom a client believes: the authorities of the file, and nobody else.

    Raises:
        OSError: it cannot be read, or holds none (an ssl.SSLError).

    """

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(ALPN)
        return context

    return Renewed((authority,), make)


def _look(files: Sequence[Path]) -> Seen:
    found = [os.stat(path) for path in files]  # noqa: PTH116  follows the links of a mounted secret
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)
