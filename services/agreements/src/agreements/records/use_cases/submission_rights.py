"""Who may send whose activity: recorded by one person, let in by another, asked by the haven."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog

from agreements.records.domain.errors import OrganisationUnknown, SubmissionRightNotFound
from agreements.records.domain.lists.layouts import rights as layout
from agreements.records.domain.lists.layouts.reading import (
    LeftOut,
    Stretch,
    contradict,
    overlapping,
)
from agreements.records.domain.parties import submission_right as domain
from agreements.records.domain.parties.errors import SubmissionRightOverlaps
from agreements.records.domain.parties.submission_right import (
    ProviderStanding,
    RightState,
    SubmissionRight,
)
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    remember,
    require_as_sealed,
)
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import digest, new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRights:
    """What was recorded together; it waits for a second person together."""

    id: UUID
    rights: tuple[SubmissionRight, ...]
    left_out: LeftOut


def record(asked: layout.ListedRight, *, once: OnceKey | None, ctx: Context) -> RecordedRights:
    """Record a right. It does not hold before a second person confirms it.

    Raises:
        OrganisationUnknown: a code is not in the loaded list on the first day.
        SubmissionRightOverlaps: of some of its days another one of the same two is recorded.

    """
    batch = new_id()
    with ctx.uow.writing() as tx:
        if (known := created_before(tx, once, ctx)) is not None:
            return _batch(tx, UUID(known))
        right = _right(tx, asked, batch, ctx)
        right.require_no_overlap(_of_the_same(tx, right))
        remember(tx, once, str(batch), ctx)
        stored = _recorded(tx, batch, [right], "", ctx)
    return RecordedRights(id=batch, rights=stored, left_out=layout.NOTHING_LEFT_OUT)


def import_rights(content: bytes, *, ctx: Context) -> RecordedRights:
    """Record a list of rights: one batch.

    Codes that no list of organisations has are left out, and so are days that are recorded.

    Raises:
        ImportRefused, ImportContradicts: nothing of it was taken.

    """
    read = layout.read(content)
    batch = new_id()
    by_line: dict[int, SubmissionRight] = {}
    with ctx.uow.writing() as tx:
        for asked in read.listed:
            try:
                by_line[asked.line] = right = _right(tx, asked, batch, ctx)
                right.require_no_overlap(_of_the_same(tx, right))
            except OrganisationUnknown as unknown:
                read.remainder.add(asked.line, "", unknown.detail)
            except SubmissionRightOverlaps as overlaps:
                read.remainder.add(asked.line, "valid_from", overlaps.detail)
                del by_line[asked.line]
        stretches = (
            Stretch(line, (right.submitter, right.provider), right.valid_from, right.valid_to)
            for line, right in by_line.items()
        )
        contradict("valid_from", overlapping(stretches))
        rights = [*by_line.values()]
        left_out = read.remainder.left_out(taken=len(rights))
        stored = _recorded(tx, batch, rights, digest(content), ctx)
    return RecordedRights(id=batch, rights=stored, left_out=left_out)


def _recorded(
    tx: Transaction, batch: UUID, rights: Sequence[SubmissionRight], source: str, ctx: Context
) -> tuple[SubmissionRight, ...]:
    stored = tx.submission_rights.save(
        *rights,
        audit=ctx.entry(
            "submission-rights-recorded",
            f"submission-rights/{batch}",
            at=tx.at,
            rights=str(len(rights)),
            digest=source,
        ),
    )
    log.info("submission_rights_recorded", batch_id=str(batch), rights=len(rights))
    return stored


def _of_the_same(tx: Transaction, right: SubmissionRight) -> Sequence[SubmissionRight]:
    return tx.submission_rights.find(submitter=right.submitter, provider=right.provider)


def _right(
    tx: Transaction, asked: layout.ListedRight, batch: UUID, ctx: Context
) -> SubmissionRight:
    day = asked.valid_from
    lists = codes.read(tx, [asked.submitter, asked.provider], day, ctx.reference)
    submitter = lists.codes.normal(asked.submitter)
    provider = lists.codes.normal(asked.provider)
    require_known(tx, [submitter, provider], day)
    return SubmissionRight(
        id=new_id(),
        batch=batch,
        submitter=submitter,
        provider=provider,
        valid_from=day,
        valid_to=asked.valid_to,
        evidence=asked.evidence,
        state=RightState.WAITING,
        proposed_by=ctx.principal.subject,
        proposed_at=tx.at,
    )


def confirm(batch: UUID, reason: str, *, ctx: Context) -> RecordedRights:
    """Let a batch hold: somebody else than who recorded it.

    Raises:
        SubmissionRightNotFound, SecondPersonNeeded, ReplacementDecided
        SubmissionRightOverlaps: one of the same two holds by now on some of these days.
        UnlikeSeal: what was shown may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        shown = _batch(tx, batch).rights
    require_as_sealed("The rights to submit are", *shown, ctx=ctx)
    with ctx.uow.writing() as tx:
        at = tx.at
        known = _batch(tx, batch)
        by = ctx.principal.subject
        changed = [
            r.confirm(by=by, reason=reason, at=at, others=_of_the_same(tx, r)) for r in known.rights
        ]
        return _stored(tx, known, changed, "submission-rights-confirmed", ctx)


def withdraw(batch: UUID, reason: str, *, ctx: Context) -> RecordedRights:
    """Give a batch up that waits."""
    with ctx.uow.writing() as tx:
        at = tx.at
        known = _batch(tx, batch)
        changed = [
            r.take_back(by=ctx.principal.subject, reason=reason, at=at) for r in known.rights
        ]
        return _stored(tx, known, changed, "submission-rights-taken-back", ctx)


def end(right_id: UUID, last_day: date | None, *, ctx: Context) -> SubmissionRight:
    """End a right after its last day, by default today; nobody else has to look."""
    with ctx.uow.writing() as tx:
        at = tx.at
        found = tx.submission_rights.one(id=right_id)
        if found is None:
            raise SubmissionRightNotFound(f"There is no submission right {right_id}.")
        ended = found.end(last_day=last_day or legal_day(at))
        if ended == found:
            return found
        [stored] = tx.submission_rights.save(
            ended,
            audit=ctx.entry(
                "submission-right-ended",
                f"submission-rights/{found.batch}",
                at=at,
                right=str(right_id),
                last_day=str(ended.valid_to),
            ),
        )
    return stored


def _batch(tx: Transaction, batch: UUID) -> RecordedRights:
    rights = tuple(tx.submission_rights.find(batch=batch))
    if not rights:
        raise SubmissionRightNotFound(f"There is no batch {batch} of submission rights.")
    return RecordedRights(id=batch, rights=rights, left_out=layout.NOTHING_LEFT_OUT)


def _stored(
    tx: Transaction,
    known: RecordedRights,
    changed: Sequence[SubmissionRight],
    action: str,
    ctx: Context,
) -> RecordedRights:
    stored = tx.submission_rights.save(
        *changed,
        audit=ctx.entry(action, f"submission-rights/{known.id}", at=tx.at),
    )
    log.info("submission_rights_decided", batch_id=str(known.id), action=action)
    return RecordedRights(id=known.id, rights=stored, left_out=known.left_out)


def page(
    part: Slice, state: RightState | None, *, ctx: Context
) -> Sequence[Compared[SubmissionRight]]:
    equal = {} if state is None else {"state": state}
    with ctx.uow.reading() as tx:
        found = tx.submission_rights.page(part, **equal)
    return compared(found, by=lambda one: [one], ctx=ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """For whom a submitter may send records as at a day."""

    submitter: str
    entity: str
    as_at: date
    providers: tuple[ProviderStanding, ...]


def standings(submitter: str, provider: str | None, as_at: date, *, ctx: Context) -> Standings:
    """Say whether a submitter may send a provider's records; without one, for whom it may.

    Raises:
        UnlikeSeal: a right that it would rest on may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        rights = [
            r for r in tx.submission_rights.find(state=RightState.CONFIRMED) if r.holds_on(as_at)
        ]
        named = {submitter, *([provider] if provider else [])}
        named |= {code for r in rights for code in (r.submitter, r.provider)}
        lists = codes.read(tx, named, as_at, ctx.reference)
    sender = lists.codes.normal(submitter)
    resting = [r for r in rights if lists.codes.normal(r.submitter) == sender]
    require_as_sealed(f"The rights of {sender} to submit are", *resting, ctx=ctx)
    asked = (
        [provider]
        if provider
        else sorted({sender} | {lists.codes.normal(r.provider) for r in resting})
    )
    return Standings(
        submitter=submitter,
        entity=sender,
        as_at=as_at,
        providers=tuple(
            domain.standing_of(
                submitter,
                one,
                as_at,
                rights=rights,
                codes=lists.codes,
                organisations=lists.organisations,
            )
            for one in asked
        ),
    )
