"""How a replacement stands: accepted at once, or waiting for a second person. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from common.errors import Conflict
from common.lives import Life, Move
from common.replacement.change import Change
from common.replacement.rules import Judgement


class SecondPersonNeeded(Conflict):
    code = "SECOND_PERSON_NEEDED"
    title = "A second person must decide"


def person_of(subject: str) -> str:
    """Return what the subjects of a person's tokens have in common, however they are written."""
    return subject.strip().casefold()


def is_same_person(one: str, other: str) -> bool:
    """Check whether two subjects of tokens are the same, however they are written."""
    return person_of(one) == person_of(other)


def is_one_of(person: str, people: Iterable[str]) -> bool:
    """Check whether a subject of a token is one of others, however they are written."""
    return any(is_same_person(person, one) for one in people)


def require_another_person(first: str, second: str, detail: str) -> None:
    """Raise SecondPersonNeeded where the second person is the first."""
    if is_same_person(first, second):
        raise SecondPersonNeeded(detail)


class ReplacementDecided(Conflict):
    code = "REPLACEMENT_DECIDED"
    title = "The replacement has already been decided"


class ReplacementOutdated(Conflict):
    code = "REPLACEMENT_OUTDATED"
    title = "The replacement no longer matches its preview"


class State(StrEnum):
    ACCEPTED = "accepted"
    """In force since it came: it changed little, or only took permission away."""
    WAITING = "waiting"
    """For a second person. The stricter of it and of what is in force holds."""
    CONFIRMED = "confirmed"
    """In force since a second person said so."""
    LEAVING = "leaving"
    """In force; its withdrawal waits for a second person. The stricter of both holds."""
    TAKEN_BACK = "taken_back"
    SUPERSEDED = "superseded"
    """Another took its place."""


class Decision(StrEnum):
    """What is decided about one, by the same routes of every kind."""

    CONFIRM = "confirmation"
    TAKE_BACK = "withdrawal"


_GAVE_WAY = Move(to=State.SUPERSEDED, why="a later one takes its place")
_TAKES_BACK = (
    Move(to=State.TAKEN_BACK, why="it is taken back", command=Decision.TAKE_BACK),
    Move(
        to=State.LEAVING,
        why="it is taken back, and much would be given by that",
        command=Decision.TAKE_BACK,
    ),
    _GAVE_WAY,
)
REPLACEMENT = Life(
    name="What replaces what others rest on: a list, map, edition or register",
    begins=frozenset({State.ACCEPTED, State.WAITING}),
    moves={
        State.ACCEPTED: _TAKES_BACK,
        State.WAITING: (
            Move(to=State.CONFIRMED, why="a second person confirms it", command=Decision.CONFIRM),
            Move(to=State.TAKEN_BACK, why="it is given up", command=Decision.TAKE_BACK),
            _GAVE_WAY,
        ),
        State.CONFIRMED: _TAKES_BACK,
        State.LEAVING: (
            Move(
                to=State.TAKEN_BACK,
                why="another person takes it back too",
                command=Decision.TAKE_BACK,
            ),
            Move(
                to=State.LEAVING,
                why="the same, and what the first saw is not so any more",
                command=Decision.TAKE_BACK,
            ),
            _GAVE_WAY,
        ),
        State.TAKEN_BACK: (),
        State.SUPERSEDED: (
            Move(to=State.TAKEN_BACK, why="what gave way is taken back too"),
            Move(to=State.CONFIRMED, why="the one that took its place is taken back"),
        ),
    },
    otherwise={Decision.CONFIRM: ReplacementDecided, Decision.TAKE_BACK: ReplacementDecided},
)


EFFECTIVE: Final = frozenset({State.ACCEPTED, State.CONFIRMED, State.LEAVING})
"""What is in force, until another supersedes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementStatus:
    state: State
    change: Change
    """Against what was in force when it came: the preview of whoever has to decide."""
    proposed_by: str
    """The subject who sent it."""
    proposed_at: datetime
    decided_by: str | None = None
    """The subject who confirmed it or took it back; null where nobody had to."""
    decided_at: datetime | None = None
    reason: str | None = None
    """Of whoever decided last."""
    leaving_by: str | None = None
    """The first of the two who take it back."""
    held_against: str | None = None
    """Names what the preview is the difference to: of what waits by its coming, of what is leaving
    by its going. None: nobody kept it, and then no second person can have seen it."""

    @classmethod
    def begun(
        cls, judgement: Judgement, *, by: str, at: datetime, held_against: str | None = None
    ) -> Self:
        return cls(
            state=State.WAITING if judgement.waits else State.ACCEPTED,
            change=judgement.change,
            proposed_by=by,
            proposed_at=at,
            held_against=held_against,
        )

    @property
    def is_effective(self) -> bool:
        """Say whether it is in force, as far as no other superseded it."""
        return self.state in EFFECTIVE

    @property
    def is_waiting(self) -> bool:
        return self.state is State.WAITING

    @property
    def was_confirmed(self) -> bool:
        """Say whether a second person has looked at it; also of what gave way since."""
        return self.state is State.CONFIRMED or (
            self.state in {State.SUPERSEDED, State.LEAVING} and self.decided_by is not None
        )

    @property
    def since(self) -> datetime:
        """Say from when on it is in force, where it is or was."""
        is_decided = self.state is State.LEAVING or self.was_confirmed
        return (self.decided_at if is_decided else None) or self.proposed_at

    def confirm(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let it into force: somebody else than who sent it, saying why.

        :raises SecondPersonNeeded, ReplacementDecided:
        """
        REPLACEMENT.permits(
            self.state, Decision.CONFIRM, f"It is {self.state}; only what waits is confirmed."
        )
        self._require_another(self.proposed_by, by, "Whoever sent it cannot confirm it.")
        return replace(self, state=State.CONFIRMED, decided_by=by, decided_at=at, reason=reason)

    def was_shown(self, against: str) -> bool:
        """Say whether the preview is of what it would change now."""
        return self.held_against is not None and self.held_against == against

    def require_shown(self, against: str) -> None:
        """Refuse what would change something else by now than a second person was shown.

        :raises ReplacementOutdated:
        """
        if self.is_waiting and not self.was_shown(against):
            raise ReplacementOutdated(
                "What it would change is not what its preview says: what it is held against has"
                " changed since it came. Send it again, and it is held against what is true now."
            )

    def take_back(
        self,
        judgement: Judgement | None,
        *,
        by: str,
        reason: str,
        at: datetime,
        against: str | None = None,
    ) -> Self:
        """Take it back. `judgement` is of the change that this makes to what is in force.

        What waits is taken back by one person. What is in force and would give much by going is
        `leaving` until a second person says so too. `against` names what would be in force then:
        where it is not what the first of the two was shown, the second is the first again.
        :raises SecondPersonNeeded, ReplacementDecided:
        """
        REPLACEMENT.permits(self.state, Decision.TAKE_BACK, f"It is {self.state} already.")
        match self.state:
            case State.LEAVING if judgement is not None and self.held_against != against:
                if judgement.waits:
                    return self._leaving(by=by, reason=reason, against=against)
            case State.LEAVING:
                self._require_another(
                    self.leaving_by, by, "You have taken it back already; another person must."
                )
            case State.ACCEPTED | State.CONFIRMED:
                if judgement is not None and judgement.waits:
                    return self._leaving(by=by, reason=reason, against=against)
        return replace(self, state=State.TAKEN_BACK, decided_by=by, decided_at=at, reason=reason)

    def _leaving(self, *, by: str, reason: str, against: str | None) -> Self:
        return replace(
            self, state=State.LEAVING, leaving_by=by, reason=reason, held_against=against
        )

    def recall(self, *, by: str, reason: str, at: datetime) -> Self:
        """Take back what was in force once and gave way to another: it gives nothing to anybody.

        :raises ReplacementDecided:
        """
        if self.state is not State.SUPERSEDED:
            raise ReplacementDecided(f"It is {self.state}.", state=self.state.value)
        return replace(self, state=State.TAKEN_BACK, decided_by=by, decided_at=at, reason=reason)

    def restore(self, *, by: str, reason: str, at: datetime) -> Self:
        """Come into force again, since what took its place was taken back.

        :raises ReplacementDecided:
        """
        if self.state is not State.SUPERSEDED:
            raise ReplacementDecided(f"It is {self.state}.", state=self.state.value)
        return replace(self, state=State.CONFIRMED, decided_by=by, decided_at=at, reason=reason)

    def supersede(self, *, at: datetime) -> Self:
        """Give way to another."""
        if self.state in {State.TAKEN_BACK, State.SUPERSEDED}:
            return self
        return replace(self, state=State.SUPERSEDED, decided_at=self.decided_at or at)

    @staticmethod
    def _require_another(first: str | None, second: str, detail: str) -> None:
        if first is None:
            raise SecondPersonNeeded(detail)
        require_another_person(first, second, detail)
