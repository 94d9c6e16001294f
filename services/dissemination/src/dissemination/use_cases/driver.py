"""Moves an unfinished extract forward, one step after another, each of them repeatable.

Whatever kills the process, the next turn begins where the row says: a permit put twice is
one preparation, a preparation looked at twice is the same, and the release is one
transaction (design.md section 10, S3). Events only say that it is worth looking.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from pydantic import JsonValue

from common import faults
from common.errors import AgreementNotFound, EditedMeanwhile, Refusal, Refused, Unavailable
from dissemination.domain.errors import (
    FAILURES,
    PERMIT_EXPIRED,
    PREPARATION_FAILED,
    AttestationMalformed,
    ObjectDiffers,
    ObjectMissing,
    PreparationRefused,
)
from dissemination.domain.extract import UNFINISHED, Extract, Failure, State
from dissemination.use_cases import releases
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Progress

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CHECKED_BYTES_A_SECOND = 50_000_000
"""How slow a release store may be before a second worker reads the same objects again."""

WAIT_MIN = timedelta(milliseconds=100)
WAIT_MAX = timedelta(seconds=5)
DOUBLINGS_MAX = 6


def turn(*, ctx: Context, limit: int = 20) -> int:
    """Give every extract whose turn has come its turn; return how many had one."""
    now = ctx.timer.now()
    with ctx.uow.reading() as tx:
        due = tx.extracts.due(at=now, limit=limit)
    taken = 0
    for extract_id in due:
        with ctx.uow.writing() as tx:
            is_ours = tx.extracts.claim(extract_id, at=now, until=ctx.timer.now() + ctx.claim)
        if is_ours:
            taken += 1
            advance(extract_id, ctx=ctx)
    return taken


def advance(extract_id: UUID, *, ctx: Context) -> Extract:
    """Take as many steps as there are to take now."""
    while True:
        looked_at = ctx.timer.now()
        with ctx.uow.reading() as tx:
            extract = tx.extracts.get(extract_id)
        if extract.state not in UNFINISHED:
            return extract
        try:
            moved = _step(extract, ctx)
        except EditedMeanwhile:
            continue  # withdrawn, or moved by another: look again
        except Unavailable as away:
            log.warning("extract_waits", extract_id=str(extract_id), code=away.code)
            moved = False
        if not moved:
            _wait(extract_id, looked_at, ctx)
            return extract


def _step(extract: Extract, ctx: Context) -> bool:
    """One step. False where there is nothing to do yet."""
    match extract.state:
        case State.REQUESTED:
            return _hand_over(extract, ctx)
        case State.PREPARING:
            return _look(extract, ctx)
        case _:
            return _release(extract, ctx)


def _hand_over(extract: Extract, ctx: Context) -> bool:
    """Put the preparation. Also when the permit may have expired: it may have been taken."""
    try:
        ctx.preparations.put(extract.permit, extract.request.claims())
    except PreparationRefused as refused:
        expired = ctx.clock.now() >= extract.permit.expires_at
        code = PERMIT_EXPIRED if expired and refused.code == "PERMIT_INVALID" else refused.code
        return _fail(extract, Failure(code=code, detail=FAILURES.get(code, refused.detail)), ctx)
    faults.reach("K2")
    _save(extract.accepted(at=ctx.clock.now()), "extract-accepted", ctx)
    return True


def _look(extract: Extract, ctx: Context) -> bool:
    """See how far the haven is."""
    try:
        preparation = ctx.preparations.get(extract.permit.id)
    except PreparationRefused as refused:
        return _fail(extract, Failure(code=refused.code, detail=refused.detail), ctx)
    match preparation.state:
        case "prepared":
            moved = extract.prepared(preparation.files, at=ctx.clock.now())
            _save(moved, "extract-prepared", ctx)
            return True
        case "failed":
            code = preparation.code or PREPARATION_FAILED
            detail = preparation.detail or FAILURES.get(code, "")
            return _fail(extract, Failure(code=code, detail=detail), ctx)
        case _:
            _note(extract, preparation.progress, ctx)
            return False


def _release(extract: Extract, ctx: Context) -> bool:
    # Reading the objects may outlast the claim: it is made as long as that can take.
    reading = timedelta(seconds=sum(f.bytes for f in extract.files) / CHECKED_BYTES_A_SECOND)
    with ctx.uow.writing() as tx:
        tx.extracts.keep(extract.id, until=ctx.timer.now() + ctx.claim + reading)
    try:
        releases.release(extract, ctx=ctx)
    except Refused as refused:
        return _fail(extract, Failure(code=refused.code, refusals=refused.refusals), ctx)
    except AgreementNotFound as missing:
        refusal = Refusal(missing.code, missing.detail)
        return _fail(extract, Failure(code=missing.code, refusals=(refusal,)), ctx)
    except AttestationMalformed:
        detail = "What the haven attests of a file cannot be read; ask again."
        return _fail(extract, Failure(code="ATTESTATION_INVALID", detail=detail), ctx)
    except (ObjectMissing, ObjectDiffers) as wrong:
        return _fail(extract, Failure(code=wrong.code, detail=wrong.detail), ctx)
    return True


def _fail(extract: Extract, failure: Failure, ctx: Context) -> bool:
    _save(
        extract.fail(failure, at=ctx.clock.now()),
        "extract-failed",
        ctx,
        code=failure.code,
        refusals=[refusal.code for refusal in failure.refusals],
    )
    log.info("extract_failed", extract_id=str(extract.id), code=failure.code)
    return True


def _save(extract: Extract, action: str, ctx: Context, **detail: JsonValue) -> None:
    audit = ctx.audited_of(extract, action, decision_id=str(extract.permit.decision_id), **detail)
    with ctx.uow.writing() as tx:
        tx.extracts.save(extract, audit=audit)


def _note(extract: Extract, progress: Progress | None, ctx: Context) -> None:
    if progress is not None:
        with ctx.uow.writing() as tx:
            tx.extracts.note_progress(extract.id, progress)


def _wait(extract_id: UUID, looked_at: datetime, ctx: Context) -> None:
    """Its turn comes again, later each time nothing has changed."""
    with ctx.uow.writing() as tx:
        attempts = tx.extracts.attempts(extract_id)
        pause = min(WAIT_MIN * 2 ** min(attempts, DOUBLINGS_MAX), WAIT_MAX)
        tx.extracts.rest(
            extract_id,
            looked_at=looked_at,
            until=ctx.timer.now() + pause,
            attempts=attempts + 1,
        )
