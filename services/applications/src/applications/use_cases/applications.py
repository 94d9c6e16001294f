"""What an applicant does, and what all who may read an application see."""

import re
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import structlog

from applications.domain import standards
from applications.domain.application import Application
from applications.domain.errors import FindingsRefuse, Redirected, SectionNotFound
from applications.domain.life import State, Verb
from applications.domain.sections.forms import Kind, Section
from applications.use_cases import examination, snapshots
from applications.use_cases.context import Context
from applications.use_cases.examination import Examination
from applications.use_cases.ports import Applications, HistoryLine, Summary, Transaction
from common.errors import EditedMeanwhile
from common.ids import dars_reference, new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def draft(
    title: str,
    *,
    kind: Kind,
    amends: str | None,
    enquiry: bool,
    data_sets: Sequence[str],
    key: str | None,
    fingerprint: str,
    ctx: Context,
) -> Application:
    """Begin an application; the same key and request again is the same application."""
    _redirect(data_sets, ctx=ctx)
    at = ctx.now()
    application = Application.begin(
        id=new_id(),
        title=title,
        kind=kind,
        amends=amends,
        enquiry=enquiry,
        standards=standards.kept(ctx.rules.standards, ctx.today()),
        by=ctx.actor,
        at=at,
    )
    actor = ctx.principal.key_owner
    with ctx.uow.writing() as tx:
        if key is not None:
            before = tx.keys.find(actor=actor, key=key, fingerprint=fingerprint)
            if before is not None:
                return tx.applications.get(before, ctx.scope)
            tx.keys.remember(actor=actor, key=key, fingerprint=fingerprint, resource=application.id)
        audit = ctx.entry(application, "application-drafted", at)
        stored = tx.applications.save(application, audit=audit)
    log.info("application_drafted", application_id=str(stored.id))
    return stored


def get(application_id: UUID, *, ctx: Context) -> Application:
    with ctx.uow.reading() as tx:
        found = tx.applications.get(application_id, ctx.scope)
        tx.applications.hold(application_id)
        return found


def page(*, state: State | None, after: UUID | None, limit: int, ctx: Context) -> Sequence[Summary]:
    with ctx.uow.reading() as tx:
        return tx.applications.page(ctx.scope, state=state, after=after, limit=limit)


def history(
    application_id: UUID, *, after: UUID | None, limit: int, ctx: Context
) -> Sequence[HistoryLine]:
    """Return who did what and when, oldest first."""
    with ctx.uow.reading() as tx:
        tx.applications.get(application_id, ctx.scope)
        tx.applications.hold(application_id)
        return tx.applications.history(application_id, after=after, limit=limit)


def section(application_id: UUID, number: int, *, ctx: Context) -> tuple[Application, Section]:
    application = get(application_id, ctx=ctx)
    found = application.answers.sections.get(number)
    if found is None:
        raise SectionNotFound(f"Section {number} is not answered yet.")
    return application, found


def answer(
    application_id: UUID, answers: Section, *, expected: int | None, ctx: Context
) -> Application:
    """Fill in or replace one section."""
    at = ctx.now()
    return change(
        application_id,
        Verb.ANSWER,
        lambda application, _: application.answer(answers, by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
        is_done=lambda now: now.answers.sections.get(answers.standard) == answers,
    )


def findings(application_id: UUID, *, ctx: Context) -> Examination:
    """Return what a machine can already tell, at any time."""
    return examination.preview(get(application_id, ctx=ctx), ctx=ctx)


def submit(
    application_id: UUID, *, replies: Mapping[str, str], expected: int | None, ctx: Context
) -> Application:
    """Hand in: checked against everything that is known today, then frozen.

    Agreements is asked before the transaction begins, so that nothing waits for it under a
    lock; what is stored is the version that was checked, or nothing.

    Raises:
        FindingsRefuse: with every finding.
        Unavailable: agreements does not answer; nothing was written.

    """
    with ctx.uow.reading() as tx:
        read = tx.applications.get(application_id, ctx.scope)
        if _is_repeated(read, Verb.SUBMIT, expected=expected, taken=tx.applications, ctx=ctx):
            return read
        others = tx.applications.labels_about(read.amends, but=read.id)
    _is_as_seen(read, expected)
    read.check(Verb.SUBMIT, by=ctx.actor)
    day, at = ctx.today(), ctx.now()
    asked = examination.read(read.answered(replies), ctx=ctx)
    application = asked.application
    facts = examination.look_up(application, day=day, ctx=ctx)
    found = examination.examine(
        application, facts=facts, day=day, ctx=ctx, corrected=asked.corrected
    )
    agreed = facts.agreement.highest if facts.agreement else None
    reference = application.reference or application.amends or dars_reference()
    label = application.label_for(agreed, others)
    if any(finding.refuses for finding in found):
        raise FindingsRefuse(found)
    snapshot = examination.propose(application, facts, reference=reference, label=label, ctx=ctx)
    if snapshot is None:  # a check is missing: a defect of ours, not of the answers
        raise AssertionError("the answers pass every check and do not come to a snapshot")
    submitted = application.submit(
        reference=reference,
        label=label,
        snapshot=snapshots.freeze(snapshot),
        standards=standards.kept(ctx.rules.standards, day),
        by=ctx.actor,
        at=at,
    )
    with ctx.uow.writing() as tx:
        audit = ctx.entry(submitted, "application-submitted", at)
        stored = tx.applications.save(submitted, audit=audit)
    log.info("application_submitted", application_id=str(stored.id), revision=stored.revision)
    return stored


def withdraw(application_id: UUID, *, expected: int | None, ctx: Context) -> Application:
    at = ctx.now()
    return change(
        application_id,
        Verb.WITHDRAW,
        lambda application, _: application.withdraw(by=ctx.actor, at=at),
        expected=expected,
        ctx=ctx,
    )


def change(
    application_id: UUID,
    verb: Verb,
    step: Callable[[Application, Transaction], Application],
    *,
    expected: int | None,
    ctx: Context,
    is_done: Callable[[Application], bool] = lambda _: True,
) -> Application:
    """Read, take the step, store: one transaction.

    `expected` is the version that the caller has seen. Where the caller's own same step made
    the version after it, this is that step sent again, and nothing happens twice.
    """
    with ctx.uow.writing() as tx:
        application = tx.applications.get(application_id, ctx.scope)
        if _is_repeated(
            application, verb, expected=expected, taken=tx.applications, ctx=ctx
        ) and is_done(application):
            return application
        _is_as_seen(application, expected)
        changed = step(application, tx)
        taken = changed.steps[-1]
        audit = ctx.entry(changed, f"application-{ACTIONS[verb]}", taken.at)
        stored = tx.applications.save(changed, audit=audit)
    log.info("application_changed", application_id=str(stored.id), verb=verb.value)
    return stored


ACTIONS: Mapping[Verb, str] = {
    Verb.OPEN: "opened",
    Verb.CLOSE: "closed",
    Verb.ANSWER: "answered",
    Verb.REVIEW: "review-begun",
    Verb.RETURN: "returned",
    Verb.REFER_TO_ADVICE: "referred-to-advice",
    Verb.ADVISE: "advised",
    Verb.REFER_TO_APPROVAL: "referred-to-approval",
    Verb.APPROVE: "approved",
    Verb.REFUSE: "declined",
    Verb.WITHDRAW: "withdrawn",
}
"""What the audit log calls each step, after `application-`."""


def _is_repeated(
    application: Application,
    verb: Verb,
    *,
    expected: int | None,
    taken: Applications,
    ctx: Context,
) -> bool:
    if expected is None or application.version == expected:
        return False
    return taken.has_taken(
        application.id,
        version=expected + 1,
        verb=verb.value,
        subject=ctx.principal.subject,
    )


def _is_as_seen(application: Application, expected: int | None) -> None:
    if expected is not None and application.version != expected:
        raise EditedMeanwhile(
            f"The application is at version {application.version}, not {expected}."
        )


def _redirect(data_sets: Sequence[str], *, ctx: Context) -> None:
    """Refuse what another service provides (A26)."""
    for redirection in ctx.rules.redirections:
        if redirection.data_set in data_sets and re.fullmatch(
            redirection.applicant, ctx.actor.organisation
        ):
            raise Redirected(
                f"{redirection.data_set} for one's own organisation comes from the "
                f"{redirection.service}.",
                service=redirection.service,
            )
