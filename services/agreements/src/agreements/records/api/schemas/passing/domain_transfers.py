"""Transfers of pseudonym domains, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import Day, Incoming, SealedView, Words
from agreements.records.domain.parties.domain_transfer import DomainTransfer, DomainTransferState


class ProposeDomainTransfer(Incoming):
    """That the pseudonym domains of an agreement go on in another recipient environment."""

    agreement: Annotated[
        str,
        Field(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="The agreement's reference, without a version.",
        ),
    ]
    former_environment: Annotated[
        UUID, Field(description="The recipient environment that has the domains.")
    ]
    following_environment: Annotated[
        UUID, Field(description="The one in which they are to go on; of the same kind.")
    ]
    effective_from: Annotated[
        Day, Field(description="The first day, in Europe/London, on which they may go on there.")
    ]
    evidence: Annotated[Words, Field(description="Where the instruction can be read.")]


class DomainTransferView(SealedView):
    id: Annotated[UUID, Field(description="Names the transfer.")]
    state: Annotated[
        DomainTransferState,
        Field(
            description="PROPOSED: it waits for controllers. AGREED: it waits for its day, and for"
            " the destruction of what the former environment holds; the following one gets no"
            " records meanwhile. IN_EFFECT: tokens go on. WITHDRAWN: the following one begins with"
            " others."
        ),
    ]
    former_environment: Annotated[UUID, Field(description="The one that has, or had, the domains.")]
    following_environment: Annotated[UUID, Field(description="The one in which they go on.")]
    effective_from: Annotated[date, Field(description="The first day on which they may.")]
    evidence: Annotated[str, Field(description="Where the instruction can be read.")]
    agreed_by: Annotated[list[str], Field(description="The controllers that have agreed.")]
    waiting_for: Annotated[list[str], Field(description="The controllers that have not.")]
    proposed_at: Annotated[datetime, Field(description="When it was proposed.")]
    agreed_at: Annotated[datetime | None, Field(description="When the last controller agreed.")]
    effective_at: Annotated[datetime | None, Field(description="Since when they go on there.")]
    withdrawn_at: Annotated[datetime | None, Field(description="When it was taken back.")]
    withdrawal_reason: Annotated[str | None, Field(description="Why it was taken back.")]

    @classmethod
    def of(cls, one: DomainTransfer) -> Self:
        return cls(
            id=one.id,
            state=one.state,
            former_environment=one.former_environment,
            following_environment=one.following_environment,
            effective_from=one.valid_from,
            evidence=one.evidence,
            agreed_by=list(one.agreed_by),
            waiting_for=list(one.waiting_for),
            proposed_at=one.proposed_at,
            agreed_at=one.agreed_at,
            effective_at=one.effective_at,
            withdrawn_at=one.withdrawn_at,
            withdrawal_reason=one.withdrawal_reason,
        )
