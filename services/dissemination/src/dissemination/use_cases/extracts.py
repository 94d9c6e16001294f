"""Asking for an extract, looking at it, withdrawing it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NoReturn
from uuid import UUID

import structlog
from pydantic import JsonValue

from catalogue import Catalogue
from common import faults, unreadable
from common.errors import (
    AgreementNotFound,
    AppError,
    NotFound,
    Refusal,
    Refused,
)
from common.ids import digest_of, new_id
from common.security.jws import unverified
from dissemination.domain.agreement_status import AgreementStatus, Status, status
from dissemination.domain.errors import (
    BridgingFileNotFound,
    ExtractNotFound,
    HavenUnavailable,
    NotReleased,
    PreparationRefused,
    TabulationNotFound,
)
from dissemination.domain.extract import (
    OPEN_TO_FETCH,
    UNFINISHED,
    Extract,
    Kind,
    Permit,
    kind_of,
)
from dissemination.domain.landed import QualitySummary
from dissemination.domain.release import Release
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Progress, Transaction
from dissemination.use_cases.wanted import (
    Wanted,
    fields_of_line,
    not_begun,
    request_of,
    what_is_landed,
)
from statements.request import ExtractRequest, WantedExtract

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NOT_FOUND: Mapping[Kind, type[NotFound]] = {
    Kind.EXTRACT: ExtractNotFound,
    Kind.TABULATION: TabulationNotFound,
    Kind.BRIDGING_FILE: BridgingFileNotFound,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractWithStatus:
    """An extract, how far its preparation is, and once it is released how it stands."""

    extract: Extract
    progress: Progress | None = None
    status: Status | None = None
    released_at: datetime | None = None
    destroyed: Mapping[UUID, datetime] = field(default_factory=dict)
    """Since when, of those of its files that are."""


def ask(
    wanted: Wanted,
    *,
    idempotency_key: str | None,
    known: Catalogue,
    ctx: Context,
    standing_order: UUID | None = None,
    noted: Callable[[Transaction, UUID], object] = lambda _tx, _extract_id: None,
) -> ExtractWithStatus:
    """Ask for an extract, or a table. The decision comes first; a no writes nothing but the log.

    Names of periods are the months that they stand for: these are decided, permitted and released.
    `noted` is called in the transaction that writes the extract: both are written, or neither is.

    Raises:
        InvalidPeriods: a name is none, the range ends before it begins, or there are too many.
        PeriodNotOffered: the data set has no period of a name.
        Refused: with every refusal.
        AgreementNotFound: there is none that the caller may know of.
        ExtractNotFound, EarlierExtractDestroyed: of the extract that changes are to lead from.
        NoEdition: with every month of which the haven has no records.
        DecisionUnavailable: nobody could be asked.

    """
    extract_id = new_id()
    request = request_of(wanted, extract_id, known)
    whole_line = isinstance(wanted, WantedExtract) and wanted.fields is None
    fingerprint = digest_of({**_without_id(request), "whole_line": whole_line})
    if earlier := _asked_before(idempotency_key, fingerprint, ctx):
        return get(earlier, kind=kind_of(request), ctx=ctx)
    if whole_line:
        request = replace(request, fields=fields_of_line(request, ctx))
    has = what_is_landed(request, ctx)
    with refusal_logged(request, ctx):
        permit = ctx.agreements.request(request, evidence=ctx.evidence, landed=has)
    if (no := not_begun(request, permit.compact, has, ctx)) is not None:
        _refuse(no, request, permit, ctx)
    faults.reach("O2")
    extract = Extract.ask(
        request,
        extract_id=extract_id,
        requester=ctx.requester,
        permit=permit,
        at=ctx.clock.now(),
        standing_order=standing_order,
    )
    for_order: dict[str, JsonValue] = (
        {} if standing_order is None else {"standing_order": str(standing_order)}
    )
    audit = ctx.audited_of(
        extract,
        "extract-requested",
        decision_id=str(permit.decision_id),
        request=request.claims(),
        permit_id=permit.id,
        **for_order,
    )
    with ctx.uow.writing() as tx:
        if idempotency_key is not None:
            # The same key again, at the same time: the second waits here for the first.
            known_id = tx.idempotency.find(
                actor=ctx.principal.key_owner, key=idempotency_key, fingerprint=fingerprint
            )
            if known_id is not None:
                return _with_status([tx.extracts.get(UUID(known_id), own=ctx.scope)], tx)[0]
            tx.idempotency.remember(
                actor=ctx.principal.key_owner,
                key=idempotency_key,
                fingerprint=fingerprint,
                resource=str(extract_id),
            )
        (stored,) = _with_status([tx.extracts.save(extract, audit=audit)], tx)
        noted(tx, extract_id)
    faults.reach("K1")
    log.info("extract_requested", extract_id=str(extract_id), decision_id=str(permit.decision_id))
    ctx.wake()
    return stored


def _without_id(request: ExtractRequest) -> dict[str, JsonValue]:
    """Write what is asked for, whichever extract it is for."""
    return replace(request, extract_id=str(UUID(int=0))).claims()


def get(extract_id: UUID, *, kind: Kind = Kind.EXTRACT, ctx: Context) -> ExtractWithStatus:
    """Raises ExtractNotFound, TabulationNotFound."""
    with ctx.uow.reading() as tx:
        found = _of_kind(extract_id, kind, tx, ctx)
        tx.extracts.hold([found])
        return _with_status([found], tx)[0]


def _of_kind(extract_id: UUID, kind: Kind, tx: Transaction, ctx: Context) -> Extract:
    """One's own of that kind: what is of the other is not there."""
    try:
        found = tx.extracts.get(extract_id, own=ctx.scope)
    except ExtractNotFound:
        found = None
    if found is None or found.kind is not kind:
        raise NOT_FOUND[kind](f"There is no {kind.in_words} {extract_id}.")
    return found


def quality(extract_id: UUID, *, ctx: Context) -> QualitySummary:
    """How good what a released extract was made of is. Raises ExtractNotFound, NotReleased.

    Raises HavenUnavailable where the safe haven cannot be asked.
    """
    with ctx.uow.reading() as tx:
        extract = tx.extracts.get(extract_id, own=ctx.scope)
    if extract.state not in OPEN_TO_FETCH:
        raise NotReleased("The extract is not released. Ask again when its state is `released`.")
    try:
        return ctx.preparations.quality(extract.permit.id)
    except PreparationRefused as refused:
        raise HavenUnavailable("The safe haven does not have the preparation.") from refused


def page(
    *,
    agreement: str | None,
    edition: str | None = None,
    after: UUID | None,
    limit: int,
    kind: Kind = Kind.EXTRACT,
    ctx: Context,
) -> Sequence[ExtractWithStatus]:
    with ctx.uow.reading() as tx:
        found = tx.extracts.page(
            own=ctx.scope,
            agreement=agreement,
            edition=edition,
            after=after,
            limit=limit,
            kind=kind,
        )
        tx.extracts.hold(found)
        return unreadable.together(
            found, lambda some: _with_status(some, tx), key=lambda extract: extract.id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOfExtract:
    """The released files of an extract, and which of them are not there any more."""

    releases: Sequence[Release]
    gone: Sequence[UUID]
    destroyed: Mapping[UUID, datetime]
    """Since when, of those that are."""


def files(extract_id: UUID, *, kind: Kind = Kind.EXTRACT, ctx: Context) -> FilesOfExtract:
    """Its released files; none before its release. Raises ExtractNotFound, TabulationNotFound."""
    with ctx.uow.reading() as tx:
        extract = _of_kind(extract_id, kind, tx, ctx)
        found = tx.releases.of(extract_id)
        destroyed = tx.destroyed.of([file.id for file in extract.files])
        tx.releases.hold(found)
    was_released = extract.state in OPEN_TO_FETCH or extract.withdrawal is not None
    there = {one.file.id for one in found}
    made = [file.id for file in extract.files] if was_released else []
    return FilesOfExtract(
        releases=found,
        gone=[id_ for id_ in made if id_ not in there],
        destroyed=destroyed,
    )


def release(file_id: UUID, *, ctx: Context) -> Release:
    """One released file, with its manifest. Raises FileNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.releases.get(file_id, own=ctx.scope)
        tx.releases.hold([found])
        return found


def withdraw(extract_id: UUID, *, kind: Kind = Kind.EXTRACT, ctx: Context) -> ExtractWithStatus:
    """Take it back before its release.

    Raises:
        ExtractNotFound, TabulationNotFound, TransitionRefused:

    """
    with ctx.uow.writing() as tx:
        extract = _of_kind(extract_id, kind, tx, ctx)
        withdrawn = tx.extracts.save(
            extract.withdraw(at=ctx.clock.now()),
            audit=ctx.audited_of(extract, "extract-withdrawn", state_before=extract.state.value),
        )
        (seen,) = _with_status([withdrawn], tx)
    log.info("extract_withdrawn", extract_id=str(extract_id))
    return seen


def _with_status(extracts: Sequence[Extract], tx: Transaction) -> list[ExtractWithStatus]:
    judging = [name for extract in extracts for name, _ in extract.request.lines]
    standings = tx.agreement_statuses.of(judging)
    released = tx.releases.instants(extracts)
    destroyed = tx.destroyed.of([file.id for extract in extracts for file in extract.files])
    return [
        ExtractWithStatus(
            extract=extract,
            progress=_progress(extract, tx),
            status=_status(extract, standings),
            released_at=released.get(extract.id),
            destroyed=destroyed,
        )
        for extract in extracts
    ]


def _progress(extract: Extract, tx: Transaction) -> Progress | None:
    """What is prepared is done, whatever was noted last on the way."""
    if extract.rows is not None:
        return Progress(rows_done=extract.rows, rows_total=extract.rows)
    return tx.extracts.progress(extract.id) if extract.state in UNFINISHED else None


def _status(extract: Extract, standings: Mapping[str, AgreementStatus]) -> Status | None:
    if extract.state not in OPEN_TO_FETCH and extract.withdrawal is None:
        return None
    return status(
        extract.request,
        withdrawal=extract.withdrawal,
        standings=standings,
        superseded_at=extract.superseded_at,
    )


def _asked_before(key: str | None, fingerprint: str, ctx: Context) -> UUID | None:
    """Without asking agreements again: a repeated request must not cost a permit."""
    if key is None:
        return None
    with ctx.uow.reading() as tx:
        known = tx.idempotency.find(actor=ctx.principal.key_owner, key=key, fingerprint=fingerprint)
    return None if known is None else UUID(known)


@contextmanager
def refusal_logged(request: ExtractRequest, ctx: Context) -> Iterator[None]:
    """Write a no of agreements into the audit log, and pass it on whole."""
    try:
        yield
    except Refused as refused:
        _log_refusal(request, refused.refusals, refused.on_behalf_of, ctx)
        raise
    except AgreementNotFound as missing:
        _log_refusal(request, (Refusal(missing.code, missing.detail),), None, ctx)
        raise


def _refuse(refused: AppError, request: ExtractRequest, permit: Permit, ctx: Context) -> NoReturn:
    """Write into the audit log that a permitted extract was not begun, and raise."""
    entry = ctx.audited(
        "extract-refused",
        f"agreements/{request.agreement}",
        agreement=request.agreement,
        decision_id=str(permit.decision_id),
        on_behalf_of=ctx.acting_for(ctx.principal.organisation, unverified(permit.compact)),
        request=_without_id(request),
        refusals=[refused.code],
    )
    with ctx.uow.writing() as tx:
        tx.log.append(entry)
    log.info("extract_refused", codes=[refused.code])
    raise refused


def _log_refusal(
    request: ExtractRequest,
    refusals: Sequence[Refusal],
    acting_for: str | None,
    ctx: Context,
) -> None:
    entry = ctx.audited(
        "extract-refused",
        f"agreements/{request.agreement}",
        agreement=request.agreement,
        on_behalf_of=acting_for,
        request=request.claims(),
        refusals=[refusal.code for refusal in refusals],
    )
    with ctx.uow.writing() as tx:
        tx.log.append(entry)
    log.info("extract_refused", codes=[refusal.code for refusal in refusals])
