"""A released file: one decision, one manifest, one audit leaf, one register line (S2)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from dissemination.domain.attestation import Attestation
from dissemination.domain.extract import Extract, PreparedFile

MANIFEST_SCHEMA = "dsfc-manifest/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementVersion:
    reference: str
    version: str
    document_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDecision:
    """Agreements' yes to one file."""

    decision_id: UUID
    holding_id: str
    """How agreements knows the file from now on; every `fetch` names it."""

    agreement: AgreementVersion
    """The version by which it was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPosition:
    """Where the audit log has the release, and its head with that leaf as the last."""

    index: int
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    file: PreparedFile
    extract_id: UUID
    agreement: str
    organisation: str
    """Whose file it is: the organisation of whoever asked. For everybody else it is 404."""

    decision: ReleaseDecision
    leaf: LeafPosition
    manifest: str
    """Signed, compact; what it says is `manifest()`."""

    attestation_digest: str
    released_at: datetime


def manifest(
    extract: Extract,
    file: PreparedFile,
    attestation: Attestation,
    *,
    decision: ReleaseDecision,
    leaf: LeafPosition,
    at: datetime,
) -> dict[str, JsonValue]:
    """What the recipient is told about a file, to be signed.

    Raises AttestationMalformed.
    """
    line = attestation.part("line")
    return {
        "schema": MANIFEST_SCHEMA,
        "sub": str(file.id),
        "extract_id": str(extract.id),
        "file": {
            "id": str(file.id),
            "format": file.format.value,
            "bytes": file.bytes,
            "digest": file.digest,
            "rows": file.rows,
            "columns": attestation.claims.get("columns"),
            "order": attestation.claims.get("order"),
        },
        "agreement": asdict(decision.agreement),
        "line": line,
        "catalogue": {
            "data_set": line.get("data_set"),
            "version": line.get("catalogue_version"),
            "digest": line.get("catalogue_digest"),
        },
        "periods": attestation.claims.get("periods"),
        "editions": attestation.claims.get("editions"),
        "population": attestation.claims.get("population"),
        "domain": attestation.claims.get("domain"),
        "opt_out": attestation.claims.get("opt_out"),
        "scan": attestation.claims.get("scan"),
        # Files that were prepared before there were caps have none.
        **({"caps": attestation.claims["caps"]} if "caps" in attestation.claims else {}),
        "disclosure_rule": attestation.claims.get("disclosure_rule"),
        "decisions": {
            "request": str(extract.permit.decision_id),
            "release": str(decision.decision_id),
        },
        "holding_id": decision.holding_id,
        "attestation": {"digest": attestation.digest},
        "audit": {
            "log": "dissemination",
            "index": leaf.index,
            "size": leaf.size,
            "root": leaf.root,
        },
        "released_at": at.isoformat(),
    }
