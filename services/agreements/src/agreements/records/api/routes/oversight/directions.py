"""Directions and provision notices under which data sets are collected (ruling 32)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.schemas.oversight.directions import (
    CollectedView,
    DataSetName,
    DirectionView,
    RecordDirection,
)
from agreements.records.api.schemas.shared import Day, told
from agreements.records.domain.errors import DirectionDataSetUnknown, DirectionRecorded, UnlikeSeal
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import directions
from common.clock import legal_day
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/directions", tags=["oversight"])

Reader = Annotated[Context, permitted(permissions.READ_FACTS)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(DirectionDataSetUnknown, DirectionRecorded),
)
def record_direction(
    body: RecordDirection,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> DirectionView:
    """Record a direction or a provision notice, or when one ends.

    From the first record that names a data set on, intake of that data set rests on records alone.
    """
    return DirectionView.model_validate(directions.record(body.fact(), ctx=ctx))


@router.get("")
def list_directions(page: Paging, ctx: Reader) -> Page[DirectionView]:
    """List the directions and provision notices that are recorded."""
    found = directions.page(part(page), ctx=ctx)
    return Page[DirectionView].of(
        found, page, show=told(DirectionView.model_validate), key=lambda one: one.one.id
    )


@router.get("/data-sets/{data_set}", responses=responses(UnlikeSeal))
def get_collected(
    data_set: Annotated[DataSetName, Path()],
    ctx: Reader,
    as_at: Annotated[Day | None, Query(description="By default today.")] = None,
) -> CollectedView:
    """Say whether a data set may be taken in on a day, and under what. The haven asks it."""
    day = as_at or legal_day(ctx.clock.now())
    return CollectedView.model_validate(directions.collected(data_set, day, ctx=ctx))
