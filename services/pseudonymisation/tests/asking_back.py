"""A practice that asks whom tokens stand for: a file really prepared, agreements' word given."""

from dataclasses import dataclass
from typing import Any

import duckdb
from fastapi.testclient import TestClient

import catalogue
from common.security.roles import Role
from pseudonymisation.main import Parts
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import FakeDirectCare, Intake, sus_row, written

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

    def prepare(self, numbers: tuple[str, ...] = (OURS, THEIRS, NOBODYS)) -> list[str]:
        """Land people, one of them without a number, and have a file for risk stratification."""
        rows = [
            sus_row(
                NHS_Number=number,
                Local_Patient_ID=f"L{place}",
                Unique_CDS_Identifier=f"BRR8{place:09}",
                Date_of_Birth=f"19{50 + place}-01-31",
            )
            for place, number in enumerate((*numbers, ""))
        ]
        sent = self.intake.submit(written(rows))
        assert sent["state"] == "accepted", sent
        return self.tokens_for("RS")

    def tokens_for(self, purpose: str) -> list[str]:
        """Have a file made, and return the tokens in it; agreements' word is of its domain."""
        dissemination = Dissemination(self.intake, self.intake.clock)
        try:
            made = dissemination.prepare(
                catalogue.load().get("SUS_APC"),
                {"Sex": "as_is", "Admission_Date": "month"},
                periods=["2018-04"],
                codes=["02P"],
                reasons="GHRC",
                formats=("parquet",),
                purpose=purpose,
            )
            (file,) = made.files
            found = duckdb.sql(f"SELECT Token FROM '{dissemination.path(file)}'").fetchall()
        finally:
            dissemination.parts.close()
        self.agreements.domain = made.permit.domain.id
        return sorted(token for (token,) in found)

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
