"""The search for witnesses, and for what else to hide where there are none.

A witness is another table of counts that looks the same when it is shown. It is kept as what it
adds to and takes from the raw counts of a few atoms. A hidden cell is protected when witnesses
give it two values beside its own.

Walks look for them, many at once: each asks one cell for another value, and mends the sums that
this breaks by moving one count at a time. What a walk cannot mend it names, with the price of
hiding it; the cheapest are hidden, and the walk's table is a witness then. The last resort needs
no search: along a path from one atom to every cell that contains it, all that stands in the way is
hidden, and adding one and two along it are two witnesses for every cell of the path.
"""

import math
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from disclosure.rules import Rule
from disclosure.structure import Bools, Ints
from disclosure.system import INF, System, propagate
from disclosure.walks import HARD, Failed, Walks, around

NEEDED: Final = 2
"""Values beside a hidden cell's own that have to stay possible."""
NATION_PRICE: Final = 1.0
"""Of rounding a national count that may be exact."""
REACH: Final = 4
"""Differences from the raw count that evidence is kept of, up and down."""
ROUNDS_MAX: Final = 60
EFFORT: Final = ((8, 16, 1), (16, 24, 2), (30, 48, 2))
"""Moves of a walk, choices at each, and tries: many cells are easy, few are hard."""
LAST_EFFORT: Final = (*EFFORT, *(12 * ((40, 64, 4),)))
LAST_MAX: Final = 2_000
"""Cells that are walked on from when time is over; of more the table is refused at once."""
LAST_ROUNDS: Final = 3
AROUND_CELLS_MAX: Final = 40
"""Cells that are left after that, each of which is mended by a programme of its own."""
BATCH_BYTES: Final = 64_000_000

Floats = npt.NDArray[np.float64]


class State(IntEnum):
    """What a reader is told of a cell; each tells less than those before it."""

    FIXED = 0
    """Known and not ours to hide: structural zero, nothing submitted, another release."""
    EXACT = 1
    RULE = 2
    """As the rule says: a small number hidden, any other rounded."""
    WIDE = 3
    """Hidden with nothing said of its size."""
    UNPRINTED = 4


@dataclass(slots=True)
class Witness:
    """A table by its difference from the raw one."""

    atoms: Ints
    by: Ints
    cells: Ints
    cells_by: Ints


@dataclass(slots=True)
class Search:
    """What is shown so far, and the evidence that it gives nothing away."""

    system: System
    rule: Rule
    state: npt.NDArray[np.int8]
    low: Ints
    high: Ints
    target: Bools
    """Cells that have to be protected."""
    known_low: Ints
    known_high: Ints
    """What other releases say of a cell, whatever is shown of it now."""
    deadline: float
    rng: np.random.Generator
    evidence: Ints = field(init=False)
    """How many witnesses give each cell each difference from -REACH to REACH."""
    witnesses: list[Witness] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)
    """Cells that nothing can protect."""
    rounds: int = 0
    out_of_time: bool = False

    def __post_init__(self) -> None:
        self.evidence = np.zeros((len(self.system.raw), 2 * REACH + 1), np.int64)

    # -- what is known

    def seen(self) -> Ints:
        """Return how many values beside its own each cell has a witness for."""
        found: Ints = (self.evidence > 0).sum(1)
        return found

    def open(self) -> Ints:
        """Return the cells that have to be protected and are not yet."""
        found: Ints = np.nonzero(self.target & (self.seen() < NEEDED))[0]
        return np.setdiff1d(found, np.array(self.blocked, np.int64)) if self.blocked else found

    def record(self, atoms: Ints, by: Ints) -> bool:
        """Keep a witness where it is one."""
        touched = self.system.atoms[atoms]
        if len(atoms) == 1:
            cells = touched[0][touched[0] != self.system.pad]
            by_cell = np.full(len(cells), int(by[0]))
        else:
            cells, where = np.unique(touched.ravel(), return_inverse=True)
            by_cell = np.zeros(len(cells), np.int64)
            np.add.at(by_cell, where.ravel(), np.repeat(by, touched.shape[1]))
            keep = (by_cell != 0) & (cells != self.system.pad)
            cells, by_cell = cells[keep], by_cell[keep]
        value = self.system.raw[cells] + by_cell
        if (value < self.low[cells]).any() or (value > self.high[cells]).any():
            return False
        self.witnesses.append(Witness(atoms, by, cells, by_cell))
        near = np.abs(by_cell) <= REACH
        self.evidence[cells[near], by_cell[near] + REACH] += 1
        return True

    def price(self) -> Floats:
        """Return what hiding each cell (more) costs: information, not money."""
        raw = self.system.raw.astype(np.float64)
        cost = 1.0 + np.log2(1.0 + raw) / 2
        small = (raw >= self.rule.small_from) & (raw <= self.rule.small_to)
        # Who can tell which `*` are small is told their size by that, and it cannot be untold:
        # unless the rule hides so few counts that its own range would give them away.
        is_told = self.rule.small_to - self.rule.small_from >= NEEDED
        cost = np.where((self.state == State.RULE) & small, HARD if is_told else 0.3, cost)
        cost = np.where(self.state == State.EXACT, NATION_PRICE, cost)
        cost = np.where(self.state == State.FIXED, HARD, cost)
        cost[self.system.pad] = 0.0
        return cost

    def is_told_small(self, cell: int) -> bool:
        """Say whether a cell's size is told by its mark, whatever else is hidden."""
        rule, raw = self.rule, int(self.system.raw[cell])
        is_wide = rule.small_to - rule.small_from >= NEEDED
        return self.state[cell] == State.RULE and rule.hides(raw) and is_wide

    def widen(self, cell: int, by: tuple[int, ...]) -> None:
        """Tell less of a cell, just enough for these differences."""
        raw = int(self.system.raw[cell])
        if self.state[cell] == State.EXACT:
            low, high = self.by_rule(cell)
            if all(low <= raw + b <= high for b in by) and self.rule.base > 1:
                self.round(cell)
                return
        self.hide(cell)

    def round(self, cell: int) -> None:
        """Treat a national count as all others."""
        raw = int(self.system.raw[cell])
        self.state[cell] = State.RULE
        self._tell(cell, *self.by_rule(cell))
        self.target[cell] = self.rule.hides(raw)

    def by_rule(self, cell: int) -> tuple[int, int]:
        """Return what a reader knows of a cell that is shown as the rule says.

        Where something beside it tells the exact count, rounding it hides nothing.
        """
        raw, beside = int(self.system.raw[cell]), self.system.table.exact
        is_told = beside is not None and cell < beside.size and bool(beside.ravel()[cell])
        if is_told and not self.rule.hides(raw):
            return raw, raw
        return interval(self.rule, raw)

    def hide(self, cell: int) -> None:
        """Tell nothing of a cell's size."""
        self.state[cell] = State.WIDE
        self._tell(cell, 0, INF)
        self.target[cell] = True

    def _tell(self, cell: int, low: int, high: int) -> None:
        self.low[cell] = max(low, int(self.known_low[cell]))
        self.high[cell] = min(high, int(self.known_high[cell]))

    # -- the search

    def run(self) -> None:
        """Hide until every cell that has to be is protected, or is known not to be able to."""
        while True:
            self.single()
            left = self.open()
            if not len(left):
                return
            self.rounds += 1
            if time.monotonic() > self.deadline or self.rounds > ROUNDS_MAX:
                self.out_of_time = time.monotonic() > self.deadline
                self.last_resort()
                if 0 < len(self.blocked) <= LAST_MAX:
                    self.walk_on()
                return
            given_away = self._given_away(left)
            if len(given_away):
                self.hide_cheapest(self.walk(given_away, steps=12, samples=12, tries=2), share=2)
                continue
            for steps, samples, tries in EFFORT:
                failed = self.walk(self.open(), steps=steps, samples=samples, tries=tries)
            if len(self.open()):
                self.hide_cheapest(failed)

    def _given_away(self, cells: Ints) -> Ints:
        """Return those of which intervals alone leave too few values."""
        low, high = self.low.copy(), self.high.copy()
        propagate(self.system.groups, low, high)
        return cells[high[cells] - low[cells] < NEEDED]

    def single(self) -> None:
        """Find the cells that one atom's count alone can give other values."""
        system = self.system
        left = self.open()
        if not len(left):
            return
        for sign in (1, -1):
            slack = self.high - system.raw if sign > 0 else system.raw - self.low
            slack[system.pad] = INF
            room = np.minimum(slack[system.atoms].min(1), 2)
            key = room * len(system.atoms) + self.rng.permutation(len(system.atoms))
            at = np.concatenate([system.below, [0]])
            best = np.maximum.reduceat(
                np.concatenate([key[system.below], [0]]), np.minimum(system.first, len(at) - 1)
            )
            atom_of = np.empty(3 * len(system.atoms), np.int64)
            atom_of[key] = np.arange(len(system.atoms))
            for step in (1, 2):
                new = self.evidence[left, REACH + sign * step] == 0
                able = left[new & (best[left] >= step * len(system.atoms))]
                for atom in atom_of[np.unique(best[able])].tolist():
                    self.record(np.array([atom]), np.array([sign * step]))

    def walk(self, cells: Ints, *, steps: int, samples: int, tries: int) -> list[Failed]:
        """Ask each cell for another value; return what the walks that failed would need hidden."""
        failed: list[Failed] = []
        low, high = self.low.copy(), self.high.copy()
        propagate(self.system.groups, low, high, rounds=8)
        size = max(16, min(1024, BATCH_BYTES // len(self.system.raw)))
        order = self.rng.permutation(len(cells))
        for at in range(0, len(cells), size):
            batch = cells[order[at : at + size]]
            batch = batch[self.seen()[batch] < NEEDED]
            for _ in range(tries):
                if len(batch) and time.monotonic() < self.deadline:
                    goals = self._goals(batch, low, high)
                    asked = goals != 0
                    if asked.any():
                        failed += Walks(self, batch[asked], goals[asked]).run(steps, samples)
                    batch = batch[self.seen()[batch] < NEEDED]
        return failed

    def _goals(self, cells: Ints, low: Ints, high: Ints) -> Ints:
        """Choose for each cell a difference that has no witness yet, a likely one first."""
        goals = np.zeros(len(cells), np.int64)
        best = np.full(len(cells), -1.0)
        raw = self.system.raw[cells]
        for goal in (1, -1, 2, -2, 3, -3):
            fits = (raw + goal >= self.low[cells]) & (raw + goal <= self.high[cells])
            fits &= self.evidence[cells, goal + REACH] == 0
            likely = (raw + goal >= low[cells]) & (raw + goal <= high[cells])
            score = likely * 2.0 - abs(goal) * 0.4 + self.rng.random(len(cells)) * 0.5 + 2.0
            better = fits & (score > best)
            goals[better], best[better] = goal, score[better]
        return goals

    def hide_cheapest(self, failed: list[Failed], share: int = 4) -> None:
        """Hide what the cheapest walks stand at; what several need counts for each of them."""
        price = self.price()
        options = []
        uses = np.zeros(len(price))
        slack_up, slack_down = self.high - self.system.raw, self.system.raw - self.low
        for _, cell, atoms, by in failed:
            touched = self.system.atoms[atoms]
            cells, where = np.unique(touched.ravel(), return_inverse=True)
            moved = np.zeros(len(cells), np.int64)
            np.add.at(moved, where.ravel(), np.repeat(by, touched.shape[1]))
            bad = ((moved > slack_up[cells]) | (-moved > slack_down[cells])) & (
                cells != self.system.pad
            )
            if price[cells[bad]].sum() < HARD and (self.system.raw[cells] + moved >= 0).all():
                options.append((cell, atoms, by, cells[bad], moved[bad]))
                uses[cells[bad]] += 1
        if not options:
            self.last_resort(at_most=8)
            return
        shared = [float((price[bad] / uses[bad]).sum()) for *_, bad, _ in options]
        done = 0
        for at in np.argsort(shared, kind="stable").tolist():
            cell, atoms, by, bad, moved = options[at]
            if done >= max(3, len({o[0] for o in options}) // share):
                break
            if (self.evidence[cell] > 0).sum() >= NEEDED:
                continue
            for one, change in zip(bad.tolist(), moved.tolist(), strict=True):
                value = self.system.raw[one] + change
                if not self.low[one] <= value <= self.high[one]:
                    self.widen(one, (change,))
            done += self.record(atoms, by)

    def last_resort(self, at_most: int | None = None) -> None:  # noqa: C901
        """Open a path for each cell that is left. Always ends: each path protects all its cells."""
        system = self.system
        up, down = self.high - system.raw, system.raw - self.low
        price = self.price()
        for done, cell in enumerate(self.open().tolist()):
            if at_most is not None and done >= at_most:
                return
            if (self.evidence[cell] > 0).sum() >= NEEDED:
                continue
            start, count = int(system.first[cell]), int(system.size[cell])
            pick = np.arange(count) if count <= 64 else self.rng.integers(0, count, 64)
            atoms = system.below[start + pick]
            path = system.atoms[atoms]
            if price[cell] < HARD:
                price[cell] = 0.01
            counts = system.raw[path].min(1)
            best: tuple[float, int, tuple[int, int]] = (HARD, -1, (1, 2))
            for both in ((1, 2), (-1, 1), (-1, -2)):
                blocked = (up[path] < max(both)) | (down[path] < -min(both))
                cost = (price[path] * blocked).sum(1) + HARD * (counts < -min(both))
                at = int(cost.argmin())
                if cost[at] < best[0]:
                    best = float(cost[at]), at, both
            cost_best, at, both = best
            if at < 0 or cost_best >= HARD:
                self.blocked.append(cell)
                continue
            for one in path[at].tolist():
                if one != system.pad and (up[one] < max(both) or down[one] < -min(both)):
                    self.widen(one, both)
                    up[one] = self.high[one] - system.raw[one]
                    down[one] = system.raw[one] - self.low[one]
            for by in both:
                self.record(atoms[at : at + 1], np.array([by]))
            if (self.evidence[cell] > 0).sum() < NEEDED:
                self.blocked.append(cell)

    def walk_on(self) -> None:
        """Ask the few cells that no path from one atom protects whatever the clock says.

        So much is tried and no more: it ends, and what is left then nothing protects.
        """
        deadline, self.deadline = self.deadline, math.inf
        for steps, samples, tries in LAST_EFFORT:
            self.blocked = []
            self.single()
            if not len(left := self.open()):
                break
            self.hide_cheapest(self.walk(left, steps=steps, samples=samples, tries=tries))
        for _ in range(LAST_ROUNDS):
            self.blocked = []
            self.single()
            left = self.open()
            if 0 < len(left) <= AROUND_CELLS_MAX:
                for cell in left.tolist():
                    self.mend(cell)
        self.blocked, self.deadline = [], deadline
        self.last_resort()

    def mend(self, cell: int) -> None:
        """Find what a cell lacks among all that lies around it, and hide what that breaks."""
        raw, system = int(self.system.raw[cell]), self.system
        for goal in (1, -1, 2, -2, 3, -3):
            if (self.evidence[cell] > 0).sum() >= NEEDED:
                return
            is_new = self.evidence[cell, goal + REACH] == 0
            if not is_new or not self.low[cell] <= raw + goal <= self.high[cell]:
                continue
            found = around(self, cell, goal)
            if found is None:
                continue
            _, _, atoms, by = found
            touched = system.atoms[atoms]
            cells, where = np.unique(touched.ravel(), return_inverse=True)
            moved = np.zeros(len(cells), np.int64)
            np.add.at(moved, where.ravel(), np.repeat(by, touched.shape[1]))
            for one, change in zip(cells.tolist(), moved.tolist(), strict=True):
                value = int(system.raw[one]) + change
                if one != system.pad and not self.low[one] <= value <= self.high[one]:
                    self.widen(one, (change,))
            self.record(atoms, by)

    def give_back(self, before: npt.NDArray[np.int8], low: Ints, high: Ints) -> int:
        """Show again what need not be hidden, the dearest first; return how much that was."""
        if not self.witnesses:
            return 0
        system = self.system
        owner = np.repeat(np.arange(len(self.witnesses)), [len(w.cells) for w in self.witnesses])
        cells = np.concatenate([w.cells for w in self.witnesses])
        by = np.concatenate([w.cells_by for w in self.witnesses])
        bounds = np.searchsorted(owner, np.arange(len(self.witnesses) + 1))
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(len(system.raw) + 1))
        valid = np.ones(len(self.witnesses), np.bool_)
        given = 0
        changed = np.nonzero(self.state > before)[0]
        price = 1.0 + np.log2(1.0 + system.raw[changed])
        for cell in changed[np.argsort(-price, kind="stable")].tolist():
            if time.monotonic() > self.deadline:
                break
            entries = order[starts[cell] : starts[cell + 1]]
            value = system.raw[cell] + by[entries]
            off = entries[(value < low[cell]) | (value > high[cell])]
            lost = np.unique(owner[off])
            lost = lost[valid[lost]]
            at = np.concatenate(
                [np.arange(bounds[w], bounds[w + 1]) for w in lost.tolist()] or [off[:0]]
            )
            at = at[np.abs(by[at]) <= REACH]
            np.subtract.at(self.evidence, (cells[at], by[at] + REACH), 1)
            held = bool(self.target[cell])
            self.target[cell] = before[cell] == State.RULE and self.rule.hides(
                int(system.raw[cell])
            )
            touched = np.unique(np.append(cells[at], cell))
            if (self.target[touched] & ((self.evidence[touched] > 0).sum(1) < NEEDED)).any():
                np.add.at(self.evidence, (cells[at], by[at] + REACH), 1)
                self.target[cell] = held
                continue
            valid[lost] = False
            self.state[cell] = before[cell]
            self.low[cell], self.high[cell] = low[cell], high[cell]
            given += 1
        self.witnesses = [w for w, ok in zip(self.witnesses, valid.tolist(), strict=True) if ok]
        return given


def interval(rule: Rule, raw: int) -> tuple[int, int]:
    """Return what a reader knows of a count that is shown as the rule says."""
    return (rule.small_from, rule.small_to) if rule.hides(raw) else rule.behind(rule.rounded(raw))
