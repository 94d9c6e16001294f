"""`protect`: what is shown of a table under a rule, and the proof that the rest stays hidden."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from disclosure.attacking import Finding, Verdict, View, attack
from disclosure.certificate import Certificate, verify
from disclosure.problems import TableInvalid, TableUnprovable
from disclosure.rules import HIDDEN, NOT_APPLICABLE, Measure, Profile, Rule
from disclosure.search import NEEDED, Search, State
from disclosure.structure import Bools, Ints, Table
from disclosure.system import INF, Earlier, System, build

WITHHELD_MAX: Final = 0.5
"""Of what the rule alone would show: where more has to be hidden, the table is refused."""
SMALL_TABLE: Final = 60
"""Cells up to which nothing is refused for what has to be hidden."""


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

    def shown(self, release: str) -> tuple[Earlier, ...]:
        """Return what this release tells of each cell, for the store of what was shown.

        Raw and hidden counts are not in it.
        """
        low, high = known_from(self)
        told = (self.texts != "") & (self.texts != NOT_APPLICABLE)
        members = [
            [frozenset(d.leaves[i] for i in np.nonzero(row)[0]) for row in d.membership > 0]
            for d in self.table.dimensions
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
    low = np.zeros(shown.texts.shape, np.int64)
    high = np.full(shown.texts.shape, INF, np.int64)
    for text in set(shown.texts.ravel().tolist()):
        at = shown.texts == text
        if text == HIDDEN:
            small = at & ~shown.wide
            low[small], high[small] = shown.rule.small_from, shown.rule.small_to
        elif text == NOT_APPLICABLE:
            high[at] = 0
        elif text:
            number = int(text)
            plain = at & ~shown.exact
            if plain.any():
                low[plain], high[plain] = shown.rule.behind(number)
            bare = at & shown.exact
            low[bare] = high[bare] = number
    if shown.table.exact is not None:
        also = shown.table.exact & ~shown.hidden & (shown.texts != "")
        low[also] = high[also] = shown.table.cells[also]
    return low, high


def protect(
    table: Table,
    rule: Rule,
    *,
    earlier: Sequence[Earlier] = (),
    profile: Profile = Profile.PROTECTED,
    seconds: float = 60.0,
    seed: int = 1,
) -> Protected:
    """Apply a rule to a table and hide what else has to be, with a proof.

    Every hidden cell keeps at least three possible raw counts, given all that is shown here and
    in `earlier`: there is a witness table for each, in the certificate, which is verified before
    the answer is given. After `seconds` the search stops and hides more in its place.

    Raises:
        MeasureWithoutRule: the rule does not cover the table's measure.
        TableInvalid: a cell of `earlier` does not fit the table.
        TableUnprovable: nothing can be shown safely, or less than half of what the rule shows;
            `coarsen` names the dimension to make coarser.

    """
    began = time.monotonic()
    rule.require(table.measure)
    system = build(table, earlier)
    search = _start(system, rule, profile, began + seconds, np.random.default_rng(seed))
    before, low, high = search.state.copy(), search.low.copy(), search.high.copy()
    if profile is Profile.PROTECTED and table.measure != Measure.OTHER:
        search.run()
        if search.blocked:
            _refuse(table, search, "Some cells cannot be protected whatever else is hidden.")
        search.deadline = max(search.deadline, time.monotonic() + 0.2 * seconds)
        search.give_back(before, low, high)
    shown = _shown(search, rule, profile)
    if profile is Profile.AS_PUBLISHED:
        found = tuple(f for f in attack(shown.view()) if f.verdict is Verdict.RECOVERED)
        note = f"As published: {len(found)} hidden cells can be worked out from others."
        return replace(shown, findings=found, footnotes=(*shown.footnotes, note))
    verify(shown)
    rule_shows = int(((before > State.FIXED) & (before < State.UNPRINTED)).sum())
    rule_shows -= shown.reasons["small"]
    if table.cells.size > SMALL_TABLE and shown.loss_cells > WITHHELD_MAX * max(1, rule_shows):
        _refuse(table, search, f"{shown.loss_cells} cells more would have to be hidden.")
    return shown


def _start(  # noqa: C901, PLR0915
    system: System, rule: Rule, profile: Profile, deadline: float, rng: np.random.Generator
) -> Search:
    """What the rule alone shows."""
    table, raw = system.table, system.raw
    own = table.cells.size
    state = np.full(len(raw), State.RULE, np.int8)
    shown = rule.base * ((2 * raw + rule.base) // (2 * rule.base))
    low = np.maximum(0, shown - rule.base // 2)
    low = np.where((low <= rule.small_to) & (shown > 0), rule.small_to + 1, low)
    high = np.where(raw == 0, 0, shown + (rule.base - 1) // 2)
    low = np.where(raw == 0, 0, low)
    small = (raw >= rule.small_from) & (raw <= rule.small_to)
    low, high = np.where(small, rule.small_from, low), np.where(small, rule.small_to, high)
    target = small.copy()
    exempt = np.zeros(len(raw), np.bool_)
    exempt[:own] = _exempt(table, rule, profile).ravel()
    if table.measure == Measure.OTHER:
        exempt[:own] = True
    state[exempt], target[exempt] = State.EXACT, False
    low[exempt] = high[exempt] = raw[exempt]
    if table.exact is not None:
        told = np.zeros(len(raw), np.bool_)
        told[:own] = table.exact.ravel()
        told &= ~small
        low[told] = high[told] = raw[told]
    fixed = np.zeros(len(raw), np.bool_)
    fixed[:own] = nothing_in(table).ravel()
    fixed[own:] = True
    state[fixed], target[fixed] = State.FIXED, False
    low[fixed] = high[fixed] = 0
    if table.printed is not None:
        away = np.zeros(len(raw), np.bool_)
        away[:own] = ~table.printed.ravel() & ~fixed[:own]
        state[away], target[away] = State.UNPRINTED, small[away]
        low[away], high[away] = 0, INF
    if profile is Profile.PROTECTED and rule.small_to - rule.small_from < NEEDED:
        narrow = target & (state == State.RULE)
        state[narrow] = State.WIDE
        low[narrow], high[narrow] = 0, INF
    known_low, known_high = np.zeros(len(raw), np.int64), np.full(len(raw), INF, np.int64)
    for known, cell in zip(system.earlier, system.earlier_cells.tolist(), strict=True):
        if not known.low <= raw[cell] <= known.high:
            raise TableInvalid(
                f"`earlier`: {known.release} told of a cell what these data do not have; "
                "compare with releases of the same editions only."
            )
        known_low[cell] = max(known_low[cell], known.low)
        known_high[cell] = min(known_high[cell], known.high)
        if cell >= own:
            high[cell] = INF
        if cell >= own or state[cell] == State.UNPRINTED:
            target[cell] = target[cell] or known.is_hidden
    for cell in system.differences.tolist():
        if cell >= own:
            high[cell] = INF
            target[cell] = target[cell] or rule.hides(int(raw[cell]))
    told_before = (known_high - known_low < NEEDED) & (state != State.FIXED)
    state[told_before], target[told_before] = State.FIXED, False
    low, high = np.maximum(low, known_low), np.minimum(high, known_high)
    low[-1] = high[-1] = 0
    target[-1] = False
    return Search(
        system=system,
        rule=rule,
        state=state,
        low=low,
        high=high,
        target=target,
        known_low=known_low,
        known_high=known_high,
        deadline=deadline,
        rng=rng,
    )


def nothing_in(table: Table) -> Bools:
    """Return the cells of which every category is a structural zero or was not submitted."""
    empty = np.zeros(table.counts.shape, np.bool_)
    for mask in (table.structural, table.not_submitted):
        if mask is not None:
            empty |= np.asarray(mask, np.bool_)
    found = (~empty).astype(np.float64)
    for axis, dimension in enumerate(table.dimensions):
        found = np.moveaxis(np.tensordot(dimension.membership, found, axes=(1, axis)), 0, axis)
    return found < 0.5


def _exempt(table: Table, rule: Rule, profile: Profile) -> Bools:
    """Return the nation's cells that the rule lets through as they are."""
    found = np.zeros(table.cells.shape, np.bool_)
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


def _shown(search: Search, rule: Rule, profile: Profile) -> Protected:
    table = search.system.table
    own, shape = table.cells.size, table.cells.shape
    state, raw = search.state[:own], search.system.raw[:own]
    small = (raw >= rule.small_from) & (raw <= rule.small_to)
    empty = nothing_in(table).ravel()
    exempt = _exempt(table, rule, Profile.AS_PUBLISHED).ravel()
    exact = (_exempt(table, rule, profile).ravel() & (state <= State.EXACT)) | (
        table.measure == Measure.OTHER
    )
    away = np.zeros(own, np.bool_) if table.printed is None else ~table.printed.ravel()
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
        "nation_not_exact": int((exempt & ~exact & ~empty & ~away).sum()),
        "not_applicable": int((empty & ~away).sum()),
        "not_printed": int(away.sum()),
    }
    notes = [*rule.footnotes, f"Rule {rule.code} version {rule.version}, profile {profile}."]
    if reasons["for_others"]:
        notes.append("`*` also hides numbers from which another hidden one could be worked out.")
    if reasons["nation_not_exact"]:
        notes.append("Some national numbers are treated as all others: exact ones give some away.")
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
        earlier=search.system.earlier,
        certificate=Certificate.of(search),
        out_of_time=search.out_of_time,
        footnotes=tuple(notes),
    )


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
