"""Hierarchies, dimensions and tables: what is counted, over which categories, with which totals.

A cell is one node of each dimension; the array of all cells has an axis a dimension. A dimension
may have several hierarchies over the same categories (areas and kinds of provider, say), each a
tree; its nodes are those of all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from disclosure.problems import (
    AlreadyProtected,
    CountFractional,
    CountNegative,
    HierarchyCycle,
    HierarchyInvalid,
    HierarchyTwoParents,
    TableInvalid,
    TableTooLarge,
    TotalIsNotTheSum,
)
from disclosure.rules import Measure, whole_count

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CELLS_MAX: Final = 500_000
COUNT_MAX: Final = 1 << 40
ROUNDED_MIN: Final = 12
"""So many multiples of 5 are no accident: of raw counts one table in 200 million has them."""


@dataclass(frozen=True)
class Hierarchy:
    """A tree over categories: one root, each other node with one parent."""

    parents: Mapping[str, str]
    """Each node's parent; the root has none and is no key."""
    root: str

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Read (child, parent) pairs.

        Raises:
            HierarchyTwoParents: a child that is told with two parents.
            HierarchyCycle: a node that is its own ancestor.
            HierarchyInvalid: none, or more than one root.

        """
        parents: dict[str, str] = {}
        for child, parent in pairs:
            if parents.setdefault(child, parent) != parent:
                raise HierarchyTwoParents(f"`{child}` has two parents; use a hierarchy for each.")
        for node in parents:
            at, steps = node, 0
            while at in parents:
                at, steps = parents[at], steps + 1
                if steps > len(parents):
                    raise HierarchyCycle(f"`{node}` is above itself; break the cycle.")
        roots = sorted(set(parents.values()) - set(parents))
        if len(roots) != 1:
            raise HierarchyInvalid(
                f"There are {len(roots)} nodes without a parent; there has to be one, the total."
            )
        return cls(parents, roots[0])

    @property
    def leaves(self) -> tuple[str, ...]:
        """The categories that have no parts, in the order in which they were told."""
        inner = set(self.parents.values())
        return tuple(node for node in self.parents if node not in inner)

    def line(self, node: str) -> tuple[str, ...]:
        """Return a node and all above it, the root last."""
        found = [node]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return tuple(found)


@dataclass(frozen=True)
class Dimension:
    """What a table is cut by: categories, and their totals by one or more hierarchies."""

    name: str
    hierarchies: tuple[Hierarchy, ...]
    is_geography: bool = False
    """Whether the root is the nation and the categories are the units that it is made of."""

    def __post_init__(self) -> None:
        if not self.hierarchies:
            raise HierarchyInvalid(f"`{self.name}` has no hierarchy.")
        first = self.hierarchies[0]
        for other in self.hierarchies[1:]:
            if set(other.leaves) != set(first.leaves) or other.root != first.root:
                raise HierarchyInvalid(
                    f"The hierarchies of `{self.name}` differ in categories or in their total."
                )

    @classmethod
    def flat(
        cls,
        name: str,
        categories: Sequence[str],
        *,
        total: str = "Total",
        is_geography: bool = False,
    ) -> Self:
        """Return a dimension of categories under one total."""
        tree = Hierarchy.from_pairs((category, total) for category in categories)
        return cls(name, (tree,), is_geography)

    @property
    def root(self) -> str:
        """The total over all categories."""
        return self.hierarchies[0].root

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The categories, in the order of the table's counts."""
        return self.hierarchies[0].leaves

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """All nodes: the total first, the categories last."""
        inner = dict.fromkeys(
            node
            for tree in self.hierarchies
            for leaf in self.leaves
            for node in reversed(tree.line(leaf)[1:])
        )
        return (*inner, *self.leaves)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The place of each node along the axis."""
        return {node: at for at, node in enumerate(self.nodes)}

    @cached_property
    def above(self) -> Ints:
        """One row a category: the places of the nodes that contain it, padded by their number."""
        lines = [
            list(dict.fromkeys(self.index[n] for t in self.hierarchies for n in t.line(leaf)))
            for leaf in self.leaves
        ]
        found = np.full((len(lines), max(map(len, lines))), len(self.nodes), np.int64)
        for at, line in enumerate(lines):
            found[at, : len(line)] = line
        return found

    @cached_property
    def members(self) -> tuple[frozenset[int], ...]:
        """The categories of each node, as places in `leaves`."""
        found: list[set[int]] = [set() for _ in self.nodes]
        for leaf, line in enumerate(self.above.tolist()):
            for node in line:
                if node < len(found):
                    found[node].add(leaf)
        return tuple(map(frozenset, found))

    @cached_property
    def equations(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """Each total with its parts, as places along the axis; lower totals first."""
        found: dict[tuple[int, tuple[int, ...]], int] = {}
        for tree in self.hierarchies:
            parts: dict[str, list[int]] = {}
            for node, parent in tree.parents.items():
                parts.setdefault(parent, []).append(self.index[node])
            for parent, of in parts.items():
                found[self.index[parent], tuple(sorted(of))] = -len(tree.line(parent))
        return tuple(sorted(found, key=lambda equation: found[equation]))


def require_size(dimensions: Iterable[Dimension], at_most: int = CELLS_MAX) -> None:
    """Raise TableTooLarge where these dimensions make more cells than that."""
    size = 1
    for dimension in dimensions:
        size *= len(dimension.nodes)
    if size > at_most:
        raise TableTooLarge(
            f"The table would have {size} cells; at most {at_most} can be worked with. "
            "Make a dimension coarser, or ask for fewer.",
            cells=size,
        )


@dataclass(frozen=True, kw_only=True)
class Table:
    """Raw counts over the categories of some dimensions.

    Raises on making:
        CountNegative, CountFractional: a count that is none.
        TableInvalid: arrays of another shape, or no dimension.
        TableTooLarge: more than `CELLS_MAX` cells.
    """

    dimensions: tuple[Dimension, ...]
    counts: Ints
    """Raw counts of the categories, one axis a dimension, in the order of `leaves`."""
    measure: str = Measure.PEOPLE
    topics: frozenset[str] = frozenset()
    structural: Bools | None = None
    """Categories that cannot have a count; as `counts`. Shown as `-`, known to be 0."""
    not_submitted: Bools | None = None
    """Categories of which nothing was sent; as `counts`. Shown as `-`, in no total."""
    printed: Bools | None = None
    """Cells that are shown at all, over all nodes; None: all."""
    exact: Bools | None = None
    """Cells whose exact count something beside them tells (an unrounded percentage, a ratio)."""
    by_right: Bools | None = None
    """Cells whose exact count this recipient may have, over all nodes: shown to that one as they
    are, known to the attack, and no reveal. For everybody else the table was not shown."""
    cells: Ints = field(init=False, repr=False)
    """Raw counts of all cells, totals included."""

    def __post_init__(self) -> None:  # noqa: C901
        if not self.dimensions:
            raise TableInvalid("`dimensions`: name at least one.")
        names = [d.name for d in self.dimensions]
        if len(set(names)) != len(names):
            raise TableInvalid("`dimensions`: a name stands there twice.")
        require_size(self.dimensions)
        counts = np.asarray(self.counts)
        leaves = tuple(len(d.leaves) for d in self.dimensions)
        nodes = tuple(len(d.nodes) for d in self.dimensions)
        for name, held, shape in (
            ("counts", counts, leaves),
            ("structural", self.structural, leaves),
            ("not_submitted", self.not_submitted, leaves),
            ("printed", self.printed, nodes),
            ("exact", self.exact, nodes),
            ("by_right", self.by_right, nodes),
        ):
            if held is not None and np.shape(held) != shape:
                raise TableInvalid(f"`{name}`: has to have the shape {shape}.")
        if counts.dtype.kind not in "iuf":
            raise CountFractional("`counts`: whole numbers.")
        if counts.dtype.kind == "f" and not (counts == np.floor(counts)).all():
            raise CountFractional("`counts`: has numbers that are not whole.")
        if (counts < 0).any():
            raise CountNegative("`counts`: has negative numbers.")
        if counts.size and counts.sum() > COUNT_MAX:
            raise TableInvalid(f"`counts`: more than {COUNT_MAX} in all.")
        whole = counts.astype(np.int64)
        for mask, said in ((self.structural, "structural"), (self.not_submitted, "not_submitted")):
            if mask is not None and whole[np.asarray(mask)].any():
                raise TableInvalid(f"`{said}`: a category of it has a count.")
        object.__setattr__(self, "counts", whole)
        object.__setattr__(self, "cells", totals(self.dimensions, whole))

    @classmethod
    def from_cells(
        cls,
        dimensions: Sequence[Dimension],
        cells: Mapping[tuple[str, ...], object],
        **more: object,
    ) -> Self:
        """Read counts by the labels of their cells; totals may be among them and are checked.

        A category that is not told has no count. Hidden (`*`) or not applicable (`-`) is no count.

        Raises:
            TableInvalid: a label that no dimension has.
            TotalIsNotTheSum: a total that differs from its parts.
            AlreadyProtected: a `*`, totals that differ as rounded ones do, or so many multiples of
                5 that they are no accident.

        """
        dims = tuple(dimensions)
        shape = tuple(len(d.nodes) for d in dims)
        told = np.full(shape, -1, np.int64)
        for labels, count in cells.items():
            if count == "*":
                raise AlreadyProtected(
                    "`count`: has hidden cells (`*`); only raw counts can be protected. "
                    "Use check for a table that is protected already."
                )
            try:
                place = tuple(d.index[label] for d, label in zip(dims, labels, strict=True))
            except (KeyError, ValueError):
                raise TableInvalid(
                    "A row has a label that is in no hierarchy: " + " / ".join(labels)
                ) from None
            told[place] = whole_count(count)
        inner = np.ix_(*(np.arange(len(d.nodes) - len(d.leaves), len(d.nodes)) for d in dims))
        made = cls(dimensions=dims, counts=np.maximum(told[inner], 0), **more)  # type: ignore[arg-type]
        wrong = (told >= 0) & (told != made.cells)
        known = told[told >= 0]
        some = made.counts[made.counts > 0]
        if not wrong.any() and len(some) >= ROUNDED_MIN and not (some % 5).any():
            raise AlreadyProtected(
                f"All {len(some)} numbers are multiples of 5: the table is rounded. Only raw counts"
                " can be protected; use check for this table."
            )
        if wrong.any():
            off = np.abs(told - made.cells)[wrong]
            if len(known) > 3 and not (known % 5).any() and int(off.max()) <= 5 * int(known.size):
                raise AlreadyProtected(
                    "Every number is a multiple of 5 and totals are not the sums: the table is "
                    "rounded. Only raw counts can be protected; use check for this table."
                )
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            label = " / ".join(d.nodes[i] for d, i in zip(dims, at, strict=True))
            raise TotalIsNotTheSum(
                f"{int(wrong.sum())} totals are not the sum of their parts, the first is {label}. "
                "Correct it, or leave totals out: they are computed.",
                totals=int(wrong.sum()),
            )
        return made

    def label(self, cell: int) -> tuple[str, ...]:
        """Return the labels of a cell by its flat index."""
        places = np.unravel_index(cell, self.cells.shape)
        return tuple(d.nodes[int(i)] for d, i in zip(self.dimensions, places, strict=True))


def totals(dimensions: Sequence[Dimension], counts: Ints) -> Ints:
    """Return the counts of all cells from those of the categories."""
    found = counts
    for axis, dimension in enumerate(dimensions):
        parts = np.moveaxis(found, axis, 0)
        whole = np.zeros((len(dimension.nodes) + 1, *parts.shape[1:]), np.int64)
        for nodes in dimension.above.T:
            np.add.at(whole, nodes, parts)
        found = np.moveaxis(whole[:-1], 0, axis)
    return np.ascontiguousarray(found)


def told_count(text: str) -> object:
    """Return a count as it stands in a text; `*` stays, and is refused by the table.

    Raises:
        CountFractional: no number.

    """
    if text == "*":
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise CountFractional("A count is no number; correct it, or leave the line out.") from None
