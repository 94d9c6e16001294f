"""Re-identification for direct care: asked, confirmed above a number, answered, looked up.

Agreements decides twice: when it is asked, and at each answer, with the caller's own token as
evidence. What the haven adds is who is whose patient at this moment. The log has an answer before
anybody gets it, and an attempt that was refused as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog
from pydantic import JsonValue

from common.audit import require_as_logged
from common.audit.entries import Entry, entry_for
from common.clock import legal_day, start_of
from common.errors import Refusal, Refused
from common.ids import new_id
from common.security.roles import Role
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.people.domain import errors, registration
from pseudonymisation.people.domain.reidentification import (
    LedBack,
    Reidentification,
    ToldOf,
    WantedPeople,
)
from pseudonymisation.people.domain.rules import require_day
from pseudonymisation.people.use_cases.context import PeopleContext
from pseudonymisation.people.use_cases.ports import DirectCarePermission, WantedTold
from pseudonymisation.people.use_cases.refusals import refusals_logged
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.vocabulary import LineKey

log: structlog.stdlib.BoundLogger = structlog.get_logger()

DIRECT_CARE_ONLY: Final = "DIRECT_CARE_ONLY"
OVER_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Answered:
    reidentification: Reidentification
    found: Sequence[LedBack]


def ask(wanted: WantedPeople, *, ctx: PeopleContext) -> Reidentification:
    """Ask whom tokens stand for. The tokens are looked at first: none of another domain is kept.

    Raises:
        TooManyPeople, DailyLimitReached, ReasonUnknown, Refused, AgreementNotFound
        DecisionUnavailable, TokensOfAnotherDomain, DomainClosed, KeyClosed, KeyDestroyed
        KeyUnavailable, RegistrationsOutOfDate

    """
    id_, at = new_id(), ctx.clock.now()
    rule = ctx.rule(legal_day(at))
    with refusals_logged(
        "re-identification-refused",
        f"re-identifications/{id_}",
        agreement=wanted.agreement,
        people=len(wanted.tokens),
        ctx=ctx,
    ):
        rule.require(people=len(wanted.tokens), reason=wanted.reason_code)
        allowed = _decide(wanted.agreement, wanted.key, id_, len(wanted.tokens), ctx=ctx)
        # Nothing of what is found is used: whether it can be is what the asker is to know now.
        _lead_back(wanted.tokens, allowed, ctx=ctx)
    asked = Reidentification.asked(
        wanted,
        id_=id_,
        by=ctx.principal,
        practice=_own_practice(ctx),
        domain=allowed.domain,
        rule=rule,
        at=at,
    )
    with (
        refusals_logged(
            "re-identification-refused",
            f"re-identifications/{id_}",
            agreement=wanted.agreement,
            people=asked.people,
            ctx=ctx,
        ),
        ctx.uow.writing() as tx,
    ):
        # Counted in the transaction that adds to it: two at once are counted one by one.
        today = tx.reidentifications.asked_since(start_of(legal_day(at)), practice=ctx.own)
        require_day(today + asked.people, rule.people_day_max)
        stored = tx.reidentifications.save(
            asked,
            audit=_entry(
                asked,
                "re-identification-asked",
                {"state": asked.state.value},
                decision_id=allowed.decision_id,
                ctx=ctx,
            ),
        )
    log.info("re_identification_asked", id=str(id_), people=asked.people, state=asked.state.value)
    return stored


def confirm(id_: UUID, reason: str, *, ctx: PeopleContext) -> Reidentification:
    """Let the answer be fetched, as another person of the practice than who asked.

    Raises:
        ReidentificationNotFound, ReidentificationOver, ReidentificationDecided
        SecondPersonNeeded, EditedMeanwhile

    """
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        present = tx.reidentifications.get(id_, practice=ctx.practice)
        confirmed = present.confirm(
            by=ctx.principal.subject, reason=reason, rule=ctx.rule(legal_day(at)), at=at
        )
        stored = tx.reidentifications.save(
            confirmed, audit=_entry(confirmed, "re-identification-confirmed", {}, ctx=ctx)
        )
    log.info("re_identification_confirmed", id=str(id_))
    return stored


def answer(id_: UUID, *, ctx: PeopleContext) -> Answered:
    """Say of each token whose it is: decided anew, by the registrations of now, and logged before.

    Raises:
        ReidentificationNotFound, ReidentificationOver, ReidentificationWaiting
        RecordNotAsLogged, and whatever `ask` raises but for the request itself

    """
    with ctx.uow.reading() as tx:
        present = tx.reidentifications.get(id_, practice=ctx.practice)
        tx.reidentifications.hold([id_])
    require_as_logged(f"re-identifications/{id_}")
    present.require_ready(ctx.clock.now())
    with refusals_logged(
        "re-identification-refused",
        f"re-identifications/{id_}",
        agreement=present.agreement,
        people=present.people,
        ctx=ctx,
    ):
        allowed = _decide(present.agreement, present.key, id_, present.people, ctx=ctx)
        found = _lead_back(present.tokens, allowed, ctx=ctx)
    at = ctx.clock.now()
    answered = present.answer(found, at=at)
    told = [
        ToldOf(
            id=new_id(),
            reidentification_id=id_,
            person=one.person,
            outcome=one.outcome,
            told_to=ctx.principal.subject,
            told_at=at,
            decision_id=allowed.decision_id,
        )
        for one in found
        if one.person is not None
    ]
    outcomes: dict[str, JsonValue] = {}
    for one in found:
        outcomes[one.outcome.value] = int(str(outcomes.get(one.outcome.value, 0))) + 1
    with ctx.uow.writing() as tx:
        stored = tx.reidentifications.save(
            answered,
            told=told,
            audit=_entry(
                answered,
                "re-identification-answered",
                {"outcomes": outcomes},
                decision_id=allowed.decision_id,
                ctx=ctx,
            ),
        )
    log.info("re_identification_answered", id=str(id_), people=stored.people)
    return Answered(stored, found)


def get(id_: UUID, *, ctx: PeopleContext) -> Reidentification:
    """Raise ReidentificationNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.reidentifications.get(id_, practice=ctx.practice)
        tx.reidentifications.hold([id_])
        return found


def page(*, after: UUID | None, limit: int, ctx: PeopleContext) -> Sequence[Reidentification]:
    with ctx.uow.reading() as tx:
        return tx.reidentifications.page(practice=ctx.practice, after=after, limit=limit)


def told_of(
    wanted: WantedTold,
    nhs_number: str | None,
    *,
    after: UUID | None,
    limit: int,
    ctx: PeopleContext,
) -> Sequence[tuple[ToldOf, Reidentification]]:
    """Return who was told of whom, for an auditor; that it was looked up is logged before."""
    if nhs_number is not None:
        wanted = replace(wanted, person=ctx.haven.person_of(nhs_number))
    with ctx.uow.writing() as tx:
        tx.log(
            entry_for(
                ctx.principal,
                at=ctx.clock.now(),
                action="re-identified-people-looked-up",
                resource="re-identified-people",
                on_behalf_of=None,
                detail={
                    "by_number": nhs_number is not None,
                    "practice": wanted.practice,
                    "told_to": wanted.told_to,
                },
            )
        )
    with ctx.uow.reading() as tx:
        return tx.reidentifications.told(wanted, after=after, limit=limit)


def end_past(*, ctx: PeopleContext) -> int:
    """Destroy the tokens of what is over; return how many requests there were."""
    worker = replace(ctx, caller=ITSELF)
    with ctx.uow.reading() as tx:
        past = tx.reidentifications.past(ctx.clock.now())[:OVER_AT_ONCE]
    for one in past:
        with ctx.uow.writing() as tx:
            ended = tx.reidentifications.get(one.id, practice=None).end()
            tx.reidentifications.save(
                ended, audit=_entry(ended, "re-identification-over", {}, ctx=worker)
            )
    return len(past)


# --- what they share ------------------------------------------------------------------------------


def _decide(
    agreement: str, key: LineKey, id_: UUID, people: int, *, ctx: PeopleContext
) -> DirectCarePermission:
    """Ask agreements; it does not know in which role of a practice somebody acts."""
    allowed = ctx.agreements.decide(
        agreement, key, request_id=id_, people=people, principal=ctx.principal, token=ctx.token
    )
    if ctx.principal.role is not Role.GP_PRACTICE:
        detail = "People are re-identified for direct care alone, in the role of their GP practice."
        raise Refused(detail, [Refusal(DIRECT_CARE_ONLY, detail, str(ctx.principal.role))])
    return allowed


def _lead_back(
    tokens: Sequence[str], allowed: DirectCarePermission, *, ctx: PeopleContext
) -> Sequence[LedBack]:
    today = legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        domain = _made(tx.domain(allowed.domain))
        standing = tx.registrations.standing()
        tx.registrations.hold([one.id for one in standing])
    for one in standing:
        require_as_logged(f"practice-registrations/{one.id}")
    lists = registration.asked(standing, today=today, days_max=ctx.rule(today).list_days_max)
    return ctx.haven.lead_back(tokens, domain, lists=lists, practice=ctx.own)


def _made(domain: PseudonymDomain | None) -> PseudonymDomain:
    """Raise TokensOfAnotherDomain where nothing was ever made in it, DomainClosed."""
    if domain is None:
        raise errors.TokensOfAnotherDomain(
            "No file of this line has been made, so the tokens are from elsewhere. Name the line"
            " of the agreement under which they were supplied."
        )
    domain.require_open()
    return domain


def _own_practice(ctx: PeopleContext) -> str:
    return ctx.codes.known(ctx.principal.organisation)


def _entry(
    one: Reidentification,
    action: str,
    detail: dict[str, JsonValue],
    *,
    ctx: PeopleContext,
    decision_id: str | None = None,
) -> Entry:
    return entry_for(
        ctx.principal,
        at=ctx.clock.now(),
        action=action,
        resource=f"re-identifications/{one.id}",
        on_behalf_of=None,  # a practice asks for its own patients
        decision_id=decision_id,
        detail={
            "agreement": one.agreement,
            "practice": one.practice,
            "people": one.people,
            "reason_code": one.reason_code,
            **detail,
        },
    )
