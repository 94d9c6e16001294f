"""By which protocols files of a data set are sent, and what they replace (domain.md 0.1).

A file of a *whole period* takes the place of everything its provider had in it. A *net change* says
of single records, by their unique identifier, that they are so now or are gone, from a day on. A
file *in bulk* takes the place of a part: what one sender sent for a prime recipient and a group.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.words import Name, Strict, Text, without


class Protocol(StrEnum):
    WHOLE_PERIOD = "whole_period"
    NET_CHANGE = "net_change"
    BULK = "bulk"


class NetChange(Strict):
    """Rows delete, insert or replace, each from a day on; an older one than is there is ignored."""

    applicable: Name
    """The control column with that day: every row has it."""
    source: Text


class Bulk(Strict):
    """Exactly one part is replaced. What rows say of deletions is void."""

    groups: Annotated[Mapping[str, Text], Field(min_length=1)]
    """Codes of groups, and what each is of."""
    source: Text


class Stated(Strict):
    """A column in which a row says itself by which protocol it came."""

    column: Name
    values: Annotated[Mapping[Protocol, tuple[Text, ...]], Field(min_length=1)]
    """Compared as other signals are: letters and digits, in upper case."""
    source: Text


class Protocols(Strict):
    """How files of a data set may be sent. A whole period always may."""

    net_change: NetChange | None = None
    bulk: Bulk | None = None
    stated: Stated | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        empty = self.net_change is None and self.bulk is None
        return without(self, ["protocols has neither net_change nor bulk"] if empty else [])

    @property
    def known(self) -> tuple[Protocol, ...]:
        """Name them, a whole period first."""
        found = [Protocol.WHOLE_PERIOD]
        found += [Protocol.NET_CHANGE] if self.net_change is not None else []
        found += [Protocol.BULK] if self.bulk is not None else []
        return tuple(found)


class LeftOutAtSource(Strict):
    """Whom a sender leaves out before it sends, and has to count (domain.md ruling 28)."""

    who: Text
    """Who they are, as the sender is told."""
    source: Text


class ByToken(Strict):
    """Files come by the tokens of an agreement's line alone, by a way of their own."""

    through: Annotated[str, Field(pattern=r"^/v1/[a-z-]+$")]
    """The route that takes them, as a sender who tries another one is told."""
    source: Text
