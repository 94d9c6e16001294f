"""The waiting answer: whoever hears that permission is gone can rely on it (design.md section 5).

A command that may remove permission commits first and is answered 1.1 times the longest lease
later. A lease is counted by its asker from before the question, and a question that came before the
commit was asked before it; so when the answer is there, no lease that was given before is alive
anywhere, whatever the number of replicas.

It waits outside the transaction and outside the thread pool, and for repeated commands too: who
repeats one may be answered before the first of them has waited.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from agreements.domain.decision.rules import Rules
from agreements.domain.leases import waiting_seconds
from common.errors import Conflict

Pause = Callable[[float], Awaitable[None]]


class RemovesPermission(APIRoute):
    """The route class of every command that may take permission from somebody.

    `request.state.pause` is what waits, where the lifespan gives one; tests may count the seconds
    instead of spending them.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def answer_later(request: Request) -> Response:
            try:
                response: Response = await handle(request)
            except Conflict:
                # It may be refused because it has been done already, a moment ago.
                await _wait(request)
                raise
            await _wait(request)
            return response

        return answer_later


async def _wait(request: Request) -> None:
    pause: Pause = getattr(request.state, "pause", asyncio.sleep)
    rules: Rules = request.state.rules
    await pause(waiting_seconds(rules.longest_lease_seconds()))
