"""The public registers of contracts and relationships (domain.md 5.3, 9.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agreements.records.domain.contract import ContractState
from agreements.records.domain.lists.register import RelationshipEdition
from agreements.records.use_cases.context import Compared, World, compared
from agreements.records.use_cases.contracts import ContractWithState
from agreements.records.use_cases.ports import Slice
from common.errors import EditionNotFound

PUBLISHED = frozenset(
    {
        ContractState.SIGNED,
        ContractState.IN_FORCE,
        ContractState.EXPIRED,
        ContractState.TERMINATED,
    }
)
"""A contract that is not signed is nobody's business yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPage:
    rows: Sequence[Compared[ContractWithState]]
    next: UUID | None


def contracts(part: Slice, *, ctx: World) -> RegisterPage:
    """Return the signed contracts; `part.rows` are looked at, fewer may be shown."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.contracts.page(Slice(after=part.after, rows=part.rows + 1))
    looked_at = found[: part.rows]
    shown = [ContractWithState(contract=c, state=c.state_at(at)) for c in looked_at]
    public = [s for s in shown if s.contract.in_force_from() and s.state in PUBLISHED]
    return RegisterPage(
        rows=compared(public, by=lambda one: [one.contract], ctx=ctx),
        next=looked_at[-1].id if len(found) > part.rows else None,
    )


def relationships(number: int | None, *, ctx: World) -> Compared[RelationshipEdition] | None:
    """Return an edition, by default the latest; None while nothing was published.

    Raises:
        EditionNotFound: there is no edition of that number.

    """
    with ctx.uow.reading() as tx:
        found = tx.editions.latest() if number is None else tx.editions.get(number)
    if found is None:
        if number is None:
            return None
        raise EditionNotFound(f"There is no edition {number}.")
    [shown] = compared([found], by=lambda one: [one], ctx=ctx)
    return shown
