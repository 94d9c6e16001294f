"""The service as its callers see it: over HTTP, everything real but clock, issuer and waiting."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from agreements import main
from agreements.records.use_cases import drafting
from agreements.settings import Settings
from common.security import keys
from common.security.roles import Role
from dsfc_testing.clock import FakeClock
from dsfc_testing.tokens import LocalIssuer
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, REFERENCE, approved

BODY = "X26"
KEYS = ("signing.jwk", "client.jwk")
APPROVER = f"{Role.DSCRO_APPROVER.value}-{BODY}"
"""Who acts for a DSCRO, unless a test says otherwise."""
OWN = {  # where somebody in that role works, unless a test says otherwise
    Role.APPLICANT_EDITOR: CCG,
    Role.APPLICANT_SIGNATORY: CCG,
    Role.CONTROLLER_SIGNATORY: CCG,
    Role.PROCESSOR_CONTACT: CSU,
    Role.CSU_ADVISER: CSU,
    Role.CSU_SYSTEM: CSU,
    Role.PROVIDER_SYSTEM: "RFF",
    Role.GP_PRACTICE: "C85001",
}

ORGANISATIONS = (
    "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
    "02P,NHS Barnsley CCG,CCG,,,2013-04-01,2022-06-30\n"
    "02P,NHS South Yorkshire ICB - 02P,SUB_ICB_LOCATION,QF7,QF7,2022-07-01,\n"
    "00L,NHS Northumberland CCG,CCG,,,2013-04-01,2022-06-30\n"
    "QF7,NHS South Yorkshire ICB,ICB,,,2022-07-01,\n"
    "0DF,South Central and West CSU,CSU,,,2013-04-01,\n"
    "0CX,Midlands and Lancashire CSU,CSU,,,2013-04-01,\n"
    "X26,NHS Digital,BODY,,,2013-04-01,\n"
)
NAMES = {
    ods: name for ods, name, kind, *_ in (row.split(",") for row in ORGANISATIONS.splitlines()[1:])
    if kind != "SUB_ICB_LOCATION"
}  # fmt: skip
"""Of the legal entities, as the list has them."""


@dataclass
class Service:
    """A running service, its clock, and tokens for whoever a test needs."""

    client: TestClient
    clock: FakeClock
    identities: LocalIssuer
    parts: main.Parts
    pauses: list[float] = field(default_factory=list)
    approver_is_cleared: bool = False

    def headers(self, role: Role, ods: str | None = None, who: str | None = None) -> dict[str, str]:
        token = self.identities.token_for(
            role,
            audience="agreements",
            ods=ods or OWN.get(role, BODY),
            client_id=who,
        )
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, role: Role, ods: str | None = None, **params: Any) -> Any:
        return self.client.get(path, headers=self.headers(role, ods), params=params)

    def post(
        self,
        path: str,
        role: Role,
        body: Any = None,
        *,
        ods: str | None = None,
        who: str | None = None,
        key: str | None = None,
        **params: Any,
    ) -> Any:
        headers = self.headers(role, ods, who) | ({"Idempotency-Key": key} if key else {})
        return self.client.post(path, headers=headers, json=body, params=params)

    def upload(self, path: str, content: str | bytes, role: Role, **params: Any) -> Any:
        headers = self.headers(role) | {"Content-Type": "text/csv"}
        return self.client.post(path, headers=headers, content=content, params=params)

    @cached_property
    def ctx(self) -> Any:
        return self.parts.context(Role.SERVICE_AGREEMENTS)

    # What most tests need to be there already

    def with_organisations(self) -> "Service":
        answer = self.upload(
            "/v1/organisations/imports",
            ORGANISATIONS,
            Role.REFERENCE_DATA_MANAGER,
            layout="dsfc",
        )
        assert answer.status_code == 200, answer.text
        return self

    def contract(self, ods: str = CCG, *, signed: bool = True, **changes: Any) -> dict[str, Any]:
        """A framework contract, signed by both."""
        body = {"organisation": ods, "legal_name": NAMES.get(ods, ods), "start": "2018-04-01"}
        answer = self.post("/v1/contracts", Role.CONTRACT_MANAGER, body | changes)
        assert answer.status_code == 201, answer.text
        issued: dict[str, Any] = answer.json()
        if not signed:
            return issued
        for role, party in ((Role.CONTROLLER_SIGNATORY, ods), (Role.DARS_APPROVER, BODY)):
            answer = self.sign("contracts", issued, role, party)
            assert answer.status_code == 200, answer.text
        final: dict[str, Any] = answer.json()
        return final

    def sign(self, kind: str, document: dict[str, Any], role: Role, party: str) -> Any:
        return self.post(
            f"/v1/{kind}/{document['reference']}/signatures",
            role,
            {"party": party, "document_hash": document["document_hash"], "name_of_role": "SIRO"},
            ods=party,
        )

    def draft(self, **changes: Any) -> dict[str, Any]:
        """An agreement drafted as if the approval had been heard."""
        drafting.draft(approved(**changes), is_new=lambda _tx: True, ctx=self.ctx)
        answer = self.get(
            f"/v1/agreements/{changes.get('reference', REFERENCE)}", Role.CONTRACT_MANAGER
        )
        version = self.get(
            f"/v1/agreements/{answer.json()['reference']}/document", Role.CONTRACT_MANAGER
        )
        return {
            "reference": answer.json()["reference"],
            "document_hash": version.headers["digest-sha256"],
        }

    def sign_all(
        self, drafted: dict[str, Any], parties: tuple[str, ...] = (CCG, CSU)
    ) -> dict[str, Any]:
        for party in parties:
            role = (
                Role.CONTROLLER_SIGNATORY if party in (CCG, OTHER_CCG) else Role.PROCESSOR_CONTACT
            )
            assert self.sign("agreements", drafted, role, party).status_code == 200
        answer = self.sign("agreements", drafted, Role.DARS_APPROVER, BODY)
        assert answer.status_code == 200, answer.text
        final: dict[str, Any] = answer.json()
        return final

    def active(self, **changes: Any) -> dict[str, Any]:
        """An agreement in force, with its controller's contract."""
        self.contract()
        return self.sign_all(self.draft(**changes))

    def cleared(self, subject: str = APPROVER, **changes: Any) -> None:
        """Record that somebody of the Body may act in a DSCRO role."""
        for kind, reference in (
            ("policy", "DSCRO-OPERATING-POLICY"),
            ("training", "DATA-SECURITY-AWARENESS"),
        ):
            body = {
                "subject": subject,
                "organisation": BODY,
                "kind": kind,
                "reference": reference,
                "valid_from": "2018-05-01",
                "valid_to": "2099-04-30",
            } | changes
            answer = self.post("/v1/staff-records", Role.INFORMATION_GOVERNANCE, body)
            assert answer.status_code == 201, answer.text

    def relationship(self, **changes: Any) -> dict[str, Any]:
        """A relationship in operation."""
        if not self.approver_is_cleared:
            self.cleared()
            self.approver_is_cleared = True
        body = {
            "commissioner": CCG,
            "dscro": "yorkshire",
            "csu": CSU,
            "service": "commissioning",
            "effective_from": "2018-04-01",
            "service_contract_reference": "SC-1",
            "contract_signed_on": "2018-01-10",
        } | changes
        answer = self.post("/v1/relationships", Role.CONTRACT_MANAGER, body)
        assert answer.status_code == 201, answer.text
        path = f"/v1/relationships/{answer.json()['id']}"
        steps = (
            ("contract-verification", Role.CONTRACT_MANAGER, {}),
            ("dscro-agreement", Role.DSCRO_APPROVER, None),
            ("activation", Role.CONTRACT_MANAGER, None),
        )
        for step, role, content in steps:
            answer = self.post(f"{path}/{step}", role, content)
            assert answer.status_code == 200, answer.text
        active: dict[str, Any] = answer.json()
        return active

    def events(self) -> list[str]:
        """Types of all events in the outbox, in order."""
        return [event.type for event in self.outbox()]

    def outbox(self) -> Any:
        from sqlmodel import Session

        from common.db import outbox

        with Session(self.parts.engine) as session:
            return [pending.event for pending in outbox.pending(session, 10_000)]

    def audited(self) -> list[str]:
        """Actions of all audit leaves but those of seals, in order."""
        import json

        from sqlalchemy import select

        from common.db.tables import audit_leaf

        with self.parts.engine.connect() as connection:
            rows = connection.execute(select(audit_leaf.c.entry).order_by(audit_leaf.c.index))
            actions = [json.loads(entry)["action"] for entry in rows.scalars()]
            return [action for action in actions if action != "facts-sealed"]


def settings(url: str, directory: Path) -> Settings:
    """Settings of a service whose files are in `directory`."""
    for name in KEYS:
        keys.load_or_generate(directory / name)
    return Settings(
        environment="development",
        database_url=url,
        signing_key_file=directory / "signing.jwk",
        client_key_file=directory / "client.jwk",
        checkpoint_dir=directory / "checkpoints",
        event_log=directory / "events.db",
    )
