"""docs/codes.md lists every code that a caller can be told."""

import ast
import re
from collections import Counter
from pathlib import Path

from common.web import problems
from pseudonymisation.preparations.domain import errors

ROOT = Path(__file__).parents[2]
SOURCES = [p for tree in ("libs/*", "services/*", "cli") for p in ROOT.glob(f"{tree}/src/**/*.py")]
WRITTEN = re.compile(r"""\bcode ?(?:: \w+)? ?= ?"([A-Z][A-Z_0-9]+)\"""")


def listed() -> list[str]:
    text = (ROOT / "docs" / "codes.md").read_text("utf-8")
    return re.findall(r"^\| `([A-Z][A-Z_0-9]+)` \|", text, re.MULTILINE)


def test_every_code_in_the_code_is_listed() -> None:
    written = {
        code
        for path in SOURCES
        if path.parent.name != "migrations"
        for code in WRITTEN.findall(path.read_text("utf-8"))
    } - {"ERROR", "POSTCODE"}

    assert len(written) > 90
    assert written <= set(listed())


def test_a_code_has_one_class() -> None:
    """Two classes of one code would have two titles, and a caller could not look it up."""
    classes = [
        (code.value, path.name)
        for path in SOURCES
        for body in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(body, ast.ClassDef)
        for assigned in body.body
        if isinstance(assigned, ast.Assign)
        and [ast.unparse(target) for target in assigned.targets] == ["code"]
        and isinstance(code := assigned.value, ast.Constant)
    ]
    count = Counter(code for code, _ in classes)

    assert len(count) > 90
    assert [(code, path) for code, path in classes if count[code] > 1] == []


def test_what_the_framework_itself_refuses_is_listed() -> None:
    assert set(problems.CODE_OF.values()) <= set(listed())


def test_every_failure_of_a_preparation_is_listed() -> None:
    assert set(errors.FAILURE_DETAILS) == set(errors.FailureCode) <= set(listed())
