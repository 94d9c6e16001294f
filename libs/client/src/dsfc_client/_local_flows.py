"""Local flows: layouts that one person registers and another decides on."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from dsfc_client._http import Service, Wire

Id = UUID | str


class LocalFlow(Wire):
    """The layout of a local flow, and how it stands."""

    id: UUID
    data_set: str
    catalogue_version: str
    digest: str
    category: str
    title: str
    dscro: str
    state: str
    content: str = ""
    """Its file as canonical JSON; empty in a list."""


class LocalFlows(Service):
    """What a DSCRO does, and whoever wants to read a layout."""

    def register_local_flow(
        self, content: str, *, evidence: str, key: str | None = None
    ) -> LocalFlow:
        """Register a layout of one's own DSCRO: a file in YAML, which permits nothing yet."""
        body = {"content": content, "evidence": evidence}
        return LocalFlow.model_validate(self.post("/v1/local-flows", body, key=key))

    def local_flow(self, flow_id: Id) -> LocalFlow:
        """Return it with its file."""
        return LocalFlow.model_validate(self.get(f"/v1/local-flows/{flow_id}"))

    def local_flows(self, **filters: Any) -> Iterator[LocalFlow]:
        """Return local flows, by `data_set` and `state`."""
        return self.pages("/v1/local-flows", LocalFlow, **filters)

    def approve_local_flow(self, flow_id: Id, reason: str) -> LocalFlow:
        """Let it be used; somebody other than who registered it."""
        return self._decided(flow_id, "approval", reason)

    def refuse_local_flow(self, flow_id: Id, reason: str) -> LocalFlow:
        return self._decided(flow_id, "refusal", reason)

    def withdraw_local_flow(self, flow_id: Id, reason: str) -> LocalFlow:
        """Take one back that no agreement names."""
        return self._decided(flow_id, "withdrawal", reason)

    def _decided(self, flow_id: Id, what: str, reason: str) -> LocalFlow:
        path = f"/v1/local-flows/{flow_id}/{what}"
        return LocalFlow.model_validate(self.post(path, {"reason": reason}))
