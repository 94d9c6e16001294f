"""The waiting answer: whoever hears that permission is gone can rely on it (docs/adr/0011).

A command that may remove permission commits first and is answered 1.1 times the longest lease
later. A lease is counted by its asker from before the question, and a question that came before the
commit was asked before it; so when the answer is there, no lease that was given before is alive
anywhere, whatever the number of replicas.

It waits whatever the outcome, once a transaction that writes has begun: an error does not say that
nothing was changed (the confirmation of a commit may be lost), and who repeats a command may be
refused before the first of them has waited. Where it is not known whether a commit took effect, it
first waits until the database has decided. Answered at once is only what was refused before.

It waits outside the transaction and outside the thread pool.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import structlog
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from agreements.records.domain.leases import waiting_seconds
from common.clock import boottime
from common.db.unit_of_work import Watched, watching
from common.errors import AppError, Conflict

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Pause = Callable[[float], Awaitable[None]]

SETTLING_SECONDS_MAX = 30.0
"""How long an answer waits for a database to say what became of a commit. As long as it does not
say, it makes no decisions either, and no lease is renewed."""

SETTLING_RETRY_SECONDS = 0.25


class Changes(Protocol):
    """Where changes are written."""

    def settled(self) -> None:
        """Return when every change that was under way is over. Raise Unavailable."""


class Leases(Protocol):
    """The dated rules, as far as they say how long an answer may be relied on."""

    def longest_lease_seconds(self) -> float:
        """Return the longest lease of any day."""


class RemovesPermission(APIRoute):
    """The route class of every command that may take permission from somebody.

    `request.state.pause` is what waits, where the lifespan gives one; tests may count the seconds
    instead of spending them.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def answer_later(request: Request) -> Response:
            with watching() as watched:
                try:
                    try:
                        response: Response = await handle(request)
                    except Exception as error:
                        if watched.began or isinstance(error, Conflict):
                            await _wait(request, watched)
                        raise
                    await _wait(request, watched)
                except asyncio.CancelledError:
                    # The server stops. It would say 500 at once; no answer is not too early.
                    _hang_up(request)
                    raise
                return response

        return answer_later


async def _wait(request: Request, watched: Watched) -> None:
    if watched.unknown:
        log.warning("commit_not_confirmed")
        await _settle(request)
    pause: Pause = getattr(request.state, "pause", asyncio.sleep)
    rules: Leases = request.state.rules
    await pause(waiting_seconds(rules.longest_lease_seconds()) + await _ahead(request, watched))


async def _settle(request: Request) -> None:
    """Wait until the commit whose confirmation was lost has taken effect, or never will."""
    facts: Changes | None = getattr(request.state, "uow", None)
    deadline = boottime() + SETTLING_SECONDS_MAX
    while facts is not None and boottime() < deadline:
        try:
            await run_in_threadpool(facts.settled)
        except AppError as error:
            log.info("commit_not_settled", code=error.code)
            await asyncio.sleep(SETTLING_RETRY_SECONDS)
        else:
            return


async def _ahead(request: Request, watched: Watched) -> float:
    """Return by how many seconds what was written lies ahead of the clock: as a rule 0.

    An instant is read in the transaction that writes it; only a database whose clock was set back
    since makes others believe it later.
    """
    if watched.latest is None:
        return 0.0
    clock = request.state.clock
    try:
        now: datetime = await run_in_threadpool(clock.now)
    except AppError:
        return 0.0  # without a clock nothing is decided
    return max((watched.latest - now).total_seconds(), 0.0)


def _hang_up(request: Request) -> None:
    connection = request.scope.get("extensions", {}).get("dsfc.connection")
    if connection is not None:
        connection.transport.abort()
