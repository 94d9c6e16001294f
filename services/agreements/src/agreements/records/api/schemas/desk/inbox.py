"""What waits for somebody, as it crosses the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import Outgoing, SealedView, told
from agreements.records.use_cases.desk.inbox import Duty, Inbox, Waiting
from common import unreadable


class WaitingView(SealedView):
    """One thing that waits for the caller."""

    duty: Annotated[Duty, Field(description="What is to be done.")]
    reference: Annotated[
        str,
        Field(description="What it is about: an agreement, contract, relationship or breach."),
    ]
    path: Annotated[str, Field(description="Where it can be read, at this service.")]
    said: Annotated[str, Field(description="The same in a sentence.")]
    since: Annotated[
        datetime | None, Field(description="Since when it waits; null: no instant is recorded.")
    ]
    by: Annotated[
        date | None,
        Field(description="The last day for it, in Europe/London, inclusive; null: none is set."),
    ]

    @classmethod
    def of(cls, one: Waiting) -> Self:
        return cls.model_validate(one)


class InboxView(Outgoing):
    """What waits for the caller, by role and organisation; what is due soonest is first."""

    as_of: Annotated[datetime, Field(description="When it was read.")]
    counts: Annotated[
        dict[Duty, int],
        Field(description="How many things of each kind wait, of those that the role may do."),
    ]
    items: Annotated[list[WaitingView], Field(description="At most `limit` of them.")]
    incomplete: Annotated[
        list[Duty],
        Field(
            description="Kinds of which a record cannot be read, so that what waits of them is not"
            " told: somebody wrote into the database past the service. Empty: all are told."
        ),
    ]
    unreadable: Annotated[
        list[UUID],
        Field(
            description="Ids of agreements and breaches that cannot be read, of which nobody can"
            " say whether they wait. Empty: there are none."
        ),
    ]

    @classmethod
    def of(cls, inbox: Inbox) -> Self:
        return cls(
            as_of=inbox.at,
            counts=dict(inbox.counts),
            items=[told(WaitingView.of)(one) for one in inbox.items],
            incomplete=list(inbox.incomplete),
            unreadable=list(unreadable.noted()),
        )
