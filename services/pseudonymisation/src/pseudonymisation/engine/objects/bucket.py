"""Sealed objects in a bucket that obstore reaches.

The engine never reaches the bucket. Its own way there leaves a named object behind a write that
failed, and a locked session can be led to another host by what stands in a path (docs/adr/0077).
So what it reads is fetched into the scratch first, sealed as it is, and what it wrote there is
sent when it is whole.
"""

import io
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError

from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.objects.sealed import ByteSink, ByteSource
from pseudonymisation.engine.objects.store import AWAY, AtHand, Objects, relative

if TYPE_CHECKING:
    from obstore import ReadableFile, WritableFile
    from obstore.store import ObjectStore

BLOCK_BYTES: Final = 8 << 20
"""Of a request: one may last half a minute and no longer."""
REQUESTS_MAX: Final = 4
"""In parallel, of an object that is fetched."""


class BucketObjects(Objects):
    """Objects of a bucket, below the prefix that the store was opened with."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def check(self) -> None:
        with _answered():
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    @contextmanager
    def created(self, key: str) -> Iterator[ByteSink]:
        with _answered():
            # Left open by an error, the upload is never completed and has no name.
            writer = obstore.open_writer(
                self._store, str(relative(key)), buffer_size=BLOCK_BYTES, max_concurrency=1
            )
        yield _Written(writer)
        with _answered():
            writer.close()

    @contextmanager
    def stored(self, key: str) -> Iterator[ByteSource]:
        with _answered():
            reader = obstore.open_reader(self._store, str(relative(key)), buffer_size=BLOCK_BYTES)
        yield _Stored(reader)

    @contextmanager
    def made(self, key: str, scratch: Path) -> Iterator[Path]:
        name = relative(key).name
        with tempfile.TemporaryDirectory(prefix="made-", dir=scratch) as place:
            path = Path(place) / name
            self.check()
            yield path
            if path.exists():
                with path.open("rb") as file, self.created(key) as target:
                    while block := file.read(BLOCK_BYTES):
                        target.write(block)

    @contextmanager
    def at_hand(self, scratch: Path) -> Iterator[AtHand]:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (
            tempfile.TemporaryDirectory(prefix="at-hand-", dir=scratch) as place,
            ThreadPoolExecutor(REQUESTS_MAX, "landing-store") as readers,
        ):
            yield _Fetched(self._store, Path(place), readers)

    def delete(self, key: str) -> None:
        with _answered(), suppress(FileNotFoundError):
            obstore.delete(self._store, str(relative(key)))

    def keys(self, prefix: str, *, older_than: float) -> Iterator[str]:
        with _answered():
            found = [entry for page in obstore.list(self._store, prefix=prefix) for entry in page]
        for entry in sorted(found, key=lambda one: one["path"]):
            if entry["last_modified"].timestamp() < older_than:
                yield entry["path"]


class _Fetched:
    """Objects in the scratch, each fetched when it is first asked for."""

    def __init__(self, store: "ObjectStore", place: Path, readers: ThreadPoolExecutor) -> None:
        self._store = store
        self._place = place
        self._readers = readers
        self._paths: dict[str, Path] = {}

    def path(self, key: str) -> Path:
        if key not in self._paths:
            path = self._place / f"{len(self._paths)}-{relative(key).name}"
            with _answered(), suppress(FileNotFoundError):
                self._fetch(key, path)
            self._paths[key] = path
        return self._paths[key]

    def _fetch(self, key: str, path: Path) -> None:
        size = obstore.head(self._store, key)["size"]
        starts = iter(range(0, size, BLOCK_BYTES))
        waiting: deque[Future[obstore.Bytes]] = deque()
        with path.open("xb") as file:
            while True:
                while len(waiting) < REQUESTS_MAX and (start := next(starts, None)) is not None:
                    end = min(start + BLOCK_BYTES, size)
                    waiting.append(
                        self._readers.submit(
                            obstore.get_range, self._store, key, start=start, end=end
                        )
                    )
                if not waiting:
                    return
                file.write(waiting.popleft().result())


class _Written:
    """An upload as a sink. It is completed by who opened it, and by nothing else."""

    def __init__(self, writer: "WritableFile") -> None:
        self._writer = writer

    def write(self, data: bytes, /) -> None:
        with _answered():
            self._writer.write(data)


class _Stored:
    """An object to be read anywhere in it."""

    def __init__(self, reader: "ReadableFile") -> None:
        self._reader = reader

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with _answered():
            return self._reader.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        parts, wanted = [], size
        with _answered():
            while wanted and (part := bytes(self._reader.read(None if size < 0 else wanted))):
                parts.append(part)  # a read ends where a request did
                wanted -= len(part) if size >= 0 else 0
        return b"".join(parts)


@contextmanager
def _answered() -> Iterator[None]:
    """What obstore says may quote paths and addresses: it stays in the cause."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise ObjectStoreUnavailable(AWAY) from error
