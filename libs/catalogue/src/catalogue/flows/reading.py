"""Reads the file of a local flow, of which nothing is believed: bounded, closed, and plain.

A published file was reviewed before it was built in. That of a local flow comes while the suite
runs. So before it is read as a data set it is held to bounds, and to a part of YAML that cannot
grow: no aliases, no tags, no key twice. Its digest is over its canonical JSON, and that is what
is kept and handed on: whoever has the digest can check every byte.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import yaml

from catalogue.digests import canonical
from catalogue.flows.ceilings import exceeded
from catalogue.flows.rules import Bounds, flow_rules
from catalogue.model import DataSet
from catalogue.store import InvalidDataSet, Problem, of_content
from catalogue.written import Loader

HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that nobody sees, or that break a line or turn its direction."""
PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{word}"
    for word in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A file that is what it must be."""

    data_set: DataSet
    content: bytes
    """Its canonical JSON; the data set's digest is that of these bytes."""


def read_flow(text: str, *, name: str = "local flow") -> FlowFile:
    """Read a file as somebody wrote it. Raise InvalidDataSet with every problem found."""
    bounds = flow_rules().bounds
    if len(text) > bounds.bytes or len(text.encode("utf-8", "replace")) > bounds.bytes:
        raise InvalidDataSet(name, [Problem("", f"has more than {bounds.bytes} bytes")])
    content = _plain(text, bounds, name)
    return _checked(content, bounds, name)


def of_canonical(content: bytes, digest: str) -> DataSet:
    """Read canonical JSON that must have this digest. Raise InvalidDataSet where it is not so."""
    name, bounds = "local flow", flow_rules().bounds
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise InvalidDataSet(name, [Problem("", "does not have the digest that it is known by")])
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidDataSet(name, [Problem("", "is not JSON")]) from None
    if not isinstance(said, dict):
        raise InvalidDataSet(name, [Problem("", "is not a mapping")])
    found = _checked(said, bounds, name)
    if found.data_set.digest != digest:
        raise InvalidDataSet(name, [Problem("", "is not canonical JSON")])
    return found.data_set


def _checked(content: Mapping[str, Any], bounds: Bounds, name: str) -> FlowFile:
    if problems := [*_of_texts(content, bounds), *_of_the_shape(content, bounds)]:
        raise InvalidDataSet(name, problems)
    try:
        written = canonical(content)
        said = json.loads(written)
        canonical(said)  # a large number that was written as a fraction is another kind when read
    except ValueError:
        problem = Problem("", "has a number that is not exact everywhere")
        raise InvalidDataSet(name, [problem]) from None
    data_set = of_content(said, name=name)
    if problems := list(exceeded(data_set)):
        raise InvalidDataSet(name, problems)
    return FlowFile(data_set, written)


def _plain(text: str, bounds: Bounds, name: str) -> dict[str, Any]:
    """Read YAML that is plain: as much as JSON can say, and days."""
    try:
        problem = next(_not_plain(text, bounds), None)
        if problem is None:
            loader = Loader(text)
            try:
                node = loader.get_single_node()
                problem = _twice(node)
                content = None if problem or node is None else loader.construct_document(node)
            finally:
                loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError):
        # What a parser says of a file repeats the file.
        raise InvalidDataSet(
            name, [Problem("", "is not YAML, or has a day that is none")]
        ) from None
    if problem is not None:
        raise InvalidDataSet(name, [problem])
    if not isinstance(content, dict):
        raise InvalidDataSet(name, [Problem("", "is not a mapping")])
    if "digest" in content:
        raise InvalidDataSet(name, [Problem("digest", "is computed, not given")])
    return content


def _not_plain(text: str, bounds: Bounds) -> Iterator[Problem]:
    """Look through a file event by event, so that nothing is built of what is refused."""
    depth = entries = documents = 0
    for event in yaml.parse(text, Loader):
        line = _line(event)
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        entries += isinstance(event, yaml.NodeEvent)
        if getattr(event, "anchor", None) is not None:
            yield Problem("", "has an anchor or an alias; write out what it stands for", line)
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            yield Problem("", "has a tag; a value is what it looks like", line)
        if documents > 1:
            yield Problem("", "is several documents", line)
        if depth > bounds.depth:
            yield Problem("", f"is deeper than {bounds.depth} levels", line)
        if entries > bounds.entries:
            yield Problem("", f"has more than {bounds.entries} entries", line)


def _twice(root: yaml.Node | None) -> Problem | None:
    """Find a key that is no text, or there twice: of two one would be read, unseen."""
    waiting = [] if root is None else [root]
    while waiting:
        node = waiting.pop()
        if node.tag not in PLAIN_TAGS:
            return Problem("", "has a value of a kind that no file has", _line(node))
        if isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                    return Problem("", "has a key that is no text; quote it", _line(key))
                if key.value in keys:
                    return Problem("", "has a key twice", _line(key))
                keys.add(key.value)
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return None


def _line(found: yaml.Node | yaml.Event) -> int | None:
    return None if found.start_mark is None else found.start_mark.line + 1


def _of_texts(content: object, bounds: Bounds, at: str = "", depth: int = 0) -> Iterator[Problem]:
    """Find texts that are too long or hold what nobody sees, and values that JSON has not."""
    match content:
        case str():
            if len(content) > bounds.text_characters:
                yield Problem(at, f"has more than {bounds.text_characters} characters")
            elif any(unicodedata.category(one) in HIDDEN for one in content):
                yield Problem(at, "has a character that cannot be seen")
        case _ if depth > bounds.depth:
            yield Problem(at, f"is deeper than {bounds.depth} levels")
        case Mapping():
            for key, value in content.items():
                yield from _of_texts(key, bounds, at, depth + 1)
                yield from _of_texts(value, bounds, f"{at}/{key}".lstrip("/"), depth + 1)
        case Sequence():
            for number, value in enumerate(content):
                yield from _of_texts(value, bounds, f"{at}/{number}", depth + 1)
        case None | bool() | int() | float() | date():
            return
        case _:
            yield Problem(at, "is of a kind that no file has")


def _of_the_shape(content: Mapping[str, Any], bounds: Bounds) -> Iterator[Problem]:
    """Hold the file to what is bounded before anything is written out that it repeats."""
    for word, most in (("tables", bounds.tables), ("groups", bounds.groups)):
        if len(_listed(content, word)) > most:
            yield Problem(word, f"are more than {most}")
            return
    parts = [("", content)] + [
        (f"tables/{at}/", table) for at, table in enumerate(_listed(content, "tables"))
    ]
    columns = [
        (sum(map(_columns_of, _listed(part, "fields"))) + len(_listed(part, "derived")))
        for _, part in parts
    ]
    if sum(columns) > bounds.columns:
        yield Problem("tables" if sum(columns[1:]) else "fields", _too_many(bounds))
    if sum(map(_columns_of_a_group, _listed(content, "groups"))) > bounds.columns:
        yield Problem("groups", _too_many(bounds))
    for place, part in parts:
        for at, field in enumerate(_listed(part, "fields")):
            pattern = field.get("pattern") if isinstance(field, dict) else None
            if isinstance(pattern, str) and len(pattern) > bounds.pattern_characters:
                detail = f"has more than {bounds.pattern_characters} characters"
                yield Problem(f"{place}fields/{at}/pattern", detail)


def _listed(part: object, word: str) -> list[Any]:
    """Give what is a list under a word; what is none is refused when it is read."""
    found = part.get(word) if isinstance(part, Mapping) else None
    return found if isinstance(found, list) else []


def _too_many(bounds: Bounds) -> str:
    return f"has more than {bounds.columns} columns"


def _columns_of_a_group(group: object) -> int:
    columns = group.get("columns") if isinstance(group, Mapping) else None
    named = columns.values() if isinstance(columns, Mapping) else ()
    return len(_listed(group, "derived")) + sum(
        len(names) for names in named if isinstance(names, list)
    )


def _columns_of(entry: object) -> int:
    match entry:
        case {"repeat": [int(first), int(last)]}:
            return max(1, last - first + 1)
        case _:
            return 1
