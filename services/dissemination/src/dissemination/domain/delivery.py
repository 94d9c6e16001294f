"""A delivery: bytes of one file for one request, logged before the first of them."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from common.errors import TransitionRefused
from dissemination.domain.events import Event, ExtractDelivered
from dissemination.domain.extract import Requester


class Outcome(StrEnum):
    UNDER_WAY = "under_way"
    COMPLETE = "complete"
    """All that was asked for is with the kernel."""

    CUT = "cut"
    """Less; `code` says why."""


class Cut(StrEnum):
    """Why a stream ended early, where no refusal of the decision names it."""

    LEASE_ENDED = "LEASE_ENDED"
    """Bytes were still buffered when the lease ended: a slow client, or no renewal in time."""

    DECISION_UNAVAILABLE = "DECISION_UNAVAILABLE"
    CLIENT_GONE = "CLIENT_GONE"
    CLIENT_STALLED = "CLIENT_STALLED"
    OBJECT_UNREADABLE = "OBJECT_UNREADABLE"
    SERVER_STOPPED = "SERVER_STOPPED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    """The process died; `bytes` is what it had last written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: UUID
    file_id: UUID
    extract_id: UUID
    agreement: str
    decision_id: UUID
    requester: Requester
    start: int
    end: int
    """The part that was asked for: bytes `start` to before `end`."""

    begun_at: datetime
    ended_at: datetime | None = None
    bytes: int = 0
    outcome: Outcome = Outcome.UNDER_WAY
    code: str | None = None
    version: int = 0
    pending: tuple[Event, ...] = ()

    def complete(self, *, at: datetime) -> Self:
        return self._finish(Outcome.COMPLETE, bytes_=self.end - self.start, code=None, at=at)

    def cut(self, code: str, *, bytes_: int, at: datetime) -> Self:
        return self._finish(Outcome.CUT, bytes_=bytes_, code=code, at=at)

    def _finish(self, outcome: Outcome, *, bytes_: int, code: str | None, at: datetime) -> Self:
        if self.outcome is not Outcome.UNDER_WAY:
            raise TransitionRefused(f"A delivery that is {self.outcome} has ended.")
        event = ExtractDelivered(
            extract_id=self.extract_id,
            file_id=self.file_id,
            delivery_id=self.id,
            bytes=bytes_,
            complete=outcome is Outcome.COMPLETE,
        )
        return replace(
            self,
            outcome=outcome,
            bytes=bytes_,
            code=code,
            ended_at=at,
            pending=(*self.pending, event),
        )
