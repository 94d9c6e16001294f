"""The second port: preparations by permit, for dissemination only (design.md sections 3 and 9)."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common.errors import NoEdition, Refused
from common.security.principal import Principal
from common.security.roles import Role
from common.texts import Scanned
from common.web.auth import Permission, requires
from common.web.problems import responses
from pseudonymisation.domain.permit import (
    CatalogueUnknown,
    EditionUnsafe,
    PermitInvalid,
    PermitMismatch,
    PermitUsed,
)
from pseudonymisation.domain.preparation import TEXTS, Code, Preparation, PreparationNotFound
from pseudonymisation.domain.tokens import DomainClosed
from pseudonymisation.use_cases import preparations as use_cases

PREPARE = Permission(
    "preparations:prepare",
    frozenset({Role.SERVICE_DISSEMINATION}),
    "Have an extract prepared that a permit allows, and follow it.",
)

Caller = Annotated[Principal, requires(PREPARE)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200), Scanned(code=True)]


class RequestedExtract(BaseModel):
    """What was asked of agreements; its digest is in the permit."""

    model_config = ConfigDict(extra="forbid")

    extract_id: Text
    agreement: Text
    purpose: Text
    data_set: Text
    classification: Text
    periods: Annotated[list[Text], Field(max_length=1_000)]
    fields: Annotated[list[Text], Field(max_length=2_000)]
    formats: Annotated[list[Text], Field(max_length=10)]


class PutPreparation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    permit: Annotated[
        str,
        StringConstraints(min_length=1, max_length=500_000),
        Field(description="The permit of agreements: a compact JWS, `typ` dsfc-permit+jwt."),
    ]
    request: RequestedExtract


class ProgressView(BaseModel):
    rows_done: int
    rows_total: Annotated[int | None, Field(description="Not known before people are counted.")]


class PreparedFileView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    format: Literal["parquet", "csv"]
    object_key: Annotated[str, Field(description="In the release store.")]
    bytes: int
    digest: str
    rows: int
    attestation: Annotated[str, Field(description="A compact JWS for agreements.")]


class LandedMonthView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    month: Annotated[str, Field(description="YYYY-MM.", examples=["2018-04"])]
    providers: Annotated[int, Field(description="How many providers' records can be read.")]
    landed_at: Annotated[datetime, Field(description="When the newest of them was landed.")]
    editions: Annotated[
        list[UUID],
        Field(
            description="Every edition that has records of the month and is in force, by id.",
            examples=[["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"]],
        ),
    ]


class LandedMonths(BaseModel):
    items: Annotated[list[LandedMonthView], Field(description="In order of the months.")]
    opt_out_lists: Annotated[
        list[str],
        Field(
            description="What decides who is left out where opt-outs are upheld by list: the "
            "digest of the list in force, and the ids of those that are upheld beside it. Empty "
            "where none is in force.",
            examples=[["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"]],
        ),
    ]


class PreparationView(BaseModel):
    id: Annotated[UUID, Field(description="The permit's.")]
    extract_id: UUID
    state: Literal["accepted", "running", "prepared", "failed"]
    progress: ProgressView
    code: Annotated[str | None, Field(description="Why it failed.")]
    detail: Annotated[str | None, Field(description="The same in words; null unless it failed.")]
    files: list[PreparedFileView]


def context(request: Request, principal: Caller) -> use_cases.Context:
    """Take what `main` made from the lifespan's state."""
    outside: use_cases.Outside = request.state.preparations
    return use_cases.Context(outside, principal)


Ctx = Annotated[use_cases.Context, Depends(context)]

router = APIRouter(prefix="/v1/preparations", tags=["preparations"])


@router.put(
    "/{permit_id}",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        201: {"model": PreparationView, "description": "Accepted now, for the first time."},
        **responses(
            PermitInvalid,
            PermitMismatch,
            PermitUsed,
            CatalogueUnknown,
            NoEdition,
            EditionUnsafe,
            Refused,
            DomainClosed,
        ),
    },
)
def put_preparation(
    permit_id: UUID, body: PutPreparation, response: Response, ctx: Ctx
) -> PreparationView:
    """Have an extract prepared. The same permit, request and caller again changes nothing."""
    preparation, is_new = use_cases.accept(
        permit_id, body.permit, body.request.model_dump(), ctx=ctx
    )
    if is_new:
        response.status_code = HTTPStatus.CREATED
        response.headers["Location"] = f"/v1/preparations/{preparation.id}"
    return _view(preparation)


@router.get("/{permit_id}", responses=responses(PreparationNotFound))
def get_preparation(permit_id: UUID, ctx: Ctx) -> PreparationView:
    """Tell how a preparation stands, and once it is prepared, where its files are."""
    return _view(use_cases.get(permit_id, ctx=ctx))


landed_router = APIRouter(prefix="/v1/landed-months", tags=["preparations"])


@landed_router.get("")
def list_landed_months(
    ctx: Ctx,
    data_set: Annotated[str, Query(pattern=r"^[A-Z][A-Z0-9_]{1,31}$", examples=["SUS_APC"])],
) -> LandedMonths:
    """List the months for which there are records of a data set; one that is unknown has none."""
    found = use_cases.landed(data_set, ctx=ctx)
    return LandedMonths(
        items=[LandedMonthView.model_validate(month) for month in found.months],
        opt_out_lists=[*found.opt_out_lists],
    )


def _view(preparation: Preparation) -> PreparationView:
    return PreparationView(
        id=preparation.id,
        extract_id=UUID(preparation.permit.extract_id),
        state=preparation.state.value,
        progress=ProgressView(rows_done=preparation.rows_done, rows_total=preparation.rows_total),
        code=preparation.code,
        detail=TEXTS[Code(preparation.code)] if preparation.code else None,
        files=[PreparedFileView.model_validate(file) for file in preparation.files],
    )
