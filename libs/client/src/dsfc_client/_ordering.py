"""Standing orders: one instruction for a line, each month asked for when its time has come."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from dsfc_client._http import Service
from dsfc_client.models import StandingOrder

Json = Mapping[str, Any]
Id = UUID | str


class Ordering(Service):
    """Of dissemination: standing orders."""

    def place_order(self, body: Json, *, key: str | None = None) -> StandingOrder:
        """Place a standing order for a line. Raises Refused with every failing clause."""
        return StandingOrder.model_validate(self.post("/v1/standing-orders", body, key=key))

    def standing_order(self, order_id: Id) -> StandingOrder:
        """Return it with what became of each month."""
        return StandingOrder.model_validate(self.get(f"/v1/standing-orders/{order_id}"))

    def standing_orders(self, **filters: Any) -> Iterator[StandingOrder]:
        """Return one's own, by `agreement` and `state`."""
        return self.pages("/v1/standing-orders", StandingOrder, **filters)

    def confirm_order(self, order_id: Id) -> StandingOrder:
        """Have it decided in one's own name from now on."""
        path = f"/v1/standing-orders/{order_id}/confirmation"
        return StandingOrder.model_validate(self.post(path))

    def end_order(self, order_id: Id) -> StandingOrder:
        return StandingOrder.model_validate(self.post(f"/v1/standing-orders/{order_id}/end"))
