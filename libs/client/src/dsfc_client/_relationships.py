"""Legitimate relationships, recipient environments, and what passes to a successor."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from dsfc_client._agreement_life import RecipientEnvironment, Transfer
from dsfc_client._http import Service, Wire

Json = Mapping[str, Any]
Id = str | UUID


class Relationship(Wire):
    """That a DSCRO supports a commissioner, with its CSU, for a service."""

    id: UUID
    reference: str
    state: str
    commissioner: str
    csu: str | None = None
    dscro: str
    effective_from: date
    effective_to: date | None = None
    consents_missing: tuple[str, ...] = ()


class Relationships(Service):
    """Who supports whom, asked for by one, consented to by each party, activated by the Body."""

    def relationships(self) -> Iterator[Relationship]:
        """List legitimate relationships: one's own, or for staff all."""
        return self.pages("/v1/relationships", Relationship)

    def relationship(self, relationship_id: Id) -> Relationship:
        """Return a relationship, who consented to it and who has still to."""
        return _of(self.get(f"/v1/relationships/{relationship_id}"))

    def request_relationship(self, body: Json, *, key: str | None = None) -> Relationship:
        """Ask for a relationship, or for a change of one (`changes`)."""
        return _of(self.post("/v1/relationships", body, key=key))

    def consent(
        self, relationship_id: Id, organisation: str, *, refused: bool = False
    ) -> Relationship:
        """Consent for one's own organisation, or with `refused` say that it does not."""
        body = {"organisation": organisation, "given": not refused}
        return _of(self.post(f"/v1/relationships/{relationship_id}/consents", body))

    def verify_service_contract(
        self,
        relationship_id: Id,
        *,
        service_contract: str | None = None,
        signed_on: str | None = None,
    ) -> Relationship:
        """Record that the parties' own service contract was seen, its reference and its day."""
        body = {"service_contract_reference": service_contract, "contract_signed_on": signed_on}
        path = f"/v1/relationships/{relationship_id}/contract-verification"
        return _of(self.post(path, body))

    def agree_for_dscro(self, relationship_id: Id) -> Relationship:
        """Agree to a relationship for the DSCRO."""
        return _of(self.post(f"/v1/relationships/{relationship_id}/dscro-agreement"))

    def activate_relationship(self, relationship_id: Id) -> Relationship:
        """Let a relationship count to which all have consented."""
        return _of(self.post(f"/v1/relationships/{relationship_id}/activation"))

    def refuse_relationship(self, relationship_id: Id) -> Relationship:
        """Refuse a relationship that was asked for."""
        return _of(self.post(f"/v1/relationships/{relationship_id}/refusal"))

    def withdraw_relationship(self, relationship_id: Id) -> Relationship:
        """Take back what was asked for and does not count yet."""
        return _of(self.post(f"/v1/relationships/{relationship_id}/withdrawal"))

    def end_relationship(self, relationship_id: Id, *, last_day: str | None = None) -> Relationship:
        """End a relationship after its last day, by default today."""
        path = f"/v1/relationships/{relationship_id}/ending"
        return _of(self.post(path, {"last_day": last_day}))

    def recipient_environments(self) -> Iterator[RecipientEnvironment]:
        """List recipient environments: one's own, or for staff all."""
        return self.pages("/v1/recipient-environments", RecipientEnvironment)

    def add_environment(
        self, organisation: str, kind: str, clients: Sequence[str], *, key: str | None = None
    ) -> RecipientEnvironment:
        """Record an environment of an organisation, and the clients that act for it."""
        body = {"organisation": organisation, "kind": kind, "clients": [*clients]}
        return RecipientEnvironment.model_validate(
            self.post("/v1/recipient-environments", body, key=key)
        )

    def add_environment_clients(
        self, environment_id: Id, clients: Sequence[str]
    ) -> RecipientEnvironment:
        """Let further clients act for an environment."""
        path = f"/v1/recipient-environments/{environment_id}/clients"
        return RecipientEnvironment.model_validate(self.post(path, {"clients": [*clients]}))

    def remove_environment_client(self, environment_id: Id, client_id: str) -> RecipientEnvironment:
        """Let a client act for an environment no longer."""
        path = f"/v1/recipient-environments/{environment_id}/clients/{client_id}"
        return RecipientEnvironment.model_validate(self.call("DELETE", path).json())

    def transfers(self) -> Iterator[Transfer]:
        """List transfer instruments: one's own, or for staff all."""
        return self.pages("/v1/transfer-instruments", Transfer)


def _of(answer: object) -> Relationship:
    return Relationship.model_validate(answer)
