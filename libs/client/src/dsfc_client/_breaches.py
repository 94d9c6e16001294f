"""Breaches: told of, judged, closed."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from dsfc_client._http import Service, Wire
from dsfc_client.models import Hold

Json = Mapping[str, Any]
Id = str | UUID


class Breach(Wire):
    """A breach as it stands, with the holds that it set."""

    id: UUID
    reference: str
    agreement: str
    state: str
    finding: str | None = None
    holds: tuple[Hold, ...] = ()
    register_changes: tuple[dict[str, Any], ...] = ()
    """What public registers say because of it."""


class Breaches(Service):
    """What a breach handler does; anybody may report."""

    def report_breach(self, body: Json, *, key: str | None = None) -> Breach:
        """Tell of a breach. When this returns, what it holds is shut."""
        return Breach.model_validate(self.post("/v1/breaches", body, key=key))

    def breaches(self) -> Iterator[Breach]:
        """List breaches: what one reported, or for staff all."""
        return self.pages("/v1/breaches", Breach)

    def issue_receipt(self, breach_id: Id) -> Breach:
        """Tell the reporter that a report came; without a receipt in time there is an alert."""
        return Breach.model_validate(self.post(f"/v1/breaches/{breach_id}/receipt"))

    def breach(self, breach_id: Id) -> Breach:
        """Return a breach as it stands, with its holds and what registers say because of it."""
        return Breach.model_validate(self.get(f"/v1/breaches/{breach_id}"))

    def preview_finding(self, breach_id: Id) -> Any:
        """Return what a finding would hold, destroy and end, before it is made."""
        return self.get(f"/v1/breaches/{breach_id}/preview")

    def establish_facts(self, breach_id: Id, body: Json) -> Breach:
        """Record what was found to have happened."""
        return Breach.model_validate(self.post(f"/v1/breaches/{breach_id}/facts", body))

    def judge_breach(self, breach_id: Id, body: Json) -> Breach:
        """Record how serious it is and what it demands; what is ended has ended when it returns."""
        return Breach.model_validate(self.post(f"/v1/breaches/{breach_id}/finding", body))

    def close_breach(self, breach_id: Id, body: Json) -> Breach:
        """Close a breach with its lesson; its holds stay."""
        return Breach.model_validate(self.post(f"/v1/breaches/{breach_id}/closure", body))
