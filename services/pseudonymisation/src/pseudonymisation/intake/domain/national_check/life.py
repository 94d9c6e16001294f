"""How a national check lives: its dated rule, its states, and how it comes from one to the next."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

from common.clock import is_between, legal_day, start_of
from common.lives import Life, Move
from common.replacement import ReplacementDecided
from pseudonymisation.intake.domain.errors import (
    CheckAnswered,
    CheckNotAnswered,
    CheckNotAsked,
    CheckTooLarge,
    CheckTooOld,
)

LINE_BYTES: Final = 12
"""Of the request, a person: ten digits, a comma and a line feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRule:
    """How old and how large a check may be, and which replies a second person sees; dated data."""

    first: date | None
    last: date | None
    days_max: int
    """Legal days, from its opening on."""
    answer_minutes: int
    """The national service answers within them, or something is wrong."""
    request_bytes_max: int
    asked_floor: int
    """A reply to a check about no more people is held against no share."""
    cleared_share_min: Decimal
    """What clears somebody, and fewer than this share, looks like a list of those who objected."""
    everybody_cleared_max: int
    """What clears everybody of more people than these looks like the request."""

    @classmethod
    def none(cls, _day: date) -> Self:
        """Without a rule nobody is asked about."""
        return cls(
            first=None,
            last=None,
            days_max=0,
            answer_minutes=0,
            request_bytes_max=0,
            asked_floor=0,
            cleared_share_min=Decimal(1),
            everybody_cleared_max=0,
        )

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)

    def require_size(self, people: int) -> None:
        """Raise CheckTooLarge."""
        if people * LINE_BYTES > self.request_bytes_max:
            raise CheckTooLarge(
                f"It would ask about {people} people in {people * LINE_BYTES} bytes, and the"
                f" national service takes {self.request_bytes_max}. Open a check for fewer of the"
                " periods.",
                people=people,
            )

    def expired_before(self, at: datetime) -> datetime:
        """Return before when a check was opened that is too old."""
        return start_of(legal_day(at) - timedelta(days=self.days_max))

    def overdue_before(self, at: datetime) -> datetime:
        """Return before when a request was fetched to which a reply is overdue."""
        return at - timedelta(minutes=self.answer_minutes)


Moment = tuple[datetime, CheckRule]
"""An instant, and the rule of its day."""


class CheckState(StrEnum):
    """How a check stands."""

    OPEN = "open"
    """Its request was not fetched."""
    ASKED = "asked"
    """Its request was fetched, and the reply is to come."""
    OVERDUE = "overdue"
    """The national service should have answered by now."""
    REFUSED = "refused"
    """What came was no reply of it."""
    EXPIRED = "expired"
    """It is too old to be answered."""
    ANSWERED = "answered"
    """Who is in the reply may be used."""
    WAITING = "waiting"
    """The reply is for a second person. Only who is in it and in the one in force is used
    meanwhile; without one in force, nobody."""
    TAKEN_BACK = "taken_back"
    """Nobody is used by it, nor by an older reply in its place."""


class CheckCommand(StrEnum):
    FETCH = "GET /v1/opt-out-checks/{check_id}/request"
    REPLY = "PUT /v1/opt-out-checks/{check_id}/reply"
    CONFIRM = "POST /v1/opt-out-checks/{check_id}/confirmation"
    TAKE_BACK = "POST /v1/opt-out-checks/{check_id}/withdrawal"


_S = CheckState
_C = CheckCommand
_AGAIN = Move(to=_S.ASKED, why="its request is fetched again", command=_C.FETCH)
_TOO_OLD = Move(to=_S.EXPIRED, why="its days are over")
_TAKEN_BACK = Move(to=_S.TAKEN_BACK, why="one person takes it back", command=_C.TAKE_BACK)
_REPLIED: Final = (
    Move(to=_S.REFUSED, why="what comes is no reply of it", command=_C.REPLY),
    Move(to=_S.ANSWERED, why="its reply is taken", command=_C.REPLY),
    Move(
        to=_S.WAITING,
        why="its reply is one that a second person has to see",
        command=_C.REPLY,
    ),
    _TOO_OLD,
)
_UNANSWERED = (_S.OPEN, _S.ASKED, _S.OVERDUE, _S.REFUSED, _S.EXPIRED)
NATIONAL_CHECK = Life(
    name="National check",
    begins=frozenset({_S.OPEN}),
    moves={
        _S.OPEN: (
            Move(to=_S.ASKED, why="its request is fetched", command=_C.FETCH),
            _TOO_OLD,
        ),
        _S.ASKED: (
            _AGAIN,
            Move(to=_S.OVERDUE, why="the time for an answer is over"),
            *_REPLIED,
        ),
        _S.OVERDUE: (_AGAIN, *_REPLIED),
        _S.REFUSED: (_AGAIN, *_REPLIED),
        _S.EXPIRED: (),
        _S.ANSWERED: (_TAKEN_BACK,),
        _S.WAITING: (
            Move(to=_S.ANSWERED, why="a second person confirms it", command=_C.CONFIRM),
            _TAKEN_BACK,
        ),
        _S.TAKEN_BACK: (),
    },
    otherwise={
        _C.FETCH: {
            _S.EXPIRED: CheckTooOld,
            **dict.fromkeys((_S.ANSWERED, _S.WAITING, _S.TAKEN_BACK), CheckAnswered),
        },
        _C.REPLY: {
            _S.OPEN: CheckNotAsked,
            _S.EXPIRED: CheckTooOld,
            **dict.fromkeys((_S.ANSWERED, _S.WAITING), (CheckAnswered, None)),
            _S.TAKEN_BACK: CheckAnswered,
        },
        _C.CONFIRM: {
            **dict.fromkeys(_UNANSWERED, CheckNotAnswered),
            _S.ANSWERED: ReplacementDecided,
            _S.TAKEN_BACK: ReplacementDecided,
        },
        _C.TAKE_BACK: {
            **dict.fromkeys(_UNANSWERED, CheckNotAnswered),
            _S.TAKEN_BACK: ReplacementDecided,
        },
    },
)
"""The same reply sent again is answered as the first one was."""
