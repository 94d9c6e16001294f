"""Matches of NHS numbers with invoices, in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from common.audit import Entry, LoggedRows, telling
from common.db.saving import record
from common.db.turns import take_turns
from common.unreadable import from_row
from pseudonymisation.db.held.kept import INVOICE_MATCHES
from pseudonymisation.db.people.tables import InvoiceMatchRow, MatchedPersonRow
from pseudonymisation.people.domain.invoice_match import (
    Invoice,
    InvoiceMatch,
    Matched,
    MatchedBefore,
)
from statements.vocabulary import LineKey

TURNS: Final = 2_207_145_903_318_664_072
"""Questions are counted one after another, also by several replicas (PostgreSQL's own lock)."""


@dataclass(frozen=True, slots=True)
class SqlInvoiceMatches:
    session: Session
    rows: LoggedRows

    def standing(self, organisation: str, agreement: str, *, since: datetime) -> MatchedBefore:
        take_turns(self.session, TURNS)
        own = (
            col(InvoiceMatchRow.organisation) == organisation,
            col(InvoiceMatchRow.agreement) == agreement,
        )
        asked = select(
            func.coalesce(func.sum(InvoiceMatchRow.people), 0),
            func.coalesce(func.sum(InvoiceMatchRow.matched), 0),
        ).where(*own, col(InvoiceMatchRow.asked_at) >= since)
        last = (
            select(InvoiceMatchRow.run_of_no)
            .where(*own)
            .order_by(col(InvoiceMatchRow.asked_at).desc(), col(InvoiceMatchRow.id).desc())
            .limit(1)
        )
        people, matched = self.session.exec(asked).one()
        return MatchedBefore(
            asked_today=int(people),
            no_today=int(people) - int(matched),
            run_of_no=self.session.exec(last).first() or 0,
        )

    def add(self, match: InvoiceMatch, found: Sequence[Matched], *, audit: Entry) -> None:
        invoice = match.invoice
        self.session.add(
            InvoiceMatchRow(
                id=match.id,
                organisation=match.organisation,
                client_id=match.client_id,
                asked_by=match.asked_by,
                agreement=invoice.agreement,
                purpose=invoice.key.purpose,
                data_set=invoice.key.data_set,
                classification=invoice.key.classification,
                invoice=invoice.reference,
                provider=invoice.provider,
                month=invoice.month,
                asked_at=match.asked_at,
                decision_id=match.decision_id,
                people=match.people,
                matched=match.matched,
                run_of_no=match.run_of_no,
                alerts=match.alerts,
            )
        )
        self.session.flush()
        self.session.add_all(
            MatchedPersonRow(
                match_id=match.id, position=position, person=one.person, is_there=one.is_there
            )
            for position, one in enumerate(found)
        )
        self.session.flush()
        told = telling(self.session, audit, (INVOICE_MATCHES, match.id))
        record(self.session, events=(), audit=told)

    def page(self, *, after: UUID | None, limit: int) -> Sequence[InvoiceMatch]:
        query = select(InvoiceMatchRow)
        return self.rows.page(
            self.session,
            INVOICE_MATCHES,
            query,
            _to_match,
            key=col(InvoiceMatchRow.id),
            after=after,
            limit=limit,
        )


@from_row
def _to_match(row: InvoiceMatchRow) -> InvoiceMatch:
    return InvoiceMatch(
        id=row.id,
        invoice=Invoice(
            agreement=row.agreement,
            key=LineKey(row.purpose, row.data_set, row.classification),
            reference=row.invoice,
            provider=row.provider,
            month=row.month,
        ),
        organisation=row.organisation,
        client_id=row.client_id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        decision_id=row.decision_id,
        people=row.people,
        matched=row.matched,
        run_of_no=row.run_of_no,
        alerts=row.alerts,
    )
