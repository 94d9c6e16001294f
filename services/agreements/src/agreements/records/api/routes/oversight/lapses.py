"""The calendar of what lapses, and the warnings that were given."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.schemas.oversight.lapses import (
    LapseList,
    LapseView,
    LapseWarningView,
)
from agreements.records.api.schemas.shared import Day, told
from agreements.records.domain.errors import CalendarTooLong
from agreements.records.domain.oversight.lapses import LapseKind
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import lapses
from common.clock import legal_day
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1", tags=["oversight"])

DAYS_DEFAULT = 90
DAYS_MAX = 800
Reader = Annotated[Context, permitted(permissions.READ_LAPSES)]


@router.get("/lapses", responses=responses(CalendarTooLong))
def list_lapses(
    ctx: Reader,
    first: Annotated[Day | None, Query(description="The first day; by default today.")] = None,
    last: Annotated[
        Day | None, Query(description="The last day, at most 800 later; by default 90 later.")
    ] = None,
    kind: Annotated[list[LapseKind], Query(description="Only these kinds; by default all.")] = [],  # noqa: B006  FastAPI copies it
) -> LapseList:
    """List what ends between two days of one's own affairs: contracts, agreements and all else.

    What another record goes on from on the next day does not end. Staff see everybody's.
    """
    begin = first or legal_day(ctx.clock.now())
    end = last or begin + timedelta(days=DAYS_DEFAULT)
    if not begin <= end <= begin + timedelta(days=DAYS_MAX):
        raise CalendarTooLong(
            f"`last` must lie between `first` ({begin}) and {DAYS_MAX} days later."
        )
    found = lapses.between(begin, end, kind, ctx=ctx)
    items = [told(LapseView.model_validate)(one) for one in found.lapses]
    return LapseList(first=begin, last=end, items=items, incomplete=[*found.incomplete])


@router.get("/lapse-warnings")
def list_lapse_warnings(
    page: Paging,
    ctx: Reader,
    ends_from: Annotated[
        Day | None, Query(description="Only of what ends on this day or later.")
    ] = None,
) -> Page[LapseWarningView]:
    """List the warnings that were given of one's own affairs: 90, 30 and 7 days before, once.

    And once, with 0 days, that something is over; within 90 days of its end where nobody looked.
    """
    found = lapses.warnings(part(page), ends_from, ctx=ctx)
    return Page[LapseWarningView].of(
        found, page, show=told(LapseWarningView.model_validate), key=lambda one: one.one.id
    )
