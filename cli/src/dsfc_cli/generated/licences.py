"""Licences of all that the lock file names: what is on no list does not come in (docs/adr/0070).

Names and versions are the lock's. The licence is what the installed metadata say, or where they do
not, what `licences.yaml` says with its source, so that the page is the same on every system.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Protocol

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

PRODUCTION = (
    *("dsfc-applications", "dsfc-agreements", "dsfc-pseudonymisation", "dsfc-dissemination"),
)
REASONS = "docs/adr/0070-security-of-the-whole.md"
PREFACE = (
    "What is installed, under which licence (SPDX). **images**: in an image of a service, and in",
    "its bill of materials; **development**: for tests and the command alone. A licence that the",
    f"first table does not have fails `make check`: [reasons]({REASONS.removeprefix('docs/')}).",
)
OPERATORS = frozenset({"AND", "OR", "WITH"})


class LicenceRefused(Exception):
    """A package's licence is not known, or not one that is allowed."""


class Fields(Protocol):
    """A distribution's metadata."""

    def get_all(self, name: str, failobj: Sequence[str] = ...) -> Sequence[str] | None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What `licences.yaml` says."""

    allowed: Mapping[str, str]
    spelled: Mapping[str, str]
    told: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package of the lock file, and under what it comes."""

    name: str
    versions: tuple[str, ...]
    licence: str
    is_in_images: bool


def rules() -> Rules:
    """Read the rules beside this module."""
    text = resources.files(__package__).joinpath("licences.yaml").read_text("utf-8")
    return Rules(**yaml.safe_load(text))


def licensed(
    lock: Mapping[str, Any], installed: Mapping[str, Fields], said: Rules
) -> list[Licensed]:
    """Return what the lock file names and is not ours, by name.

    Raises:
        LicenceRefused: with every package whose licence is not known or not allowed.

    """
    shipped = _reached(lock["package"], PRODUCTION)
    versions: dict[str, list[str]] = {}
    for package in lock["package"]:
        if "registry" in package["source"]:
            versions.setdefault(package["name"], []).append(package["version"])
    found, refused = [], []
    for name, of_it in sorted(versions.items()):
        licence = _licence(name, installed.get(name), said)
        if licence is None:
            refused.append(f"{name}: no licence is told; look it up, and say it in licences.yaml")
        elif unknown := sorted(_ids(licence) - said.allowed.keys()):
            refused.append(f"{name}: {', '.join(unknown)} is not allowed in licences.yaml")
        else:
            found.append(Licensed(name, tuple(sorted(of_it)), licence, name in shipped))
    if refused:
        raise LicenceRefused("; ".join(refused))
    return found


def documents(root: Path) -> dict[str, str]:
    """Return the page for people, and the list that images put into their bill of materials."""
    lock = tomllib.loads((root / "uv.lock").read_text("utf-8"))
    said = rules()
    found = licensed(lock, _installed(), said)
    shipped = {one.name: one.licence for one in found if one.is_in_images}
    return {
        "docs/licences.md": _page(found, said),
        "deploy/image/licences.json": json.dumps(shipped, indent=2, sort_keys=True) + "\n",
    }


def _installed() -> dict[str, Fields]:
    return {
        canonicalize_name(found.metadata["Name"]): found.metadata  # type: ignore[misc]  # typeshed has no get_all
        for found in metadata.distributions()
    }


def _licence(name: str, fields: Fields | None, said: Rules) -> str | None:
    if name in said.told:
        return said.told[name]["licence"]
    if fields is None:
        return None
    classifiers = [c for c in fields.get_all("Classifier", ()) or () if c.startswith("License ::")]
    words = [
        *(fields.get_all("License-Expression", ()) or ()),
        *(fields.get_all("License", ()) or ()),
        *(classifiers if len(classifiers) == 1 else ()),
    ]
    for word in words:
        try:
            return str(canonicalize_license_expression(said.spelled.get(word, word)))
        except InvalidLicenseExpression:
            continue
    return None


def _ids(expression: str) -> set[str]:
    return set(re.findall(r"[A-Za-z0-9.+-]+", expression)) - OPERATORS


def _reached(packages: Sequence[Mapping[str, Any]], names: Iterable[str]) -> set[str]:
    """Return what these packages need, and what that needs, extras included."""
    wants: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for package in packages:
        for extra, needed in _needed(package):
            wants.setdefault((package["name"], extra), []).extend(needed)
    todo = [(name, "") for name in names]
    reached: set[tuple[str, str]] = set()
    while todo:
        if (one := todo.pop()) not in reached:
            reached.add(one)
            for other in wants.get(one, ()):
                todo += [(other["name"], extra) for extra in ("", *other.get("extra", ()))]
    return {name for name, _ in reached}


def _needed(package: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    yield "", package.get("dependencies", [])
    yield from package.get("optional-dependencies", {}).items()


def _page(found: Sequence[Licensed], said: Rules) -> str:
    lines = [
        "# Licences",
        "",
        *PREFACE,
        "",
        "| licence | why it may come in |",
        "| --- | --- |",
        *(f"| {name} | {why} |" for name, why in sorted(said.allowed.items())),
        "",
        "| package | version | licence | where |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.name} | {', '.join(one.versions)} | {one.licence} |"
        f" {'images' if one.is_in_images else 'development'} |"
        for one in found
    ]
    lines += ["", "## Told by us", "", "| package | licence | source |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {one['licence']} | {one['why']} |" for name, one in sorted(said.told.items())
    ]
    return "\n".join([*lines, ""])
