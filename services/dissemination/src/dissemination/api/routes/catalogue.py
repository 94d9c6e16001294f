"""The catalogue: which data sets there are, and in which form their columns may leave."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from catalogue import Catalogue, DataSet, LandingRules, UnknownDataSet, absent, tabulating
from catalogue.describing import field_list_csv, table_schema
from common.clock import Clock, legal_day
from common.web.operation import accept_of, preferred
from common.web.problems import responses
from dissemination.api.dependencies import PUBLIC_CATALOGUE, CatalogueOf
from dissemination.api.permissions import PublicCtx
from dissemination.api.schemas.catalogue import (
    AbsentView,
    CatalogueColumn,
    CatalogueEntry,
    CatalogueList,
    CatalogueMeasure,
    DataSetView,
)
from dissemination.domain.errors import DataSetNotFound

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])


JSON, CSV = "application/json", "text/csv"

Name = Annotated[
    str,
    Path(pattern=r"^[A-Z][A-Z0-9_]{1,31}$", description="Its name.", examples=["ECDS"]),
]
Version = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$", description="In place of the newest."),
]


class FieldListFormat(StrEnum):
    JSON = "json"
    CSV = "csv"


@router.get("", dependencies=[PUBLIC_CATALOGUE])
def read_catalogue(catalogue: CatalogueOf) -> CatalogueList:
    """Read every version of every data set, with what an agreement's line can name of it.

    Data sets that agreements name and that have no file yet are listed with the reason.
    """
    return CatalogueList(
        items=[_entry(data_set) for data_set in catalogue],
        not_yet=[AbsentView.told(one) for one in absent()],
    )


@router.get(
    "/{data_set}",
    dependencies=[PUBLIC_CATALOGUE],
    response_model=DataSetView,
    responses={
        200: {"content": {CSV: {"schema": {"type": "string"}}}},
        **responses(DataSetNotFound),
    },
)
def read_data_set(
    data_set: Name,
    catalogue: CatalogueOf,
    ctx: PublicCtx,
    request: Request,
    version: Version = None,
    format_: Annotated[
        FieldListFormat | None, Query(alias="format", description="In place of `Accept`.")
    ] = None,
) -> Response | DataSetView:
    """Read one data set: its columns with codes and what they mean, and what is said of it.

    JSON is the whole; CSV is the list of columns.
    """
    found = _found(catalogue, data_set, version)
    wanted = preferred(accept_of(request), (JSON, CSV)) if format_ is None else format_
    if wanted in {CSV, FieldListFormat.CSV}:
        name = f'attachment; filename="{found.data_set}-{found.version}.csv"'
        return Response(
            field_list_csv(found), media_type=CSV, headers={"Content-Disposition": name}
        )
    return DataSetView.told(
        found,
        _entry(found),
        versions=[d.version for d in catalogue if d.data_set == data_set],
        rules=_rules(catalogue, data_set, ctx.clock),
    )


@router.get(
    "/{data_set}/table-schema",
    dependencies=[PUBLIC_CATALOGUE],
    responses=responses(DataSetNotFound),
)
def read_table_schema(
    data_set: Name, catalogue: CatalogueOf, ctx: PublicCtx, version: Version = None
) -> dict[str, Any]:
    """Read the Table Schema (Frictionless Data) of the file that a provider sends."""
    found = _found(catalogue, data_set, version)
    return table_schema(found, _rules(catalogue, data_set, ctx.clock))


def _found(catalogue: Catalogue, name: str, version: str | None) -> DataSet:
    try:
        return catalogue.get(name, version)
    except UnknownDataSet:
        raise DataSetNotFound("The catalogue has no such data set, or not that version.") from None


def _rules(catalogue: Catalogue, name: str, clock: Clock) -> LandingRules | None:
    return catalogue.rules_of(name, legal_day(clock.now()))


def _entry(data_set: DataSet) -> CatalogueEntry:
    return CatalogueEntry(
        data_set=data_set.data_set,
        version=data_set.version,
        digest=data_set.digest,
        title=data_set.title,
        description=data_set.description,
        grain=data_set.grain,
        sensitivity=data_set.sensitivity,
        refresh=data_set.refresh,
        publication_gate=data_set.publication_gate,
        disclosure_rule=data_set.disclosure_rule,
        valid_from=data_set.valid_from,
        valid_to=data_set.valid_to,
        columns=[
            CatalogueColumn(
                name=column.name,
                class_=str(column.class_),
                type=str(column.type),
                treatments=[str(treatment) for treatment in column.treatments],
            )
            for column in data_set.releasables.values()
            if column.treatments  # a column without one never leaves
        ],
        measures=[
            CatalogueMeasure(
                name=said.name, title=said.title, grain=said.grain, cut_by=list(said.cut_by)
            )
            for said in tabulating().described(data_set)
        ],
    )
