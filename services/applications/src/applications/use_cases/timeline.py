"""What became of an application after it was approved, for its history only.

Nothing is decided by it: agreements is the only source of truth about agreements.
"""

from datetime import datetime
from uuid import UUID

from applications.domain.life import Actor, Step
from applications.use_cases.ports import UnitOfWork
from common.audit.entries import entry_for
from common.messaging.envelope import Event
from common.security.principal import BODY, of_service
from common.security.roles import Role

AGREEMENTS = Actor(subject="agreements", organisation=BODY, role=Role.SERVICE_AGREEMENTS)


ITSELF = of_service("applications", Role.SERVICE_APPLICATIONS, audience="applications")


def note(
    event: Event, *, application_id: UUID, version: str, at: datetime, uow: UnitOfWork
) -> None:
    """Add one line, once, unless something newer of the same agreement was heard before."""
    with uow.writing() as tx:
        if not tx.inbox.accept(event):
            return
        tx.applications.note(
            application_id,
            Step(
                verb=event.type.removeprefix("agreements.").rpartition(".")[0],
                at=event.time,
                by=AGREEMENTS,
                before=None,
                after=None,
                revision=0,
                detail={"agreement_state": event.state, "agreement_version": version},
            ),
            audit=entry_for(
                ITSELF,
                at=at,
                action="agreement-heard",
                resource=f"applications/{application_id}",
                on_behalf_of=None,  # agreements said it
                detail={"agreement_state": event.state, "agreement_version": version},
            ),
        )
