"""An extract: asked for, prepared in the safe haven, released or not.

Pure. No input, no output, no clock: what a change needs is handed in, what it causes is
handed back in `pending`, and the repository stores both or neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from common.errors import Refusal, TransitionRefused
from common.lives import Life, Move
from dissemination.domain.agreement_status import Withdrawal
from dissemination.domain.events import (
    Event,
    ExtractChanged,
    ExtractFailed,
    ExtractReleased,
    ExtractRequested,
    ExtractSuperseded,
    ExtractWithdrawn,
)
from statements.request import ExtractRequest
from statements.vocabulary import Format


class State(StrEnum):
    REQUESTED = "requested"
    """Permitted and written down; the haven has not said that it took the job."""

    PREPARING = "preparing"
    """The haven has the job."""

    PREPARED = "prepared"
    """Its files are in the release store and attested; nobody can fetch them."""

    RELEASED = "released"
    SUPERSEDED = "superseded"
    """Released, and then an edition that it read was replaced. It stays what it was."""

    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Taken back before its release by whoever asked; or its agreement ended after it."""


class ExtractCommand(StrEnum):
    WITHDRAW = "POST /v1/extracts/{extract_id}/withdrawal"
    WITHDRAW_TABULATION = "POST /v1/tabulations/{tabulation_id}/withdrawal"
    WITHDRAW_BRIDGING_FILE = "POST /v1/bridging-files/{bridging_file_id}/withdrawal"


_FAILED = Move(to=State.FAILED, why="it cannot be prepared, or its release is refused")
_WITHDRAWN = tuple(
    Move(to=State.WITHDRAWN, why="whoever asked takes it back", command=command)
    for command in ExtractCommand
)
_ENDED = Move(to=State.WITHDRAWN, why="the agreement under which it was released is over")
EXTRACT = Life(
    name="Extract, tabulation, bridging file",
    begins=frozenset({State.REQUESTED}),
    moves={
        State.REQUESTED: (
            Move(to=State.PREPARING, why="the haven takes the job"),
            _FAILED,
            *_WITHDRAWN,
        ),
        State.PREPARING: (
            Move(to=State.PREPARED, why="its files are made and attested"),
            _FAILED,
            *_WITHDRAWN,
        ),
        State.PREPARED: (
            Move(to=State.RELEASED, why="agreements lets each file be released"),
            _FAILED,
            *_WITHDRAWN,
        ),
        State.RELEASED: (
            Move(to=State.SUPERSEDED, why="an edition that it read is replaced"),
            _ENDED,
        ),
        State.SUPERSEDED: (_ENDED,),
        State.FAILED: (),
        State.WITHDRAWN: (),
    },
    otherwise=dict.fromkeys(ExtractCommand, TransitionRefused),
)
"""The whole life of what leaves, by one driver."""

UNFINISHED = frozenset({State.REQUESTED, State.PREPARING, State.PREPARED})
"""What the driver moves forward."""

OPEN_TO_FETCH = frozenset({State.RELEASED, State.SUPERSEDED})
"""What has files that may be asked for; whether a byte leaves is decided each time."""


class Kind(StrEnum):
    """What leaves: records, a table of counts, or pairs of pseudonyms.

    All go the same way (docs/adr/0056, docs/adr/0195).
    """

    EXTRACT = "extract"
    TABULATION = "tabulation"
    BRIDGING_FILE = "bridging_file"

    @property
    def in_words(self) -> str:
        return self.value.replace("_", " ")


def kind_of(request: ExtractRequest) -> Kind:
    if request.bridge is not None:
        return Kind.BRIDGING_FILE
    return Kind.EXTRACT if request.table is None else Kind.TABULATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asked, as their token said. Never a name."""

    subject: str
    client_id: str
    organisation: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The token for one preparation, with the decision that gave it."""

    id: str
    compact: str
    expires_at: datetime
    decision_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile:
    """A file in the release store, and what the haven attests of it."""

    id: UUID
    format: Format
    object_key: str
    bytes: int
    digest: str
    rows: int
    attestation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    code: str
    refusals: tuple[Refusal, ...] = ()
    detail: str = ""
    """In words: which rule, and what to do; empty where the refusals say it."""

    @property
    def said(self) -> str | None:
        """Why, in words."""
        return self.detail or " ".join(refusal.detail for refusal in self.refusals) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """An edition that a released extract was made of, and what took its place."""

    edition_id: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    id: UUID
    request: ExtractRequest
    requester: Requester
    permit: Permit
    requested_at: datetime
    changed_at: datetime
    state: State = State.REQUESTED
    files: tuple[PreparedFile, ...] = ()
    failure: Failure | None = None
    withdrawal: Withdrawal | None = None
    """Why it was withdrawn after its release."""

    replaced: tuple[Replaced, ...] = ()
    """Editions in it that were replaced after its release; none from before it was noted."""

    standing_order: UUID | None = None
    """The order for which it was asked, where it was not asked for by itself."""

    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""

    pending: tuple[Event, ...] = ()
    """Events not yet stored."""

    @classmethod
    def ask(
        cls,
        request: ExtractRequest,
        *,
        extract_id: UUID,
        requester: Requester,
        permit: Permit,
        at: datetime,
        standing_order: UUID | None = None,
    ) -> Self:
        """Begin an extract that the decision permitted."""
        extract = cls(
            id=extract_id,
            request=request,
            requester=requester,
            permit=permit,
            requested_at=at,
            changed_at=at,
            standing_order=standing_order,
        )
        return replace(extract, pending=(extract.event(ExtractRequested),))

    def accepted(self, *, at: datetime) -> Self:
        """The haven has taken the job."""
        return self._become(State.PREPARING, at=at)

    def prepared(self, files: Sequence[PreparedFile], *, at: datetime) -> Self:
        """The files are made and attested."""
        return replace(self._become(State.PREPARED, at=at), files=tuple(files))

    def release(self, *, at: datetime) -> Self:
        """All its files may be asked for from now on."""
        return self._become(State.RELEASED, ExtractReleased, at=at)

    def fail(self, failure: Failure, *, at: datetime) -> Self:
        """Nothing of it will be released."""
        return replace(self._become(State.FAILED, ExtractFailed, at=at), failure=failure)

    def withdraw(self, *, at: datetime) -> Self:
        """Whoever asked does not want it any more; only before its release."""
        EXTRACT.permits(
            self.state,
            ExtractCommand.WITHDRAW,
            "It was released; from then on there is destruction."
            if self.state in OPEN_TO_FETCH
            else f"It is {self.state} already.",
        )
        return self._become(State.WITHDRAWN, ExtractWithdrawn, at=at)

    def supersede(self, edition_id: str, *, by: str, at: datetime) -> Self:
        """An edition that it read was replaced (domain.md section 0, ruling 10)."""
        moved = self._become(State.SUPERSEDED, ExtractSuperseded, at=at)
        return moved.note_replaced(edition_id, by=by, at=at)

    def note_replaced(self, edition_id: str, *, by: str, at: datetime) -> Self:
        """Another edition in it was replaced as well; it was superseded when the first one was."""
        noted = Replaced(edition_id=edition_id, by=by, at=at)
        return replace(self, replaced=(*self.replaced, noted))

    def knows_replaced(self, edition_id: str) -> bool:
        return any(one.edition_id == edition_id for one in self.replaced)

    def end(self, withdrawal: Withdrawal, *, at: datetime) -> Self:
        """The agreement under which it was released is over; nothing of it is given again."""
        if self.state not in OPEN_TO_FETCH:
            raise TransitionRefused(f"An extract that is {self.state} was not released.")
        ended = self._become(State.WITHDRAWN, ExtractWithdrawn, at=at)
        return replace(ended, withdrawal=withdrawal)

    @property
    def kind(self) -> Kind:
        return kind_of(self.request)

    @property
    def superseded_at(self) -> datetime | None:
        """When an edition that it read was replaced; None where that did not happen last."""
        return self.changed_at if self.state is State.SUPERSEDED else None

    @property
    def rows(self) -> int | None:
        """How many rows each of its files has, once they are prepared."""
        return max((file.rows for file in self.files), default=None)

    def event(self, kind: type[ExtractChanged]) -> ExtractChanged:
        return kind.model_validate(
            {
                "extract_id": self.id,
                "agreement": self.request.agreement,
                "data_set": self.request.data_set,
                "state": self.state.value,
                "files": self.files,
            },
            from_attributes=True,
        )

    def _become(
        self, state: State, said: type[ExtractChanged] | None = None, *, at: datetime
    ) -> Self:
        if state not in EXTRACT.follows(self.state):
            raise TransitionRefused(
                f"An extract that is {self.state} cannot become {state}.",
                state=self.state.value,
                allowed=[str(s) for s in sorted(EXTRACT.follows(self.state))],
            )
        moved = replace(self, state=state, changed_at=at)
        if said is None:
            return moved
        return replace(moved, pending=(*moved.pending, moved.event(said)))
