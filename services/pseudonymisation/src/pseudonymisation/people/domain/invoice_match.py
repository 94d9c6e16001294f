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
class MatchedBefore:
    """What an organisation asked under an agreement before."""

    asked_today: int
    """Numbers, in this legal day."""
    no_today: int
    """Of these, answers of "no"."""
    run_of_no: int


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
    """Whether by this question the run, or the "no" of the day, came to where somebody is to look:
    at each so many more of the dated rule."""

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
        before: MatchedBefore,
        rule: InvoiceMatchRule,
        at: datetime,
    ) -> Self:
        run, alerts = before.run_of_no, False
        for one in found:
            run = 0 if one.is_there else run + 1
            # Anew at each so many more, and in each run: whoever goes on is seen again.
            alerts |= run > 0 and run % rule.alert_after_no == 0
        matched = sum(one.is_there for one in found)
        # A known number now and then ends a run, and not the "no" of a day.
        no_today = before.no_today + len(found) - matched
        alerts |= no_today // rule.alert_after_no_day > before.no_today // rule.alert_after_no_day
        return cls(
            id=id_,
            invoice=invoice,
            organisation=organisation,
            client_id=by.client_id,
            asked_by=by.subject,
            asked_at=at,
            decision_id=decision_id,
            people=len(found),
            matched=matched,
            run_of_no=run,
            alerts=alerts,
        )
