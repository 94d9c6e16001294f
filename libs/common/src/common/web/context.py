"""The context of a route: what use cases are given, for whoever has the route's permission.

ReadCtx = Annotated[Context, permitted(permissions.READ)]

@router.get("")
def list_things(ctx: ReadCtx) -> Page[Thing]: ...
"""

from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from common.security.principal import Principal
from common.web.auth import Permission, bearer_token, requires


class OutsideWorld(Protocol):
    """What a service's lifespan holds under `state`: the outside world, the same for all calls."""

    def on_behalf_of(self, principal: Principal, token: str) -> Any:
        """Return the context of the use cases; the token is evidence for other services."""


def permitted(permission: Permission, *, state: str = "context") -> Any:
    """Return the dependency that lets in the permission's roles and yields their context."""

    async def context(
        request: Request, principal: Annotated[Principal, requires(permission)]
    ) -> Any:
        world: OutsideWorld = getattr(request.state, state)
        return world.on_behalf_of(principal, bearer_token(request))

    return Depends(context)


def from_state(name: str) -> Any:
    """Return the dependency that yields what the lifespan holds under this name."""

    async def held(request: Request) -> Any:
        return getattr(request.state, name)

    return Depends(held)
