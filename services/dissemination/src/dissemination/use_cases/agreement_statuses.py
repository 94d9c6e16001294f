"""The state of agreements as their events gave it, and its effect on what was released.

Nothing is decided by it: the gate asks agreements at every fetch, whatever was recorded here.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from dissemination.domain.agreement_status import AgreementStatus, Withdrawal
from dissemination.domain.extract import Extract
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Transaction
from statements.vocabulary import LineKey


def lines_of(agreement: str, numbers: Collection[int], *, ctx: Context) -> frozenset[LineKey]:
    """What the numbered lines are about. Raises AgreementNotFound, DecisionUnavailable."""
    if not numbers:
        return frozenset()
    return frozenset(line.key for line in ctx.agreements.lines(agreement) if line.number in numbers)


def record_status(
    agreement: str,
    state: str,
    held: Collection[LineKey],
    *,
    at: datetime,
    ctx: Context,
    tx: Transaction,
) -> list[UUID]:
    """Record the state of an agreement. Where it is over, withdraw what was released before.

    What was released after it belongs to a renewal whose event is still to come.
    """
    former = tx.agreement_statuses.get(agreement, locked=True)
    status = AgreementStatus.after_event(former, agreement=agreement, state=state, held=held, at=at)
    heard = ctx.audited(
        "agreement-heard",
        f"agreements/{agreement}",
        agreement=agreement,
        on_behalf_of=None,  # agreements said it
        state=state,
    )
    tx.agreement_statuses.put(status, audit=heard)
    if status.withdrawal is None:
        return []
    released = tx.extracts.released_under(agreement, until=status.withdrawal.since)
    return [end(extract, status.withdrawal, ctx=ctx, tx=tx).id for extract in released]


def end(extract: Extract, withdrawal: Withdrawal, *, ctx: Context, tx: Transaction) -> Extract:
    return tx.extracts.save(
        extract.end(withdrawal, at=ctx.clock.now()),
        audit=ctx.audited_of(
            extract,
            "extract-withdrawn",
            state_before=extract.state.value,
            agreement_state=withdrawal.agreement_state,
            code=withdrawal.code,
        ),
    )
