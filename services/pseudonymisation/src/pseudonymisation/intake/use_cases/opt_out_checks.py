"""The national check: opened, its request handed out, its reply taken, let in or taken back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Final
from uuid import UUID

import structlog

from catalogue import UnknownDataSet
from common import faults
from common.audit import require_as_logged
from common.audit.entries import Entry, entry_for
from common.clock import legal_day
from common.errors import EditedMeanwhile
from common.ids import new_id
from common.replacement import Change, ReplacementKind, ReplacementStatus, of_late, rules
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.errors import (
    CheckAsksNobody,
    CheckTooLarge,
)
from pseudonymisation.intake.domain.national_check.life import CheckRule, CheckState
from pseudonymisation.intake.domain.opt_out import ListContent
from pseudonymisation.intake.domain.opt_out_check import (
    CheckNow,
    OptOutCheck,
    Reply,
    judge_reply,
    newest_first,
    now_of,
)
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import ListImport, Transaction

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROUNDS: Final = 5
"""So often a reply is compared anew, where another was put in force meanwhile."""


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
        DataSetUnknown, PeriodInvalid, CheckAsksNobody, CheckTooLarge, IdempotencyKeyReused
        Unavailable

    """
    principal, at = ctx.principal, ctx.clock.now()
    _require_periods(data_set, periods, ctx=ctx)
    with ctx.uow.reading() as tx:
        repeated = tx.idempotency.find(actor=principal.key_owner, key=key, fingerprint=fingerprint)
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
    try:
        _rule(at, ctx=ctx).require_size(people)
    except CheckTooLarge:
        ctx.haven.destroy_list(check_id, object_key)
        raise
    faults.reach("check-gathered")
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
        tx.idempotency.remember(
            actor=principal.key_owner, key=key, fingerprint=fingerprint, resource=str(check_id)
        )
        stored = tx.opt_out_checks.save(check, audit=_entry("opt-out-check-opened", check, ctx=ctx))
    log.info("opt_out_check_opened", check_id=str(check_id), data_set=data_set)
    faults.reach("check-opened")
    return stored


def request_of(check_id: UUID, *, ctx: IntakeContext) -> Iterator[bytes]:
    """Hand out the request, as the national service wants it: `number,` and a line feed.

    That it was asked for is written down before the first number is opened. Fetched once more it is
    the same, to the byte.

    Raises:
        CheckNotFound, CheckTooOld, CheckAnswered, RecordNotAsLogged, EditedMeanwhile, Unavailable

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.reading() as tx:
        tx.opt_out_checks.get(check_id)
        tx.opt_out_checks.hold([check_id])
    require_as_logged(f"opt-out-checks/{check_id}")  # its row says whose numbers are handed out
    with ctx.uow.writing() as tx:
        check = tx.opt_out_checks.get(check_id)
        asked = check.fetched(by=by, at=at, rule=_rule(at, ctx=ctx))
        tx.opt_out_checks.save(asked, audit=_entry("opt-out-check-request-read", asked, ctx=ctx))
    faults.reach("check-request-begun")
    lines = ctx.haven.asked(check.id, check.object_key)
    log.info("opt_out_check_request_read", check_id=str(check_id))
    # What cannot be opened is said now: once an answer has begun it can only be cut.
    return chain([next(lines, b"")], lines)


def begin_reply(
    check_id: UUID, reference: str, *, ctx: IntakeContext
) -> tuple[tuple[OptOutCheck, UUID], ListImport]:
    """Prepare to take a reply, which came with that reference.

    Raises:
        CheckNotFound, CheckTooOld, CheckNotAsked, ReplyOfAnotherCheck

    """
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        check = tx.opt_out_checks.get(check_id)
    check.require_asked(reference, at=at, rule=_rule(at, ctx=ctx))
    reply_id = new_id()
    return (check, reply_id), ctx.haven.cleared(reply_id)


def finish_reply(
    check: OptOutCheck, reply_id: UUID, coming: ListImport, *, ctx: IntakeContext
) -> OptOutCheck:
    """Take the reply, against this check alone. The same again is the one that was taken.

    Where it clears many whom earlier replies did not clear, or looks like something else than a
    reply, it waits for a second person.

    Raises:
        ReplyInvalid, ReplyTruncated, ReplyDoubled, ReplyNotAsked, CheckAnswered, CheckTooOld
        EditedMeanwhile, Unavailable

    """
    taken = coming.finish()
    faults.reach("check-reply-sealed")
    not_asked = ctx.haven.not_asked(check, reply_id, coming.key)
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            present = tx.opt_out_checks.get(check.id)
            related = _related(present, tx)
        at = ctx.clock.now()
        if present.has(taken, at=at, rule=_rule(at, ctx=ctx)):
            coming.abandon()
            return present
        reply = _reply(reply_id, taken, coming.key, ctx=ctx)
        answered = present.answered(reply, numbers=taken.numbers, not_asked=not_asked)
        answered = _judged(answered, reply, related, ctx=ctx)
        with ctx.uow.writing() as tx:
            now = _related(present, tx, locked=True)
            if now != related or tx.opt_out_checks.get(check.id) != present:
                continue
            stored = tx.opt_out_checks.save(
                answered, audit=_entry("opt-out-check-answered", answered, ctx=ctx)
            )
        log.info("opt_out_check_answered", check_id=str(check.id), state=stored.state.value)
        faults.reach("check-reply-taken")
        return stored
    raise EditedMeanwhile("Another reply is being put in force. Try again.")


def note_refusal(check_id: UUID, code: str, *, ctx: IntakeContext) -> None:
    """Remember that what came to a check was no reply of it (`NO_REPLY`)."""
    at = ctx.clock.now()
    for _ in range(ROUNDS):
        with ctx.uow.reading() as tx:
            present = tx.opt_out_checks.get(check_id)
        if present.reply is not None:
            return  # it has its reply: what came besides changes nothing of it
        noted = present.refuse(code, at=at)
        try:
            with ctx.uow.writing() as tx:
                tx.opt_out_checks.save(
                    noted, audit=_entry("opt-out-check-reply-refused", noted, ctx=ctx)
                )
        except EditedMeanwhile:
            continue
        log.warning("opt_out_check_reply_refused", check_id=str(check_id), code=code)
        return
    log.error("opt_out_check_refusal_not_noted", check_id=str(check_id), code=code)


def confirm_reply(check_id: UUID, reason: str, *, ctx: IntakeContext) -> OptOutCheck:
    """Let a reply that waits into force: a second person's word.

    Raises:
        CheckNotFound, CheckNotAnswered, SecondPersonNeeded, ReplacementDecided
        ReplacementOutdated: where it is not the reply in force that its preview is held against

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.writing() as tx:
        present = tx.opt_out_checks.get(check_id)
        former = _former(_related(present, tx, locked=True))
        # Another may have decided it, before it was this one's turn.
        present = tx.opt_out_checks.get(check_id)
        rule = _rule(at, ctx=ctx)
        confirmed = present.confirm_reply(former, by=by, reason=reason, at=at, rule=rule)
        stored = tx.opt_out_checks.save(
            confirmed, audit=_entry("opt-out-check-reply-confirmed", confirmed, ctx=ctx)
        )
    log.info("opt_out_check_reply_confirmed", check_id=str(check_id))
    return stored


def take_reply_back(check_id: UUID, reason: str, *, ctx: IntakeContext) -> OptOutCheck:
    """Take a reply back, waiting or in force: nobody is used by it from now on.

    Raises:
        CheckNotFound, CheckNotAnswered, ReplacementDecided, EditedMeanwhile

    """
    at, by = ctx.clock.now(), ctx.principal.subject
    with ctx.uow.writing() as tx:
        present, rule = tx.opt_out_checks.get(check_id), _rule(at, ctx=ctx)
        gone = present.take_reply_back(by=by, reason=reason, at=at, rule=rule)
        stored = tx.opt_out_checks.save(
            gone, audit=_entry("opt-out-check-reply-taken-back", gone, ctx=ctx)
        )
    log.info("opt_out_check_reply_taken_back", check_id=str(check_id))
    return stored


def get(check_id: UUID, *, ctx: IntakeContext) -> OptOutCheck:
    """Raise CheckNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.opt_out_checks.get(check_id)
        tx.opt_out_checks.hold([check_id])
        return found


def page(
    *, state: CheckState | None, after: UUID | None, limit: int, ctx: IntakeContext
) -> Sequence[OptOutCheck]:
    at = ctx.clock.now()
    by = (at, _rule(at, ctx=ctx))
    with ctx.uow.reading() as tx:
        return tx.opt_out_checks.page(state=state, by=by, after=after, limit=limit)


def now(check: OptOutCheck, *, ctx: IntakeContext) -> CheckNow:
    """Say how it stands at this moment, and what is to be done next."""
    at = ctx.clock.now()
    replied_at = at if check.reply is None else check.reply.received_at
    return now_of(check, at=at, rule=_rule(at, ctx=ctx), of_reply=_rule(replied_at, ctx=ctx))


def _related(check: OptOutCheck, tx: Transaction, *, locked: bool = False) -> Sequence[OptOutCheck]:
    """Read the checks whose replies are in force and that asked about people of its months."""
    answered = tx.opt_out_checks.answered(check.data_set, locked=locked)
    return newest_first(
        other
        for other in answered
        if other.id != check.id and other.is_in_force and other.is_about_the_same_as(check)
    )


def _former(related: Sequence[OptOutCheck]) -> OptOutCheck | None:
    """Return the one that a reply is held against, whichever of the two was opened first."""
    return related[0] if related else None


def _reply(reply_id: UUID, taken: ListContent, object_key: str, *, ctx: IntakeContext) -> Reply:
    at, by = ctx.clock.now(), ctx.principal.subject
    unchanged = Change(before=0, after=0, added=0, removed=0)
    on = legal_day(at)
    return Reply(
        id=reply_id,
        cleared=taken.people,
        digest=taken.digest,
        object_key=object_key,
        received_at=at,
        received_by=by,
        standing=ReplacementStatus.begun(
            judge_reply(unchanged, (), is_odd=False, limits=rules.load(), on=on), by=by, at=at
        ),
    )


def _judged(
    answered: OptOutCheck, reply: Reply, related: Sequence[OptOutCheck], *, ctx: IntakeContext
) -> OptOutCheck:
    """Hold its reply against the one in force, and against all of late together."""
    former = _former(related)
    at, by = reply.received_at, reply.received_by
    on, limits = legal_day(at), rules.load()
    recent = of_late(
        related,
        standing=lambda check: check.standing,
        at=at,
        days=limits.limit(ReplacementKind.OPT_OUTS, on=on).window_days,
    )
    change = (
        reply.standing.change
        if former is None
        else ctx.haven.change_of_replies(former, after=answered)
    )
    over_window = (
        [ctx.haven.change_of_replies(*recent, after=answered)]
        if any(one != former for one in recent)
        else []
    )
    # Of the same people, whoever clears nobody anew only takes away, however few are left.
    takes_away = (
        former is not None
        and frozenset(former.editions) == frozenset(answered.editions)
        and not change.removed
    )
    is_odd = bool(answered.signals(_rule(at, ctx=ctx))) and not takes_away
    judgement = judge_reply(change, over_window, is_odd=is_odd, limits=limits, on=on)
    standing = ReplacementStatus.begun(
        judgement, by=by, at=at, held_against=None if former is None else str(former.id)
    )
    return replace(answered, reply=replace(reply, standing=standing))


def _require_periods(data_set: str, periods: Sequence[str], *, ctx: IntakeContext) -> None:
    try:
        described = ctx.catalogue.get(data_set)
    except UnknownDataSet:
        raise errors.DataSetUnknown("`data_set` is not in the catalogue.") from None
    for text in periods:
        Period.parse(text).require_of(described)


def _rule(at: datetime, *, ctx: IntakeContext) -> CheckRule:
    return ctx.check_rule(legal_day(at))


def _entry(action: str, check: OptOutCheck, *, ctx: IntakeContext) -> Entry:
    return entry_for(
        ctx.principal,
        at=ctx.clock.now(),
        action=action,
        resource=f"opt-out-checks/{check.id}",
        on_behalf_of=None,  # the Body asks for itself
        detail={
            **check.logged,
            **(
                ({} if check.refusal is None else {"refused": check.refusal.code})
                if check.reply is None
                else {
                    "change": check.reply.standing.change.as_json(),
                    "reason": check.reply.standing.reason,
                }
            ),
        },
    )
