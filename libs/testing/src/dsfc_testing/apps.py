"""What FastAPI makes of a service's routes is made once in a process, not for each test's app.

An app is made for nearly every test of an API. Of its start and first request four fifths were
spent on routes and on the OpenAPI document, which requests are held to: the same for every app with
the same routers. Nothing in them is an app's own but the dependencies that a test puts in place of
others (`dependency_overrides`); an app that has any gets routes of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import applications, routing
from fastapi.openapi.utils import get_openapi

Key = tuple[object, ...]


def share() -> None:
    """Let the apps of this process share what is made of the routers that they have in common."""
    if vars(applications)["get_openapi"] is get_openapi:
        _share_routes()
        _share_documents()


def _share_routes() -> None:
    context = routing._EffectiveRouteContext  # noqa: SLF001 - it has no public name
    build = context.from_api_route
    built: dict[Key, Any] = {}  # each has its route, so that the route's id stays its own

    def once(*, original_route: Any, include_context: Any) -> Any:
        provider = include_context.dependency_overrides_provider
        if provider is not None and provider.dependency_overrides:
            return build(original_route=original_route, include_context=include_context)
        key = (id(original_route), _written(include_context))
        if key not in built:
            built[key] = build(original_route=original_route, include_context=include_context)
        return built[key]

    context.from_api_route = staticmethod(once)  # type: ignore[method-assign]


def _share_documents() -> None:
    built: dict[Key, tuple[str, Sequence[object]]] = {}

    def once(**given: Any) -> dict[str, Any]:
        routes = [route for route in given["routes"] if getattr(route, "include_in_schema", True)]
        others = {name: value for name, value in given.items() if name != "routes"}
        key = (repr(sorted(others.items())), *map(_key_of, routes))
        if key not in built:  # the routes are kept, so that their ids stay their own
            built[key] = json.dumps(get_openapi(**given)), routes
        found: dict[str, Any] = json.loads(built[key][0])
        return found

    vars(applications)["get_openapi"] = once  # by which name apps call it


def _key_of(route: Any) -> Key:
    if isinstance(route, routing._IncludedRouter):  # noqa: SLF001 - it has no public name
        router = route.original_router
        version = router._get_routes_version()  # noqa: SLF001 - nor has this
        return id(router), version, _written(route.include_context)
    return (id(route),)


def _written(include_context: Any) -> str:
    return repr(replace(include_context, dependency_overrides_provider=None))
