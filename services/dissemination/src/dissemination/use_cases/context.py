"""What every use case is given: the outside world, and on whose behalf.

Agreements, which decides, is declared here; what else is outside is in `ports`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol, Self
from uuid import UUID

from pydantic import JsonValue

from common.audit.entries import Entry, entry_for
from common.clock import Clock
from common.errors import Refusal
from common.organisations import Codes, spellings
from common.security.jws import unverified
from common.security.principal import Principal, of_service
from common.security.roles import Role
from dissemination.domain.acting import on_behalf_of
from dissemination.domain.extract import Extract, Permit, PreparedFile, Requester
from dissemination.domain.landed import Landed
from dissemination.domain.orders.standing_order import StandingOrder
from dissemination.domain.release import ReleaseDecision
from dissemination.use_cases.ports import Preparations, ReleaseStore, Sealing, UnitOfWork
from statements.decision import RegisterTerms
from statements.request import ExtractRequest
from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """In whose name agreements is asked: the caller's own token, handed on as it came."""

    client_id: str
    token: str
    decision: UUID | None = None
    """In place of a token, for a standing order: a decision that was given on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What agreements says of a standing order that is placed or confirmed."""

    decision_id: UUID
    refusals: tuple[Refusal, ...]
    """Empty: it would give a permit now."""
    on_behalf_of: str | None
    """In whose name the caller acts, where it is not its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseGiven:
    decision_id: UUID
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedLine:
    """A line of an agreement, as far as a question about it needs it."""

    number: int
    key: LineKey
    fields: tuple[str, ...]
    access_method: str | None = None

    @property
    def data_set(self) -> str:
        return self.key[1]


class Agreements(Protocol):
    """The decision. Each raises DecisionUnavailable where there is none to be had."""

    def request(
        self,
        request: ExtractRequest,
        *,
        evidence: Evidence,
        landed: Landed | None,
    ) -> Permit:
        """Say also what the haven would read, where it is known: a yes may be a no for it.

        Raise Refused with every refusal, or AgreementNotFound.
        """

    def release(
        self, *, file_id: UUID, attestation: str, extract_id: UUID
    ) -> tuple[ReleaseDecision, RegisterTerms]:
        """Return the decision, with the terms that it judged. Raise Refused."""

    def fetch(
        self,
        holding_id: str,
        file: PreparedFile,
        *,
        evidence: Evidence,
        delivery_id: UUID,
        renews: UUID | None,
    ) -> LeaseGiven:
        """Raise Refused, also where `file` is not what was released; or AgreementNotFound."""

    def place(self, request: ExtractRequest, *, evidence: Evidence) -> Placed:
        """Have it decided and logged, without a permit. Raise AgreementNotFound."""

    def ask_dry(
        self, request: ExtractRequest, *, evidence: Evidence, landed: Landed | None = None
    ) -> str | None:
        """Ask without wanting anything. Raise Refused, or AgreementNotFound.

        Returns a preview of the permit (JWS), where the haven is to judge whether it would wait.
        """

    def lines(self, reference: str) -> Sequence[AgreedLine]:
        """Of the version in force, or the newest. Raise AgreementNotFound."""


ITSELF = of_service("dissemination", Role.SERVICE_DISSEMINATION, audience="dissemination")
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
    codes: Codes
    preparations: Preparations
    store: ReleaseStore
    sealing: Sealing
    wake: Callable[[], None]
    """Tells the driver in this process that there is something to do."""

    wake_orders: Callable[[], None] = lambda: None
    """Tells who carries out standing orders in this process the same."""

    order_sweep: timedelta = timedelta(minutes=15)
    """How often an order has its turn without anything having happened: events can be lost."""

    lease_guard_seconds: float = 0.01
    claim: timedelta = timedelta(seconds=5)
    """How long a worker has an extract to itself; after its death another goes on so much
    later."""

    principal: Principal = ITSELF
    token: str = ""
    on_decision: UUID | None = None
    """On which earlier decision it is asked, where a standing order is carried out."""

    def on_behalf_of(self, principal: Principal, token: str = "") -> Self:
        return replace(self, principal=principal, token=token)

    def for_order(self, requester: Requester, decision_id: UUID) -> Self:
        """Act in the name of whoever ordered, on a decision that was given on their token."""
        principal = replace(
            ITSELF,
            subject=requester.subject,
            client_id=requester.client_id,
            organisation=requester.organisation,
            role=Role(requester.role),
        )
        return replace(self, principal=principal, token="", on_decision=decision_id)

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            client_id=self.principal.client_id, token=self.token, decision=self.on_decision
        )

    @property
    def requester(self) -> Requester:
        return Requester(
            subject=self.principal.subject,
            client_id=self.principal.client_id,
            organisation=self.codes.known(self.principal.organisation),
            role=self.principal.role.value,
        )

    @property
    def scope(self) -> frozenset[str] | None:
        """The codes whose extracts the caller may know of; None: of any."""
        return None if self.principal.role in SEE_ALL else self.own

    @property
    def own(self) -> frozenset[str]:
        """The codes under which the caller's own organisation goes here."""
        return spellings(self.codes, self.principal.organisation)

    def acting_for(self, organisation: str, claims: Mapping[str, Any]) -> str | None:
        """Return in whose name it acts, by what a signed statement says."""
        return on_behalf_of(organisation, claims, own=self.codes.known)

    def in_whose_name(self, extract: Extract) -> str | None:
        """Return in whose name an extract was asked for, as its permit says."""
        return self.acting_for(extract.requester.organisation, unverified(extract.permit.compact))

    def audited(
        self,
        action: str,
        resource: str,
        *,
        agreement: str,
        on_behalf_of: str | None,
        decision_id: str | None = None,
        **detail: JsonValue,
    ) -> Entry:
        """An entry of the audit log: who, what, when, in whose name, under which agreement."""
        return entry_for(
            self.principal,
            at=self.clock.now(),
            action=action,
            resource=resource,
            decision_id=decision_id,
            on_behalf_of=on_behalf_of,
            detail={"agreement": agreement, **detail},
        )

    def audited_of(
        self, extract: Extract, action: str, *, decision_id: str | None = None, **detail: JsonValue
    ) -> Entry:
        """An entry about an extract as such, in whose name it was asked for."""
        return self.audited(
            action,
            f"extracts/{extract.id}",
            agreement=extract.request.agreement,
            on_behalf_of=self.in_whose_name(extract),
            decision_id=decision_id,
            **detail,
        )

    def audited_of_order(
        self,
        order: StandingOrder,
        action: str,
        *,
        decision_id: str | None = None,
        **detail: JsonValue,
    ) -> Entry:
        """An entry about a standing order, in whose name it was placed or confirmed."""
        return self.audited(
            action,
            f"standing-orders/{order.id}",
            agreement=order.ordered.agreement,
            on_behalf_of=order.on_behalf_of,
            decision_id=decision_id,
            **detail,
        )
