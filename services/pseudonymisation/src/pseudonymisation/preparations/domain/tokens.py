"""Tokens and the domains in which they are minted (domain.md 8.2, design.md section 7).

Tokens of two domains cannot be linked without a key; inside one they are equal. How a token
is computed is the kernel's business; what may be computed with it, and when no more, is here.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from common.lives import Life, Move
from pseudonymisation.preparations.domain.errors import DomainClosed, DomainTransferred
from statements.permit import DomainFacts

TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{23}")
"""24 characters that begin with a letter: never ten digits (domain.md 8.2)."""


class DomainState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    DESTROYED = "destroyed"
    """Its key is gone: nobody can make, compare or undo a token of it any more."""


_DESTROYED = Move(
    to=DomainState.DESTROYED,
    why="all that was released in it is destroyed, and the time for which its key is kept is over",
)
PSEUDONYM_DOMAIN = Life(
    name="Pseudonym domain",
    begins=frozenset({DomainState.OPEN}),
    moves={
        DomainState.OPEN: (Move(to=DomainState.CLOSED, why="its agreement is over"),),
        DomainState.CLOSED: (_DESTROYED,),
        DomainState.DESTROYED: (),
    },
    otherwise={},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymDomain:
    """One domain and whether it takes new values. A closed one never opens again."""

    id: str
    facts: DomainFacts
    created_at: datetime
    state: DomainState = DomainState.OPEN
    closed_at: datetime | None = None
    settled_at: datetime | None = None
    """Since when all that was released in it is destroyed; from then on its key is only kept."""
    destroyed_at: datetime | None = None
    environment: str
    """The recipient environment that has it: the only one for which tokens are made."""
    times: int = 0
    """How often it went on in another environment (docs/adr/0163)."""
    version: int = 0

    @property
    def key_name(self) -> str:
        """Its one random key in the key store."""
        return f"domain/{self.id.removeprefix('sha256:')}"

    def require_open(self) -> None:
        """Raise DomainClosed once it was closed."""
        if self.state is not DomainState.OPEN:
            raise DomainClosed("The pseudonym domain is closed and makes no new tokens.")

    def require_held_by(self, environment: str, times: int) -> None:
        """Raise DomainTransferred where it is another environment's by now.

        No two environments hold equal tokens, so a permit from before it went on is void.
        """
        if (environment, times) != (self.environment, self.times):
            raise DomainTransferred(
                "The pseudonym domain goes on in another recipient environment: ask there."
            )

    def go_on(self, environment: str, times: int) -> Self:
        """Note that it goes on in another environment. The same again changes nothing.

        Raises:
            DomainTransferred: it went on since, or is another environment's at this time.

        """
        if times > self.times:
            return replace(self, environment=environment, times=times)
        self.require_held_by(environment, times)
        return self

    def close(self, *, at: datetime) -> Self:
        """Let it make nothing new. Closing it again changes nothing."""
        if DomainState.CLOSED not in PSEUDONYM_DOMAIN.follows(self.state):
            return self
        return replace(self, state=DomainState.CLOSED, closed_at=at)

    def settle(self, *, at: datetime) -> Self:
        """Close it, and note that nothing made in it is held any more. Again changes nothing."""
        if self.settled_at is not None:
            return self
        return replace(self.close(at=at), settled_at=at)

    def is_kept_long_enough(self, at: datetime, *, kept: timedelta) -> bool:
        """Check whether its key may go."""
        return (
            self.state is DomainState.CLOSED
            and self.settled_at is not None
            and self.settled_at + kept <= at
        )

    def destroy(self, *, at: datetime) -> Self:
        """Note that its key was destroyed. Again changes nothing."""
        if self.state is DomainState.DESTROYED:
            return self
        return replace(self, state=DomainState.DESTROYED, destroyed_at=at)
