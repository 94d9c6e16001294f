"""Tables as they are answered: what was counted, how it is protected, and its files."""

from typing import Annotated

from pydantic import Field

from dissemination.api.schemas.extracts import ExtractStanding
from dissemination.use_cases.extracts import ExtractWithStatus
from statements.tables import TableRequest, WantedDimension


class TabulationView(ExtractStanding):
    measure: Annotated[str, Field(description="What is counted.", examples=["records"])]
    further_measures: Annotated[
        list[str], Field(description="What is counted besides.", examples=[["people"]])
    ]
    linked_data_sets: Annotated[
        list[str],
        Field(
            description="Data sets with whose tables it is to be shown: the strictest rule holds.",
            examples=[["SHMI"]],
        ),
    ]
    dimensions: Annotated[list[WantedDimension], Field(description="What it is cut by.")]

    @classmethod
    def of(cls, shown: ExtractWithStatus) -> "TabulationView":
        table = shown.extract.request.table
        asked = TableRequest(measure="", dimensions=()) if table is None else table
        return cls(
            **cls.standing(shown),
            measure=asked.measure,
            further_measures=list(asked.further_measures),
            linked_data_sets=list(asked.linked_data_sets),
            dimensions=[WantedDimension.model_validate(one) for one in asked.dimensions],
        )
