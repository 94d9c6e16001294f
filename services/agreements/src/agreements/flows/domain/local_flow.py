"""The file of a local flow, and its life: two people stand for it, and what is used stays.

A flow is immutable from the beginning: another file is another flow. While it waits, its name and
version are taken by nobody; from the approval on they stand for this one file for ever, also when
it is withdrawn, so that nobody's data are ever read by another one of the same name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self, TypeVar
from uuid import UUID

from agreements.flows.domain.errors import (
    LocalFlowDecided,
    LocalFlowInUse,
    LocalFlowOfAnother,
    LocalFlowVersionTaken,
)
from agreements.flows.domain.events import LocalFlowChanged
from common.lives import Life, Move
from common.replacement import require_another_person


class FlowState(StrEnum):
    REGISTERED = "registered"
    """It waits for a second person, and permits nothing."""
    APPROVED = "approved"
    """Applications can name it, and its files are taken in."""
    IN_USE = "in_use"
    """An agreement names it: it can be withdrawn no more."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class FlowCommand(StrEnum):
    APPROVE = "POST /v1/local-flows/{flow_id}/approval"
    REFUSE = "POST /v1/local-flows/{flow_id}/refusal"
    WITHDRAW = "POST /v1/local-flows/{flow_id}/withdrawal"


_WITHDRAWN = Move(
    to=FlowState.WITHDRAWN, why="its DSCRO takes it back", command=FlowCommand.WITHDRAW
)
LOCAL_FLOW = Life(
    name="Local flow",
    begins=frozenset({FlowState.REGISTERED}),
    moves={
        FlowState.REGISTERED: (
            Move(
                to=FlowState.APPROVED,
                why="a second person approves it",
                command=FlowCommand.APPROVE,
            ),
            Move(
                to=FlowState.REFUSED, why="a second person refuses it", command=FlowCommand.REFUSE
            ),
            _WITHDRAWN,
        ),
        FlowState.APPROVED: (
            Move(to=FlowState.IN_USE, why="an agreement is drafted that names it"),
            _WITHDRAWN,
        ),
        FlowState.IN_USE: (),
        FlowState.REFUSED: (),
        FlowState.WITHDRAWN: (),
    },
    otherwise={
        FlowCommand.APPROVE: LocalFlowDecided,
        FlowCommand.REFUSE: LocalFlowDecided,
        FlowCommand.WITHDRAW: {
            FlowState.IN_USE: LocalFlowInUse,
            FlowState.REFUSED: LocalFlowDecided,
            FlowState.WITHDRAWN: LocalFlowDecided,
        },
    },
)
F = TypeVar("F", bound="LocalFlow")
SERVED = frozenset({FlowState.APPROVED, FlowState.IN_USE})
"""Whose file is handed out by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFlow:
    id: UUID
    data_set: str
    catalogue_version: str
    digest: str
    """Of the canonical JSON of its file, which is kept under it."""
    category: str
    title: str
    dscro: str
    """Whose it is."""
    evidence: str
    state: FlowState
    registered_by: str
    registered_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    """It stays also when the flow is withdrawn: its name and version are taken."""
    ended_by: str | None = None
    ended_at: datetime | None = None
    """Who refused or withdrew it, and when."""
    reason: str | None = None
    """Of whoever decided last."""
    used_at: datetime | None = None
    """When an agreement named it first."""
    version: int = 0
    pending: tuple[LocalFlowChanged, ...] = ()

    @property
    def is_served(self) -> bool:
        return self.state in SERVED

    def register(self, known: Iterable["LocalFlow"]) -> Self:
        """Begin its life beside those of the same name.

        Raises:
            LocalFlowOfAnother, LocalFlowVersionTaken

        """
        for other in known:
            is_alive = other.state is FlowState.REGISTERED or other.approved_at is not None
            if is_alive and other.dscro != self.dscro:
                raise LocalFlowOfAnother(
                    "A flow of this name is another DSCRO's. Name this one otherwise.",
                    field="content",
                )
            if other.catalogue_version != self.catalogue_version:
                continue
            is_same = other.digest == self.digest and other.state is FlowState.WITHDRAWN
            if is_alive and not is_same:
                raise LocalFlowVersionTaken(
                    f"Version {self.catalogue_version} is {other.state} already. A change is the"
                    " next version.",
                    field="content",
                    state=other.state.value,
                )
        return announced(self, self.registered_at)

    def approve(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let it be used: somebody else than who registered it.

        Raises:
            LocalFlowDecided, SecondPersonNeeded

        """
        self._require(FlowCommand.APPROVE)
        self._require_another(by)
        changed = replace(
            self, state=FlowState.APPROVED, approved_by=by, approved_at=at, reason=reason
        )
        return announced(changed, at)

    def refuse(self, *, by: str, reason: str, at: datetime) -> Self:
        """Give it back: somebody else than who registered it, who can withdraw it.

        Raises:
            LocalFlowDecided, SecondPersonNeeded

        """
        self._require(FlowCommand.REFUSE)
        self._require_another(by)
        return self._ended(FlowState.REFUSED, by=by, reason=reason, at=at)

    def withdraw(self, *, by: str, dscro: str, reason: str, at: datetime) -> Self:
        """Take it back before anything rests on it: whoever acts for the DSCRO whose it is.

        Raises:
            LocalFlowOfAnother, LocalFlowInUse, LocalFlowDecided

        """
        if dscro != self.dscro:
            raise LocalFlowOfAnother("It is another DSCRO's. Ask there to withdraw it.")
        self._require(FlowCommand.WITHDRAW)
        return self._ended(FlowState.WITHDRAWN, by=by, reason=reason, at=at)

    def use(self, *, at: datetime) -> Self:
        """Remember that an agreement names it; the first time counts."""
        if self.state is FlowState.IN_USE:
            return self
        if FlowState.IN_USE not in LOCAL_FLOW.follows(self.state):
            raise LocalFlowDecided(f"It is {self.state}.", state=self.state.value)
        return announced(replace(self, state=FlowState.IN_USE, used_at=at), at)

    def _require(self, command: FlowCommand) -> None:
        LOCAL_FLOW.permits(self.state, command, _SAID.get(self.state, f"It is {self.state}."))

    def _require_another(self, by: str) -> None:
        require_another_person(
            self.registered_by, by, "Whoever registered a local flow cannot decide on it."
        )

    def _ended(self, state: FlowState, *, by: str, reason: str, at: datetime) -> Self:
        ended = replace(self, state=state, ended_by=by, ended_at=at, reason=reason)
        return announced(ended, at)


_SAID = {
    FlowState.IN_USE: (
        "An agreement names it. End or amend the lines that do, and register the next version."
    )
}


def announced(flow: F, at: datetime) -> F:
    """Say how it stands."""
    event = LocalFlowChanged(
        flow_id=flow.id,
        data_set=flow.data_set,
        catalogue_version=flow.catalogue_version,
        catalogue_digest=flow.digest,
        category=flow.category,
        dscro=flow.dscro,
        state=flow.state.value,
        at=at,
    )
    return replace(flow, pending=(*flow.pending, event))
