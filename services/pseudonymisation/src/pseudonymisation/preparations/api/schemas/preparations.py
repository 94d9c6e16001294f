"""Preparations and landed months, as they cross the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from pseudonymisation.preparations.domain.errors import FailureCode, said
from pseudonymisation.preparations.domain.preparation import Preparation
from statements.handed import RequestedExtract
from statements.vocabulary import Format


class PutPreparation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    permit: Annotated[
        str,
        StringConstraints(min_length=1, max_length=500_000),
        Field(description="The permit of agreements: a compact JWS, `typ` dsfc-permit+jwt."),
    ]
    request: RequestedExtract


class PreparationProgressView(BaseModel):
    rows_done: int
    rows_total: Annotated[int | None, Field(description="Not known before people are counted.")]


class PreparedFileView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    format: Format
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
    is_as_logged: IsAsLogged


class PreparationView(BaseModel):
    id: Annotated[UUID, Field(description="The permit's.")]
    extract_id: UUID
    state: Literal["accepted", "running", "prepared", "failed"]
    progress: PreparationProgressView
    code: Annotated[str | None, Field(description="Why it failed.")]
    detail: Annotated[str | None, Field(description="The same in words; null unless it failed.")]
    files: list[PreparedFileView]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, preparation: Preparation) -> Self:
        return cls(
            id=preparation.id,
            extract_id=UUID(preparation.permit.extract_id),
            state=preparation.state.value,
            progress=PreparationProgressView(
                rows_done=preparation.rows_done, rows_total=preparation.rows_total
            ),
            code=preparation.code,
            detail=said(FailureCode(preparation.code), preparation.subject)
            if preparation.code
            else None,
            files=[PreparedFileView.model_validate(file) for file in preparation.files],
            is_as_logged=is_as_logged(f"preparations/{preparation.id}"),
        )
