"""What only this haven can read: chunked AES-256-GCM under a key of its own.

A stream of any length is sealed a mebibyte at a time, so that nothing is ever at rest in clear
and nothing has to fit into memory. Each object has its own key, hence a counter is enough for a
nonce; the last chunk says that it is the last, so that a cut object does not pass for a whole
one, and chunks cannot be moved.
"""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.errors import ObjectDamaged

MAGIC: Final = b"DSFC\x01\x00\x00\x00"
CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
_NONCE: Final = struct.Struct(">BxxxQ")
"""Whether it is the last chunk, then the chunk's number: twelve bytes."""

Bytes = bytes | bytearray | memoryview


class ByteSink(Protocol):
    """Where bytes are written, one after the other."""

    def write(self, data: bytes, /) -> Any: ...


class ByteSource(Protocol):
    """Where bytes are read, anywhere."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class SealedWriter:
    """Collects chunks and seals each when the next one begins."""

    def __init__(self, file: ByteSink, data_key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(data_key)
        self._held = bytearray()
        self._chunks = 0
        self.clear_bytes = 0
        file.write(MAGIC)

    def write(self, data: Bytes) -> None:
        """Take some bytes in clear; whole chunks are sealed and written."""
        view = memoryview(data)
        self.clear_bytes += len(view)
        while len(self._held) + len(view) > CHUNK_BYTES:
            room = CHUNK_BYTES - len(self._held)
            self._held += view[:room]
            view = view[room:]
            self._seal(is_last=False)
        self._held += view

    def close(self) -> None:
        """Seal the last chunk; where the bytes go says when they are there for good."""
        self._seal(is_last=True)

    def _seal(self, *, is_last: bool) -> None:
        nonce = _NONCE.pack(is_last, self._chunks)
        with reached():
            self._file.write(self._cipher.encrypt(nonce, self._held, MAGIC))
        self._held.clear()
        self._chunks += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.clear()


class SealedReader(io.RawIOBase):
    """An object as a file in clear: chunks are opened when they are read, and a few are held."""

    HELD: Final = 4

    def __init__(self, file: ByteSource, data_key: bytes) -> None:
        super().__init__()
        self._file = file
        self._cipher = AESGCM(data_key)
        self._place = 0
        self._chunks: dict[int, bytes] = {}
        with reached():
            file.seek(0)
            magic, stored = file.read(len(MAGIC)), file.seek(0, os.SEEK_END) - len(MAGIC)
        whole = CHUNK_BYTES + TAG_BYTES
        self._last = (stored - 1) // whole
        self._size = stored - (self._last + 1) * TAG_BYTES
        if magic != MAGIC or stored < TAG_BYTES or stored % whole in range(1, TAG_BYTES):
            raise ObjectDamaged
        self._chunk(self._last)  # which says that it is the last

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._place + size, self._size)
        parts = []
        while self._place < end:
            number, start = divmod(self._place, CHUNK_BYTES)
            part = self._chunk(number)[start : start + end - self._place]
            parts.append(part)
            self._place += len(part)
        return b"".join(parts)

    def _chunk(self, number: int) -> bytes:
        held = self._chunks.pop(number, None)
        if held is None:
            with reached():
                self._file.seek(len(MAGIC) + number * (CHUNK_BYTES + TAG_BYTES))
                sealed = self._file.read(CHUNK_BYTES + TAG_BYTES)
            try:
                nonce = _NONCE.pack(number == self._last, number)
                held = self._cipher.decrypt(nonce, sealed, MAGIC)
            except InvalidTag:
                raise ObjectDamaged from None
        self._chunks[number] = held
        if len(self._chunks) > self.HELD:
            del self._chunks[next(iter(self._chunks))]
        return held


def unsealed(file: ByteSource, data_key: bytes) -> Iterator[bytes]:
    """Open what was sealed, a chunk at a time. Raise ObjectDamaged where it is not whole."""
    cipher = AESGCM(data_key)
    with reached():
        magic = file.read(len(MAGIC))
        sealed = file.read(CHUNK_BYTES + TAG_BYTES)
    if magic != MAGIC:
        raise ObjectDamaged
    number = 0
    while sealed:
        with reached():
            following = file.read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_NONCE.pack(not following, number), sealed, MAGIC)
        except InvalidTag:
            raise ObjectDamaged from None
        sealed = following
        number += 1
    if not number:
        raise ObjectDamaged


@contextmanager
def reached() -> Iterator[None]:
    """Raise ObjectStoreUnavailable where the store, whichever it is, cannot be read or written."""
    try:
        yield
    except OSError as error:
        raise ObjectStoreUnavailable("The object store does not answer; try again.") from error
