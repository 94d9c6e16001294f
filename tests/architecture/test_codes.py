"""docs/codes.md lists every code that a caller can be told."""

import re
from pathlib import Path

from common.web import problems
from pseudonymisation.domain import preparation

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]
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


def test_what_the_framework_itself_refuses_is_listed() -> None:
    assert set(problems.CODE_OF.values()) <= set(listed())


def test_every_failure_of_a_preparation_is_listed() -> None:
    assert set(preparation.TEXTS) == set(preparation.Code) <= set(listed())
