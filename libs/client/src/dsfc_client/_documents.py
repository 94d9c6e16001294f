"""Contracts, agreements and instructions: read, signed, ended; and what holds their lines shut."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from dsfc_client._http import Service
from dsfc_client.models import Agreement, Contract, Hold

Json = Mapping[str, Any]
Id = str | UUID


class Documents(Service):
    """What is signed, and what its signatories and the Body may do with it."""

    def agreement(self, reference: str) -> Agreement:
        """Return an agreement: its lines, conditions, tasks and versions, and what is held."""
        return Agreement.model_validate(self.get(f"/v1/agreements/{reference}"))

    def list(self) -> Iterator[Agreement]:
        """List agreements: one's own, or for staff all."""
        return self.pages("/v1/agreements", Agreement)

    def sign(self, reference: str, body: Json) -> Agreement:
        """Sign the document with this hash, for a party; all have to sign the same one."""
        path = f"/v1/agreements/{reference}/signatures"
        return Agreement.model_validate(self.post(path, body, key=str(uuid4())))

    def fulfil_condition(self, reference: str, condition: str, evidence: str) -> Agreement:
        """Record that a condition of the approval is met, and where that can be seen."""
        path = f"/v1/agreements/{reference}/conditions/{condition}/fulfilment"
        return Agreement.model_validate(self.post(path, {"evidence": evidence}))

    def terminate_agreement(self, reference: str, reason: str) -> Agreement:
        """End an agreement early. When this returns, nothing leaves under it any more."""
        path = f"/v1/agreements/{reference}/termination"
        return Agreement.model_validate(self.post(path, {"reason": reason}))

    def contract(self, body: Json, *, key: str | None = None) -> Contract:
        """Issue a framework contract to an organisation, to be signed by it and by the Body."""
        return Contract.model_validate(self.post("/v1/contracts", body, key=key))

    def framework_contract(self, reference: str) -> Contract:
        """Return a framework contract, who signed it and when."""
        return Contract.model_validate(self.get(f"/v1/contracts/{reference}"))

    def contracts(
        self, *, organisation: str | None = None, as_at: str | None = None
    ) -> Iterator[Contract]:
        """List framework contracts: one's own, or for staff all."""
        return self.pages("/v1/contracts", Contract, organisation=organisation, as_at=as_at)

    def sign_contract(self, reference: str, body: Json) -> Contract:
        """Sign the contract with this hash, for the organisation or for the Body."""
        path = f"/v1/contracts/{reference}/signatures"
        return Contract.model_validate(self.post(path, body, key=str(uuid4())))

    def terminate_contract(self, reference: str, reason: str) -> Contract:
        """End a framework contract: nothing leaves under any agreement of the organisation."""
        path = f"/v1/contracts/{reference}/termination"
        return Contract.model_validate(self.post(path, {"reason": reason}))

    def preview_hold(self, reference: str, *, line: Sequence[int] | None = None) -> Any:
        """Return what a hold of an agreement, or of some of its lines, would stop."""
        return self.get(f"/v1/agreements/{reference}/holds/preview", lines=line)

    def set_hold(self, reference: str, reason: str, *, line: Sequence[int] | None = None) -> Hold:
        """Hold an agreement, or some of its lines. When this returns, they are shut."""
        body = {"reason": reason, "lines": None if line is None else [*line]}
        return Hold.model_validate(self.post(f"/v1/agreements/{reference}/holds", body))

    def approve_lift(self, hold_id: Id, reason: str) -> Hold:
        """Give one of the two approvals that lift a hold."""
        path = f"/v1/holds/{hold_id}/lift-approvals"
        return Hold.model_validate(self.post(path, {"reason": reason}))
