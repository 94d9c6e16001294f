"""`check`: what can be worked out of a table that somebody protected by hand, how, and from what.

There is no raw table to start from: what intervals exclude is proved, and small tables are solved
exactly. In a larger one a cell that intervals do not tell may be told by several sums together;
such a cell is `undecided`, and undecided is to be treated as recovered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from disclosure.attacking import Finding, Verdict, View, attack
from disclosure.problems import PublishedImpossible, RuleInvalid, TableInvalid
from disclosure.rules import HIDDEN, NOT_APPLICABLE, Rule
from disclosure.structure import Dimension, Ints, require_size
from disclosure.system import INF, Earlier

EXACT_CELLS_MAX: Final = 600
"""Tables up to this size are solved."""
TRACED_MAX: Final = 40_000
"""Sums up to which the way to a finding is told."""
STEPS_MAX: Final = 8
PARTS_MAX: Final = 40
"""Parts of a sum that are told by name."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found."""

    view: View
    hidden: int
    shown_against_the_rule: tuple[tuple[str, ...], ...]
    """Cells that show what the rule hides, or a number that is not rounded as it says."""
    findings: tuple[Finding, ...]
    """Hidden cells that can be worked out, and those of which it is not known."""

    @property
    def is_safe(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.shown_against_the_rule


def check(
    dimensions: Sequence[Dimension],
    texts: Mapping[tuple[str, ...], str],
    rule: Rule,
    *,
    topics: frozenset[str] = frozenset(),
    earlier: Sequence[Earlier] = (),
    seconds: float = 30.0,
) -> Checked:
    """Check a printed table: `texts` by the labels of its cells; a cell that is not in it is open.

    A number is read as rounded by the rule, a nation's as exact, `*` as a small number unless the
    sums say that it stands for a larger one, `-` as 0. Nothing is stored.

    Raises:
        TableInvalid: a label that no dimension has, or a text that is no number.
        TableTooLarge: more than `CELLS_MAX` cells.
        PublishedImpossible: no counts add up to what is printed.

    """
    dims = tuple(dimensions)
    require_size(dims)
    try:
        view, against = _read(dims, texts, rule, topics, earlier, exact=True)
    except PublishedImpossible:  # some national numbers are rounded as all others
        view, against = _read(dims, texts, rule, topics, earlier, exact=False)
    low, hidden = view.low, view.hidden
    found = [f for f in attack(view) if f.verdict is Verdict.RECOVERED]
    told = {f.cell for f in found}
    rest = [c for c in np.nonzero(hidden.ravel())[0].tolist() if view.label(c) not in told]
    if low.size <= EXACT_CELLS_MAX:
        solved = attack(view, exact=True, cells=rest, seconds=seconds)
        found += [f for f in solved if f.verdict is not Verdict.SAFE]
    else:
        left = [f for f in attack(view, cells=rest) if f.high is not None]
        found += [replace(f, verdict=Verdict.UNDECIDED) for f in left]
    ways = _Ways(view) if any(f.verdict is Verdict.RECOVERED for f in found) else None
    return Checked(
        view=view,
        hidden=int(hidden.sum()),
        shown_against_the_rule=tuple(against),
        findings=tuple(
            replace(f, because=ways.to(f.cell)) if ways and f.verdict is Verdict.RECOVERED else f
            for f in found
        ),
    )


def _read(
    dims: tuple[Dimension, ...],
    texts: Mapping[tuple[str, ...], str],
    rule: Rule,
    topics: frozenset[str],
    earlier: Sequence[Earlier],
    *,
    exact: bool,
) -> tuple[View, list[tuple[str, ...]]]:
    """Return what a reader knows from the texts; the nation's numbers are exact where `exact`.

    Raises:
        TableInvalid, PublishedImpossible.

    """
    shape = tuple(len(d.nodes) for d in dims)
    low, high = np.zeros(shape, np.int64), np.full(shape, INF, np.int64)
    hidden = np.zeros(shape, np.bool_)
    against = []
    nations = [axis for axis, d in enumerate(dims) if d.is_geography]
    exempts = bool(nations) and rule.exempts_nation(topics)
    for labels, text in texts.items():
        try:
            at = tuple(d.index[label] for d, label in zip(dims, labels, strict=True))
        except (KeyError, ValueError):
            raise TableInvalid(f"No hierarchy has the label of {' / '.join(labels)}.") from None
        exempt = exempts and all(at[axis] == 0 for axis in nations)
        hidden[at] = text == HIDDEN
        if text == HIDDEN:
            low[at], high[at] = rule.small_from, rule.small_to
        elif text == NOT_APPLICABLE:
            high[at] = 0
        else:
            low[at], high[at], is_right = _behind(text, rule, labels, exempt=exempt and exact)
            if not is_right and not exempt:
                against.append(labels)
    view = View(dimensions=dims, low=low, high=high, hidden=hidden, earlier=tuple(earlier))
    return _with_large(view), against


def _behind(
    text: str, rule: Rule, labels: tuple[str, ...], *, exempt: bool
) -> tuple[int, int, bool]:
    """Return what stands behind a printed number, and whether the rule prints it."""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise TableInvalid(
            f"{' / '.join(labels)} has neither a whole number nor `*` nor `-`; correct it."
        )
    number = int(text)
    if exempt:
        return number, number, True
    try:
        return (*rule.behind(number), True)
    except RuleInvalid:
        return number, number, False


def _with_large(view: View) -> View:
    """Let `*` stand for a larger number where the sums say that it does."""
    low, high = view.low.copy(), view.high.copy()
    large = np.zeros(low.shape, np.bool_)
    for _ in range(low.ndim * 8):
        changed = False
        for axis, dimension in enumerate(view.dimensions):
            bottom, top = np.moveaxis(low, axis, 0), np.moveaxis(high, axis, 0)
            stars, wide = np.moveaxis(view.hidden, axis, 0), np.moveaxis(large, axis, 0)
            for total, parts in dimension.equations:
                of = list(parts)
                over = (bottom[of].sum(0) > top[total]) & stars[total] & ~wide[total]
                under = top[of].sum(0) < bottom[total]
                more = stars[of] & under & ~wide[of]
                if over.any() or more.any():
                    changed = True
                    wide[total] |= over
                    wide[of] = wide[of] | more
                    bottom[total] = np.where(over, 0, bottom[total])
                    top[total] = np.where(over, INF, top[total])
                    bottom[of] = np.where(more, 0, bottom[of])
                    top[of] = np.where(more, INF, top[of])
        if not changed:
            break
    made = replace(view, low=low, high=high)
    try:
        attack(made, cells=[])
    except PublishedImpossible:
        made = replace(
            view,
            low=np.where(view.hidden, 0, view.low),
            high=np.where(view.hidden, INF, view.high),
        )
        attack(made, cells=[])
    return made


class _Ways:
    """Narrows sum by sum, and remembers which sum told what."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.low = view.low.ravel().tolist()
        self.high = view.high.ravel().tolist()
        self.told: dict[int, tuple[int, list[int]]] = {}
        flat: Ints = np.arange(view.low.size).reshape(view.low.shape)
        sums = []
        for axis, dimension in enumerate(view.dimensions):
            moved = np.moveaxis(flat, axis, 0).reshape(len(dimension.nodes), -1)
            for total, parts in dimension.equations:
                sums += [
                    (int(moved[total, c]), moved[list(parts), c].tolist())
                    for c in range(moved.shape[1])
                ]
        if len(sums) > TRACED_MAX:
            return
        for _ in range(50):
            if not sum(self._narrow(total, parts) for total, parts in sums):
                break

    def _narrow(self, total: int, parts: list[int]) -> int:
        low, high = self.low, self.high
        least, most = sum(low[p] for p in parts), sum(high[p] for p in parts)
        changed = self._set(total, max(low[total], least), min(high[total], most), total, parts)
        for part in parts:
            bottom = max(low[part], low[total] - (most - high[part]))
            top = min(high[part], high[total] - (least - low[part]))
            changed += self._set(part, bottom, top, total, parts)
            least, most = sum(low[p] for p in parts), sum(high[p] for p in parts)
        return changed

    def _set(self, cell: int, low: int, high: int, total: int, parts: list[int]) -> int:
        if low == self.low[cell] and high == self.high[cell]:
            return 0
        self.low[cell], self.high[cell] = low, high
        if high - low < len(self.view.low.shape) + 2 or cell not in self.told:
            self.told[cell] = (total, parts)
        return 1

    def to(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sums that tell a cell, the last one last."""
        at = tuple(d.index[x] for d, x in zip(self.view.dimensions, labels, strict=True))
        ask = [int(np.ravel_multi_index(at, self.view.low.shape))]
        steps: list[str] = []
        seen: set[int] = set()
        while ask and len(steps) < STEPS_MAX:
            cell = ask.pop(0)
            if cell in seen or cell not in self.told:
                continue
            seen.add(cell)
            total, parts = self.told[cell]
            named = " + ".join(self._said(p) for p in parts[:PARTS_MAX])
            if len(parts) > PARTS_MAX:
                named += f" + {len(parts) - PARTS_MAX} more"
            steps.append(f"{self._said(total)} = {named}")
            ask += [c for c in (total, *parts) if self.view.hidden.ravel()[c]]
        return tuple(dict.fromkeys(reversed(steps)))

    def _said(self, cell: int) -> str:
        low, high = int(self.view.low.ravel()[cell]), int(self.view.high.ravel()[cell])
        said = str(low) if low == high else f"{low} or more" if high >= INF else f"{low} to {high}"
        return f"[{' / '.join(self.view.label(cell))}: {said}]"
