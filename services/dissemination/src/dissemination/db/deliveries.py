"""Deliveries in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import Session, col

from common.audit import LoggedRows, telling
from common.audit.entries import Entry
from common.db.saving import changed, put
from dissemination.db.kept import DELIVERIES
from dissemination.db.log import append, enqueue
from dissemination.db.rows import delivery_columns, delivery_of
from dissemination.db.tables import DeliveryRow
from dissemination.domain.delivery import Delivery, Outcome


@dataclass(frozen=True, slots=True)
class SqlDeliveries:
    session: Session
    rows: LoggedRows

    def get(self, delivery_id: UUID) -> Delivery:
        return delivery_of(self.session.get_one(DeliveryRow, delivery_id))

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        file_id: UUID | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Delivery]:
        query = select(DeliveryRow)
        if own is not None:
            query = query.where(col(DeliveryRow.organisation).in_(own))
        for column, wanted in (
            (col(DeliveryRow.agreement), agreement),
            (col(DeliveryRow.file_id), file_id),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        return self.rows.page(
            self.session,
            DELIVERIES,
            query,
            delivery_of,
            key=col(DeliveryRow.id),
            after=after,
            limit=limit,
            is_all=own is None,
        )

    def save(self, delivery: Delivery, *, audit: Entry, alive_at: datetime) -> Delivery:
        stored = replace(delivery, version=delivery.version + 1, pending=())
        values = delivery_columns(stored) | {"alive_at": alive_at}
        put(self.session, DeliveryRow, values, version=delivery.version)
        enqueue(
            self.session,
            delivery.pending,
            at=delivery.ended_at or delivery.begun_at,
            aggregate_id=delivery.id,
            version=stored.version,
            state=stored.outcome.value,
        )
        told = telling(self.session, audit, (DELIVERIES, delivery.id))
        append(self.session, delivery.agreement, told)
        return stored

    def note_alive(self, delivery_id: UUID, *, bytes_: int, at: datetime) -> None:
        statement = (
            update(DeliveryRow)
            .where(
                col(DeliveryRow.id) == delivery_id,
                col(DeliveryRow.outcome) == Outcome.UNDER_WAY.value,
            )
            .values(bytes=bytes_, alive_at=at)
        )
        changed(self.session, statement)

    def silent_since(self, instant: datetime, *, limit: int) -> Sequence[Delivery]:
        query = (
            select(DeliveryRow)
            .where(
                col(DeliveryRow.outcome) == Outcome.UNDER_WAY.value,
                col(DeliveryRow.alive_at) < instant,
            )
            .order_by(col(DeliveryRow.alive_at))
            .limit(limit)
        )
        return [delivery_of(row) for row in self.session.scalars(query)]
