"""What happened to standing orders, for others to know. Ids, months and codes only.

`contracts/dissemination/events` is generated from the models here.
"""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from common.events import EventData, event_type

TOPIC = "dissemination.standing-order"


class OrderChanged(EventData):
    """A standing order changed. Subclasses say how."""

    order_id: UUID
    agreement: Annotated[str, Field(description="Reference, without version.")]
    data_set: str
    state: str


@event_type("dissemination.standing-order-placed.v1", topic=TOPIC)
class StandingOrderPlaced(OrderChanged):
    """Each period of a line is asked for from now on, when its time has come."""

    model_config = ConfigDict(title="StandingOrderPlacedData")


@event_type("dissemination.standing-order-confirmed.v1", topic=TOPIC)
class StandingOrderConfirmed(OrderChanged):
    """Somebody of the organisation showed a token for it; it is decided in their name now."""

    model_config = ConfigDict(title="StandingOrderConfirmedData")


@event_type("dissemination.standing-order-period-skipped.v1", topic=TOPIC)
class StandingOrderPeriodSkipped(OrderChanged):
    """A period was refused, or its extract failed; it is asked for again later."""

    model_config = ConfigDict(title="StandingOrderPeriodSkippedData")

    month: Annotated[str, Field(description="YYYY-MM.", examples=["2018-04"])]
    codes: Annotated[tuple[str, ...], Field(description="Every reason.")]


@event_type("dissemination.standing-order-ended.v1", topic=TOPIC)
class StandingOrderEnded(OrderChanged):
    """Nothing is asked for any more; what was released stays what it is."""

    model_config = ConfigDict(title="StandingOrderEndedData")

    code: Annotated[str, Field(description="Why.", examples=["ENDED_BY_REQUEST"])]
