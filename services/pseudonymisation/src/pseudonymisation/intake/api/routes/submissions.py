"""Submissions over HTTP: announced, streamed in, looked at."""

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from common.audit import RecordNotAsLogged, is_as_logged
from common.errors import TransitionRefused
from common.texts import Scanned
from common.web.idempotency import IdempotencyKey, fingerprint
from common.web.pagination import LIMIT_DEFAULT, LIMIT_MAX, Page, Paging
from common.web.problems import responses
from pseudonymisation.intake.api import declared
from pseudonymisation.intake.api.dependencies import ReadCtx, RowsCtx, SubmitCtx, Uploading
from pseudonymisation.intake.api.schemas.submissions import (
    DATA_SET,
    OpenSubmission,
    QuarantineEntryView,
    QuarantinePage,
    SubmissionView,
)
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.use_cases import submissions as use_cases

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TABLE = r"^[A-Z][A-Za-z0-9_]{0,30}$"
UPLOAD_BYTES_MAX = 1 << 40
"""What HTTP lets through; how large a file may be, the catalogue says."""

CONTENT_REFUSALS = (
    errors.SubmissionNotFound,
    TransitionRefused,
    errors.DuplicateUpload,
    errors.ContentIsArchive,
    errors.ContentTypeUnsupported,
    errors.ContentTypeMismatch,
    errors.ContentDamaged,
    errors.ContentExpands,
    errors.ColumnTypeUnsupported,
    errors.OtherDataSet,
    errors.ContentIsWebPage,
    errors.ContentNotCsv,
    errors.EncodingNotUtf8,
    errors.ContentNotText,
    errors.LineEndsWrong,
    errors.DelimiterWrong,
    errors.LinesQuoted,
    errors.SeparatorLine,
    errors.HeaderNotFirst,
    errors.IndexColumn,
    errors.TrailingDelimiter,
    errors.ColumnsWrong,
    errors.FileEmpty,
    errors.LineTooLong,
    errors.FileTooLarge,
    errors.UploadIncomplete,
    errors.DigestMismatch,
    errors.DigestUnreadable,
    errors.TooManyUploads,
)
"""Of what is sent: of a file, or of one of several tables."""

router = APIRouter(prefix="/v1/submissions", tags=["submissions"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        errors.DataSetUnknown,
        errors.PeriodInvalid,
        errors.PeriodOverlaps,
        errors.PeriodFinal,
        errors.ProtocolNotTaken,
        errors.BulkPartInvalid,
        errors.LeftOutCountMissing,
        errors.LeftOutCountUnexpected,
        errors.ProviderNotOwn,
        errors.ProviderUnknown,
        errors.ProviderNotOpen,
    ),
)
def open_submission(
    body: OpenSubmission, response: Response, ctx: SubmitCtx, key: IdempotencyKey = None
) -> SubmissionView:
    """Announce a file. Its content is sent next, to `/v1/submissions/{id}/content`."""
    submission = use_cases.open_(
        data_set=body.data_set,
        period=body.period,
        provider=body.provider,
        declared=body.declared,
        key=key,
        fingerprint=fingerprint("open_submission", body),
        ctx=ctx,
    )
    response.headers["Location"] = f"/v1/submissions/{submission.id}"
    return SubmissionView.of(submission)


@router.put(
    "/{submission_id}/content",
    status_code=HTTPStatus.ACCEPTED,
    max_body_size=UPLOAD_BYTES_MAX,
    responses=responses(errors.TableNotNamed, *CONTENT_REFUSALS),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": declared.CONTENT,
        },
        "parameters": declared.PARAMETERS,
    },
)
async def put_content(
    submission_id: UUID,
    request: Request,
    ctx: SubmitCtx,
    uploads: Uploading,
) -> SubmissionView:
    """Send the file, as CSV, gzip of CSV or Parquet, as `Content-Type` declares.

    It is judged as it streams in; once it is whole, it is landed.

    A file that is not what the catalogue says rejects the submission; one that was cut off
    leaves it open, to be sent again.
    """
    form, announced = declared.form_of(request), declared.digests(request)
    begin = partial(use_cases.begin_upload, submission_id, form, ctx=ctx)
    try:
        async with uploads.into(request, begin) as (submission, upload):
            finish = partial(
                use_cases.finish_upload, submission, upload, form, announced=announced, ctx=ctx
            )
            stored = await run_sync(finish)
    except errors.ContentRefused as refusal:
        await run_sync(partial(use_cases.refuse_upload, submission_id, refusal, ctx=ctx))
        raise
    return SubmissionView.of(stored)


@router.get("")
def list_submissions(
    ctx: ReadCtx,
    paging: Paging,
    data_set: Annotated[str | None, Query(pattern=DATA_SET)] = None,
) -> Page[SubmissionView]:
    """List submissions, oldest first."""
    found = use_cases.page(data_set=data_set, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[SubmissionView].of(found, paging, show=SubmissionView.of, key=lambda s: s.id)


@router.get("/{submission_id}", responses=responses(errors.SubmissionNotFound))
def get_submission(submission_id: UUID, ctx: ReadCtx) -> SubmissionView:
    """Return how a submission stands."""
    return SubmissionView.of(use_cases.get(submission_id, ctx=ctx))


@router.get("/{submission_id}/quarantine", responses=responses(errors.SubmissionNotFound))
def get_quarantine(
    submission_id: UUID,
    ctx: ReadCtx,
    after: Annotated[int, Query(ge=0, description="The `next` of the previous page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> QuarantinePage:
    """Return which lines were set aside and why: lines, columns and codes, never values."""
    found = use_cases.quarantine(submission_id, after=after, limit=limit + 1, ctx=ctx)
    shown = found[:limit]
    return QuarantinePage(
        items=[QuarantineEntryView.of(entry) for _, entry in shown],
        next=shown[-1][0] if len(found) > limit else None,
        is_as_logged=is_as_logged(f"submissions/{submission_id}", f"quarantines/{submission_id}"),
    )


@router.get(
    "/{submission_id}/quarantine/rows",
    response_class=StreamingResponse,
    responses=responses(
        errors.SubmissionNotFound,
        errors.QuarantineGone,
        errors.TableUnknown,
        errors.TableNotNamed,
        RecordNotAsLogged,
    )
    | {200: {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_quarantined_rows(
    submission_id: UUID,
    ctx: RowsCtx,
    table: Annotated[
        str | None,
        Query(
            pattern=TABLE,
            description="Of several tables which, as the catalogue names it.",
            examples=["CYP101"],
        ),
        Scanned(code=True),
    ] = None,
) -> StreamingResponse:
    """Return the rows that were set aside: line, reasons, and the values as they were sent.

    Only to the organisation that sent them, and only as long as they are kept. A damaged
    object ends the connection before the end of the body.
    """
    return StreamingResponse(
        use_cases.quarantined_rows(submission_id, ctx=ctx, table=table),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="quarantine-{submission_id}.csv"',
        },
    )
