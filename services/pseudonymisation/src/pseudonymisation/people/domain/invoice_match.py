"""A match: whether people were at a provider in a month, in place of a file (domain.md 4.1, IV).

NHS numbers are asked about and never kept: what stays is the haven token of each, and yes or no.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from common.security.principal import Principal
from pseudonymisation.people.domain.rules import InvoiceMatchRule
from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """Which invoice it is about: whose, of which month, by which line."""

    agreement: str
    key: LineKey
    reference: str
    provider: str
    """In normal form."""
    month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Of one number: whose it is, and whether they were there."""

    person: str | None
    """The haven token in hexadecimal digits; None: it is no valid number."""
    is_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceMatch:
    """One question, answered, as it stays known."""

    id: UUID
    invoice: Invoice
    organisation: str
    client_id: str
    asked_by: str
    asked_at: datetime
    decision_id: str
    people: int
    matched: int
    run_of_no: int
    """Answers of "no" in a row by now, over the organisation's questions under the agreement."""
    alerts: bool
    """Whether by this question the run became so long that somebody is to look."""

    @classmethod
    def answered(
        cls,
        invoice: Invoice,
        found: tuple[Matched, ...],
        *,
        id_: UUID,
        by: Principal,
        organisation: str,
        decision_id: str,
        run_before: int,
        rule: InvoiceMatchRule,
        at: datetime,
    ) -> Self:
        run, longest = run_before, run_before
        for one in found:
            run = 0 if one.is_there else run + 1
            longest = max(longest, run)
        return cls(
            id=id_,
            invoice=invoice,
            organisation=organisation,
            client_id=by.client_id,
            asked_by=by.subject,
            asked_at=at,
            decision_id=decision_id,
            people=len(found),
            matched=sum(one.is_there for one in found),
            run_of_no=run,
            alerts=run_before < rule.alert_after_no <= longest,
        )
