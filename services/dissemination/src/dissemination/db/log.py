"""What is written beside every change: the leaf of the audit log, and the events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import Session, col

from common import audit
from common.audit.entries import Entry
from common.audit.tree import leaf_hash, written
from common.db import outbox
from common.db import tables as shared
from common.messaging import schemas
from dissemination.db.rows import line_of
from dissemination.db.tables import AuditSubjectRow, RegisterLineRow
from dissemination.domain.events import Event, ExtractDelivered
from dissemination.domain.orders.events import OrderChanged
from dissemination.domain.release import LeafPosition
from dissemination.use_cases.ports import Logged


@dataclass(frozen=True, slots=True)
class SqlLog:
    session: Session

    def append(self, entry: Entry) -> LeafPosition:
        return append(self.session, str(entry.detail.get("agreement", "")), entry)

    def page(self, *, agreement: str, after: int | None, limit: int) -> Sequence[Logged]:
        leaf = shared.audit_leaf
        query = (
            select(leaf.c.index, leaf.c.hash, leaf.c.entry)
            .join(AuditSubjectRow, col(AuditSubjectRow.leaf_index) == leaf.c.index)
            .where(col(AuditSubjectRow.agreement) == agreement)
            .order_by(leaf.c.index)
            .limit(limit)
        )
        if after is not None:
            query = query.where(leaf.c.index > after)
        return [
            Logged(index=index, hash=hash_, entry=_as_written(agreement, index, hash_, entry))
            for index, hash_, entry in self.session.execute(query)
        ]


def _as_written(agreement: str, index: int, hashed: str, entry: str) -> dict[str, Any]:
    """Return what a leaf says, if it is what its hash says and about that agreement.

    Raises:
        AuditLogBroken: the row is not what was written.

    """
    found: dict[str, Any] = json.loads(entry)
    is_right = written(leaf_hash(entry.encode())) == hashed and found["index"] == index
    if not is_right or found["detail"].get("agreement") != agreement:
        raise audit.AuditLogBroken(f"Leaf {index} is not what was written: see dsfc audit verify.")
    return found


MENDABLE: Mapping[str, frozenset[str]] = {
    "register_line": frozenset(
        {
            *("controllers", "project_title", "opt_outs_reason", "advisory_minutes"),
            *("objectives", "processing"),
            *("expected_outputs", "expected_benefits", "yielded_benefits"),
        }
    )
}
"""What the register publishes of people's texts. Manifests are signed, and never published."""


def log_mending(session: Session, row: Mapping[str, Any], entry: Entry) -> None:
    """Write down that a line of the register was mended, and what it says since."""
    agreement = str(row["reference"])
    line = line_of(session.get_one(RegisterLineRow, row["id"]))
    told = {"agreement": agreement, "file_id": str(line.file_id), "register_line": line.digest}
    append(session, agreement, replace(entry, detail={**entry.detail, **told}))


def append(session: Session, agreement: str, entry: Entry) -> LeafPosition:
    """Append one leaf, and note which agreement it is about."""
    (leaf,) = audit.append(session, [entry])
    session.add(AuditSubjectRow(agreement=agreement, leaf_index=leaf.index))
    session.flush()
    return LeafPosition(index=leaf.index, size=leaf.size, root=leaf.root)


def enqueue(
    session: Session,
    pending: Sequence[Event | OrderChanged],
    *,
    at: datetime,
    aggregate_id: UUID,
    version: int,
    state: str,
) -> None:
    for event in pending:
        of = _of(event)
        outbox.enqueue(
            session,
            schemas.event(
                event,
                subject=f"{of}/{aggregate_id}",
                time=at,
                aggregate_id=aggregate_id,
                aggregate_version=version,
                state=state,
            ),
        )


def _of(event: Event | OrderChanged) -> str:
    """Say of which kind of record an event tells."""
    if isinstance(event, OrderChanged):
        return "standing-orders"
    return "deliveries" if isinstance(event, ExtractDelivered) else "extracts"
