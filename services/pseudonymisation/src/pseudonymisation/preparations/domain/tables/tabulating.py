"""From counted records to a table that can be shown, and what of it is remembered as shown."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import permutations, product
from typing import Final

import numpy as np

from catalogue import CountOf
from disclosure import (
    NOT_APPLICABLE,
    Dimension,
    DisclosureProblem,
    Earlier,
    Profile,
    Protected,
    Rule,
    Table,
    protect,
    tells_the_strict,
)
from disclosure.outputs import Column, Kind, Printed
from disclosure.problems import TableInvalid, TableTooLarge, TableUnprovable
from disclosure.structure import CELLS_MAX, totals
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownAxis, ShownCells
from pseudonymisation.preparations.domain.tables.axes import (
    COUNTED,
    OTHERS,
    PART,
    TOTAL,
    Categories,
)
from pseudonymisation.preparations.domain.tables.measures import (
    NumbersBeside,
    Places,
    Values,
    tells_exact,
)
from statements.tables import MONTH, PERIOD_LEVELS, Disclosure

SEARCHES_MAX: Final = 4
"""Of the tables of our tests that can be shown, one search in eight found no proof."""
EXACT_NOTE: Final = (
    "Exact numbers, for this recipient alone, who has a right to small numbers. They are not to be"
    " published or passed on."
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What one earlier table told: cells by the categories that each counts."""

    release: str
    cells: Sequence[tuple[Mapping[str, frozenset[str]], int, int, bool]]
    """Categories by column (a column that is not there counts all), least, most, hidden."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Raw counts by the categories of all axes."""

    categories: tuple[Categories, ...]
    counts: Mapping[tuple[str, ...], int]
    measure: CountOf
    values: Values = field(default_factory=Values)
    related: frozenset[tuple[str, str]] = frozenset()
    """Pairs of columns that are made of the same value: one may tell the other."""
    not_submitted: frozenset[tuple[str, str]] = frozenset()
    """Providers and months of which nothing was sent."""
    provider_column: str | None = None
    not_members: frozenset[tuple[str, str]] = frozenset()
    """Organisations and months in which the data set was not about them."""
    members_column: str | None = None
    never: Sequence[Mapping[str, frozenset[str]]] = ()
    """Categories by column that no record has together."""
    topics: frozenset[str] = frozenset()
    """What it is on, where a disclosure rule protects that further (domain.md 7.1)."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(one.whole for one in self.categories)

    @property
    def indexes(self) -> Sequence[Mapping[str, int]]:
        """Give the place of each category among the leaves of its dimension."""
        return [
            {leaf: d.leaves.index(one.name(leaf)) for leaf in one.lines}
            for one, d in zip(self.categories, self.dimensions, strict=True)
        ]

    @cached_property
    def beside(self) -> NumbersBeside:
        return NumbersBeside(self.measure, self.values, self.dimensions, self.indexes)

    def table(self, *, tells_exact: bool) -> Table:
        """Raise DisclosureProblem where they make no table."""
        dimensions, indexes = self.dimensions, self.indexes
        size = int(np.prod([len(d.nodes) for d in dimensions], dtype=np.float64))
        if size > CELLS_MAX:
            raise TableTooLarge("The table would have too many cells.", cells=size)
        counts = np.zeros([len(d.leaves) for d in dimensions], np.int64)
        for labels, count in self.counts.items():
            counts[tuple(at[label] for at, label in zip(indexes, labels, strict=True))] += count
        return Table(
            dimensions=dimensions,
            counts=counts,
            measure=self.measure.counts,
            topics=self.topics,
            printed=self._printed(dimensions),
            structural=self._impossible(indexes, counts),
            exact=np.ones([len(d.nodes) for d in dimensions], np.bool_) if tells_exact else None,
            not_submitted=_none_if_empty(
                self._marked(indexes, counts, self.provider_column, self.not_submitted)
            ),
        )

    def _impossible(
        self, indexes: Sequence[Mapping[str, int]], counts: np.ndarray
    ) -> np.ndarray | None:
        """Mark what no record can be: an area lies in one other, and its people in no third.

        A reader knows that, so that no table with such a record is one that could be.
        """
        found = np.zeros(counts.shape, np.bool_)
        columns = [one.axis.column for one in self.categories]
        for (i, finer), (j, coarser) in permutations(enumerate(columns), 2):
            if (finer, coarser) not in self.related:
                continue
            rest = tuple(at for at in range(counts.ndim) if at not in {i, j})
            both = counts.sum(rest) > 0
            both = both if i < j else both.T
            if (both.sum(1) <= 1).all():
                shape = [1] * counts.ndim
                shape[i], shape[j] = both.shape
                never = ~both & both.any(1)[:, None]
                found |= (never if i < j else never.T).reshape(shape)
        found |= self._marked(indexes, counts, self.members_column, self.not_members)
        for cannot_be in self.never:
            block = np.ix_(
                *(
                    sorted(at[label] for label in cannot_be.get(column, at))
                    for column, at in zip(columns, indexes, strict=True)
                )
            )
            found[block] = counts[block] == 0
        return _none_if_empty(found)

    def _printed(self, dimensions: Sequence[Dimension]) -> np.ndarray | None:
        """Mark the cells that are asked for; None where all are."""
        masks = []
        for one, dimension in zip(self.categories, dimensions, strict=True):
            mask = np.zeros(len(dimension.nodes), np.bool_)
            for name in one.printed:
                mask[dimension.index[name]] = True
            masks.append(mask)
        if all(mask.all() for mask in masks):
            return None
        found = np.ones([len(d.nodes) for d in dimensions], np.bool_)
        for axis, mask in enumerate(masks):
            found &= np.expand_dims(mask, [a for a in range(len(masks)) if a != axis])
        return found

    def _marked(
        self,
        indexes: Sequence[Mapping[str, int]],
        counts: np.ndarray,
        column: str | None,
        pairs: Iterable[tuple[str, str]],
    ) -> np.ndarray:
        """Mark categories of a column in months, where there is no count."""
        columns = [one.axis.column for one in self.categories]
        found = np.zeros(counts.shape, np.bool_)
        if column not in columns or MONTH not in columns:
            return found
        at_column, at_month = columns.index(column), columns.index(MONTH)
        for label, month in pairs:
            if label in indexes[at_column] and month in indexes[at_month]:
                where: list[slice | int] = [slice(None)] * counts.ndim
                where[at_column] = indexes[at_column][label]
                where[at_month] = indexes[at_month][month]
                if not counts[tuple(where)].any():
                    found[tuple(where)] = True
        return found


@dataclass(frozen=True, kw_only=True)
class MadeTable:
    """A table as it is printed, with what is attested and remembered of it."""

    printed: Printed
    shown: Mapping[str, ShownCells]
    """By measure."""
    hidden: Mapping[str, int]
    certificate: bytes
    """What the proof is made of; empty where nothing is hidden."""
    footnotes: tuple[str, ...]
    earlier: tuple[str, ...]
    recovered: int = 0
    """Hidden cells that can be worked out of others: only where the rule alone was applied."""

    @property
    def rows(self) -> int:
        return len(self.printed.rows)

    @property
    def cells(self) -> int:
        return self.rows * len(self.shown)


def together(made: Mapping[str, MadeTable], *, title: str, own: str) -> MadeTable:
    """Print several measures of the same categories beside one another.

    `own` is their release, which is no earlier one to any of them.

    Raises:
        NotPrepared: one has other categories than the first

    """
    first, *_ = made.values()
    labels = first.printed.dimensions
    columns, rows = list(labels), [row[: len(labels)] for row in first.printed.rows]
    for name, one in made.items():
        texts = {row[: len(labels)]: row[len(labels) :] for row in one.printed.rows}
        if texts.keys() != {row[: len(labels)] for row in rows}:
            raise NotPrepared(FailureCode.TABLE_INVALID, name)
        columns += [
            column if column.name == name else replace(column, name=f"{name}_{column.name}")
            for column in one.printed.measures
        ]
        rows = [row + texts[row[: len(labels)]] for row in rows]
    hidden: dict[str, int] = {}
    for one in made.values():
        for why, number in one.hidden.items():
            hidden[why] = hidden.get(why, 0) + number
    notes = tuple(dict.fromkeys(note for one in made.values() for note in one.footnotes))
    return MadeTable(
        printed=Printed(title=title, columns=tuple(columns), rows=tuple(rows), footnotes=notes),
        shown={name: cells for one in made.values() for name, cells in one.shown.items()},
        hidden=hidden,
        certificate=b"".join(one.certificate for one in made.values()),
        footnotes=notes,
        earlier=tuple(
            dict.fromkeys(name for one in made.values() for name in one.earlier if name != own)
        ),
        recovered=sum(one.recovered for one in made.values()),
    )


def _none_if_empty(mask: np.ndarray) -> np.ndarray | None:
    return mask if mask.any() else None


def make(
    counted: Counted,
    *,
    title: str,
    rule: Rule,
    disclosure: Disclosure,
    known: Sequence[Known] = (),
    seconds: float,
    seed: int,
) -> MadeTable:
    """Protect the table against all that its recipient knows, or show it as it was counted.

    Raises:
        NotPrepared: it cannot be shown; says by which code, and of which column or release.

    """
    try:
        is_exact = disclosure == "exact"
        table = counted.table(tells_exact=not is_exact and tells_exact(counted.measure, rule))
        if is_exact:
            return _exact(counted, table, title=title)
        earlier = [one for told in known for one in _as_earlier(told, counted)]
        profile = Profile(disclosure)
        search = partial(protect, table, rule, earlier=earlier, profile=profile)
        shown = _protected(search, profile, seconds=seconds, seed=seed)
    except TableTooLarge:
        code = FailureCode.TABLE_WOULD_REVEAL if known else FailureCode.TABLE_TOO_LARGE
        raise NotPrepared(code, _releases(known)) from None
    except TableUnprovable as refused:
        releases = refused.members.get("releases")
        if releases:
            raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, _releases(known)) from None
        raise NotPrepared(
            FailureCode.TABLE_UNPROVABLE, str(refused.members.get("coarsen", ""))
        ) from None
    except TableInvalid:
        # Undecided counts as revealed: the earlier tables are not of these records.
        code = FailureCode.TABLE_WOULD_REVEAL if known else FailureCode.TABLE_INVALID
        raise NotPrepared(code, _releases(known)) from None
    except DisclosureProblem as wrong:
        raise NotPrepared(FailureCode.TABLE_INVALID, wrong.code) from None
    releases = tuple(dict.fromkeys(told.release for told in known))
    notes = shown.footnotes
    if releases and profile is Profile.PROTECTED:
        notes = (
            *notes,
            "Protected together with tables that the recipient has already, or that are public.",
        )
    return MadeTable(
        printed=_printed(
            counted,
            shown.texts,
            table.cells,
            title=title,
            notes=notes,
            rule=rule,
            hides_complement=profile is Profile.PROTECTED,
        ),
        shown={counted.measure.name: _remembered(counted, shown)},
        hidden={reason: n for reason, n in shown.reasons.items() if n and reason != "not_printed"},
        certificate=_proof(shown),
        footnotes=notes,
        earlier=releases,
        recovered=len(shown.findings),
    )


def _protected(
    search: Callable[..., Protected], profile: Profile, *, seconds: float, seed: int
) -> Protected:
    """Search from several beginnings: where one leads to no proof, another mostly does.

    Raises TableUnprovable where none does.
    """
    until = time.monotonic() + seconds

    def begin(seed: int) -> Protected:
        shown = search(seconds=max(until - time.monotonic(), 0.0), seed=seed)
        if profile is Profile.PROTECTED:
            _require_safe_from_the_strict(shown)
        return shown

    for another in range(SEARCHES_MAX - 1):
        with suppress(TableUnprovable):
            return begin(seed + another)
    return begin(seed + SEARCHES_MAX - 1)


def _require_safe_from_the_strict(shown: Protected) -> None:
    """Attack the table as who can tell which `*` are small numbers, whatever the search assumed.

    Raises TableUnprovable.
    """
    if tells_the_strict(shown):
        column = max(shown.table.dimensions, key=lambda d: len(d.leaves)).name
        releases = sorted({one.release for one in shown.earlier})
        raise TableUnprovable(
            "A small number could be worked out.", coarsen=column, releases=releases
        )


def _releases(known: Sequence[Known]) -> str:
    return ", ".join(dict.fromkeys(told.release for told in known))


def _as_earlier(told: Known, counted: Counted) -> Iterator[Earlier]:
    """Put what an earlier table told in the categories of this one."""
    for members, low, high, is_hidden in told.cells:
        of_axes = []
        for one in counted.categories:
            named = members.get(one.axis.column)
            if named is not None:
                leaves = frozenset(one.name(leaf) for leaf in one.lines if leaf in named)
                of_axes.append((one.whole.name, leaves))
        if all(leaves for _, leaves in of_axes):
            yield Earlier(told.release, tuple(of_axes), low, high, is_hidden)


def _place(counted: Counted, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(one.whole.index[name] for one, name in zip(counted.categories, names, strict=True))


def _lines(counted: Counted) -> Iterator[tuple[tuple[str, ...], Places]]:
    """Yield each printed line: its labels, and where its numbers stand."""
    is_label = [bool(one.axis.levels) and not one.axis.is_part for one in counted.categories]
    nodes = [(COUNTED,) if one.axis.is_part else one.printed for one in counted.categories]
    for names in product(*nodes):
        labels = tuple(name for name, is_one in zip(names, is_label, strict=True) if is_one)
        of, others, whole = (
            _place(
                counted,
                [
                    _of_part(one, node) if one.axis.is_part else name
                    for one, name in zip(counted.categories, names, strict=True)
                ],
            )
            for node in (COUNTED, OTHERS, TOTAL)
        )
        yield labels, Places(counted=of, others=others, all=whole)


def _of_part(one: Categories, node: str) -> str:
    """Name a node of an axis that divides records; where all are counted, there is no other."""
    return one.names.get((PART, node), TOTAL)


def _printed(
    counted: Counted,
    texts: np.ndarray,
    cells: np.ndarray,
    *,
    title: str,
    notes: Sequence[str],
    rule: Rule | None = None,
    hides_complement: bool = False,
) -> Printed:
    columns = [
        Column.of(one.asked, is_time=one.axis.column in PERIOD_LEVELS)
        for one in counted.categories
        if one.axis.levels and not one.axis.is_part
    ]
    count = Column(name=counted.measure.name, kind=Kind.COUNT)
    if any(one.name == count.name for one in counted.beside.columns()):
        count = replace(count, name=counted.measure.counts)
    return Printed(
        title=title,
        columns=(*columns, count, *counted.beside.columns()),
        rows=tuple(
            (
                *labels,
                str(texts[at.counted]),
                *counted.beside.texts(at, texts, cells, rule, hides_complement=hides_complement),
            )
            for labels, at in _lines(counted)
        ),
        footnotes=tuple(notes),
    )


def _exact(counted: Counted, table: Table, *, title: str) -> MadeTable:
    texts = table.cells.astype(str).astype(object)
    empty = np.zeros(table.counts.shape, np.bool_)
    for mask in (table.structural, table.not_submitted):
        empty |= False if mask is None else mask
    texts[totals(table.dimensions, (~empty).astype(np.int64)) == 0] = NOT_APPLICABLE
    places = np.argwhere(np.ones_like(table.cells) if table.printed is None else table.printed)
    cells = [
        (place, int(table.cells[place]), int(table.cells[place]), False)
        for place in map(tuple, places.tolist())
    ]
    return MadeTable(
        printed=_printed(counted, texts, table.cells, title=title, notes=(EXACT_NOTE,)),
        shown={counted.measure.name: _cells(counted, cells)},
        hidden={},
        certificate=b"",
        footnotes=(EXACT_NOTE,),
        earlier=(),
    )


def _remembered(counted: Counted, shown: Protected) -> ShownCells:
    """Keep what is told of each printed cell: never a raw or a hidden count."""
    told = (shown.texts != "") & (shown.texts != NOT_APPLICABLE)
    places = map(tuple, np.argwhere(told).tolist())
    cells = [
        (place, known.low, known.high, known.is_hidden)
        for place, known in zip(places, shown.shown(""), strict=True)
    ]
    return _cells(counted, cells)


def _cells(counted: Counted, cells: Sequence[tuple[tuple[int, ...], int, int, bool]]) -> ShownCells:
    axes, asked = [], []
    for at, one in enumerate(counted.categories):
        if not one.axis.levels:
            continue  # all that is told is of its total: what was asked for
        asked.append(at)
        dimension = one.whole
        leaf_of = {one.name(leaf): leaf for leaf in one.lines}
        nodes = tuple(
            None if name == TOTAL else tuple(sorted(leaf_of[dimension.leaves[i]] for i in of))
            for name, of in zip(dimension.nodes, dimension.members, strict=True)
        )
        axes.append(ShownAxis(column=one.axis.column, nodes=nodes))
    return ShownCells(
        axes=tuple(axes),
        cells=tuple(
            (*(place[at] for at in asked), low, high, int(hidden))
            for place, low, high, hidden in cells
        ),
    )


def _proof(shown: Protected) -> bytes:
    proof = shown.certificate
    return b"".join(part.astype("<i8").tobytes() for part in (proof.offsets, proof.atoms, proof.by))
