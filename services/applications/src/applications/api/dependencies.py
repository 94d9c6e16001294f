"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

from typing import Annotated

from fastapi import Depends, Header

from applications.api import permissions
from applications.use_cases.context import Context, World
from common.web.context import from_state, permitted

Reader = Annotated[Context, permitted(permissions.READ)]
Editor = Annotated[Context, permitted(permissions.DRAFT)]
Submitter = Annotated[Context, permitted(permissions.SUBMIT)]
Withdrawer = Annotated[Context, permitted(permissions.WITHDRAW)]
Officer = Annotated[Context, permitted(permissions.REVIEW)]
Adviser = Annotated[Context, permitted(permissions.ADVISE)]
Approver = Annotated[Context, permitted(permissions.APPROVE)]
Refuser = Annotated[Context, permitted(permissions.REFUSE)]
SnapshotReader = Annotated[Context, permitted(permissions.READ_SNAPSHOT)]


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


TheWorld = Annotated[World, from_state("context")]
Expected = Annotated[int | None, Depends(_expected_version)]
