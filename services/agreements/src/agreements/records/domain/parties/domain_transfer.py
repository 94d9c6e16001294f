"""A pseudonym domain that goes on in another recipient environment of the same agreement.

Tokens stay what they were, so that the new processor can go on with what the former one counted. No
two environments ever hold equal tokens: it takes effect once the destruction of all that the former
environment held is accepted, and never before its first day (docs/adr/0163).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import (
    DomainTransferNotAgreed,
    DomainTransferTooEarly,
    DomainTransferTookEffect,
    FormerFilesNotDestroyed,
    StillReceiving,
)
from agreements.records.domain.events import DomainTransferChanged
from agreements.records.domain.parties.environment import RecipientEnvironment
from common.lives import Life, Move


class DomainTransferState(StrEnum):
    PROPOSED = "PROPOSED"
    AGREED = "AGREED"
    IN_EFFECT = "IN_EFFECT"
    WITHDRAWN = "WITHDRAWN"


class DomainTransferCommand(StrEnum):
    AGREE = "POST /v1/domain-transfers/{transfer_id}/agreement"
    EFFECT = "POST /v1/domain-transfers/{transfer_id}/effect"
    WITHDRAW = "POST /v1/domain-transfers/{transfer_id}/withdrawal"


_TAKEN_BACK = Move(
    to=DomainTransferState.WITHDRAWN,
    why="it is taken back",
    command=DomainTransferCommand.WITHDRAW,
)
DOMAIN_TRANSFER = Life(
    name="Transfer of pseudonym domains",
    begins=frozenset({DomainTransferState.PROPOSED}),
    moves={
        DomainTransferState.PROPOSED: (
            Move(
                to=DomainTransferState.AGREED,
                why="the last controller agrees",
                command=DomainTransferCommand.AGREE,
            ),
            _TAKEN_BACK,
        ),
        DomainTransferState.AGREED: (
            Move(
                to=DomainTransferState.IN_EFFECT,
                why="its day has come, and the former environment holds nothing any more",
                command=DomainTransferCommand.EFFECT,
            ),
            _TAKEN_BACK,
        ),
        DomainTransferState.IN_EFFECT: (),
        DomainTransferState.WITHDRAWN: (),
    },
    otherwise={
        DomainTransferCommand.AGREE: {
            DomainTransferState.AGREED: None,
            DomainTransferState.IN_EFFECT: (DomainTransferTookEffect, None),
            DomainTransferState.WITHDRAWN: (DomainTransferTookEffect, None),
        },
        DomainTransferCommand.EFFECT: {
            DomainTransferState.PROPOSED: DomainTransferNotAgreed,
            DomainTransferState.IN_EFFECT: None,
            DomainTransferState.WITHDRAWN: DomainTransferTookEffect,
        },
        DomainTransferCommand.WITHDRAW: {
            DomainTransferState.IN_EFFECT: DomainTransferTookEffect,
            DomainTransferState.WITHDRAWN: None,
        },
    },
)
"""A controller that has agreed is answered the same again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTransfer:
    """The instrument: from which environment to which, under one agreement, from which day."""

    id: UUID
    agreement_id: UUID
    former_environment: UUID
    following_environment: UUID
    valid_from: date
    evidence: str
    controllers: tuple[str, ...]
    """Who has to agree: the controllers of the version by which the new environment receives."""
    agreed_by: tuple[str, ...] = ()
    proposed_at: datetime
    agreed_at: datetime | None = None
    effective_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
    version: int = 0

    pending: tuple[DomainTransferChanged, ...] = ()

    @property
    def state(self) -> DomainTransferState:
        if self.withdrawn_at is not None:
            return DomainTransferState.WITHDRAWN
        if self.effective_at is not None:
            return DomainTransferState.IN_EFFECT
        if self.agreed_at is not None:
            return DomainTransferState.AGREED
        return DomainTransferState.PROPOSED

    @property
    def is_open(self) -> bool:
        """Say whether it is still to take effect."""
        return self.state in {DomainTransferState.PROPOSED, DomainTransferState.AGREED}

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Return the controllers who have not agreed."""
        return tuple(one for one in self.controllers if one not in self.agreed_by)

    def agree(self, controller: str, *, at: datetime) -> Self:
        """Note that a controller agrees. Again changes nothing.

        Raises:
            DomainTransferTookEffect: it is in effect, or was withdrawn.

        """
        if controller in self.agreed_by:
            return self
        self._permits(DomainTransferCommand.AGREE)
        agreed = replace(self, agreed_by=(*self.agreed_by, controller))
        return agreed if agreed.waiting_for else replace(agreed, agreed_at=at)

    def withdraw(self, reason: str, *, at: datetime) -> Self:
        """Take it back: the new environment begins domains of its own. Again changes nothing.

        Raises:
            DomainTransferTookEffect: tokens of the domain may be where it went on.

        """
        if not self._permits(DomainTransferCommand.WITHDRAW):
            return self
        return replace(self, withdrawn_at=at, withdrawal_reason=reason)

    def take_effect(
        self, *, at: datetime, today: date, receives: Collection[UUID], held: Collection[UUID]
    ) -> Self:
        """Let the domains go on in the following environment. Again changes nothing.

        `receives`: the environments in which lines of the version in effect land; `held`: where
        files are that are neither void nor accepted as destroyed.

        Raises:
            DomainTransferTookEffect, DomainTransferNotAgreed, DomainTransferTooEarly
            StillReceiving: the version in effect lands in the former environment, or not in the
                following one.
            FormerFilesNotDestroyed: the former environment holds files.

        """
        if not self._permits(DomainTransferCommand.EFFECT):
            return self
        if today < self.valid_from:
            raise DomainTransferTooEarly(f"Its first day is {self.valid_from}: ask again then.")
        if self.former_environment in receives or self.following_environment not in receives:
            raise StillReceiving(
                "The version in effect does not land in the following environment, or still lands"
                " in the former one: have the amendment signed first."
            )
        if self.former_environment in held:
            raise FormerFilesNotDestroyed(
                "The former environment holds files of the agreement: it certifies their"
                " destruction, and two people accept it."
            )
        return replace(self, effective_at=at)

    def announce(
        self,
        *,
        agreement: str,
        former: RecipientEnvironment,
        following: RecipientEnvironment,
        known: "Succession",
        at: datetime,
    ) -> Self:
        """Say how it stands. `known`: whose domains went on where before this one."""
        began_in = known.origin(former.id)
        event = DomainTransferChanged(
            transfer_id=self.id,
            agreement=agreement,
            state=self.state.value,
            former_environment=former.id,
            former_organisation=former.organisation,
            following_environment=following.id,
            following_organisation=following.organisation,
            effective_from=self.valid_from,
            began_in=began_in,
            times=known.times.get(began_in, 0) + 1,
            at=at,
        )
        return replace(self, pending=(*self.pending, event))

    def _permits(self, command: DomainTransferCommand) -> bool:
        waiting = ", ".join(self.waiting_for)
        said = {
            DomainTransferState.PROPOSED: f"It waits for {waiting}: each controller agrees first.",
            DomainTransferState.IN_EFFECT: "It is in effect and cannot be changed.",
            DomainTransferState.WITHDRAWN: "It was withdrawn: propose another one.",
        }
        state = self.state
        return DOMAIN_TRANSFER.permits(
            state, command, said.get(state, ""), waiting_for=[*self.waiting_for]
        )


@dataclass(frozen=True, slots=True)
class Succession:
    """Whose domains of an agreement an environment goes on with, and who has them now."""

    began_in: Mapping[UUID, UUID]
    """By environment: the one in which its domains began; itself where it is not named."""
    holder: Mapping[UUID, UUID]
    """By the environment in which domains began: the one that has them now."""
    times: Mapping[UUID, int]
    """By the environment in which domains began: how often they went on."""
    waiting: frozenset[UUID]
    """Environments that are to go on with domains of which another one still has the tokens."""

    def origin(self, environment: UUID) -> UUID:
        return self.began_in.get(environment, environment)

    def goes_on_in(self, environment: UUID) -> bool:
        """Say whether an environment has domains that went on: its own, or another's."""
        return environment in self.holder.values()

    def has_passed_on(self, environment: UUID) -> bool:
        """Say whether the domains of an environment go on in another one."""
        origin = self.origin(environment)
        return self.holder.get(origin, origin) != environment


def succession(transfers: Iterable[DomainTransfer]) -> Succession:
    """Follow the transfers of one agreement, in the order in which they took effect."""
    began_in: dict[UUID, UUID] = {}
    holder: dict[UUID, UUID] = {}
    times: dict[UUID, int] = {}
    known = tuple(transfers)
    in_effect = [
        (one.effective_at, one)
        for one in known
        if one.effective_at is not None and one.withdrawn_at is None
    ]
    for _, one in sorted(in_effect, key=lambda pair: (pair[0], pair[1].id)):
        origin = began_in.get(one.former_environment, one.former_environment)
        began_in[one.following_environment] = origin
        holder[origin] = one.following_environment
        times[origin] = times.get(origin, 0) + 1
    waiting = {
        one.following_environment for one in known if one.state is DomainTransferState.AGREED
    }
    return Succession(began_in, holder, times, frozenset(waiting))
