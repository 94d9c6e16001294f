"""What the safe haven vouches for in a prepared file, as the manifest repeats it.

The haven signs an attestation for agreements, which alone judges it (design.md section 5).
Here it is only read: to see that it is about the file that lies in the store, and to tell
the recipient what it says once agreements has accepted it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from common.ids import digest
from dissemination.domain.errors import AttestationMalformed
from dissemination.domain.extract import PreparedFile
from statements.attestation import Attestation
from statements.form import Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAttestation:
    compact: str
    said: Attestation

    @classmethod
    def read(cls, compact: str, claims: Mapping[str, Any]) -> Self:
        """Read its claims, without judging the signature. Raises AttestationMalformed."""
        try:
            return cls(compact=compact, said=Attestation.read(claims))
        except Malformed as error:
            raise AttestationMalformed(str(error)) from error

    @property
    def digest(self) -> str:
        """What the manifest names it by."""
        return digest(self.compact.encode("ascii"))

    @property
    def edition_ids(self) -> tuple[str, ...]:
        """The editions that the file was made from; a release pins them."""
        bridge = self.said.bridge
        others = () if bridge is None else bridge.editions
        return tuple(dict.fromkeys(edition.id for edition in (*self.said.editions, *others)))

    def require_about(self, file: PreparedFile, *, extract_id: UUID, permit_id: str) -> None:
        """Raise AttestationMalformed unless it is about this file of this extract."""
        said = self.said.file
        same = (
            said.id == str(file.id)
            and said.format == file.format.value
            and said.object_key == file.object_key
            and said.bytes == file.bytes
            and said.digest == file.digest
            and said.rows == file.rows
            and self.said.extract_id == str(extract_id)
            and self.said.permit_id == permit_id
        )
        if not same:
            raise AttestationMalformed("It is about another file.")
