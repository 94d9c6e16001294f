"""Bridging files as they are answered: of which two lines, and their files."""

from typing import Annotated

from pydantic import Field

from dissemination.api.schemas.extracts import ExtractStanding, Outgoing
from dissemination.use_cases.extracts import ExtractWithStatus
from statements.vocabulary import Purpose


class BridgedLineView(Outgoing):
    """The line with whose pseudonyms those of the file's own line are paired."""

    agreement: Annotated[
        str,
        Field(
            description="Its agreement: the file is destroyed with it, or with the file's own.",
            examples=["DARS-NIC-654321-Z9Y8X"],
        ),
    ]
    purpose: Annotated[Purpose, Field(description="Its purpose.")]
    data_set: Annotated[str, Field(description="Its data set.", examples=["SUS_OP"])]


class BridgingFileView(ExtractStanding):
    bridge: BridgedLineView

    @classmethod
    def of(cls, shown: ExtractWithStatus) -> "BridgingFileView":
        return cls(
            **cls.standing(shown),
            bridge=BridgedLineView.model_validate(shown.extract.request.bridge),
        )
