"""What happened, for others to hear. No personal data is in any of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractChanged:
    """An extract moved along. Subclasses say how."""

    type: ClassVar[str]

    extract_id: UUID
    agreement: str
    data_set: str
    state: str
    files: tuple[Mapping[str, JsonValue], ...] = ()

    def data(self) -> dict[str, JsonValue]:
        return {
            "extract_id": str(self.extract_id),
            "agreement": self.agreement,
            "data_set": self.data_set,
            "state": self.state,
            "files": [dict(file) for file in self.files],
        }


class ExtractRequested(ExtractChanged):
    type = "dissemination.extract-requested.v1"


class ExtractReleased(ExtractChanged):
    type = "dissemination.extract-released.v1"


class ExtractFailed(ExtractChanged):
    type = "dissemination.extract-failed.v1"


class ExtractWithdrawn(ExtractChanged):
    type = "dissemination.extract-withdrawn.v1"


class ExtractSuperseded(ExtractChanged):
    type = "dissemination.extract-superseded.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractDelivered:
    """Bytes of a file left, all that were asked for or not."""

    type: ClassVar[str] = "dissemination.extract-delivered.v1"

    extract_id: UUID
    file_id: UUID
    delivery_id: UUID
    bytes: int
    complete: bool

    def data(self) -> dict[str, JsonValue]:
        return {
            "extract_id": str(self.extract_id),
            "file_id": str(self.file_id),
            "delivery_id": str(self.delivery_id),
            "bytes": self.bytes,
            "complete": self.complete,
        }


Event = ExtractChanged | ExtractDelivered
