"""What is made of what agreements says.

When an agreement is over, its domains are closed, and when all that was released under it is
destroyed, their keys are only kept for a time; when all files of a table are destroyed, what it
told is forgotten.
"""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from common.messaging.envelope import Event
from pseudonymisation.preparations.use_cases import domains, shown_tables

Handler = Callable[[Event], None]

TOPICS: Final = ("agreements.agreement", "agreements.holding")
OVER: Final = ("agreements.agreement-expired.v1", "agreements.agreement-terminated.v1")
CLOSED: Final = "agreements.agreement-closed.v1"
DESTROYED: Final = "agreements.file-destroyed.v1"


class _Agreement(BaseModel):
    """What is read of an event about an agreement: only which one it is."""

    model_config = ConfigDict(extra="ignore")

    reference: str


class _File(BaseModel):
    """What is read of an event about a file: only which one it is."""

    model_config = ConfigDict(extra="ignore")

    file_id: UUID


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

    return {**dict.fromkeys(OVER, on_over), CLOSED: on_closed, DESTROYED: on_destroyed}
