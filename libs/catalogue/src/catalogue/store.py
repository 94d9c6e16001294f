"""Reads data set files, checks them, and finds them by name, version and digest."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import rfc8785
import yaml
from pydantic import ValidationError

from catalogue.model import DataSet

DIGESTS = "digests.json"
"""Beside the files: what each published version's digest is, so that none is edited unseen."""


class UnknownDataSet(LookupError):
    """No file of the catalogue has this name, version or digest."""


class InvalidDataSet(ValueError):
    """A file is not what a data set file must be."""

    def __init__(self, name: str, problems: list["Problem"]) -> None:
        super().__init__(f"{name}: " + "; ".join(str(p) for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a file is wrong (`fields/3/class`), and how."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the file'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every version of every data set that this machine knows."""

    data_sets: tuple[DataSet, ...]

    def __iter__(self) -> Iterator[DataSet]:
        return iter(self.data_sets)

    def get(self, name: str, version: str | None = None) -> DataSet:
        """The given version, or the newest. Raise UnknownDataSet where there is none."""
        found = [d for d in self.data_sets if d.data_set == name and version in {None, d.version}]
        if not found:
            raise UnknownDataSet(f"The catalogue has no {name} {version or ''}".rstrip())
        return max(found, key=lambda d: tuple(map(int, d.version.split("."))))

    def by_digest(self, digest: str) -> DataSet:
        """Raise UnknownDataSet where no file has this digest."""
        for data_set in self.data_sets:
            if data_set.digest == digest:
                return data_set
        raise UnknownDataSet("The catalogue has no file of that digest")


@lru_cache(maxsize=4)
def load(extra: Path | None = None) -> Catalogue:
    """All published files, and those of the directory `extra`.

    Raises InvalidDataSet where a file is wrong, or is not the one that was published.
    """
    published = files("catalogue") / "data_sets"
    digests: Mapping[str, str] = json.loads((published / DIGESTS).read_text("utf-8"))
    found = []
    for item in sorted(_yaml_files(published), key=lambda i: i.name):
        data_set = read(item.read_text("utf-8"), name=item.name)
        if digests.get(item.name) != data_set.digest:
            detail = "differs from what was published; a change is a new version in a new file"
            raise InvalidDataSet(item.name, [Problem("", detail)])
        found.append(data_set)
    if extra is not None:
        found += [read(p.read_text("utf-8"), name=p.name) for p in sorted(extra.glob("*.yaml"))]
    identities = [(d.data_set, d.version) for d in found]
    if len(set(identities)) != len(identities):
        raise InvalidDataSet("catalogue", [Problem("", "two files are the same version")])
    return Catalogue(tuple(found))


def _yaml_files(directory: Traversable) -> Iterator[Traversable]:
    return (item for item in directory.iterdir() if item.name.endswith(".yaml"))


def read(text: str, *, name: str) -> DataSet:
    """Parse and check one file. Raises InvalidDataSet with every problem found."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidDataSet(name, [Problem("", f"is not YAML: {error}")]) from error
    if not isinstance(content, dict):
        raise InvalidDataSet(name, [Problem("", "is not a mapping")])
    if "digest" in content:
        raise InvalidDataSet(name, [Problem("digest", "is computed, not given")])
    written_out: dict[str, object] = {"digest": digest_of(content)}
    if isinstance(content.get("fields"), list):
        problems, written_out["fields"] = _repeated(content["fields"])
        if problems:
            raise InvalidDataSet(name, problems)
    try:
        return DataSet.model_validate(content | written_out)
    except ValidationError as error:
        raise InvalidDataSet(name, [_problem(e) for e in error.errors()]) from error


def check(path: Path) -> list[Problem]:
    """What is wrong with a file; empty where nothing is."""
    try:
        read(path.read_text("utf-8"), name=path.name)
    except InvalidDataSet as error:
        return error.problems
    except UnicodeDecodeError:
        return [Problem("", "is not UTF-8")]
    return []


def digest_of(content: Mapping[str, object]) -> str:
    """`sha256:` and 64 hexadecimal digits over the canonical JSON of what the file says.

    Of the file, not of the model: a model that learns a new optional word must not change the
    digest of what was published before.
    """
    plain = json.loads(json.dumps(content, default=str))  # YAML's dates become ISO 8601
    return "sha256:" + hashlib.sha256(rfc8785.dumps(plain)).hexdigest()


def _problem(error: Any) -> Problem:
    return Problem("/".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, "))


def _repeated(fields: list[object]) -> tuple[list[Problem], list[object]]:
    """Write out entries such as `{name: "Diagnosis_{n}", repeat: [1, 23]}`, one a number."""
    problems: list[Problem] = []
    out: list[object] = []
    for position, entry in enumerate(fields):
        if not isinstance(entry, dict) or "repeat" not in entry:
            out.append(entry)
            continue
        match entry["repeat"]:
            case [int(first), int(last)] if 0 <= first <= last < 1000 and "{n}" in str(
                entry.get("name")
            ):
                rest = {k: v for k, v in entry.items() if k != "repeat"}
                out += [
                    rest | {"name": entry["name"].replace("{n}", str(n))}
                    for n in range(first, last + 1)
                ]
            case _:
                detail = "must be [first, last], and the name must have {n}"
                problems.append(Problem(f"fields/{position}/repeat", detail))
    return problems, out
