"""Organisations, transfer instruments, maps and recipient environments."""

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from agreements.records.api import permissions
from agreements.records.api.dependencies import CsvFile, Ods, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.organisations import (
    AddClients,
    EnvironmentView,
    ImportedMapView,
    ImportView,
    MapView,
    OpenEnvironment,
    OrganisationOnDay,
    OrganisationView,
    RecordTransfer,
    SentMap,
    TransferPreviewView,
    TransferView,
)
from agreements.records.api.schemas.shared import Day, told
from agreements.records.domain.errors import (
    ClientTaken,
    EnvironmentNotFound,
    ImportContradicts,
    ImportRefused,
    MapNotFound,
    OrganisationNotFound,
    OrganisationUnknown,
    TransferInCircle,
    TransferNotFound,
    TransferRecorded,
    TransferTookEffect,
    UnlikeSeal,
)
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.layouts.ods import OdsLayout
from agreements.records.domain.parties.organisation import OrganisationKind
from agreements.records.use_cases import organisations as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.lists import imports, maps
from agreements.records.use_cases.passing import succession
from agreements.settings import DIRECTORY_BYTES_MAX, IMPORT_BYTES_MAX
from common.replacement import ReplacementDecided, ReplacementOutdated, SecondPersonNeeded
from common.texts import Scanned
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import OfState, Reason, filtered

router = APIRouter(prefix="/v1", tags=["organisations"])
removing = APIRouter(prefix="/v1", tags=["organisations"], route_class=RemovesPermission)

CODE = r"^[A-Z0-9]{3,9}$"
DIGEST_HEADER = "Digest-SHA256"
BLOCK_BYTES = 1 << 20
DIRECTORY_EXAMPLE = (
    "pcds,doterm,oscty,oslaua,osward,lsoa11,msoa11,ccg,lsoa21,msoa21\n"
    "S70 1AA,,E99999999,E08000016,E05000993,E01007317,E02001513,E38000006,E01007317,E02001513\n"
)


@removing.post(
    "/organisations/imports",
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_organisations(
    layout: Annotated[OdsLayout, Query(description="Which published list it is.")],
    content: CsvFile,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> ImportView:
    """Import a list of organisations as ODS publishes it, or in our own layout.

    Lines of no use here are left out and named; a file that contradicts itself is refused. Only
    codes, names, parents and dates are kept. One that changes much waits for a second person; until
    then nothing is permitted that it would take away.
    """
    imported = imports.import_organisations(content, layout, ctx=ctx)
    return ImportView.of(imported)


@router.get("/organisations")
def list_organisations(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_ORGANISATIONS)],
    kind: OrganisationKind | None = None,
) -> Page[OrganisationView]:
    """List organisations, one entry for each stretch of time."""
    found = use_cases.page_organisations(part(page), kind, ctx=ctx)
    return Page[OrganisationView].of(
        found, page, show=told(OrganisationView.model_validate), key=lambda o: o.one.id
    )


@router.get("/organisations/{ods}", responses=responses(OrganisationNotFound))
def get_organisation(
    ods: Ods,
    ctx: Annotated[Context, permitted(permissions.READ_ORGANISATIONS)],
    as_at: Annotated[Day | None, Query(description="By default today.")] = None,
) -> OrganisationOnDay:
    """Return what a code means on a day, and its legal entity.

    A longer form of a listed code is that code.
    """
    found = use_cases.get_organisation(ods, as_at, ctx=ctx)
    return told(OrganisationOnDay.of)(found)


@removing.post(
    "/transfer-instruments",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, TransferInCircle, TransferRecorded),
)
def record_transfer(
    body: RecordTransfer,
    ctx: Annotated[Context, permitted(permissions.RECORD_TRANSFER)],
    key: IdempotencyKey = None,
) -> TransferView:
    """Record by which instrument a predecessor's standing passed to its successor.

    Without an instrument nothing passes to a successor.
    """
    instrument = use_cases.record_transfer(
        predecessor=body.predecessor,
        successor=body.successor,
        valid_from=body.effective_from,
        evidence=body.evidence,
        once=once_key(key, "transfer", body),
        ctx=ctx,
    )
    return TransferView.model_validate(instrument)


@router.get(
    "/transfer-instruments/preview",
    responses=responses(OrganisationUnknown, TransferInCircle, TransferRecorded),
)
def preview_transfer(
    ctx: Annotated[Context, permitted(permissions.PREVIEW_TRANSFER)],
    predecessor: Annotated[str, Query(pattern=CODE, description="Whose standing passes on.")],
    successor: Annotated[str, Query(pattern=CODE, description="To whom it passes.")],
    effective_from: Annotated[Day, Query(description="The first day of the successor.")],
) -> TransferPreviewView:
    """Say what an instrument would move to the successor, before it is recorded."""
    found = succession.preview_transfer(predecessor, successor, effective_from, ctx=ctx)
    return TransferPreviewView.of(found)


@router.get("/transfer-instruments")
def list_transfers(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_TRANSFERS)],
) -> Page[TransferView]:
    """List the transfer instruments."""
    found = use_cases.transfers(part(page), ctx=ctx)
    return Page[TransferView].of(
        found, page, show=told(TransferView.model_validate), key=lambda i: i.one.id
    )


@router.post(
    "/transfer-instruments/{instrument_id}/withdrawal",
    responses=responses(TransferNotFound, TransferTookEffect),
)
def withdraw_transfer(
    instrument_id: UUID,
    body: Reason,
    ctx: Annotated[Context, permitted(permissions.WITHDRAW_TRANSFER)],
) -> TransferView:
    """Take back an instrument before its day: nothing passes by it.

    From its day on what passed is the successor's.
    """
    withdrawn = use_cases.withdraw_transfer(instrument_id, body.reason, ctx=ctx)
    return TransferView.model_validate(withdrawn)


@removing.post(
    "/maps",
    status_code=HTTPStatus.CREATED,
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_map(
    kind: Annotated[SentMap, Query(description="From which key it leads.")],
    valid_from: Annotated[Day, Query(description="It governs from this day until the next does.")],
    content: CsvFile,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> ImportedMapView:
    """Import a map: `practice,commissioner`, `postcode,commissioner,lsoa`, or `lsoa,decile`.

    A postcode directory as the ONS publishes it, and an index of deprivation as published, are read
    by their own headers; a directory larger than this takes goes to `/v1/postcode-directories`.

    Lines of no use here are left out and named; a file that contradicts itself is refused. A map
    never changes afterwards; the same file for the same day again is the same map. One that changes
    much of what governs waits for a second person, and the former governs until then.
    """
    imported = maps.import_map(content, MapKind(kind), valid_from, ctx=ctx)
    response.headers["Location"] = f"/v1/maps/{imported.snapshot.id}"
    return ImportedMapView.of(imported)


@removing.post(
    "/postcode-directories",
    status_code=HTTPStatus.CREATED,
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=DIRECTORY_BYTES_MAX,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The directory, in UTF-8.",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": DIRECTORY_EXAMPLE}},
        }
    },
)
async def import_directory(
    request: Request,
    valid_from: Annotated[Day, Query(description="It governs from this day until the next does.")],
    response: Response,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> ImportedMapView:
    """Import an edition of the ONS Postcode Directory, of any size, as a postcode map.

    Kept are commissioner, LSOA and MSOA of both censuses, ward and local authority in both tiers.
    Ended postcodes keep their last areas; pseudo codes are none; lines of no use here are left out
    and named; a file that contradicts itself is refused. One that changes much waits.
    """
    with TemporaryFile() as file:
        async for block in request.stream():
            await run_in_threadpool(file.write, block)
        file.seek(0)
        blocks = iter(partial(file.read, BLOCK_BYTES), b"")
        imported = await run_in_threadpool(maps.import_directory, blocks, valid_from, ctx=ctx)
    response.headers["Location"] = f"/v1/maps/{imported.snapshot.id}"
    return ImportedMapView.of(imported)


@router.get("/maps", responses=responses(UnlikeSeal))
def list_maps(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_MAPS)],
    kind: MapKind | None = None,
    as_at: Annotated[Day | None, Query(description="Only those that govern on this day.")] = None,
    state: OfState = None,
) -> Page[MapView]:
    """List the maps, or those that govern on a day: one a kind.

    `kind=organisation` with `as_at` gives the map from organisations' codes to entities as at that
    day, made of the lists as they are known now: `code,entity,meaning,standing`.
    """
    found = maps.find_maps(kind, as_at, part(page), state=filtered(state), ctx=ctx)
    return Page[MapView].of(found, page, show=told(MapView.of_map), key=lambda m: m.one.id)


@router.get("/maps/{map_id}", responses=responses(MapNotFound))
def get_map(
    map_id: UUID,
    ctx: Annotated[Context, permitted(permissions.READ_MAPS)],
) -> MapView:
    """Describe a map."""
    return told(MapView.of_map)(maps.get_map(map_id, ctx=ctx))


@router.get(
    "/maps/{map_id}/entries",
    response_class=StreamingResponse,
    responses={
        **responses(MapNotFound, UnlikeSeal),
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    },
)
def get_map_entries(
    map_id: UUID,
    ctx: Annotated[Context, permitted(permissions.READ_MAPS)],
) -> StreamingResponse:
    """Stream a map as canonical CSV; its digest is in the header `Digest-SHA256`."""
    snapshot = maps.require_sealed_map(map_id, ctx=ctx)
    content: Iterator[bytes] = maps.map_content(map_id, ctx=ctx)
    return StreamingResponse(
        content,
        media_type="text/csv",
        headers={DIGEST_HEADER: snapshot.digest, "Content-Length": str(snapshot.bytes)},
    )


@removing.post(
    "/maps/{map_id}/confirmation",
    responses=responses(
        MapNotFound, SecondPersonNeeded, ReplacementDecided, ReplacementOutdated, UnlikeSeal
    ),
)
def confirm_map(
    map_id: UUID,
    body: Reason,
    ctx: Annotated[Context, permitted(permissions.DECIDE_IMPORTS)],
) -> MapView:
    """Confirm a map that waits; somebody other than who sent it."""
    return MapView.of_map(maps.confirm_map(map_id, body.reason, ctx=ctx))


@removing.post(
    "/maps/{map_id}/withdrawal",
    responses=responses(MapNotFound, SecondPersonNeeded, ReplacementDecided),
)
def withdraw_map(
    map_id: UUID,
    body: Reason,
    ctx: Annotated[Context, permitted(permissions.DECIDE_IMPORTS)],
) -> MapView:
    """Take a map back. What was made by it is not fetched any more.

    One in force whose going changes much is `leaving` until a second person says so too.
    """
    return MapView.of_map(maps.withdraw_map(map_id, body.reason, ctx=ctx))


@router.post(
    "/recipient-environments",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, ClientTaken),
)
def open_environment(
    body: OpenEnvironment,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.MANAGE_ENVIRONMENTS)],
) -> EnvironmentView:
    """Open a recipient environment; the same request again adds clients that are new."""
    opened = use_cases.open_environment(body.organisation, body.kind, body.clients, ctx=ctx)
    response.headers["Location"] = f"/v1/recipient-environments/{opened.environment.id}"
    return EnvironmentView.of(opened)


@router.get("/recipient-environments")
def list_environments(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_ENVIRONMENTS)],
) -> Page[EnvironmentView]:
    """List recipient environments: one's own, or for staff all."""
    found = use_cases.page_environments(part(page), ctx=ctx)
    return Page[EnvironmentView].of(
        found, page, show=told(EnvironmentView.of), key=lambda e: e.one.environment.id
    )


@router.post(
    "/recipient-environments/{environment_id}/clients",
    responses=responses(EnvironmentNotFound, ClientTaken),
)
def add_clients(
    environment_id: UUID,
    body: AddClients,
    ctx: Annotated[Context, permitted(permissions.MANAGE_ENVIRONMENTS)],
) -> EnvironmentView:
    """Allow clients to act for an environment; a client belongs to one at a time."""
    found = use_cases.add_clients(environment_id, body.clients, ctx=ctx)
    return EnvironmentView.of(found)


@removing.delete(
    "/recipient-environments/{environment_id}/clients/{client_id}",
    responses=responses(EnvironmentNotFound),
)
def remove_client(
    environment_id: UUID,
    client_id: Annotated[
        str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), Scanned(code=True)
    ],
    ctx: Annotated[Context, permitted(permissions.MANAGE_ENVIRONMENTS)],
) -> EnvironmentView:
    """Remove a client from an environment."""
    found = use_cases.remove_client(environment_id, client_id, ctx=ctx)
    return EnvironmentView.of(found)
