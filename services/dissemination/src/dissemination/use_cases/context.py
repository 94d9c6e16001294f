"""What every use case is given: the outside world, and on whose behalf."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from pydantic import JsonValue

from common.audit.entries import Entry, entry_for
from common.clock import Clock
from common.security.principal import Principal, of_service
from common.security.roles import Role
from dissemination.domain.extract import Requester
from dissemination.use_cases.ports import (
    Agreements,
    Evidence,
    Preparations,
    ReleaseStore,
    Sealing,
    UnitOfWork,
)

ITSELF = of_service("dissemination", "X26", Role.SERVICE_DISSEMINATION, audience="dissemination")
"""On whose behalf the workers act."""

SEE_ALL = frozenset({Role.AUDITOR, Role.BREACH_HANDLER, Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER})
"""The Body's own staff and its auditor read what any organisation asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    uow: UnitOfWork
    clock: Clock
    """The legal clock."""

    timer: Clock
    """When a worker's turn comes; never injected as another time than it is."""

    agreements: Agreements
    preparations: Preparations
    store: ReleaseStore
    sealing: Sealing
    wake: Callable[[], None]
    """Tells the driver in this process that there is something to do."""

    lease_guard_seconds: float = 0.01
    claim: timedelta = timedelta(seconds=5)
    """How long a worker has an extract to itself; after its death another goes on so much
    later."""

    principal: Principal = ITSELF
    token: str = ""

    def on_behalf_of(self, principal: Principal, token: str = "") -> Self:
        return replace(self, principal=principal, token=token)

    @property
    def evidence(self) -> Evidence:
        return Evidence(client_id=self.principal.client_id, token=self.token)

    @property
    def requester(self) -> Requester:
        return Requester(
            subject=self.principal.subject,
            client_id=self.principal.client_id,
            organisation=self.principal.organisation,
            role=self.principal.role.value,
        )

    @property
    def scope(self) -> str | None:
        """The organisation whose extracts the caller may know of; None: of any."""
        return None if self.principal.role in SEE_ALL else self.principal.organisation

    def audited(
        self,
        action: str,
        resource: str,
        *,
        agreement: str,
        decision_id: str | None = None,
        on_behalf_of: str | None = None,
        **detail: JsonValue,
    ) -> Entry:
        """An entry of the audit log: who, what, when, under which agreement."""
        return entry_for(
            self.principal,
            at=self.clock.now(),
            action=action,
            resource=resource,
            decision_id=decision_id,
            on_behalf_of=on_behalf_of,
            detail={"agreement": agreement, **detail},
        )
