"""Finds in which line of a file something is said, for whoever has to mend it."""

import re
from collections.abc import Sequence

import yaml

NAMES = re.compile(r"[A-Za-z0-9_]+")


def line_of(text: str, pointer: str, detail: str = "") -> int | None:
    """Give the line of `fields/3/class`, or of the nearest that is there.

    What is wrong between two places is told with the line of the first column that it names.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    if root is None:
        return None
    parts = [part for part in pointer.split("/") if part]
    if not parts:
        return _line_of_name(root, NAMES.findall(detail))
    return _descended(root, parts).start_mark.line + 1


def _descended(node: yaml.Node, parts: Sequence[str]) -> yaml.Node:
    """Follow a pointer as far as it goes."""
    for part in parts:
        match node:
            case yaml.MappingNode():
                found = [pair for pair in node.value if pair[0].value == part]
                if not found:
                    return node
                key, value = found[0]
                node = value if isinstance(value, yaml.CollectionNode) else key
            case yaml.SequenceNode() if part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
            case _:
                return node
    return node


def _line_of_name(root: yaml.Node, names: Sequence[str]) -> int | None:
    lines: dict[str, int] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == "name" and isinstance(value, yaml.ScalarNode):
                    lines[value.value] = value.start_mark.line + 1
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return next((lines[name] for name in names if name in lines), None)
