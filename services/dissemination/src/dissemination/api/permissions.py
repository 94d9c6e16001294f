"""Who may use which route, and the context that the route gets for them.

The role x route table in docs/ is generated from these.
"""

from typing import Annotated

from common.security.roles import Role
from common.web.auth import Permission
from common.web.context import from_state, permitted
from dissemination.use_cases.context import Context

CUSTOMERS = frozenset({Role.CSU_SYSTEM, Role.CSU_ADVISER, Role.GP_PRACTICE})
"""Who acts for an organisation; whether that one may have it is agreements' to say. A practice is
given what a line has for it, of its own patients."""

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
ORDER = Permission(
    "standing-orders:place",
    CUSTOMERS,
    "Place or confirm a standing order for a line; each period is decided in that name.",
)
END_ORDER = Permission(
    "standing-orders:end",
    CUSTOMERS | {Role.DSCRO_APPROVER},
    "End a standing order; what was released stays what it is.",
)
FETCH = Permission(
    "files:fetch", CUSTOMERS, "Ask for bytes of a released file; decided for every request."
)
DELIVERIES = Permission(
    "deliveries:read", CUSTOMERS | BODY, "See what was delivered, when, to whom and how it ended."
)
CHECK = Permission(
    "disclosure-checks:make",
    CUSTOMERS | BODY,
    "Check or protect a table of one's own by the rule of its product; nothing is kept.",
)
RELEASED = Permission(
    "released-files:read",
    frozenset({Role.SERVICE_AGREEMENTS}),
    "See which files were released under an agreement, before their destruction is accepted.",
)
AUDIT = Permission(
    "audit:read",
    frozenset({Role.AUDITOR, Role.BREACH_HANDLER}),
    "Read the audit log by agreement.",
)


RequestCtx = Annotated[Context, permitted(REQUEST)]
ReadCtx = Annotated[Context, permitted(READ)]
WithdrawCtx = Annotated[Context, permitted(WITHDRAW)]
OrderCtx = Annotated[Context, permitted(ORDER)]
EndOrderCtx = Annotated[Context, permitted(END_ORDER)]
FetchCtx = Annotated[Context, permitted(FETCH)]
DeliveriesCtx = Annotated[Context, permitted(DELIVERIES)]
CheckCtx = Annotated[Context, permitted(CHECK)]
ReleasedCtx = Annotated[Context, permitted(RELEASED)]
AuditCtx = Annotated[Context, permitted(AUDIT)]


PublicCtx = Annotated[Context, from_state("context")]
