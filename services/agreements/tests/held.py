"""Files that are held under agreements, written and sealed as the decision does it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session

from agreements.db.decisions.registers import HOLDING, ROW_DIGEST, Register
from agreements.db.decisions.seals import Ledger, digest_of_row
from agreements.db.decisions.tables import HoldingRow
from agreements.db.seals.chain import Sealer
from common import audit
from common.db import engine as engines
from common.ids import new_id


def hold(engine: Any, sealer: Sealer, files: Sequence[dict[str, Any]], *, at: datetime) -> None:
    """Write rows of holdings, and one link of the chain of decisions over all of them."""
    rows = [one | {ROW_DIGEST: digest_of_row(one)} for one in files]
    written: dict[Register, set[object]] = {}
    for one in rows:
        register = Register(HOLDING.name, one["environment_id"], one["data_set"])
        written.setdefault(register, set()).add(one["id"])
    with Session(engines.writing(engine)) as session:
        session.execute(insert(HoldingRow), rows)
        audit.append(session, Ledger.of(sealer).seal(session, written, at=at))
        session.commit()


def file(agreement: str, data_set: str, line: int, environment: UUID, at: datetime) -> Any:
    """A file of one month, released under a line and fetched by nobody yet."""
    return {
        "id": new_id(),
        "file_id": str(new_id()),
        "extract_id": str(new_id()),
        "permit_id": new_id(),
        "decision_id": new_id(),
        "agreement": agreement,
        "version": "v0.0",
        "document_hash": "sha256:" + "0" * 64,
        "line": line,
        "purpose": "COM",
        "data_set": data_set,
        "classification": "PSEUDO_ANONYMISED",
        "environment_id": environment,
        "holder": "0DF",
        "client_id": "scw",
        "organisation": "0DF",
        "format": "parquet",
        "bytes": 5_000_000,
        "digest": "sha256:" + "1" * 64,
        "periods": '["2018-04"]',
        "file": "{}",
        "attestation_digest": "sha256:" + "2" * 64,
        "released_at": at,
    }
