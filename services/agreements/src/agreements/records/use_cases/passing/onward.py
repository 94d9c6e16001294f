"""Passing data on, and places where data are found: asked, logged, a breach by the fact itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.breach import Breach, Cause, Stopped
from agreements.records.domain.errors import (
    NotAParty,
    SharedInFuture,
    SharedWithOneself,
)
from agreements.records.domain.task import Task, TaskKind
from agreements.records.domain.terms.errors import OnwardShareNotFound
from agreements.records.domain.terms.onward import (
    Ground,
    OnwardShare,
    RegisteredShare,
    ground_of,
    unnamed_places,
)
from agreements.records.domain.version import AgreementVersion
from agreements.records.use_cases.breaches import open_by_facts
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    World,
    compared,
    created_before,
    own,
    remember,
    scope,
)
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import end_of, legal_day
from common.errors import AgreementNotFound
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn:
    """What somebody says that they passed on, or ask whether they may."""

    recipient: str
    line: int
    shared_on: date
    stopped: Stopped


def ask(reference: str, recipient: str, line: int, *, ctx: Context) -> Ground | None:
    """Say by which clause data of a line may go on to an organisation now; None: by none."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        version = agreement.shown(at)
        return ground_of(version, recipient, _level(agreement, version, line, at))


def share(reference: str, told: PassedOn, *, once: OnceKey | None, ctx: Context) -> OnwardShare:
    """Log that data went on. Where no clause names the recipient that is a breach (R22).

    Raises:
        NotAParty, LineNotInAgreement, SharedInFuture, SharedWithOneself

    """
    with ctx.uow.writing() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        if (known := created_before(tx, once, ctx)) is not None:
            return next(
                s for s in tx.onward_shares.find(agreement_id=agreement.id) if str(s.id) == known
            )
        if not agreement.is_party(own(tx, ctx)):
            raise NotAParty(f"{ctx.principal.organisation} is no party to {reference}.")
        if told.recipient in own(tx, ctx):
            raise SharedWithOneself("`recipient` is you. Name who has the data now.")
        if told.shared_on > legal_day(tx.at):
            raise SharedInFuture("`shared_on` is still to come. Ask first whether it is allowed.")
        version = agreement.shown(min(tx.at, end_of(told.shared_on)))
        level = _level(agreement, version, told.line, tx.at)
        ground = ground_of(version, told.recipient, level)
        breach = None if ground is not None else _breach_of(tx, agreement, told, ctx)
        logged = OnwardShare(
            id=new_id(),
            agreement_id=agreement.id,
            version_number=version.number,
            recipient=told.recipient,
            line=told.line,
            level=level,
            shared_on=told.shared_on,
            logged_at=tx.at,
            logged_by=ctx.principal.organisation,
            ground=ground,
            breach_id=None if breach is None else breach.id,
        )
        remember(tx, once, str(logged.id), ctx)
        [stored] = tx.onward_shares.save(
            logged,
            audit=ctx.entry(
                "onward-share-logged",
                f"agreements/{reference}",
                at=tx.at,
                recipient=told.recipient,
                ground="none" if ground is None else ground.value,
            ),
        )
    log.info("onward_share_logged", reference=reference, allowed=ground is not None)
    return stored


def shares(reference: str, part: Slice, *, ctx: Context) -> Sequence[Compared[OnwardShare]]:
    """Return what was passed on under an agreement."""
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        found = tx.onward_shares.page(part, agreement_id=agreement.id)
    return compared(found, by=lambda one: [one], ctx=ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicShare:
    """A line of the register, with what it is compared by."""

    line: RegisteredShare
    share: OnwardShare


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicShares:
    rows: Sequence[Compared[PublicShare]]
    next: UUID | None


def published(part: Slice, *, ctx: World) -> PublicShares:
    """Return what was passed on by a clause; `part.rows` are looked at, fewer may be shown.

    What no clause allowed is a breach, and is published as one where the register changes by it.
    """
    with ctx.uow.reading() as tx:
        found = tx.onward_shares.page(Slice(after=part.after, rows=part.rows + 1))
        looked_at = found[: part.rows]
        shown = [_public(tx, one) for one in looked_at if one.ground is not None]
    return PublicShares(
        rows=compared(shown, by=lambda one: [one.share], ctx=ctx),
        next=looked_at[-1].id if len(found) > part.rows else None,
    )


def published_one(share_id: UUID, *, ctx: World) -> Compared[PublicShare]:
    """Return the line of one.

    Raises:
        OnwardShareNotFound: the register has none of that id.

    """
    with ctx.uow.reading() as tx:
        found = tx.onward_shares.one(id=share_id)
        shown = None if found is None or found.ground is None else _public(tx, found)
    if shown is None:
        raise OnwardShareNotFound(f"The register has no onward share {share_id}.")
    return compared([shown], by=lambda one: [one.share], ctx=ctx)[0]


def _public(tx: Transaction, share: OnwardShare) -> PublicShare:
    reference = _reference(tx, share.agreement_id)
    return PublicShare(line=RegisteredShare.of(share, reference=reference), share=share)


def reference_of(agreement_id: UUID, *, ctx: World) -> str:
    """Return an agreement's reference; its id, where it is not there any more."""
    with ctx.uow.reading() as tx:
        return _reference(tx, agreement_id)


def _reference(tx: Transaction, agreement_id: UUID) -> str:
    try:
        return tx.agreements.by_id(agreement_id).reference
    except AgreementNotFound:  # deleted past the service: the register's statement says so
        return str(agreement_id)


def find_places(
    reference: str,
    seen: Mapping[str, str],
    *,
    lines: tuple[int, ...] | None,
    stopped: Stopped,
    ctx: Context,
) -> Breach | None:
    """Hold the places where an audit found data against the agreement (B05).

    One that it does not name is a breach, and an amendment to be made; no amendment by itself.
    """
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        if lines is not None:
            agreement.held_lines(lines, at)  # raises where a line is not the agreement's
        unnamed = unnamed_places(agreement.shown(at), seen)
        if not unnamed:
            return None
        plural = "s" * (len(unnamed) != 1)
        breach = open_by_facts(
            tx,
            agreement,
            Cause.PLACE_CHANGED,
            lines=lines,
            description=f"An audit found data at {len(unnamed)} place{plural} that the agreement"
            " does not name.",
            stopped=stopped,
            ctx=ctx,
        )
        open_tasks = tx.tasks.find(agreement_id=agreement.id, kind=TaskKind.AMEND_PLACES)
        wanted = {seen[code] for code in unnamed} - {
            task.subject for task in open_tasks if task.done_at is None
        }
        if wanted:
            tx.tasks.save(
                *(
                    Task(
                        id=new_id(),
                        agreement_id=agreement.id,
                        kind=TaskKind.AMEND_PLACES,
                        subject=operator,
                        raised_at=at,
                    )
                    for operator in sorted(wanted)
                ),
                audit=ctx.entry("amendment-task-raised", f"agreements/{reference}", at=at),
            )
    log.info("unnamed_places_found", reference=reference, places=len(unnamed))
    return breach


def _level(agreement: Agreement, version: AgreementVersion, line: int, at: datetime) -> str:
    numbers = {one.number: one.key.classification for one in version.lines}
    if line not in numbers:
        agreement.held_lines([line], at)  # raises where no version shown has it
    return numbers.get(line, "")


def _breach_of(tx: Transaction, agreement: Agreement, told: PassedOn, ctx: Context) -> Breach:
    return open_by_facts(
        tx,
        agreement,
        Cause.ONWARD_SHARE,
        lines=(told.line,),
        description=f"Data of line {told.line} went on to {told.recipient}, which no clause of the"
        " agreement names.",
        stopped=told.stopped,
        ctx=ctx,
    )
