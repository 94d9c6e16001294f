"""The applications service, as we need it: frozen snapshots by hash.

What comes back is believed only where its bytes have the hash that the event named, are canonical
JSON, and are a snapshot of the schema that we know (`statements.approved`).
"""

import re

from pydantic import JsonValue, TypeAdapter, ValidationError

from agreements.records.domain.drafting import ApprovedApplication, DraftedCondition
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.version import AgreementLine, Capacity, Party
from common import http
from common.http import RemoteProblem
from common.ids import DIGEST, canonical, digest
from common.security.client import ServiceTokens
from statements.approved import ApprovedSnapshot
from statements.form import Malformed
from statements.vocabulary import LineKey

AUDIENCE = "applications"
CONTENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class HttpSnapshots:
    """Snapshots over REST, with this service's own token."""

    def __init__(self, remote: http.Client, tokens: ServiceTokens) -> None:
        self._remote = remote
        self._tokens = tokens

    def fetch(self, snapshot_hash: str) -> ApprovedApplication:
        """Fetch a snapshot and verify it.

        Raises:
            SnapshotRefused: it is not there, not what its hash says, or not of our schema.
            Unavailable: applications does not answer; the consumer waits.

        """
        if not DIGEST.fullmatch(snapshot_hash):
            raise SnapshotRefused("The event names no hash.")
        try:
            response = http.call(
                self._remote,
                "GET",
                f"/v1/snapshots/{snapshot_hash}",
                token=self._tokens.token(AUDIENCE),
            )
        except RemoteProblem as problem:
            raise SnapshotRefused(
                f"Applications answered {problem.status} {safe(problem.code)}."
            ) from problem
        return approved(response.content, snapshot_hash)


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
