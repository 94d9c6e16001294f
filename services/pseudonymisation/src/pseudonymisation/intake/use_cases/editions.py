"""What was landed, and which of it is in force."""

from collections.abc import Sequence
from uuid import UUID

from common.replacement import State
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.context import IntakeContext


def get(edition_id: UUID, *, ctx: IntakeContext) -> Edition:
    """Raise EditionNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.editions.get(edition_id, ctx.scope)
        tx.editions.hold([edition_id])
        return found


def page(
    *,
    data_set: str | None,
    period: str | None,
    state: State | None,
    after: UUID | None,
    limit: int,
    ctx: IntakeContext,
) -> Sequence[Edition]:
    """Raise PeriodInvalid."""
    wanted = None if period is None else Period.parse(period)
    with ctx.uow.reading() as tx:
        return tx.editions.page(
            ctx.scope, data_set=data_set, period=wanted, state=state, after=after, limit=limit
        )
