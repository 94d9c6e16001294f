"""A released file: one decision, one manifest, one audit leaf, one register line (S2)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from dissemination.domain.attestation import SignedAttestation
from dissemination.domain.extract import Extract, PreparedFile
from statements.line import AgreementVersion
from statements.manifest import (
    SCHEMA,
    AttestationDigest,
    CatalogueVersion,
    Decisions,
    LogPosition,
    Manifest,
    ReleasedFile,
)

LOG = "dissemination"
"""The name of our audit log."""


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


def file_name(release: Release) -> str:
    """How the file is named where it is kept under its own name."""
    return f"{release.agreement}_{release.file.id}.{release.file.format.value}"


def manifest(
    extract: Extract,
    file: PreparedFile,
    attestation: SignedAttestation,
    *,
    decision: ReleaseDecision,
    leaf: LeafPosition,
    at: datetime,
) -> Manifest:
    """What the recipient is told about a file, to be signed."""
    said = attestation.said
    return Manifest(
        schema=SCHEMA,
        sub=str(file.id),
        extract_id=str(extract.id),
        file=ReleasedFile(
            id=str(file.id),
            format=file.format.value,
            bytes=file.bytes,
            digest=file.digest,
            rows=file.rows,
            columns=said.columns,
            order=said.order,
        ),
        agreement=decision.agreement,
        line=said.line,
        catalogue=CatalogueVersion(
            data_set=said.line.data_set,
            version=said.line.catalogue_version,
            digest=said.line.catalogue_digest,
        ),
        periods=said.periods,
        editions=said.editions,
        forms=said.forms,
        population=said.population,
        domain=said.domain,
        # How many objected is not told: two counts of one period, beside a change set, would say
        # which of its removals are objections (docs/adr/0105).
        opt_out=replace(said.opt_out, people_left_out=None, rows_without_person_left_out=None),
        scan=said.scan,
        caps=said.caps,
        filters=said.filters,
        table=said.table,
        assumed=said.assumed,
        groups=said.groups,
        changes=said.changes,
        bridge=said.bridge,
        disclosure_rule=said.disclosure_rule,
        decisions=Decisions(
            request=str(extract.permit.decision_id), release=str(decision.decision_id)
        ),
        holding_id=decision.holding_id,
        attestation=AttestationDigest(digest=attestation.digest),
        audit=LogPosition(log=LOG, index=leaf.index, size=leaf.size, root=leaf.root),
        released_at=at,
    )
