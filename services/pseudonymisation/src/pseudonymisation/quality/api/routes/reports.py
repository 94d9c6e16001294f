"""What was measured: the report of a file for its provider, and the history of editions."""

from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from common.web.operation import accept_of, preferred
from common.web.pagination import Page, Paging
from common.web.problems import responses
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, ODS
from pseudonymisation.intake.domain.errors import SubmissionNotFound
from pseudonymisation.quality.api.csv_files import CSV, HTML, JSON, answer
from pseudonymisation.quality.api.dependencies import QualityCtx, ReportCtx
from pseudonymisation.quality.api.pages import page
from pseudonymisation.quality.api.schemas.quality import EditionQualityView, QualityReport
from pseudonymisation.quality.api.windows import FromMonth, OfMonth, ToMonth
from pseudonymisation.quality.domain.errors import ReportMissing, WindowInvalid
from pseudonymisation.quality.domain.reports import FieldReport, ProviderReport
from pseudonymisation.quality.use_cases import reports as use_cases
from pseudonymisation.quality.use_cases.ports import OfEditions

router = APIRouter()

REPORT_TYPES = (JSON, CSV, HTML)
TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
TOTALS: Final = {
    "records": "In the file",
    "landed": "Landed",
    "not_landed": "Good, and not landed with the file",
    "quarantined": "Set aside",
    "adds_nothing": "Add nothing",
    "withheld": "Landed without identity",
    "repeated": "Come again",
    "different": "Different records",
    "kept": "Stay of the edition in force",
    "inserted": "Come new",
    "replaced": "Take the place of one that was there",
    "deleted": "Are taken back",
    "ignored": "Are older than what is there, and change nothing",
    "left_out_at_source": "People whom the sender left out before",
}
HEADS: Final = (
    *("data_set", "provider", "period", "field", "submitted", "judged", "valid", "missing"),
    *("invalid", "default", "withheld", "duplicate", "completeness", "validity"),
    *("national_completeness", "national_validity", "own_found", "others_found"),
)


@router.get(
    "/v1/submissions/{submission_id}/report",
    tags=["submissions"],
    response_model=QualityReport,
    responses=responses(SubmissionNotFound, ReportMissing)
    | {200: {"content": {CSV: TEXT, HTML: TEXT}}},
)
def get_report(submission_id: UUID, ctx: ReportCtx, request: Request) -> Response | QualityReport:
    """Return the data quality report, once the file was landed or judged as a whole.

    As JSON; as CSV with one row for each field; or as a page to print. Completeness of each field
    is held against the periods before and against all providers.
    """
    report = use_cases.report(submission_id, ctx=ctx)
    match preferred(accept_of(request), REPORT_TYPES):
        case "text/csv":
            return answer(f"quality-{submission_id}", HEADS, _rows(report))
        case "text/html":
            return page(
                "report.html",
                report=report,
                totals=_totals(report),
                reasons=report.counts.get("reasons"),
                findings=report.counts.get("findings"),
                identifiers=[f for f in report.fields if f.own_found or f.others_found],
                contradictions=report.counts.get("contradictions"),
            )
        case _:
            return QualityReport.of_report(report)


@router.get("/v1/data-quality/editions", tags=["data quality"], responses=responses(WindowInvalid))
def list_edition_quality(
    ctx: QualityCtx,
    paging: Paging,
    data_set: Annotated[str | None, Query(pattern=DATA_SET, description="By its name.")] = None,
    provider: Annotated[
        str | None, Query(pattern=ODS, description="Whose records: its code in normal form.")
    ] = None,
    month: OfMonth = None,
    first: FromMonth = None,
    last: ToMonth = None,
    in_force: Annotated[  # noqa: FBT002  a query parameter is given by name
        bool, Query(description="Only what is read today; otherwise the history, all editions.")
    ] = False,
) -> Page[EditionQualityView]:
    """List what was measured of every edition when it was landed, oldest first.

    The history of a field: editions that were superseded or taken back stay, and say so.
    """
    wanted = OfEditions(
        data_set=data_set,
        provider=provider,
        month=month,
        first=first,
        last=last,
        only_in_force=in_force,
    )
    found = use_cases.page(wanted, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[EditionQualityView].of(
        found, paging, show=EditionQualityView.of, key=lambda edition: edition.edition_id
    )


def _totals(report: ProviderReport) -> list[tuple[str, int]]:
    totals = report.counts["totals"]
    if not isinstance(totals, dict):
        raise TypeError("totals are counts by name")
    return [(TOTALS.get(name, name), int(str(count))) for name, count in totals.items()]


def _rows(report: ProviderReport) -> Iterator[tuple[object, ...]]:
    sent = report.submission
    for field in report.fields:
        yield (sent.data_set, sent.provider, str(sent.period), *_row(field))


def _row(field: FieldReport) -> tuple[object, ...]:
    one = field.measure
    return (
        one.field,
        "true" if one.is_submitted else "false",
        *(one.judged, one.valid, one.missing, one.invalid, one.default, one.withheld),
        one.duplicate,
        field.own.completeness.share,
        field.own.validity.share,
        field.national.completeness.share,
        field.national.validity.share,
        field.own_found,
        field.others_found,
    )
