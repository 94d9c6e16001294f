"""What the Body and its advisers do with an application."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from applications.domain.application import Application
from applications.domain.errors import AgreementOver
from applications.domain.life import Outcome, Query, State, Verb
from applications.domain.routing import AdvisoryRoute, Triage, route
from applications.domain.sections.purposes import Commercial
from applications.domain.sections.terms import Condition
from applications.use_cases import snapshots
from applications.use_cases.applications import change
from applications.use_cases.context import Context
from applications.use_cases.ports import FactsWanted, Transaction


def open_(application_id: UUID, *, expected: int | None, ctx: Context) -> Application:
    """Turn an enquiry into a draft."""
    at = ctx.now()
    return change(
        application_id,
        Verb.OPEN,
        lambda application, _: application.open(by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def close(application_id: UUID, *, expected: int | None, ctx: Context) -> Application:
    """End an enquiry that needs no application."""
    at = ctx.now()
    return change(
        application_id,
        Verb.CLOSE,
        lambda application, _: application.close(by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def review(application_id: UUID, *, expected: int | None, ctx: Context) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.REVIEW,
        lambda application, _: application.review(by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def return_(
    application_id: UUID, queries: Sequence[Query], *, expected: int | None, ctx: Context
) -> Application:
    """Return it with queries; each must be answered before it is submitted again."""
    at = ctx.now()
    return change(
        application_id,
        Verb.RETURN,
        lambda application, _: application.return_(queries, by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def refer_to_advice(
    application_id: UUID, triage: Triage, *, expected: int | None, ctx: Context
) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.REFER_TO_ADVICE,
        lambda application, _: application.refer_to_advice(
            advisory_route(application, triage, ctx=ctx), triage, by=ctx.actor, at=at
        ),
        expected=expected,
        ctx=ctx,
    )


def refer_to_approval(
    application_id: UUID, triage: Triage, *, expected: int | None, ctx: Context
) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.REFER_TO_APPROVAL,
        lambda application, _: application.refer_to_approval(
            advisory_route(application, triage, ctx=ctx), triage, by=ctx.actor, at=at
        ),
        expected=expected,
        ctx=ctx,
    )


def advise(
    application_id: UUID,
    outcome: Outcome,
    *,
    reason: str,
    conditions: Sequence[Condition],
    queries: Sequence[Query],
    expected: int | None,
    ctx: Context,
) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.ADVISE,
        lambda application, _: application.advise(
            outcome, reason=reason, conditions=conditions, queries=queries, by=ctx.actor, at=at
        ),
        expected=expected,
        ctx=ctx,
    )


def approve(
    application_id: UUID,
    *,
    reason: str,
    met: frozenset[str],
    further: Sequence[Condition],
    as_published: Mapping[int, str],
    expected: int | None,
    ctx: Context,
) -> Application:
    """Approve the snapshot that was handed in, with the conditions that are still open.

    `as_published` says of which lines tables may be by the rule alone, and why.

    Raises:
        AgreementOver: the agreement that it is about was ended since it was handed in.
        Unavailable: agreements does not answer whether it was; nothing was written.

    """
    _require_under_way(application_id, ctx=ctx)
    at = ctx.now()

    def step(application: Application, tx: Transaction) -> Application:
        application.check(Verb.APPROVE, by=ctx.actor)
        conditions = application.conditions_on_approval(met=met, further=further)
        submitted = tx.snapshots.get(application.snapshot_hash or "")
        snapshots.require_clean(submitted)
        return application.approve(
            reason=reason,
            conditions=conditions,
            snapshot=snapshots.as_decided(submitted, conditions, as_published),
            by=ctx.actor,
            at=at,
        )

    return change(application_id, Verb.APPROVE, step, expected=expected, ctx=ctx)


def _require_under_way(application_id: UUID, *, ctx: Context) -> None:
    """Demand that what is approved can be drafted; asked before the transaction begins."""
    with ctx.uow.reading() as tx:
        application = tx.applications.get(application_id, ctx.scope)
    if application.amends is None or application.state is not State.APPROVAL:
        return
    application.check(Verb.APPROVE, by=ctx.actor)
    asked = FactsWanted(
        day=ctx.today(),
        parties=(),
        commissioners=(),
        is_identifiable=False,
        agreement=application.amends,
    )
    agreement = ctx.world.agreements.facts(asked).agreement
    if agreement is None or not agreement.is_under_way:
        raise AgreementOver(
            f"{application.amends} was ended since the application was handed in. Decline it; the"
            " applicant makes a new one."
        )


def refuse(application_id: UUID, *, reason: str, expected: int | None, ctx: Context) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.REFUSE,
        lambda application, _: application.refuse(reason=reason, by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def advisory_route(application: Application, triage: Triage, *, ctx: Context) -> AdvisoryRoute:
    """Return who has to see it today, by the rule of the day (A22, A23)."""
    commercial = application.answers.of(Commercial)
    return route(
        ctx.rules.advisory,
        day=ctx.today(),
        kind=application.kind,
        classifications=[line.classification for line in application.answers.lines],
        commercial=commercial is not None and commercial.commercial,
        triage=triage,
    )
