"""Every route declares who may use it, or why everybody may (design.md section 8).

    principal: Annotated[Principal, requires(permissions.DRAFT)]

Here only the role is judged. What the caller may know of is in the query, and what the
state allows is in the domain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from common.errors import AppError, Forbidden, TokenMissing, Unauthenticated
from common.security.principal import Principal
from common.security.roles import Role
from common.web import operation, schemas

SCHEME = "access_token"
SECURITY_SCHEME: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An OAuth 2.0 access token for this service whose scope names one role.",
}


@dataclass(frozen=True, slots=True)
class Permission:
    """What one may do, and who may do it."""

    name: str
    """`applications:draft`."""

    roles: frozenset[Role]
    description: str


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody may, for this reason."""

    reason: str


class RoleNotPermitted(Forbidden):
    """The token's role does not have the permission that the route requires."""

    code = "ROLE_NOT_PERMITTED"
    title = "Your role does not have the required permission"


@dataclass(frozen=True)
class Requires:
    """The dependency: lets in who has the permission's role."""

    permission: Permission

    async def __call__(self, request: Request) -> Principal:
        principal = await verified(
            request, bearer_token(request), audience=request.app.state.audience
        )
        structlog.contextvars.bind_contextvars(
            client_id=principal.client_id, role=str(principal.role)
        )
        if principal.role not in self.permission.roles:
            raise RoleNotPermitted(
                f"The role {principal.role} does not have the permission {self.permission.name}.",
                permission=self.permission.name,
            )
        operation.check(request)
        return principal

    def known(self, verifier: Any, token: str, *, audience: str) -> Principal | None:
        """Return whose token it is, where it was verified before, is valid now, and has the role.

        None where it is not known, or where there is something to refuse.
        """
        known = getattr(verifier, "known", None)
        try:
            principal: Principal | None = None if known is None else known(token, audience=audience)
        except AppError:
            return None
        if principal is None or principal.role not in self.permission.roles:
            return None
        return principal


@dataclass(frozen=True)
class _Public:
    permission: Public

    async def __call__(self, request: Request) -> None:
        """Let everybody in who asks what the operation declares."""
        operation.check(request)


def requires(permission: Permission) -> Any:
    """Return the dependency that lets in the permission's roles, and yields the Principal.

    401 UNAUTHENTICATED without a valid token, 403 ROLE_NOT_PERMITTED with another role.
    """
    return Depends(Requires(permission))


def public(reason: str) -> Any:
    """Return the dependency of the few routes that need no token."""
    return Depends(_Public(Public(reason)))


def bearer_token(request: Request) -> str:
    """Return the caller's own token: also evidence for another service's decision."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenMissing("Send an access token: `Authorization: Bearer …`.")
    return token.strip()


def route_permissions(app: FastAPI) -> list[tuple[str, str, Permission | Public]]:
    """List (method, path, permission) of every route.

    Raises:
        LookupError: a route declares none, or two.

    """
    found: list[tuple[str, str, Permission | Public]] = []
    for route in iter_route_contexts(app.routes):
        methods = sorted((route.methods or set()) - {"HEAD", "OPTIONS"}) or ["*"]
        path = route.path or ""
        if isinstance(route.original_route, APIRoute):
            declared = list(_declared(route.dependant))
            if len(declared) != 1:
                raise LookupError(f"{methods} {path} declares {len(declared)} permissions, not one")
            methods = sorted(route.methods or set())
            permission: Permission | Public = declared[0]
        elif path == app.openapi_url:
            permission = Public("The documentation holds no data.")
        else:
            raise LookupError(f"{path} is not a route that can declare a permission")
        found.extend((method, path, permission) for method in methods)
    return sorted(found, key=lambda row: (row[1], row[0]))


def document(app: FastAPI) -> None:
    """Say in the OpenAPI document what each operation requires, and how it refuses."""

    def change(generated: dict[str, Any]) -> None:
        components = generated.setdefault("components", {})
        components.setdefault("securitySchemes", {})[SCHEME] = SECURITY_SCHEME
        permissions = {(m, p): permission for m, p, permission in route_permissions(app)}
        for method, path, described in schemas.operations(generated):
            permission = permissions[method, path]
            if isinstance(permission, Public):
                described["x-public"] = permission.reason
                continue
            described["security"] = [{SCHEME: []}]
            described["x-permission"] = permission.name
            described["x-roles"] = sorted(str(role) for role in permission.roles)
            answers = described["responses"]
            answers.setdefault("401", schemas.problem_response(f"`{Unauthenticated.code}`"))
            answers.setdefault("403", schemas.problem_response(f"`{RoleNotPermitted.code}`"))

    schemas.amend(app, change)


async def verified(request: Request, token: str, *, audience: str) -> Principal:
    """Return whose token it is. A token seen before costs neither a signature nor a thread.

    Raises:
        Unauthenticated: it is not genuine, not of this audience, or not valid now.

    """
    verifier = request.state.verifier
    known = getattr(verifier, "known", None)
    if known is not None:
        principal: Principal | None = known(token, audience=audience)
        if principal is not None:
            return principal
    found: Principal = await run_in_threadpool(verifier.verify, token, audience=audience)
    return found


def _declared(dependant: Dependant) -> Iterator[Permission | Public]:
    call = dependant.call
    if isinstance(call, Requires | _Public):
        yield call.permission
    for inner in dependant.dependencies:
        yield from _declared(inner)
