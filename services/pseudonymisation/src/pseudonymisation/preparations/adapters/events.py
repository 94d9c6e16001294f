"""What is made of what agreements says: when an agreement is over, its domains are closed."""

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from common.messaging.envelope import Event
from pseudonymisation.preparations.use_cases import domains

Handler = Callable[[Event], None]

TOPICS: Final = ("agreements.agreement",)
OVER: Final = ("agreements.agreement-expired.v1", "agreements.agreement-terminated.v1")


class _Agreement(BaseModel):
    """What is read of an event about an agreement: only which one it is."""

    model_config = ConfigDict(extra="ignore")

    reference: str


def handlers(ctx: domains.DomainContext) -> Mapping[str, Handler]:
    """Closing what is closed changes nothing, so that an event may come twice, or late."""

    def on_over(event: Event) -> None:
        agreement = _Agreement.model_validate(dict(event.data))
        domains.close_domains_of(agreement.reference, ctx=ctx)

    return dict.fromkeys(OVER, on_over)
