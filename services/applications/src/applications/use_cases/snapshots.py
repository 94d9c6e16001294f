"""Freezing what was handed in, and reading it again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from applications.domain.errors import AsPublishedRefused, FindingsRefuse
from applications.domain.findings import refuse
from applications.domain.life import Frozen
from applications.domain.sections.terms import Condition
from applications.domain.snapshot import Snapshot
from applications.use_cases.context import Context
from common.ids import canonical, digest
from common.messaging.envelope import SCHEMAS
from common.texts import STORED, found_in
from statements.vocabulary import Classification


def as_json(snapshot: Snapshot) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = snapshot.model_dump(mode="json", by_alias=True)
    return value


def freeze(snapshot: Snapshot) -> Frozen:
    """Name it by the hash of its canonical JSON (RFC 8785)."""
    content = canonical(as_json(snapshot))
    return Frozen(hash=digest(content), revision=snapshot.revision, content=content)


def as_decided(
    content: bytes, conditions: Sequence[Condition], as_published: Mapping[int, str]
) -> Frozen:
    """Return the submission with what the decision adds; itself where that is nothing.

    `as_published` has the approver's reason by the number of the line.

    Raises:
        AsPublishedRefused: a line is not there, or has no suppressed tables

    """
    snapshot = Snapshot.model_validate_json(content, context=STORED)
    suppressed = {
        line.number
        for line in snapshot.lines
        if line.classification is Classification.AGGREGATE_SUPPRESSED
    }
    wrong = sorted(as_published.keys() - suppressed)
    if wrong:
        raise AsPublishedRefused(
            "`as_published`: line " + ", ".join(map(str, wrong)) + " has no tables with small"
            " numbers suppressed; leave it out."
        )
    lines = tuple(
        line.model_copy(update={"as_published": as_published[line.number]})
        if line.number in as_published
        else line
        for line in snapshot.lines
    )
    return freeze(
        snapshot.model_copy(
            update={
                "lines": lines,
                "special_conditions": (*snapshot.special_conditions, *conditions),
            }
        )
    )


def require_clean(content: bytes) -> None:
    """Check that nothing with personal data in it is approved, also from before texts were scanned.

    Raises:
        FindingsRefuse: with every place; the application is returned, and mended by its author.

    """
    places = tuple(found_in(json.loads(content)))
    if places:
        raise FindingsRefuse(
            [refuse("PERSONAL_DATA_IN_TEXT", None, p.pointer, p.detail) for p in places]
        )


def read(snapshot_hash: str, *, ctx: Context) -> bytes:
    """Return the bytes that the hash is of."""
    with ctx.uow.reading() as tx:
        return tx.snapshots.get(snapshot_hash)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a snapshot: contracts/applications/snapshot.v1.schema.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMAS}/applications/snapshot.v1.schema.json",
        **Snapshot.model_json_schema(by_alias=True, mode="serialization"),
    }
