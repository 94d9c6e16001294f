"""Letters by which opt-outs are not upheld for a purpose (domain.md 4.3, ruling 27).

Identifiable data uphold opt-outs until a letter of the Confidentiality Advisory Group that waives
them is on record, and no day is guessed. So a letter is recorded, with its date and the digest of
its document, by one person, and counts once another has seen it. What is recorded is never changed:
it is taken back by anybody who may, at once, since that only takes permission away; and recorded
anew under a reference of its own.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day
from common.replacement import ReplacementDecided, require_another_person
from statements.vocabulary import Purpose


class WaiverState(StrEnum):
    """How far it has come; from when until when it holds is in its dates."""

    WAITING = "waiting"
    """For a second person; it waives nothing."""
    CONFIRMED = "confirmed"
    TAKEN_BACK = "taken_back"


class WaiverCommand(StrEnum):
    CONFIRM = "POST /v1/opt-out-waivers/{waiver_id}/confirmation"
    TAKE_BACK = "POST /v1/opt-out-waivers/{waiver_id}/withdrawal"


WAIVER = Life(
    name="Letter that waives opt-outs",
    begins=frozenset({WaiverState.WAITING}),
    moves={
        WaiverState.WAITING: (
            Move(
                to=WaiverState.CONFIRMED,
                why="a second person has seen it",
                command=WaiverCommand.CONFIRM,
            ),
            Move(
                to=WaiverState.TAKEN_BACK,
                why="it is given up before it holds",
                command=WaiverCommand.TAKE_BACK,
            ),
        ),
        WaiverState.CONFIRMED: (
            Move(
                to=WaiverState.TAKEN_BACK,
                why="opt-outs are upheld again",
                command=WaiverCommand.TAKE_BACK,
            ),
        ),
        WaiverState.TAKEN_BACK: (),
    },
    otherwise={
        WaiverCommand.CONFIRM: ReplacementDecided,
        WaiverCommand.TAKE_BACK: ReplacementDecided,
    },
)
_UPHELD_AGAIN = Move(
    to=DateState.WITHDRAWN, why="opt-outs are upheld again", command=WaiverCommand.TAKE_BACK
)
WAIVER_BY_DAYS = Life(
    name="Letter that waives opt-outs, once confirmed, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (FIRST_DAY, _UPHELD_AGAIN),
        DateState.IN_FORCE: (LAST_DAY, _UPHELD_AGAIN),
        DateState.LAPSED: (_UPHELD_AGAIN,),
        DateState.WITHDRAWN: (),
    },
    otherwise={WaiverCommand.TAKE_BACK: ReplacementDecided},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutWaiver:
    """A letter that waives opt-outs for identifiable data of one purpose."""

    id: UUID
    reference: str
    purpose: Purpose
    data_sets: tuple[str, ...]
    """Of which it is; none: of every one."""
    dated: date
    """The day of the letter."""
    valid_from: date
    """The date in it from which they are waived: that of the letter at the earliest."""
    valid_to: date | None
    document_digest: str
    """Of the letter, as its holder keeps it."""
    source: str
    state: WaiverState
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    version: int = 0

    def holds_on(self, day: date) -> bool:
        is_confirmed = self.state is WaiverState.CONFIRMED
        return is_confirmed and self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        is_gone = self.state is WaiverState.TAKEN_BACK
        return on_day(day, self.valid_from, self.valid_to, is_withdrawn=is_gone)

    def is_about(self, *, purpose: str, data_set: str) -> bool:
        return self.purpose.value == purpose and (not self.data_sets or data_set in self.data_sets)

    @property
    def in_words(self) -> str:
        """Name the letter, with its date."""
        return f"{self.reference} of {self.dated}"

    def says_the_same(self, other: "OptOutWaiver") -> bool:
        """Say whether both are records of one letter, whoever made them and whatever became."""
        return self.said == other.said

    @property
    def said(self) -> tuple[object, ...]:
        """Return what the letter says."""
        return (
            self.reference,
            self.purpose,
            self.data_sets,
            self.dated,
            self.valid_from,
            self.valid_to,
            self.document_digest,
            self.source,
        )

    def confirm(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let it hold: somebody else than who recorded it, saying why.

        Raises:
            SecondPersonNeeded, ReplacementDecided

        """
        WAIVER.permits(self.state, WaiverCommand.CONFIRM, f"It is {self.state} already.")
        require_another_person(self.proposed_by, by, "Whoever recorded a letter cannot confirm it.")
        return self._decided(WaiverState.CONFIRMED, by=by, reason=reason, at=at)

    def take_back(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let opt-outs be upheld again, or give it up before it holds.

        Raises:
            ReplacementDecided

        """
        WAIVER.permits(self.state, WaiverCommand.TAKE_BACK, "It is taken back already.")
        return self._decided(WaiverState.TAKEN_BACK, by=by, reason=reason, at=at)

    def _decided(self, state: WaiverState, *, by: str, reason: str, at: datetime) -> Self:
        return replace(self, state=state, decided_by=by, decided_at=at, reason=reason)
