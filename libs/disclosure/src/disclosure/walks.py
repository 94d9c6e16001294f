"""Walks: each asks one cell for another count, and mends the sums that this breaks.

Many side by side in arrays: one row a walk, one column a cell. A move adds or takes one count of
one atom. What a walk cannot mend it hands back, in the cheapest state that it was in.
"""

import time
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import highspy
import numpy as np
import numpy.typing as npt

from disclosure import solver as quiet
from disclosure.structure import Bools, Ints
from disclosure.system import INF

if TYPE_CHECKING:
    from disclosure.search import Search

HARD = 1e6
Failed = tuple[float, int, Ints, Ints]
"""What a walk would need hidden: its price, the cell that it asked, atoms and what each gains."""


@dataclass(slots=True)
class _Path:
    """How far walks are: what each has moved, in which order, and at what price."""

    moved: npt.NDArray[np.int8]
    log: Ints
    signs: Ints
    cost: npt.NDArray[np.float64]
    best: npt.NDArray[np.float64]
    best_at: Ints
    """The cheapest state in which the asked cell had its count, and after how many moves."""
    done: Ints
    """After how many moves nothing was broken; 0 where something is."""

    @classmethod
    def of(cls, walks: int, cells: int, steps: int, nothing: int) -> "_Path":
        return cls(
            moved=np.zeros((walks, cells), np.int8),
            log=np.full((walks, steps), nothing, np.int64),
            signs=np.zeros((walks, steps), np.int64),
            cost=np.zeros(walks),
            best=np.full(walks, np.inf),
            best_at=np.zeros(walks, np.int64),
            done=np.zeros(walks, np.int64),
        )


class Walks:
    """Walks for some cells, each with the difference that it asks for."""

    def __init__(self, search: "Search", cells: Ints, goals: Ints) -> None:
        self.search, self.cells, self.goals = search, cells, goals
        system = search.system
        self.atoms = np.vstack([system.atoms, np.full(system.atoms.shape[1], system.pad)])
        self.up = np.minimum(search.high - system.raw, 100).astype(np.int16)
        self.down = np.minimum(system.raw - search.low, 100).astype(np.int16)
        self.up[system.pad] = self.down[system.pad] = 100
        self.price = np.minimum(search.price(), 100.0).astype(np.float32)
        self.raw = np.minimum(system.raw, 100).astype(np.int16)
        own_size = system.size[system.atoms]
        self.own = system.atoms[np.arange(len(system.atoms)), own_size.argmin(1)]

    def run(self, steps: int, samples: int) -> list[Failed]:
        """Walk; record what succeeded, return what failed with the cheapest state it was in."""
        search, system = self.search, self.search.system
        path = _Path.of(len(self.cells), len(system.raw), steps, len(system.atoms))
        active = np.arange(len(self.cells))
        for step in range(steps + 1):
            touched, over = self._looked_at(path, active, step)
            going = over.any(1)
            if step == steps or time.monotonic() > search.deadline:
                break
            active, touched, over = active[going], touched[going], over[going]
            if not len(active):
                break
            self._move(path, active, step, samples, touched, over)
        return self._ended(path)

    def _looked_at(
        self, path: _Path, active: Ints, step: int
    ) -> tuple[Ints, npt.NDArray[np.int16]]:
        """Return the cells that each walk has touched, and by how much each is out of bounds."""
        touched = self.atoms[path.log[active, :step]].reshape(len(active), -1)
        touched = np.concatenate([self.cells[active][:, None], touched], axis=1)
        by = path.moved[active[:, None], touched].astype(np.int16)
        over = np.maximum(by - self.up[touched], 0) - np.maximum(-self.down[touched] - by, 0)
        over[:, 0] = by[:, 0] - self.goals[active]
        ends = ~over.any(1)
        path.done[active[ends]] = step
        near = (over[:, 0] == 0) & ~ends & (path.cost[active] < path.best[active])
        path.best[active[near]], path.best_at[active[near]] = path.cost[active[near]], step
        return touched, over

    def _move(
        self,
        path: _Path,
        active: Ints,
        step: int,
        samples: int,
        touched: Ints,
        over: npt.NDArray[np.int16],
    ) -> None:
        """Let each walk make the cheapest move of some tried ones toward a cell out of bounds."""
        system, rng = self.search.system, self.search.rng
        row = np.arange(len(active))
        pick = self._picked(touched, over != 0)
        cell = touched[row, pick]
        sign = np.where(over[row, pick] > 0, -1, 1).astype(np.int16)
        where = (rng.random((len(active), samples)) * system.size[cell][:, None]).astype(np.int64)
        tried = system.below[system.first[cell][:, None] + where]
        gain, penalty = self._gain(active, path.moved, tried, sign)
        choice = (gain + penalty + rng.random(gain.shape, np.float32) * 0.05).argmin(1)
        atom = tried[row, choice]
        path.log[active, step], path.signs[active, step] = atom, sign
        path.cost[active] += gain[row, choice]
        path.moved[active[:, None], self.atoms[atom]] += sign[:, None].astype(np.int8)
        path.moved[:, system.pad] = 0

    def _picked(self, touched: Ints, broken: Bools) -> Ints:
        """Choose the cell to mend: mostly one of the fewest atoms, now and then any."""
        rng = self.search.rng
        size = np.where(broken, self.search.system.size[touched], INF)
        odd = rng.random(len(touched)) < 0.1
        size[odd] = np.where(broken[odd], 1, INF)
        picked: Ints = (size * (1 + rng.random(broken.shape, np.float32) * 0.05)).argmin(1)
        return picked

    def _ended(self, path: _Path) -> list[Failed]:
        """Record the witnesses, return the others."""
        failed: list[Failed] = []
        for walk in range(len(self.cells)):
            length = int(path.done[walk] or path.best_at[walk])
            if not length:
                continue
            atoms, inverse = np.unique(path.log[walk, :length], return_inverse=True)
            by_atom = np.zeros(len(atoms), np.int64)
            np.add.at(by_atom, inverse.ravel(), path.signs[walk, :length])
            atoms, by_atom = atoms[by_atom != 0], by_atom[by_atom != 0]
            if len(atoms) and not (path.done[walk] and self.search.record(atoms, by_atom)):
                failed.append((float(path.best[walk]), int(self.cells[walk]), atoms, by_atom))
        return failed

    def _gain(
        self, active: Ints, moved: npt.NDArray[np.int8], tried: Ints, sign: npt.NDArray[np.int16]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what each move would mend or break, at the price of hiding it."""
        path = self.atoms[tried]
        by = moved[active[:, None, None], path].astype(np.int16)
        up, down, price = self.up[path], self.down[path], self.price[path]
        after = by + sign[:, None, None]
        before_off = np.maximum(by - up, 0) + np.maximum(-down - by, 0)
        after_off = np.maximum(after - up, 0) + np.maximum(-down - after, 0)
        change = price * ((after_off > 0) * np.float32(1) - (before_off > 0) * np.float32(1))
        change += np.float32(0.1) * (after_off - before_off)
        of_target = path == self.cells[active][:, None, None]
        goal = self.goals[active][:, None, None]
        toward = np.float32(20) * (np.abs(goal - after) - np.abs(goal - by))
        penalty = (toward * of_target).sum(2, dtype=np.float32)
        own = self.own[tried]
        held = moved[active[:, None], own].astype(np.int16)
        penalty += np.float32(3) * (held * sign[:, None] < 0)
        penalty += np.float32(HARD) * (self.raw[own] + held + sign[:, None] < 0)
        return change.sum(2, dtype=np.float32), penalty


# -- the last few cells: a programme of what lies around one

AROUND_MAX: Final = 4_000
"""Atoms that a programme moves."""
FAR: Final = 3
"""By so many counts at most, each."""
MOVE_PRICE: Final = 0.01
NODES: Final = 400
AROUND_SECONDS: Final = 10.0


def around(search: "Search", cell: int, goal: int) -> Failed | None:
    """Return the cheapest table near the raw one that gives a cell another count, if there is one.

    It moves the atoms that share all but two dimensions with one of the cell, and may break what
    can be hidden, at its price. A walk tries one move after the other; this one all at once.
    """
    system = search.system
    own = system.below[system.first[cell] : system.first[cell] + system.size[cell]]
    atoms = _near(search, int(search.rng.choice(own)))
    price = search.price()
    of = system.atoms[atoms]
    cells, row = np.unique(of, return_inverse=True)
    row = row.reshape(of.shape)
    there = of != system.pad
    down = (search.low - system.raw)[cells].astype(np.float64)
    up = (search.high - system.raw)[cells].astype(np.float64)
    reach = float(FAR * len(atoms))
    down, up = np.maximum(down, -reach), np.minimum(up, reach)
    asked = cells == cell
    down[asked] = up[asked] = goal
    softly = np.nonzero((price[cells] < HARD) & ~asked & (cells != system.pad))[0]
    counts = np.minimum(system.table.counts.ravel()[atoms], FAR)
    columns = 2 * len(atoms) + 2 * len(softly)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, len(cells)
    model.col_cost_ = np.concatenate(
        [np.full(2 * len(atoms), MOVE_PRICE), np.tile(price[cells[softly]], 2)]
    )
    model.col_lower_ = np.zeros(columns)
    model.col_upper_ = np.concatenate(
        [np.full(len(atoms), FAR), counts, np.full(2 * len(softly), reach)]
    ).astype(np.float64)
    model.row_lower_, model.row_upper_ = down, up
    starts, index, value = [0], [], []
    for atom in range(2 * len(atoms)):
        sign = 1.0 if atom < len(atoms) else -1.0
        places = row[atom % len(atoms)][there[atom % len(atoms)]].tolist()
        index += places
        value += [sign] * len(places)
        starts.append(len(index))
    for sign in (1.0, -1.0):
        for place in softly.tolist():
            index.append(place)
            value.append(sign)
            starts.append(len(index))
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.array(starts, np.int32)
    model.a_matrix_.index_ = np.array(index, np.int32)
    model.a_matrix_.value_ = np.array(value)
    model.integrality_ = [highspy.HighsVarType.kInteger] * (2 * len(atoms)) + [
        highspy.HighsVarType.kContinuous
    ] * (2 * len(softly))
    solver = quiet.solver()
    solver.setOptionValue("mip_max_nodes", NODES)
    solver.setOptionValue("mip_rel_gap", 0.2)
    solver.setOptionValue("time_limit", AROUND_SECONDS)
    solver.passModel(model)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    found = np.rint(np.array(solver.getSolution().col_value[: 2 * len(atoms)])).astype(np.int64)
    by = found[: len(atoms)] - found[len(atoms) :]
    return float(info.objective_function_value), cell, atoms[by != 0], by[by != 0]


def _near(search: "Search", atom: int) -> Ints:
    """Name the atoms that differ from one in at most two dimensions."""
    shape = search.system.table.counts.shape
    at = np.unravel_index(atom, shape)
    every = np.arange(len(search.system.atoms)).reshape(shape)
    free = [*combinations(range(len(shape)), min(2, len(shape)))]
    found = [
        every[tuple(slice(None) if a in axes else at[a] for a in range(len(shape)))].ravel()
        for axes in free
    ]
    atoms = np.unique(np.concatenate(found))
    if len(atoms) > AROUND_MAX:
        atoms = np.union1d(search.rng.choice(atoms, AROUND_MAX, replace=False), [atom])
    return atoms
