"""Directions and provision notices, as they cross the wire."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from agreements.records.api.schemas.shared import (
    Day,
    Incoming,
    Label,
    Name,
    Outgoing,
    SealedView,
)
from agreements.records.domain.oversight.directions import Direction, DirectionKind
from common.errors import Invalid
from common.ids import new_id
from common.texts import Scanned

DataSetName = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Z0-9_]{1,39}$",
        description="A data set by its name in the catalogue.",
        examples=["SUS_APC"],
    ),
    Scanned(code=True),
]
DATA_SETS_MAX = 200


class RecordDirection(Incoming):
    """A direction, or a provision notice, and what is collected under it."""

    kind: Annotated[DirectionKind, Field(description="Which of the two it is.")]
    reference: Annotated[Label, Field(description="Names it; of the same, what is said replaces.")]
    title: Annotated[Name, Field(description="Its title.")]
    data_sets: Annotated[
        list[DataSetName],
        Field(min_length=1, max_length=DATA_SETS_MAX, description="What is collected under it."),
    ]
    valid_from: Annotated[Day, Field(description="The first day on which it is in force.")]
    valid_to: Annotated[Day | None, Field(description="The last day; null: no end.")] = None
    source: Annotated[Name, Field(description="Where it is published.")]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Invalid("valid_to lies before valid_from")
        return self

    def fact(self) -> Direction:
        said = self.model_dump() | {"data_sets": tuple(dict.fromkeys(self.data_sets))}
        return Direction(id=new_id(), **said)


class DirectionView(SealedView):
    id: Annotated[UUID, Field(description="Names the record.")]
    kind: Annotated[DirectionKind, Field(description="Which of the two it is.")]
    reference: Annotated[str, Field(description="Names it.")]
    title: Annotated[str, Field(description="Its title.")]
    data_sets: Annotated[list[str], Field(description="What is collected under it.")]
    valid_from: Annotated[date, Field(description="The first day on which it is in force.")]
    valid_to: Annotated[date | None, Field(description="The last day; null: no end.")]
    source: Annotated[str, Field(description="Where it is published.")]


class CollectedView(Outgoing):
    """Under what a data set is collected on a day."""

    data_set: Annotated[str, Field(description="Of which data set.")]
    day: Annotated[date, Field(description="On which day.")]
    is_allowed: Annotated[bool, Field(description="Whether intake may take it in.")]
    is_asked_for: Annotated[bool, Field(description="Whether something has to be in force.")]
    is_recorded: Annotated[
        bool,
        Field(description="By records; else by the dated data beside the landing rules: assumed."),
    ]
    titles: Annotated[list[str], Field(description="Of what is in force.")]
