"""What passes between services is written and read by its model in `statements`, and by no hand.

Looked at: in what services and `common` ship, every dict that is written out, every class with
annotated members, and every function that takes members by their names out of what it was given.
One whose names are members of a statement, five or more (of a class six) and no others, is a
second form of it. A part of a statement has few members, and `id`, `line` or `format` are words of
many things; from five on it is no chance. The client and the command are left out: they send what
any client sends, and know the wire alone.
"""

import ast
import dataclasses
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

import statements
from agreements.records.domain.version import IMPORTED, ISSUED_FROM
from applications.domain.snapshot import Snapshot
from statements import approved, document
from statements.bridging import BRIDGE
from tests.repository import ROOT, text_of, tracked

MEMBERS_MIN, CLASS_MEMBERS_MIN = 5, 6
READERS = frozenset({"get", "pop", "text", "text_or_none", "texts_or_none", "truth", "objects"})
"""What takes a member by its name, in our own readers too."""
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
    """Give the line of what is a statement by hand, and which ones it may be."""
    for node in ast.walk(tree):
        names, least = names_in(node)
        if len(names) >= least:
            of = sorted(name for name, members in MODELS.items() if names <= members)
            if of:
                yield node.lineno, of  # type: ignore[attr-defined]  # each of them has one


def names_in(node: ast.AST) -> tuple[set[object], int]:
    """Return the names of members in a dict, a class or a function, and how many make a form."""
    match node:
        case ast.Dict(keys=keys):
            return {k.value for k in keys if isinstance(k, ast.Constant)}, MEMBERS_MIN
        case ast.ClassDef(body=body):
            annotated = [a.target for a in body if isinstance(a, ast.AnnAssign)]
            return {a.id for a in annotated if isinstance(a, ast.Name)}, CLASS_MEMBERS_MIN
        case ast.FunctionDef():
            return set(taken_by_name(node)), MEMBERS_MIN
    return set(), MEMBERS_MIN


def taken_by_name(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                yield name
            case ast.Call(
                func=ast.Attribute(attr=reader), args=[ast.Constant(value=str(name)), *_]
            ):
                if reader in READERS:
                    yield name


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
    assert (line, of) == (
        1,
        ["statements.handed.RequestedExtract", "statements.request.ExtractRequest"],
    )
    assert list(second_forms(ast.parse(besides))) == []
    assert len(MODELS) > 30


def test_a_second_reader_is_found() -> None:
    model = "class Again:\n" + "".join(
        f"    {name}: str\n"
        for name in ("extract_id", "agreement", "purpose", "data_set", "periods", "fields")
    )
    by_name = (
        "def read(j):\n    return (j['extract_id'], j.get('agreement'), j['purpose'],"
        " j.pop('data_set'), read.text('periods'))"
    )

    for source in (model, by_name):
        ((line, of),) = second_forms(ast.parse(source))
        assert line == 1
        assert "statements.request.ExtractRequest" in of
    assert list(second_forms(ast.parse(model + "    asked_by: str"))) == []


def test_no_statement_is_written_by_hand() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": of
        for path in shipped()
        for line, of in second_forms(ast.parse(text_of(path)))
    }

    assert found == {}


WRITTEN = Snapshot.model_json_schema(by_alias=True, mode="serialization")
"""The approved snapshot as applications writes it."""


def members_of(name: str) -> frozenset[str]:
    return frozenset(WRITTEN["$defs"][name]["properties"])


def test_what_applications_writes_into_a_snapshot_is_what_decisions_read_of_it() -> None:
    """A clause that only one of the two knows would be denied for ever, or pass unseen."""
    parts = {name: known for name, known in document.LINE.items() if known is not None}
    line = WRITTEN["$defs"]["Line"]["properties"]

    known = document.CLAUSES | document.DESCRIPTIVE
    assert frozenset(WRITTEN["properties"]) == known - {ISSUED_FROM, IMPORTED}, "agreements' own"
    assert members_of("Line") == document.LINE.keys()
    assert members_of("Condition") == document.CONDITION
    assert members_of("Linkage") == BRIDGE > document.LINKAGE
    for name, known in parts.items():
        of = re.findall(r"#/\$defs/(\w+)", json.dumps(line[name]))
        assert [members_of(one) for one in of] == [known], name


def test_what_an_agreement_is_drafted_of_is_in_the_snapshot() -> None:
    read = approved.ApprovedSnapshot.model_json_schema(by_alias=True)
    kinds = {"Environment": "RecipientEnvironment"}

    assert read["properties"].keys() <= WRITTEN["properties"].keys()
    for name, model in read["$defs"].items():
        plain = name.removeprefix("Approved")
        assert model["properties"].keys() <= members_of(kinds.get(plain, plain)), name
