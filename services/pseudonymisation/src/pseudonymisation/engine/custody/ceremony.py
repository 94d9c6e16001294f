"""Carries out what two custodians ordered: each act with what it would do, before it does it."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from common.errors import KeyUnavailable
from common.files import write_private
from pseudonymisation.engine.custody.backups import Backups, Kept, KeyPart
from pseudonymisation.engine.custody.ledger import Ledger, Said, Word
from pseudonymisation.engine.custody.orders import Action, Order
from pseudonymisation.engine.custody.wrapping import DESTROYED, KEY_BYTES, FileWrapping
from pseudonymisation.engine.errors import (
    KeyDestroyed,
    KeyExists,
    KeyInUse,
    KeyLost,
    KeyOrderRefused,
)
from pseudonymisation.engine.keystore import NAME, KeyState, KeyStore
from pseudonymisation.engine.sealing import HAVEN, haven_keys

ALL_HAVEN_KEYS = "haven"
"""The subject of an order to make all keys of the haven that are not there."""
MONTHS = 12
SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be, in sentences; names of keys and days, no key."""

    told: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """Where keys, backups and the key-encryption key are."""

    store: KeyStore
    backups: Backups
    ledger: Ledger
    key_encryption_key_file: Path
    today: date
    copy_of_it: Path | None = None
    """To be changed in place of a mounted secret."""

    custodians: Sequence[str] = ()
    """Who signed, in the order in which they are given parts."""

    parts: Sequence[KeyPart] = ()
    """What they brought, to restore."""

    deliver: Callable[[KeyPart], None] | None = None
    """Gives a custodian the part that is theirs; it is kept nowhere else."""

    def carry_out(self, order: Order, *, preview: bool) -> Done:
        """Do it, once; or say what it would do, and do nothing.

        Both are refused for the same: a preview is what the act looks at before it acts. One order
        is carried out at a time, whoever carries out another.

        Raises:
            KeyOrderRefused: it was carried out before, or says nothing that can be done
            KeyExists, KeyDestroyed, KeyInUse, KeyBackupGone, KeyPartsWrong, KeyUnavailable

        """
        acts: Mapping[Action, Callable[..., Done]] = {
            Action.CREATE_KEY: self._create,
            Action.DESTROY_KEY: self._destroy,
            Action.ADD_KEY_ENCRYPTION_KEY: self._add_wrapping,
            Action.DESTROY_KEY_ENCRYPTION_KEY: self._destroy_wrapping,
            Action.BEGIN_BACKUPS: self._begin_backups,
            Action.RESTORE: self._restore,
        }
        with nullcontext() if preview else self.ledger.one_order_at_a_time():
            if self.ledger.of(_mark(order)) is not None:
                raise KeyOrderRefused("The order was carried out before; it is good for once.")
            done = acts[order.action](order.subject, preview=preview)
            if not preview:
                self.ledger.say(Word.ORDERED, _mark(order))
        return done

    def _create(self, subject: str, *, preview: bool) -> Done:
        wanted = haven_keys() if subject == ALL_HAVEN_KEYS else [subject]
        if not set(wanted) <= set(haven_keys()):
            raise KeyOrderRefused("The haven's own keys are made by order, and no others.")
        wanted = [name for name in wanted if not self.store.has(name)]
        if not wanted:
            raise KeyExists("It is there already; a key is never made in another's place.")
        for name in wanted:
            self.store.require_new(name)
        self.store.newest_version()
        if not preview:
            for name in wanted:
                self.store.create(name)
        return Done([f"{name} {'would be' if preview else 'was'} made." for name in wanted])

    def _destroy(self, subject: str, *, preview: bool) -> Done:
        if subject.startswith(HAVEN) and (others := self._rests_on(subject)):
            raise KeyInUse(
                f"{len(others)} editions, lists or domains are there, whose rows {subject} opens:"
                " destroy them first."
            )
        what = "would be" if preview else "was"
        told = [f"{subject} {what} destroyed.", self.until(subject)]
        if not self.store.has(subject):
            self._require_lost(subject)
            told.insert(0, f"{subject} is not in the key store any more.")
        if not preview:
            self.store.destroy(subject)
        return Done(told)

    def _require_lost(self, name: str) -> None:
        """What is lost is given up by order: else it would be missed for ever."""
        try:
            self.store.require_new(name)
        except KeyLost:
            return
        raise KeyUnavailable(f"There is no key {name}, and none was ever made; `list` has them.")

    def _rests_on(self, _: str) -> Sequence[str]:
        return [name for name in self.store.names() if not name.startswith(HAVEN)]

    def until(self, name: str) -> str:
        """Say until which day a backup could bring a key back, were it not for the ledger."""
        holding = [backup for backup in self.backups.all() if name in backup.names]
        if not holding:
            told = "No backup holds it."
        else:
            last = max(backup.destroy_on for backup in holding)
            count = "1 backup holds" if len(holding) == 1 else f"{len(holding)} backups hold"
            told = (
                f"{count} it, the last until {last.isoformat()}; the ledger keeps them from"
                " bringing it back."
            )
        if spoilt := self.backups.unreadable():
            names = ", ".join(path.name for path in spoilt[:SAMPLE])
            told += f" Of {len(spoilt)} that cannot be read it is not known: {names}."
        return told

    def _add_wrapping(self, _: str, *, preview: bool) -> Done:
        lines = self._lines()
        if not preview:
            line = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
            self._write([*lines, line])
        what = "would wrap" if preview else "wraps"
        told = f"Key-encryption key {len(lines) + 1} {what} new keys; `rewrap` wraps the others."
        return Done([told, "Tokens stay as they are.", *self._to_be_put_there()])

    def _destroy_wrapping(self, subject: str, *, preview: bool) -> Done:
        lines = self._lines()
        if not 1 <= int(subject) <= len(lines):
            raise KeyOrderRefused("There is no key-encryption key of that version.")
        version = int(subject)
        if lines[version - 1] == DESTROYED:
            raise KeyDestroyed(f"Key-encryption key {version} was destroyed.")
        if version == self.store.newest_version():
            raise KeyInUse(f"Key-encryption key {version} wraps new keys: add another first.")
        if count := self.store.wrapped_under().get(version, 0):
            raise KeyInUse(f"{count} keys are wrapped under it: `rewrap` first.")
        if not preview:
            self._write([*lines[: version - 1], DESTROYED, *lines[version:]])
        what = "would be" if preview else "was"
        told = f"Key-encryption key {version} {what} destroyed; no key is wrapped under it."
        return Done([told, *self._to_be_put_there()])

    def _lines(self) -> Sequence[str]:
        """Return the lines of the key-encryption key that is in use and is to be changed."""
        lines = FileWrapping(self.key_encryption_key_file).lines()
        file = self._file()
        if self.copy_of_it is not None and FileWrapping(self.copy_of_it).lines() != lines:
            raise KeyOrderRefused(
                f"{self.copy_of_it} is no copy of the key-encryption key in use: what was wrapped"
                " under its newest line would be lost. Copy that, or put this in its place first."
            )
        if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
            raise KeyUnavailable(_NOT_HERE)
        return lines

    def _file(self) -> Path:
        # Never the link to it: beside the link there would be another file, and the former below.
        return (self.copy_of_it or self.key_encryption_key_file).resolve()

    def _to_be_put_there(self) -> Sequence[str]:
        if self.copy_of_it is None:
            return []
        told = (
            f"{self.copy_of_it} is to be put in the place of the key-encryption key in use, for"
            " every process of the haven, before anything else is ordered of it."
        )
        return [told]

    def _write(self, lines: Sequence[str]) -> None:
        try:
            write_private(self._file(), "".join(f"{line}\n" for line in lines))
        except OSError:
            raise KeyUnavailable(_NOT_HERE) from None

    def _begin_backups(self, subject: str, *, preview: bool) -> Done:
        months = [_month(self.today), _month_after(self.today)]
        if subject not in months:
            raise KeyOrderRefused(
                f"Backups are begun of this month or the next ({' or '.join(months)}): the newest"
                " month's key seals them until its backups are destroyed."
            )
        self.backups.require_new(subject)
        self.store.mark(b"")  # has to be there to make the key
        destroy_on = self.backups.destroy_on(subject)
        day = f"they are destroyed on {destroy_on.isoformat()}."
        if preview:
            return Done([f"Backups of {subject} would be begun; {day}"])
        if len(self.custodians) < 2 or self.deliver is None:
            raise KeyOrderRefused("Two custodians are given a part each.")
        to = self.custodians[:2]
        self.backups.begin(subject, to, self.store, self.deliver)
        return Done([f"Backups of {subject} were begun; {day}", f"Parts: {' and '.join(to)}."])

    def _restore(self, subject: str, *, preview: bool) -> Done:
        path = self.backups.find(subject)
        if path is None:
            raise KeyOrderRefused(f"There is no backup {subject} in the directory of key backups.")
        kept = self.backups.open(path, self.parts)
        if not all(map(_is_whole, kept.items())):
            raise KeyUnavailable("The backup is not what was written.")
        told = self.ledger.told()
        back = [name for name in kept if self._comes_back(name, told)]
        all_gone = [name for name, said in told.items() if said.word is Word.DESTROYED]
        gone = [name for name in all_gone if name in kept]
        spoilt = self.store.unreadable(name for name in kept if name not in gone)
        self.store.newest_version()
        if not preview:
            for name in all_gone:
                self.store.destroy(name)  # so that it is known to be gone, and not to be away
            for name in back:
                self.store.restore(name, kept[name].key, kept[name].state)
        lost = [n for n in self.store.missing() if n not in back]
        what = "would be put back" if preview else "were put back"
        return Done(
            [
                f"{len(back)} keys {what}, of {len(kept)} in the backup.",
                f"{len(gone)} were destroyed since it was made, and stay so.",
                f"{len(lost)} were made since it was made, and are lost"
                + (f": {', '.join(lost)}." if lost else "."),
                *_said_of_spoilt(spoilt),
            ]
        )

    def _comes_back(self, name: str, told: Mapping[str, Said]) -> bool:
        is_gone = name in told and told[name].word is Word.DESTROYED
        return not is_gone and not self.store.has(name)


_NOT_HERE = (
    "The file of the key-encryption key cannot be written here, as a mounted secret cannot: give"
    " the command a copy (--key-encryption-key-file), then put it there."
)


def _said_of_spoilt(names: Sequence[str]) -> Sequence[str]:
    if not names:
        return []
    more = ", …" if len(names) > SAMPLE else ""
    told = (
        f"{len(names)} are there and cannot be opened, so that nothing was put in their place:"
        f" {', '.join(names[:SAMPLE])}{more}. Is it the right key-encryption key? If it is lost, or"
        " their files are spoilt, move these out of the key store, and restore by another order."
    )
    return [told]


def _is_whole(entry: tuple[str, Kept]) -> bool:
    name, kept = entry
    is_named = NAME.fullmatch(name) is not None
    return is_named and len(kept.key) == KEY_BYTES and kept.state in set(KeyState)


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _month_after(day: date) -> str:
    return _month(date(day.year + day.month // MONTHS, day.month % MONTHS + 1, 1))


def _mark(order: Order) -> str:
    return f"order/{order.id}"
