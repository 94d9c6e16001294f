"""The release store: objects that the safe haven wrote, and that are only read here."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from dissemination.domain.errors import ObjectMissing, StoreUnavailable

BLOCK_BYTES = 4_194_304
S3_SCHEME = "s3://"


class ObstoreReleases:
    """A directory or a bucket; nothing here can write.

    It is opened at the first use, so that the service starts, and says why it cannot
    deliver, while the store is away.
    """

    def __init__(self, where: str) -> None:
        """`where`: a directory, or `s3://bucket/prefix` with credentials from the environment."""
        self._where = where
        self._directory = None if where.startswith(S3_SCHEME) else Path(where).absolute()
        self._store: LocalStore | S3Store | None = None

    def size(self, key: str) -> int:
        with self._translated():
            return obstore.head(self._opened(), key)["size"]

    def digest(self, key: str) -> tuple[int, str]:
        """Read it all, a block at a time: its size and digest."""
        hasher = hashlib.sha256()
        size = 0
        with self._translated():
            for block in obstore.get(self._opened(), key).stream(min_chunk_size=BLOCK_BYTES):
                hasher.update(block)
                size += len(block)
        return size, f"sha256:{hasher.hexdigest()}"

    async def read(self, key: str, offset: int, length: int) -> memoryview:
        """One block, for the door. obstore's own threads read it, not the event loop."""
        with self._translated():
            found = await obstore.get_range_async(self._opened(), key, start=offset, length=length)
        return memoryview(found)

    def check(self) -> None:
        """Raise StoreUnavailable where the store as a whole is away. For readiness."""
        with self._translated():
            next(iter(obstore.list(self._opened(), chunk_size=1)), None)

    def _opened(self) -> LocalStore | S3Store:
        if self._directory is not None and not self._directory.is_dir():
            # Otherwise every object would merely seem to be missing.
            raise StoreUnavailable("The release store is not there.")
        if self._store is None:
            self._store = (
                LocalStore(self._directory)
                if self._directory is not None
                else S3Store.from_url(self._where)
            )
        return self._store

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What obstore says may quote paths: it stays in the cause."""
        try:
            yield
        except (FileNotFoundError, ValueError) as error:
            raise ObjectMissing("The object is not in the release store.") from error
        except (BaseError, OSError) as error:
            raise StoreUnavailable("The release store does not answer.") from error
