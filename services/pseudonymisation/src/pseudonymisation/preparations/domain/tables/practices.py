"""Of how many practices each number is: an agreement may ask for some (domain.md 7.7)."""

from collections.abc import Iterable, Sequence
from itertools import product

from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.tables.axes import Categories


def require_practices(
    categories: Sequence[Categories],
    found: Iterable[tuple[tuple[str, ...], str]],
    *,
    least: int,
) -> None:
    """Take which practices are in which categories, and refuse numbers of too few.

    Raises:
        NotPrepared: names the column with the most categories

    """
    printed = [frozenset(one.printed) for one in categories]
    above = [_nodes_of(one) for one in categories]
    of: dict[tuple[str, ...], set[str]] = {}
    for labels, practice in found:
        nodes = [
            [node for node in lines[label] if node in shown]
            for label, lines, shown in zip(labels, above, printed, strict=True)
        ]
        for cell in product(*nodes):
            of.setdefault(cell, set()).add(practice)
    if any(len(practices) < least for practices in of.values()):
        finest = max(categories, key=lambda one: len(one.lines))
        raise NotPrepared(FailureCode.TOO_FEW_PRACTICES, finest.axis.column)


def _nodes_of(one: Categories) -> dict[str, list[str]]:
    """Name by category the nodes that count it, itself among them."""
    dimension = one.whole
    nodes = dict(zip(dimension.nodes, dimension.members, strict=True))
    return {
        leaf: [node for node, of in nodes.items() if dimension.leaves.index(one.name(leaf)) in of]
        for leaf in one.lines
    }
