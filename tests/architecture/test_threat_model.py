"""The threat model is held: what it names exists, and what exists is named in it."""

import importlib
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache

import pytest

from tests.repository import ROOT, text_of

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
PAGE = text_of(ROOT / "docs/threat-model.md")
FLOW = re.compile(r"(?m)^## <a id=\"f\d+\"></a>(.+)$")
ROW = re.compile(r"(?m)^\| ([A-Z]) \| (.+?) \| (.+?) \| (.+) \|$")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
CODE = re.compile(r"`([^`]+)`")
RESIDUAL = "**Residual:** "
PLACE = re.compile(r"_(url|urls|file|dir|store)$")
EVERYWHERE = {"/livez", "/readyz", "/metrics", "/docs", "/openapi.json"}


def flows() -> dict[str, str]:
    """Each flow by its title."""
    parts = FLOW.split(PAGE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(flow: str) -> list[tuple[str, str, str, str]]:
    return ROW.findall(flow)


FLOWS = flows()
ROWS = [(title.strip(), *row) for title, flow in FLOWS.items() for row in rows(flow)]


@cache
def defined(path: str) -> frozenset[str]:
    """Return the names of the functions of a file."""
    text = text_of(ROOT / path) if (ROOT / path).is_file() else ""
    return frozenset(re.findall(r"(?m)^ *(?:async )?def (\w+)\(", text))


def covered() -> set[str]:
    """Everything that a flow says it covers."""
    return {
        name
        for flow in FLOWS.values()
        for line in re.findall(r"(?ms)^Covers (.+?)\.$", flow)
        for name in CODE.findall(line)
    }


def group(path: str) -> str:
    return "/".join(path.split("/")[:3]) if path.startswith(("/v1", "/access", "/.w")) else path


def there_is() -> set[str]:
    """Groups of routes, places of the settings, and topics, as `make check` holds the contracts."""
    found = set(EVERYWHERE)
    for service in SERVICES:
        folder = ROOT / "contracts" / service
        for document in folder.glob("*openapi.json"):
            name = f"{service}/{document.stem}".replace("/openapi", "").removesuffix(".openapi")
            for path in json.loads(text_of(document))["paths"]:
                found.add(path if path in EVERYWHERE else f"{name} {group(path)}")
        settings = importlib.import_module(f"{service}.settings").Settings
        found |= {name for name in settings.model_fields if PLACE.search(name)}
        channels = json.loads(text_of(folder / "asyncapi.json"))["channels"]
        found |= {f"topic {topic}" for topic in channels}
    return found


def test_what_there_is_is_in_a_flow_and_what_is_in_a_flow_is_there() -> None:
    files = {name for name in covered() if (ROOT / name).exists()}

    assert there_is() - covered() == set(), "new; which flow is it in, and what threatens it?"
    assert covered() - files - there_is() == set()


def test_every_flow_is_asked_for_all_of_stride() -> None:
    assert len(FLOWS) == 16
    for title, flow in FLOWS.items():
        assert {letter for letter, *_ in rows(flow)} == set("STRIDE"), title
        lines = [line for line in flow.splitlines() if re.match(r"\| [A-Z]? ?\|", line)]
        assert len(lines) == len(rows(flow)) + 1, f"{title}: a row that is not read"


def test_every_threat_has_a_test_that_exists_or_says_what_stays() -> None:
    wrong = [(row[0], row[2], problem) for row in ROWS for problem in problems_of(row)]

    assert len(ROWS) > 100
    assert wrong == []


def problems_of(row: tuple[str, ...]) -> Iterator[str]:
    _, _, threat, guard, held = row
    named = TEST.findall(held)
    _, _, residual = held.partition(RESIDUAL)
    if len(threat.split()) < 4:
        yield "the threat is not said"
    if not named and len(residual.split()) < 9:
        yield "neither a test nor a residual"
    for path, name in named:
        if not (name.startswith("test_") and name in defined(path)):
            yield f"there is no {path}::{name}"
    if guard == "none":
        if not residual:
            yield "what is guarded by nothing says what stays"
    elif not (modules := CODE.findall(guard)):
        yield "the guard is not named"
    else:
        for module in modules:
            if not (ROOT / module).exists() and not is_module(module):
                yield f"there is no {module}"


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    "row",
    [
        ("1", "S", "Somebody does something bad", "`common.web`", "it is guarded"),
        (
            "1",
            "S",
            "Somebody does something bad",
            "`common.web`",
            "`tests/test_scanning.py::test_y`",
        ),
        ("1", "S", "Somebody does something bad", "`common.webb`", f"{RESIDUAL}{'word ' * 9}"),
        ("1", "S", "Somebody does something bad", "none", "`tests/leaks.py::leaks`"),
        ("1", "S", "Somebody does something bad", "common.web", f"{RESIDUAL}{'word ' * 9}"),
        ("1", "S", "Bad", "`common.web`", f"{RESIDUAL}{'word ' * 9}"),
    ],
    ids=["no test", "none such", "no guard", "no residual", "unnamed", "unsaid"],
)
def test_a_row_that_holds_nothing_is_found(row) -> None:
    assert list(problems_of(row))


def test_a_test_is_not_named_in_any_other_form() -> None:
    """As the rows are read: a name that the pattern misses would be held by nobody."""
    assert PAGE.count(".py::") == len(TEST.findall(PAGE))


def test_every_package_is_locked_by_its_digest() -> None:
    lock = tomllib.loads(text_of(ROOT / "uv.lock"))
    for package in lock["package"]:
        if "registry" in package["source"]:
            files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
            assert files, package["name"]
            assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
