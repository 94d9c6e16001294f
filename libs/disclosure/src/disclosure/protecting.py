"""`protect`: what is shown of a table under a rule, and the proof that the rest stays hidden."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from disclosure import optimum
from disclosure.attacking import Finding, Verdict, View, attack
from disclosure.certificate import Certificate, verify
from disclosure.problems import TableUnprovable
from disclosure.rules import HIDDEN, NOT_APPLICABLE, Measure, Profile, Rule
from disclosure.search import Search, State
from disclosure.starting import exempt, nothing_in, start
from disclosure.structure import Bools, Ints, Table
from disclosure.system import INF, Earlier, build

WITHHELD_MAX: Final = 0.5
"""Of what the rule alone would show: where more has to be hidden, the table is refused."""
BY_RIGHT: Final = (
    "Some numbers are exact, small ones too: the recipient has them by right. "
    "They may not be passed on, and this table may not be published."
)
LEAST: Final = 3
"""So many counts of a hidden cell have to stay possible."""
SMALL_TABLE: Final = 60
"""Printed cells up to which nothing is refused for what has to be hidden."""


@dataclass(frozen=True, kw_only=True)
class Protected:
    """A table as it is shown. Arrays have an axis a dimension, over all nodes."""

    table: Table
    rule: Rule
    profile: Profile
    texts: npt.NDArray[np.object_]
    """What is printed: a number, `*` or `-`; an empty text where the cell is not shown."""
    hidden: Bools
    guarded: Bools
    """Cells that may not be worked out: the hidden ones, and small ones that are not printed."""
    wide: Bools
    """Hidden cells of which a reader is told no size: hidden for another's sake."""
    exact: Bools
    """Shown cells whose exact count a reader knows."""
    reasons: Mapping[str, int]
    """Cells by what became of them."""
    loss_cells: int
    loss_value: int
    """Cells hidden for others' sake, and the sum of their counts."""
    loss: float
    """The same in the prices of the search, where a national number rounded is one too."""
    earlier: tuple[Earlier, ...]
    certificate: Certificate
    findings: tuple[Finding, ...] = ()
    """Hidden cells that can be worked out; only under `as_published`."""
    out_of_time: bool = False
    """Whether more was hidden than a longer search might have."""
    footnotes: tuple[str, ...] = field(default=())

    def view(self) -> View:
        """Return what a reader knows: the strict one, who can tell which `*` are small."""
        low, high = known_from(self)
        return View(
            dimensions=self.table.dimensions,
            low=low,
            high=high,
            hidden=self.guarded,
            earlier=self.earlier,
        )

    def shown(self, release: str, *, by_right: bool = True) -> tuple[Earlier, ...]:
        """Return what this release tells of each cell, for the store of what was shown.

        Raw and hidden counts are not in it. What the recipient has by right is told to that one
        alone: `by_right=False` leaves it out, for everybody else.
        """
        low, high = known_from(self)
        told = (self.texts != "") & (self.texts != NOT_APPLICABLE)
        if not by_right and self.table.by_right is not None:
            told &= ~self.table.by_right
        members = [
            [frozenset(d.leaves[i] for i in of) for of in d.members] for d in self.table.dimensions
        ]
        names = [d.name for d in self.table.dimensions]
        return tuple(
            Earlier(
                release,
                tuple((n, m[i]) for n, m, i in zip(names, members, at, strict=True)),
                int(low[at]),
                int(high[at]),
                bool(self.hidden[at]),
            )
            for at in map(tuple, np.argwhere(told).tolist())
        )


def known_from(shown: Protected) -> tuple[Ints, Ints]:
    """Return what a reader knows of each cell from the printed texts alone."""
    texts = shown.texts.ravel().tolist()
    place = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    of = np.fromiter((place[text] for text in texts), np.int64, len(texts))
    bare = np.array([int(t) if t.isdigit() else -1 for t in place], np.int64)
    plain = np.zeros((2, len(place)), np.int64)
    plain[1] = INF
    rounded = set(of[~shown.exact.ravel()].tolist())
    for text, at in place.items():
        if text == HIDDEN:
            plain[:, at] = shown.rule.small_from, shown.rule.small_to
        elif text == NOT_APPLICABLE:
            plain[1, at] = 0
        elif text and at in rounded:
            plain[:, at] = shown.rule.behind(int(text))
    exact = shown.exact.ravel() & (bare[of] >= 0)
    wide = shown.wide.ravel() & (of == place.get(HIDDEN, -1))
    low = np.where(exact, bare[of], np.where(wide, 0, plain[0, of]))
    high = np.where(exact, bare[of], np.where(wide, INF, plain[1, of]))
    low, high = low.reshape(shown.texts.shape), high.reshape(shown.texts.shape)
    if shown.table.exact is not None:
        also = shown.table.exact & ~shown.hidden & (shown.texts != "")
        low[also] = high[also] = shown.table.cells[also]
    if shown.table.by_right is not None:
        right = shown.table.by_right
        low[right] = high[right] = shown.table.cells[right]
    return low, high


def protect(
    table: Table,
    rule: Rule,
    *,
    earlier: Sequence[Earlier] = (),
    profile: Profile = Profile.PROTECTED,
    seconds: float = 60.0,
    seed: int = 1,
    least: bool = False,
) -> Protected:
    """Apply a rule to a table and hide what else has to be, with a proof.

    Every hidden cell keeps at least three possible raw counts, given all that is shown here and
    in `earlier`: there is a witness table for each, in the certificate, which is verified before
    the answer is given. After `seconds` the search stops and hides more in its place. `least` asks
    for the least that has to be hidden, of tables of up to `optimum.CELLS_MAX` cells, for a
    reader who knows which hidden numbers are small.

    Raises:
        MeasureWithoutRule: the rule does not cover the table's measure.
        TableInvalid: a cell of `earlier` does not fit the table.
        TableUnprovable: nothing can be shown safely, or less than half of what the rule shows;
            `coarsen` names the dimension to make coarser.

    """
    began = time.monotonic()
    rule.require(table.measure)
    system = build(table, earlier)
    search = start(system, rule, profile, began + seconds, np.random.default_rng(seed))
    before, low, high = search.state.copy(), search.low.copy(), search.high.copy()
    if profile is Profile.PROTECTED and table.measure != Measure.OTHER:
        search.run()
        if search.blocked:
            _refuse(table, search, "Some cells cannot be protected whatever else is hidden.")
        search.deadline = max(search.deadline, time.monotonic() + 0.2 * seconds)
        search.give_back(before, low, high)
        if least and table.cells.size <= optimum.CELLS_MAX and not earlier:
            begun = start(system, rule, profile, search.deadline, np.random.default_rng(seed))
            lost = optimum.loss(before, search)
            if lost > 0:
                better = optimum.cheapest(begun, below=lost, seconds=seconds)
                if better is not None and not tells_the_strict(
                    shown_of(better, rule, profile, lost=optimum.loss(before, better))
                ):
                    search = better
    shown = shown_of(search, rule, profile, lost=optimum.loss(before, search))
    if profile is Profile.AS_PUBLISHED:
        found = tuple(f for f in attack(shown.view()) if f.verdict is Verdict.RECOVERED)
        note = f"As published: {len(found)} hidden cells can be worked out from others."
        return replace(shown, findings=found, footnotes=(*shown.footnotes, note))
    verify(shown)
    rule_shows = int(((before > State.FIXED) & (before < State.UNPRINTED)).sum())
    rule_shows -= shown.reasons["small"]
    printed = int((shown.texts != "").sum())
    if printed > SMALL_TABLE and shown.loss_cells > WITHHELD_MAX * max(1, rule_shows):
        _refuse(table, search, f"{shown.loss_cells} cells more would have to be hidden.")
    return shown


def tells_the_strict(shown: Protected) -> bool:
    """Say whether a small number could be worked out by who can tell which `*` are small ones.

    What the rule itself tells of a small number is its to say.
    """
    rule, view, cells = shown.rule, shown.view(), shown.table.cells
    if rule.small_to - rule.small_from + 1 <= LEAST:
        return False
    small = shown.hidden & (cells >= rule.small_from) & (cells <= rule.small_to)
    strict = replace(
        view,
        low=np.where(small, np.maximum(view.low, rule.small_from), view.low),
        high=np.where(small, np.minimum(view.high, rule.small_to), view.high),
    )
    return any(one.verdict is Verdict.RECOVERED for one in attack(strict))


def shown_of(search: Search, rule: Rule, profile: Profile, *, lost: float) -> Protected:
    table = search.system.table
    own, shape = table.cells.size, table.cells.shape
    state, raw = search.state[:own], search.system.raw[:own]
    small = (raw >= rule.small_from) & (raw <= rule.small_to)
    empty = nothing_in(table).ravel()
    may = exempt(table, rule, Profile.AS_PUBLISHED).ravel()
    right = _of(table.by_right, own) & ~empty
    exact = (exempt(table, rule, profile).ravel() & (state <= State.EXACT)) | right
    away = ~_of(table.printed, own, missing=True)
    hidden = ~away & ~empty & ((state == State.WIDE) | (small & ~exact))
    texts = np.empty(own, object)
    rounded = rule.base * ((2 * raw + rule.base) // (2 * rule.base))
    texts[:] = [str(n) for n in np.where(exact, raw, rounded).tolist()]
    texts[hidden], texts[empty] = HIDDEN, NOT_APPLICABLE
    texts[away] = ""
    extra = hidden & ~small
    reasons = {
        "small": int((hidden & small).sum()),
        "for_others": int(extra.sum()),
        "nation_not_exact": int((may & ~exact & ~empty & ~away).sum()),
        "not_applicable": int((empty & ~away).sum()),
        "not_printed": int(away.sum()),
        "by_right": int((right & ~away & (small | (raw != rounded)) & ~may).sum()),
    }
    notes = [*rule.footnotes, f"Rule {rule.code} version {rule.version}, profile {profile}."]
    if reasons["for_others"]:
        notes.append("`*` also hides numbers from which another hidden one could be worked out.")
    if reasons["nation_not_exact"]:
        notes.append("Some national numbers are treated as all others: exact ones give some away.")
    if reasons["by_right"]:
        notes.append(BY_RIGHT)
    if empty.any():
        notes.append("`-`: not offered, or nothing was submitted.")
    return Protected(
        table=table,
        rule=rule,
        profile=profile,
        texts=texts.reshape(shape),
        hidden=hidden.reshape(shape),
        guarded=search.target[:own].reshape(shape),
        wide=((state == State.WIDE) & hidden).reshape(shape),
        exact=exact.reshape(shape),
        reasons=reasons,
        loss_cells=reasons["for_others"],
        loss_value=int(raw[extra].sum()),
        loss=lost,
        earlier=search.system.earlier,
        certificate=Certificate.of(search),
        out_of_time=search.out_of_time,
        footnotes=tuple(notes),
    )


def _of(mask: Bools | None, size: int, *, missing: bool = False) -> Bools:
    return np.full(size, missing, np.bool_) if mask is None else np.asarray(mask).ravel()


def _refuse(table: Table, search: Search, why: str) -> None:
    """Refuse, naming the dimension of which the most categories stand in hidden cells."""
    bad = search.blocked or np.nonzero(search.state[: table.cells.size] == State.WIDE)[0].tolist()
    places = np.array(
        np.unravel_index([c for c in bad if c < table.cells.size] or [0], table.cells.shape)
    )
    share = []
    for axis, dimension in enumerate(table.dimensions):
        inner = len(dimension.nodes) - len(dimension.leaves)
        at_leaf = float((places[axis] >= inner).mean())
        share.append((round(at_leaf, 1), len(dimension.leaves), dimension.name))
    coarsen = max(share)[2]
    releases = sorted({e.release for e in search.system.earlier})
    before = f" Shown before: {', '.join(releases)}." if releases else ""
    raise TableUnprovable(
        f"{why} Make `{coarsen}` coarser, or ask for fewer of its categories.{before}",
        coarsen=coarsen,
        releases=releases,
    )
