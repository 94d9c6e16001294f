"""Questions to the decider, with their evidence, for the world of `world` on the real catalogue."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import catalogue
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.use_cases.asking import AskFetch, AskRelease, AskRequest, Evidence
from common.ids import digest, new_id
from common.security.principal import Principal
from common.security.roles import Role
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CLIENT, CSU, NOON
from statements.attestation import Attestation
from statements.request import ExtractRequest
from statements.vocabulary import LineKey

KEY = LineKey("COM", "SUS_APC", "PSEUDO_ANONYMISED")
CLASSES = {
    "Sex": "QI", "Hospital_Spell_No": "LI", "Der_Diagnosis_All": "CLIN",
    "Der_Postcode_LSOA_2011_Code": "QI", "Year_of_Birth_SUS": "QI",
    "NHS_Number": "DI", "FCE_HRG": "CLIN", "Provider_Code": "ORG", "SCORE": "CLIN",
}  # fmt: skip
DISSEMINATION = Principal(
    subject="dissemination",
    client_id="dissemination",
    organisation="X26",
    role=Role.SERVICE_DISSEMINATION,
    token_id="1",
    expires_at=NOON + timedelta(hours=1),
    audience="agreements",
)


def evidence(client: str = CLIENT, ods: str = CSU, token: str = "token") -> Evidence:
    principal = Principal(
        subject=client,
        client_id=client,
        organisation=ods,
        role=Role.CSU_SYSTEM,
        token_id="2",
        expires_at=NOON + timedelta(hours=1),
        audience="dissemination",
    )
    return Evidence(principal=principal, token_digest=digest(token.encode()))


def request(**changes: Any) -> AskRequest:
    asked: dict[str, Any] = {
        "agreement": plain.REFERENCE,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "periods": ("2018-04", "2018-05"),
        "fields": ("Sex", "Hospital_Spell_No", "Der_Diagnosis_All"),
        "formats": ("parquet", "csv"),
        "extract_id": str(new_id()),
    }
    who = {"asked_by": DISSEMINATION, "evidence": changes.pop("evidence", evidence())}
    asked |= changes
    request = ExtractRequest(**asked)
    return AskRequest(
        **who,
        extract_id=request.extract_id,
        request=replace(request, extract_id=""),
        request_digest=request.digest,
    )


def edition(id_: str, **changes: Any) -> dict[str, Any]:
    """What the haven attests of an edition that was landed by the rules of today."""
    made = catalogue.load().rules_of("SUS_APC", NOON.date())
    assert made is not None
    said = {
        "id": id_,
        "provider": "RR8",
        "period": "2018-04/2018-05",
        "number": 1,
        "status": "current",
        "landing_rules": {"version": made.version, "digest": made.digest},
    }
    return said | changes


def attested(given: GivenPermit, **changes: Any) -> dict[str, Any]:
    """The claims that the haven makes of a file prepared under the permit."""
    file_id = changes.pop("file_id", str(new_id()))
    permit = given.said
    line = permit.claims()["line"]
    claims: dict[str, Any] = {
        "iss": "urn:dsfc:pseudonymisation",
        "aud": "agreements",
        "sub": file_id,
        "permit_id": str(permit.id),
        "preparation_id": str(permit.id),
        "extract_id": permit.extract_id,
        "file": {
            "id": file_id,
            "format": "parquet",
            "object_key": f"preparations/{permit.id}/1/{file_id}.parquet",
            "bytes": 12_345,
            "digest": digest(file_id.encode()),
            "rows": 100,
        },
        "line": line,
        "columns": [
            {"name": "Token", "treatment": "pseudonym", "class": "DER"},
            {"name": "Reason_For_Access", "treatment": "derived", "class": "DER"},
            *(
                {"name": f.name, "treatment": f.treatment, "class": CLASSES[f.name]}
                for f in permit.fields
            ),
        ],
        "periods": list(permit.periods),
        "editions": [edition("edition-0")],
        "population": {
            "codes": list(permit.population.codes),
            "reasons": list(permit.population.reasons),
            "map_versions": {
                "practice": list(permit.population.map_versions.practice),
                "postcode": list(permit.population.map_versions.postcode),
            },
            "rows_without_reason": 0,
        },
        "domain": permit.domain.id,
        "opt_out": {
            "applied": permit.opt_out.applied,
            "list_id": None,
            "list_date": None,
            "people_left_out": 0,
            "rows_without_person_left_out": 0,
        },
        "scan": {"rule": "pcd-scan/2", "columns": ["Der_Diagnosis_All", "Sex"], "hits": 0},
        "disclosure_rule": permit.disclosure_rule,
        "order": "token",
    }
    return claims | changes


def release(said: dict[str, Any], /, **changes: Any) -> AskRelease:
    asked = AskRelease(
        asked_by=DISSEMINATION,
        file_id=said["sub"],
        extract_id=said["extract_id"],
        file=Attestation.read(said),
        claims=json.dumps(said),
        attestation_digest=digest(json.dumps(said).encode()),
    )
    return replace(asked, **changes)


def fetch(holding_id: Any, **changes: Any) -> AskFetch:
    proof = changes.pop("evidence", evidence())
    asked = AskFetch(
        asked_by=DISSEMINATION,
        client_id=CLIENT,
        evidence=proof,
        token_digest=digest(b"token"),
        holding_id=holding_id,
        delivery_id=str(new_id()),
        renews=None,
    )
    return replace(asked, **changes)
