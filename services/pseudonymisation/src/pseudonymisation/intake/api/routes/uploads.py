"""Uploads in parts over HTTP, after the IETF's "Resumable Uploads for HTTP" (docs/adr/0047)."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from common.errors import TransitionRefused
from common.web import problems
from common.web.idempotency import IdempotencyKey, fingerprint
from common.web.problems import responses
from pseudonymisation.intake.api import declared
from pseudonymisation.intake.api.dependencies import SubmitCtx, Uploading, Uploads
from pseudonymisation.intake.api.schemas.submissions import SubmissionView
from pseudonymisation.intake.api.schemas.uploads import UploadList, UploadView
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.partial_upload import PartialUpload
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.uploads import resumable

BYTES_MAX: Final = 1 << 40
"""What HTTP lets through; how large a file may be, the catalogue says."""
PARTIAL: Final = "application/partial-upload"
SAID: Final = {"?1": True, "?0": False}
BODY: Final = {
    "schema": {"type": "string", "format": "binary"},
    "example": "2,9990000026,1\n",
}
FILE_REFUSALS: Final = (
    errors.TableNotNamed,
    errors.ContentIsArchive,
    errors.ContentTypeMismatch,
    errors.ContentDamaged,
    errors.ContentExpands,
    errors.ColumnTypeUnsupported,
    errors.OtherDataSet,
    errors.ColumnsWrong,
    errors.EncodingNotUtf8,
    errors.FileEmpty,
    errors.FileTooLarge,
    errors.LineTooLong,
    errors.DuplicateUpload,
    errors.DigestMismatch,
    errors.DigestUnreadable,
    errors.UploadIncomplete,
    errors.UploadHeaderInvalid,
    errors.UploadLengthDiffers,
    errors.UploadInTooManyParts,
    errors.TooManyUploads,
    TransitionRefused,
)

UploadComplete = Annotated[
    str,
    Header(
        pattern=r"^\?[01]$",
        description="`?1` where this request brings the end of the file, `?0` where not.",
    ),
]
UploadLength = Annotated[
    int | None, Header(ge=0, description="Of the whole file, in bytes, where it is known.")
]

router = APIRouter(prefix="/v1/submissions/{submission_id}/uploads", tags=["submissions"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    max_body_size=BYTES_MAX,
    responses=responses(errors.SubmissionNotFound, errors.ContentTypeUnsupported, *FILE_REFUSALS)
    | {202: {"model": SubmissionView, "description": "The file came whole."}},
    openapi_extra={"requestBody": {"required": False, "content": declared.CONTENT}},
)
async def begin_upload(
    submission_id: UUID,
    request: Request,
    ctx: SubmitCtx,
    uploads: Uploading,
    upload_complete: UploadComplete = "?0",
    upload_length: UploadLength = None,
    key: IdempotencyKey = None,
) -> UploadView:
    """Begin a resumable upload; the body may contain its first part.

    `Content-Type` declares the form of the file. An upload that was begun before of the same
    submission is called off. `Repr-Digest` (RFC 9530) is checked when the file is whole.
    """
    form, is_last = declared.form_of(request), _said(upload_complete)
    whole = declared.digests(request, "repr-digest")
    begun = await run_sync(
        partial(
            resumable.begin,
            submission_id,
            form,
            length=upload_length,
            digest=next(iter(whole), None),
            key=key,
            fingerprint=fingerprint(
                "begin_upload", {"submission": str(submission_id), "form": form.value}
            ),
            ctx=ctx,
        )
    )
    answer: PartialUpload | Response = begun
    if not (begun.offset or begun.is_complete):  # else it is the same request again
        answer = await _append(
            request, begun, 0, is_last=is_last, length=None, uploads=uploads, ctx=ctx
        )
    if isinstance(answer, PartialUpload):
        view = UploadView.of(answer, ctx.limits.keep_partial)
        return JSONResponse(  # type: ignore[return-value]  # the model, with headers of its state
            view.model_dump(mode="json"),
            HTTPStatus.CREATED,
            _headers(answer, ctx) | {"Location": f"{request.url.path}/{answer.id}"},
        )
    return answer  # type: ignore[return-value]


@router.get("", responses=responses(errors.SubmissionNotFound))
def list_uploads(submission_id: UUID, ctx: SubmitCtx) -> UploadList:
    """List the uploads of a submission: the one that can be gone on with, if there is one."""
    found = resumable.of_submission(submission_id, ctx=ctx)
    return UploadList(items=[UploadView.of(one, ctx.limits.keep_partial) for one in found])


@router.head(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(errors.SubmissionNotFound, errors.UploadNotFound),
)
def ask_offset(submission_id: UUID, upload_id: UUID, ctx: SubmitCtx) -> Response:
    """Return how much was received, in `Upload-Offset` and the headers beside it."""
    found = resumable.get(submission_id, upload_id, ctx=ctx)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_headers(found, ctx))


@router.patch(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_model=None,
    max_body_size=BYTES_MAX,
    responses=responses(
        errors.SubmissionNotFound,
        errors.UploadNotFound,
        errors.UploadOffsetDiffers,
        errors.UploadComplete,
        errors.ContentTypeUnsupported,
        *FILE_REFUSALS,
    )
    | {202: {"model": SubmissionView, "description": "The file came whole; it is landed next."}},
    openapi_extra={"requestBody": {"required": True, "content": {PARTIAL: BODY}}},
)
async def append_to_upload(
    submission_id: UUID,
    upload_id: UUID,
    request: Request,
    ctx: SubmitCtx,
    uploads: Uploading,
    upload_offset: Annotated[int, Header(ge=0, description="Where in the file the body begins.")],
    upload_complete: UploadComplete,
    upload_length: UploadLength = None,
) -> Response:
    """Continue an upload from the offset that the haven has.

    What has come when the connection breaks off is kept. `Content-Digest` (RFC 9530) is of this
    body, `Repr-Digest` of the whole file; without the former, parts are kept as they come.
    """
    _require_partial(request)
    is_last = _said(upload_complete)
    found = await run_sync(partial(resumable.get, submission_id, upload_id, ctx=ctx))
    try:
        answer = await _append(
            request,
            found,
            upload_offset,
            is_last=is_last,
            length=upload_length,
            uploads=uploads,
            ctx=ctx,
        )
    except errors.UploadOffsetDiffers as differs:
        told = problems.of(differs)
        told.headers["Upload-Offset"] = str(differs.members["expected_offset"])
        return told
    if isinstance(answer, PartialUpload):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_headers(answer, ctx))
    return answer


@router.delete(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(errors.SubmissionNotFound, errors.UploadNotFound),
)
def call_upload_off(submission_id: UUID, upload_id: UUID, ctx: SubmitCtx) -> None:
    """Cancel an upload and destroy what was received. Its submission waits for another."""
    resumable.call_off(submission_id, upload_id, ctx=ctx)


async def _append(
    request: Request,
    upload: PartialUpload,
    offset: int,
    *,
    is_last: bool,
    length: int | None,
    uploads: Uploads,
    ctx: IntakeContext,
) -> PartialUpload | Response:
    """Take a body; give how the upload stands, or where it is whole how its submission does."""
    of_body = declared.digests(request, "content-digest")
    of_whole = declared.digests(request, "repr-digest")
    ids = (upload.submission_id, upload.id)
    async with uploads.counted():
        if upload.is_complete and is_last and offset == upload.offset:
            # Its answer was lost.
            return await _completed(ids, of_whole, upload, ctx)
        appending = await run_sync(
            partial(resumable.Appending, *ids, offset, length=length, ctx=ctx)
        )
        try:
            async for block in uploads.blocks(request):
                await run_sync(appending.take, block)
            present = await run_sync(appending.keep)
        except errors.ContentRefused as refusal:
            await run_sync(appending.abandon)
            await run_sync(partial(resumable.refuse, *ids, refusal, ctx=ctx))
            raise
        except BaseException as broken:
            with anyio.CancelScope(shield=True):
                await run_sync(_kept_of(appending, broken, has_digest=bool(of_body)))
            raise
        await run_sync(appending.check, of_body)
        if not is_last:
            return present
        return await _completed(ids, of_whole, present, ctx)


def _kept_of(
    appending: resumable.Appending, broken: BaseException, *, has_digest: bool
) -> Callable[[], object]:
    """Say what becomes of the last, unnamed bytes of a request that broke off."""
    is_cut = isinstance(broken, errors.UploadIncomplete | anyio.get_cancelled_exc_class())
    # What a digest was announced for is nothing without its end.
    return appending.keep if is_cut and not has_digest else appending.abandon


async def _completed(
    ids: tuple[UUID, UUID], digests: frozenset[str], upload: PartialUpload, ctx: IntakeContext
) -> Response:
    stored = await run_sync(partial(resumable.complete, *ids, digests=digests, ctx=ctx))
    return JSONResponse(
        SubmissionView.of(stored).model_dump(mode="json"),
        HTTPStatus.ACCEPTED,
        {"Upload-Complete": "?1", "Upload-Offset": str(upload.offset)},
    )


def _headers(upload: PartialUpload, ctx: IntakeContext) -> dict[str, str]:
    left = upload.expires_at(ctx.limits.keep_partial) - ctx.clock.now()
    length = {} if upload.length is None else {"Upload-Length": str(upload.length)}
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Complete": "?1" if upload.is_complete else "?0",
        "Upload-Limit": f"max-age={max(0, int(left.total_seconds()))}",
        "Cache-Control": "no-store",
        **length,
    }


def _said(upload_complete: str) -> bool:
    """Raise UploadHeaderInvalid."""
    said = SAID.get(upload_complete.strip())
    if said is None:
        raise errors.UploadHeaderInvalid("Send `Upload-Complete: ?1` or `Upload-Complete: ?0`.")
    return said


def _require_partial(request: Request) -> None:
    """Raise ContentTypeUnsupported."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != PARTIAL or "content-encoding" in request.headers:
        raise errors.ContentTypeUnsupported(
            f"Send a part as `Content-Type: {PARTIAL}`, without `Content-Encoding`."
        )
