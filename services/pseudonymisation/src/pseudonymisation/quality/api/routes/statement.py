"""The public statement of data quality, for everybody: no token, no person, no small number."""

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from common.web.operation import accept_of, preferred
from common.web.pagination import Paging
from common.web.problems import responses
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, ODS
from pseudonymisation.quality.api.csv_files import CSV, HTML, JSON, answer
from pseudonymisation.quality.api.dependencies import PublicCtx
from pseudonymisation.quality.api.pages import page
from pseudonymisation.quality.api.permissions import PUBLIC_STATEMENT
from pseudonymisation.quality.api.routes.reports import TEXT
from pseudonymisation.quality.api.schemas.statement import StatementPage
from pseudonymisation.quality.api.windows import FromMonth, OfMonth, ToMonth
from pseudonymisation.quality.domain.errors import WindowInvalid
from pseudonymisation.quality.use_cases import statements as use_cases
from pseudonymisation.quality.use_cases.ports import OfEditions

router = APIRouter(tags=["data quality"])

TYPES = (JSON, CSV, HTML)
HEADS: Final = (
    *("data_set", "period", "provider", "landed_on", "records", "field", "submitted"),
    *("completeness_percent", "validity_percent", "disclosure_rule"),
)


@router.get(
    "/v1/data-quality",
    dependencies=[PUBLIC_STATEMENT],
    response_model=StatementPage,
    responses=responses(WindowInvalid) | {200: {"content": {CSV: TEXT, HTML: TEXT}}},
)
def read_statement(
    ctx: PublicCtx,
    paging: Paging,
    request: Request,
    data_set: Annotated[str | None, Query(pattern=DATA_SET, description="By its name.")] = None,
    month: OfMonth = None,
    first: FromMonth = None,
    last: ToMonth = None,
    provider: Annotated[
        str | None, Query(pattern=ODS, description="Its code in normal form.")
    ] = None,
) -> Response | StatementPage:
    """Read how complete and valid data are, before applying for them: by data set, month, provider.

    Editions in force only. Small numbers are hidden by the data set's disclosure rule (`*`), counts
    are rounded to the nearest 5. As JSON, CSV or a page, each in pages of the same editions.
    """
    wanted = OfEditions(data_set=data_set, month=month, provider=provider, first=first, last=last)
    found = use_cases.statement(wanted, after=paging.after, limit=paging.rows, ctx=ctx)
    stated = StatementPage.of(found, paging.limit)
    match preferred(accept_of(request), TYPES):
        case "text/csv":
            return answer("data-quality", HEADS, _rows(stated))
        case "text/html":
            return page(
                "statement.html",
                stated=stated,
                data_sets=use_cases.titles(ctx=ctx),
                asked={
                    "data_set": data_set,
                    "month": month,
                    "from": first,
                    "to": last,
                    "provider": provider,
                },
                limit=paging.limit,
            )
        case _:
            return stated


def _rows(stated: StatementPage) -> Iterator[tuple[object, ...]]:
    for one in stated.items:
        for field in one.fields:
            yield (
                one.data_set,
                one.period,
                one.provider,
                one.landed_on.isoformat(),
                one.records,
                field.field,
                "true" if field.is_submitted else "false",
                field.completeness,
                field.validity,
                one.rule,
            )
