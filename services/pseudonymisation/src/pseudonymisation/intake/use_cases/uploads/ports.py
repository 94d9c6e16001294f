"""What taking a file in needs from outside: a whole one, and one in parts."""

from dataclasses import dataclass
from typing import Protocol

from pseudonymisation.intake.domain.partial_upload import Part


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
