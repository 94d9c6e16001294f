"""What lapses when, and the warnings before, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import Outgoing, SealedView
from agreements.records.domain.oversight.lapses import OVER, LapseKind


class LapseView(SealedView):
    """Something, and the last day on which it counts."""

    kind: Annotated[LapseKind, Field(description="What ends.")]
    subject_id: Annotated[UUID, Field(description="The id of what ends.")]
    reference: Annotated[
        str, Field(description="By which it is found; of staff the record's id, and no person.")
    ]
    organisations: Annotated[
        list[str], Field(description="Whose affair it is; empty: the Body's alone.")
    ]
    ends_on: Annotated[date, Field(description="Its last day, or the day of its review.")]


class LapseList(Outgoing):
    """The calendar of what ends."""

    first: Annotated[date, Field(description="The first day of the calendar.")]
    last: Annotated[date, Field(description="The last day of the calendar.")]
    items: Annotated[list[LapseView], Field(description="By the day on which they end.")]
    incomplete: Annotated[
        list[LapseKind],
        Field(
            description="Kinds of which something cannot be read, since somebody wrote into the"
            " database past the service: not all that ends of them is among `items`."
        ),
    ]


class LapseWarningView(SealedView):
    """A warning that was given, or that something is over; of the same end each is given once."""

    id: Annotated[UUID, Field(description="Names the warning.")]
    kind: Annotated[LapseKind, Field(description="What ends.")]
    subject_id: Annotated[UUID, Field(description="The id of what ends.")]
    reference: Annotated[str, Field(description="By which it is found.")]
    organisations: Annotated[list[str], Field(description="Whose affair it is.")]
    ends_on: Annotated[date, Field(description="Its last day, as it stood then.")]
    days: Annotated[
        int,
        Field(
            ge=OVER,
            description="Which warning it is: so many days before, or fewer. 0: the last day is"
            " over.",
            examples=[30],
        ),
    ]
    warned_at: Annotated[datetime, Field(description="When it was given.")]
