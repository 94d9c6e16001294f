"""Rows of the database as the domain knows them, and the other way."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from common.unreadable import from_row
from dissemination.db.tables import (
    AgreementStandingRow,
    DeliveryRow,
    ExtractRow,
    RegisterLineRow,
    ReleaseRow,
)
from dissemination.domain.agreement_status import AgreementStatus, Withdrawal
from dissemination.domain.delivery import Delivery, Outcome
from dissemination.domain.extract import (
    Extract,
    Failure,
    Permit,
    PreparedFile,
    Replaced,
    Requester,
    State,
)
from dissemination.domain.register import RegisterLine
from dissemination.domain.release import LeafPosition, Release, ReleaseDecision
from statements.line import AgreementVersion
from statements.request import ExtractRequest
from statements.vocabulary import Format, LineKey

LINE_COLUMNS = tuple(field.name for field in fields(RegisterLine))
_FILES: TypeAdapter[tuple[PreparedFile, ...]] = TypeAdapter(tuple[PreparedFile, ...])
_REPLACED: TypeAdapter[tuple[Replaced, ...]] = TypeAdapter(tuple[Replaced, ...])
_FAILURE: TypeAdapter[Failure] = TypeAdapter(Failure)
_WITHDRAWAL: TypeAdapter[Withdrawal] = TypeAdapter(Withdrawal)
_SINCE: TypeAdapter[datetime] = TypeAdapter(datetime)


@from_row
def extract_of(row: ExtractRow) -> Extract:
    """Read it. A row that says to be of another kind than what was asked for is none of ours."""
    found = _extract_of(row)
    if row.kind != found.kind.value:
        raise ValueError("kind")
    return found


def _extract_of(row: ExtractRow) -> Extract:
    return Extract(
        id=row.id,
        request=ExtractRequest.read(row.request),
        requester=Requester(
            subject=row.subject,
            client_id=row.client_id,
            organisation=row.organisation,
            role=row.role,
        ),
        permit=Permit(
            id=row.permit_id,
            compact=row.permit,
            expires_at=row.permit_expires_at,
            decision_id=row.decision_id,
            epoch=row.epoch,
        ),
        requested_at=row.requested_at,
        changed_at=row.changed_at,
        state=State(row.state),
        files=_FILES.validate_python(row.files),
        failure=None if row.failure is None else _FAILURE.validate_python(row.failure),
        withdrawal=withdrawal_of(row),
        replaced=_REPLACED.validate_python(row.replaced or ()),
        standing_order=row.standing_order,
        version=row.version,
    )


def withdrawal_of(row: ExtractRow) -> Withdrawal | None:
    return None if row.withdrawal is None else _WITHDRAWAL.validate_python(row.withdrawal)


@from_row
def standing_of(row: AgreementStandingRow) -> AgreementStatus:
    return AgreementStatus(
        agreement=row.agreement,
        state=row.state,
        since=row.since,
        held={LineKey(*held["line"]): _SINCE.validate_python(held["since"]) for held in row.held},
    )


def extract_columns(extract: Extract) -> dict[str, Any]:
    return {
        "id": extract.id,
        "state": extract.state.value,
        "version": extract.version,
        "agreement": extract.request.agreement,
        "request": extract.request.claims(),
        "kind": extract.kind.value,
        **asdict(extract.requester),
        "permit_id": extract.permit.id,
        "permit": extract.permit.compact,
        "permit_expires_at": extract.permit.expires_at,
        "decision_id": extract.permit.decision_id,
        "epoch": extract.permit.epoch,
        "files": _FILES.dump_python(extract.files, mode="json"),
        "failure": None
        if extract.failure is None
        else _FAILURE.dump_python(extract.failure, mode="json"),
        "withdrawal": None
        if extract.withdrawal is None
        else _WITHDRAWAL.dump_python(extract.withdrawal, mode="json"),
        "replaced": _REPLACED.dump_python(extract.replaced, mode="json") or None,
        "standing_order": extract.standing_order,
        "requested_at": extract.requested_at,
        "changed_at": extract.changed_at,
    }


def release_row(release: Release) -> ReleaseRow:
    file = release.file
    return ReleaseRow(
        file_id=file.id,
        extract_id=release.extract_id,
        agreement=release.agreement,
        organisation=release.organisation,
        format=file.format.value,
        object_key=file.object_key,
        bytes=file.bytes,
        digest=file.digest,
        rows=file.rows,
        attestation=file.attestation,
        attestation_digest=release.attestation_digest,
        decision_id=release.decision.decision_id,
        holding_id=release.decision.holding_id,
        agreement_version=release.decision.agreement.version,
        document_hash=release.decision.agreement.document_hash,
        leaf_index=release.leaf.index,
        leaf_size=release.leaf.size,
        leaf_root=release.leaf.root,
        manifest=release.manifest,
        released_at=release.released_at,
    )


@from_row
def release_of(row: ReleaseRow) -> Release:
    return Release(
        file=PreparedFile(
            id=row.file_id,
            format=Format(row.format),
            object_key=row.object_key,
            bytes=row.bytes,
            digest=row.digest,
            rows=row.rows,
            attestation=row.attestation,
        ),
        extract_id=row.extract_id,
        agreement=row.agreement,
        organisation=row.organisation,
        decision=ReleaseDecision(
            decision_id=row.decision_id,
            holding_id=row.holding_id,
            agreement=AgreementVersion(
                reference=row.agreement,
                version=row.agreement_version,
                document_hash=row.document_hash,
            ),
        ),
        leaf=LeafPosition(index=row.leaf_index, size=row.leaf_size, root=row.leaf_root),
        manifest=row.manifest,
        attestation_digest=row.attestation_digest,
        released_at=row.released_at,
    )


def line_of(row: RegisterLineRow) -> RegisterLine:
    return RegisterLine(**{name: getattr(row, name) for name in LINE_COLUMNS})


@from_row
def delivery_of(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        file_id=row.file_id,
        extract_id=row.extract_id,
        agreement=row.agreement,
        decision_id=row.decision_id,
        requester=Requester(
            subject=row.subject,
            client_id=row.client_id,
            organisation=row.organisation,
            role=row.role,
        ),
        start=row.range_start,
        end=row.range_end,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        bytes=row.bytes,
        outcome=Outcome(row.outcome),
        code=row.code,
        version=row.version,
    )


def delivery_columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "file_id": delivery.file_id,
        "extract_id": delivery.extract_id,
        "agreement": delivery.agreement,
        "decision_id": delivery.decision_id,
        **asdict(delivery.requester),
        "range_start": delivery.start,
        "range_end": delivery.end,
        "begun_at": delivery.begun_at,
        "ended_at": delivery.ended_at,
        "bytes": delivery.bytes,
        "outcome": delivery.outcome.value,
        "code": delivery.code,
        "version": delivery.version,
    }
