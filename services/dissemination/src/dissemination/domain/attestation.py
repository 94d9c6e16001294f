"""What the safe haven vouches for in a prepared file, as the manifest repeats it.

The haven signs an attestation for agreements, which alone judges it (design.md section 5).
Here it is only read: to see that it is about the file that lies in the store, and to tell
the recipient what it says once agreements has accepted it.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from pydantic import JsonValue, TypeAdapter, ValidationError

from common.ids import digest
from dissemination.domain.extract import PreparedFile

_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class AttestationMalformed(ValueError):
    """It does not say what an attestation says, or is about another file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    compact: str
    claims: Mapping[str, JsonValue]

    @classmethod
    def read(cls, compact: str) -> Self:
        """Read its claims, without judging the signature. Raises AttestationMalformed."""
        try:
            payload = compact.split(".")[1]
            raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            claims = _OBJECT.validate_python(json.loads(raw))
        except (IndexError, binascii.Error, ValueError, ValidationError) as error:
            raise AttestationMalformed("It is no signed statement.") from error
        return cls(compact=compact, claims=claims)

    @property
    def digest(self) -> str:
        """What the manifest names it by."""
        return digest(self.compact.encode("ascii"))

    def part(self, name: str) -> dict[str, JsonValue]:
        """A claim that is an object. Raises AttestationMalformed."""
        return _object(self.claims.get(name), name)

    @property
    def edition_ids(self) -> tuple[str, ...]:
        """The editions that the file was made from; a release pins them."""
        editions = self.claims.get("editions")
        if not isinstance(editions, list):
            raise AttestationMalformed("It has no editions.")
        return tuple(str(_object(edition, "edition").get("id")) for edition in editions)

    def demand(self, file: PreparedFile, *, extract_id: UUID, permit_id: str) -> None:
        """Raise AttestationMalformed unless it is about this file of this extract."""
        said: dict[str, Any] = self.part("file")
        same = (
            said.get("id") == str(file.id)
            and said.get("format") == file.format.value
            and said.get("object_key") == file.object_key
            and said.get("bytes") == file.bytes
            and said.get("digest") == file.digest
            and said.get("rows") == file.rows
            and self.claims.get("extract_id") == str(extract_id)
            and self.claims.get("permit_id") == permit_id
        )
        if not same:
            raise AttestationMalformed("It is about another file.")


def _object(value: JsonValue, name: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise AttestationMalformed(f"It has no {name}.")
    return value
