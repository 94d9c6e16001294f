"""An upload that may be sent in parts: how much of it has come, and what it is to be.

Pure. After the IETF's "Resumable Uploads for HTTP" (docs/adr/0047).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import ContentForm

PARTS_MAX: Final = 10_000
"""Each is an object with a key of its own."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that lie sealed under a key of their own."""

    key: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialUpload:
    id: UUID
    submission_id: UUID
    form: ContentForm
    begun_at: datetime
    touched_at: datetime
    length: int | None = None
    """Of the whole, as its sender declared it."""
    digest: str | None = None
    """Of the whole, as its sender declared it."""
    offset: int = 0
    """How many bytes have come."""
    parts: Sequence[Part] = ()
    is_complete: bool = False
    version: int = 0

    def require_at(self, offset: int) -> None:
        """Raise UploadOffsetDiffers, UploadComplete."""
        if self.is_complete:
            raise errors.UploadComplete("The upload is complete. Look at its submission.")
        if offset != self.offset:
            raise errors.UploadOffsetDiffers(
                f"The upload has {self.offset} bytes and goes on there, not at {offset}.",
                expected_offset=self.offset,
                provided_offset=offset,
            )

    def declare(self, length: int | None) -> Self:
        """Take the length of the whole, which may be said with any part.

        Raises:
            UploadLengthDiffers

        """
        if length is None:
            return self
        if self.length not in {None, length} or length < self.offset:
            raise errors.UploadLengthDiffers(
                f"The declared length, {length}, is not what was declared before, or less than"
                " what has come."
            )
        return replace(self, length=length)

    def append(self, part: Part, *, at_offset: int, at: datetime) -> Self:
        """Take a part.

        Raises:
            UploadOffsetDiffers, UploadComplete, UploadLengthDiffers, UploadInTooManyParts

        """
        self.require_at(at_offset)
        offset = self.offset + part.bytes
        if self.length is not None and offset > self.length:
            raise errors.UploadLengthDiffers(
                f"More bytes came than the declared length, {self.length}."
            )
        if len(self.parts) >= PARTS_MAX:
            raise errors.UploadInTooManyParts(
                f"The upload came in more than {PARTS_MAX} parts. Begin it again with larger ones."
            )
        return replace(self, offset=offset, parts=(*self.parts, part), touched_at=at)

    def cut(self, offset: int) -> tuple[Self, Sequence[Part]]:
        """Take back what came from an offset on, which is where a part began."""
        place, kept = 0, []
        for part in self.parts:
            if place >= offset:
                break
            kept.append(part)
            place += part.bytes
        return replace(self, offset=place, parts=tuple(kept)), self.parts[len(kept) :]

    def complete(self, *, at: datetime) -> Self:
        """Its parts are one content now, and are destroyed."""
        return replace(self, is_complete=True, parts=(), touched_at=at)

    def require_whole(self) -> None:
        """Raise UploadLengthDiffers."""
        if self.length not in {None, self.offset}:
            raise errors.UploadLengthDiffers(
                f"{self.offset} bytes have come, and the declared length is {self.length}. Send"
                " the rest before the upload is completed."
            )

    def expires_at(self, kept: timedelta) -> datetime:
        return self.touched_at + kept
