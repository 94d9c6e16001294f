"""Where sealed objects are: a directory here, a bucket in `bucket`.

An object has its name only once all of it is there; what was not finished is no object. The
engine opens files of this machine alone (docs/adr/0077): what it reads is at hand inside
`at_hand`, what it writes becomes an object at the end of `made`.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from common.errors import ObjectStoreUnavailable
from common.files import sync_directory
from pseudonymisation.engine.objects.sealed import (
    ByteSink,
    ByteSource,
    SealedReader,
    SealedWriter,
    reached,
    unsealed,
)

UNFINISHED: Final = ".part"
AWAY: Final = "The object store does not answer; try again."


class AtHand(Protocol):
    """Objects as files of this machine, as they are stored: sealed."""

    def path(self, key: str) -> Path:
        """Say where the file is; of an object that is not in the store it is not there either.

        Raises:
            ObjectStoreUnavailable: where the store cannot be read

        """


class Objects(ABC):
    """A store of sealed objects. Keys are made by the server, never by a caller."""

    @abstractmethod
    def check(self) -> None:
        """Raise ObjectStoreUnavailable where it cannot be used."""

    @abstractmethod
    def created(self, key: str) -> AbstractContextManager[ByteSink]:
        """Write an object's bytes inside the block. Left by an error, there is no object.

        Raises:
            ObjectStoreUnavailable: where it cannot be written

        """

    @abstractmethod
    def stored(self, key: str) -> AbstractContextManager[ByteSource]:
        """Read an object's bytes, anywhere in them, inside the block.

        Raises:
            ObjectStoreUnavailable: where it is not there, or cannot be read

        """

    @abstractmethod
    def made(self, key: str, scratch: Path) -> AbstractContextManager[Path]:
        """Give the path to which an engine writes an object inside the block.

        Left by an error, or with nothing at the path, there is no object. `scratch` is a
        directory of this machine that is there.

        Raises:
            ObjectStoreUnavailable: where it cannot be written; a store that is away is not made

        """

    @abstractmethod
    def at_hand(self, scratch: Path) -> AbstractContextManager[AtHand]:
        """Have objects as files inside the block, below `scratch` where they are elsewhere."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Take an object away, if it is there."""

    @abstractmethod
    def keys(self, prefix: str, *, older_than: float) -> Iterator[str]:
        """List objects under a folder, finished or not, last written before an instant."""

    @contextmanager
    def writer(self, key: str, data_key: bytes) -> Iterator[SealedWriter]:
        """Seal a stream. Left by an error, there is no object.

        Raises:
            ObjectStoreUnavailable: where it cannot be written

        """
        with self.created(key) as file:
            with reached():
                writer = SealedWriter(file, data_key)
            yield writer
            writer.close()

    def read(self, key: str, data_key: bytes) -> Iterator[bytes]:
        """Open an object, a chunk at a time.

        Raises:
            ObjectDamaged: where it is not whole
            ObjectStoreUnavailable: where it cannot be read

        """
        with self.stored(key) as file:
            yield from unsealed(file, data_key)

    @contextmanager
    def opened(self, key: str, data_key: bytes) -> Iterator[SealedReader]:
        """Open an object to be read anywhere in it, inside the block.

        Raises:
            ObjectDamaged: where it is not whole
            ObjectStoreUnavailable: where it cannot be read

        """
        with self.stored(key) as file:
            yield SealedReader(file, data_key)


def landing_store(where: str, credentials_file: Path | None = None) -> Objects:
    """Open the store that a setting names: a directory, or `s3://bucket/prefix`."""
    if "://" not in where:
        return DirectoryObjects(Path(where))
    # Imported where there is one: the embedded default does without.
    from common.buckets import bucket
    from pseudonymisation.engine.objects.bucket import BucketObjects

    return BucketObjects(bucket(where, credentials_file))


def relative(key: str) -> PurePosixPath:
    """Return a key as a path below the store."""
    path = PurePosixPath(key)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("an object's key does not lead out of the store")
    return path


class DirectoryObjects(Objects):
    """Objects are files of a directory that must be there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Say where an object is, which need not be there: `AtHand`."""
        return self.root / relative(key)

    def check(self) -> None:
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise ObjectStoreUnavailable(AWAY)

    @contextmanager
    def created(self, key: str) -> Iterator[ByteSink]:
        with self._named_at_last(key) as unfinished:
            with reached():
                file = unfinished.open("wb")
            with file:
                yield file
                with reached():
                    file.flush()
                    os.fsync(file.fileno())

    @contextmanager
    def stored(self, key: str) -> Iterator[ByteSource]:
        with reached():
            file = self.path(key).open("rb")
        with file:
            yield file

    @contextmanager
    def made(self, key: str, scratch: Path) -> Iterator[Path]:  # noqa: ARG002  it is written here
        with self._named_at_last(key) as unfinished:
            yield unfinished
            with reached():
                if unfinished.exists():
                    with unfinished.open("rb+") as file:
                        os.fsync(file.fileno())

    @contextmanager
    def at_hand(self, scratch: Path) -> Iterator[AtHand]:  # noqa: ARG002  they are here
        yield self

    def delete(self, key: str) -> None:
        with reached():
            for path in (self.path(key), self._unfinished(key)):  # of a writer that was killed
                path.unlink(missing_ok=True)

    def keys(self, prefix: str, *, older_than: float) -> Iterator[str]:
        folder = self.path(prefix)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stat().st_mtime < older_than:
                yield str(path.relative_to(self.root))

    def _unfinished(self, key: str) -> Path:
        path = self.path(key)
        return path.with_name(path.name + UNFINISHED)

    @contextmanager
    def _named_at_last(self, key: str) -> Iterator[Path]:
        """Write beside the name inside the block; what is there at its end takes the name."""
        path, unfinished = self.path(key), self._unfinished(key)
        self.check()
        with reached():
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            with reached():
                if unfinished.exists():
                    unfinished.rename(path)
                    sync_directory(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)
