"""The document that is drafted to be signed: for machines and for people, under one hash."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from common.errors import Conflict
from common.ids import canonical, digest
from statements.agreement_page import PAGE, PAGES, rendered
from statements.document import (
    DOCUMENT_SCHEMA,
    FOR_PEOPLE,
    FOR_PEOPLE_PARTS,
    FORMER_SCHEMA,
    SNAPSHOT_SCHEMA,
    WRAPPER,
)


class SignedParty(Protocol):
    """Who signs, as the document names them."""

    @property
    def ods(self) -> str: ...

    @property
    def capacity(self) -> str: ...

    @property
    def legal_name(self) -> str: ...


def written(
    *,
    reference: str,
    version: str,
    parties: Sequence[SignedParty],
    snapshot_hash: str,
    snapshot: Mapping[str, JsonValue],
) -> bytes:
    """Write the document that is signed: the approved snapshot, whole, with who signs it.

    It names the hash of the page for people, which is made of it, so that one signature is under
    both (docs/adr/0141).
    """
    content: dict[str, JsonValue] = {
        "schema": DOCUMENT_SCHEMA,
        "reference": reference,
        "version": version,
        "parties": [
            {"ods": p.ods, "capacity": str(p.capacity), "legal_name": p.legal_name} for p in parties
        ],
        "snapshot_hash": snapshot_hash,
        "snapshot": dict(snapshot),
    }
    # As it will be read: the order and form of what it is made of must not depend on where from.
    page = rendered(json.loads(canonical(content)))
    return canonical({**content, FOR_PEOPLE: {"page": PAGE, "digest": digest(page.encode())}})


class PageDiffers(Conflict):
    """It would be shown to be what was signed, and is not."""

    code = "DOCUMENT_PAGE_DIFFERS"
    title = "The document for people is not the one that was signed"


def page_of(text: str) -> str:
    """Return the document for people that belongs to a document.

    Raises:
        PageDiffers: it has not the hash that the document names.

    """
    content: dict[str, JsonValue] = json.loads(text)
    named = content.pop(FOR_PEOPLE, None)
    if content.get("schema") == FORMER_SCHEMA:
        return rendered(content)  # and says of itself that it is no part of what was signed
    if isinstance(named, dict) and named.get("page") in PAGES:
        page = rendered(content, str(named["page"]))
        if digest(page.encode()) == named.get("digest"):
            return page
    raise PageDiffers("Read the document for machines, and tell an operator.")


def schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of the document for machines, as it is drafted now."""
    text: JsonValue = {"type": "string", "minLength": 1}
    hashed: JsonValue = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    party: JsonValue = {
        "type": "object",
        "required": ["ods", "capacity", "legal_name"],
        "additionalProperties": False,
        "properties": {
            "ods": {"type": "string", "description": "The ODS code."},
            "capacity": {"enum": ["controller", "processor", "body"]},
            "legal_name": text,
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A data sharing agreement, as its parties sign it",
        "description": "Canonical JSON (RFC 8785). Its SHA-256 is what is signed.",
        "type": "object",
        "required": [*sorted(WRAPPER | {FOR_PEOPLE})],
        "additionalProperties": False,
        "properties": {
            "schema": {"const": DOCUMENT_SCHEMA},
            "reference": {"type": "string", "pattern": "^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$"},
            "version": {"type": "string", "pattern": "^v[0-9]{1,6}\\.[0-9]{1,6}$"},
            "parties": {"type": "array", "minItems": 1, "items": party},
            "snapshot_hash": hashed,
            "snapshot": {
                "type": "object",
                "description": "What was approved, whole: contracts/applications/"
                "snapshot.v1.schema.json; `issued_from` or `imported` besides, where it came"
                " about without an application of its own.",
                "required": ["schema", "controllers", "processors", "lines"],
                "properties": {"schema": {"const": SNAPSHOT_SCHEMA}},
            },
            FOR_PEOPLE: {
                "type": "object",
                "description": "The page for people, which is made of all the other members.",
                "required": [*sorted(FOR_PEOPLE_PARTS)],
                "additionalProperties": False,
                "properties": {"page": {"enum": [*sorted(PAGES)]}, "digest": hashed},
            },
        },
    }
