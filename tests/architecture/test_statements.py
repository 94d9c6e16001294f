"""What passes between services is written and read by its model in `statements`, and by no hand.

Looked at: every dict written out in what services and `common` ship. One whose keys
are members of a statement, five or more and no others, is a second form of it. A part of a
statement has few members, and `id`, `line` or `format` are words of many things; from five on it
is no chance. The client and the command are left out: they send what any client sends, and know
the wire alone.
"""

import ast
import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

import statements
from tests.repository import ROOT, text_of, tracked

MEMBERS_MIN = 5
LEFT_OUT = {"statements", "dsfc_client", "dsfc_testing", "dsfc_cli"}


def models() -> dict[str, frozenset[str]]:
    """Return the members of every statement and of its parts, as they are written."""
    found: dict[str, frozenset[str]] = {}
    for module in pkgutil.iter_modules(statements.__path__, "statements."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if not isinstance(value, type) or value.__module__ != module.name:
                continue
            if dataclasses.is_dataclass(value) or issubclass(value, BaseModel):
                schema = TypeAdapter(value).json_schema(by_alias=True)
                described = (
                    schema if "properties" in schema else schema.get("$defs", {}).get(name, {})
                )
                found[f"{module.name}.{name}"] = frozenset(described.get("properties", ()))
    return found


MODELS = models()


def second_forms(tree: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """Give the line of every dict that is a statement written by hand, and which ones it may be."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        keys = {k.value for k in node.keys if isinstance(k, ast.Constant)}
        if len(keys) >= MEMBERS_MIN:
            of = sorted(name for name, members in MODELS.items() if keys <= members)
            if of:
                yield node.lineno, of


def shipped() -> Iterator[Path]:
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if path.suffix != ".py" or "src" not in parts or "migrations" in parts:
            continue
        if parts[parts.index("src") + 1] not in LEFT_OUT:
            yield path


def test_a_second_form_is_found() -> None:
    by_hand = 'x = {"extract_id": 1, "agreement": 2, "purpose": 3, "data_set": 4, "periods": []}'
    besides = 'x = {"extract_id": 1, "agreement": 2, "purpose": 3, "data_set": 4, "asked_by": 5}'

    ((line, of),) = second_forms(ast.parse(by_hand))
    assert (line, of) == (1, ["statements.request.ExtractRequest"])
    assert list(second_forms(ast.parse(besides))) == []
    assert len(MODELS) > 30


def test_no_statement_is_written_by_hand() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": of
        for path in shipped()
        for line, of in second_forms(ast.parse(text_of(path)))
    }

    assert found == {}
