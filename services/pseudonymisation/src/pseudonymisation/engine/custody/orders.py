"""What two custodians signed: which key is to be made or destroyed, why, and until when.

An order is a file. Each custodian signs it with a key of their own, on a machine of their own; it
is good for a day, and once. Who the custodians are is a file of public keys beside the
key-encryption key.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from common.clock import Clock
from common.ids import new_id
from common.personal_data import find_personal_data
from common.replacement import person_of
from common.security import keys
from common.security.jws import NotGenuine
from common.security.keys import KEY_ORDER, SignedVerifier, Signer, thumbprint
from common.texts import detail_of
from pseudonymisation.engine.errors import KeyOrderRefused

CUSTODIANS: Final = 2
LIFE: Final = timedelta(days=1)
NAME: Final = re.compile(r"[^\W_](?:[^\W_]|[ .'-]){0,99}")
"""Of a custodian: it is in the audit log, and in the name of the file of a part."""
NAMED: Final = "letters, digits, spaces, and . ' - between them, at most 100"


class Action(StrEnum):
    CREATE_KEY = "create-key"
    DESTROY_KEY = "destroy-key"
    ADD_KEY_ENCRYPTION_KEY = "add-key-encryption-key"
    DESTROY_KEY_ENCRYPTION_KEY = "destroy-key-encryption-key"
    BEGIN_BACKUPS = "begin-backups"
    RESTORE = "restore"


SUBJECTS: Final[Mapping[Action, tuple[str, str]]] = {
    Action.CREATE_KEY: (r"haven(/[a-z0-9_-]{1,128})?", "`haven`, or one of its keys (haven/…)"),
    Action.DESTROY_KEY: (
        r"(haven|domain)(/[a-z0-9_-]{1,128}){1,3}",
        "the name of a key of the haven or of a domain (domain/…); `list` has them",
    ),
    Action.ADD_KEY_ENCRYPTION_KEY: ("new", "nothing (or `new`)"),
    Action.DESTROY_KEY_ENCRYPTION_KEY: (
        r"[1-9][0-9]{0,3}",
        "the version of a key-encryption key, the number of its line",
    ),
    Action.BEGIN_BACKUPS: (r"[0-9]{4}-(0[1-9]|1[0-2])", "a month, as 2026-12"),
    Action.RESTORE: (
        r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\.backup",
        "the file name of a backup, without its folder",
    ),
}
"""What each act is done to: a closed pattern, for it is signed and logged; and in words."""

REASON_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Order:
    """One act, and why.

    Raises:
        KeyOrderRefused: a part of it is not what two people could read and sign

    """

    id: str
    action: Action
    subject: str
    """A key's name, a version, a period, a backup's file name; `new` for what has no name yet."""
    reason: str
    signatures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            is_id = str(UUID(self.id)) == self.id
        except ValueError:
            is_id = False
        if not is_id:
            raise KeyOrderRefused("The id of the order is none: write the order anew (`order`).")
        pattern, words = SUBJECTS[self.action]
        if re.fullmatch(pattern, self.subject) is None:
            raise KeyOrderRefused(f"The subject of {self.action} is {words}.")
        # What custodians are shown before they sign is one line, and all of it.
        if not (self.reason.strip() and self.reason.isprintable()):
            raise KeyOrderRefused("The reason of the order is a line of text; it has to be there.")
        if len(self.reason) > REASON_LENGTH:
            raise KeyOrderRefused(f"The reason has at most {REASON_LENGTH} characters.")
        for found in find_personal_data(self.reason):
            raise KeyOrderRefused(f"The reason goes into the audit log. {detail_of(found)}")

    @classmethod
    def new(cls, action: Action, subject: str, reason: str) -> "Order":
        return cls(str(new_id()), action, subject, reason)

    @classmethod
    def read(cls, path: Path) -> "Order":
        """Raise KeyOrderRefused where the file is none."""
        try:
            document = json.loads(path.read_text("utf-8"))
            return cls(
                str(document["id"]),
                Action(document["action"]),
                str(document["subject"]),
                str(document["reason"]),
                tuple(map(str, document["signatures"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            raise KeyOrderRefused(f"{path} is no order.") from None

    def written(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def signed(self, signer: Signer, at: datetime) -> "Order":
        """Return it with one signature more."""
        compact = keys.issue(signer, KEY_ORDER, {"order": self._meant()}, at=at, lifetime=LIFE)
        return replace(self, signatures=(*self.signatures, compact))

    def _meant(self) -> Mapping[str, str]:
        names = ("id", "action", "subject", "reason")
        return {name: str(getattr(self, name)) for name in names}

    def signed_by(self, custodians: "Custodians", clock: Clock) -> Sequence[str]:
        """Return the custodians who signed just this. Raise KeyOrderRefused unless two did."""
        found: set[str] = set()
        for compact in self.signatures:
            found |= {
                name
                for name, jwk in custodians.known
                if _is_signed(compact, jwk, self._meant(), clock)
            }
        if len(found) < CUSTODIANS:
            raise KeyOrderRefused(
                f"{len(found)} of {CUSTODIANS} custodians signed this order within a day;"
                " each signs it with a key that the file of custodians names."
            )
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Custodians:
    """Whose signature counts: names and public keys. Two keys of one name are one person."""

    known: Sequence[tuple[str, Mapping[str, Any]]]

    @classmethod
    def read(cls, path: Path | None) -> "Custodians":
        """Raise KeyOrderRefused where there is no such file, or nobody in it."""
        try:
            document = json.loads(path.read_text("utf-8")) if path is not None else {"keys": []}
            known = [(person_of(str(jwk["name"])), jwk) for jwk in document["keys"]]
            holders = {(thumbprint(jwk), name) for name, jwk in known}
        except (OSError, ValueError, KeyError, TypeError):
            raise KeyOrderRefused("The file of custodians cannot be read.") from None
        if any(NAME.fullmatch(name) is None for name, _ in known):
            raise KeyOrderRefused(f"The file of custodians has a name that is none: {NAMED}.")
        if len({key for key, _ in holders}) < len(holders):
            raise KeyOrderRefused(
                "The file of custodians (key_custodians_file) names one key under two names, whose"
                " signature would be that of two people. Make each a key of their own."
            )
        if len({name for name, _ in known}) < CUSTODIANS:
            raise KeyOrderRefused(
                f"The file of custodians (key_custodians_file) names fewer than {CUSTODIANS}."
            )
        return cls(known)


def _is_signed(
    compact: str, jwk: Mapping[str, Any], meant: Mapping[str, str], clock: Clock
) -> bool:
    verifier = SignedVerifier(KEY_ORDER, lambda: {"keys": [dict(jwk)]}, clock=clock)
    try:
        return bool(verifier.verify(compact).get("order") == dict(meant))
    except (NotGenuine, ValueError):
        return False
