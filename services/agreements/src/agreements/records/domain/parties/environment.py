"""Recipient environments: where data land, each with its own clients (ruling 6)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day
from statements.vocabulary import EnvironmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientEnvironment:
    id: UUID
    organisation: str
    kind: EnvironmentKind
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentClient:
    id: UUID
    environment_id: UUID
    client_id: str
    version: int = 0


_NOT_LISTED = "a later register does not list it"
LISTED_ENVIRONMENT = Life(
    name="Controlled environment or supplier in a register of NHS England, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (FIRST_DAY, Move(to=DateState.WITHDRAWN, why=_NOT_LISTED)),
        DateState.IN_FORCE: (LAST_DAY, Move(to=DateState.LAPSED, why=_NOT_LISTED)),
        DateState.LAPSED: (),
        DateState.WITHDRAWN: (),
    },
    otherwise={},
)
"""Registers are imported whole; of one environment nobody says anything alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEnvironment:
    """An environment in a register that NHS England keeps of its kind (ruling 31)."""

    id: UUID
    kind: EnvironmentKind
    organisation: str
    """Whose environment it is."""
    hosted_for: str | None
    """The commissioner for whom alone it is listed; None: for whoever it processes for."""
    valid_from: date
    valid_to: date | None
    listed_on: date
    """The day of the register that said so last."""
    version: int = 0

    def is_valid_on(self, day: date) -> bool:
        return self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        return on_day(day, self.valid_from, self.valid_to)
