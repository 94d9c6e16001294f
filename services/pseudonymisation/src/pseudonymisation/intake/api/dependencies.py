"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from common.security.keys import Signer
from common.security.principal import Principal
from common.web.auth import Permission, requires
from pseudonymisation.intake.api import permissions
from pseudonymisation.intake.domain.errors import TooManyUploads, UploadIncomplete
from pseudonymisation.intake.use_cases.context import IntakeContext

BLOCK_BYTES = 1 << 20
"""Chunks are collected to so much before a thread works on them."""


class Uploads:
    """The uploads of this process: how many there are, and how long each may stall."""

    def __init__(self, *, uploads_max: int, stall_seconds: float) -> None:
        self._max = uploads_max
        self._stall_seconds = stall_seconds
        self._count = 0

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Raise TooManyUploads."""
        if self._count >= self._max:
            raise TooManyUploads(f"{self._max} uploads are in progress. Try again soon.")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def blocks(self, request: Request) -> AsyncIterator[bytes]:
        """Return the body in blocks.

        Raises:
            UploadIncomplete: where it stalls, or its sender went away

        """
        held = bytearray()
        body = request.stream().__aiter__()
        while True:
            try:
                async with asyncio.timeout(self._stall_seconds):
                    chunk = await anext(body)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise UploadIncomplete(
                    "No data arrived for too long. Send the file again."
                ) from None
            except ClientDisconnect:
                raise UploadIncomplete("The connection was lost. Send the file again.") from None
            held += chunk
            while len(held) >= BLOCK_BYTES:
                yield bytes(held[:BLOCK_BYTES])
                del held[:BLOCK_BYTES]
        if held:
            yield bytes(held)


@dataclass(frozen=True)
class _ContextFor:
    """The context on behalf of whoever has the permission."""

    permission: Permission

    def build(self) -> Any:
        def context(
            request: Request, principal: Annotated[Principal, requires(self.permission)]
        ) -> IntakeContext:
            world: IntakeContext = request.state.context
            return world.on_behalf_of(principal)

        return Depends(context)


SubmitCtx = Annotated[IntakeContext, _ContextFor(permissions.SUBMIT).build()]
ReadCtx = Annotated[IntakeContext, _ContextFor(permissions.READ_SUBMISSIONS).build()]
RowsCtx = Annotated[IntakeContext, _ContextFor(permissions.READ_QUARANTINED_ROWS).build()]
EditionsCtx = Annotated[IntakeContext, _ContextFor(permissions.READ_EDITIONS).build()]
ConfirmEditionsCtx = Annotated[IntakeContext, _ContextFor(permissions.CONFIRM_EDITIONS).build()]
WithdrawEditionsCtx = Annotated[IntakeContext, _ContextFor(permissions.WITHDRAW_EDITIONS).build()]
CheckCtx = Annotated[IntakeContext, _ContextFor(permissions.CHECK_OPT_OUTS).build()]
ReadChecksCtx = Annotated[IntakeContext, _ContextFor(permissions.READ_CHECKS).build()]
ImportCtx = Annotated[IntakeContext, _ContextFor(permissions.IMPORT_OPT_OUTS).build()]
DecideListsCtx = Annotated[IntakeContext, _ContextFor(permissions.CONFIRM_OPT_OUTS).build()]
TakeBackListsCtx = Annotated[IntakeContext, _ContextFor(permissions.WITHDRAW_OPT_OUTS).build()]
OptOutsCtx = Annotated[IntakeContext, _ContextFor(permissions.READ_OPT_OUTS).build()]


def _uploads(request: Request) -> Uploads:
    uploads: Uploads = request.state.uploads
    return uploads


def _signer(request: Request) -> Signer:
    signer: Signer = request.state.signer
    return signer


Uploading = Annotated[Uploads, Depends(_uploads)]
Signing = Annotated[Signer, Depends(_signer)]
