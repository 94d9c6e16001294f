"""What an agreement's standing means for what was released under it.

Told by agreements' events, and shown: nothing leaves or stays because of it. Whether a byte
leaves is decided at every fetch (design.md section 5), also where an event is late.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from statements.request import ExtractRequest
from statements.vocabulary import LineKey

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"
OVER = frozenset({"EXPIRED", "TERMINATED", "DESTRUCTION_DUE", "CLOSED"})
"""States of an agreement under which nothing that was released is ever given again."""

HELD, NO_CONTRACT, NOT_ACTIVE = "BREACH_OPEN", "DSFC_NOT_IN_FORCE", "DSA_NOT_ACTIVE"
"""The decision's own codes: what a fetch would meet."""

FILE_VOID = "FILE_VOID"
"""The decision's code for a file that was made with what was taken back, or gave way to another."""

FILE_DESTROYED = "FILE_DESTROYED"
"""Its destruction was accepted: it is never given again."""

EDITION_UNSAFE = "EDITION_UNSAFE"
"""The decision's own code: an edition in the file was landed by rules that are not safe."""

EDITION_SUPERSEDED = "EDITION_SUPERSEDED"
"""No refusal: why something is `superseded`. Ask again to have it from the newer edition."""


class Availability(StrEnum):
    CURRENT = "current"
    SUPERSEDED = "superseded"
    """It may be fetched as it was, and an edition that it was made from was replaced since."""

    SUSPENDED = "suspended"
    """Not now; it may come back."""

    WITHDRAWN = "withdrawn"
    """For good; what was delivered has to be destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    availability: Availability
    code: str | None = None
    agreement_state: str | None = None
    since: datetime | None = None

    @property
    def is_for_good(self) -> bool:
        return self.availability is Availability.WITHDRAWN


CURRENT = Status(availability=Availability.CURRENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Why what was released is never given again: its agreement is over, or it is void."""

    agreement_state: str | None
    """Null where the agreement is not the reason."""
    since: datetime
    code: str = NOT_ACTIVE

    @property
    def status(self) -> Status:
        return Status(
            availability=Availability.WITHDRAWN,
            code=self.code,
            agreement_state=self.agreement_state,
            since=self.since,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementStatus:
    """An agreement's state as its newest event told it."""

    agreement: str
    state: str
    since: datetime
    held: Mapping[LineKey, datetime]
    """The lines that a hold stops, and since when."""

    @classmethod
    def after_event(
        cls,
        former: "AgreementStatus | None",
        *,
        agreement: str,
        state: str,
        held: Collection[LineKey],
        at: datetime,
    ) -> Self:
        """What an event tells. What has not changed is so since when it was."""
        known = {} if former is None else former.held
        is_same = former is not None and former.state == state
        return cls(
            agreement=agreement,
            state=state,
            since=former.since if former is not None and is_same else at,
            held={key: known.get(key, at) for key in sorted(held)},
        )

    @property
    def withdrawal(self) -> Withdrawal | None:
        """That it is over, where it is."""
        if self.state not in OVER:
            return None
        return Withdrawal(agreement_state=self.state, since=self.since)

    def of(self, line: LineKey) -> Status:
        """How a file that was released under that line stands."""
        if self.withdrawal is not None:
            return self.withdrawal.status
        held_since = self.held.get(line)
        if self.state in {ACTIVE, SUSPENDED} and held_since is not None:
            return self._suspended(HELD, held_since)
        if self.state == ACTIVE:
            return CURRENT
        return self._suspended(NO_CONTRACT if self.state == SUSPENDED else NOT_ACTIVE, self.since)

    def _suspended(self, code: str, since: datetime) -> Status:
        return Status(
            availability=Availability.SUSPENDED,
            code=code,
            agreement_state=self.state,
            since=since,
        )


def status(
    request: ExtractRequest,
    *,
    withdrawal: Withdrawal | None,
    standings: Mapping[str, AgreementStatus],
    superseded_at: datetime | None,
) -> Status:
    """Return how something released stands, by each agreement that judges it.

    What was withdrawn stays so, whatever comes after; what cannot be fetched now says that first.
    """
    if withdrawal is not None:
        return withdrawal.status
    found = [standings[name].of(line) for name, line in request.lines if name in standings]
    stopped = [one for one in found if one is not CURRENT]
    if stopped:
        return next((one for one in stopped if one.is_for_good), stopped[0])
    if superseded_at is None:
        return CURRENT
    standing = standings.get(request.agreement)
    return Status(
        availability=Availability.SUPERSEDED,
        code=EDITION_SUPERSEDED,
        agreement_state=None if standing is None else standing.state,
        since=superseded_at,
    )
