"""TLS that holds no byte back: what is written is encrypted at once and the kernel's next.

asyncio's own TLS has a buffer of its own between a write and the socket, which it empties when it
likes: a stream that must stop with its lease could not tell what has left (docs/adr/0084). Here
OpenSSL works on memory. An ordinary write is encrypted and handed to the plain transport in the
same call, so that the transport's buffer and the kernel's are all there is, as without TLS. And a
stream may pass the transport by (`TlsTransport.pass_on`): then what the kernel did not take stays
here, encrypted, until it is asked for again.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

RECORD_BYTES = 16_384
"""What a TLS record holds at most."""

OVERHEAD_BYTES = 29
"""What a record adds at most: header 5, nonce 8, tag 16 (TLS 1.2); 22 in TLS 1.3."""

READ_BYTES = 262_144


class Inner(Protocol):
    """What is behind TLS: uvicorn's protocol."""

    def connection_made(self, transport: asyncio.Transport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


def encrypted_length(plain: int) -> int:
    """Return how long so many bytes are at most when they are encrypted."""
    return plain + OVERHEAD_BYTES * -(-plain // RECORD_BYTES)


def plain_length(encrypted: int) -> int:
    """Return how many bytes at least can be encrypted within so many."""
    records = -(-encrypted // (RECORD_BYTES + OVERHEAD_BYTES))
    return max(encrypted - OVERHEAD_BYTES * records, 0)


class TlsTransport(asyncio.Transport):
    """What the protocol behind TLS writes to. Reading and closing are `TlsProtocol`'s."""

    def __init__(self, raw: asyncio.Transport, tls: "TlsProtocol") -> None:
        super().__init__()
        self._raw = raw
        self._tls = tls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sslcontext":
            return self._tls.session.context
        if name == "ssl_object":
            return self._tls.session
        return self._raw.get_extra_info(name, default)

    # Writing

    def write(self, data: Any) -> None:
        self._tls.write(bytes(data))

    def pass_on(self, data: memoryview, hand: Callable[[memoryview], int]) -> int:
        """Encrypt, and hand over past every buffer; return how many bytes `hand` has whole.

        A record of which the kernel took a part cannot be read by anybody yet: it is not
        counted, its rest stays here, and goes first the next time. So who is handed less than
        it gave gives the same bytes again.
        """
        return self._tls.pass_on(data, hand)

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._raw.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._raw.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._tls.write_eof()

    # Reading

    def is_reading(self) -> bool:
        return self._raw.is_reading()

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    # The end

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def close(self) -> None:
        self._tls.close()

    def abort(self) -> None:
        self._raw.abort()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self._tls.inner)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._tls.inner = cast("Inner", protocol)


class TlsProtocol(asyncio.Protocol):
    """Between a socket and the protocol behind TLS, which is there from the first byte on.

    So its limits hold for a handshake as for everything else.
    """

    def __init__(
        self,
        inner: Inner,
        context: ssl.SSLContext,
        not_shaken: Callable[[], None] = lambda: None,
    ) -> None:
        """`not_shaken` is called where a handshake fails."""
        self.inner = inner
        self._not_shaken = not_shaken
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._raw: asyncio.Transport = cast("asyncio.Transport", None)
        self._is_open = False
        """The handshake is done."""

        self._early = b""
        """What was written before."""

        self._closes_when_open = self._ends_when_open = False
        self._is_ended = False
        """We said that nothing more comes."""

        self._rest = memoryview(b"")
        """Encrypted, passed on and not taken."""

        self._records: deque[tuple[int, int]] = deque()
        """Of `_rest` by record: how many bytes of it are there yet, and how many bytes it holds."""

    # What the socket says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast("asyncio.Transport", transport)
        self.inner.connection_made(TlsTransport(self._raw, self))

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def eof_received(self) -> bool | None:
        """Without the goodbye of TLS: what was announced and is not there, HTTP tells."""
        return self.inner.eof_received()

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            if not self._is_open and not self._shake():
                return
            self._read()
        except ssl.SSLError:
            self._fail()

    # Shaking hands

    def _shake(self) -> bool:
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._is_open = True
        self._flush()
        if self._early:
            early, self._early = self._early, b""
            self.write(early)
        if self._ends_when_open:
            self.write_eof()
        if self._closes_when_open:
            self.close()
        return True

    def _fail(self) -> None:
        """Say why, as TLS has it, and end: nothing that comes can be understood."""
        if not self._is_open:
            self._not_shaken()
        self._flush()
        self._raw.close()

    # Reading

    def _read(self) -> None:
        found: list[bytes] = []
        is_over = False
        try:
            while not self._raw.is_closing():
                if not (piece := self.session.read(READ_BYTES)):
                    is_over = True
                    break
                found.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_over = True
        self._flush()
        if found:
            self.inner.data_received(found[0] if len(found) == 1 else b"".join(found))
        if is_over and not self._raw.is_closing() and not self.inner.eof_received():
            self.close()

    # Writing

    def write(self, data: bytes) -> None:
        if self._raw.is_closing() or self._is_ended:
            return
        if not self._is_open:
            self._early += data
            return
        view = memoryview(data)
        for start in range(0, len(view), RECORD_BYTES):
            self.session.write(view[start : start + RECORD_BYTES])
        self._flush()

    def pass_on(self, data: memoryview, hand: Callable[[memoryview], int]) -> int:
        if not self._rest:
            pieces = []
            for start in range(0, len(data), RECORD_BYTES):
                record = data[start : start + RECORD_BYTES]
                self.session.write(record)
                pieces.append(self._outgoing.read())
                self._records.append((len(pieces[-1]), len(record)))
            self._rest = memoryview(b"".join(pieces))
        taken = hand(self._rest[: encrypted_length(len(data))])
        self._rest = self._rest[taken:]
        return self._whole(taken)

    def _whole(self, taken: int) -> int:
        """Return how many bytes the records hold that are over with so many encrypted bytes."""
        passed = 0
        while taken:
            encrypted, plain = self._records.popleft()
            if taken < encrypted:
                self._records.appendleft((encrypted - taken, plain))
                break
            taken -= encrypted
            passed += plain
        return passed

    def _flush(self) -> None:
        if not (data := self._outgoing.read()):
            return
        if self._rest:
            # Behind what a stream keeps: it must not overtake it, nor take it along.
            self._rest = memoryview(b"".join([self._rest, data]))
            self._records.append((len(data), 0))
        else:
            self._raw.write(data)

    # The end

    def write_eof(self) -> None:
        if not self._is_open:
            self._ends_when_open = True
            return
        self._say_goodbye()
        self._raw.write_eof()

    def close(self) -> None:
        if self._raw.is_closing():
            return
        if not self._is_open and self._early:
            self._closes_when_open = True
        elif not self._is_open or self._rest:
            # Half a record must not look like an end.
            self._raw.abort()
        else:
            self._say_goodbye()
            self._raw.close()

    def _say_goodbye(self) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        with contextlib.suppress(ssl.SSLError):  # the other side's goodbye is not waited for
            self.session.unwrap()
        self._flush()
