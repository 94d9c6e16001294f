"""The safe haven's second port: preparations by permit, for dissemination only."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from common import http
from common.errors import AppError
from common.security.jws import unverified
from dissemination.domain.errors import HavenUnavailable, PreparationRefused
from dissemination.domain.extract import Permit, PreparedFile
from dissemination.domain.landed import Landed, LandedMonth, QualitySummary
from dissemination.use_cases.ports import Preparation, Progress
from statements.vocabulary import Format

REFUSALS = frozenset({403, 404, 409, 410, 422})
"""Statuses by which the haven says that it will not; any other is no answer."""

_QUALITY: TypeAdapter[QualitySummary] = TypeAdapter(QualitySummary)


class _Progress(BaseModel):
    model_config = ConfigDict(extra="ignore")
    rows_done: Annotated[int, Field(ge=0)] = 0
    rows_total: Annotated[int, Field(ge=0)] | None = None


class _ReadyFile(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: UUID
    format: Format
    object_key: str
    bytes: Annotated[int, Field(ge=0)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    rows: Annotated[int, Field(ge=0)]
    attestation: str


class _Preparation(BaseModel):
    model_config = ConfigDict(extra="ignore")
    state: str
    progress: _Progress | None = None
    code: str | None = None
    detail: str | None = None
    files: list[_ReadyFile] = []


class _LandedMonth(BaseModel):
    model_config = ConfigDict(extra="ignore")
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    providers: Annotated[int, Field(ge=1)]
    landed_at: datetime
    editions: tuple[UUID, ...] = ()
    """None where the haven is of an earlier release: then only the release is judged by them."""


class _LandedMonths(BaseModel):
    model_config = ConfigDict(extra="ignore")
    items: list[_LandedMonth]
    opt_out_lists: tuple[str, ...] = ()


class HttpPreparations:
    def __init__(self, remote: http.Remote) -> None:
        self._remote = remote

    def judge(self, permit: str, request: dict[str, JsonValue]) -> None:
        try:
            permit_id = UUID(unverified(permit).get("jti"))
        except (TypeError, ValueError) as error:
            raise HavenUnavailable("What agreements gave has no id.") from error
        self._call("POST", f"{permit_id}/judgement", {"permit": permit, "request": request})

    def put(self, permit: Permit, request: dict[str, JsonValue]) -> None:
        self._call("PUT", permit.id, {"permit": permit.compact, "request": request})

    def get(self, permit_id: str) -> Preparation:
        answer = self._call("GET", permit_id)
        try:
            told = _Preparation.model_validate(answer.json())
        except (ValueError, ValidationError) as error:
            raise HavenUnavailable("The safe haven answers what we do not understand.") from error
        return Preparation(
            state=told.state,
            progress=None
            if told.progress is None
            else Progress(rows_done=told.progress.rows_done, rows_total=told.progress.rows_total),
            code=told.code,
            detail=told.detail,
            files=tuple(PreparedFile(**dict(file)) for file in told.files),
        )

    def landed(self, data_set: str) -> Landed:
        answer = self._called("GET", f"/v1/landed-months?data_set={data_set}")
        try:
            told = _LandedMonths.model_validate(answer.json())
        except (ValueError, ValidationError) as error:
            raise HavenUnavailable("The safe haven answers what we do not understand.") from error
        return Landed(
            months=tuple(LandedMonth(**dict(month)) for month in told.items),
            opt_out_lists=told.opt_out_lists,
        )

    def quality(self, permit_id: str) -> QualitySummary:
        answer = self._called("GET", f"/v1/preparations/{permit_id}/quality")
        try:
            return _QUALITY.validate_json(answer.content)
        except ValidationError as error:
            raise HavenUnavailable("The safe haven answers what we do not understand.") from error

    def _call(
        self, method: str, permit_id: str, body: dict[str, JsonValue] | None = None
    ) -> http.Response:
        return self._called(method, f"/v1/preparations/{permit_id}", body)

    def _called(
        self, method: str, path: str, body: dict[str, JsonValue] | None = None
    ) -> http.Response:
        try:
            return self._remote.call(method, path, json=body)
        except http.RemoteProblem as problem:
            if problem.status in REFUSALS:
                raise PreparationRefused(
                    problem.detail or "The safe haven refused the preparation.", code=problem.code
                ) from problem
            raise HavenUnavailable("The safe haven does not answer.") from problem
        except AppError as error:
            raise HavenUnavailable("The safe haven does not answer.") from error
