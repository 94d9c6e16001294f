"""Codes of organisations are compared by their own form, not as a token has them (ruling 23)."""

import ast

import pytest

from tests.repository import ROOT

SOURCES = sorted((ROOT / "services").glob("*/src/**/*.py"))
CALLERS = frozenset({"principal", "caller"})
"""Under these names stands who asks, with the code that is in their token."""


def compared_as_text(source):
    """Name the lines in which a caller's code is compared as the token has it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            for part in (node.left, *node.comparators):
                if isinstance(part, ast.Attribute) and part.attr == "organisation":
                    name = getattr(part.value, "attr", getattr(part.value, "id", ""))
                    if name in CALLERS:
                        yield node.lineno


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("is_own = row.organisation == ctx.principal.organisation", [1]),
        ("x = principal.organisation in parties", [1]),
        ("x = codes.own(principal.organisation) in parties", []),
    ],
)
def test_a_comparison_of_a_token_s_code_is_found(source, found):
    assert list(compared_as_text(source)) == found


def test_no_service_compares_a_code_as_the_token_has_it():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in compared_as_text(path.read_text("utf-8"))
    }
    assert SOURCES
    assert found == set()
