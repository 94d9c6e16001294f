"""Reads the YAML that people write: each key once, and no more than a file can have written out.

Published files name a column once and use it in several tables, by an anchor. An anchor within an
anchor can stand for more than any machine holds, and of two keys of a name one would be read,
unseen.
"""

from typing import Final

import yaml

Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one written in C where there is one: ten times as fast."""
DEPTH_MAX: Final = 50
"""Of lists and mappings in one another: whoever builds them calls itself so often."""
ENTRIES_MAX: Final = 200_000
"""Values and keys in all, each as often as it is used; the largest file that is published has some
three thousand."""


class Unreadable(ValueError):
    """A text is not such YAML."""

    def __init__(self, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.line = line


def loaded(text: str) -> object:
    """Read a text. Raise Unreadable before anything is built of what is refused."""
    loader = Loader(text)
    try:
        _require_flat(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _require_bounded(node)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise Unreadable(f"is not YAML: {error}") from error
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable("is not YAML: it has a day that is none") from error
    finally:
        loader.dispose()


def _require_flat(text: str) -> None:
    """Look through a text event by event, for which nothing is built."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise Unreadable(f"is deeper than {DEPTH_MAX} levels", _line(event))


def _require_bounded(root: yaml.Node) -> None:
    """Add up what each node stands for, those within it first; each is looked at once."""
    sizes: dict[int, int] = {}
    above: set[int] = set()
    waiting = [(root, False)]
    while waiting:
        node, is_done = waiting.pop()
        own = id(node)
        if is_done:
            above.discard(own)
            sizes[own] = 1 + sum(sizes[id(one)] for one in _within(node))
            if sizes[own] > ENTRIES_MAX:
                raise Unreadable(f"stands for more than {ENTRIES_MAX} entries", _line(node))
        elif own in above:
            raise Unreadable("has an anchor that stands for itself", _line(node))
        elif own not in sizes:
            _require_once(node)
            above.add(own)
            waiting += [(node, True), *((one, False) for one in _within(node))]


def _within(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return [one for pair in node.value for one in pair]
        case yaml.SequenceNode():
            return list(node.value)
        case _:
            return []


def _require_once(node: yaml.Node) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    found: set[tuple[str, str]] = set()
    for key, _ in node.value:
        said = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else ("", str(id(key)))
        if said in found:
            raise Unreadable("has a key twice", _line(key))
        found.add(said)


def _line(node: yaml.Node | yaml.Event) -> int | None:
    return None if node.start_mark is None else node.start_mark.line + 1
