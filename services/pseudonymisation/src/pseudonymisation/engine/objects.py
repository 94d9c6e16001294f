"""Objects that only this haven can read: chunked AES-256-GCM under a key of their own.

A stream of any length is sealed a mebibyte at a time, so that nothing is ever at rest in clear
and nothing has to fit into memory. Each object has its own key, hence a counter is enough for a
nonce; the last chunk says that it is the last, so that a cut object does not pass for a whole
one, and chunks cannot be moved. An object is written beside its name and takes the name when it
is closed; what was not closed is no object.
"""

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
