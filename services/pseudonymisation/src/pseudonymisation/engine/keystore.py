"""Keys at rest: wrapped, in a directory of their own, never in a database (design.md section 7).

The key-encryption key comes from outside: a file in development, a mounted secret in production.
What has to be there is told by a ledger on another disk (`engine.custody`), so that a store that is
gone, or an older one, is not taken for a new one.
Only the wrapping has versions; a key itself is never changed in place, because all that was
made with it would no longer be equal. A key that was destroyed leaves a tombstone and never
comes back under its name; a key that was closed makes nothing new.

Nothing is cached: with the store or the key-encryption key away, the answer is no at once.
"""

import base64
import fcntl
import hmac
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import KeyUnavailable
from common.files import sync_directory
from pseudonymisation.engine.custody.ledger import Ledger, Said, Word, names_made
from pseudonymisation.engine.custody.wrapping import KEY_BYTES, FileWrapping, Wrapped, Wrapping
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed, KeyExists, KeyLost
from pseudonymisation.engine.sealing import HAVEN, PERSON

__all__ = [
    "FileWrapping",
    "KeyClosed",
    "KeyDestroyed",
    "KeyExists",
    "KeyStore",
    "KeyUnavailable",
    "Wrapping",
    "generate_key_encryption_key",
]

LASTING: Final = (HAVEN, "domain/")
"""Keys that the ledger is told of when they are made: without them there would be other tokens."""
NAME: Final = re.compile(r"^[a-z0-9_]+(/[a-z0-9_-]{1,128}){1,3}$")


class KeyState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


def generate_key_encryption_key(path: Path) -> None:
    """Make the file of a development's key-encryption key, if there is none.

    Raises:
        FileExistsError: never; a file that is there stays as it is

    """
    if path.exists():
        return  # also where its folder is read only, as a mounted secret's is
    line = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with _staged(path, line) as staged:
        try:
            os.link(staged, path)
        except FileExistsError:
            return
    sync_directory(path.parent)


class KeyStore:
    """A directory of wrapped keys, one file a key. Safe for several processes at once."""

    def __init__(
        self,
        directory: Path,
        wrapping: Wrapping,
        *,
        ledger: Ledger | None = None,
        is_by_order: bool = False,
    ) -> None:
        """`is_by_order`: the haven's own keys are made by two custodians, and by nobody else."""
        self._directory = directory
        self._wrapping = wrapping
        self._ledger = ledger
        self._is_by_order = is_by_order

    def create(self, name: str) -> bytes:
        """Make a random key of 256 bits, durable before it is returned.

        Raises:
            KeyExists, KeyDestroyed, KeyLost, KeyUnavailable

        """
        path = self._path(name)
        if not path.exists():
            self._require_whole()
            if name.startswith(LASTING):
                self.require_new(name)
        key = secrets.token_bytes(KEY_BYTES)
        self._link(name, key, KeyState.OPEN)
        self._tell(Word.MADE, name)
        return key

    def restore(self, name: str, key: bytes, state: str) -> bool:
        """Put back a key that is not there, wrapped anew; return whether it was put back.

        One that was destroyed since stays destroyed, one that was closed since is closed.

        Raises:
            KeyUnavailable

        """
        path = self._path(name)
        said = self._said(name)
        with self._there():
            if path.exists() or _tombstone(path).exists():
                return False
        if said is not None and said.word is Word.DESTROYED:
            return False
        is_closed = said is not None and said.word is Word.CLOSED
        self._link(name, key, KeyState.CLOSED if is_closed else KeyState(state))
        return True

    def export(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield name, key and state of each key; the ledger is told of those that it lacks.

        Raises:
            KeyUnavailable

        """
        told = {} if self._ledger is None else self._ledger.told()
        for path in self._records():
            name = self._name(path)
            try:
                key, state = self._read(name)
            except KeyDestroyed:
                continue  # meanwhile
            if name not in told and name.startswith(LASTING):
                self._tell(Word.CLOSED if state is KeyState.CLOSED else Word.MADE, name)
            yield name, key, state

    def missing(self) -> Sequence[str]:
        """Name the keys that the ledger knows of and that are not there. Raise KeyUnavailable."""
        if self._ledger is None:
            return []
        return sorted(n for n in names_made(self._ledger.told()) if not self._is_there(n))

    def has(self, name: str) -> bool:
        """Whether the key is there. Raise KeyUnavailable where the store is away."""
        with self._there():
            return self._path(name).exists()

    def names(self) -> Sequence[str]:
        """Name the keys that are there. Raise KeyUnavailable where the store is away."""
        return [self._name(path) for path in self._records()]

    def require_new(self, name: str) -> None:
        """Raise KeyDestroyed or KeyLost where there was a key of that name."""
        said = self._said(name)
        if said is None:
            return
        if said.word is Word.DESTROYED:
            raise KeyDestroyed(f"The key {name} was destroyed and cannot be made again.")
        raise KeyLost(
            f"The key {name} was made once and is not in the key store, which is gone or an older"
            " one: restore it from a backup (docs/key-custody.md)."
        )

    def _require_whole(self) -> None:
        """Make nothing at all in an empty store that is not a new one.

        Nor under a key-encryption key that is not the one of this store: what was made would be
        lost once the right one is back.
        """
        if self.has(PERSON):
            self._read(PERSON)
            return
        said = self._said(PERSON)
        if said is not None and said.word is not Word.DESTROYED:
            self.require_new(PERSON)

    def mark(self, what: bytes) -> bytes:
        """Return what only who has the haven's own key can make of it, 32 bytes.

        Raises:
            KeyClosed, KeyDestroyed, KeyUnavailable

        """
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"dsfc/mark/1").derive(self.get(PERSON))
        return hmac.digest(derived, what, "sha256")

    def unreadable(self, names: Iterable[str]) -> Sequence[str]:
        """Name the keys that are there and cannot be opened. Raise KeyUnavailable if all away."""
        return [name for name in names if self.has(name) and not self._opens(name)]

    def _opens(self, name: str) -> bool:
        try:
            self._read(name)
        except KeyDestroyed:
            return True  # meanwhile; it is not to be opened
        except KeyUnavailable:
            return False
        return True

    def described(self) -> Iterator[tuple[str, str, int]]:
        """Yield name, state and version of the wrapping of each key; none is opened.

        Raises:
            KeyUnavailable

        """
        for path in self._records():
            with self._there():
                try:
                    record = json.loads(path.read_text())
                    state, version = KeyState(record["state"]), int(record["version"])
                except FileNotFoundError:
                    continue  # meanwhile
                except (ValueError, KeyError, TypeError):
                    yield self._name(path), "unreadable", 0
                    continue
            yield self._name(path), state, version

    def _said(self, name: str) -> Said | None:
        return None if self._ledger is None else self._ledger.of(name)

    def _tell(self, word: Word, name: str) -> None:
        # Of what does not last only the end is told: no backup must bring it back.
        if self._ledger is not None and (word is Word.DESTROYED or name.startswith(LASTING)):
            self._ledger.say(word, name)

    def _link(self, name: str, key: bytes, state: KeyState) -> None:
        path = self._path(name)
        record = self._record(name, key, state)
        with self._there():
            if _tombstone(path).exists():
                raise KeyDestroyed(f"The key {name} was destroyed and cannot be made again.")
            path.parent.mkdir(parents=True, exist_ok=True)
            with _staged(path, record) as staged:
                try:
                    os.link(staged, path)
                except FileExistsError:
                    raise KeyExists(f"The key {name} already exists.") from None
            sync_directory(path.parent)

    def get(self, name: str) -> bytes:
        """Return a key to make or read something with.

        Raises:
            KeyClosed, KeyDestroyed, KeyUnavailable

        """
        key, state = self._read(name)
        if state is KeyState.CLOSED:
            raise KeyClosed(f"The key {name} is closed.")
        return key

    def get_even_closed(self, name: str) -> bytes:
        """Return a key to read something old with.

        Raises:
            KeyDestroyed, KeyUnavailable

        """
        return self._read(name)[0]

    def find(self, name: str) -> bytes | None:
        """Return a key as `get` does; None where none of that name was made yet.

        Raises:
            KeyClosed, KeyDestroyed, KeyUnavailable

        """
        return self.get(name) if self._is_there(name) else None

    def ensure(self, name: str) -> bytes:
        """Return the key of that name, made now where there was none.

        Raises:
            KeyClosed, KeyDestroyed, KeyUnavailable

        """
        if not self._is_there(name):
            if self._is_by_order and name.startswith(HAVEN):
                self.require_new(name)
                raise KeyUnavailable(
                    f"The key {name} was not made yet: two custodians do (docs/key-custody.md)."
                )
            try:
                return self.create(name)
            except KeyExists:
                pass  # another worker was quicker; theirs it is
        return self.get(name)

    def _is_there(self, name: str) -> bool:
        with self._there():
            path = self._path(name)
            return path.exists() or _tombstone(path).exists()

    def close(self, name: str) -> None:
        """Let a key make nothing new. It stays closed; closing it again changes nothing.

        Raises:
            KeyDestroyed, KeyUnavailable

        """
        with self._alone():
            key, state = self._read(name)
            if state is KeyState.OPEN:
                self._tell(Word.CLOSED, name)
                self._overwrite(name, self._record(name, key, KeyState.CLOSED))

    def ensure_closed(self, name: str) -> None:
        """Close a key, made for that where there was none: then it never makes anything.

        Raises:
            KeyUnavailable

        """
        try:
            self.ensure(name)
            self.close(name)
        except (KeyClosed, KeyDestroyed):
            return

    def destroy(self, name: str) -> None:
        """Destroy a key, and all that only it opens. Destroying it again changes nothing.

        Raises:
            KeyUnavailable

        """
        path = self._path(name)
        with self._alone(), self._there():
            # First where a backup would be compared with it: it must not bring it back.
            if not _tombstone(path).exists():
                self._tell(Word.DESTROYED, name)
            tombstone = _tombstone(path)
            tombstone.parent.mkdir(parents=True, exist_ok=True)
            tombstone.touch()
            sync_directory(tombstone.parent)
            if path.exists():
                # What the wrapping was is overwritten first, as far as the file system lets us.
                with path.open("r+b") as file:
                    file.write(secrets.token_bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
            sync_directory(path.parent)

    def rewrap(self) -> int:
        """Wrap every key under the newest key-encryption key; return how many were changed.

        One that is closed or destroyed meanwhile stays so: each is read and written alone.

        Raises:
            KeyUnavailable

        """
        changed, newest = 0, self.newest_version()
        for path in self._records():
            name = self._name(path)
            with self._alone():
                if self._version(path) in {None, newest}:
                    continue
                key, state = self._read(name)
                self._overwrite(name, self._record(name, key, state))
                changed += 1
        return changed

    def newest_version(self) -> int:
        """Return the version of the key-encryption key that wraps now. Raise KeyUnavailable."""
        return self._wrapping.wrap(b"", context=b"").version

    def wrapped_under(self) -> Mapping[int, int]:
        """Count the keys by the version of the key-encryption key that they are wrapped under.

        Raises:
            KeyUnavailable

        """
        versions = map(self._version, self._records())
        return Counter(version for version in versions if version is not None)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._directory)).removesuffix(".key")

    def _records(self) -> list[Path]:
        with self._there():
            return sorted(self._directory.rglob("*.key"))

    def _version(self, path: Path) -> int | None:
        """Return under which version a key is wrapped; None: it was destroyed meanwhile."""
        with self._there():
            try:
                return int(json.loads(path.read_text())["version"])
            except FileNotFoundError:
                return None
            except (ValueError, KeyError, TypeError):
                raise KeyUnavailable(f"The key {self._name(path)} cannot be read.") from None

    def _path(self, name: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise ValueError("the name of a key is not well formed")
        return self._directory / f"{name}.key"

    def _record(self, name: str, key: bytes, state: KeyState) -> str:
        # Name and state are bound to the wrapping: a record moved or reopened by hand is refused.
        wrapped = self._wrapping.wrap(key, context=_context(name, state))
        return json.dumps(
            {
                "state": state,
                "version": wrapped.version,
                "nonce": base64.b64encode(wrapped.nonce).decode(),
                "key": base64.b64encode(wrapped.ciphertext).decode(),
            }
        )

    def _read(self, name: str) -> tuple[bytes, KeyState]:
        path = self._path(name)
        with self._there():
            if _tombstone(path).exists():
                raise KeyDestroyed(f"The key {name} was destroyed.")
            text = path.read_text()
        try:
            record = json.loads(text)
            state = KeyState(record["state"])
            wrapped = Wrapped(
                record["version"],
                base64.b64decode(record["nonce"]),
                base64.b64decode(record["key"]),
            )
        except (ValueError, KeyError, TypeError):
            raise KeyUnavailable(f"The key {name} cannot be read.") from None
        return self._wrapping.unwrap(wrapped, context=_context(name, state)), state

    def _overwrite(self, name: str, record: str) -> None:
        path = self._path(name)
        with self._there(), _staged(path, record) as staged:
            staged.replace(path)
            sync_directory(path.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else change a key that is there: what is overwritten is what was read.

        The directory itself is locked, for all processes of the machine.
        """
        with self._there():
            descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Work in the directory; say that it is away rather than why."""
        try:
            if not self._directory.is_dir():
                raise KeyUnavailable("The key store cannot be reached.")
            yield
        except OSError:
            raise KeyUnavailable("The key store cannot be read or written.") from None


def _context(name: str, state: KeyState) -> bytes:
    return f"dsfc/key/1/{state}/{name}".encode()


def _tombstone(path: Path) -> Path:
    return path.with_suffix(".destroyed")


@contextmanager
def _staged(path: Path, text: str) -> Iterator[Path]:
    """Write a file beside its place, durable, to be linked or moved there."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(staged, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield staged
    finally:
        staged.unlink(missing_ok=True)
