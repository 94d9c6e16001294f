"""How much may change at once: dated data with a source, read strictly from `rules.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from common.replacement.change import Change, Kind

Count = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """From which change on a second person has to look, for one kind and a stretch of days."""

    kind: Kind
    first: date | None
    last: date | None
    share: Decimal
    """Of the rows before. What is not more than this share is accepted at once."""
    floor: int
    """So many rows are accepted at once, whatever share they are: small lists are no trouble."""
    free: frozenset[Count]
    """A change of these counts alone only takes permission away, and is never delayed."""

    def holds_on(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def lets_pass(self, change: Change) -> bool:
        """Say whether nobody else has to look."""
        counts: dict[Count, int] = {
            "added": change.added,
            "removed": change.removed,
            "changed": change.changed,
        }
        if change.is_first or not any(n for name, n in counts.items() if name not in self.free):
            return True
        total = sum(counts.values())
        return total <= self.floor or total <= self.share * change.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the guard says of one change, and by which limit."""

    change: Change
    limit: Limit
    waits: bool


@dataclass(frozen=True, slots=True)
class Limits:
    rows: tuple[Limit, ...]

    def judge(self, kind: Kind, change: Change, *, on: date) -> Judgement:
        """Judge a change by the limit of the day. The rules of every kind cover every day."""
        limit = next(row for row in self.rows if row.kind is kind and row.holds_on(on))
        return Judgement(change=change, limit=limit, waits=not limit.lets_pass(change))


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    share: Annotated[Decimal, Field(ge=0, le=1)]
    floor: Annotated[int, Field(ge=0)]
    free: frozenset[Count]
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
        )


@lru_cache(maxsize=1)
def load() -> Limits:
    """Read them; a row that says something unknown, or a day without a row, stops the start."""
    text = files("common.replacement").joinpath("rules.yaml").read_text("utf-8")
    return read(yaml.safe_load(text))


def read(content: Any) -> Limits:
    """:raises ValueError: where a kind has no row, or its rows leave or share a day"""
    rows = [row.limit for row in TypeAdapter(list[_Row]).validate_python(content)]
    for kind in Kind:
        if not _is_whole([row for row in rows if row.kind is kind]):
            raise ValueError(f"the limits of {kind} do not cover every day once")
    return Limits(tuple(rows))


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
