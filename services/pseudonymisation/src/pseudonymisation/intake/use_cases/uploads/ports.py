"""What taking a file in needs from outside: a whole one, and one in parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from common.audit.entries import Entry as AuditEntry
from pseudonymisation.intake.domain.partial_upload import Part, PartialUpload


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that is kept, sealed and whole."""

    bytes: int
    digest: str
    header: str
    records: int
    """Lines behind the header."""


class Upload(Protocol):
    """A file on its way in. Of what is not finished, nothing stays."""

    key: str

    def take(self, chunk: bytes) -> None:
        """Raise ContentRefused, Unavailable."""

    def finish(self) -> Uploaded:
        """Raise ContentRefused, Unavailable."""

    def abandon(self) -> None:
        """Leave nothing behind. Does no harm after `finish`, but to take the object away."""


class SealedPart(Protocol):
    """Some bytes of an upload on their way in."""

    @property
    def size(self) -> int:
        """Return how many bytes it has."""

    def take(self, block: bytes) -> None:
        """Raise Unavailable."""

    def finish(self) -> Part:
        """Raise Unavailable."""

    def abandon(self) -> None:
        """Leave nothing behind, also after `finish`."""


class PartialUploads(Protocol):
    def get(self, submission_id: UUID, upload_id: UUID) -> PartialUpload:
        """Raise UploadNotFound."""

    def of(self, submission_id: UUID) -> Sequence[PartialUpload]: ...

    def untouched_since(self, instant: datetime, *, limit: int) -> Sequence[PartialUpload]: ...

    def save(self, upload: PartialUpload, *, audit: AuditEntry | None = None) -> PartialUpload:
        """Store how far it is, which is nobody's business but its sender's, and what is audited.

        Raises:
            EditedMeanwhile

        """

    def remove(self, upload: PartialUpload, *, audit: AuditEntry | None = None) -> None: ...
