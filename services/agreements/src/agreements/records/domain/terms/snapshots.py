"""An approved snapshot, read into what an agreement is drafted of.

It is believed only where its bytes have the hash that was approved, are canonical JSON, and are a
snapshot of the schema that we know (`statements.approved`).
"""

import re

from pydantic import JsonValue, TypeAdapter, ValidationError

from agreements.records.domain.drafting import ApprovedApplication, DraftedCondition
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.version import AgreementLine, Capacity, Party
from common.ids import canonical, digest
from statements.approved import ApprovedSnapshot
from statements.form import Malformed
from statements.vocabulary import LineKey

CONTENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def approved(content: bytes, snapshot_hash: str) -> ApprovedApplication:
    """Verify the bytes of a snapshot against its hash, and read them.

    Raises:
        SnapshotRefused: they are not what the hash says, or not of our schema.

    """
    if digest(content) != snapshot_hash:
        raise SnapshotRefused("The snapshot does not have the hash that was approved.")
    try:
        whole = CONTENT.validate_json(content)
        snapshot = ApprovedSnapshot.read(content)
    except ValidationError:
        raise SnapshotRefused("The snapshot is not dsfc-snapshot/1.") from None
    except Malformed as wrong:
        where = safe([*wrong.members])
        raise SnapshotRefused(f"The snapshot is not dsfc-snapshot/1 at {where}.") from None
    if canonical(whole) != content:
        raise SnapshotRefused("The snapshot is not canonical JSON.")
    return _approved(snapshot, whole, snapshot_hash)


def _approved(
    snapshot: ApprovedSnapshot, whole: dict[str, JsonValue], snapshot_hash: str
) -> ApprovedApplication:
    lines = whole["lines"]
    if not isinstance(lines, list):  # pragma: no cover - the model has just read it as one
        raise SnapshotRefused("The snapshot has no lines.")
    return ApprovedApplication(
        application_id=snapshot.application_id,
        reference=snapshot.reference,
        version=snapshot.version,
        kind=snapshot.kind,
        title=snapshot.title,
        start=snapshot.start,
        end=snapshot.end,
        parties=(
            *(
                Party(ods=c.ods, capacity=Capacity.CONTROLLER, legal_name=c.legal_name)
                for c in snapshot.controllers
            ),
            *(
                Party(ods=p.ods, capacity=Capacity.PROCESSOR, legal_name=p.legal_name)
                for p in snapshot.processors
            ),
        ),
        lines=tuple(
            AgreementLine(
                number=line.number,
                key=LineKey(line.purpose, line.data_set, line.classification),
                content=content if isinstance(content, dict) else {},
            )
            for line, content in zip(snapshot.lines, lines, strict=True)
        ),
        conditions=tuple(
            DraftedCondition(condition=c.id, text=c.text, due=c.due, owner=c.owner)
            for c in snapshot.special_conditions
        ),
        snapshot_hash=snapshot_hash,
        content=whole,
    )


def safe(words: str | list[str]) -> str:
    """Let nothing but names of fields and codes into an error."""
    text = words if isinstance(words, str) else ", ".join(words)
    return re.sub(r"[^A-Za-z0-9_., -]", "", text)[:300]
