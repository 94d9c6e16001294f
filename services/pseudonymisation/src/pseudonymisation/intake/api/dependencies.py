"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect

from common.security.keys import Signer
from common.web.context import from_state, permitted
from pseudonymisation.intake.api import permissions
from pseudonymisation.intake.domain.errors import TooManyUploads, UploadIncomplete
from pseudonymisation.intake.use_cases.context import IntakeContext

Begun = TypeVar("Begun")
Taking = TypeVar("Taking", bound="TakesBlocks")

BLOCK_BYTES = 1 << 20
"""Chunks are collected to so much before a thread works on them."""


class TakesBlocks(Protocol):
    """What a body is given to; what it does not finish it abandons."""

    def take(self, block: bytes, /) -> object: ...

    def abandon(self) -> object: ...


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

    @asynccontextmanager
    async def into(
        self, request: Request, begin: Callable[[], tuple[Begun, Taking]]
    ) -> AsyncIterator[tuple[Begun, Taking]]:
        """Give the body to what `begin` opens, and then both that it returned to who finishes it.

        Where anything fails on the way, also where the request is cancelled, nothing of the upload
        stays. Raise TooManyUploads, UploadIncomplete, and what the taking raises.
        """
        async with self.counted():
            with anyio.CancelScope(shield=True):  # else nobody would abandon what it opened
                begun, taking = await run_sync(begin)
            try:
                async for block in self.blocks(request):
                    await run_sync(taking.take, block)
                yield begun, taking
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await run_sync(taking.abandon)
                raise

    async def blocks(self, request: Request) -> AsyncIterator[bytes]:
        """Return the body in blocks; where it breaks off, first what came before that.

        Raises:
            UploadIncomplete: where it stalls, or its sender went away

        """
        held, broken = bytearray(), ""
        body = request.stream().__aiter__()
        while True:
            try:
                async with asyncio.timeout(self._stall_seconds):
                    chunk = await anext(body)
            except StopAsyncIteration:
                break
            except TimeoutError:
                broken = "No data arrived for too long. Send the file again."
                break
            except ClientDisconnect:
                broken = "The connection was lost. Send the file again."
                break
            held += chunk
            while len(held) >= BLOCK_BYTES:
                yield bytes(held[:BLOCK_BYTES])
                del held[:BLOCK_BYTES]
        if held:
            yield bytes(held)
        if broken:
            raise UploadIncomplete(broken)


@dataclass(frozen=True, slots=True)
class FileChecks:
    """The checks of files of this process: how many at once, and how large a file."""

    uploads: Uploads
    bytes_max: int


SubmitCtx = Annotated[IntakeContext, permitted(permissions.SUBMIT)]
ReadCtx = Annotated[IntakeContext, permitted(permissions.READ_SUBMISSIONS)]
RowsCtx = Annotated[IntakeContext, permitted(permissions.READ_QUARANTINED_ROWS)]
EditionsCtx = Annotated[IntakeContext, permitted(permissions.READ_EDITIONS)]
ConfirmEditionsCtx = Annotated[IntakeContext, permitted(permissions.CONFIRM_EDITIONS)]
WithdrawEditionsCtx = Annotated[IntakeContext, permitted(permissions.WITHDRAW_EDITIONS)]
CheckCtx = Annotated[IntakeContext, permitted(permissions.CHECK_OPT_OUTS)]
ReadChecksCtx = Annotated[IntakeContext, permitted(permissions.READ_CHECKS)]
DecideChecksCtx = Annotated[IntakeContext, permitted(permissions.CONFIRM_CHECKS)]
TakeBackChecksCtx = Annotated[IntakeContext, permitted(permissions.WITHDRAW_CHECKS)]
ImportCtx = Annotated[IntakeContext, permitted(permissions.IMPORT_OPT_OUTS)]
DecideListsCtx = Annotated[IntakeContext, permitted(permissions.CONFIRM_OPT_OUTS)]
TakeBackListsCtx = Annotated[IntakeContext, permitted(permissions.WITHDRAW_OPT_OUTS)]
OptOutsCtx = Annotated[IntakeContext, permitted(permissions.READ_OPT_OUTS)]


Uploading = Annotated[Uploads, from_state("uploads")]
CheckingFiles = Annotated[FileChecks, from_state("file_checks")]
Signing = Annotated[Signer, from_state("signer")]
