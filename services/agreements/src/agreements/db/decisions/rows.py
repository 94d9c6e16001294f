"""Between what decisions say and the rows that they are kept in, and how these are written."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import col

from agreements.db.decisions.registers import HOLDING, ROW_DIGEST
from agreements.db.decisions.seals import PERMIT, digest_of_row, seals_of_permits
from agreements.db.decisions.tables import DecisionRow
from agreements.db.seals.chain import Sealer
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Holding
from agreements.decision.use_cases.ports import MEMBERS, NAMES, LoggedDecision, ReleasedFile
from common.db.prepared import Prepared
from common.db.tables import table_of
from statements import attestation
from statements.attestation import Attestation
from statements.permit import Permit
from statements.vocabulary import Classification

DECISION = table_of(DecisionRow)
INSERT_DECISIONS = Prepared(insert(DECISION), (*NAMES, "last_at", "renewals", "seal"))
PERMIT_NAMES = (
    *("id", "decision_id", "extract_id", "agreement", "purpose", "data_set", "classification"),
    *("client_id", "organisation", "environment_id", "claims", "issued_at", "expires_at"),
)
"""What is kept of a permit, in this order, and after it its seal."""
INSERT_PERMITS = Prepared(insert(PERMIT), (*PERMIT_NAMES, "seal"))
INSERT_HOLDINGS = Prepared(insert(HOLDING), HOLDING.c.keys())
LAST_AT = Prepared(select(func.max(DECISION.c.last_at)))
LOGGED = Prepared(
    select(*(DECISION.c[name] for name in NAMES), DECISION.c.seal).where(
        DECISION.c.id == bindparam("decision")
    )
)
RENEWED = Prepared(
    update(DECISION)
    .where(DECISION.c.id == bindparam("decision"))
    .values(last_at=bindparam("moment"), renewals=DECISION.c.renewals + bindparam("times"))
)


def holding_of(row: Any) -> Holding:
    return Holding(
        id=row.id,
        decision_id=row.decision_id,
        agreement=row.agreement,
        environment_id=row.environment_id,
        file=attestation.FORM.read(row.file),
    )


def released_of(row: Any) -> ReleasedFile:
    return ReleasedFile(
        holding=holding_of(row),
        permit_id=row.permit_id,
        version=row.version,
        document_hash=row.document_hash,
        line_number=row.line,
        client_id=row.client_id,
        organisation=row.organisation,
        holder=row.holder,
        attestation_digest=row.attestation_digest,
        claims=row.file,
        released_at=row.released_at,
    )


def row_of_holding(released: ReleasedFile) -> dict[str, object]:
    holding, file = released.holding, released.holding.file
    columns: dict[str, object] = {
        "id": holding.id,
        "file_id": file.file_id,
        "extract_id": file.extract_id,
        "permit_id": released.permit_id,
        "decision_id": holding.decision_id,
        "agreement": holding.agreement,
        "version": released.version,
        "document_hash": released.document_hash,
        "line": released.line_number,
        "purpose": file.line.purpose,
        "data_set": file.line.data_set,
        "classification": file.line.classification,
        "environment_id": holding.environment_id,
        "holder": released.holder,
        "client_id": released.client_id,
        "organisation": released.organisation,
        "format": file.file.format,
        "bytes": file.file.bytes,
        "digest": file.file.digest,
        "periods": json.dumps(list(file.periods)),
        "file": released.claims,
        "attestation_digest": released.attestation_digest,
        "released_at": released.released_at,
        "bridged_agreement": _bridged(file),
    }
    return {**columns, ROW_DIGEST: digest_of_row(columns)}


def _bridged(file: Attestation) -> str | None:
    return None if file.bridge is None else file.bridge.agreement.reference


def environments_with_people(data_set: str) -> Select[Any]:
    """Select the environments that were given files of a data set in which people are named."""
    is_named = HOLDING.c.classification == Classification.IDENTIFIABLE.value
    query = select(HOLDING.c.environment_id).where(HOLDING.c.data_set == data_set, is_named)
    return query.distinct()


def fetches(agreement: str, file_id: str) -> Select[Any]:
    """Select a decision by which a file was fetched."""
    return (
        select(col(DecisionRow.id))
        .where(col(DecisionRow.agreement) == agreement)
        .where(col(DecisionRow.action) == "fetch")
        .where(col(DecisionRow.permitted).is_(True))
        .where(col(DecisionRow.subject) == file_id)
        .limit(1)
    )


def between(one: str, other: str) -> ColumnElement[bool]:
    """Select the bridging files between pseudonyms of two agreements, or of one."""
    agreement, bridged = HOLDING.c.agreement, HOLDING.c.bridged_agreement
    return or_(and_(agreement == one, bridged == other), and_(agreement == other, bridged == one))


def rows_of_permits(permits: Sequence[GivenPermit], sealer: Sealer) -> list[tuple[object, ...]]:
    """Return the rows of permits that are given at one instant, sealed together.

    Their values are in the order of `INSERT_PERMITS`.
    """
    rows = [_row_of_permit(permit) for permit in permits]
    named = [dict(zip(PERMIT_NAMES, row, strict=True)) for row in rows]
    seals = seals_of_permits(sealer, named, at=permits[0].issued_at)
    return [(*row, seal) for row, seal in zip(rows, seals, strict=True)]


def _row_of_permit(permit: GivenPermit) -> tuple[object, ...]:
    said = permit.said
    return (
        said.id,
        said.decision_id,
        said.extract_id,
        said.agreement.reference,
        said.line.purpose,
        said.line.data_set,
        said.line.classification,
        said.client_id,
        permit.organisation,
        permit.environment_id,
        permit.claims,
        permit.issued_at,
        permit.expires_at,
    )


def permit_of(row: Any) -> GivenPermit:
    return GivenPermit(
        said=Permit.read({**json.loads(row.claims), "jti": str(row.id)}),
        organisation=row.organisation,
        environment_id=row.environment_id,
        issued_at=row.issued_at,
    )


def row_of_decision(decision: LoggedDecision, sealer: Sealer) -> tuple[object, ...]:
    """Return its values in the order of `INSERT_DECISIONS`."""
    return (*MEMBERS(decision), decision.at, 0, sealer.mark(decision.row_digest))


def decision_of(row: DecisionRow | Row[Any]) -> LoggedDecision:
    return LoggedDecision(**{name: getattr(row, name) for name in NAMES})
