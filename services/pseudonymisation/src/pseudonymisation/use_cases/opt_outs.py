"""Lists of people who opted out: taken in as haven tokens, tested at every preparation."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import structlog

from common.audit.entries import entry_for
from common.clock import legal_day
from common.ids import digest_of, new_id
from pseudonymisation.domain import errors
from pseudonymisation.domain.opt_out import OptOutList
from pseudonymisation.use_cases.context import Context
from pseudonymisation.use_cases.ports import OptOutImport

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def begin_import(list_date: date, *, ctx: Context) -> tuple[UUID, OptOutImport]:
    """Prepare to take a list.

    :raises ListInvalid: where its day is still to come
    """
    if list_date > legal_day(ctx.clock.now()):
        raise errors.ListInvalid("The day of a list is not in the future.")
    list_id = new_id()
    return list_id, ctx.haven.opt_outs(list_id)


def finish_import(
    list_id: UUID, list_date: date, taken: OptOutImport, *, key: str | None, ctx: Context
) -> OptOutList:
    """Put a list in force from the next preparation on.

    The same list of the same day under the same key is the one that was taken in before.
    :raises ListInvalid, IdempotencyKeyReused, Unavailable:
    """
    people, digest = taken.finish()
    at = ctx.clock.now()
    opt_outs = OptOutList(
        id=list_id,
        list_date=list_date,
        people=people,
        digest=digest,
        object_key=taken.key,
        imported_at=at,
        imported_by=ctx.principal.subject,
    )
    actor = ctx.principal.client_id
    fingerprint = digest_of(
        {"operation": "import_opt_outs", "day": list_date.isoformat(), "digest": digest}
    )
    with ctx.uow.writing() as tx:
        repeated = tx.repeated(actor=actor, key=key, fingerprint=fingerprint)
        if repeated is not None:
            taken.abandon()
            return tx.opt_out_lists.get(UUID(repeated))
        tx.remember(actor=actor, key=key, fingerprint=fingerprint, resource=str(list_id))
        stored = tx.opt_out_lists.save(
            opt_outs,
            audit=entry_for(
                ctx.principal,
                at=at,
                action="opt-out-list-imported",
                resource=f"opt-out-lists/{list_id}",
                detail={"list_date": list_date.isoformat(), "people": people, "digest": digest},
            ),
        )
    log.info("opt_out_list_imported", list_id=str(list_id), list_date=list_date.isoformat())
    return stored


def page(*, after: UUID | None, limit: int, ctx: Context) -> Sequence[OptOutList]:
    with ctx.uow.reading() as tx:
        return tx.opt_out_lists.page(after=after, limit=limit)
