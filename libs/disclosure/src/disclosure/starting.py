"""What a rule alone shows of a table: where the search begins."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from disclosure.problems import TableInvalid
from disclosure.rules import Measure, Profile, Rule
from disclosure.search import NEEDED, Search, State
from disclosure.structure import Bools, Ints, Table, totals
from disclosure.system import INF, System, propagate


def start(
    system: System, rule: Rule, profile: Profile, deadline: float, rng: np.random.Generator
) -> Search:
    """Say of every cell what a reader is told by the rule alone, and whether it has to be guarded.

    The steps follow one another: each tells what those before it do not know of.

    Raises:
        TableInvalid: a cell of an earlier release that these data do not have.

    """
    told = _Told(system, rule, keeps_hidden=profile is Profile.PROTECTED)
    told.as_is(exempt(system.table, rule, profile))
    told.by_companions()
    told.not_applicable()
    told.by_right()
    told.not_printed()
    if profile is Profile.PROTECTED:
        told.narrow()
    told.by_earlier()
    told.by_differences()
    return told.search(deadline, rng)


def nothing_in(table: Table) -> Bools:
    """Return the cells of which every category is a structural zero or was not submitted."""
    empty = np.zeros(table.counts.shape, np.bool_)
    for mask in (table.structural, table.not_submitted):
        if mask is not None:
            empty |= np.asarray(mask, np.bool_)
    nothing: Bools = totals(table.dimensions, (~empty).astype(np.int64)) == 0
    return nothing


def exempt(table: Table, rule: Rule, profile: Profile) -> Bools:
    """Return the cells that the rule lets through as they are: the nation's, or no people's."""
    found = np.zeros(table.cells.shape, np.bool_)
    if table.measure == Measure.OTHER:
        return ~found
    axes = [axis for axis, d in enumerate(table.dimensions) if d.is_geography]
    if not axes or not rule.exempts_nation(table.topics):
        return found
    where: list[slice | int] = [slice(None)] * table.cells.ndim
    for axis in axes:
        dimension = table.dimensions[axis]
        where[axis] = dimension.index[dimension.root]
    found[tuple(where)] = True
    if profile is Profile.PROTECTED:
        for axis in axes:
            units = np.moveaxis(table.cells, axis, 0)[-len(table.dimensions[axis].leaves) :]
            few = (units > 0).sum(0) < rule.national_min_units
            np.moveaxis(found, axis, 0)[0] &= ~few
    return found


@dataclass(slots=True)
class _Told:
    """What a reader is told of each cell, step by step."""

    system: System
    rule: Rule
    keeps_hidden: bool
    """Whether what other releases hid is hidden here too; the rule alone asks for no such thing."""
    state: npt.NDArray[np.int8] = field(init=False)
    low: Ints = field(init=False)
    high: Ints = field(init=False)
    small: Bools = field(init=False)
    target: Bools = field(init=False)
    fixed: Bools = field(init=False)
    known_low: Ints = field(init=False)
    known_high: Ints = field(init=False)

    def __post_init__(self) -> None:
        rule, raw = self.rule, self.system.raw
        self.state = np.full(len(raw), State.RULE, np.int8)
        shown = rule.base * ((2 * raw + rule.base) // (2 * rule.base))
        low = np.maximum(0, shown - rule.base // 2)
        low = np.where((low <= rule.small_to) & (shown > 0), rule.small_to + 1, low)
        high = np.where(raw == 0, 0, shown + (rule.base - 1) // 2)
        low = np.where(raw == 0, 0, low)
        self.small = (raw >= rule.small_from) & (raw <= rule.small_to)
        self.low = np.where(self.small, rule.small_from, low)
        self.high = np.where(self.small, rule.small_to, high)
        self.target = self.small.copy()
        self.fixed = self._all(np.zeros(self.system.table.cells.shape, np.bool_))
        self.known_low = np.zeros(len(raw), np.int64)
        self.known_high = np.full(len(raw), INF, np.int64)

    def _all(self, own: Bools) -> Bools:
        """Return a mask over all cells from one over the table's own."""
        found = np.zeros(len(self.system.raw), np.bool_)
        found[: own.size] = own.ravel()
        return found

    def as_is(self, cells: Bools) -> None:
        """Tell exact counts."""
        at = self._all(cells)
        self.state[at], self.target[at] = State.EXACT, False
        self.low[at] = self.high[at] = self.system.raw[at]

    def by_companions(self) -> None:
        """Tell exact counts of shown cells where something beside them does."""
        if self.system.table.exact is not None:
            at = self._all(self.system.table.exact) & ~self.small
            self.low[at] = self.high[at] = self.system.raw[at]

    def not_applicable(self) -> None:
        """Tell 0 where there can be no count."""
        at = self._all(nothing_in(self.system.table))
        at[self.system.table.cells.size :] = True
        self.fixed = at
        self.state[at], self.target[at] = State.FIXED, False
        self.low[at] = self.high[at] = 0

    def by_right(self) -> None:
        """Tell exact counts to the recipient who may have them: no reveal, nor ours to hide."""
        if self.system.table.by_right is not None:
            at = self._all(self.system.table.by_right)
            self.state[at], self.target[at] = State.FIXED, False
            self.low[at] = self.high[at] = self.system.raw[at]

    def not_printed(self) -> None:
        """Tell nothing of cells that are not printed; small ones stay guarded."""
        table = self.system.table
        if table.printed is not None:
            at = self._all(~table.printed) & ~self.fixed
            if table.by_right is not None:
                at &= ~self._all(table.by_right)
            self.state[at], self.target[at] = State.UNPRINTED, self.small[at]
            self.low[at], self.high[at] = 0, INF

    def narrow(self) -> None:
        """Tell no size of hidden cells where the rule leaves too few counts to them."""
        if self.rule.small_to - self.rule.small_from < NEEDED:
            at = self.target & (self.state == State.RULE)
            self.state[at] = State.WIDE
            self.low[at], self.high[at] = 0, INF

    def by_earlier(self) -> None:
        """Keep what other releases told of cells, and guard what they hid."""
        system, own = self.system, self.system.table.cells.size
        for known, cell in zip(system.earlier, system.earlier_cells.tolist(), strict=True):
            if not known.low <= system.raw[cell] <= known.high:
                raise TableInvalid(
                    f"`earlier`: {known.release} told of a cell what these data do not have; "
                    "compare with releases of the same editions only."
                )
            self.known_low[cell] = max(self.known_low[cell], known.low)
            self.known_high[cell] = min(self.known_high[cell], known.high)
            if cell >= own:
                self.high[cell] = INF
            if not known.is_hidden:
                continue
            if cell < own and self.state[cell] in {State.EXACT, State.RULE}:
                self._keep_hidden(cell)
            elif cell >= own or self.state[cell] != State.FIXED:
                self.target[cell] = True

    def _keep_hidden(self, cell: int) -> None:
        """Hide again what another release hid, also where it was for another's sake."""
        if self.keeps_hidden and not self.target[cell]:
            self.state[cell], self.target[cell] = State.WIDE, True
            self.low[cell], self.high[cell] = 0, INF

    def by_differences(self) -> None:
        """Guard the small ones of what differs between releases."""
        own = self.system.table.cells.size
        for cell in self.system.differences.tolist():
            if cell >= own:
                self.high[cell] = INF
                hides = self.rule.hides(int(self.system.raw[cell]))
                self.target[cell] = self.target[cell] or hides

    def _known_before(self) -> Bools:
        """Return the cells that earlier releases told, by themselves or by sums of what they told.

        Also by what cannot be: people of an area are all in the area that it lies in.
        """
        low, high = self.known_low.copy(), self.known_high.copy()
        directly: Bools = high - low < NEEDED
        if self.system.earlier:
            own = self.system.table.cells.size
            high[:own][self.fixed[:own]] = 0
            low[-1] = high[-1] = 0
            propagate(self.system.groups, low, high)
        told: Bools = high - low < NEEDED
        for known, cell in zip(self.system.earlier, self.system.earlier_cells, strict=True):
            if known.is_hidden:  # given away, but not to be told again
                told[cell] = directly[cell]
        return told

    def search(self, deadline: float, rng: np.random.Generator) -> Search:
        """Return the search from here."""
        known = self._known_before()
        own = self.system.table.cells.size
        known[:own] &= self.state[:own] != State.FIXED  # what is not ours to tell is no news
        self.state[known], self.target[known] = State.FIXED, False
        low = np.maximum(self.low, self.known_low)
        high = np.minimum(self.high, self.known_high)
        low[-1] = high[-1] = 0
        self.target[-1] = False
        return Search(
            system=self.system,
            rule=self.rule,
            state=self.state,
            low=low,
            high=high,
            target=self.target,
            known_low=self.known_low,
            known_high=self.known_high,
            deadline=deadline,
            rng=rng,
        )
