"""Lives: what has states, as tables that the code runs on (docs/adr/0205).

A domain keeps the table of a life beside its states: by state the moves, each by a command or by
the passing of time; and of every command what it is answered where it is no move. `Life.permits`
refuses by the table. docs/states.md is made of it, and tests drive every move by every role and
send every command in every state.

What lives by its days alone is of a `DateState`, which `on_day` tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import JsonValue

from common.errors import AppError
from common.security.roles import Role

S = TypeVar("S", bound=StrEnum)

Answer = type[AppError] | None
"""What a command that is no move is refused with; None: it is answered, and the state stays."""
Answers = Answer | tuple[Answer, ...]
"""The first is what the table refuses with; the others are for what only a domain can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Generic[S]):
    """A way from one state to the next."""

    to: S
    why: str
    command: str | None = None
    """The route that makes it. None: the passing of time does, or facts of others."""
    by: frozenset[Role] | None = None
    """Whose it is in that state. None: of every role that may send the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life(Generic[S]):
    """What may follow what, by what, and how everything else is answered."""

    name: str
    begins: frozenset[S]
    """In which states it can begin."""
    moves: Mapping[S, tuple[Move[S], ...]]
    otherwise: Mapping[str, Answers | Mapping[S, Answers]]
    """By command: what it is answered where it is no move; in all such states, or in each."""

    def __post_init__(self) -> None:
        states = set(self.moves)
        if states != self.begins | {move.to for moves in self.moves.values() for move in moves}:
            raise ValueError(f"{self.name}: a state is missing, or is never reached")
        by_moves = {m.command for moves in self.moves.values() for m in moves} - {None}
        if by_moves - set(self.otherwise):
            raise ValueError(f"{self.name}: a command has no answer where it is no move")
        for command, answer in self.otherwise.items():
            if isinstance(answer, Mapping):
                others = {state for state in states if not self.leads(state, command)}
                if set(answer) != others:
                    raise ValueError(f"{self.name}: {command} is not answered once in each state")

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(self.otherwise)

    def follows(self, state: S) -> frozenset[S]:
        """Return the states that may come next, by whatever."""
        return frozenset(move.to for move in self.moves[state])

    def leads(self, state: S, command: str) -> tuple[S, ...]:
        """Return where a command may lead from a state; nowhere, where it is no move."""
        return tuple(move.to for move in self.moves[state] if move.command == command)

    def answers(self, state: S, command: str) -> tuple[Answer, ...]:
        """Return what a command may be answered that is no move in that state."""
        given = self.otherwise[command]
        answers = given[state] if isinstance(given, Mapping) else given
        return answers if isinstance(answers, tuple) else (answers,)

    def permits(self, state: S, command: str, detail: str, **members: JsonValue) -> bool:
        """Say whether a command is a move; False: it is answered, and nothing changes.

        Raises:
            AppError: the one that the table names, with the state and these members.

        """
        if self.leads(state, command):
            return True
        refused = self.answers(state, command)[0]
        if refused is None:
            return False
        raise refused(detail, state=state.value, **members)


class DateState(StrEnum):
    """How something stands that lives by its days."""

    AWAITED = "awaited"
    """Its first day is to come."""
    IN_FORCE = "in_force"
    LAPSED = "lapsed"
    """Its last day is over."""
    WITHDRAWN = "withdrawn"
    """It was taken back, or ended before it began."""


EVER = frozenset({DateState.AWAITED, DateState.IN_FORCE, DateState.LAPSED})
"""How something can stand that is recorded before its days, on them, or after them."""
FIRST_DAY = Move(to=DateState.IN_FORCE, why="its first day begins")
LAST_DAY = Move(to=DateState.LAPSED, why="its last day is over")


def on_day(day: date, first: date, last: date | None, *, is_withdrawn: bool = False) -> DateState:
    """Tell how something stands on a day; both its days count. `last` is None: no end is known."""
    if is_withdrawn or (last is not None and last < first):
        return DateState.WITHDRAWN
    if day < first:
        return DateState.AWAITED
    return DateState.IN_FORCE if last is None or day <= last else DateState.LAPSED
