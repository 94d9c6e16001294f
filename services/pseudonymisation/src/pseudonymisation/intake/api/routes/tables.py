"""Several tables over HTTP: each is sent by itself, and the submission is closed when all came."""

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request

from common.errors import TransitionRefused
from common.texts import Scanned
from common.web.problems import responses
from pseudonymisation.intake.api import declared
from pseudonymisation.intake.api.dependencies import SubmitCtx, Uploading
from pseudonymisation.intake.api.routes.submissions import CONTENT_REFUSALS, TABLE, UPLOAD_BYTES_MAX
from pseudonymisation.intake.api.schemas.submissions import SubmissionView
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.use_cases import submissions
from pseudonymisation.intake.use_cases.uploads import tables as use_cases

router = APIRouter(prefix="/v1/submissions/{submission_id}", tags=["submissions"])


@router.put(
    "/tables/{table}/content",
    status_code=HTTPStatus.ACCEPTED,
    max_body_size=UPLOAD_BYTES_MAX,
    responses=responses(errors.TableUnknown, *CONTENT_REFUSALS),
    openapi_extra={
        "requestBody": {"required": True, "content": declared.CONTENT},
        "parameters": declared.PARAMETERS,
    },
)
async def put_table(
    submission_id: UUID,
    table: Annotated[
        str,
        Path(pattern=TABLE, description="As the catalogue names it.", examples=["CYP101"]),
        Scanned(code=True),
    ],
    request: Request,
    ctx: SubmitCtx,
    uploads: Uploading,
) -> SubmissionView:
    """Send one of several tables, as CSV, gzip of CSV or Parquet.

    Tables come in any order. One that comes again takes the place of what came of it before; one
    that is refused leaves it. The submission is closed when all came.
    """
    form, announced = declared.form_of(request), declared.digests(request)
    begin = partial(submissions.begin_upload, submission_id, form, ctx=ctx, table=table)
    try:
        async with uploads.into(request, begin) as (submission, upload):
            finish = partial(
                use_cases.finish, submission, table, upload, form, announced=announced, ctx=ctx
            )
            stored = await run_sync(finish)
    except errors.ContentRefused as refusal:
        await run_sync(partial(use_cases.refuse, submission_id, table, refusal, ctx=ctx))
        raise
    return SubmissionView.of(stored)


@router.post(
    "/closing",
    status_code=HTTPStatus.ACCEPTED,
    responses=responses(
        errors.SubmissionNotFound,
        errors.TableUnknown,
        errors.TablesMissing,
        errors.DuplicateUpload,
        TransitionRefused,
    ),
)
def close_submission(submission_id: UUID, ctx: SubmitCtx) -> SubmissionView:
    """Close a submission of several tables: all came, and they are landed next, together."""
    return SubmissionView.of(use_cases.close(submission_id, ctx=ctx))
