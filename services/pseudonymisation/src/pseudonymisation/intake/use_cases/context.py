"""What every use case of the intake is given: the outside world, and on whose behalf."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Self

from catalogue import Catalogue
from common.clock import Clock
from common.jobs import ClaimTimes
from common.organisations import Codes, spellings
from common.security.principal import Principal, of_service
from common.security.roles import Role
from pseudonymisation.intake.domain.national_check.life import CheckRule
from pseudonymisation.intake.use_cases.ports import (
    Haven,
    Maps,
    Publications,
    Scope,
    SubmissionRights,
    UnitOfWork,
)

ITSELF = of_service("pseudonymisation", Role.SERVICE_PSEUDONYMISATION, audience="pseudonymisation")
"""As whom the workers act: the service, and the Body's own code (domain.md 1.3)."""

SEE_ALL = frozenset(
    {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
        Role.AUDITOR,
        Role.SERVICE_DISSEMINATION,
        Role.SERVICE_PSEUDONYMISATION,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """How long things may take, and how long they are kept."""

    claims: ClaimTimes = field(default_factory=lambda: ClaimTimes(duration=timedelta(seconds=60)))
    patience: timedelta = timedelta(hours=24)
    """How long a submission waits for a part that is away, before it is refused."""
    keep_uploads: timedelta = timedelta(days=30)
    keep_partial: timedelta = timedelta(hours=72)
    """An upload in parts that nobody goes on with is destroyed after so long."""
    orphans: timedelta = timedelta(days=1)
    """An object that no row names is taken away when nothing was written to it for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerContext:
    """On whose behalf a use case acts: a worker's, and what anybody may ask, on nobody's."""

    caller: Principal | None = None

    def on_behalf_of(self, principal: Principal, _token: str = "") -> Self:
        return replace(self, caller=principal)

    @property
    def principal(self) -> Principal:
        """Raise LookupError where nobody called."""
        if self.caller is None:
            raise LookupError("nobody called")
        return self.caller


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedContext(CallerContext):
    """Whose affairs the caller may know of."""

    codes: Codes

    @property
    def scope(self) -> Scope:
        """A provider sees its own; the haven's staff and auditors see all."""
        return Scope(None if self.principal.role in SEE_ALL else self.own)

    @property
    def own(self) -> frozenset[str]:
        """The codes under which the caller's organisation may have sent something."""
        return spellings(self.codes, self.principal.organisation)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeContext(ScopedContext):
    uow: UnitOfWork
    clock: Clock
    catalogue: Catalogue
    haven: Haven
    maps: Maps
    rights: SubmissionRights
    publications: Publications
    limits: IntakeLimits = field(default_factory=IntakeLimits)
    check_rule: Callable[[date], CheckRule] = CheckRule.none
    """How long a national check is good, and how its reply has to be, by a day's rule."""
    wake: Callable[[], None] = lambda: None
    """Tells the workers that there is something to do."""
