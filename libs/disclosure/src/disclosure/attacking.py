"""Attackers: what a reader can work out of a shown table. They know only what is printed.

Two, in code of their own. `attack(view)` narrows intervals along single sums until nothing
changes: what it excludes is impossible. `attack(view, exact=True)` asks HiGHS for the least and the
greatest count of each hidden cell over all whole tables; where its time runs out before both are
known, the cell is `undecided`, which counts as recovered.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import highspy
import numpy as np

from disclosure import solver as quiet
from disclosure.problems import PublishedImpossible
from disclosure.structure import Bools, Dimension, Ints
from disclosure.system import Earlier

SAFE_VALUES: Final = 3
UNBOUNDED: Final = 10**6


class Verdict(StrEnum):
    """What an attack found of a hidden cell."""

    RECOVERED = "recovered"
    SAFE = "safe"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """A hidden cell, and the counts that it can be."""

    cell: tuple[str, ...]
    low: int
    high: int | None
    """None: no limit is known."""
    verdict: Verdict
    because: tuple[str, ...] = ()
    """The sums that tell, in order."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a reader knows: for each cell the least and the greatest count."""

    dimensions: tuple[Dimension, ...]
    low: Ints
    high: Ints
    hidden: Bools
    earlier: tuple[Earlier, ...] = ()

    def label(self, cell: int) -> tuple[str, ...]:
        """Return the labels of a cell by its flat index."""
        places = np.unravel_index(cell, self.low.shape)
        return tuple(d.nodes[int(i)] for d, i in zip(self.dimensions, places, strict=True))


def attack(
    view: View, *, exact: bool = False, cells: Sequence[int] | None = None, seconds: float = 60.0
) -> tuple[Finding, ...]:
    """Return a finding for each hidden cell (or those of `cells`, flat).

    By intervals, `safe` says that intervals alone do not tell; by `exact`, that nothing does.

    Raises:
        PublishedImpossible: no table can look like this.

    """
    low, high = narrowed(view)
    chosen = np.nonzero(view.hidden.ravel())[0].tolist() if cells is None else list(cells)
    if exact:
        return tuple(_solved(view, low.ravel(), high.ravel(), chosen, seconds))
    found = []
    for cell in chosen:
        bottom, top = int(low.ravel()[cell]), int(high.ravel()[cell])
        verdict = Verdict.RECOVERED if top - bottom + 1 < SAFE_VALUES else Verdict.SAFE
        limit = top if top < UNBOUNDED else None
        found.append(Finding(view.label(cell), bottom, limit, verdict))
    return tuple(found)


def narrowed(view: View) -> tuple[Ints, Ints]:
    """Narrow what is known by every sum, until nothing changes."""
    low, high = view.low.copy(), view.high.copy()
    inner = np.ix_(
        *(np.arange(len(d.nodes) - len(d.leaves), len(d.nodes)) for d in view.dimensions)
    )
    for _ in range(100):
        before = int(low.sum()), int(high.sum())
        for axis, dimension in enumerate(view.dimensions):
            bottom, top = np.moveaxis(low, axis, 0), np.moveaxis(high, axis, 0)
            for total, parts in (*dimension.equations, *reversed(dimension.equations)):
                of = list(parts)
                least, most = bottom[of], top[of]
                bottom[total] = np.maximum(bottom[total], least.sum(0))
                top[total] = np.minimum(top[total], most.sum(0))
                bottom[of] = np.maximum(least, bottom[total] - (most.sum(0) - most))
                top[of] = np.minimum(most, top[total] - (least.sum(0) - least))
        for known in view.earlier:
            mask = inside(view.dimensions, known)
            leaf_low, leaf_high = low[inner], high[inner]
            least, most = leaf_low[mask], leaf_high[mask]
            leaf_low[mask] = np.maximum(least, known.low - (most.sum() - most))
            leaf_high[mask] = np.minimum(most, known.high - (least.sum() - least))
            low[inner], high[inner] = leaf_low, leaf_high
            named = dict(known.members)
            at = _node(view.dimensions, named)
            if at is not None:
                low[at], high[at] = max(low[at], known.low), min(high[at], known.high)
        if (low > high).any():
            raise PublishedImpossible("No counts add up to what is shown; look at the totals.")
        if before == (int(low.sum()), int(high.sum())):
            break
    return low, high


def inside(dimensions: Sequence[Dimension], known: Earlier) -> Bools:
    """Return the categories that a cell of another release counts."""
    named = dict(known.members)
    mask = np.ones([len(d.leaves) for d in dimensions], np.bool_)
    for axis, dimension in enumerate(dimensions):
        if dimension.name in named:
            out = [leaf not in named[dimension.name] for leaf in dimension.leaves]
            np.moveaxis(mask, axis, 0)[out] = False
    return mask


def _node(
    dimensions: Sequence[Dimension], named: dict[str, frozenset[str]]
) -> tuple[int, ...] | None:
    found = []
    for dimension in dimensions:
        of = named.get(dimension.name, frozenset(dimension.leaves))
        places = frozenset(at for at, leaf in enumerate(dimension.leaves) if leaf in of)
        if places not in dimension.members:
            return None
        found.append(dimension.members.index(places))
    return tuple(found)


def _rows(view: View) -> Iterator[tuple[int, list[int]]]:
    """Give every sum that holds, as flat cells."""
    flat = np.arange(view.low.size).reshape(view.low.shape)
    for axis, dimension in enumerate(view.dimensions):
        moved = np.moveaxis(flat, axis, 0).reshape(len(dimension.nodes), -1)
        for total, parts in dimension.equations:
            for column in range(moved.shape[1]):
                yield int(moved[total, column]), [int(moved[p, column]) for p in parts]


def _solved(
    view: View, low: Ints, high: Ints, cells: list[int], seconds: float
) -> Iterator[Finding]:
    """Ask for the least and the greatest of each cell over all whole tables."""
    until = time.monotonic() + seconds
    solver = quiet.solver()
    count = view.low.size
    starts, columns, factors = [0], [], []
    bounds: list[tuple[float, float]] = []
    for total, parts in _rows(view):
        columns += [total, *parts]
        factors += [-1.0, *([1.0] * len(parts))]
        starts.append(len(columns))
        bounds.append((0.0, 0.0))
    leaves = np.arange(count).reshape(view.low.shape)[
        np.ix_(*(np.arange(len(d.nodes) - len(d.leaves), len(d.nodes)) for d in view.dimensions))
    ]
    for known in view.earlier:
        of = leaves[inside(view.dimensions, known)].ravel().tolist()
        columns += of
        factors += [1.0] * len(of)
        starts.append(len(columns))
        bounds.append((float(known.low), float(min(known.high, UNBOUNDED))))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = count, len(bounds)
    model.col_cost_ = np.zeros(count)
    model.col_lower_ = low.astype(np.float64)
    model.col_upper_ = np.minimum(high, UNBOUNDED).astype(np.float64)
    model.row_lower_ = np.array([b[0] for b in bounds])
    model.row_upper_ = np.array([b[1] for b in bounds])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array(starts, np.int32)
    model.a_matrix_.index_ = np.array(columns, np.int32)
    model.a_matrix_.value_ = np.array(factors)
    model.integrality_ = [highspy.HighsVarType.kInteger] * count
    solver.passModel(model)
    for cell in cells:
        ends: list[int | None] = []
        for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
            left = until - time.monotonic()
            value = None
            if left > 0:
                solver.setOptionValue("time_limit", solver.getRunTime() + left)
                solver.changeColCost(cell, 1.0)
                solver.changeObjectiveSense(sense)
                solver.run()
                status = solver.getModelStatus()
                if status == highspy.HighsModelStatus.kInfeasible:
                    raise PublishedImpossible("No counts add up to what is shown.")
                if status == highspy.HighsModelStatus.kOptimal:
                    value = round(solver.getInfo().objective_function_value)
                solver.changeColCost(cell, 0.0)
            ends.append(value)
        yield _found(view, cell, ends[0], ends[1], int(low[cell]), int(high[cell]))


def _found(
    view: View, cell: int, least: int | None, most: int | None, low: int, high: int
) -> Finding:
    bottom = low if least is None else least
    top = high if most is None else most
    if top - bottom + 1 < SAFE_VALUES:
        verdict = Verdict.RECOVERED
    else:
        verdict = Verdict.UNDECIDED if least is None or most is None else Verdict.SAFE
    return Finding(view.label(cell), bottom, top if top < UNBOUNDED else None, verdict)
