"""What every use case is given: the outside world, and on whose behalf."""

from dataclasses import dataclass
from datetime import date, datetime

from applications.domain.application import Application
from applications.domain.errors import AgreementsUnavailable
from applications.domain.life import Actor
from applications.domain.rules import Rules
from applications.use_cases.ports import Agreements, Scope, UnitOfWork
from catalogue import Catalogue
from common.audit.entries import Entry, entry_for
from common.clock import Clock, legal_day
from common.errors import Unavailable
from common.organisations import Codes, spellings
from common.security.principal import BODY, Principal
from common.security.roles import Role

BODY_STAFF = frozenset(
    {
        Role.DARS_CASE_OFFICER,
        Role.ADVISORY_SECRETARY,
        Role.ADVISORY_MEMBER,
        Role.DARS_APPROVER,
        Role.AUDITOR,
    }
)
"""Roles that see every organisation's applications, where the token is the Body's."""


DATA_QUALITY_URL = "http://127.0.0.1:8403/v1/data-quality"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The outside; the same for every request."""

    uow: UnitOfWork
    clock: Clock
    agreements: Agreements
    rules: Rules
    data_sets: Catalogue
    codes: Codes
    data_quality_url: str = DATA_QUALITY_URL
    """Where applicants read the public statement of data quality."""

    def on_behalf_of(self, principal: Principal, _token: str = "") -> "Context":
        return Context(world=self, principal=principal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    world: World
    principal: Principal

    @property
    def uow(self) -> UnitOfWork:
        return self.world.uow

    @property
    def rules(self) -> Rules:
        return self.world.rules

    def now(self) -> datetime:
        return self.world.clock.now()

    def today(self) -> date:
        """Return the legal day (ruling 2)."""
        return legal_day(self.now())

    def own(self, code: str) -> str:
        """Return the code that stands for itself (ruling 23). Raise AgreementsUnavailable."""
        try:
            return self.world.codes.own(code)
        except Unavailable as away:
            raise AgreementsUnavailable(
                "The agreements service is temporarily unavailable; retry later."
            ) from away

    @property
    def actor(self) -> Actor:
        """Return who acts, under the code by which organisations are compared (ruling 23).

        Who takes part in deciding is told apart from who applies, or it is not decided.
        Raise AgreementsUnavailable.
        """
        said, codes = self.principal.organisation, self.world.codes
        is_staff = self.principal.role in BODY_STAFF
        return Actor(
            subject=self.principal.subject,
            organisation=said
            if said == BODY
            else self.own(said)
            if is_staff
            else codes.known(said),
            role=self.principal.role,
        )

    @property
    def scope(self) -> Scope:
        """The query is scoped by it: what one may not know of is not found."""
        own = spellings(self.world.codes, self.principal.organisation)
        return Scope(None if BODY in own and self.principal.role in BODY_STAFF else own)

    def entry(self, application: Application, action: str, at: datetime) -> Entry:
        return entry_for(
            self.principal,
            at=at,
            action=action,
            resource=f"applications/{application.id}",
            on_behalf_of=None,  # who applies does so in its own name
            detail={"state": application.state.value, "snapshot": application.snapshot_hash},
        )
