"""The national check (domain.md 4.3, 0.1; R12): who of those asked about may be used.

It is opened for what is to be prepared, and its request names the people of just these editions.
The reply is taken against that check alone: whoever is not in it is left out, so an empty reply
clears nobody and is right. What is no list, names others than were asked, or comes late is none.

A reply that clears many whom an earlier one of these months did not clear waits for a second
person, and meanwhile only who is cleared by both is used. One is taken back by one person at once,
since nothing takes its place: `upheld` lets no older reply serve where it would have served.

A check has a life of its own (`national_check.life`): its request is fetched, the national service
answers within a time or never does, and what comes may be no reply of it. `now_of` says how it
stands at an instant, and what is to be done next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from pydantic import JsonValue

from common.clock import legal_day
from common.replacement import (
    Change,
    Judgement,
    ReplacementKind,
    ReplacementLimits,
    ReplacementOutdated,
    ReplacementStatus,
)
from pseudonymisation.intake.domain.errors import (
    CheckNotAnswered,
    ReplyDoubled,
    ReplyInvalid,
    ReplyNotAsked,
    ReplyOfAnotherCheck,
    ReplyTruncated,
)
from pseudonymisation.intake.domain.events import SourceKind, SourceTakenBack
from pseudonymisation.intake.domain.national_check.life import (
    NATIONAL_CHECK,
    CheckCommand,
    CheckRule,
    CheckState,
)
from pseudonymisation.intake.domain.opt_out import ListContent

TOO_OLD: Final = (
    "A check may be used for {days} days after it was opened. Open a new check and ask the national"
    " service again."
)
NO_REPLY_YET: Final = "The check has no reply that could be decided."
LETTERS: Final = str.maketrans("0123456789abcdef", "BCDFGHJKLMNPQRST")
"""Without vowels, so that no word comes of them."""


ANSWERED_OTHERWISE: Final[Mapping[tuple[CheckCommand, CheckState | None], str]] = {
    (CheckCommand.FETCH, None): "The check has its reply; its request cannot be fetched any more.",
    (CheckCommand.FETCH, CheckState.EXPIRED): TOO_OLD,
    (CheckCommand.REPLY, None): "The check already has another reply. Open a new check.",
    (CheckCommand.REPLY, CheckState.EXPIRED): TOO_OLD,
    (CheckCommand.REPLY, CheckState.OPEN): "Nobody fetched the request of this check, so that the"
    " national service cannot have answered it. Fetch the request, send it, and send the reply that"
    " comes to it.",
    (CheckCommand.REPLY, CheckState.TAKEN_BACK): "Its reply was taken back. Open a new check.",
    (CheckCommand.CONFIRM, None): NO_REPLY_YET,
    (CheckCommand.CONFIRM, CheckState.ANSWERED): "Its reply is in force already.",
    (CheckCommand.CONFIRM, CheckState.TAKEN_BACK): "Its reply was taken back. Open a new check.",
    (CheckCommand.TAKE_BACK, None): NO_REPLY_YET,
    (CheckCommand.TAKE_BACK, CheckState.TAKEN_BACK): "Its reply was taken back already.",
}
"""What a command is told where the table of its life knows no move; by state, or in any other."""


class Signal(StrEnum):
    """Why a reply looks like something else; counted in people, and judged by a dated share."""

    CLEARS_FEW = "REPLY_CLEARS_FEW"
    CLEARS_EVERYBODY = "REPLY_CLEARS_EVERYBODY"


NO_REPLY: Final = (ReplyInvalid, ReplyTruncated, ReplyDoubled, ReplyNotAsked, ReplyOfAnotherCheck)
"""What a check remembers of what came to it and was not its reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The last of what came and was no reply."""

    code: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFetched:
    """The last time that the request was fetched."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Who may be used. Its people lie sealed, like those of the request."""

    id: UUID
    """Of the list of those who may be used; its key's name."""
    cleared: int
    digest: str
    object_key: str
    received_at: datetime
    received_by: str
    standing: ReplacementStatus
    """Its change is counted in objectors: who was asked about and not cleared."""
    recalled_at: datetime | None = None
    """When it was taken back after it had been in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutCheck:
    id: UUID
    data_set: str
    periods: tuple[str, ...]
    purpose: str
    editions: tuple[UUID, ...]
    """Whose people are asked about."""
    people: int
    object_key: str
    """Of the request."""
    opened_at: datetime
    opened_by: str
    asked: RequestFetched | None = None
    refusal: Refusal | None = None
    reply: Reply | None = None
    version: int = 0
    pending: tuple[SourceTakenBack, ...] = ()
    """Events not yet stored."""

    @property
    def logged(self) -> dict[str, JsonValue]:
        """What the audit log says of it at each change: all that decides who may be used."""
        reply = self.reply
        return {
            "data_set": self.data_set,
            "periods": list(self.periods),
            "purpose": self.purpose,
            "editions": [str(id_) for id_ in self.editions],
            "opened_at": self.opened_at.astimezone(UTC).isoformat(),
            "people": self.people,
            "cleared": None if reply is None else reply.cleared,
            "reply": None if reply is None else str(reply.id),
            "digest": None if reply is None else reply.digest,
            "state": None if reply is None else self.state.value,
            "recalled": reply is not None and reply.recalled_at is not None,
        }

    @property
    def reference(self) -> str:
        """Names it to the national service, as subject and as reference of the message.

        Letters and a hyphen: with other characters, or without one, no answer ever comes.
        """
        return f"NDOO-{self.id.hex[-16:].translate(LETTERS)}"

    @property
    def opened_on(self) -> date:
        """The day whose opt-outs a reply tells, at the earliest."""
        return legal_day(self.opened_at)

    def is_fresh(self, rule: CheckRule, *, day: date) -> bool:
        return 0 <= (day - self.opened_on).days <= rule.days_max

    def _permits(self, command: CheckCommand, at: datetime, rule: CheckRule) -> None:
        """Raise what the table of its life says, where the command is no move of its state."""
        state = self.state_at(at, rule)
        detail = ANSWERED_OTHERWISE.get((command, state), ANSWERED_OTHERWISE[command, None])
        NATIONAL_CHECK.permits(state, command, detail.format(days=rule.days_max))

    def fetched(self, *, by: str, at: datetime, rule: CheckRule) -> Self:
        """Let its request be fetched, also once more: then the reply to it is awaited anew.

        Raises:
            CheckTooOld, CheckAnswered

        """
        self._permits(CheckCommand.FETCH, at, rule)
        return replace(self, asked=RequestFetched(at=at, by=by), refusal=None)

    def require_asked(self, reference: str, *, at: datetime, rule: CheckRule) -> None:
        """Hold the reference that came with a reply against the check's own.

        Where it has a reply already, what comes is looked at first: the same again is answered.

        Raises:
            CheckNotAsked, CheckTooOld, ReplyOfAnotherCheck

        """
        if self.reply is None:
            self._permits(CheckCommand.REPLY, at, rule)
        if reference != self.reference:
            raise ReplyOfAnotherCheck(
                f"`reference` has to be {self.reference}, as the message to the national service"
                " had it. Send this reply to the check whose reference it has."
            )

    def refuse(self, code: str, *, at: datetime) -> Self:
        """Remember that what came was no reply of it."""
        return replace(self, refusal=Refusal(code=code, at=at))

    def has(self, taken: ListContent, *, at: datetime, rule: CheckRule) -> bool:
        """Return whether this is the reply that it has; one is taken once.

        Raises:
            CheckTooOld: it became too old while the reply came
            CheckAnswered: where it has another, or this one was taken back

        """
        is_the_same = self.reply is not None and self.reply.digest == taken.digest
        if is_the_same and None in NATIONAL_CHECK.answers(self.state, CheckCommand.REPLY):
            return True
        self._permits(CheckCommand.REPLY, at, rule)
        return False

    def answered(self, reply: Reply, *, numbers: int, not_asked: int) -> Self:
        """Take the reply, of so many lines.

        Raises:
            ReplyDoubled, ReplyNotAsked

        """
        if numbers != reply.cleared:
            raise ReplyDoubled(
                f"It has {reply.cleared} people in {numbers} lines, and the request named each"
                " once. Fetch the reply again, and send it as it came.",
                people=reply.cleared,
                numbers=numbers,
            )
        if not_asked:
            raise ReplyNotAsked(
                f"{not_asked} of {reply.cleared} people are not in the request of this check. Send"
                " the reply to the check that it belongs to.",
                not_asked=not_asked,
            )
        return replace(self, reply=reply, refusal=None)

    def signals(self, rule: CheckRule) -> tuple[Signal, ...]:
        """Say what its reply looks like, if not like a reply. One that clears nobody is right."""
        cleared = 0 if self.reply is None else self.reply.cleared
        if not cleared or self.people <= rule.asked_floor:
            return ()
        if cleared < rule.cleared_share_min * self.people:
            return (Signal.CLEARS_FEW,)
        if cleared == self.people > rule.everybody_cleared_max:
            return (Signal.CLEARS_EVERYBODY,)
        return ()

    def confirm_reply(
        self,
        former: "OptOutCheck | None",
        *,
        by: str,
        reason: str,
        at: datetime,
        rule: CheckRule,
    ) -> Self:
        """Let a reply that waits into force; `former` is what it would replace by now.

        Raises:
            CheckNotAnswered, SecondPersonNeeded, ReplacementDecided, ReplacementOutdated

        """
        self._permits(CheckCommand.CONFIRM, at, rule)
        reply = self._replied()
        confirmed = reply.standing.confirm(by=by, reason=reason, at=at)
        if former is not None and not reply.standing.was_shown(str(former.id)):
            raise ReplacementOutdated(
                "Another reply came into force since, and the preview is not held against that"
                " one. Open a new check."
            )
        return replace(self, reply=replace(reply, standing=confirmed))

    def take_reply_back(self, *, by: str, reason: str, at: datetime, rule: CheckRule) -> Self:
        """Take the reply back: whoever it cleared is cleared no more, so one person is enough.

        Raises:
            CheckNotAnswered, ReplacementDecided

        """
        self._permits(CheckCommand.TAKE_BACK, at, rule)
        reply = self._replied()
        gone = replace(reply, standing=reply.standing.take_back(None, by=by, reason=reason, at=at))
        if not reply.standing.is_effective:
            return replace(self, reply=gone)
        event = SourceTakenBack(
            kind=SourceKind.OPT_OUT_LIST, source_id=reply.id, replaced_by=None, at=at
        )
        return replace(self, reply=replace(gone, recalled_at=at), pending=(event,))

    def _replied(self) -> Reply:
        if self.reply is None:
            raise CheckNotAnswered(NO_REPLY_YET)
        return self.reply

    @property
    def standing(self) -> ReplacementStatus:
        """Return how its reply stands. Raise CheckNotAnswered."""
        return self._replied().standing

    @property
    def state(self) -> CheckState:
        """Say how it stands, but for what time alone makes of it."""
        if self.reply is None:
            if self.refusal is not None:
                return CheckState.REFUSED
            return CheckState.OPEN if self.asked is None else CheckState.ASKED
        standing = self.reply.standing
        if standing.is_effective:
            return CheckState.ANSWERED
        return CheckState.WAITING if standing.is_waiting else CheckState.TAKEN_BACK

    def state_at(self, at: datetime, rule: CheckRule) -> CheckState:
        if self.reply is not None:
            return self.state
        if self.opened_at < rule.expired_before(at):
            return CheckState.EXPIRED
        is_late = self.asked is not None and self.asked.at < rule.overdue_before(at)
        return CheckState.OVERDUE if is_late and self.refusal is None else self.state

    @property
    def is_in_force(self) -> bool:
        return self.reply is not None and self.reply.standing.is_effective

    def is_about_the_same_as(self, other: "OptOutCheck") -> bool:
        """Return whether both asked about people of one month; who objects does so to any use."""
        return self.data_set == other.data_set and not frozenset(self.periods).isdisjoint(
            other.periods
        )

    def serves(
        self, *, data_set: str, purpose: str, periods: Sequence[str], editions: Sequence[UUID]
    ) -> bool:
        """Return whether it was answered, and asked about all of whom something is prepared."""
        return (
            self.reply is not None
            and (self.data_set, self.purpose) == (data_set, purpose)
            and frozenset(periods) <= frozenset(self.periods)
            and frozenset(editions) <= frozenset(self.editions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNow:
    """How a check stands at an instant, and what is to be done."""

    state: CheckState
    age_days: int
    good_until: date
    """The last legal day on which something is prepared by it."""
    answer_due_at: datetime | None
    signals: tuple[Signal, ...]
    next_step: str


def now_of(check: OptOutCheck, *, at: datetime, rule: CheckRule, of_reply: CheckRule) -> CheckNow:
    """Say it by the rule of the day, and what its reply looks like by that of the reply's day."""
    state, today = check.state_at(at, rule), legal_day(at)
    good_until = check.opened_on + timedelta(days=rule.days_max)
    asked = check.asked
    due = None if asked is None else asked.at + timedelta(minutes=rule.answer_minutes)
    return CheckNow(
        state=state,
        age_days=(today - check.opened_on).days,
        good_until=good_until,
        answer_due_at=due if check.reply is None else None,
        signals=check.signals(of_reply),
        next_step=_next_step(state, check, is_good=today <= good_until, rule=rule),
    )


def _next_step(state: CheckState, check: OptOutCheck, *, is_good: bool, rule: CheckRule) -> str:
    send = f"the subject and the reference {check.reference}"
    steps = {
        CheckState.OPEN: f"Fetch the request and send it to the national service with {send}.",
        CheckState.ASKED: f"Wait for the reply: it comes within {rule.answer_minutes} minutes.",
        CheckState.OVERDUE: "Look whether the message left, and whether it had both"
        f" {send}: without them, or with other characters, no answer ever comes. Then fetch the"
        " request again and send it again.",
        CheckState.REFUSED: "What came was refused with the code that `refused_code` says. Send the"
        f" reply that has the reference {check.reference}, as it came; or fetch the request again"
        " and send it again.",
        CheckState.WAITING: "Somebody else than who sent the reply compares it with the national"
        " service, and confirms it or takes it back.",
    }
    if state is CheckState.ANSWERED and is_good:
        return "Nothing: it is used."
    return steps.get(state, "Open a new check: nothing is prepared by this one any more.")


def newest_first(checks: Iterable[OptOutCheck]) -> list[OptOutCheck]:
    """Put those that count before those that would, were they not there."""
    return sorted(checks, key=lambda c: (c.opened_at, c.id), reverse=True)


def upheld(serving: Iterable[OptOutCheck]) -> tuple[OptOutCheck, ...]:
    """Return the checks by which who is cleared by all of them is used, the one in force first.

    `serving` are the checks that asked about all of whom something is prepared. The newest reply
    counts; those that wait beside it make it only stricter. One that was in force and was taken
    back ends the search: no older one takes its place.
    """
    waiting: list[OptOutCheck] = []
    for check in newest_first(serving):
        reply = check.reply
        if reply is None:
            continue
        if reply.standing.is_effective:
            return (check, *waiting)
        if reply.standing.is_waiting:
            waiting.append(check)
        elif reply.recalled_at is not None:
            break
    return ()


def judge_reply(
    change: Change,
    over_window: Sequence[Change],
    *,
    is_odd: bool,
    limits: ReplacementLimits,
    on: date,
) -> Judgement:
    """Judge a reply as a list of the objectors that it tells of, by whom it clears anew.

    The limits of a first list are not its own: it was taken against the check that asked, and who
    objects by the first reply was never cleared. `is_odd`: it clears somebody anew, and looks like
    no reply.
    """
    limit = limits.limit(ReplacementKind.OPT_OUTS, on=on)
    if is_odd:
        return Judgement(change=change, limit=limit, waits=True)
    if change.removed and not limit.lets_pass(change):
        return Judgement(change=change, limit=limit, waits=True)
    for in_all in over_window:
        if in_all.removed and not limit.lets_pass_over_window(in_all):
            return Judgement(change=in_all, limit=limit, waits=True)
    return Judgement(change=change, limit=limit, waits=False)
