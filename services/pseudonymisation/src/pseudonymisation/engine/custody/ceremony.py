"""Carries out what two custodians ordered: each act with what it would do, before it does it."""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import KeyUnavailable
from common.files import write_private
from pseudonymisation.engine.custody.backups import Backups, KeyPart
from pseudonymisation.engine.custody.ledger import Ledger, Said, Word
from pseudonymisation.engine.custody.orders import Action, Order
from pseudonymisation.engine.custody.wrapping import DESTROYED, KEY_BYTES
from pseudonymisation.engine.errors import KeyDestroyed, KeyInUse, KeyOrderRefused
from pseudonymisation.engine.keystore import LASTING, KeyStore
from pseudonymisation.engine.sealing import HAVEN, haven_keys

ALL_HAVEN_KEYS = "haven"
"""The subject of an order to make all keys of the haven that are not there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be, in sentences; names of keys and days, no key."""

    told: Sequence[str]
    parts: Sequence[KeyPart] = ()
    """What the custodians take with them; kept nowhere else."""


@dataclass(slots=True)
class Ceremony:
    """Where keys, backups and the key-encryption key are."""

    store: KeyStore
    backups: Backups
    ledger: Ledger
    key_encryption_key_file: Path
    custodians: Sequence[str] = ()
    """Who signed, in the order in which they are given parts."""

    parts: Sequence[KeyPart] = field(default=())
    """What they brought, to restore."""

    def carry_out(self, order: Order, *, preview: bool) -> Done:
        """Do it, once; or say what it would do, and do nothing.

        Raises:
            KeyOrderRefused: it was carried out before, or says nothing that can be done
            KeyExists, KeyDestroyed, KeyInUse, KeyBackupGone, KeyPartsWrong, KeyUnavailable

        """
        if self.ledger.of(_mark(order)) is not None:
            raise KeyOrderRefused("The order was carried out before; it is good for once.")
        acts: Mapping[Action, Callable[..., Done]] = {
            Action.CREATE_KEY: self._create,
            Action.DESTROY_KEY: self._destroy,
            Action.ADD_KEY_ENCRYPTION_KEY: self._add_wrapping,
            Action.DESTROY_KEY_ENCRYPTION_KEY: self._destroy_wrapping,
            Action.BEGIN_BACKUPS: self._begin_backups,
            Action.RESTORE: self._restore,
        }
        done = acts[order.action](order.subject, preview=preview)
        if not preview:
            self.ledger.say(Word.ORDERED, _mark(order))
        return done

    def _create(self, subject: str, *, preview: bool) -> Done:
        if subject == ALL_HAVEN_KEYS:
            wanted = [name for name in haven_keys() if not self.store.has(name)]
        elif subject in haven_keys():
            wanted = [subject]
        else:
            raise KeyOrderRefused("The haven's own keys are made by order, and no others.")
        for name in wanted:
            self.store.require_new(name)
        if not preview:
            for name in wanted:
                self.store.create(name)
        return Done([f"{name} {'would be' if preview else 'was'} made." for name in wanted])

    def _destroy(self, subject: str, *, preview: bool) -> Done:
        if not subject.startswith(LASTING):
            raise KeyOrderRefused("Keys of the haven and of domains are destroyed by order.")
        if subject.startswith(HAVEN) and (others := self._rests_on(subject)):
            raise KeyInUse(
                f"{len(others)} editions, lists or domains are there, whose rows {subject} opens:"
                " destroy them first."
            )
        if not self.store.has(subject):
            self.store.require_new(subject)
            raise KeyUnavailable(f"There is no key {subject}.")
        if not preview:
            self.store.destroy(subject)
        what = "would be" if preview else "was"
        return Done([f"{subject} {what} destroyed.", self.until(subject)])

    def _rests_on(self, _: str) -> Sequence[str]:
        return [name for name in self.store.names() if not name.startswith(HAVEN)]

    def until(self, name: str) -> str:
        """Say until which day a backup could bring a key back, were it not for the ledger."""
        holding = [backup for backup in self.backups.all() if name in backup.names]
        if not holding:
            return "No backup holds it."
        last = max(backup.destroy_on for backup in holding)
        return (
            f"{len(holding)} backups hold it, the last until {last.isoformat()}; the ledger keeps"
            " them from bringing it back."
        )

    def _add_wrapping(self, _: str, *, preview: bool) -> Done:
        lines = self._lines()
        if not preview:
            line = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
            self._write([*lines, line])
        what = "would wrap" if preview else "wraps"
        told = f"Key-encryption key {len(lines) + 1} {what} new keys; `rewrap` wraps the others."
        return Done([told, "Tokens stay as they are."])

    def _destroy_wrapping(self, subject: str, *, preview: bool) -> Done:
        lines = self._lines()
        if not subject.isdecimal() or not 1 <= int(subject) <= len(lines):
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
        return Done([f"Key-encryption key {version} {what} destroyed; no key is wrapped under it."])

    def _lines(self) -> list[str]:
        try:
            return self.key_encryption_key_file.read_text("ascii").split()
        except OSError:
            raise KeyUnavailable("The key-encryption key cannot be read.") from None

    def _write(self, lines: Sequence[str]) -> None:
        try:
            write_private(self.key_encryption_key_file, "".join(f"{line}\n" for line in lines))
        except OSError:
            raise KeyUnavailable(
                "The file of the key-encryption key cannot be written here, as a mounted secret"
                " cannot: give the command a copy (--key-encryption-key-file), then put it there."
            ) from None

    def _begin_backups(self, subject: str, *, preview: bool) -> Done:
        if len(self.custodians) < 2 and not preview:
            raise KeyOrderRefused("Two custodians are given a part each.")
        destroy_on = self.backups.destroy_on(subject)
        day = f"they are destroyed on {destroy_on.isoformat()}."
        if preview:
            return Done([f"Backups of {subject} would be begun; {day}"])
        parts = self.backups.begin(subject, self.custodians[:2])
        return Done([f"Backups of {subject} were begun; {day}"], parts)

    def _restore(self, subject: str, *, preview: bool) -> Done:
        found = [backup for backup in self.backups.all() if backup.path.name == subject]
        if not found:
            raise KeyOrderRefused(f"There is no backup {subject} that can be opened.")
        kept = self.backups.open(found[0].path, self.parts)
        told = self.ledger.told()
        back = [name for name in kept if self._comes_back(name, told)]
        all_gone = [name for name, said in told.items() if said.word is Word.DESTROYED]
        gone = [name for name in all_gone if name in kept]
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
            ]
        )

    def _comes_back(self, name: str, told: Mapping[str, Said]) -> bool:
        is_gone = name in told and told[name].word is Word.DESTROYED
        return not is_gone and not self.store.has(name)


def _mark(order: Order) -> str:
    return f"order/{order.id}"
