"""The register of data uses, for everybody; and the keys with which manifests are verified."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from common.clock import legal_day
from common.security.keys import DATA_USES_STATEMENT, issue
from common.web import spreadsheets
from common.web.operation import accept_of, preferred
from common.web.pagination import Paging
from dissemination.api.dependencies import PUBLIC_KEYS, PUBLIC_REGISTER, SignerOf
from dissemination.api.permissions import PublicCtx
from dissemination.api.schemas.register import (
    RegisterLineView,
    RegisterPage,
    RegisterStatementView,
    frozen_row,
)
from dissemination.domain.register import (
    COLUMNS,
    LINE_MISSING,
    LINE_UNREADABLE,
    STATUS_COLUMNS,
)
from dissemination.use_cases import registers as use_cases
from dissemination.use_cases.context import Context

router = APIRouter(tags=["register"])

JSON = "application/json"
TYPES = (JSON, spreadsheets.CSV, spreadsheets.XLSX)
EVERY_COLUMN = (*COLUMNS, *STATUS_COLUMNS)


class RegisterFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


@router.get(
    "/v1/register",
    dependencies=[PUBLIC_REGISTER],
    response_model=RegisterPage,
    responses={
        200: {
            "content": {
                spreadsheets.CSV: {"schema": {"type": "string"}},
                spreadsheets.XLSX: {"schema": {"type": "string", "format": "binary"}},
            }
        }
    },
)
def read_register(
    ctx: PublicCtx,
    paging: Paging,
    request: Request,
    format_: Annotated[
        RegisterFormat | None, Query(alias="format", description="In place of `Accept`.")
    ] = None,
) -> Response | RegisterPage:
    """Read who was given which data, why and under which law: one line a released file.

    A line stays as it was at the release; its status tells how the file stands now.

    JSON comes in pages; CSV and XLSX are the whole register. A file whose line is gone, though the
    audit log says that it was released, is told (`missing`; in a spreadsheet with the status
    `line_missing`), and a line that cannot be read (`unreadable`; there `line_unreadable`).
    """
    wanted = preferred(accept_of(request), TYPES) if format_ is None else format_
    if wanted in {spreadsheets.XLSX, RegisterFormat.XLSX}:
        book = spreadsheets.workbook("Data uses", EVERY_COLUMN, _rows(ctx))
        return spreadsheets.as_file(book, media_type=spreadsheets.XLSX, name=f"{_named(ctx)}.xlsx")
    if wanted in {spreadsheets.CSV, RegisterFormat.CSV}:
        return StreamingResponse(
            spreadsheets.csv_lines(EVERY_COLUMN, _rows(ctx)),
            media_type=spreadsheets.CSV,
            headers={"Content-Disposition": f'attachment; filename="{_named(ctx)}.csv"'},
        )
    at = ctx.clock.now()
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    shown = RegisterPage.of(
        found, paging, show=RegisterLineView.of, key=lambda listed: listed.line.id
    )
    return shown.told(use_cases.completeness(ctx=ctx), at)


@router.get("/v1/register/statement", dependencies=[PUBLIC_REGISTER])
def register_statement(ctx: PublicCtx, signer: SignerOf) -> RegisterStatementView:
    """Say, signed, how the register stands to the audit log: complete, or what is gone or altered.

    Whoever keeps it can show later what the register said that day: the digest is over every line.
    """
    found = use_cases.statement(frozen_row, ctx=ctx)
    claims = RegisterStatementView.claims(found)
    signed = issue(signer, DATA_USES_STATEMENT, claims, at=found.as_of)
    return RegisterStatementView.model_validate({**claims, "statement": signed})


@router.get("/.well-known/jwks.json", dependencies=[PUBLIC_KEYS])
def public_keys(signer: SignerOf) -> dict[str, Any]:
    """The public half of the key that signs manifests and checkpoints."""
    return signer.jwks()


def _named(ctx: Context) -> str:
    """Name a spreadsheet by the day of which it is."""
    return f"data-uses-{legal_day(ctx.clock.now()).isoformat()}"


def _rows(ctx: Context) -> Iterator[Mapping[str, object]]:
    for listed in use_cases.all_lines(ctx=ctx):
        yield _unread(listed) if isinstance(listed, UUID) else listed.told
    for gone in use_cases.completeness(ctx=ctx).missing:
        yield {**asdict(gone), "status": LINE_MISSING}


def _unread(line_id: UUID) -> dict[str, object]:
    return {"status": LINE_UNREADABLE, "status_code": str(line_id)}
