"""Things by what they have in common."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")


def grouped(found: Iterable[T], key: Callable[[T], K]) -> dict[K, tuple[T, ...]]:
    """Return things by their key, in the order in which they came; a key that none has is none."""
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return {name: tuple(group) for name, group in groups.items()}
