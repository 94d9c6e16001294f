"""Lists of organisations that a data set is about: dated data, beside its files.

A list has newer versions of its own. A file lands by those that were members at any time in the
months that it covers: a trust that merged in the second of three years has records of the first.
"""

from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.words import Name, Strict, Text, versions_of, without


class Member(Strict):
    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{3,12}$")]
    name: Text
    first: Annotated[date | None, Field(alias="from")] = None
    """Its first day; none: it was one before the list begins."""
    last: Annotated[date | None, Field(alias="to")] = None
    """Its last day; none: it is one still."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        is_reversed = self.first and self.last and self.last < self.first
        return without(self, [f"{self.code}: `to` is before `from`"] if is_reversed else [])

    def during(self, first: date, last: date) -> bool:
        """Say whether it was one on any day from the first to the last."""
        begun = self.first is None or self.first <= last
        return begun and (self.last is None or first <= self.last)


class Members(Strict):
    """One version of one list."""

    members: Name
    version: Annotated[int, Field(ge=1)]
    valid_from: date
    title: Text
    source: Text
    assumed: bool = False
    """Nobody published that these are all, or that all of these are."""
    organisations: Annotated[tuple[Member, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        spans = sorted(
            (one.code, one.first or date.min, one.last or date.max) for one in self.organisations
        )
        for before, after in pairwise(spans):
            if before[0] == after[0] and after[1] <= before[2]:
                yield f"{after[0]} is a member twice at a time"

    def codes(self, first: date, last: date) -> tuple[str, ...]:
        """Give the codes of those that were members on any day from the first to the last."""
        return tuple(sorted({o.code for o in self.organisations if o.during(first, last)}))


@cache
def members(name: str) -> Members | None:
    """Give the newest version of a list; None where there is none of that name."""
    found = versions_of(Members, "members")
    return max((one for one in found if one.members == name), key=_version, default=None)


def _version(one: Members) -> int:
    return one.version
