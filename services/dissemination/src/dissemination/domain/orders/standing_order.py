"""A standing order: one instruction, and for each period a decision and a release of its own.

Pure, as an extract is. Nothing leaves because of an order: each period is asked for as if whoever
ordered asked for it that day, and is refused for the same reasons (docs/adr/0090).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from common.errors import Refusal, TransitionRefused
from common.lives import Life, Move
from dissemination.domain.extract import Extract, Requester, State
from dissemination.domain.orders.events import (
    OrderChanged,
    StandingOrderConfirmed,
    StandingOrderEnded,
    StandingOrderPeriodSkipped,
    StandingOrderPlaced,
)
from statements.standing_order import RepeatedRequest

NOT_PUBLISHED = "NOT_PUBLISHED_YET"
"""The decision's code for what is only too early: the period waits, and is not skipped."""
NO_LINE = "LINE_NOT_IN_DSA"
"""The decision's code with which an order ends: its line is in the agreement no more."""
MADE_ANEW = frozenset({"FILE_VOID", "EDITION_UNSAFE"})
"""What was made with something that was taken back. The period is asked for again."""
AGAIN_MIN, AGAIN_MAX, DOUBLINGS_MAX = timedelta(minutes=1), timedelta(hours=6), 9
"""How long after a refusal a period is asked for again, twice as long each time. What changes an
agreement, or lands records, has it asked for at once."""
BY_REQUEST, COMPLETE = "ENDED_BY_REQUEST", "ALL_PERIODS_RELEASED"
ENDS: Mapping[str, str] = {
    BY_REQUEST: "Somebody of the organisation that ordered, or of the Body, ended it.",
    COMPLETE: "Its last period was released; nothing is left to do.",
    NO_LINE: "The version of the agreement that is in force has no such line any more.",
    "DSA_NOT_ACTIVE": "The agreement is over.",
}
"""Why a standing order ended."""


class OrderState(StrEnum):
    ACTIVE = "active"
    """Each period is asked for when its time has come."""

    ENDED = "ended"
    """Nothing is asked for any more. What was released stays what it is."""


class OrderCommand(StrEnum):
    CONFIRM = "POST /v1/standing-orders/{order_id}/confirmation"
    END = "POST /v1/standing-orders/{order_id}/end"


STANDING_ORDER = Life(
    name="Standing order",
    begins=frozenset({OrderState.ACTIVE}),
    moves={
        OrderState.ACTIVE: (
            Move(
                to=OrderState.ACTIVE,
                why="somebody of the organisation confirms it: it is decided in their name",
                command=OrderCommand.CONFIRM,
            ),
            Move(
                to=OrderState.ENDED,
                why="the organisation that ordered ends it, or the Body does",
                command=OrderCommand.END,
            ),
            Move(
                to=OrderState.ENDED,
                why="its last period is released, its line is gone, or the agreement is over",
            ),
        ),
        OrderState.ENDED: (),
    },
    otherwise={OrderCommand.CONFIRM: TransitionRefused, OrderCommand.END: TransitionRefused},
)


class PeriodState(StrEnum):
    WAITING = "waiting"
    """Records are there, and its day has not come: not frozen, or not published."""

    SKIPPED = "skipped"
    """It was refused, or failed. It is asked for again, at the latest after six hours."""

    ASKED = "asked"
    """There is an extract, which is not released yet."""

    RELEASED = "released"
    """Its extract was released. Nothing more is asked for, also where it is superseded."""

    WITHDRAWN = "withdrawn"
    """Whoever ordered took its extract back before its release; it is not asked for again."""


SETTLED = frozenset({PeriodState.RELEASED, PeriodState.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedPeriod:
    """What became of one period so far."""

    month: str
    state: PeriodState
    at: datetime
    """Since when it is so."""
    refusals: tuple[Refusal, ...] = ()
    attempts: int = 0
    """How often it was asked for."""
    tried_at: datetime | None = None
    """When last."""
    extract_id: UUID | None = None
    """The newest extract that it led to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    code: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOrder:
    id: UUID
    ordered: RepeatedRequest
    first: str
    """The first month, YYYY-MM."""
    last: str | None
    """The last one; None: as long as the line lasts."""
    requester: Requester
    """In whose name it is decided: whoever ordered, or confirmed it last."""
    decision_id: UUID
    """The decision on their own token, when they did."""
    confirmed_at: datetime
    """When that was."""
    on_behalf_of: str | None
    """In whose name they act, by that decision; None: in their own."""
    ordered_at: datetime
    changed_at: datetime
    state: OrderState = OrderState.ACTIVE
    periods: tuple[OrderedPeriod, ...] = ()
    """In order of their months; those of which nothing was landed are not in it."""
    end_: End | None = None
    version: int = 0
    pending: tuple[OrderChanged, ...] = ()

    @classmethod
    def place(
        cls,
        ordered: RepeatedRequest,
        *,
        order_id: UUID,
        first: str,
        last: str | None,
        requester: Requester,
        decision_id: UUID,
        on_behalf_of: str | None,
        at: datetime,
    ) -> Self:
        """Begin an order that agreements logged."""
        order = cls(
            id=order_id,
            ordered=ordered,
            first=first,
            last=last,
            requester=requester,
            decision_id=decision_id,
            confirmed_at=at,
            on_behalf_of=on_behalf_of,
            ordered_at=at,
            changed_at=at,
        )
        return order.saying(StandingOrderPlaced)

    def of(self, month: str) -> OrderedPeriod | None:
        return next((one for one in self.periods if one.month == month), None)

    def covers(self, month: str) -> bool:
        return self.first <= month and (self.last is None or month <= self.last)

    def open_months(self, months: Iterable[str]) -> Sequence[str]:
        """Return those of the months that may still have to be asked for, in order."""
        taken = {one.month for one in self.periods if one.state in {*SETTLED, PeriodState.ASKED}}
        return sorted({month for month in months if self.covers(month)} - taken)

    @property
    def under_way(self) -> int:
        """How many extracts of it are not released yet."""
        return sum(one.state is PeriodState.ASKED for one in self.periods)

    def next_try(self, month: str) -> datetime | None:
        """Return when a period that was refused is asked for again; None: whenever."""
        one = self.of(month)
        if one is None or one.tried_at is None:
            return None
        times: int = 2 ** min(max(one.attempts - 1, 0), DOUBLINGS_MAX)
        return one.tried_at + min(AGAIN_MIN * times, AGAIN_MAX)

    def wait(self, month: str, *, at: datetime) -> Self:
        """Records are there, and its day has not come. The same object where that was said."""
        self._require_active()
        if self.of(month) is not None:
            return self
        return self._with(OrderedPeriod(month=month, state=PeriodState.WAITING, at=at), at=at)

    def ask(self, month: str, extract_id: UUID, *, at: datetime) -> Self:
        """The decision permitted it, and there is an extract."""
        self._require_active()
        before = self.of(month)
        if before is not None and before.state in {*SETTLED, PeriodState.ASKED}:
            raise TransitionRefused(f"{month} has its extract already.")
        return self._with(
            OrderedPeriod(
                month=month,
                state=PeriodState.ASKED,
                at=at,
                attempts=1 + (0 if before is None else before.attempts),
                tried_at=at,
                extract_id=extract_id,
            ),
            at=at,
        )

    def skip(self, month: str, refusals: Sequence[Refusal], *, at: datetime) -> Self:
        """It was refused; others are told where it was not refused for the same before.

        What is only not published yet is not skipped: it waits.
        """
        self._require_active()
        return self._skip(month, refusals, at=at, counts=True)

    def _skip(self, month: str, refusals: Sequence[Refusal], *, at: datetime, counts: bool) -> Self:
        before = self.of(month)
        codes = tuple(refusal.code for refusal in refusals)
        state = PeriodState.WAITING if set(codes) == {NOT_PUBLISHED} else PeriodState.SKIPPED
        known = None if before is None else (before.state, *(r.code for r in before.refusals))
        is_same = known == (state, *codes)
        skipped = self._with(
            OrderedPeriod(
                month=month,
                state=state,
                at=at if before is None or not is_same else before.at,
                refusals=tuple(refusals),
                attempts=int(counts) + (0 if before is None else before.attempts),
                tried_at=at,
                extract_id=None if before is None else before.extract_id,
            ),
            at=at,
        )
        if is_same or state is PeriodState.WAITING:
            return skipped
        return skipped.saying(StandingOrderPeriodSkipped, month=month, codes=codes)

    def follow(self, extracts: Mapping[UUID, Extract], *, at: datetime) -> Self:
        """Take up what became of its extracts. The same object, where nothing did."""
        found = self
        for one in self.periods:
            extract = None if one.extract_id is None else extracts.get(one.extract_id)
            if extract is not None:
                found = found._follow(one, extract, at=at)
        return found

    def _follow(self, one: OrderedPeriod, extract: Extract, *, at: datetime) -> Self:
        taken_back = extract.withdrawal
        match one.state, extract.state:
            case PeriodState.ASKED, State.RELEASED | State.SUPERSEDED:
                return self._with(replace(one, state=PeriodState.RELEASED, at=at), at=at)
            case PeriodState.ASKED, State.FAILED if extract.failure is not None:
                failure = extract.failure
                why = failure.refusals or (Refusal(failure.code, failure.said or ""),)
                return self._skip(one.month, why, at=at, counts=False)
            case PeriodState.ASKED, State.WITHDRAWN if taken_back is None:
                return self._with(replace(one, state=PeriodState.WITHDRAWN, at=at), at=at)
            case PeriodState.ASKED | PeriodState.RELEASED, State.WITHDRAWN if (
                taken_back is not None and taken_back.code in MADE_ANEW
            ):
                refusal = Refusal(taken_back.code, "What it was made with was taken back.")
                return self._skip(one.month, [refusal], at=at, counts=False)
            case PeriodState.ASKED, State.WITHDRAWN:
                return self._with(replace(one, state=PeriodState.RELEASED, at=at), at=at)
            case _:
                return self

    def is_complete(self, months: Collection[str]) -> bool:
        """Whether nothing is left of these months, which are all that there will ever be."""
        settled = {one.month for one in self.periods if one.state in SETTLED}
        return bool(months) and settled.issuperset(months)

    def confirm(
        self,
        requester: Requester,
        decision_id: UUID,
        *,
        on_behalf_of: str | None,
        at: datetime,
    ) -> Self:
        """Somebody of the organisation shows a token; from now on it is decided in their name."""
        self._require(OrderCommand.CONFIRM)
        confirmed = replace(
            self,
            requester=requester,
            decision_id=decision_id,
            on_behalf_of=on_behalf_of,
            confirmed_at=at,
            changed_at=at,
        )
        return confirmed.saying(StandingOrderConfirmed)

    def end(self, code: str, *, at: datetime) -> Self:
        self._require(OrderCommand.END)
        ended = replace(self, state=OrderState.ENDED, end_=End(code=code, at=at), changed_at=at)
        return ended.saying(StandingOrderEnded, code=code)

    def _require_active(self) -> None:
        self._require(OrderCommand.END)

    def _require(self, command: OrderCommand) -> None:
        STANDING_ORDER.permits(
            self.state,
            command,
            "The standing order has ended; place another one.",
            allowed=[str(s) for s in sorted(STANDING_ORDER.follows(self.state))],
        )

    def _with(self, period: OrderedPeriod, *, at: datetime) -> Self:
        others = [one for one in self.periods if one.month != period.month]
        in_order = sorted([*others, period], key=lambda one: one.month)
        return replace(self, periods=tuple(in_order), changed_at=at)

    def saying(self, kind: type[OrderChanged], **more: object) -> Self:
        """Return the same with what others are told of it."""
        said = kind.model_validate(
            {
                "order_id": self.id,
                "agreement": self.ordered.agreement,
                "data_set": self.ordered.data_set,
                "state": self.state.value,
                **more,
            }
        )
        return replace(self, pending=(*self.pending, said))
