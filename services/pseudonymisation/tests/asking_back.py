"""A practice that asks whom tokens stand for: a file really prepared, agreements' word given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from fastapi.testclient import TestClient

import catalogue
from common.audit.entries import entry_for
from common.security.roles import Role
from pseudonymisation.engine.blocks import Cipher, views_of, words_of
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.tokens import Kind, Retokeniser
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.main import Parts
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import FakeDirectCare, Intake, sus_row, written
from statements.permit import DomainFacts

PRACTICE, OTHER_PRACTICE = "J81002", "A81001"
OURS, THEIRS, NOBODYS = "9990000018", "9990000026", "9990000034"
"""Registered with the practice, with another one, and with none."""
AGREEMENT = "DARS-NIC-123456-A1B2C"
REGISTERED = f"{OURS},{PRACTICE}\n{THEIRS},{OTHER_PRACTICE}\n"


@dataclass
class Surgery:
    """A haven with a file for risk stratification, and clients of practices that ask."""

    intake: Intake

    @property
    def agreements(self) -> FakeDirectCare:
        return self.intake.direct_care

    @property
    def client(self) -> TestClient:
        return self.intake.client

    @property
    def parts(self) -> Parts:
        return self.intake.parts

    def prepare(self) -> list[str]:
        """Land people, one of them without a number, and return the tokens of a file of theirs."""
        rows = [
            sus_row(
                NHS_Number=number,
                Local_Patient_ID=f"L{place}",
                Unique_CDS_Identifier=f"BRR8{place:09}",
                Date_of_Birth=f"19{50 + place}-01-31",
            )
            for place, number in enumerate((OURS, THEIRS, NOBODYS, ""))
        ]
        sent = self.intake.submit(written(rows))
        assert sent["state"] == "accepted", sent
        dissemination = Dissemination(self.intake, self.intake.clock)
        try:
            made = dissemination.prepare(
                catalogue.load().get("SUS_APC"),
                {"Sex": "as_is", "Admission_Date": "month"},
                periods=["2018-04"],
                codes=["02P"],
                reasons="GHRC",
                formats=("parquet",),
                purpose="RS",
            )
            (file,) = made.files
            found = duckdb.sql(f"SELECT Token FROM '{dissemination.path(file)}'").fetchall()
        finally:
            dissemination.parts.close()
        self.agreements.domain = made.permit.domain.id
        return sorted(token for (token,) in found)

    def mint(
        self, numbers: Sequence[str] = (OURS, THEIRS, NOBODYS), *, purpose: str = "RS"
    ) -> list[str]:
        """Make tokens as a file has them, without one; the last is of somebody without a number."""
        facts = DomainFacts.of(
            controllers=("02P",),
            agreement=AGREEMENT,
            purpose=purpose,
            environment="e1",
            opt_out="not_applied",
            data_sets=("SUS_APC",),
        )
        at, keys = self.intake.clock.now(), self.parts.keys
        domain = PseudonymDomain(
            id=facts.id, facts=facts, environment=facts.environment, created_at=at
        )
        entry = entry_for(
            ITSELF, at=at, action="minted", resource=f"domains/{facts.id}", on_behalf_of=None
        )
        with self.parts.preparation_uow.writing() as tx:
            tx.domains.save(domain, audit=entry)
        key, person = keys.ensure(domain.key_name), keys.ensure(PERSON)
        sealed = Cipher(person).encrypt(views_of(pa.array(numbers).cast(pa.string_view())))
        known = Retokeniser(kind=Kind.NUMBER, domain_key=key, domain_id=facts.id, haven_key=person)
        unknown = Retokeniser(kind=Kind.NO_NUMBER, domain_key=key, domain_id=facts.id)
        self.agreements.domain = facts.id
        return [
            *known.text(*words_of(sealed)).to_pylist(),
            *unknown.text(*words_of(sealed[:1])).to_pylist(),
        ]

    def told_of_everybody(self, day: str) -> str:
        """Ask and be told; return the id of the request."""
        tokens = self.mint()
        assert self.register(REGISTERED, day).status_code == 201
        asked: str = self.ask(tokens).json()["id"]
        assert self.answer(asked).status_code == 200
        return asked

    def headers(
        self, ods: str = PRACTICE, role: Role = Role.GP_PRACTICE, client: str | None = None
    ) -> dict[str, str]:
        token = self.intake.issuer.token_for(
            role, audience="pseudonymisation", ods=ods, client_id=client
        )
        return {"Authorization": f"Bearer {token}"}

    def register(self, lines: str, day: str, *, count: int | None = None, key: str = "") -> Any:
        headers = self.headers("X26", Role.DSCRO_OPERATOR) | {"Content-Type": "text/csv"}
        if key:
            headers["Idempotency-Key"] = key
        declared = lines.count("\n") if count is None else count
        return self.client.post(
            f"/v1/practice-registrations?list_date={day}&declared_count={declared}",
            content=lines.encode(),
            headers=headers,
        )

    def decide(self, list_id: str, what: str, *, role: Role = Role.DSCRO_APPROVER) -> Any:
        return self.client.post(
            f"/v1/practice-registrations/{list_id}/{what}",
            json={"reason": "Looked at it"},
            headers=self.headers("X26", role),
        )

    def ask(self, asked: list[str], *, headers: Any = None, **changes: Any) -> Any:
        body = {
            "agreement": AGREEMENT,
            "purpose": "RS",
            "data_set": "SUS_APC",
            "classification": "PSEUDO_ANONYMISED",
            "tokens": asked,
            "reason_code": "case_finding",
            "reason": "The score is high; a review is due.",
        } | changes
        return self.client.post(
            "/v1/re-identifications", json=body, headers=headers or self.headers()
        )

    def confirm(self, id_: str, *, headers: Any) -> Any:
        return self.client.post(
            f"/v1/re-identifications/{id_}/confirmation",
            json={"reason": "All of them are to be reviewed"},
            headers=headers,
        )

    def answer(self, id_: str, *, headers: Any = None) -> Any:
        return self.client.post(
            f"/v1/re-identifications/{id_}/answer", headers=headers or self.headers()
        )

    def told(self, **wanted: str) -> list[dict[str, Any]]:
        answer = self.client.post(
            "/v1/re-identified-people/searches",
            json=wanted,
            headers=self.headers("X26", Role.AUDITOR),
        )
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found
