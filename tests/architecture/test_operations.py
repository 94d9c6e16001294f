"""No service takes what it does not know: every object of a request names its members."""

import copy
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

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


APPS = [
    ("agreements", "api"),
    ("applications", "api"),
    ("dissemination", "api"),
    ("pseudonymisation", "intake"),
    ("pseudonymisation", "preparations"),
]
UNKNOWN = "no_such_member"
MEMBERS_OF_ANY_NAME = {"POST /access/v1/evaluations", "POST /v1/agreements-in-force"}
"""Each is read by itself: `test_what_is_wrong_with_one_of_several_is_named_where_it_is`, and
`test_a_snapshot_in_force_with_a_clause_that_nobody_knows_is_refused`."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_body_of_a_request_has_an_example(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))

    without = [
        f"{method} {where}"
        for where, item in document["paths"].items()
        for method, operation in item.items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if example_of(content, document) is None
    ]

    assert not without


@pytest.mark.parametrize(("service", "name"), APPS)
def test_every_example_is_taken_and_none_with_a_member_that_is_not_known(
    service: str, name: str
) -> None:
    """At every depth, of every body of JSON; what is unknown is named by its place."""
    bodies = dict(bodies_of(app_of(service, name)))
    assert bodies

    for operation, (field, example) in bodies.items():
        assert field.validate(example, {}, loc=("body",))[1] in ([], None), operation
        if operation in MEMBERS_OF_ANY_NAME:
            continue
        for place, spoilt in with_one_more(example):
            found = field.validate(spoilt, {}, loc=("body",))[1]
            named = [error["loc"] for error in found if error["type"] == "extra_forbidden"]
            assert any(is_at(loc, place) for loc in named), (operation, place, found)


FIRST_AND_LAST = (
    ("valid_from", "valid_to"),
    ("effective_from", "effective_to"),
    ("start", "end"),
    ("from", "to"),
    ("from", "until"),
)
JUDGED_WITH_WHAT_IS_KNOWN = {  # and sections of an application, when it is submitted
    "POST /v1/agreements-in-force": "the snapshot is read as any that was approved",
    "POST /v1/expectations": "`EXPECTATION_INVALID`, by the use case",
}


@pytest.mark.parametrize(("service", "name"), APPS)
def test_nothing_that_is_sent_ends_before_it_begins(service: str, name: str) -> None:
    """Of whatever has a first and a last day or month, in every body of JSON."""
    tried = set()
    for operation, (field, example) in bodies_of(app_of(service, name)):
        for place, spoilt in ending_before(example, field):
            tried.add(operation)
            found = field.validate(spoilt, {}, loc=("body",))[1]
            is_judged_later = operation in JUDGED_WITH_WHAT_IS_KNOWN or "/sections/" in operation
            assert found or is_judged_later, (operation, place)

    expected = {"agreements", "applications", "dissemination", "pseudonymisation/intake"}
    assert bool(tried) == bool({service, f"{service}/{name}"} & expected)


def ending_before(example: Any, field: Any) -> Iterator[tuple[str, Any]]:
    """Give the example with each last day, there or left out, before its first day."""
    for place in places_of(example):
        for first, last in FIRST_AND_LAST:
            spoilt = copy.deepcopy(example)
            within = spoilt
            for step in place:
                within = within[step]
            begins = within.get(first) if isinstance(within, dict) else None
            if not isinstance(begins, str) or not begins[:4].isdigit():
                continue
            was_there = last in within
            within[last] = f"{int(begins[:4]) - 1}{begins[4:]}"
            errors = field.validate(spoilt, {}, loc=("body",))[1]
            if was_there or not any(e["type"] == "extra_forbidden" for e in errors or ()):
                yield f"{place} {last}", spoilt


def places_of(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        yield place
        for name, inner in node.items():
            yield from places_of(inner, (*place, name))
    elif isinstance(node, list):
        for at, inner in enumerate(node):
            yield from places_of(inner, (*place, at))


def app_of(service: str, name: str) -> FastAPI:
    made = importlib.import_module(f"{service}.main").SERVICE
    app: FastAPI = made.apps[name](made.settings(environment="development"))
    return app


def bodies_of(app: FastAPI) -> Iterator[tuple[str, tuple[Any, Any]]]:
    document = app.openapi()
    for route in iter_route_contexts(app.routes):
        field = getattr(route.original_route, "body_field", None)
        for method in route.methods or () if field is not None else ():
            operation = document["paths"][route.path][method.lower()]
            content = operation["requestBody"]["content"].get("application/json")
            if content is not None:
                yield f"{method} {route.path}", (field, example_of(content, document))


def example_of(content: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    schema = content["schema"]
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    for holder in (content, schema, named):
        if "example" in holder:
            return holder["example"]
        if holder.get("examples"):
            return holder["examples"][0]
    return None


def with_one_more(
    example: Any, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the example once for each object in it, with a member too many there."""
    node = example
    for part in place:
        node = node[part]
    if isinstance(node, dict):
        spoilt = copy.deepcopy(example)
        inner = spoilt
        for part in place:
            inner = inner[part]
        inner[UNKNOWN] = 1
        yield place, spoilt
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield from with_one_more(example, (*place, key))


def is_at(loc: tuple[str | int, ...], place: tuple[str | int, ...]) -> bool:
    """Say whether an error is there; between its steps pydantic may name alternatives."""
    steps = iter(loc)
    return loc[-1] == UNKNOWN and all(part in steps for part in place)
