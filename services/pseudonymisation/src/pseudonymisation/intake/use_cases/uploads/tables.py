"""Submissions of several tables: one upload each, in any order and again, closed by a command."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import structlog

from common.audit.entries import entry_for
from common.errors import AppError, EditedMeanwhile
from common.ids import new_id
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import ContentForm
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.submissions import require_new, whole
from pseudonymisation.intake.use_cases.uploads.ports import Upload

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TABLES_AT_ONCE: Final = 20
"""So often another table of the same submission may come at the same moment."""


def finish(
    submission: Submission,
    table: str,
    upload: Upload,
    form: ContentForm,
    *,
    announced: Collection[str],
    ctx: IntakeContext,
) -> Submission:
    """Take what came of one of several tables, in the place of what came of it before.

    Raises:
        ContentRefused, DigestMismatch, TransitionRefused, EditedMeanwhile

    """
    content = whole(upload, form, announced)
    for left in reversed(range(TABLES_AT_ONCE)):
        try:
            with ctx.uow.writing() as tx:
                present = tx.submissions.get(submission.id, ctx.scope)
                former = present.tables.get(table)
                stored = tx.submissions.save(
                    present.put_table(table, content),
                    audit=entry_for(
                        ctx.principal,
                        at=ctx.clock.now(),
                        action="table-received",
                        resource=f"submissions/{submission.id}",
                        on_behalf_of=submission.provider,
                        detail={"table": table, "bytes": content.bytes, "digest": content.digest},
                    ),
                )
            break
        except EditedMeanwhile:
            if not left:  # so many others of the same submission came at this moment
                raise
    if former is not None:
        ctx.haven.destroy(former.key)
    log.info("table_received", submission_id=str(submission.id), table=table, bytes=content.bytes)
    return stored


def refuse(submission_id: UUID, table: str, refusal: AppError, *, ctx: IntakeContext) -> None:
    """Write down that a table was refused: what came of it before stays, and so do the others."""
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(submission_id, ctx.scope)
        tx.log(
            entry_for(
                ctx.principal,
                at=ctx.clock.now(),
                action="table-refused",
                resource=f"submissions/{submission_id}",
                on_behalf_of=present.provider,
                detail={"table": table, "code": refusal.code},
            )
        )
    log.info("table_refused", submission_id=str(submission_id), table=table, code=refusal.code)


def close(submission_id: UUID, *, ctx: IntakeContext) -> Submission:
    """Say that every table came; they are landed next.

    Raises:
        SubmissionNotFound, TransitionRefused, TablesMissing, TableUnknown, DuplicateUpload

    """
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(submission_id, ctx.scope)
        data_set = ctx.catalogue.by_digest(present.catalogue_digest)
        if not data_set.tables:
            raise errors.TableUnknown(f"{present.data_set} is one table, and is not closed.")
        needed = [table.table for table in data_set.tables if table.needed]
        closed = present.close(needed, edition_id=new_id(), at=at, by=ctx.principal.subject)
        digest = "" if closed.content is None else closed.content.digest
        require_new(tx, present, digest)
        stored = tx.submissions.save(
            closed,
            audit=entry_for(
                ctx.principal,
                at=at,
                action="submission-received",
                resource=f"submissions/{submission_id}",
                on_behalf_of=present.provider,
                detail={"tables": ",".join(sorted(closed.tables)), "digest": digest},
            ),
        )
    log.info("submission_closed", submission_id=str(submission_id), tables=len(stored.tables))
    ctx.wake()
    return stored
