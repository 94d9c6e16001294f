"""Released files: their manifests, and the only way to their bytes."""

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from catalogue import Catalogue
from common.audit import is_as_logged
from common.errors import DecisionUnavailable, ObjectStoreUnavailable, RangeNotSatisfiable, Refused
from common.security.jws import unverified
from common.web import problems
from common.web.operation import accept_of, preferred, require_acceptable
from common.web.problems import responses
from dissemination.api.dependencies import CatalogueOf, Streams, StreamsOf
from dissemination.api.permissions import FetchCtx, ReadCtx
from dissemination.api.schemas.extracts import ManifestView
from dissemination.api.stream.archive_source import ArchiveSource
from dissemination.api.stream.leased_response import Ending, LeasedResponse, Source, connection_of
from dissemination.domain.errors import (
    FileDestroyed,
    FileNotFound,
    HavenUnavailable,
    ObjectMissing,
    TooManyStreams,
)
from dissemination.domain.lease import Lease
from dissemination.domain.release import file_name
from dissemination.use_cases import archives, deliveries
from dissemination.use_cases import extracts as use_cases
from dissemination.use_cases.context import Context
from dissemination.use_cases.deliveries import Allowed
from statements.vocabulary import Format

router = APIRouter(prefix="/v1/files", tags=["files"])

MEDIA_TYPES: Mapping[Format, str] = {
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSON: "application/json",
    Format.HTML: "text/html",
}

ZIP = "application/zip"
EVERY_TYPE = (*MEDIA_TYPES.values(), ZIP)

CONTENT: dict[str, dict[str, str]] = {media_type: {} for media_type in EVERY_TYPE}

RangeHeader = Annotated[
    str | None, Header(alias="Range", description="One range of bytes.", max_length=200)
]
IfRange = Annotated[
    str | None,
    Header(
        alias="If-Range",
        description="The file's ETag: the range only if the file is still that one.",
        max_length=200,
    ),
]

REFUSALS = responses(
    Refused,
    FileNotFound,
    FileDestroyed,
    RangeNotSatisfiable,
    DecisionUnavailable,
    HavenUnavailable,
    ObjectStoreUnavailable,
    ObjectMissing,
    TooManyStreams,
)


@router.get("/{file_id}/manifest", responses=responses(FileNotFound))
def get_manifest(file_id: UUID, ctx: ReadCtx) -> ManifestView:
    """Return the signed manifest: columns, periods, editions, decisions, place in the log."""
    compact = use_cases.release(file_id, ctx=ctx).manifest
    return ManifestView(
        jws=compact,
        manifest=dict(unverified(compact)),
        is_as_logged=is_as_logged(f"files/{file_id}"),
    )


@router.get(
    "/{file_id}/content",
    response_class=Response,
    responses={
        200: {"description": "The whole file.", "content": CONTENT},
        206: {"description": "The range that was asked for."},
        **REFUSALS,
    },
)
async def fetch_content(
    file_id: UUID,
    request: Request,
    ctx: FetchCtx,
    streams: StreamsOf,
    catalogue: CatalogueOf,
    range_: RangeHeader = None,
    if_range: IfRange = None,
) -> Response:
    """Fetch bytes. Decided now and again while they flow; cut with a reset when the answer turns.

    A cut download can be resumed with `Range`, when the answer is yes again. `Accept:
    application/zip` is the same file in a zip, with its signed manifest, what its columns and codes
    mean, how good the data are, and a page to read; its bytes are the same each time.
    """
    connection_of(request.scope)  # before anything is asked: without it nothing could be stopped
    streams.require_room()
    try:
        allowed = await _allowed(file_id, request, ctx, streams, catalogue, range_, if_range)
    except RangeNotSatisfiable as outside:
        return _outside(outside)
    require_acceptable(accept_of(request), [_media_type(allowed)])
    source: Source = await streams.write(partial(streams.source, allowed.release.file.object_key))
    if allowed.archive is not None:
        source = ArchiveSource(allowed.archive, source)
    await streams.write(partial(deliveries.begin, allowed, ctx=ctx))
    return _leased(allowed, source, streams, ctx)


@router.head(
    "/{file_id}/content",
    response_class=Response,
    responses={200: {"description": "The file's headers.", "content": CONTENT}, **REFUSALS},
)
async def fetch_headers(
    file_id: UUID,
    request: Request,
    ctx: FetchCtx,
    streams: StreamsOf,
    catalogue: CatalogueOf,
    range_: RangeHeader = None,
    if_range: IfRange = None,
) -> Response:
    """Return whether the file could be fetched now, and its length. Nothing is delivered."""
    try:
        allowed = await _allowed(file_id, request, ctx, streams, catalogue, range_, if_range)
    except RangeNotSatisfiable as outside:
        return _outside(outside)
    require_acceptable(accept_of(request), [_media_type(allowed)])
    return Response(
        status_code=_status(allowed),
        headers={**_headers(allowed), "content-length": str(allowed.part.length)},
        media_type=_media_type(allowed),
    )


async def _allowed(
    file_id: UUID,
    request: Request,
    ctx: Context,
    streams: Streams,
    catalogue: Catalogue,
    range_: str | None,
    if_range: str | None,
) -> Allowed:
    packed = None
    if preferred(accept_of(request), EVERY_TYPE) == ZIP:
        packed = await streams.write(
            partial(archives.archive, file_id, catalogue=catalogue, ctx=ctx)
        )
    asked = partial(
        deliveries.allow,
        file_id,
        range_header=range_,
        if_range=if_range,
        ctx=ctx,
        archive=packed,
    )
    return await streams.ask(asked)


def _leased(allowed: Allowed, source: Source, streams: Streams, ctx: Context) -> LeasedResponse:
    async def renew(lease: Lease) -> Lease:
        return await streams.ask(partial(deliveries.renew, allowed, lease, ctx=ctx))

    async def progress(bytes_: int) -> None:
        await streams.write(
            partial(deliveries.note_alive, allowed.delivery_id, bytes_=bytes_, ctx=ctx)
        )

    async def end(ending: Ending) -> None:
        await streams.write(
            partial(
                deliveries.end,
                allowed.delivery_id,
                bytes_=ending.bytes,
                code=ending.code,
                ctx=ctx,
            )
        )

    return LeasedResponse(
        part=allowed.part,
        status_code=_status(allowed),
        headers=_headers(allowed),
        media_type=_media_type(allowed),
        lease=allowed.lease,
        renew=renew,
        source=source,
        limits=streams.limits,
        progress=progress,
        end=end,
        counted=streams.counted,
    )


def _status(allowed: Allowed) -> HTTPStatus:
    return HTTPStatus.PARTIAL_CONTENT if allowed.is_range else HTTPStatus.OK


def _media_type(allowed: Allowed) -> str:
    return ZIP if allowed.archive is not None else MEDIA_TYPES[allowed.release.file.format]


def _headers(allowed: Allowed) -> dict[str, str]:
    release = allowed.release
    file = release.file
    name = file_name(release)
    sha256 = b64encode(bytes.fromhex(file.digest.removeprefix("sha256:"))).decode("ascii")
    digests = {"repr-digest": f"sha-256=:{sha256}:"}
    if allowed.archive is not None:
        name, digests = f"{name}.zip", {}
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{name}"',
        "etag": allowed.etag,
        "vary": "Accept",
        **digests,
        "x-accel-buffering": "no",  # a proxy that buffers would deliver after the lease
        "x-delivery-id": str(allowed.delivery_id),
    }
    if allowed.is_range:
        headers["content-range"] = allowed.part.content_range
    return headers


def _outside(error: RangeNotSatisfiable) -> Response:
    answer = problems.of(error)
    answer.headers["content-range"] = f"bytes */{error.members['size']}"
    return answer
