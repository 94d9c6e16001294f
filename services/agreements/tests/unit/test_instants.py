"""What is written takes its instant from the transaction that writes it (docs/adr/0025)."""

import ast
from pathlib import Path

import agreements.records.use_cases

ROOM = Path(agreements.records.use_cases.__file__).parent


def asks_the_clock(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "now"
        and ast.unparse(node.func.value).endswith("clock")
    )


def writes(node):
    return isinstance(node, ast.With) and any(
        ast.unparse(item.context_expr).endswith("uow.writing()") for item in node.items
    )


def astray(function):
    """Lines in a writing transaction that go by an instant from outside of it."""
    outside = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and asks_the_clock(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for block in filter(writes, ast.walk(function)):
        for node in ast.walk(block):
            if asks_the_clock(node) or (isinstance(node, ast.Name) and node.id in outside):
                yield node.lineno


def test_no_use_case_writes_an_instant_that_was_read_outside_its_transaction():
    """Guard: a reading from outside runs ahead of the commit, and others believe it late."""
    functions = [
        (path.name, function)
        for path in sorted(ROOM.rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
    ]
    assert any(writes(node) for _, f in functions for node in ast.walk(f))

    assert [f"{name}:{line}" for name, f in functions for line in astray(f)] == []
