"""A table as cells over atoms: which cells a category's count is in, and which sums must hold.

Cells are numbered flat; those of other releases come after the table's own, and the last number is
none (a pad with a count of 0 that nothing limits). An atom is one combination of categories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from disclosure.problems import TableInvalid
from disclosure.structure import Bools, Ints, Table

INF: Final = 1 << 40
DIFFERENCE_PARTS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """One cell that was shown before, or is known otherwise: what a reader knows of a count.

    `members` names, for each dimension, the categories that it counts; one that is not named
    counts all. `low` and `high` are inclusive; `is_hidden` makes it a cell that has to stay hidden.
    """

    release: str
    members: tuple[tuple[str, frozenset[str]], ...]
    low: int
    high: int
    is_hidden: bool = False


@dataclass(slots=True)
class System:
    """All that is known of a table but what is shown of it."""

    table: Table
    raw: Ints
    """Raw count of each cell, other releases' after the table's own, 0 for the pad."""
    atoms: Ints
    """(atoms, most cells of one): the cells that each atom is counted in, padded."""
    first: Ints
    """Where the atoms of a cell begin in `below`."""
    size: Ints
    """How many atoms a cell has."""
    below: Ints
    """Atoms by cell."""
    groups: list[tuple[Ints, Ints]]
    """Sums to propagate over: totals (n,), parts (n, most), padded."""
    earlier: tuple[Earlier, ...]
    earlier_cells: Ints
    """The cell of each of `earlier`."""
    differences: Ints
    """Cells that nobody shows and that a difference of two shown ones is."""

    @property
    def pad(self) -> int:
        """The number that is no cell."""
        return len(self.raw) - 1


def build(table: Table, earlier: Sequence[Earlier] = ()) -> System:
    """Number cells and atoms, and find the sums that have to hold."""
    shape = table.cells.shape
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    own = int(table.cells.size)
    sets: dict[tuple[frozenset[int], ...], int] = {}
    places = [_node_sets(table, axis) for axis in range(len(shape))]
    cells = [_numbered(table, known, places, strides, sets, own) for known in earlier]
    differences = _differences(sets, places, strides, own)
    pad = own + len(sets)
    lists = []
    for axis, dimension in enumerate(table.dimensions):
        of = np.where(dimension.above < shape[axis], dimension.above * strides[axis], -1)
        lists.append(of)
    atoms = np.zeros((1, 1), np.int64)
    for of in lists:
        joined = atoms[:, None, :, None] + np.where(of < 0, -(10**12), of)[None, :, None, :]
        atoms = joined.reshape(len(atoms) * len(of), -1)
    atoms = np.where(atoms < 0, pad, atoms)
    raw = np.concatenate([table.cells.ravel(), np.zeros(len(sets) + 1, np.int64)])
    groups = _groups(table, strides, pad)
    if sets:
        atoms = _with_extra(table, atoms, sets, raw, pad)
        groups += _extra_groups(sets, places, strides, own, pad)
    flat = atoms.ravel()
    order = np.argsort(flat, kind="stable")
    size = np.bincount(flat, minlength=pad + 1)
    first = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    return System(
        table=table,
        raw=raw,
        atoms=atoms,
        first=first,
        size=size.astype(np.int64),
        below=(order // atoms.shape[1]).astype(np.int64),
        groups=groups,
        earlier=tuple(earlier),
        earlier_cells=np.array(cells, np.int64),
        differences=np.array(sorted(set(differences)), np.int64),
    )


def propagate(groups: list[tuple[Ints, Ints]], low: Ints, high: Ints, rounds: int = 60) -> bool:
    """Narrow all intervals by all sums until nothing changes; say whether any table can be so.

    Outer bounds: what is excluded is impossible, what is left need not be possible.
    """
    pad = len(low) - 1
    for _ in range(rounds):
        changed = False
        for upward in (groups, groups[::-1]):
            for parents, parts in upward:
                lows, highs = low[parts], high[parts]
                low_sum, high_sum = lows.sum(1), highs.sum(1)
                parent_low = np.maximum(low[parents], low_sum)
                parent_high = np.minimum(high[parents], high_sum)
                new_high = np.minimum(highs, (parent_high - low_sum)[:, None] + lows)
                new_low = np.maximum(lows, (parent_low - high_sum)[:, None] + highs)
                if (
                    (new_high < highs).any()
                    or (new_low > lows).any()
                    or (parent_low > low[parents]).any()
                    or (parent_high < high[parents]).any()
                ):
                    changed = True
                    low[parents], high[parents] = parent_low, parent_high
                    low[parts], high[parts] = new_low, new_high
                    low[pad] = high[pad] = 0
                    if (low > high).any():
                        return False
        if not changed:
            break
    return True


def _groups(table: Table, strides: list[int], pad: int) -> list[tuple[Ints, Ints]]:
    """Sums along each axis; those of one group have no part in common."""
    found = []
    shape = table.cells.shape
    for axis, dimension in enumerate(table.dimensions):
        rest = np.zeros(1, np.int64)
        for other, size in enumerate(shape):
            if other != axis:
                rest = (rest[:, None] + np.arange(size) * strides[other]).ravel()
        batches: list[list[tuple[int, tuple[int, ...]]]] = []
        for equation in dimension.equations:
            for batch in batches:
                used = {part for _, parts in batch for part in parts} | {p for p, _ in batch}
                if not used & {equation[0], *equation[1]} and len(equation[1]) <= 4 * len(
                    batch[0][1]
                ):
                    batch.append(equation)
                    break
            else:
                batches.append([equation])
        for batch in batches:
            most = max(len(parts) for _, parts in batch)
            parents = np.concatenate([rest + p * strides[axis] for p, _ in batch])
            rows = []
            for _, parts in batch:
                row = np.full((len(rest), most), pad, np.int64)
                row[:, : len(parts)] = rest[:, None] + np.array(parts) * strides[axis]
                rows.append(row)
            found.append((parents, np.concatenate(rows)))
    return found


# -- cells of other releases

_Sets = tuple[frozenset[int], ...]


def _node_sets(table: Table, axis: int) -> dict[frozenset[int], int]:
    return {of: node for node, of in enumerate(table.dimensions[axis].members)}


def _number(
    sets: _Sets,
    places: list[dict[frozenset[int], int]],
    strides: list[int],
    extra: dict[_Sets, int],
    own: int,
) -> int:
    if all(of in places[axis] for axis, of in enumerate(sets)):
        return sum(places[axis][of] * strides[axis] for axis, of in enumerate(sets))
    return extra.setdefault(sets, own + len(extra))


def _numbered(
    table: Table,
    known: Earlier,
    places: list[dict[frozenset[int], int]],
    strides: list[int],
    extra: dict[_Sets, int],
    own: int,
) -> int:
    named = dict(known.members)
    if set(named) - {d.name for d in table.dimensions}:
        raise TableInvalid(f"`earlier`: {known.release} names a dimension that the table has not.")
    sets = []
    for dimension in table.dimensions:
        leaves = {leaf: at for at, leaf in enumerate(dimension.leaves)}
        of = named.get(dimension.name, frozenset(dimension.leaves))
        if not of or of - set(leaves):
            raise TableInvalid(
                f"`earlier`: {known.release} counts categories that `{dimension.name}` has not; "
                "cut the table finer, so that both are sums of its categories."
            )
        sets.append(frozenset(leaves[leaf] for leaf in of))
    return _number(tuple(sets), places, strides, extra, own)


def _differences(
    extra: dict[_Sets, int],
    places: list[dict[frozenset[int], int]],
    strides: list[int],
    own: int,
) -> list[int]:
    """Number what two cells differ by, where one is a part of the other along one axis."""
    found = []
    for sets in list(extra):
        for axis, of in enumerate(sets):
            others = [
                s[axis] for s in extra if s[:axis] + s[axis + 1 :] == sets[:axis] + sets[axis + 1 :]
            ]
            for other in [*others, *places[axis]]:
                if of < other or other < of:
                    rest = (*sets[:axis], of ^ other, *sets[axis + 1 :])
                    found.append(_number(rest, places, strides, extra, own))
        if len(extra) > DIFFERENCE_PARTS_MAX:
            break
    return found


def _cover(of: frozenset[int], places: dict[frozenset[int], int]) -> list[int]:
    """Return nodes that together are just these categories, the largest first."""
    left, found = set(of), []
    for node in sorted(places, key=len, reverse=True):
        if node <= left:
            found.append(places[node])
            left -= node
    return found


def _extra_groups(
    extra: dict[_Sets, int],
    places: list[dict[frozenset[int], int]],
    strides: list[int],
    own: int,
    pad: int,
) -> list[tuple[Ints, Ints]]:
    found = []
    for sets, cell in extra.items():
        covers = [_cover(of, places[axis]) for axis, of in enumerate(sets)]
        if np.prod([len(c) for c in covers]) <= DIFFERENCE_PARTS_MAX:
            parts = [sum(n * s for n, s in zip(p, strides, strict=True)) for p in product(*covers)]
            found.append((np.array([cell]), np.array([parts])))
        for axis, of in enumerate(sets):
            alike = sets[:axis], sets[axis + 1 :]
            for other in (
                *(s[axis] for s in extra if (s[:axis], s[axis + 1 :]) == alike),
                *places[axis],
            ):
                small, large = (of, other) if of < other else (other, of)
                if not small < large:
                    continue
                three = [
                    _number((*alike[0], x, *alike[1]), places, strides, dict(extra), own)
                    for x in (large, small, large - small)
                ]
                if max(three) < pad:
                    found.append((np.array([three[0]]), np.array([three[1:]])))
    return found


def _with_extra(table: Table, atoms: Ints, extra: dict[_Sets, int], raw: Ints, pad: int) -> Ints:
    shape = table.counts.shape
    inside: list[Bools] = []
    for sets, cell in extra.items():
        mask = np.zeros(shape, np.bool_)
        mask[np.ix_(*(sorted(of) for of in sets))] = True
        raw[cell] = int(table.counts[mask].sum())
        inside.append(mask.ravel())
    member = np.array(inside).T
    most = int(member.sum(1).max())
    more = np.full((len(atoms), most), pad, np.int64)
    numbers = np.array(list(extra.values()))
    for at in np.nonzero(member.any(1))[0]:
        of = numbers[member[at]]
        more[at, : len(of)] = of
    return np.concatenate([atoms, more], axis=1)
