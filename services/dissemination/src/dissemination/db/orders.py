"""Standing orders in a relational database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from common.audit import LoggedRows, telling
from common.audit.entries import Entry
from common.clock import Clock
from common.db import claims, reading
from common.db.saving import changed, put
from common.unreadable import from_row
from dissemination.db.kept import ORDERS
from dissemination.db.log import append, enqueue
from dissemination.db.tables import DeliveryRow, ExtractRow, StandingOrderRow
from dissemination.domain.errors import StandingOrderExists, StandingOrderNotFound
from dissemination.domain.extract import Requester
from dissemination.domain.orders.standing_order import (
    End,
    OrderedPeriod,
    OrderState,
    StandingOrder,
)
from statements.standing_order import RepeatedRequest

_PERIODS: TypeAdapter[tuple[OrderedPeriod, ...]] = TypeAdapter(tuple[OrderedPeriod, ...])
_END: TypeAdapter[End] = TypeAdapter(End)


@dataclass(frozen=True, slots=True)
class SqlOrders:
    session: Session
    timer: Clock
    rows: LoggedRows

    def get(self, order_id: UUID, *, own: frozenset[str] | None = None) -> StandingOrder:
        row = self.session.get(StandingOrderRow, order_id)
        if row is None or (own is not None and row.organisation not in own):
            raise StandingOrderNotFound(f"There is no standing order {order_id}.")
        return order_of(row)

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        state: OrderState | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[StandingOrder]:
        row = StandingOrderRow
        query = select(row).order_by(col(row.id)).limit(limit)
        if own is not None:
            query = query.where(col(row.organisation).in_(own))
        if agreement is not None:
            query = query.where(col(row.agreement) == agreement)
        if state is not None:
            query = query.where(col(row.state) == state.value)
        if after is not None:
            query = query.where(col(row.id) > after)
        found = reading.page(self.session, query, order_of, key=col(row.id))
        if own is None:
            last = found[-1].id if len(found) == limit else None
            self.rows.look_for_gone(self.session, ORDERS, after=after, last=last)
        return found

    def hold(self, orders: Sequence[StandingOrder]) -> None:
        self.rows.compare(self.session, ORDERS, [one.id for one in orders])

    def save(self, order: StandingOrder, *, audit: Entry) -> StandingOrder:
        stored = replace(order, version=order.version + 1, pending=())
        values = _columns(stored)
        if order.version == 0:
            values["due_at"] = self.timer.now()
        try:
            put(self.session, StandingOrderRow, values, version=order.version)
        except IntegrityError as error:
            if order.version > 0:
                raise
            raise StandingOrderExists(
                "Your organisation has an active standing order for exactly this. End that one, or"
                " ask for something else."
            ) from error
        enqueue(
            self.session,
            order.pending,
            at=order.changed_at,
            aggregate_id=order.id,
            version=stored.version,
            state=stored.state.value,
        )
        told = telling(self.session, audit, (ORDERS, order.id))
        append(self.session, order.ordered.agreement, told)
        return stored

    def active_under(self, agreement: str) -> Sequence[StandingOrder]:
        query = (
            select(StandingOrderRow)
            .where(_is_active(), col(StandingOrderRow.agreement) == agreement)
            .order_by(col(StandingOrderRow.id))
        )
        return [order_of(row) for row in self.session.scalars(query)]

    def proof(self, order: StandingOrder) -> tuple[UUID, datetime]:
        """Return the newest decision on a token of whoever ordered, under the same agreement."""
        found = [(order.decision_id, order.confirmed_at)]
        delivery = self._newest(DeliveryRow, order)
        if delivery is not None:
            found.append((delivery.decision_id, delivery.begun_at))
        extract = self._newest(ExtractRow, order, col(ExtractRow.standing_order).is_(None))
        if extract is not None:
            found.append((extract.decision_id, extract.requested_at))
        return max(found, key=lambda one: one[1])

    def _newest(self, table: Any, order: StandingOrder, *where: ColumnElement[bool]) -> Any | None:
        """Return the newest by its id, which begins with the time: an index has them so."""
        query = (
            select(table)
            .where(col(table.agreement) == order.ordered.agreement, *where)
            .order_by(table.id.desc())
            .limit(1)
        )
        for name, value in asdict(order.requester).items():
            query = query.where(getattr(table, name) == value)
        return self.session.scalars(query).first()

    def due(self, *, at: datetime, limit: int) -> Sequence[UUID]:
        query = (
            select(col(StandingOrderRow.id))
            .where(_is_active(), _is_free(at))
            .order_by(col(StandingOrderRow.due_at))
            .limit(limit)
        )
        return list(self.session.scalars(query))

    def claim(self, order_id: UUID, *, at: datetime, until: datetime) -> bool:
        return self._set(
            col(StandingOrderRow.id) == order_id, _is_active(), _is_free(at), claimed_until=until
        )

    def rest(self, order_id: UUID, *, looked_at: datetime, until: datetime) -> None:
        # Whoever woke it since then knows more than what was seen: its turn stays now.
        this, not_woken = (
            col(StandingOrderRow.id) == order_id,
            col(StandingOrderRow.due_at) <= looked_at,
        )
        if not self._set(this, not_woken, due_at=until, claimed_until=None):
            self._set(this, claimed_until=None)

    def wake(
        self, *, agreement: str | None = None, data_set: str | None = None, at: datetime
    ) -> None:
        row, now = StandingOrderRow, self.timer.now()
        if agreement is not None:
            self._set(col(row.agreement) == agreement, _is_active(), due_at=now, woken_at=at)
        if data_set is not None:
            self._set(col(row.data_set) == data_set, _is_active(), due_at=now, woken_at=at)

    def look_at(self, order_id: UUID) -> None:
        """Have its turn come now: an extract of it has come to an end."""
        self._set(col(StandingOrderRow.id) == order_id, _is_active(), due_at=self.timer.now())

    def woken_at(self, order_id: UUID) -> datetime | None:
        row = self.session.get(StandingOrderRow, order_id)
        return None if row is None else row.woken_at

    def _set(self, *where: ColumnElement[bool], **values: object) -> bool:
        """Set what is not the order's state, and so counts as no version of it."""
        return changed(self.session, update(StandingOrderRow).where(*where).values(values)) > 0


def _is_active() -> ColumnElement[bool]:
    return col(StandingOrderRow.state) == OrderState.ACTIVE.value


def _is_free(at: datetime) -> ColumnElement[bool]:
    row = StandingOrderRow
    return (col(row.due_at) <= at) & claims.is_free(col(row.claimed_until), at=at)


@from_row
def order_of(row: StandingOrderRow) -> StandingOrder:
    ordered = RepeatedRequest.read(row.ordered)
    if (ordered.agreement, ordered.data_set) != (row.agreement, row.data_set):
        raise ValueError("ordered")
    return StandingOrder(
        id=row.id,
        ordered=ordered,
        first=row.first,
        last=row.last,
        requester=Requester(
            subject=row.subject,
            client_id=row.client_id,
            organisation=row.organisation,
            role=row.role,
        ),
        decision_id=row.decision_id,
        confirmed_at=row.confirmed_at,
        on_behalf_of=row.on_behalf_of,
        ordered_at=row.ordered_at,
        changed_at=row.changed_at,
        state=OrderState(row.state),
        periods=_PERIODS.validate_python(row.periods),
        end_=None if row.ended is None else _END.validate_python(row.ended),
        version=row.version,
    )


def _columns(order: StandingOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "state": order.state.value,
        "version": order.version,
        "agreement": order.ordered.agreement,
        "data_set": order.ordered.data_set,
        "ordered": order.ordered.claims(),
        "digest": order.ordered.digest,
        "first": order.first,
        "last": order.last,
        **asdict(order.requester),
        "decision_id": order.decision_id,
        "confirmed_at": order.confirmed_at,
        "on_behalf_of": order.on_behalf_of,
        "periods": _PERIODS.dump_python(order.periods, mode="json"),
        "ended": None if order.end_ is None else _END.dump_python(order.end_, mode="json"),
        "ordered_at": order.ordered_at,
        "changed_at": order.changed_at,
    }
