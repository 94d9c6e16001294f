"""The national check: opened, its request handed out, its reply taken."""

from collections.abc import Iterator, Sequence
from itertools import chain
from uuid import UUID

import structlog

from catalogue import UnknownDataSet
from common.audit.entries import Entry, entry_for
from common.clock import legal_day
from common.ids import new_id
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.errors import CheckAnswered, CheckAsksNobody
from pseudonymisation.intake.domain.opt_out_check import CheckAge, OptOutCheck
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import ListImport

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def open_(
    *,
    data_set: str,
    periods: Sequence[str],
    purpose: str,
    key: str | None,
    fingerprint: str,
    ctx: IntakeContext,
) -> OptOutCheck:
    """Open a check about everybody with an NHS number in the editions in force of the periods.

    Raises:
        DataSetUnknown, PeriodInvalid, CheckAsksNobody, IdempotencyKeyReused, Unavailable

    """
    principal, at = ctx.principal, ctx.clock.now()
    _require_periods(data_set, periods, ctx=ctx)
    with ctx.uow.reading() as tx:
        repeated = tx.repeated(actor=principal.key_owner, key=key, fingerprint=fingerprint)
        if repeated is not None:
            return tx.opt_out_checks.get(UUID(repeated))
        editions = tx.editions.covering(data_set, periods)
    check_id = new_id()
    object_key, people = ctx.haven.ask_about(check_id, editions)
    if not people:
        ctx.haven.destroy_list(check_id, object_key)
        raise CheckAsksNobody(
            "No edition in force of the periods has a person with an NHS number. Land the periods"
            " first."
        )
    check = OptOutCheck(
        id=check_id,
        data_set=data_set,
        periods=tuple(dict.fromkeys(periods)),
        purpose=purpose,
        editions=tuple(edition.id for edition in editions),
        people=people,
        object_key=object_key,
        opened_at=at,
        opened_by=principal.subject,
    )
    with ctx.uow.writing() as tx:
        tx.remember(
            actor=principal.key_owner, key=key, fingerprint=fingerprint, resource=str(check_id)
        )
        stored = tx.opt_out_checks.save(check, audit=_entry("opt-out-check-opened", check, ctx=ctx))
    log.info("opt_out_check_opened", check_id=str(check_id), data_set=data_set)
    return stored


def request_of(check_id: UUID, *, ctx: IntakeContext) -> Iterator[bytes]:
    """Hand out the request, as the national service wants it: `number,` and a line feed.

    That it was asked for is written down before the first number is opened.

    Raises:
        CheckNotFound, CheckTooOld, CheckAnswered, Unavailable

    """
    with ctx.uow.writing() as tx:
        check = tx.opt_out_checks.get(check_id)
        check.require_open(_age(ctx=ctx), day=legal_day(ctx.clock.now()))
        if check.reply is not None:
            raise CheckAnswered("The check has its reply; its request cannot be fetched any more.")
        tx.log(_entry("opt-out-check-request-read", check, ctx=ctx))
    lines = ctx.haven.asked(check.id, check.object_key)
    log.info("opt_out_check_request_read", check_id=str(check_id))
    # What cannot be opened is said now: once an answer has begun it can only be cut.
    return chain([next(lines, b"")], lines)


def begin_reply(check_id: UUID, *, ctx: IntakeContext) -> tuple[OptOutCheck, UUID, ListImport]:
    """Prepare to take a reply.

    Raises:
        CheckNotFound, CheckTooOld

    """
    with ctx.uow.reading() as tx:
        check = tx.opt_out_checks.get(check_id)
    if check.reply is None:
        check.require_open(_age(ctx=ctx), day=legal_day(ctx.clock.now()))
    reply_id = new_id()
    return check, reply_id, ctx.haven.cleared(reply_id)


def finish_reply(
    check: OptOutCheck, reply_id: UUID, coming: ListImport, *, ctx: IntakeContext
) -> OptOutCheck:
    """Take the reply, against this check alone. The same again is the one that was taken.

    Raises:
        ReplyInvalid, ReplyNotAsked, CheckAnswered, Unavailable

    """
    taken = coming.finish()
    not_asked = ctx.haven.not_asked(check, reply_id, coming.key)
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.writing() as tx:
        present = tx.opt_out_checks.get(check.id)
        answered = present.answered(
            taken,
            reply_id=reply_id,
            not_asked=not_asked,
            object_key=coming.key,
            by=by,
            at=at,
        )
        if answered is present:
            coming.abandon()
            return present
        stored = tx.opt_out_checks.save(
            answered, audit=_entry("opt-out-check-answered", answered, ctx=ctx)
        )
    log.info("opt_out_check_answered", check_id=str(check.id))
    return stored


def get(check_id: UUID, *, ctx: IntakeContext) -> OptOutCheck:
    """Raise CheckNotFound."""
    with ctx.uow.reading() as tx:
        return tx.opt_out_checks.get(check_id)


def page(*, after: UUID | None, limit: int, ctx: IntakeContext) -> Sequence[OptOutCheck]:
    with ctx.uow.reading() as tx:
        return tx.opt_out_checks.page(after=after, limit=limit)


def _require_periods(data_set: str, periods: Sequence[str], *, ctx: IntakeContext) -> None:
    try:
        described = ctx.catalogue.get(data_set)
    except UnknownDataSet:
        raise errors.DataSetUnknown("`data_set` is not in the catalogue.") from None
    for text in periods:
        Period.parse(text).require_of(described)


def _age(*, ctx: IntakeContext) -> CheckAge:
    return ctx.check_age(legal_day(ctx.clock.now()))


def _entry(action: str, check: OptOutCheck, *, ctx: IntakeContext) -> Entry:
    return entry_for(
        ctx.principal,
        at=ctx.clock.now(),
        action=action,
        resource=f"opt-out-checks/{check.id}",
        on_behalf_of=None,  # the Body asks for itself
        detail={
            "data_set": check.data_set,
            "periods": list(check.periods),
            "purpose": check.purpose,
            "people": check.people,
            "cleared": None if check.reply is None else check.reply.cleared,
        },
    )
