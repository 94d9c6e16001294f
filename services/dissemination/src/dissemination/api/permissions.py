"""Who may use which route, and the context that the route gets for them.

The role x route table in docs/ is generated from these.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from common.security.principal import Principal
from common.security.roles import Role
from common.web.auth import Permission, bearer_token, requires
from dissemination.use_cases.context import Context

CUSTOMERS = frozenset({Role.CSU_SYSTEM, Role.CSU_ADVISER})
"""Who acts for an organisation; whether that one may have it is agreements' to say."""

BODY = frozenset({Role.AUDITOR, Role.BREACH_HANDLER, Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER})

REQUEST = Permission(
    "extracts:request", CUSTOMERS, "Ask for an extract under an agreement; decided each time."
)
READ = Permission(
    "extracts:read",
    CUSTOMERS | BODY,
    "See one's own organisation's extracts, files and manifests; the Body's staff see all.",
)
WITHDRAW = Permission(
    "extracts:withdraw",
    CUSTOMERS | {Role.DSCRO_APPROVER},
    "Take an extract back before its release.",
)
FETCH = Permission(
    "files:fetch", CUSTOMERS, "Ask for bytes of a released file; decided for every request."
)
DELIVERIES = Permission(
    "deliveries:read", CUSTOMERS | BODY, "See what was delivered, when, to whom and how it ended."
)
AUDIT = Permission(
    "audit:read",
    frozenset({Role.AUDITOR, Role.BREACH_HANDLER}),
    "Read the audit log by agreement.",
)


@dataclass(frozen=True)
class _On:
    """Gives a route the context on behalf of whoever has the permission, with their token."""

    permission: Permission

    def build(self) -> Any:
        async def context(
            request: Request, principal: Annotated[Principal, requires(self.permission)]
        ) -> Context:
            world: Context = request.state.context
            return world.on_behalf_of(principal, bearer_token(request))

        return Depends(context)


RequestCtx = Annotated[Context, _On(REQUEST).build()]
ReadCtx = Annotated[Context, _On(READ).build()]
WithdrawCtx = Annotated[Context, _On(WITHDRAW).build()]
FetchCtx = Annotated[Context, _On(FETCH).build()]
DeliveriesCtx = Annotated[Context, _On(DELIVERIES).build()]
AuditCtx = Annotated[Context, _On(AUDIT).build()]


def _public_context(request: Request) -> Context:
    context: Context = request.state.context
    return context


PublicCtx = Annotated[Context, Depends(_public_context)]
