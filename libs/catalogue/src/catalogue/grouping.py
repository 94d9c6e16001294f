"""Which organisations lie together, for totals of tables: boards, and regions of these."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from catalogue.words import Strict, Text, versions_of, without

Level = Literal["sub_icb", "icb", "region"]
LEVELS: Final[tuple[Level, ...]] = ("sub_icb", "icb", "region")
"""The finest first. Of a practice, the location of its board is what the map of the month says."""

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")]


class Board(Strict):
    region: Code
    organisations: Annotated[tuple[Code, ...], Field(min_length=1)]


class Groups(Strict):
    """One version of the list."""

    groups: Annotated[str, Field(pattern=r"^groups/\d+$")]
    valid_from: date
    source: Text
    boards: Mapping[Code, Board]

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        found: set[str] = set()
        for board in self.boards.values():
            for code in board.organisations:
                if code in found:
                    yield f"{code} lies in two boards"
                found.add(code)

    @cached_property
    def _board_of(self) -> Mapping[str, str]:
        return {o: code for code, board in self.boards.items() for o in board.organisations}

    def group(self, organisation: str, level: str) -> str | None:
        """Name the group that an organisation lies in; None where the list does not say."""
        board = self._board_of.get(organisation)
        if level == "sub_icb" or board is None:
            return organisation if level == "sub_icb" else None
        return board if level == "icb" else self.boards[board].region


@cache
def groups() -> Groups:
    """Give the newest list."""
    return max(versions_of(Groups, "groups"), key=lambda one: (one.valid_from, one.groups))
