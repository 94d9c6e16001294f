"""Who may send whose activity (ruling 24): a dated fact that two people stand for.

A provider submits its own records. For another provider it needs a right, in force on the first
day of the period; which providers there are is told by the loaded lists, as at the same day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.parties.codes import Codes, CodeState, standing_on
from agreements.records.domain.parties.errors import SubmissionRightOverlaps
from agreements.records.domain.parties.organisation import Organisation
from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day
from common.replacement import ReplacementDecided, require_another_person


class RightState(StrEnum):
    """How far it has come; from when until when it holds is in its dates."""

    WAITING = "waiting"
    """For a second person; it permits nothing."""
    CONFIRMED = "confirmed"
    TAKEN_BACK = "taken_back"


class RightCommand(StrEnum):
    CONFIRM = "POST /v1/submission-rights/{batch}/confirmation"
    TAKE_BACK = "POST /v1/submission-rights/{batch}/withdrawal"
    END = "POST /v1/submission-rights/{right_id}/ending"


SUBMISSION_RIGHT = Life(
    name="Right to submit",
    begins=frozenset({RightState.WAITING}),
    moves={
        RightState.WAITING: (
            Move(
                to=RightState.CONFIRMED,
                why="a second person confirms it",
                command=RightCommand.CONFIRM,
            ),
            Move(to=RightState.TAKEN_BACK, why="it is given up", command=RightCommand.TAKE_BACK),
        ),
        RightState.CONFIRMED: (
            Move(to=RightState.CONFIRMED, why="it is given a last day", command=RightCommand.END),
        ),
        RightState.TAKEN_BACK: (),
    },
    otherwise={
        RightCommand.CONFIRM: ReplacementDecided,
        RightCommand.TAKE_BACK: ReplacementDecided,
        RightCommand.END: ReplacementDecided,
    },
)
_GIVEN_LAST_DAY = "it is given a last day"
_NEVER = Move(
    to=DateState.WITHDRAWN, why="its last day is to be before its first", command=RightCommand.END
)
RIGHT_BY_DAYS = Life(
    name="Right to submit, once confirmed, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (
            FIRST_DAY,
            Move(to=DateState.AWAITED, why=_GIVEN_LAST_DAY, command=RightCommand.END),
            _NEVER,
        ),
        DateState.IN_FORCE: (
            LAST_DAY,
            Move(to=DateState.IN_FORCE, why=_GIVEN_LAST_DAY, command=RightCommand.END),
            Move(
                to=DateState.LAPSED, why=f"{_GIVEN_LAST_DAY} that is over", command=RightCommand.END
            ),
            _NEVER,
        ),
        DateState.LAPSED: (_NEVER,),
        DateState.WITHDRAWN: (),
    },
    otherwise={RightCommand.END: None},
)


class Basis(StrEnum):
    """Why somebody may submit for a provider."""

    OWN = "own"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRight:
    """`submitter` may send the records of `provider` for periods that begin in its days."""

    id: UUID
    batch: UUID
    """What was recorded together, and is confirmed or taken back together."""
    submitter: str
    provider: str
    valid_from: date
    valid_to: date | None
    evidence: str
    state: RightState
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    version: int = 0

    def holds_on(self, day: date) -> bool:
        is_confirmed = self.state is RightState.CONFIRMED
        return is_confirmed and self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        is_gone = self.state is RightState.TAKEN_BACK
        return on_day(day, self.valid_from, self.valid_to, is_withdrawn=is_gone)

    def overlaps(self, other: "SubmissionRight") -> bool:
        """Say whether both are of the same two and of some of the same days, and stand."""
        if (self.submitter, self.provider) != (other.submitter, other.provider):
            return False
        if RightState.TAKEN_BACK in (self.state, other.state):
            return False
        last = min(self.valid_to or date.max, other.valid_to or date.max)
        return max(self.valid_from, other.valid_from) <= last

    def require_no_overlap(self, others: Iterable["SubmissionRight"]) -> None:
        """Demand that each day is said once, so that an end ends it.

        Raises:
            SubmissionRightOverlaps

        """
        for other in others:
            if other.id != self.id and self.overlaps(other):
                raise SubmissionRightOverlaps(
                    f"{other.submitter} has a right for {other.provider} from {other.valid_from} to"
                    f" {other.valid_to or 'an open end'}, which is {other.state}. End it (POST"
                    f" /v1/submission-rights/{other.id}/ending), or withdraw it while it waits, and"
                    " record the other days.",
                    right=str(other.id),
                )

    def confirm(
        self, *, by: str, reason: str, at: datetime, others: Iterable["SubmissionRight"] = ()
    ) -> Self:
        """Let it hold: somebody else than who recorded it, saying why.

        Raises:
            SecondPersonNeeded, ReplacementDecided
            SubmissionRightOverlaps: another one of the same two holds on some of its days.

        """
        self._require(RightCommand.CONFIRM)
        self.require_no_overlap(o for o in others if o.state is RightState.CONFIRMED)
        require_another_person(self.proposed_by, by, "Whoever recorded a right cannot confirm it.")
        return self._decided(RightState.CONFIRMED, by=by, reason=reason, at=at)

    def take_back(self, *, by: str, reason: str, at: datetime) -> Self:
        """Give it up before it holds; one that holds is ended.

        Raises:
            ReplacementDecided

        """
        self._require(RightCommand.TAKE_BACK)
        return self._decided(RightState.TAKEN_BACK, by=by, reason=reason, at=at)

    def end(self, *, last_day: date) -> Self:
        """End it after `last_day`; an earlier end that stands is not put off.

        Raises:
            ReplacementDecided: it never held.

        """
        SUBMISSION_RIGHT.permits(
            self.state, RightCommand.END, f"It is {self.state}; only what holds is ended."
        )
        if self.valid_to is not None and self.valid_to <= last_day:
            return self
        return replace(self, valid_to=last_day)

    def _require(self, command: RightCommand) -> None:
        SUBMISSION_RIGHT.permits(self.state, command, f"It is {self.state} already.")

    def _decided(self, state: RightState, *, by: str, reason: str, at: datetime) -> Self:
        return replace(self, state=state, decided_by=by, decided_at=at, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStanding:
    """Whether a submitter may send a provider's records as at a day, and why or why not."""

    provider: str
    entity: str
    """In normal form."""
    standing: CodeState
    basis: Basis | None
    right: UUID | None = None

    @property
    def may_submit(self) -> bool:
        return self.standing is CodeState.OPEN and self.basis is not None


def standing_of(
    submitter: str,
    provider: str,
    day: date,
    *,
    rights: Iterable[SubmissionRight],
    codes: Codes,
    organisations: Mapping[str, Sequence[Organisation]],
) -> ProviderStanding:
    """Say whether the submitter may send the provider's records for a period from `day` on."""
    entity, sender = codes.normal(provider), codes.normal(submitter)
    right = next(
        (
            r
            for r in rights
            if r.holds_on(day)
            and (codes.normal(r.submitter), codes.normal(r.provider)) == (sender, entity)
        ),
        None,
    )
    basis = Basis.OWN if sender == entity else Basis.RIGHT if right is not None else None
    return ProviderStanding(
        provider=provider,
        entity=entity,
        standing=_standing(provider, entity, day, codes, organisations),
        basis=basis,
        right=right.id if right is not None and basis is Basis.RIGHT else None,
    )


def _standing(
    provider: str,
    entity: str,
    day: date,
    codes: Codes,
    organisations: Mapping[str, Sequence[Organisation]],
) -> CodeState:
    """Return the state of the code: a default code is unknown, a closed site is closed."""
    if codes.meaning(provider) is not None:
        return CodeState.UNKNOWN
    of_entity = standing_on(day, organisations.get(entity, ()))
    own = organisations.get(provider, ())
    return standing_on(day, own) if own and of_entity is CodeState.OPEN else of_entity
