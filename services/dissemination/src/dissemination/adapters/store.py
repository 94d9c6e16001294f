"""The release store: objects that the safe haven wrote, and that are only read here."""

import asyncio
import hashlib
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from common.buckets import bucket
from common.errors import ObjectStoreUnavailable
from dissemination.domain.errors import ObjectMissing

MEBIBYTE = 1_048_576
S3_SCHEME = "s3://"
DIGEST_BLOCK_BYTES = 4 * MEBIBYTE
FILE_READERS_MAX = 16
CHECKSUMS_MAX = 10_000

_AT_ONCE: int | None = getattr(os, "RWF_NOWAIT", None)
"""Linux: read what is in memory already, and nothing that has to be waited for."""


class ObstoreReleases:
    """A directory or a bucket; nothing here can write.

    It is opened at the first use, so that the service starts, and says why it cannot
    deliver, while the store is away.
    """

    def __init__(self, where: str, credentials_file: Path | None = None) -> None:
        """`where`: a directory, or `s3://bucket/prefix`, with credentials of its own in a file."""
        self._where = where
        self._credentials_file = credentials_file
        self._directory = None if where.startswith(S3_SCHEME) else Path(where).absolute()
        self._store: LocalStore | S3Store | None = None
        self._checksums: dict[str, int] = {}
        self._readers = ThreadPoolExecutor(FILE_READERS_MAX, "release-store")

    def size(self, key: str) -> int:
        with _translated():
            return obstore.head(self._opened(), key)["size"]

    def digest(self, key: str) -> tuple[int, str]:
        """Read it all, a block at a time: its size and digest.

        Each block is a request, since a request to a bucket may last half a minute and no
        longer; and so it is four times as fast on a directory as one stream.
        """
        hasher = hashlib.sha256()
        with _translated():
            store = self._opened()
            size = obstore.head(store, key)["size"]
            for start in range(0, size, DIGEST_BLOCK_BYTES):
                end = min(start + DIGEST_BLOCK_BYTES, size)
                hasher.update(obstore.get_range(store, key, start=start, end=end))
        return size, f"sha256:{hasher.hexdigest()}"

    def crc32(self, key: str) -> int:
        """Read it all for its checksum, the first time: an object never changes."""
        found = self._checksums.get(key)
        if found is None:
            found = 0
            with _translated():
                store = self._opened()
                size = obstore.head(store, key)["size"]
                for start in range(0, size, DIGEST_BLOCK_BYTES):
                    end = min(start + DIGEST_BLOCK_BYTES, size)
                    block = memoryview(obstore.get_range(store, key, start=start, end=end))
                    found = zlib.crc32(block, found)
            if len(self._checksums) >= CHECKSUMS_MAX:
                self._checksums.clear()
            self._checksums[key] = found
        return found

    def source(self, key: str) -> "FileSource | ObjectSource":
        """Return an object to be read, block by block; to be closed."""
        with _translated():
            store = self._opened()
            if isinstance(store, S3Store):
                return ObjectSource(store, key)
            obstore.head(store, key)  # refuses a key that leads out of the directory
            return FileSource(Path(store.prefix or "/") / key, self._readers)

    def check(self) -> None:
        """Raise ObjectStoreUnavailable where the store as a whole is away. For readiness."""
        with _translated():
            next(iter(obstore.list(self._opened(), chunk_size=1)), None)

    def close(self) -> None:
        self._readers.shutdown(wait=False)

    def _opened(self) -> LocalStore | S3Store:
        if self._directory is not None and not self._directory.is_dir():
            # Otherwise every object would merely seem to be missing.
            raise ObjectStoreUnavailable("The release store is not there.")
        if self._store is None:
            self._store = (
                LocalStore(self._directory)
                if self._directory is not None
                else _bucket(self._where, self._credentials_file)
            )
        return self._store


def _bucket(where: str, credentials_file: Path | None) -> S3Store:
    """Open the bucket; a file of credentials that cannot be used is a store that is away."""
    try:
        store = bucket(where, credentials_file)
    except ValueError as error:
        raise ObjectStoreUnavailable("The release store's credentials cannot be read.") from error
    if not isinstance(store, S3Store):
        raise TypeError("the release store is a directory, or s3://bucket/prefix")
    return store


class ObjectSource:
    """An object in a bucket. obstore's own threads read it, not the event loop."""

    block_bytes = 4 * MEBIBYTE
    """Large, since each block is a request."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._store = store
        self._key = key

    async def read(self, offset: int, length: int) -> memoryview:
        with _translated():
            found = await obstore.get_range_async(
                self._store, self._key, start=offset, length=length
            )
        return memoryview(found)

    def close(self) -> None:
        """Nothing is kept open."""


class FileSource:
    """A file of a directory: what is in memory is copied at once, the rest read by a thread.

    A mebibyte at once stays in the processor's own cache until it is sent; handing each to a
    thread, in blocks that do not, cost a third of the sender's time.
    """

    block_bytes = MEBIBYTE

    def __init__(self, path: Path, readers: ThreadPoolExecutor) -> None:
        self._path = path
        self._readers = readers
        self._opening: Future[int] | None = None
        self._reading: Future[bytes] | None = None

    async def read(self, offset: int, length: int) -> memoryview:
        with _translated():
            if self._opening is None:
                flags = os.O_RDONLY | os.O_CLOEXEC
                self._opening = self._readers.submit(os.open, self._path, flags)
                await asyncio.wrap_future(self._opening)
            file = self._opening.result()
            block = bytearray(length)
            if _read_at_once(file, block, offset) == length:
                return memoryview(block)
            self._reading = self._readers.submit(os.pread, file, length, offset)
            found = await asyncio.wrap_future(self._reading)
        return memoryview(found)

    def close(self) -> None:
        """Close the file, once no thread opens it or reads in it any more."""
        opening = self._opening
        if opening is not None:
            last = self._reading or opening
            last.add_done_callback(lambda _: _close(opening))


def _close(opening: Future[int]) -> None:
    with suppress(OSError, CancelledError):  # it was never opened
        os.close(opening.result())


def _read_at_once(file: int, block: bytearray, offset: int) -> int:
    """How much of the block was in memory; 0 also where the file system cannot tell."""
    if _AT_ONCE is None:
        return 0
    with suppress(BlockingIOError, NotImplementedError, OSError):
        return os.preadv(file, [block], offset, _AT_ONCE)
    return 0


@contextmanager
def _translated() -> Iterator[None]:
    """What obstore and the system say may quote paths: it stays in the cause."""
    try:
        yield
    except (FileNotFoundError, ValueError) as error:
        raise ObjectMissing("The object is not in the release store.") from error
    except (BaseError, OSError) as error:
        raise ObjectStoreUnavailable("The release store does not answer.") from error
