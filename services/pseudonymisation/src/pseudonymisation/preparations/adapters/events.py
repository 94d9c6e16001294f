"""What is made of what agreements says.

When an agreement is over, its domains are closed, and when all that was released under it is
destroyed, their keys are only kept for a time; when all files of a table are destroyed, what it
told is forgotten; where a transfer of domains is in effect, nothing more is made for the
environment that had them.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.messaging.envelope import Event
from pseudonymisation.preparations.use_cases import domains, shown_tables

Handler = Callable[[Event], None]

TOPICS: Final = ("agreements.agreement", "agreements.holding", "agreements.domain-transfer")
OVER: Final = ("agreements.agreement-expired.v1", "agreements.agreement-terminated.v1")
CLOSED: Final = "agreements.agreement-closed.v1"
DESTROYED: Final = "agreements.file-destroyed.v1"
TRANSFER: Final = "agreements.domain-transfer-changed.v1"
IN_EFFECT: Final = "IN_EFFECT"


class _Agreement(BaseModel):
    """What is read of an event about an agreement: only which one it is."""

    model_config = ConfigDict(extra="ignore")

    reference: str


class _File(BaseModel):
    """What is read of an event about a file: only which one it is."""

    model_config = ConfigDict(extra="ignore")

    file_id: UUID


class _Transfer(BaseModel):
    """What is read of an event about a transfer of domains: whose go on where, and if they do."""

    model_config = ConfigDict(extra="ignore")

    agreement: str
    state: str
    began_in: UUID
    following_environment: UUID
    times: Annotated[int, Field(ge=1)]


def handlers(ctx: domains.DomainContext, shown: shown_tables.ShownContext) -> Mapping[str, Handler]:
    """Each changes nothing the second time, so that an event may come twice, or late."""

    def on_over(event: Event) -> None:
        agreement = _Agreement.model_validate(dict(event.data))
        domains.close_domains_of(agreement.reference, ctx=ctx)

    def on_closed(event: Event) -> None:
        agreement = _Agreement.model_validate(dict(event.data))
        domains.close_domains_of(agreement.reference, settled=True, ctx=ctx)

    def on_destroyed(event: Event) -> None:
        file = _File.model_validate(dict(event.data))
        shown_tables.file_destroyed(file.file_id, ctx=shown)

    def on_transfer(event: Event) -> None:
        told = _Transfer.model_validate(dict(event.data))
        if told.state == IN_EFFECT:
            domains.go_on(
                told.agreement,
                began_in=str(told.began_in),
                environment=str(told.following_environment),
                times=told.times,
                ctx=ctx,
            )

    return {
        **dict.fromkeys(OVER, on_over),
        CLOSED: on_closed,
        DESTROYED: on_destroyed,
        TRANSFER: on_transfer,
    }
