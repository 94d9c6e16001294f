"""What every use case of people is given: the outside world, and on whose behalf."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

from catalogue import Catalogue
from common.clock import Clock
from common.security.principal import Principal
from common.security.roles import Role
from pseudonymisation.intake.use_cases.context import IntakeContext, ScopedContext
from pseudonymisation.people.domain.rules import (
    InvoiceMatchRule,
    ReidentificationRule,
    RiskScoresRule,
    SubjectAccessRule,
)
from pseudonymisation.people.use_cases.ports import (
    DirectCare,
    LandedRows,
    PeopleHaven,
    PeopleUnitOfWork,
    PreparedRows,
    Releases,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleContext(ScopedContext):
    uow: PeopleUnitOfWork
    clock: Clock
    haven: PeopleHaven
    agreements: DirectCare
    catalogue: Catalogue
    landed_rows: LandedRows
    prepared_rows: PreparedRows
    releases: Releases
    rule: Callable[[date], ReidentificationRule]
    subject_access_rule: Callable[[date], SubjectAccessRule]
    invoice_match_rule: Callable[[date], InvoiceMatchRule]
    risk_scores_rule: Callable[[date], RiskScoresRule]
    intake: IntakeContext
    """What lands a file: scores that come back are landed as one."""
    token: str = field(default="", repr=False)
    """The caller's own, which is evidence for agreements."""

    def on_behalf_of(self, principal: Principal, token: str = "") -> Self:
        return replace(self, caller=principal, token=token)

    @property
    def practice(self) -> frozenset[str] | None:
        """Return the caller's own practice by its codes; None: an auditor, who sees all."""
        return None if self.principal.role is Role.AUDITOR else self.own
