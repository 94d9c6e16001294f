"""What the OpenAPI document of every service says alike, and what can be learnt from it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import yaml
from fastapi import FastAPI

REQUEST_PARTS = frozenset({"body", "query", "path", "header", "cookie"})


def problem_response(description: str) -> dict[str, Any]:
    """Return a documented response whose body is a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


def names_in(app: FastAPI) -> frozenset[str]:
    """Return every name that the document of `app` has: the only keys that may be repeated."""
    cached: frozenset[str] | None = getattr(app.state, "document_names", None)
    if cached is None:
        cached = REQUEST_PARTS | frozenset(_names(app.openapi()))
        app.state.document_names = cached
    return cached


def amend(app: FastAPI, change: Callable[[dict[str, Any]], None]) -> None:
    """Let `change` have the generated document before it is kept."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            change(generate())
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


@cache
def examples_of(package: str) -> Mapping[str, Any]:
    """Read a service's examples of bodies, by operation: `POST /v1/extracts`.

    They are beside its reference data; a package that is none of a service has none. Read once,
    for all apps of a process: nobody changes what is returned.
    """
    if find_spec(package) is None:
        return {}
    path = files(package).joinpath("reference", "examples.yaml")
    found: Mapping[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def give_examples(app: FastAPI, examples: Mapping[str, Any]) -> None:
    """Show of each body whose model has no example the one that is given for it.

    Several apps of one service share its examples.
    """

    def change(document: dict[str, Any]) -> None:
        for method, path, operation in operations(document):
            example = examples.get(f"{method} {path}")
            if example is not None:
                for content in operation["requestBody"]["content"].values():
                    content["example"] = example

    amend(app, change)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Walk the operations: method, path, and the operation itself."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _names(document: dict[str, Any]) -> Iterator[str]:
    components = document.get("components", {}).get("schemas", {})
    yield from components
    yield from _properties(components)
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            yield parameter["name"]
            # FastAPI names headers in errors as they are sent, in lower case.
            yield parameter["name"].lower()
        yield from _properties(operation.get("requestBody", {}))


def _properties(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        mapping = node.get("discriminator", {}) if "discriminator" in node else {}
        if isinstance(mapping, dict):
            yield from mapping.get("mapping", {})
        for inner in node.values():
            yield from _properties(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _properties(inner)
