"""Carries out standing orders: each period is asked for when its time has come, and once.

An extract and the order that says so are written in one transaction, and an order is written only
by whoever read its newest version. So whatever kills the process, and however many replicas look at
the same order, a period has one extract at a time. Events only say that it is worth looking.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from pydantic import JsonValue

from catalogue import Catalogue, stages
from common import faults
from common.errors import (
    AgreementNotFound,
    EditedMeanwhile,
    InvalidPeriods,
    NoEdition,
    PeriodNotOffered,
    Refusal,
    Refused,
    Unavailable,
)
from common.unreadable import RecordUnreadable
from dissemination.domain.errors import PreparationRefused
from dissemination.domain.orders.standing_order import (
    COMPLETE,
    NO_LINE,
    OrderState,
    StandingOrder,
)
from dissemination.use_cases import extracts, standing_orders
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Transaction
from statements.filters import WantedFilter
from statements.months import MonthRange, months_of
from statements.standing_order import When

log: structlog.stdlib.BoundLogger = structlog.get_logger()

STAGE_OF = {When.FLEX: 0, When.FREEZE: -1}
"""After which stage of a month's calendar it is asked for."""
UNDER_WAY_MAX = 4
"""Extracts of one order that are not released yet; a backlog of years goes through in its turn."""
AWAY = timedelta(seconds=5)
"""How long an order rests where somebody could not be asked."""


def turn(*, known: Catalogue, ctx: Context, limit: int = 20) -> int:
    """Give every order whose turn has come its turn; return how many had one."""
    now = ctx.timer.now()
    with ctx.uow.reading() as tx:
        due = tx.orders.due(at=now, limit=limit)
    taken = 0
    for order_id in due:
        until = ctx.timer.now() + ctx.claim * (1 + UNDER_WAY_MAX)
        with ctx.uow.writing() as tx:
            is_ours = tx.orders.claim(order_id, at=now, until=until)
        if is_ours:
            taken += 1
            carry_out(order_id, known=known, ctx=ctx)
    return taken


def carry_out(order_id: UUID, *, known: Catalogue, ctx: Context) -> None:
    """Do what can be done for an order now, and say when to look again."""
    looked_at = ctx.timer.now()
    try:
        pause = _carried_out(order_id, known, ctx)
    except RecordUnreadable:
        pause = ctx.order_sweep  # somebody wrote it past the service; the others go on
    except EditedMeanwhile:
        pause = timedelta()  # ended, confirmed or carried out by another: look again
    except (Unavailable, PreparationRefused) as away:
        log.warning("standing_order_waits", order_id=str(order_id), code=away.code)
        pause = min(AWAY, ctx.order_sweep)
    with ctx.uow.writing() as tx:
        tx.orders.rest(order_id, looked_at=looked_at, until=ctx.timer.now() + pause)


def _carried_out(order_id: UUID, known: Catalogue, ctx: Context) -> timedelta:
    with ctx.uow.reading() as tx:
        order = tx.orders.get(order_id)
        made = {extract.id: extract for extract in tx.extracts.of_order(order_id)}
        woken_at = tx.orders.woken_at(order_id)
        status = tx.agreement_statuses.get(order.ordered.agreement)
        decision_id, _ = tx.orders.proof(order)
    if order.state is not OrderState.ACTIVE:
        return ctx.order_sweep
    at = ctx.clock.now()
    followed = order.follow(made, at=at)
    if followed is not order:
        order = _save(followed, "standing-order-followed", ctx)
    if status is not None and status.withdrawal is not None:
        return _ended(order, standing_orders.OVER, ctx)
    if order.is_complete(_all_months(order, known)):
        return _ended(order, COMPLETE, ctx)
    acting = ctx.for_order(order.requester, decision_id)
    landed = [month.month for month in ctx.preparations.landed(order.ordered.data_set).months]
    for month in _to_try(order, landed, woken_at, at):
        if not _has_come(order, month, at):
            waiting = order.wait(month, at=at)
            order = order if waiting is order else _save(waiting, "standing-order-waits", ctx)
        elif order.under_way < UNDER_WAY_MAX:
            order = _ask(order, month, known, acting, ctx)
            if _line_is_gone(order, month):
                return _ended(order, NO_LINE, ctx)
    return _until_next(order, at, ctx)


def _to_try(
    order: StandingOrder, landed: Collection[str], woken_at: datetime | None, at: datetime
) -> Sequence[str]:
    """Return the months that were not refused lately, or were before something happened."""
    found = []
    for month in order.open_months(landed):
        one, next_try = order.of(month), order.next_try(month)
        was_before = (
            one is not None
            and one.tried_at is not None
            and woken_at is not None
            and one.tried_at < woken_at
        )
        if next_try is None or next_try <= at or was_before:
            found.append(month)
    return found


def _has_come(order: StandingOrder, month: str, at: datetime) -> bool:
    """Say whether a month that was landed is to be asked for; that it is published is decided."""
    if order.ordered.when not in STAGE_OF:
        return True
    calendar = stages().of(order.ordered.data_set, month)
    if calendar is None:
        return False  # the catalogue has its calendar no more
    return calendar.closes_at(month)[STAGE_OF[order.ordered.when]] <= at


def _ask(
    order: StandingOrder, month: str, known: Catalogue, acting: Context, ctx: Context
) -> StandingOrder:
    """Ask for one month in the name of whoever ordered; note the extract, or every refusal."""
    at = ctx.clock.now()
    stored: list[StandingOrder] = []

    def noted(tx: Transaction, extract_id: UUID) -> None:
        asked = order.ask(month, extract_id, at=at)
        entry = ctx.audited_of_order(
            order, "standing-order-asked", extract_id=str(extract_id), month=month
        )
        stored.append(tx.orders.save(asked, audit=entry))

    faults.reach("O1")
    try:
        extracts.ask(
            order.ordered.of(month),
            idempotency_key=None,
            known=known,
            ctx=acting,
            standing_order=order.id,
            noted=noted,
        )
    except Refused as refused:
        refusals = refused.refusals
    except (AgreementNotFound, InvalidPeriods, PeriodNotOffered, NoEdition) as no:
        refusals = (Refusal(no.code, no.detail),)
    else:
        return stored[0]
    skipped = order.skip(month, refusals, at=at)
    codes: list[JsonValue] = [one.code for one in refusals]
    return _save(skipped, "standing-order-skipped", ctx, month=month, codes=codes)


def _line_is_gone(order: StandingOrder, month: str) -> bool:
    one = order.of(month)
    return one is not None and NO_LINE in {refusal.code for refusal in one.refusals}


def _all_months(order: StandingOrder, known: Catalogue) -> Sequence[str]:
    """Return every month that the order will ever be about; none where it has no end."""
    if order.last is None:
        return ()
    span = MonthRange.model_validate({"from": order.first, "to": order.last})
    filters = [WantedFilter.model_validate(one) for one in order.ordered.filters]
    try:
        return months_of(span, order.ordered.data_set, known, filters)
    except PeriodNotOffered:
        return ()


def _until_next(order: StandingOrder, at: datetime, ctx: Context) -> timedelta:
    tries = [order.next_try(month) for month in order.open_months([p.month for p in order.periods])]
    pauses = [max(one - at, timedelta(seconds=1)) for one in tries if one is not None]
    return min([ctx.order_sweep, *pauses])


def _ended(order: StandingOrder, code: str, ctx: Context) -> timedelta:
    with ctx.uow.writing() as tx:
        standing_orders.end_order(order, code, ctx=ctx, tx=tx)
    return ctx.order_sweep


def _save(order: StandingOrder, action: str, ctx: Context, **detail: JsonValue) -> StandingOrder:
    entry = ctx.audited_of_order(order, action, decision_id=None, **detail)
    with ctx.uow.writing() as tx:
        return tx.orders.save(order, audit=entry)
