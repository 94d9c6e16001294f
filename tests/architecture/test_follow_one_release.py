"""`docs/follow-one-release.md` leads through the code as it is.

Every place exists, every hop calls the next one by name, and what the page counts are the rows of
its own tables. A class with the question's members that the page does not list is found as well.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.repository import ROOT, text_of

PAGE = text_of(ROOT / "docs" / "follow-one-release.md")
ROW = re.compile(r"^\| (?!---)(.+) \|$", re.MULTILINE)
CELL_PLACE = re.compile(r"^`([\w/]+):([\w.]+)`$")
PLACE = re.compile(r"`([a-z_]+(?:/\w+)+)(?::([\w.]+))?`")
COUNTS = re.compile(r"in (\d+) hops, (\d+) files and (\d+) shapes")
HOPS_MAX, FILES_MAX, SHAPES_MAX = 12, 20, 3

QUESTION = {"purpose", "data_set", "classification", "periods", "fields", "formats"}
AFTERWARDS = {"ExtractView", "RequestedExtract"}
"""No question to the decision: what clients are shown of an extract that was asked for, and what
the safe haven is handed beside the permit, once it is decided."""

BY_NAME = {"call", "port"}
"""How a hop is made so that the caller names what it calls."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with this heading, without its head."""
    after = PAGE[PAGE.index(f"| {heading} |") :]
    table = after.partition("\n\n")[0]
    return [row.split(" | ") for row in ROW.findall(table)][1:]


HOPS = rows("hop")
FILES = [row[0].strip("`") for row in rows("file")]
SHAPES = [row[0].strip("`") for row in rows("shape")]


def file_of(module: str) -> Path:
    """Return the file of a module, or the folder of a package."""
    found = list(ROOT.glob(f"*/*/src/{module}.py"))
    found += [path for path in ROOT.glob(f"*/*/src/{module}") if path.is_dir()]
    assert len(found) == 1, f"{module}: {found}"
    return found[0]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(text_of(file_of(module)))


def definition(module: str, name: str) -> ast.ClassDef | Function:
    """Return what a module defines by this name, also within a class."""
    body: list[ast.stmt] = tree(module).body
    found: ast.ClassDef | Function | None = None
    for part in name.split("."):
        (found,) = (
            node
            for node in body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name == part
        )
        body = found.body
    assert found is not None
    return found


def names_in(node: ast.AST) -> set[str]:
    """Return the names and attributes that are used within."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def split(place: str) -> tuple[str, str]:
    found = CELL_PLACE.match(place)
    assert found is not None, place
    return found[1], found[2]


def test_every_place_is_there() -> None:
    places = PLACE.findall(PAGE)

    assert len(places) > 60
    for module, name in places:
        if name:
            definition(module, name)
        else:
            file_of(module)


@pytest.mark.parametrize("hop", HOPS, ids=lambda hop: hop[0])
def test_each_hop_leads_to_the_next(hop: list[str]) -> None:
    number, before, after, how = hop
    caller, called = definition(*split(before)), split(after)[1].rpartition(".")[2]
    definition(*split(after))

    if how in BY_NAME:
        assert called in names_in(caller), f"{before} does not call {called}"
    if number != "1":
        assert before in {row[2] for row in HOPS[: int(number) - 1]}, "nobody has come here"


def test_a_route_is_where_the_wire_leads() -> None:
    (wire,) = (hop for hop in HOPS if hop[3] == "wire")
    (route,) = (hop for hop in HOPS if hop[3] == "route")
    sent = text_of(file_of("dissemination/adapters/agreements"))
    found = re.search(r'^EVALUATION = "(\S+)"$', sent, re.MULTILINE)
    endpoint = definition(*split(route[2]))
    (declared,) = (d for d in endpoint.decorator_list if isinstance(d, ast.Call))
    routes = text_of(file_of(split(route[2])[0]))
    prefix = re.search(r'^gate = APIRouter\(prefix="(\S+)".*FastRoute\)$', routes, re.MULTILINE)

    assert wire[2] == route[1]
    assert found
    assert prefix
    assert isinstance(declared.args[0], ast.Constant)
    assert found[1] == prefix[1] + declared.args[0].value


def test_the_counts_are_those_of_the_tables_and_within_their_bounds() -> None:
    found = COUNTS.search(PAGE)

    assert found is not None
    assert [int(n) for n in found.groups()] == [len(HOPS), len(FILES), len(SHAPES)]
    assert [hop[0] for hop in HOPS] == [str(n + 1) for n in range(len(HOPS))]
    assert len(HOPS) <= HOPS_MAX
    assert len(FILES) <= FILES_MAX
    assert len(SHAPES) <= SHAPES_MAX
    assert len(set(FILES)) == len(FILES)


def test_the_files_are_those_of_the_hops_and_of_the_shapes() -> None:
    on_the_way = {split(place)[0] for hop in HOPS for place in hop[1:3]}
    declaring = {shape.partition(":")[0] for shape in SHAPES}

    assert on_the_way | declaring <= set(FILES)


def test_a_table_goes_the_way_of_an_extract() -> None:
    """Sections 4 and 5 tell what differs; these calls are why nothing else does."""
    for route, called in (
        ("dissemination/api/routes/tabulations:ask_for_tabulation", "ask"),
        ("dissemination/api/routes/extracts:ask_for_extract", "ask"),
        ("pseudonymisation/intake/use_cases/landings:LandingJobs.order_of", "base_of"),
    ):
        assert called in names_in(definition(*split(f"`{route}`"))), route
    assert "## 4. A table" in PAGE
    assert "## 5. A net change" in PAGE


def test_nobody_else_writes_the_question_s_members_out_anew() -> None:
    shapes = {}
    for source in ROOT.glob("*/*/src"):
        for path in source.rglob("*.py"):
            for node in ast.walk(ast.parse(text_of(path))):
                if isinstance(node, ast.ClassDef):
                    members = {
                        s.target.id
                        for s in node.body
                        if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
                    }
                    if members >= QUESTION and node.name not in AFTERWARDS:
                        module = path.relative_to(source).with_suffix("")
                        shapes[f"{module}:{node.name}"] = members

    assert sorted(shapes) == sorted(SHAPES)
