"""Who may do what with local flows."""

from common.security.roles import BODY_STAFF, PARTIES, SERVICES, Role
from common.web.auth import Permission

REGISTER_LOCAL_FLOW = Permission(
    "local-flows:register",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Register the layout of a local flow, or withdraw one that no agreement names",
)
DECIDE_LOCAL_FLOW = Permission(
    "local-flows:decide",
    frozenset({Role.DSCRO_APPROVER}),
    "Approve or refuse, as the second person, the layout of a local flow",
)
READ_LOCAL_FLOWS = Permission(
    "local-flows:read",
    BODY_STAFF | SERVICES | PARTIES | {Role.PROVIDER_SYSTEM},
    "Read the layouts of local flows",
)
