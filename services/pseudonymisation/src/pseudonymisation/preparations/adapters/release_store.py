"""The release store: a directory, or a bucket, of closed objects under keys of ours.

Both ways an object has its name only once all of it is there: a directory renames a finished
file, a bucket completes a multipart upload. Dissemination reads; only this service writes, and
reads: where somebody's right of access asks for it (docs/adr/0120), and what a change set leads
from.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from common.files import sync_directory
from pseudonymisation.preparations.domain.errors import ReleaseStoreUnavailable
from pseudonymisation.preparations.use_cases.ports import StoredObject

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import ObjectStore

CHUNK_BYTES: Final = 1_048_576
UNFINISHED: Final = ".part"
DIRECTORIES_MADE_MAX: Final = 10


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


class DirectoryStore:
    """Objects are files under a directory that must be there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, key: str, source: Path, *, halfway: Callable[[], None]) -> StoredObject:
        """See `use_cases.ports.ReleaseStore.put`."""
        path = self._path(key)
        unfinished = path.with_name(path.name + UNFINISHED)
        with _translated():
            if not self._directory.is_dir():
                raise ReleaseStoreUnavailable("The release store cannot be reached.")
            try:
                with _opened(unfinished) as file:

                    def in_the_middle() -> None:
                        file.flush()
                        halfway()

                    stored = _copy(source, file, in_the_middle)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)
            for directory in (path.parent, path.parent.parent, path.parent.parent.parent):
                sync_directory(directory)
        return stored

    def keys(self, prefix: str) -> Iterator[str]:
        with _translated():
            if not self._directory.is_dir():
                raise ReleaseStoreUnavailable("The release store cannot be reached.")
            walk = os.walk(self._directory / prefix, onerror=_unless_gone)
            found = (Path(at, name) for at, _, names in walk for name in names)
            yield from sorted(path.relative_to(self._directory).as_posix() for path in found)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _translated():
            path.unlink(missing_ok=True)
            for parent in (path.parent, path.parent.parent):
                if parent != self._directory:
                    with suppress(OSError):  # something lies in it, or it has gone
                        parent.rmdir()

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO | None]:
        """See `use_cases.ports.ReleaseStore.opened`."""
        path = self._path(key)
        with _translated():
            if not self._directory.is_dir():
                raise ReleaseStoreUnavailable("The release store cannot be reached.")
            if not path.is_file():
                yield None
                return
            with path.open("rb") as file:
                yield file

    def _path(self, key: str) -> Path:
        return self._directory / _checked(key)


class BucketStore:
    """Objects are in a bucket that obstore reaches: S3, or another of its stores.

    obstore is imported where there is one: the embedded default does without.
    """

    def __init__(self, store: "ObjectStore") -> None:
        import obstore

        self._obstore = obstore
        self._store = store

    def put(self, key: str, source: Path, *, halfway: Callable[[], None]) -> StoredObject:
        """See `use_cases.ports.ReleaseStore.put`."""
        with self._reached():
            # Left open by an error, the upload is never completed and has no name.
            writer = self._obstore.open_writer(self._store, _checked(key))
            stored = _copy(source, writer, halfway)
            writer.close()
        return stored

    def keys(self, prefix: str) -> Iterator[str]:
        with self._reached():
            for page in self._obstore.list(self._store, prefix=prefix):
                yield from (entry["path"] for entry in page)

    def delete(self, key: str) -> None:
        with self._reached():
            self._obstore.delete(self._store, _checked(key))

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO | None]:
        """See `use_cases.ports.ReleaseStore.opened`."""
        with self._reached():
            try:
                reader = self._obstore.open_reader(self._store, _checked(key))
            except FileNotFoundError:
                yield None
                return
            with io.BufferedReader(_Ranges(reader), buffer_size=CHUNK_BYTES) as file:
                yield file

    def _reached(self) -> AbstractContextManager[None]:
        return _translated(self._obstore.exceptions.BaseError)


class _Ranges(io.RawIOBase):
    """An object of a bucket, read where it is asked for."""

    def __init__(self, reader: "ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: Any, /) -> int:
        read = bytes(self._reader.read(len(buffer)))
        buffer[: len(read)] = read
        return len(read)


def release_store(where: str, credentials_file: Path | None = None) -> DirectoryStore | BucketStore:
    """Open the store that a setting names: a URL such as `s3://bucket/prefix`, or a directory."""
    if "://" not in where:
        return DirectoryStore(Path(where))
    from common.buckets import bucket

    return BucketStore(bucket(where, credentials_file))


def _unless_gone(error: OSError) -> None:
    """Raise; but below the store directories come and go."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _opened(path: Path) -> BinaryIO:
    """Make a file, and its directories, which a sweep may take for empty ones meanwhile."""
    for _ in range(DIRECTORIES_MADE_MAX):
        with suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    raise ReleaseStoreUnavailable("The release store cannot be written.")


def _copy(source: Path, sink: _Sink, halfway: Callable[[], None]) -> StoredObject:
    size = source.stat().st_size
    digest = hashlib.sha256()
    written, told = 0, False
    with source.open("rb") as file:
        # At least two chunks, so that there is a middle.
        while chunk := file.read(min(CHUNK_BYTES, size // 2 + 1)):
            sink.write(chunk)
            digest.update(chunk)
            written += len(chunk)
            if not told and 2 * written >= size:
                told = True
                halfway()
    return StoredObject(written, f"sha256:{digest.hexdigest()}")


def _checked(key: str) -> str:
    path = PurePosixPath(key)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("an object's key does not lead out of the store")
    return key


@contextmanager
def _translated(more: type[Exception] = OSError) -> Iterator[None]:
    try:
        yield
    except (OSError, more):
        raise ReleaseStoreUnavailable("The release store cannot be read or written.") from None
