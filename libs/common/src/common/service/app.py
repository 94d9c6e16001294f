"""The app of a service, over parts that live as long as it is served."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI

from common.service.parts import Parts
from common.settings import ServiceSettings
from common.web import schemas
from common.web.app import create

VERSION = "1.0.0"

SomeParts = TypeVar("SomeParts", bound=Parts)


def create_app(
    settings: ServiceSettings,
    make: Callable[[], SomeParts],
    *,
    title: str,
    summary: str,
    routers: Iterable[APIRouter],
    state: Callable[[SomeParts], Mapping[str, Any]] = lambda _: {},
    while_served: Callable[[FastAPI, SomeParts], AbstractContextManager[object]] | None = None,
) -> FastAPI:
    """Make the app. Its parts are made when it starts, and closed when it ends.

    `state` goes on top of `Parts.state`; `while_served` is entered for as long as it is served.
    """

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        parts = make()
        try:
            with while_served(served, parts) if while_served else nullcontext():
                yield {**parts.state(), **state(parts)}
        finally:
            parts.close()

    app = create(
        title=title, version=VERSION, summary=summary, settings=settings, lifespan=lifespan
    )
    schemas.give_examples(app, schemas.examples_of(settings.own_audience))
    for router in routers:
        app.include_router(router)
    return app
