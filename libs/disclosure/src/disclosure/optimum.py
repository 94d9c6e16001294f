"""The least that has to be hidden of a small table, by an integer programme.

One programme holds the choice and its proof: for every cell that may be hidden two witnesses,
each a table of counts near the raw one, which have to look the same where the choice shows a cell,
and to give the cell two counts beside its own where the choice hides it. The answer is a choice
with its witnesses, and is verified as every other is.

Its size grows with cells times categories, so it is for small tables; and witnesses stay within
`REACH` of the raw counts, so it may hide more than a table of other counts would ask for.
"""

from dataclasses import dataclass, field
from typing import Final

import highspy
import numpy as np
import numpy.typing as npt

from disclosure import solver as quiet
from disclosure.search import NATION_PRICE, Search, State
from disclosure.search import REACH as NEAR
from disclosure.system import INF

CELLS_MAX: Final = 64
REACH: Final = 6
GAP: Final = 1e-4
BETTER: Final = 1e-6

Floats = npt.NDArray[np.float64]


def hiding_price(search: Search, begun: npt.NDArray[np.int8]) -> Floats:
    """Return what hiding each cell for others' sake costs, from what the rule alone shows."""
    raw = search.system.raw.astype(np.float64)
    price = 1.0 + np.log2(1.0 + raw) / 2
    small = (raw >= search.rule.small_from) & (raw <= search.rule.small_to)
    return np.where(small & (begun == State.RULE), 0.3, price)


def loss(begun: npt.NDArray[np.int8], ended: Search) -> float:
    """Return what was hidden beyond the rule since a state, in the prices of the search."""
    price = hiding_price(ended, begun)
    wide = (ended.state == State.WIDE) & (begun < State.WIDE)
    rounded = (ended.state == State.RULE) & (begun == State.EXACT)
    return float(price[wide].sum() + NATION_PRICE * rounded.sum())


def cheapest(begun: Search, *, below: float, seconds: float) -> Search | None:
    """Return a search that ended with less loss than `below`, or None: nothing better was found.

    `begun` is a search that has not run; it is what is returned, with its choice and witnesses.
    """
    programme = _Programme(begun)
    found = programme.solved(below=below - BETTER, seconds=seconds)
    if found is None:
        return None
    programme.take(found)
    return begun if not len(begun.open()) else None


@dataclass(slots=True)
class _Programme:
    """The programme's columns and rows, as they are made."""

    search: Search
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, list[int], list[float]]] = field(default_factory=list)
    hide: dict[int, int] = field(default_factory=dict)
    """The column that hides each cell."""
    round_: dict[int, int] = field(default_factory=dict)
    """The column that rounds each national count."""
    witness: list[int] = field(default_factory=list)
    """Where each witness's columns begin, one an atom."""
    above: list[list[int]] = field(default_factory=list)
    """Atoms of each cell."""
    far: float = 0.0

    def __post_init__(self) -> None:
        system = self.search.system
        self.above = [
            system.below[system.first[c] : system.first[c] + system.size[c]].tolist()
            for c in range(system.pad)
        ]
        self.far = float(REACH * len(system.atoms))
        self._choices()
        for cell in range(system.pad):
            may = cell in self.hide or cell in self.round_ or bool(self.search.target[cell])
            if may:
                self._proof(cell)

    def _column(self, low: float, high: float, cost: float = 0.0) -> int:
        self.lower.append(low)
        self.upper.append(high)
        self.cost.append(cost)
        return len(self.lower) - 1

    def _choices(self) -> None:
        search, price = self.search, hiding_price(self.search, self.search.state)
        for cell in range(search.system.pad):
            state = search.state[cell]
            # Who can tell which `*` are small is told their size by that: no choice is left.
            if state in {State.EXACT, State.RULE} and not search.is_told_small(cell):
                self.hide[cell] = self._column(0, 1, float(price[cell]))
            if state == State.EXACT:
                self.round_[cell] = self._column(0, 1, NATION_PRICE)

    def _proof(self, cell: int) -> None:
        """Ask two witnesses of a cell, where it is hidden."""
        first, second = self._table(), self._table()
        patterns = [self._column(0, 1) for _ in range(3)]
        hidden = [(self.hide[cell], 1.0)] if cell in self.hide else []
        raw = int(self.search.system.raw[cell])
        if cell in self.round_ and self.search.rule.hides(raw):
            hidden.append((self.round_[cell], 1.0))
        need = 1.0 if self.search.target[cell] else 0.0
        for column, factor in hidden or [(-1, 0.0)]:
            terms = [(p, 1.0) for p in patterns]
            if not need and column >= 0:
                terms.append((column, -factor))
            self._row(need, INF, terms)
        one = [(first + atom, 1.0) for atom in self.above[cell]]
        other = [(second + atom, 1.0) for atom in self.above[cell]]
        for terms in (one, other):
            self._row(-float(NEAR), float(NEAR), terms)
        apart = [*one, *((column, -factor) for column, factor in other)]
        back = [(column, -factor) for column, factor in apart]
        less = [(column, -factor) for column, factor in other]
        up, down, outside = patterns[0], patterns[1], patterns[2]
        for pattern, terms in (
            (up, one), (up, less), (down, apart), (down, other), (outside, back), (outside, less)
        ):  # fmt: skip
            # sum - far * pattern >= 1 - far: at least 1 where the pattern is chosen
            self._row(1.0 - 2 * self.far, INF, [*terms, (pattern, -2 * self.far)])

    def _table(self) -> int:
        """Add a witness: what each atom gains, and bounds on every cell by what is shown of it."""
        search = self.search
        counts = search.system.raw
        start = len(self.lower)
        self.witness.append(start)
        for atom in range(len(search.system.atoms)):
            own = search.system.atoms[atom]
            least = int(counts[own[search.system.size[own].argmin()]])
            self._column(-float(min(REACH, least)), float(REACH))
        for cell in range(search.system.pad):
            self._bound(cell, start)
        return start

    def _bound(self, cell: int, start: int) -> None:
        search = self.search
        raw, low, high = (int(a[cell]) for a in (search.system.raw, search.low, search.high))
        down, up = float(low - raw), float(high - raw)
        terms = [(start + atom, 1.0) for atom in self.above[cell]]
        lower, upper = [*terms], [*terms]
        if cell in self.hide:
            lower.append((self.hide[cell], self.far))
            upper.append((self.hide[cell], -self.far))
        if cell in self.round_:
            least, most = search.by_rule(cell)
            lower.append((self.round_[cell], float(raw - least)))
            upper.append((self.round_[cell], -float(most - raw)))
        if down > -self.far:
            self._row(down, INF, lower)
        if up < self.far:
            self._row(-INF, up, upper)

    def _row(self, low: float, high: float, terms: list[tuple[int, float]]) -> None:
        self.rows.append((low, high, [t[0] for t in terms], [t[1] for t in terms]))

    def solved(self, *, below: float, seconds: float) -> Floats | None:
        """Return a solution of less cost, if there is one that is found in time."""
        chosen = [*self.hide.values(), *self.round_.values()]
        self._row(-INF, below, [(c, self.cost[c]) for c in chosen])
        solver = quiet.solver()
        solver.setOptionValue("time_limit", seconds)
        solver.setOptionValue("mip_rel_gap", GAP)
        solver.passModel(self._model())
        solver.run()
        if (
            solver.getInfo().primal_solution_status
            != highspy.SolutionStatus.kSolutionStatusFeasible
        ):
            return None
        found: Floats = np.rint(np.array(solver.getSolution().col_value, np.float64))
        return found

    def _model(self) -> highspy.HighsLp:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self.lower), len(self.rows)
        model.col_cost_ = np.array(self.cost)
        model.col_lower_, model.col_upper_ = np.array(self.lower), np.array(self.upper)
        infinite = highspy.kHighsInf
        model.row_lower_ = np.array([r[0] if r[0] > -INF else -infinite for r in self.rows])
        model.row_upper_ = np.array([r[1] if r[1] < INF else infinite for r in self.rows])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(r[2]) for r in self.rows)]).astype(np.int32)
        model.a_matrix_.index_ = np.array([c for r in self.rows for c in r[2]], np.int32)
        model.a_matrix_.value_ = np.array([f for r in self.rows for f in r[3]])
        model.integrality_ = [highspy.HighsVarType.kInteger] * len(self.lower)
        return model

    def take(self, found: Floats) -> None:
        """Hide what was chosen, and keep the witnesses."""
        search = self.search
        for cell, column in self.round_.items():
            if found[column]:
                search.round(cell)
        for cell, column in self.hide.items():
            if found[column]:
                search.hide(cell)
        atoms = np.arange(len(search.system.atoms))
        for start in self.witness:
            by = found[start : start + len(atoms)].astype(np.int64)
            if by.any():
                search.record(atoms[by != 0], by[by != 0])
