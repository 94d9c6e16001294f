"""Objects that only this haven can read: chunked AES-256-GCM under a key of their own.

A stream of any length is sealed a mebibyte at a time, so that nothing is ever at rest in clear
and nothing has to fit into memory. Each object has its own key, hence a counter is enough for a
nonce; the last chunk says that it is the last, so that a cut object does not pass for a whole
one, and chunks cannot be moved. An object is written beside its name and takes the name when it
is closed; what was not closed is no object.
"""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import ObjectStoreUnavailable
from common.files import sync_directory
from pseudonymisation.engine.errors import ObjectDamaged

MAGIC: Final = b"DSFC\x01\x00\x00\x00"
CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
_NONCE: Final = struct.Struct(">BxxxQ")
"""Whether it is the last chunk, then the chunk's number: twelve bytes."""
_UNFINISHED: Final = ".part"

Bytes = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Objects:
    """A directory of sealed objects. Keys are made by the server, never by a caller."""

    root: Path

    def path(self, key: str) -> Path:
        """Where an object is, for engines that open files themselves."""
        relative = PurePosixPath(key)
        if relative.is_absolute() or ".." in relative.parts:
            raise ValueError("an object's key does not lead out of the store")
        return self.root / relative

    def prepare(self, key: str) -> Path:
        """Make room for an object that an engine writes; return where.

        Raises:
            ObjectStoreUnavailable: also where the store is away: it is not made anew, empty

        """
        path = self.path(key)
        self.check()
        with _translated():
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def check(self) -> None:
        """Raise ObjectStoreUnavailable where it cannot be written."""
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise ObjectStoreUnavailable("The object store does not answer; try again.")

    @contextmanager
    def writer(self, key: str, data_key: bytes) -> Iterator["SealedWriter"]:
        """Seal a stream. Left by an error, there is no object.

        Raises:
            ObjectStoreUnavailable: where it cannot be written

        """
        path = self.prepare(key)
        unfinished = path.with_name(path.name + _UNFINISHED)
        with _translated():
            file = unfinished.open("wb")
        try:
            writer = SealedWriter(file, data_key)
            yield writer
            with _translated():
                writer.close()
                unfinished.rename(path)
                sync_directory(path.parent)
        finally:
            file.close()
            unfinished.unlink(missing_ok=True)

    def read(self, key: str, data_key: bytes) -> Iterator[bytes]:
        """Open an object, a chunk at a time.

        Raises:
            ObjectDamaged: where it is not whole
            ObjectStoreUnavailable: where it cannot be read

        """
        with _translated():
            file = self.path(key).open("rb")
        with file:
            yield from _open(file, data_key)

    @contextmanager
    def opened(self, key: str, data_key: bytes) -> Iterator["SealedReader"]:
        """Open an object to be read anywhere in it, inside the block.

        Raises:
            ObjectDamaged: where it is not whole
            ObjectStoreUnavailable: where it cannot be read

        """
        with _translated():
            file = self.path(key).open("rb")
        with file:
            yield SealedReader(file, data_key)

    def finish(self, key: str) -> int:
        """Make what an engine wrote last through a power cut; return its size in bytes."""
        path = self.path(key)
        with _translated():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            sync_directory(path.parent)
            return path.stat().st_size

    def delete(self, key: str) -> None:
        """Take an object away, if it is there."""
        with _translated():
            self.path(key).unlink(missing_ok=True)

    def keys(self, prefix: str, *, older_than: float) -> Iterator[str]:
        """List objects under a folder, finished or not, last written before an instant."""
        folder = self.path(prefix)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stat().st_mtime < older_than:
                yield str(path.relative_to(self.root))


class SealedWriter:
    """Collects chunks and seals each when the next one begins."""

    def __init__(self, file: BinaryIO, data_key: bytes) -> None:
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
        """Seal the last chunk and put everything on the disk."""
        self._seal(is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _seal(self, *, is_last: bool) -> None:
        nonce = _NONCE.pack(is_last, self._chunks)
        with _translated():
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

    def __init__(self, file: BinaryIO, data_key: bytes) -> None:
        super().__init__()
        self._file = file
        self._cipher = AESGCM(data_key)
        self._place = 0
        self._chunks: dict[int, bytes] = {}
        with _translated():
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
            with _translated():
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


def _open(file: BinaryIO, data_key: bytes) -> Iterator[bytes]:
    cipher = AESGCM(data_key)
    with _translated():
        magic = file.read(len(MAGIC))
        sealed = file.read(CHUNK_BYTES + TAG_BYTES)
    if magic != MAGIC:
        raise ObjectDamaged
    number = 0
    while sealed:
        with _translated():
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
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ObjectStoreUnavailable("The object store does not answer; try again.") from error
