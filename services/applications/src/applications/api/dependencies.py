"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request

from applications.api import permissions
from applications.use_cases.context import Context, World
from common.security.principal import Principal
from common.web.auth import Permission, requires


async def _world(request: Request) -> World:
    found: World = request.state.world
    return found


TheWorld = Annotated[World, Depends(_world)]


def acting(permission: Permission) -> Any:
    """The context of a caller who has the permission."""

    async def context(
        world: TheWorld, principal: Annotated[Principal, requires(permission)]
    ) -> Context:
        return Context(world=world, principal=principal)

    return Depends(context)


Reader = Annotated[Context, acting(permissions.READ)]
Editor = Annotated[Context, acting(permissions.DRAFT)]
Submitter = Annotated[Context, acting(permissions.SUBMIT)]
Withdrawer = Annotated[Context, acting(permissions.WITHDRAW)]
Officer = Annotated[Context, acting(permissions.REVIEW)]
Adviser = Annotated[Context, acting(permissions.ADVISE)]
Approver = Annotated[Context, acting(permissions.APPROVE)]
Refuser = Annotated[Context, acting(permissions.REFUSE)]
SnapshotReader = Annotated[Context, acting(permissions.READ_SNAPSHOT)]


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            pattern=r'^"?[0-9]{1,9}"?$',
            description="The `ETag` of the application as it was read; 409 if it has changed.",
        ),
    ] = None,
) -> int | None:
    return int(if_match.strip('"')) if if_match is not None else None


Expected = Annotated[int | None, Depends(_expected_version)]
