"""Tables as they are answered: what was counted, how it is protected, and its files."""

from typing import Annotated

from pydantic import Field

from catalogue import Catalogue, UnknownDataSet, tabulating
from dissemination.api.schemas.extracts import ExtractStanding
from dissemination.use_cases.extracts import ExtractWithStatus
from statements.tables import TableRequest, WantedDimension, measures_of


class TabulationView(ExtractStanding):
    measure: Annotated[str, Field(description="What is counted.", examples=["records"])]
    further_measures: Annotated[
        list[str], Field(description="What is counted besides.", examples=[["people"]])
    ]
    grains: Annotated[
        list[str],
        Field(
            description="What one of each measure is, in the order in which they are named, by the"
            " newest version of the data set; none: it does not know the measure any more.",
            examples=[["person whom rows are about, by the first referral"]],
        ),
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
    def of(cls, shown: ExtractWithStatus, known: Catalogue) -> "TabulationView":
        table = shown.extract.request.table
        asked = TableRequest(measure="", dimensions=()) if table is None else table
        return cls(
            **cls.standing(shown),
            measure=asked.measure,
            further_measures=list(asked.further_measures),
            grains=_grains(shown, asked, known),
            linked_data_sets=list(asked.linked_data_sets),
            dimensions=[WantedDimension.model_validate(one) for one in asked.dimensions],
        )


def _grains(shown: ExtractWithStatus, asked: TableRequest, known: Catalogue) -> list[str]:
    try:
        data_set = known.get(shown.extract.request.data_set)
    except UnknownDataSet:
        return []
    grains = {one.name: one.grain for one in tabulating().described(data_set)}
    named = [grains.get(name) for name in measures_of(asked)]
    return [grain for grain in named if grain] if all(named) else []
