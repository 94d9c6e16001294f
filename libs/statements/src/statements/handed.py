"""The request as the safe haven is handed it, beside the permit that is bound to its digest."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from common.ids import digest_of
from common.texts import Scanned
from statements.filters import FILTERS_MAX, WantedFilter
from statements.tables import WantedTable, is_none

HandedText = Annotated[str, StringConstraints(min_length=1, max_length=200), Scanned(code=True)]


class RequestedBridge(BaseModel):
    """The other line of a bridging file."""

    model_config = ConfigDict(extra="forbid")

    agreement: HandedText
    purpose: HandedText
    data_set: HandedText
    classification: HandedText


class RequestedExtract(BaseModel):
    """What was asked of agreements; the digest of what was sent of it is in the permit."""

    model_config = ConfigDict(extra="forbid")

    extract_id: HandedText
    agreement: HandedText
    purpose: HandedText
    data_set: HandedText
    classification: HandedText
    periods: Annotated[list[HandedText], Field(max_length=1_000)]
    fields: Annotated[list[HandedText], Field(max_length=2_000)]
    formats: Annotated[list[HandedText], Field(max_length=10)]
    filters: Annotated[
        list[WantedFilter],
        Field(max_length=FILTERS_MAX, description="Which rows; left out where all are meant."),
    ] = []
    table: Annotated[
        WantedTable | None,
        Field(description="What is to be counted; left out where records are meant."),
    ] = None
    changes_since: Annotated[
        HandedText | None,
        Field(
            description="An earlier extract, of which the changes to this one are wanted besides;"
            " left out where none are."
        ),
    ] = None
    bridge: Annotated[
        RequestedBridge | None,
        Field(
            description="The line with whose pseudonyms those of this one are to be paired; left"
            " out where records or a table are meant.",
            exclude_if=is_none,
        ),
    ] = None

    @property
    def as_hashed(self) -> dict[str, JsonValue]:
        """Return what was sent and nothing besides: a member with its default has other bytes."""
        return self.model_dump(mode="json", exclude_unset=True)

    @property
    def digest(self) -> str:
        return digest_of(self.as_hashed)
