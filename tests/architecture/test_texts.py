"""Every text of every request is of a closed form, or scanned for personal data (docs/adr/0028).

A text that a person writes goes into logs, documents and public registers. Whoever adds one gives
it a pattern or an enumeration that leaves no room for a number of ten digits, or ends its type with
`common.texts.Scanned()`; a code or reference ends with `Scanned(code=True)`.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from common.texts import MARK
from dsfc_cli.generated import contracts

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
NUMBER = "9990000018"
"""Of the test range; a form that takes it, alone or after a letter, is not closed."""
PROBES = (NUMBER, f"A{NUMBER}", f"a{NUMBER}", f"A-{NUMBER}", f"x {NUMBER} y")
CLOSED_FORMATS = frozenset({"date", "date-time", "uuid", "binary"})
NOT_KEPT = {
    "Idempotency-Key": "a digest of it is kept, and nothing else",
    "Range": "read as numbers of bytes",
    "If-Range": "compared with an ETag",
    "accept": "compared with media types",
    "digest": "compared with the content's digest",
    "if-match": "a version's number",
}
PROOFS = {"Proof.token", "Attested.attestation", "PutPreparation.permit"}
"""Signed compact JWS: verified, and never read as text."""

LOOKED_UP = {
    "WantedPerson.nhs_number",
    "WantedSubjectAccess.nhs_number",
    "WantedMatch.nhs_numbers[]",
}
"""A number that somebody asks about: a haven token is made of it at once, and it is kept nowhere
(`test_an_answer_is_logged_before_it_is_given_and_no_number_is_anywhere`,
`test_it_is_logged_and_no_number_and_no_release_of_anybody_is_kept`)."""


def is_closed(schema: dict[str, Any]) -> bool:
    if "enum" in schema or "const" in schema or schema.get("format") in CLOSED_FORMATS:
        return True
    pattern = schema.get("pattern")
    return pattern is not None and not any(re.search(pattern, probe) for probe in PROBES)


def texts_of(node: Any, where: str, schemas: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """Give the places of texts that are neither closed nor scanned."""
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from texts_of(schemas[name], name, schemas, seen)
        return
    if node.get("type") == "string":
        if not is_closed(node) and MARK not in node and where not in PROOFS | LOOKED_UP:
            yield where
        return
    for name, inner in node.get("properties", {}).items():
        yield from texts_of(inner, f"{where}.{name}", schemas, seen)
    for key in ("items", "additionalProperties"):
        yield from texts_of(node.get(key), f"{where}[]", schemas, seen)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in node.get(key, ()):
            yield from texts_of(inner, where, schemas, seen)


def open_texts(document: dict[str, Any]) -> list[str]:
    schemas = document["components"]["schemas"]
    found: list[str] = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            place = f"{method.upper()} {path}"
            body = operation.get("requestBody", {}).get("content", {})
            if "application/json" in body:
                found += texts_of(body["application/json"]["schema"], place, schemas, set())
            if method == "get":
                continue  # asks, and keeps nothing
            for parameter in operation.get("parameters", ()):
                if parameter["name"] not in NOT_KEPT:
                    where = f"{place} {parameter['name']}"
                    found += texts_of(parameter["schema"], where, schemas, set())
    return sorted(set(found))


@pytest.mark.parametrize("service", SERVICES)
def test_every_text_of_a_request_is_closed_or_scanned(service: str) -> None:
    for app in contracts.apps_of(service).values():
        assert open_texts(app.openapi()) == [], __doc__


def test_a_free_text_is_found() -> None:
    schema = {"type": "object", "properties": {"reason": {"type": "string", "maxLength": 10}}}
    document = {
        "components": {"schemas": {"Body": schema}},
        "paths": {
            "/v1/x": {
                "post": {
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Body"}}
                        }
                    },
                    "parameters": [
                        {"name": "note", "in": "query", "schema": {"type": "string"}},
                        {"name": "day", "schema": {"type": "string", "format": "date"}},
                    ],
                }
            }
        },
    }

    assert open_texts(document) == ["Body.reason", "POST /v1/x note"]
    schema["properties"]["reason"][MARK] = "refused"  # type: ignore[index]  # as Scanned() writes
    assert open_texts(document) == ["POST /v1/x note"]
