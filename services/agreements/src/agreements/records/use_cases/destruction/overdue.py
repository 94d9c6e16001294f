"""What should be destroyed by now and is not: an alert and a breach record, once for each day."""

from datetime import datetime

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.breach import Cause
from agreements.records.domain.destruction.ledger import LedgerLine
from agreements.records.use_cases.breaches import open_by_facts
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.destruction.ledgers import destruction_of
from agreements.records.use_cases.ports import Transaction
from common.clock import end_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def alert_overdue(*, ctx: Context) -> int:
    """Open a breach for each agreement of which files should be gone; return how many."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        late = [
            reference
            for reference in tx.holdings.agreements_with_files_out()
            if _unreported(tx, tx.agreements.get(reference, scope=None), at, ctx)
        ]
    opened = 0
    for reference in late:
        with ctx.uow.writing() as tx:
            agreement = tx.agreements.get(reference, scope=None)
            overdue = _unreported(tx, agreement, tx.at, ctx)
            if overdue:
                breach = _open(tx, agreement, overdue, ctx)
                opened += 1
                log.error(
                    "destruction_overdue",
                    reference=reference,
                    files=len(overdue),
                    breach_id=str(breach),
                )
    return opened


def _unreported(
    tx: Transaction, agreement: Agreement, at: datetime, ctx: Context
) -> tuple[LedgerLine, ...]:
    """Return what is overdue since a day after which no breach was opened for it."""
    reported = [
        breach.reported_at
        for breach in tx.breaches.of_agreement(agreement.id)
        if breach.cause is Cause.DESTRUCTION_OVERDUE
    ]
    newest = max(reported, default=None)
    return tuple(
        line
        for line in destruction_of(tx, agreement, at, ctx).overdue
        if line.due is not None and (newest is None or end_of(line.due.by) > newest)
    )


def _open(
    tx: Transaction, agreement: Agreement, overdue: tuple[LedgerLine, ...], ctx: Context
) -> object:
    keys = {line.file.key for line in overdue}
    numbers = tuple(line.number for line in agreement.shown(tx.at).lines if line.key in keys)
    plural = "s" * (len(overdue) != 1)
    breach = open_by_facts(
        tx,
        agreement,
        Cause.DESTRUCTION_OVERDUE,
        lines=numbers,
        description=f"{len(overdue)} file{plural} should have been destroyed by now, and what is"
        " certified leaves copies out.",
        ctx=ctx,
    )
    return breach.id
