"""A file checked before it is sent, over HTTP."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from catalogue import Protocol
from common.texts import Scanned
from common.web.problems import responses
from pseudonymisation.intake.api import declared
from pseudonymisation.intake.api.dependencies import CheckingFiles, SubmitCtx
from pseudonymisation.intake.api.routes.uploads import BYTES_MAX, FILE_REFUSALS
from pseudonymisation.intake.api.schemas.checks import FileCheckView
from pseudonymisation.intake.api.schemas.submissions import (
    DATA_SET,
    GROUP,
    LEFT_OUT_MAX,
    ODS,
    PERIOD,
)
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import Declaration, Delimiter, Dialect, Quoting
from pseudonymisation.intake.use_cases.uploads import checking

router: Final = APIRouter(prefix="/v1/file-checks", tags=["submissions"])


@router.post(
    "",
    status_code=HTTPStatus.OK,
    max_body_size=BYTES_MAX,
    responses=responses(
        errors.DataSetUnknown,
        errors.CollectionNotInForce,
        errors.PeriodInvalid,
        errors.PeriodFinal,
        errors.ProtocolNotTaken,
        errors.BulkPartInvalid,
        errors.LeftOutCountMissing,
        errors.LeftOutCountUnexpected,
        errors.ProviderNotOwn,
        errors.ProviderUnknown,
        errors.ProviderNotOpen,
        errors.ContentTypeUnsupported,
        errors.TooManyBadRows,
        errors.NetChangeBaseUnsuitable,
        errors.NetChangeBlocked,
        errors.MapMissing,
        *FILE_REFUSALS,
    ),
    openapi_extra={"requestBody": {"required": True, "content": declared.CONTENT}},
)
async def check_file(
    request: Request,
    ctx: SubmitCtx,
    checks: CheckingFiles,
    data_set: Annotated[
        str,
        Query(pattern=DATA_SET, examples=["SUS_APC"], description="Of which it is."),
        Scanned(code=True),
    ],
    period: Annotated[
        str,
        Query(pattern=PERIOD, examples=["2018-04"], description="As for a submission."),
    ],
    provider: Annotated[
        Annotated[str, Scanned(code=True)] | None,
        Query(pattern=ODS, description="Whose records these are: by default one's own."),
    ] = None,
    delimiter: Annotated[
        Delimiter | None, Query(description="By default as the catalogue says.")
    ] = None,
    quoting: Annotated[
        Quoting | None, Query(description="By default as the catalogue says.")
    ] = None,
    protocol: Annotated[
        Protocol, Query(description="As for a submission.")
    ] = Protocol.WHOLE_PERIOD,
    recipient: Annotated[
        Annotated[str, Scanned(code=True)] | None,
        Query(pattern=ODS, description="Of a file in bulk: the prime recipient."),
    ] = None,
    group: Annotated[
        Annotated[str, Scanned(code=True)] | None,
        Query(pattern=GROUP, description="Of a file in bulk: the bulk replacement group."),
    ] = None,
    left_out_at_source: Annotated[
        int | None,
        Query(ge=0, le=LEFT_OUT_MAX, description="People whom the sender left out; as declared."),
    ] = None,
) -> FileCheckView:
    """Check a file before it is sent: the report of the intake, and nothing is kept or counted.

    What refuses a file as it streams in is the same problem as when it is sent.
    """
    form = declared.form_of(request)
    begin = partial(
        checking.begin,
        data_set=data_set,
        period=period,
        provider=provider,
        declared=Declaration(
            dialect=Dialect(delimiter, quoting),
            protocol=protocol,
            recipient=recipient,
            group=group,
            left_out_at_source=left_out_at_source,
        ),
        form=form,
        bytes_max=checks.bytes_max,
        ctx=ctx,
    )
    async with checks.uploads.counted():
        with anyio.CancelScope(shield=True):  # else nobody would close what it opened
            begun = await run_sync(begin)
        taken = 0
        try:
            async for block in checks.uploads.blocks(request):
                await run_sync(checking.take, begun, block, taken)
                taken += len(block)
            found = await run_sync(checking.finish, begun)
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(begun.trial.close)
    return FileCheckView.of(found)
