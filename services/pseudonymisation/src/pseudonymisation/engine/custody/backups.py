"""Backups of the key store, which nobody opens alone, and nobody at all after a stated day.

A period has a key pair. Every backup of the period is sealed under its public half (HPKE, RFC
9180: X25519, HKDF-SHA256, AES-256-GCM), so that a machine makes backups and opens none. The
private half is split into three parts, all of which are needed (their XOR): two are given to two
custodians and kept nowhere, the third lies beside the backups. On the period's last day the third
part is overwritten, and what custodians may still hold opens nothing.

Keys are in a backup as they are, not as the key-encryption key wrapped them: it comes back where
that is lost as well, and a key-encryption key that was destroyed opens no old backup.
"""

import base64
import binascii
import hmac
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from common.errors import KeyUnavailable
from common.files import sync_directory, write_private
from pseudonymisation.engine.errors import KeyBackupGone, KeyExists, KeyPartsWrong

PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
PART_BYTES: Final = 32
ENDING: Final = ".backup"
GONE: Final = "destroyed"
KEY_FILE: Final = "period.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A key in a backup."""

    key: bytes
    state: str


class KeySource(Protocol):
    """What is backed up."""

    def export(self) -> Iterator[tuple[str, bytes, str]]:
        """Name, key and state of each. Raise KeyUnavailable."""

    def mark(self, what: bytes) -> bytes:
        """Return what only who has the haven's own key can make of it. Raise KeyUnavailable."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What is known of one without opening it."""

    path: Path
    period: str
    made_at: datetime
    names: Sequence[str]
    destroy_on: date


@dataclass(frozen=True, slots=True)
class KeyPart:
    """What one custodian is given; alone it is a random number."""

    period: str
    custodian: str
    secret: bytes

    def written(self) -> str:
        return json.dumps(
            {
                "what": "a part of the key of a period's backups; keep it apart from the other",
                "period": self.period,
                "custodian": self.custodian,
                "part": _text(self.secret),
            },
            indent=2,
        )

    @classmethod
    def read(cls, path: Path) -> "KeyPart":
        """Raise KeyPartsWrong where the file is none."""
        try:
            document = json.loads(path.read_text("ascii"))
            secret = base64.b64decode(document["part"], validate=True)
            part = cls(str(document["period"]), str(document["custodian"]), secret)
        except (OSError, ValueError, KeyError, TypeError):
            raise KeyPartsWrong(f"{path} is no part of a backup key.") from None
        if len(part.secret) != PART_BYTES:
            raise KeyPartsWrong(f"{path} is no part of a backup key.")
        return part


class Backups:
    """A directory with a folder a period."""

    def __init__(self, directory: Path, *, keep: timedelta) -> None:
        """Backups of a period are destroyed so long after its last day."""
        self._directory = directory
        self._keep = keep

    def begin(
        self,
        period: str,
        custodians: Sequence[str],
        source: KeySource,
        deliver: Callable[[KeyPart], None],
    ) -> None:
        """Make the key of a period; `deliver` gives two custodians their parts, kept nowhere else.

        They have them before the period is begun: one whose parts were lost on the way would take
        backups that nobody opens. What `deliver` raises leaves no period.

        Raises:
            KeyUnavailable: the directory, or the haven's own key, is away
            KeyExists: the period has a key, or had one

        """
        first, second = custodians
        self.require_new(period)
        folder = self._folder(period)
        private = X25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        ours, *theirs = _split(private.private_bytes_raw(), 3)
        destroy_on = self.destroy_on(period).isoformat()
        text = json.dumps(
            {
                "period": period,
                "public_key": _text(public),
                "destroy_on": destroy_on,
                "part": _text(ours),
                "mark": _text(source.mark(_begun(period, destroy_on, public))),
            }
        )
        for name, part in zip((first, second), theirs, strict=True):
            deliver(KeyPart(period, name, part))
        with _there(self._directory):
            staged = folder.with_name(f".{period}")
            shutil.rmtree(staged, ignore_errors=True)  # of one that was cut off
            staged.mkdir(mode=0o700)
            write_private(staged / KEY_FILE, text)
            staged.rename(folder)
            sync_directory(self._directory)

    def require_new(self, period: str) -> None:
        """Raise KeyExists where the period has a key or had one, KeyUnavailable with none of it."""
        folder = self._folder(period)
        with _there(self._directory):
            if folder.exists() and any(folder.iterdir()):
                raise KeyExists(f"Backups of {period} were begun already; begin another month.")

    def current(self) -> str:
        """Return the newest period that has a key. Raise KeyUnavailable where there is none."""
        found = self._periods()
        if not found:
            raise KeyUnavailable(
                "No period of backups was begun; two custodians begin one (begin-backups)."
            )
        return found[-1]

    def make(self, source: KeySource, now: datetime) -> Backup:
        """Seal all keys that are there under the newest period's key.

        Raises:
            KeyUnavailable: keys or directory are away, or the period's key was not made by who has
                the haven's own: who may write beside the backups would have made one that they open

        """
        period = self.current()
        header = self._header(period)
        public_key = _bytes(header["public_key"])
        mark = source.mark(_begun(period, str(header["destroy_on"]), public_key))
        if not hmac.compare_digest(mark, _bytes(header.get("mark", ""))):
            raise KeyUnavailable(
                f"The key of the backups of {period} is not one that this haven made, or is of an"
                " earlier version: nothing is sealed under it. Two custodians begin another month."
            )
        made_at = now.astimezone(UTC).replace(microsecond=0)
        kept = {name: [_text(key), state] for name, key, state in source.export()}
        public = X25519PublicKey.from_public_bytes(public_key)
        clear = json.dumps(kept).encode()
        sealed = SUITE.encrypt(clear, public, info=_bound(period, made_at))
        document = {
            "period": period,
            "made_at": made_at.isoformat(),
            "names": sorted(kept),
            "sealed": _text(sealed),
        }
        name = f"{made_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}{ENDING}"
        path = self._folder(period) / name
        with _there(self._directory):
            write_private(path, json.dumps(document))
        return self._told(path)

    def all(self) -> Sequence[Backup]:
        """Return the backups that can be opened yet, the oldest first. Raise KeyUnavailable."""
        return self._sorted_out()[0]

    def unreadable(self) -> Sequence[Path]:
        """Return the files that are no backups any more, as a cut-off copy. They stop no others.

        Raises:
            KeyUnavailable

        """
        return self._sorted_out()[1]

    def find(self, name: str) -> Path | None:
        """Return where the backup of a file name is, whether or not it can be opened.

        Raises:
            KeyUnavailable

        """
        with _there(self._directory):
            found = (path for path in self._directory.glob(f"*/*{ENDING}") if path.name == name)
            return next(found, None)

    def _sorted_out(self) -> tuple[Sequence[Backup], Sequence[Path]]:
        readable, unreadable = [], []
        with _there(self._directory):
            found = sorted(self._directory.glob(f"*/*{ENDING}"))
        for path in found:
            try:
                readable.append(self._told(path))
            except KeyBackupGone:
                continue  # a copy of one that nobody opens
            except KeyUnavailable:
                unreadable.append(path)
        return readable, unreadable

    def _periods(self) -> Sequence[str]:
        with _there(self._directory):
            found = (path.parent.name for path in self._directory.glob(f"*/{KEY_FILE}"))
            return sorted(name for name in found if PERIOD.fullmatch(name))

    def open(self, path: Path, parts: Sequence[KeyPart]) -> Mapping[str, Kept]:
        """Return what is in a backup, by the parts of both custodians.

        Raises:
            KeyBackupGone: its period's key was destroyed
            KeyPartsWrong: they are not both parts of that key
            KeyUnavailable: it cannot be read, or is not what was written

        """
        told = self._told(path)
        header = self._header(told.period)
        # Both are of that period and each is another's: the same one twice would cancel out.
        if len({part.secret for part in parts}) != 2 or any(
            part.period != told.period for part in parts
        ):
            raise KeyPartsWrong(f"Two different parts of the key of {told.period} are needed.")
        secret = _joined([_bytes(header["part"]), *(part.secret for part in parts)])
        private = X25519PrivateKey.from_private_bytes(secret)
        if private.public_key().public_bytes_raw() != _bytes(header["public_key"]):
            raise KeyPartsWrong(f"These are not the parts of the key of {told.period}.")
        document = _json(path)
        try:
            clear = SUITE.decrypt(
                _bytes(document["sealed"]), private, info=_bound(told.period, told.made_at)
            )
            kept: Mapping[str, Sequence[str]] = json.loads(clear)
            return {name: Kept(_bytes(key), state) for name, (key, state) in kept.items()}
        except (InvalidTag, KeyError, ValueError, TypeError, AttributeError):
            raise KeyUnavailable("The backup is not what was written.") from None

    def due(self, today: date) -> Sequence[str]:
        """Return the periods whose backups are to be destroyed by now, the oldest first."""
        return [period for period in self._periods() if today >= self._stated(period)]

    def _stated(self, period: str) -> date:
        """When it was said to be destroyed; where that cannot be read, when it would be now."""
        try:
            return date.fromisoformat(str(_json(self._folder(period) / KEY_FILE)["destroy_on"]))
        except (KeyUnavailable, KeyError, ValueError):
            return self.destroy_on(period)

    def destroy_due(self, today: date) -> Sequence[str]:
        """Destroy the periods whose day has come: the key's part first, then what it sealed."""
        destroyed = self.due(today)
        with _there(self._directory):
            for period in destroyed:
                folder = self._folder(period)
                (folder / GONE).write_text(today.isoformat(), encoding="ascii")
                _overwrite(folder / KEY_FILE)
            for gone in self._directory.glob(f"*/{GONE}"):
                for path in (*gone.parent.glob(KEY_FILE), *gone.parent.glob(f"*{ENDING}")):
                    _overwrite(path)
                sync_directory(gone.parent)
        return destroyed

    def destroy_on(self, period: str) -> date:
        """Return the day on which backups of a period are destroyed."""
        year, month = map(int, period.split("-"))
        following = date(year + month // 12, month % 12 + 1, 1)
        return following + self._keep

    def _folder(self, period: str) -> Path:
        if PERIOD.fullmatch(period) is None:
            raise ValueError("a period is a month, as 2026-11")
        return self._directory / period

    def _header(self, period: str) -> Mapping[str, Any]:
        folder = self._folder(period)
        if (folder / GONE).exists():
            raise KeyBackupGone(f"The key of the backups of {period} was destroyed.")
        header = _json(folder / KEY_FILE)
        if not {"public_key", "destroy_on", "part"} <= header.keys():
            raise KeyUnavailable(f"{folder / KEY_FILE} cannot be read.")
        return header

    def _told(self, path: Path) -> Backup:
        document = _json(path)
        try:
            period = str(document["period"])
            if period != path.parent.name:
                raise KeyUnavailable(f"{path} is a backup of another month than its folder.")
            header = self._header(period)
            return Backup(
                path,
                period,
                datetime.fromisoformat(document["made_at"]),
                tuple(map(str, document["names"])),
                date.fromisoformat(header["destroy_on"]),
            )
        except (KeyError, ValueError, TypeError):
            raise KeyUnavailable(f"{path} is no backup of keys.") from None


def _begun(period: str, destroy_on: str, public_key: bytes) -> bytes:
    return f"dsfc/key-backups/1/{period}/{destroy_on}/".encode() + public_key


def _bound(period: str, made_at: datetime) -> bytes:
    return f"dsfc/key-backup/1/{period}/{made_at.isoformat()}".encode()


def _split(secret: bytes, count: int) -> Sequence[bytes]:
    parts = [secrets.token_bytes(len(secret)) for _ in range(count - 1)]
    return [*parts, _joined([secret, *parts])]


def _joined(parts: Sequence[bytes]) -> bytes:
    return reduce(lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True)), parts)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error:
        raise KeyUnavailable("A backup of keys cannot be read.") from None


def _json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise KeyUnavailable(f"{path} cannot be read.") from None
    if not isinstance(document, dict):
        raise KeyUnavailable(f"{path} cannot be read.")
    return document


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


@contextmanager
def _there(directory: Path) -> Iterator[None]:
    if not directory.is_dir():
        raise KeyUnavailable("The directory of key backups cannot be reached.")
    try:
        yield
    except OSError:
        raise KeyUnavailable("The directory of key backups cannot be read or written.") from None
