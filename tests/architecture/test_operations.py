"""No service takes what it does not know: every object of a request names its members."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
DOCUMENTS = sorted(CONTRACTS.glob("*/*openapi.json"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_object_of_a_request_refuses_members_that_it_does_not_know(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    bodies = [
        (f"{method} {where}", content["schema"])
        for where, item in document["paths"].items()
        for method, operation in item.items()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]

    open_ = {
        f"{place}: {name}"
        for place, schema in bodies
        for name, found in objects(schema, document["components"]["schemas"], place)
        if "properties" in found and found.get("additionalProperties") is not False
    }

    assert not open_


def objects(
    node: Any, components: Mapping[str, Any], name: str, seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in a schema, with the name of its model."""
    if isinstance(node, list):
        for inner in node:
            yield from objects(inner, components, name, seen)
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        model = node["$ref"].rpartition("/")[2]
        if model not in seen:
            yield from objects(components[model], components, model, seen | {model})
        return
    if node.get("type") == "object":
        yield name, node
    members = node.get("properties", {})
    others = [inner for word, inner in node.items() if word not in {"properties", "examples"}]
    for inner in (*members.values(), *others):
        yield from objects(inner, components, name, seen)
