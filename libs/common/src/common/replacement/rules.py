"""How much may change at once: dated data with a source, read strictly from `rules.yaml`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from common.clock import is_between
from common.replacement.change import Change, Reach, ReplacementKind

Count = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLimit:
    """From what on a list that replaces nothing needs a second person."""

    share: Decimal
    """Of what is there already; what is about no more than this share is accepted at once."""
    floor: int
    """So many rows are accepted at once."""
    lets_empty_pass: bool = False
    """An empty list says that there is nobody: only where that opens nothing does it pass."""

    def lets_pass(self, rows: int, reach: Reach) -> bool:
        if rows == 0:
            return self.lets_empty_pass
        return rows <= self.floor or (reach.of > 0 and reach.rows <= self.share * reach.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """From which change on a second person has to look, for one kind and a stretch of days."""

    kind: ReplacementKind
    first: date | None
    last: date | None
    share: Decimal
    """Of the rows before. What is not more than this share is accepted at once."""
    floor: int
    """So many rows are accepted at once, whatever share they are: small lists are no trouble."""
    free: frozenset[Count]
    """A change of these counts alone only takes permission away, and is never delayed."""
    window_days: int = 30
    """Many small changes in a row are one: within so many days they are judged together."""
    of_first: FirstLimit | None = None
    """None: what replaces nothing is accepted at once."""

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)

    def lets_pass(self, change: Change, reach: Reach | None = None) -> bool:
        """Say whether nobody else has to look; `reach` is of a list that replaces nothing."""
        if change.is_first:
            first = self.of_first
            return first is None or first.lets_pass(change.after, reach or Reach(rows=0, of=0))
        return not self._giving(change) or self._is_little(change.total, change)

    def lets_pass_over_window(self, change: Change) -> bool:
        """Say the same of all that changed in a window.

        What only takes away does not count here: a list may grow as it will, and each step was
        weighed whole when it came.
        """
        return change.is_first or self._is_little(self._giving(change), change)

    def _giving(self, change: Change) -> int:
        counts: dict[Count, int] = {
            "added": change.added,
            "removed": change.removed,
            "changed": change.changed,
        }
        return sum(n for name, n in counts.items() if name not in self.free)

    def _is_little(self, rows: int, change: Change) -> bool:
        return rows <= self.floor or rows <= self.share * change.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the guard says of one change, and by which limit."""

    change: Change
    """The one because of which it waits, where it does."""
    limit: Limit
    waits: bool


@dataclass(frozen=True, slots=True)
class ReplacementLimits:
    rows: tuple[Limit, ...]

    def limit(self, kind: ReplacementKind, *, on: date) -> Limit:
        """Return the limit of the day. The rules of every kind cover every day."""
        return next(row for row in self.rows if row.kind is kind and row.holds_on(on))

    def judge(
        self,
        kind: ReplacementKind,
        change: Change,
        *,
        on: date,
        over_window: Iterable[Change],
        reach: Reach | None = None,
    ) -> Judgement:
        """Judge a change by the limit of the day.

        `over_window` are the changes against what was in force of late: a list that loses a few in
        a hundred every day has lost many. A first list is judged by its `reach`.
        """
        limit = self.limit(kind, on=on)
        if not limit.lets_pass(change, reach):
            return Judgement(change=change, limit=limit, waits=True)
        for in_all in over_window:
            if not limit.lets_pass_over_window(in_all):
                return Judgement(change=in_all, limit=limit, waits=True)
        return Judgement(change=change, limit=limit, waits=False)


class _First(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Annotated[Decimal, Field(ge=0, le=1)]
    floor: Annotated[int, Field(ge=0)]
    empty: Literal["waits", "passes"] = "waits"

    @property
    def limit(self) -> FirstLimit:
        return FirstLimit(
            share=self.share, floor=self.floor, lets_empty_pass=self.empty == "passes"
        )


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ReplacementKind
    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    share: Annotated[Decimal, Field(ge=0, le=1)]
    floor: Annotated[int, Field(ge=0)]
    free: frozenset[Count]
    window_days: Annotated[int, Field(ge=1, le=366)] = 30
    first_list: _First | None = None
    source: Annotated[str, Field(min_length=1)]

    @property
    def limit(self) -> Limit:
        return Limit(
            kind=self.kind,
            first=self.first,
            last=self.last,
            share=self.share,
            floor=self.floor,
            free=self.free,
            window_days=self.window_days,
            of_first=None if self.first_list is None else self.first_list.limit,
        )


@lru_cache(maxsize=1)
def load() -> ReplacementLimits:
    """Read them; a row that says something unknown, or a day without a row, stops the start."""
    text = files("common.replacement").joinpath("rules.yaml").read_text("utf-8")
    return read(yaml.safe_load(text))


def read(content: Any) -> ReplacementLimits:
    """:raises ValueError: where a kind has no row, or its rows leave or share a day"""
    rows = [row.limit for row in TypeAdapter(list[_Row]).validate_python(content)]
    for kind in ReplacementKind:
        if not _is_whole([row for row in rows if row.kind is kind]):
            raise ValueError(f"the limits of {kind} do not cover every day once")
    return ReplacementLimits(tuple(rows))


def _is_whole(rows: Sequence[Limit]) -> bool:
    ordered = sorted(rows, key=lambda row: row.first or date.min)
    if not ordered or ordered[0].first is not None or ordered[-1].last is not None:
        return False
    return all(
        former.last is not None
        and later.first is not None
        and (later.first - former.last).days == 1
        for former, later in pairwise(ordered)
    )
