"""Delivering bytes: asked for at every request, logged before the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from common.clock import boottime
from common.errors import AgreementNotFound, EditedMeanwhile, Refusal, Refused
from common.ids import new_id
from dissemination.domain.delivery import Cut, Delivery
from dissemination.domain.errors import FileDestroyed, ObjectMissing
from dissemination.domain.lease import Lease
from dissemination.domain.ranges import ByteRange, requested
from dissemination.domain.release import Release
from dissemination.domain.zips.archive import Archive
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Logged

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SILENT_AFTER = timedelta(seconds=60)
"""A stream writes down every ten seconds that it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A part of a file that may leave from now on, as long as the lease is kept up."""

    delivery_id: UUID
    release: Release
    on_behalf_of: str | None
    part: ByteRange
    is_range: bool
    lease: Lease
    archive: Archive | None = None
    """The zip whose part it is; None: it is the file's own."""

    @property
    def etag(self) -> str:
        return etag_of(self.release) if self.archive is None else self.archive.etag


def allow(
    file_id: UUID,
    *,
    range_header: str | None,
    if_range: str | None,
    ctx: Context,
    archive: Archive | None = None,
) -> Allowed:
    """Ask whether bytes of a file may leave now, and for how long. Writes nothing on a yes.

    With an `archive` they leave as that zip; it is the same question, since it is the same file.

    Raises:
        FileNotFound: it is not released, or another organisation's.
        FileDestroyed: for good.
        Refused, AgreementNotFound, DecisionUnavailable: not now.
        ObjectMissing, ObjectStoreUnavailable: its object cannot be had.
        RangeNotSatisfiable: the range lies outside.

    """
    with ctx.uow.reading() as tx:
        release = tx.releases.get(file_id, own=ctx.own)
        acting = ctx.in_whose_name(tx.extracts.get(release.extract_id))
        is_destroyed = bool(tx.destroyed.of([file_id]))
    delivery_id = new_id()
    if is_destroyed:
        _log_refusal(release, acting, delivery_id, [FileDestroyed.code], ctx)
        raise FileDestroyed("Its destruction was accepted. Ask for the period again.")
    try:
        lease = _ask(release, delivery_id, None, ctx)
    except Refused as refused:
        _log_refusal(release, acting, delivery_id, [r.code for r in refused.refusals], ctx)
        raise
    except AgreementNotFound as missing:
        _log_refusal(release, acting, delivery_id, [missing.code], ctx)
        raise
    file = release.file
    part, is_range = requested(
        size=file.bytes if archive is None else archive.size,
        etag=etag_of(release) if archive is None else archive.etag,
        range_header=range_header,
        if_range=if_range,
    )
    if ctx.store.size(file.object_key) != file.bytes:
        raise ObjectMissing("The object is not the one that was released.")
    return Allowed(
        delivery_id=delivery_id,
        release=release,
        on_behalf_of=acting,
        part=part,
        is_range=is_range,
        lease=lease,
        archive=archive,
    )


def begin(allowed: Allowed, *, ctx: Context) -> Delivery:
    """Write the delivery down. No byte may leave before this has returned."""
    release, part = allowed.release, allowed.part
    delivery = Delivery(
        id=allowed.delivery_id,
        file_id=release.file.id,
        extract_id=release.extract_id,
        agreement=release.agreement,
        decision_id=allowed.lease.decision_id,
        requester=ctx.requester,
        start=part.start,
        end=part.end,
        begun_at=ctx.clock.now(),
    )
    audit = ctx.audited(
        "delivery-begun",
        f"files/{release.file.id}",
        agreement=release.agreement,
        decision_id=str(allowed.lease.decision_id),
        on_behalf_of=allowed.on_behalf_of,
        delivery_id=str(delivery.id),
        start=part.start,
        end=part.end,
        digest=release.file.digest,
        **({} if allowed.archive is None else {"archive": allowed.archive.etag.strip('"')}),
    )
    with ctx.uow.writing() as tx:
        return tx.deliveries.save(delivery, audit=audit, alive_at=ctx.timer.now())


def renew(allowed: Allowed, lease: Lease, *, ctx: Context) -> Lease:
    """Ask again while the stream runs. Raises Refused, DecisionUnavailable.

    A no is not written down here: first the stream is cut, and its end carries the code.
    """
    try:
        return _ask(allowed.release, allowed.delivery_id, lease, ctx)
    except AgreementNotFound as missing:
        raise Refused(missing.detail, [Refusal(missing.code, missing.detail)]) from missing


def note_alive(delivery_id: UUID, *, bytes_: int, ctx: Context) -> None:
    with ctx.uow.writing() as tx:
        tx.deliveries.note_alive(delivery_id, bytes_=bytes_, at=ctx.timer.now())


def end(delivery_id: UUID, *, bytes_: int, code: str | None, ctx: Context) -> Delivery:
    """Write down how it ended: complete, or cut and why, and how many bytes left."""
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        delivery = tx.deliveries.get(delivery_id)
        extract = tx.extracts.get(delivery.extract_id)
        ended = (
            delivery.complete(at=at) if code is None else delivery.cut(code, bytes_=bytes_, at=at)
        )
        audit = ctx.audited(
            "delivery-ended",
            f"files/{delivery.file_id}",
            agreement=delivery.agreement,
            decision_id=str(delivery.decision_id),
            on_behalf_of=ctx.in_whose_name(extract),
            delivery_id=str(delivery_id),
            outcome=ended.outcome.value,
            bytes=ended.bytes,
            code=code,
        )
        stored = tx.deliveries.save(ended, audit=audit, alive_at=ctx.timer.now())
    log.info(
        "delivery_ended",
        delivery_id=str(delivery_id),
        outcome=stored.outcome.value,
        code=code,
        bytes=stored.bytes,
    )
    return stored


def sweep(*, ctx: Context, limit: int = 100) -> int:
    """End the deliveries whose process died; return how many there were."""
    with ctx.uow.reading() as tx:
        silent = tx.deliveries.silent_since(ctx.timer.now() - SILENT_AFTER, limit=limit)
    ended = 0
    for delivery in silent:
        try:
            end(delivery.id, bytes_=delivery.bytes, code=Cut.OUTCOME_UNKNOWN, ctx=ctx)
        except EditedMeanwhile:
            continue  # it lived after all
        ended += 1
    return ended


def page(
    *,
    agreement: str | None,
    file_id: UUID | None,
    after: UUID | None,
    limit: int,
    ctx: Context,
) -> Sequence[Delivery]:
    with ctx.uow.reading() as tx:
        return tx.deliveries.page(
            own=ctx.scope, agreement=agreement, file_id=file_id, after=after, limit=limit
        )


def audit_page(*, agreement: str, after: int | None, limit: int, ctx: Context) -> Sequence[Logged]:
    """Who did what, when and why under an agreement (U02), as the audit log has it."""
    with ctx.uow.reading() as tx:
        return tx.log.page(agreement=agreement, after=after, limit=limit)


def etag_of(release: Release) -> str:
    return f'"{release.file.digest}"'


def _ask(release: Release, delivery_id: UUID, renewed: Lease | None, ctx: Context) -> Lease:
    asked_at = boottime()  # before the question leaves: its way counts against the lease
    given = ctx.agreements.fetch(
        release.decision.holding_id,
        release.file,  # held against what was released: our row may have been made to name another
        evidence=ctx.evidence,
        delivery_id=delivery_id,
        renews=None if renewed is None else renewed.decision_id,
    )
    return Lease(
        decision_id=given.decision_id,
        asked_at=asked_at,
        seconds=given.seconds,
        guard_seconds=ctx.lease_guard_seconds,
    )


def _log_refusal(
    release: Release, acting: str | None, delivery_id: UUID, codes: Sequence[str], ctx: Context
) -> None:
    entry = ctx.audited(
        "fetch-refused",
        f"files/{release.file.id}",
        agreement=release.agreement,
        on_behalf_of=acting,
        delivery_id=str(delivery_id),
        refusals=list(codes),
    )
    with ctx.uow.writing() as tx:
        tx.log.append(entry)
