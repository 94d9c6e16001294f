"""Matches of NHS numbers with an invoice: decided by agreements, looked up, logged, then told.

Who may ask is agreements' to say, with the caller's own token as evidence: the client has to belong
to the line's recipient environment. So a commissioning team of the same organisation is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from common.audit.entries import Entry, entry_for
from common.clock import legal_day, start_of
from common.errors import NoEdition
from common.ids import new_id
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.invoice_match import Invoice, InvoiceMatch, Matched
from pseudonymisation.people.use_cases.context import PeopleContext
from pseudonymisation.people.use_cases.ports import MatchPermission, WhoCounts
from pseudonymisation.people.use_cases.refusals import refusals_logged
from pseudonymisation.preparations.domain.errors import UnsafeEditions

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AnsweredMatch:
    match: InvoiceMatch
    found: Sequence[Matched]
    """One of each number, in the order of the question."""


def ask(invoice: Invoice, numbers: Sequence[str], *, ctx: PeopleContext) -> AnsweredMatch:
    """Say of each number whether the person was at the invoice's provider, in the line's people.

    Raises:
        TooManyPeople, DailyLimitReached, Refused, AgreementNotFound, DecisionUnavailable, NoEdition
        UnsafeEditions, OptOutsNotKnown, KeyUnavailable, ObjectStoreUnavailable, EngineFailed

    """
    id_, at = new_id(), ctx.clock.now()
    rule = ctx.invoice_match_rule(legal_day(at))
    with refusals_logged(
        "invoice-match-refused",
        f"invoice-matches/{id_}",
        agreement=invoice.agreement,
        people=len(numbers),
        ctx=ctx,
    ):
        rule.require(len(numbers))
        allowed = ctx.agreements.decide_match(
            invoice,
            request_id=id_,
            people=len(numbers),
            principal=ctx.principal,
            token=ctx.token,
        )
        found = tuple(ctx.landed_rows.match(numbers, _who_counts(invoice, allowed, ctx=ctx)))
        organisation = ctx.codes.known(ctx.principal.organisation)
        with ctx.uow.writing() as tx:
            # Counted in the transaction that adds to it: two at once are counted one by one.
            before = tx.invoice_matches.standing(
                organisation, invoice.agreement, since=start_of(legal_day(at))
            )
            rule.require_day(before.asked_today + len(numbers))
            match = InvoiceMatch.answered(
                invoice,
                found,
                id_=id_,
                by=ctx.principal,
                organisation=organisation,
                decision_id=allowed.decision_id,
                before=before,
                rule=rule,
                at=at,
            )
            tx.invoice_matches.add(match, found, audit=_entry(match, ctx=ctx))
    if match.alerts:
        log.warning("invoice_match_alert", id=str(id_), run_of_no=match.run_of_no)
    log.info("invoice_matched", id=str(id_), people=match.people, matched=match.matched)
    return AnsweredMatch(match, found)


def page(*, after: UUID | None, limit: int, ctx: PeopleContext) -> Sequence[InvoiceMatch]:
    """List what was asked, for auditors and information governance."""
    with ctx.uow.reading() as tx:
        return tx.invoice_matches.page(after=after, limit=limit)


def _who_counts(invoice: Invoice, allowed: MatchPermission, *, ctx: PeopleContext) -> WhoCounts:
    """Gather the editions and lists that are read; what is not as it was logged is not."""
    today = legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        editions = tuple(
            edition
            for edition in tx.current_editions(invoice.key.data_set)
            if edition.covers(invoice.month)
        )
        lists = tx.opt_out_lists() if allowed.opt_outs_applied else ()
        are_as_logged = tx.are_as_logged(editions)
    if not editions:
        raise NoEdition(
            f"Nothing is landed for {invoice.month}. Ask for another month, or again later.",
            periods=[invoice.month],
        )
    if not are_as_logged:
        raise UnsafeEditions("An edition of the month is not what the audit log says was landed.")
    for edition in editions:
        if not ctx.catalogue.is_safe(invoice.key.data_set, edition.landing_rules_digest, today):
            raise UnsafeEditions(
                "An edition of the month was made by landing rules that let withheld people"
                " through. It has to be landed again."
            )
    if allowed.opt_outs_applied:
        days_old = (today - lists[0].list_date).days if lists else -1
        if allowed.opt_outs_by != "list" or not 0 <= days_old <= allowed.list_age_days_max:
            raise errors.OptOutsNotKnown(
                "Opt-outs are upheld by the line, and no list of them is in force and recent"
                " enough. Ask the DSCRO to take one in."
            )
    return WhoCounts(
        permission=allowed,
        data_set=invoice.key.data_set,
        month=invoice.month,
        provider=invoice.provider,
        editions=editions,
        opted_out=tuple(lists),
    )


def _entry(match: InvoiceMatch, *, ctx: PeopleContext) -> Entry:
    invoice = match.invoice
    return entry_for(
        ctx.principal,
        at=match.asked_at,
        action="invoice-match-alert" if match.alerts else "invoice-matched",
        resource=f"invoice-matches/{match.id}",
        on_behalf_of=None,
        decision_id=match.decision_id,
        detail={
            "agreement": invoice.agreement,
            "invoice": invoice.reference,
            "provider": invoice.provider,
            "month": invoice.month,
            "people": match.people,
            "matched": match.matched,
            "run_of_no": match.run_of_no,
        },
    )
