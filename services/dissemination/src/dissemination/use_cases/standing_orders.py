"""Standing orders: placed, shown, confirmed and ended. `order_rounds` carries them out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from catalogue import Catalogue, UnknownDataSet, stages
from common import unreadable
from common.errors import Refused
from common.ids import digest_of, new_id
from dissemination.domain.errors import LineForOneTime, WhenUnsuitable
from dissemination.domain.extract import Extract
from dissemination.domain.orders.standing_order import (
    BY_REQUEST,
    NOT_PUBLISHED,
    OrderState,
    StandingOrder,
)
from dissemination.use_cases.context import Context, Placed
from dissemination.use_cases.extracts import refusal_logged
from dissemination.use_cases.ports import Transaction
from dissemination.use_cases.wanted import fields_of_line
from statements.months import months
from statements.request import ExtractRequest
from statements.standing_order import RepeatedRequest, WantedStandingOrder, When

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ONE_OFF = "ONE_OFF"
"""The access method of a line that is for one release (domain.md 3.2, Annex B)."""
OVER = "DSA_NOT_ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithExtracts:
    order: StandingOrder
    extracts: Sequence[Extract] = ()
    """The newest of each period; none in a list."""


def place(
    wanted: WantedStandingOrder, *, idempotency_key: str | None, known: Catalogue, ctx: Context
) -> OrderWithExtracts:
    """Place a standing order. Agreements is asked first, and logs by whose token it is placed.

    Raises:
        Refused: with every refusal, but that the first month is not published yet.
        AgreementNotFound: there is none that the caller may know of.
        LineForOneTime: the line is for one release.
        WhenUnsuitable: the data set has no flex, no freeze or no publication.
        InvalidPeriods: more months than an extract may have.
        StandingOrderExists: one is active for exactly this.
        DecisionUnavailable: nobody could be asked.

    """
    ordered = wanted.said
    if wanted.last is not None:
        months(wanted.first, wanted.last)
    fingerprint = digest_of(
        {"order": ordered.digest, "first": wanted.first, "last": wanted.last or ""}
    )
    owner = ctx.principal.key_owner
    if idempotency_key is not None:
        with ctx.uow.reading() as tx:
            earlier = tx.idempotency.find(actor=owner, key=idempotency_key, fingerprint=fingerprint)
        if earlier is not None:
            return get(UUID(earlier), ctx=ctx)
    placed = _placed(ordered, wanted.first, wanted.last, ctx)
    _require_repeated(ordered, ctx)
    _require_suitable(ordered, known)
    order = StandingOrder.place(
        ordered,
        order_id=new_id(),
        first=wanted.first,
        last=wanted.last,
        requester=ctx.requester,
        decision_id=placed.decision_id,
        on_behalf_of=placed.on_behalf_of,
        at=ctx.clock.now(),
    )
    audit = ctx.audited_of_order(
        order,
        "standing-order-placed",
        decision_id=str(placed.decision_id),
        request=ordered.claims(),
    )
    with ctx.uow.writing() as tx:
        if idempotency_key is not None:
            # The same key again, at the same time: the second waits here for the first.
            found = tx.idempotency.find(actor=owner, key=idempotency_key, fingerprint=fingerprint)
            if found is not None:
                return OrderWithExtracts(order=tx.orders.get(UUID(found), own=ctx.scope))
            tx.idempotency.remember(
                actor=owner, key=idempotency_key, fingerprint=fingerprint, resource=str(order.id)
            )
        stored = tx.orders.save(order, audit=audit)
    log.info("standing_order_placed", order_id=str(order.id))
    ctx.wake_orders()
    return OrderWithExtracts(order=stored)


def get(order_id: UUID, *, ctx: Context) -> OrderWithExtracts:
    """Show an order with what became of each period. Raises StandingOrderNotFound."""
    with ctx.uow.reading() as tx:
        order = tx.orders.get(order_id, own=ctx.scope)
        tx.orders.hold([order])
        made = tx.extracts.named([one.extract_id for one in order.periods if one.extract_id])
        tx.extracts.hold(made)
        return OrderWithExtracts(order=order, extracts=made)


def page(
    *,
    agreement: str | None,
    state: OrderState | None,
    after: UUID | None,
    limit: int,
    ctx: Context,
) -> Sequence[OrderWithExtracts]:
    with ctx.uow.reading() as tx:
        found = tx.orders.page(
            own=ctx.scope, agreement=agreement, state=state, after=after, limit=limit
        )
        tx.orders.hold(found)
        return unreadable.each(
            found, lambda one: OrderWithExtracts(order=one), key=lambda one: one.id
        )


def confirm(order_id: UUID, *, ctx: Context) -> OrderWithExtracts:
    """Show a token for it: from now on it is decided in the name of whoever confirms.

    Whether each period may be had is decided at each period, so that a refusal of today is no
    reason not to be confirmed.

    Raises:
        StandingOrderNotFound, TransitionRefused, AgreementNotFound, DecisionUnavailable:

    """
    with ctx.uow.reading() as tx:
        order = tx.orders.get(order_id, own=ctx.scope)
    request = _request(order.ordered, order.first, order.last, ctx)
    with refusal_logged(request, ctx):
        placed = ctx.agreements.place(request, evidence=ctx.evidence)
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        confirmed = tx.orders.get(order_id, own=ctx.scope).confirm(
            ctx.requester, placed.decision_id, on_behalf_of=placed.on_behalf_of, at=at
        )
        entry = ctx.audited_of_order(
            confirmed, "standing-order-confirmed", decision_id=str(placed.decision_id)
        )
        stored = tx.orders.save(confirmed, audit=entry)
        tx.orders.wake(agreement=order.ordered.agreement, at=at)
    ctx.wake_orders()
    return OrderWithExtracts(order=stored)


def end(order_id: UUID, *, ctx: Context) -> OrderWithExtracts:
    """Nothing is asked for any more. Raises StandingOrderNotFound, TransitionRefused."""
    with ctx.uow.writing() as tx:
        order = tx.orders.get(order_id, own=ctx.scope)
        stored = end_order(order, BY_REQUEST, ctx=ctx, tx=tx)
    return OrderWithExtracts(order=stored)


def end_order(order: StandingOrder, code: str, *, ctx: Context, tx: Transaction) -> StandingOrder:
    ended = tx.orders.save(
        order.end(code, at=ctx.clock.now()),
        audit=ctx.audited_of_order(order, "standing-order-ended", code=code),
    )
    log.info("standing_order_ended", order_id=str(order.id), code=code)
    return ended


def after_agreement(agreement: str, *, ctx: Context, tx: Transaction) -> None:
    """An agreement changed: its orders end with it, or are carried out again at once."""
    status = tx.agreement_statuses.get(agreement)
    if status is None or status.withdrawal is None:
        tx.orders.wake(agreement=agreement, at=ctx.clock.now())
        return
    for order in tx.orders.active_under(agreement):
        end_order(order, OVER, ctx=ctx, tx=tx)


def _request(
    ordered: RepeatedRequest, first: str, last: str | None, ctx: Context
) -> ExtractRequest:
    """Say what is ordered, as a request for its first and its last month."""
    request = ExtractRequest(
        extract_id=str(new_id()),
        agreement=ordered.agreement,
        purpose=ordered.purpose,
        data_set=ordered.data_set,
        classification=ordered.classification,
        periods=tuple(sorted({first, last or first})),
        fields=ordered.fields or (),
        formats=ordered.formats,
        filters=ordered.filters,
    )
    return request if request.fields else _with_all_fields(request, ctx)


def _with_all_fields(request: ExtractRequest, ctx: Context) -> ExtractRequest:
    return replace(request, fields=fields_of_line(request, ctx))


def _placed(ordered: RepeatedRequest, first: str, last: str | None, ctx: Context) -> Placed:
    request = _request(ordered, first, last, ctx)
    with refusal_logged(request, ctx):
        placed = ctx.agreements.place(request, evidence=ctx.evidence)
        refusals = [one for one in placed.refusals if one.code != NOT_PUBLISHED]
        if refusals:
            raise Refused(
                "The agreement does not allow this.", refusals, on_behalf_of=placed.on_behalf_of
            )
    return placed


def _require_repeated(ordered: RepeatedRequest, ctx: Context) -> None:
    lines = [one for one in ctx.agreements.lines(ordered.agreement) if one.key == ordered.line]
    if lines and all(one.access_method == ONE_OFF for one in lines):
        raise LineForOneTime(
            "The agreement's line is for one release (`access_method` ONE_OFF). Ask for the extract"
            " itself: POST /v1/extracts; or have the line amended."
        )


def _require_suitable(ordered: RepeatedRequest, known: Catalogue) -> None:
    name = ordered.data_set
    calendars = stages().of_all_months(name)
    needed = {When.FLEX: 2, When.FREEZE: 1}.get(ordered.when, 0)
    if min((len(one.stages) for one in calendars), default=0) < needed:
        raise WhenUnsuitable(
            f"{name} has fewer inclusion dates than that. Send `when`: `landed`, or `freeze` where"
            " it has one.",
            when=ordered.when.value,
        )
    if ordered.when is When.PUBLICATION and not _is_published(name, known):
        raise WhenUnsuitable(
            f"{name} does not wait for a publication. Send `when`: `landed` or `freeze`.",
            when=ordered.when.value,
        )


def _is_published(name: str, known: Catalogue) -> bool:
    try:
        return known.get(name).publication_gate
    except UnknownDataSet:
        return False
