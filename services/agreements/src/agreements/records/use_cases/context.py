"""What every use case is given: the outside world, and on whose behalf it acts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from agreements.records.domain.errors import UnlikeSeal
from agreements.records.domain.parties.organisation import predecessors
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.ports import Reference, Scope, Transaction, UnitOfWork
from common.audit.entries import Entry, entry_for
from common.clock import Clock, legal_day
from common.security.principal import Principal
from common.security.roles import BODY_STAFF, SERVICES, Role

T = TypeVar("T")

KNOWS_ALL: frozenset[Role] = BODY_STAFF | SERVICES | {Role.SYSTEM_CLOCK}
"""Roles of the Body and of our services. All others know of their own organisation's affairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The outside: the same for every request, and enough for what is public."""

    uow: UnitOfWork
    clock: Clock
    reference: Reference

    def on_behalf_of(self, principal: Principal, _token: str = "") -> "Context":
        return Context(
            uow=self.uow, clock=self.clock, reference=self.reference, principal=principal
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(World):
    principal: Principal

    def entry(self, action: str, resource: str, *, at: datetime, **detail: str) -> Entry:
        """Return the audit entry of what this principal does."""
        return entry_for(
            self.principal,
            at=at,
            action=action,
            resource=resource,
            on_behalf_of=None,  # a command is one's own; who asks for access acts for others
            detail=dict(detail),
        )


@dataclass(frozen=True, slots=True)
class Compared(Generic[T]):
    """What is shown to somebody who decides, and whether it is what this service wrote."""

    one: T
    not_as_sealed: tuple[str, ...]
    """Tables whose rows about it are not those that were sealed."""


class SealsOf(Protocol):
    """What holds records against their seals: the transaction that read them, or a new one."""

    def not_as_sealed(self, *shown: Sequence[object]) -> Sequence[tuple[str, ...]]: ...


def compared(
    shown: Iterable[T], *, by: Callable[[T], Sequence[object]], ctx: World
) -> list[Compared[T]]:
    """Hold each against the seals of what it is shown by, in the order given."""
    return compared_by(ctx.uow, shown, by=by)


def compared_by(
    seals: SealsOf, shown: Iterable[T], *, by: Callable[[T], Sequence[object]]
) -> list[Compared[T]]:
    """Do the same in the transaction that read them, which is given last what is shown."""
    every = list(shown)
    found = seals.not_as_sealed(*(by(one) for one in every))
    return [Compared(one, unlike) for one, unlike in zip(every, found, strict=True)]


def require_as_sealed(what: str, *shown: object, ctx: World) -> None:
    """Demand it of what gives permission by somebody's word: what was slipped in is nobody's.

    Raises:
        UnlikeSeal

    """
    [unlike] = ctx.uow.not_as_sealed(shown)
    if unlike:
        raise UnlikeSeal(
            f"{what} not what was sealed, in: {', '.join(unlike)}. An operator has to find out who"
            " wrote into these tables of the database first. What takes permission away is"
            " possible.",
            registers=[*unlike],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceKey:
    """An `Idempotency-Key`, and what it was first sent with."""

    key: str
    fingerprint: str


def scope(tx: Transaction, ctx: Context) -> Scope:
    """Return whose affairs the caller may know of; None: everybody's."""
    if ctx.principal.role in KNOWS_ALL:
        return None
    return own(tx, ctx)


def own(tx: Transaction, ctx: Context) -> frozenset[str]:
    """Return the codes that count as the caller's own organisation today (ruling 4).

    Its own, in the form in which codes are compared (ruling 23) and in the longer one in which a
    document may name it, and those that passed to it by a transfer instrument.
    """
    said = ctx.principal.organisation
    today = legal_day(ctx.clock.now())
    ods = codes.own(tx, said, today, ctx.reference)
    every = (ods, *predecessors(ods, today, tx.instruments.all()))
    spelled = (codes.spellings(tx, one, today, ctx.reference) for one in every)
    return frozenset({said, *every}).union(*spelled)


def created_before(tx: Transaction, once: OnceKey | None, ctx: Context) -> str | None:
    """Return what the same command created when it was first sent."""
    if once is None:
        return None
    return tx.once.find(actor=ctx.principal.key_owner, key=once.key, fingerprint=once.fingerprint)


def remember(tx: Transaction, once: OnceKey | None, resource: str, ctx: Context) -> None:
    """Remember what this command created."""
    if once is not None:
        tx.once.remember(
            actor=ctx.principal.key_owner,
            key=once.key,
            fingerprint=once.fingerprint,
            resource=resource,
        )
