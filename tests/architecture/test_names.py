"""A class name is given once in a service, no module is too long, and exceptions have one home.

Each rule lists the packages that hold it. Migrations are left out: what was released stays.
"""

import ast
import builtins
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.repository import text_of, tracked

LINES_MAX = 500

PACKAGES = {
    path.parent.name: path.parent
    for path in sorted(tracked())
    if path.name == "__init__.py" and path.parent.parent.name == "src"
}
"""The folder of every package that the repository ships, by its name."""
SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")

NAMES_ONCE = (
    "agreements",
    "applications",
    "common",
    "disclosure",
    "dissemination",
    "dsfc_cli",
    "dsfc_client",
    "dsfc_testing",
    "pseudonymisation",
)
NO_LONG_MODULE = (
    "agreements",
    "applications",
    "catalogue",
    "common",
    "disclosure",
    "dsfc_cli",
    "dsfc_client",
    "dsfc_testing",
    "pseudonymisation",
    "statements",
    "dissemination",
)
ERRORS_AT_HOME = ("agreements", "applications", "dissemination", "pseudonymisation")
"""Services alone: a library has no rooms, its exceptions stand beside what raises them."""
EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


@cache
def modules(package: str) -> tuple[tuple[Path, ast.Module], ...]:
    """Return every module of a package with its syntax tree, by its path within the package."""
    base = PACKAGES[package]
    return tuple(
        (path.relative_to(base), ast.parse(text_of(path)))
        for path in tracked()
        if path.suffix == ".py" and base in path.parents
        if "migrations" not in path.parts
    )


def classes(package: str) -> list[tuple[Path, ast.ClassDef]]:
    return [
        (path, node)
        for path, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]


def room(path: Path) -> tuple[str, ...]:
    """Return a module's room, as `records/adapters`; `db`, `engine` and `main.py` are their own."""
    rooms = ("api", "use_cases", "domain", "adapters")
    for depth, part in enumerate(path.parts):
        if part in rooms:
            return path.parts[: depth + 1]
    return path.parts[:1]


def at_home(path: Path) -> bool:
    """Whether exceptions belong here: the errors of a unit, or of what knows no unit."""
    return path.name == "errors.py" and room(path)[-1] in ("domain", "db", "engine")


def built_on(package: str, roots: set[str]) -> dict[str, Path]:
    """Return the classes of a package that are built on these, also by way of `common`."""
    bases = {
        node.name: {
            base.id if isinstance(base, ast.Name) else base.attr
            for base in node.bases
            if isinstance(base, ast.Name | ast.Attribute)
        }
        for of in (package, "common")
        for _, node in classes(of)
    }
    known = set(roots)
    while more := {name for name, of in bases.items() if of & known} - known:
        known |= more
    return {node.name: path for path, node in classes(package) if node.name in known}


@pytest.mark.parametrize("package", NAMES_ONCE)
def test_a_class_name_is_given_once(package: str) -> None:
    found = defaultdict(list)
    for path, node in classes(package):
        found[node.name].append(f"{path}:{node.lineno}")

    assert found
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


@pytest.mark.parametrize("package", NO_LONG_MODULE)
def test_no_module_is_too_long_to_read(package: str) -> None:
    base = PACKAGES[package]
    lengths = {path: len(text_of(base / path).splitlines()) for path, _ in modules(package)}

    assert lengths
    assert {str(p): n for p, n in lengths.items() if n > LINES_MAX} == {}


@pytest.mark.parametrize("package", ERRORS_AT_HOME)
def test_problems_are_defined_among_the_errors_of_their_unit(package: str) -> None:
    problems = built_on(package, {"AppError"})

    assert problems
    assert {name: str(path) for name, path in problems.items() if not at_home(path)} == {}


@pytest.mark.parametrize("package", ERRORS_AT_HOME)
def test_an_exception_that_leaves_its_room_is_defined_among_the_errors(package: str) -> None:
    """An exception that one room raises and catches for itself may stay beside what raises it."""
    elsewhere = {n: p for n, p in built_on(package, EXCEPTIONS).items() if not at_home(p)}

    assert {
        f"{path}:{name} is named in {'/'.join(room(at))}"
        for name, path in elsewhere.items()
        for at, tree in modules(package)
        if room(at) != room(path)
        for node in ast.walk(tree)
        if name in (getattr(node, "id", None), getattr(node, "attr", None))
    } == set()


def test_the_lists_name_what_is_there() -> None:
    assert {*NAMES_ONCE, *NO_LONG_MODULE} <= set(PACKAGES)
    assert set(ERRORS_AT_HOME) <= set(SERVICES) <= set(PACKAGES)
