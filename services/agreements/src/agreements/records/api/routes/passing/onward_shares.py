"""The public register of what recipients passed on by a clause (domain.md 9; R22)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from agreements.records.api.dependencies import PublicCtx
from agreements.records.api.routes.registers import PUBLIC, SHEETS, RegisterFormat
from agreements.records.api.schemas.passing.onward_shares import (
    COLUMNS,
    RegisteredSharePage,
    RegisteredShareView,
)
from agreements.records.api.schemas.shared import told
from agreements.records.use_cases.passing import onward
from agreements.records.use_cases.ports import Slice
from common.clock import legal_day
from common.web import spreadsheets
from common.web.pagination import Paging

router = APIRouter(prefix="/v1/registers/onward-shares", tags=["registers"])


@router.get("", dependencies=[PUBLIC], response_model=RegisteredSharePage, responses=SHEETS)
def register_of_onward_shares(
    page: Paging,
    ctx: PublicCtx,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        RegisterFormat, Query(description="`csv`, `xlsx`: the whole register, not a part of it.")
    ] = RegisterFormat.JSON,
) -> RegisteredSharePage | Response:
    """List what went on to other organisations by a clause of an agreement, and by which.

    `next` counts what was logged, so a page may have fewer lines than `limit`.
    """
    if format is not RegisterFormat.JSON:
        return _sheet(format, list(map(_row, onward.all_published(ctx=ctx))), day=_day(ctx))
    found = onward.published(Slice(after=page.after, rows=page.limit), ctx=ctx)
    items = [told(RegisteredShareView.of)(shown) for shown in found.rows]
    return RegisteredSharePage(items=items, next=found.next)


def _row(one: onward.PublicShare) -> dict[str, Any]:
    return RegisteredShareView.of(one).model_dump(mode="json")


def _day(ctx: PublicCtx) -> str:
    return legal_day(ctx.clock.now()).isoformat()


def _sheet(format_: RegisterFormat, rows: list[dict[str, Any]], *, day: str) -> Response:
    name = f"onward-shares-{day}"
    if format_ is RegisterFormat.CSV:
        text = "".join(spreadsheets.csv_lines([(c, c) for c, _ in COLUMNS], rows))
        return spreadsheets.as_file(text, media_type=spreadsheets.CSV, name=f"{name}.csv")
    book = spreadsheets.workbook("onward-shares", COLUMNS, rows)
    return spreadsheets.as_file(book, media_type=spreadsheets.XLSX, name=f"{name}.xlsx")
