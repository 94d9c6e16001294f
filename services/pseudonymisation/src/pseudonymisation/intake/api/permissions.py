"""Who may do what on the intake's port (design.md section 8)."""

from common.security.roles import Role
from common.web.auth import Permission

STAFF = frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER, Role.AUDITOR})

SUBMIT = Permission(
    "submissions:submit",
    frozenset({Role.PROVIDER_SYSTEM, Role.DSCRO_OPERATOR}),
    "Submit a provider's file: one's own, or as a DSCRO the named provider's.",
)
READ_SUBMISSIONS = Permission(
    "submissions:read",
    STAFF | {Role.PROVIDER_SYSTEM},
    "See what became of files: one's own, or as staff of the haven all.",
)
READ_QUARANTINED_ROWS = Permission(
    "quarantine:read-rows",
    frozenset({Role.PROVIDER_SYSTEM}),
    "Get the rows back that were set aside of a file that one's own organisation sent.",
)
READ_EDITIONS = Permission(
    "editions:read",
    STAFF | {Role.PROVIDER_SYSTEM, Role.SERVICE_DISSEMINATION},
    "See which editions were landed; no record of them.",
)
CONFIRM_EDITIONS = Permission(
    "editions:confirm",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Put an edition that waits in force, as another person than who sent it.",
)
WITHDRAW_EDITIONS = Permission(
    "editions:withdraw",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER, Role.PROVIDER_SYSTEM}),
    "Take an edition back: one's own that waits, or as staff of the haven any.",
)
IMPORT_OPT_OUTS = Permission(
    "opt-outs:import",
    frozenset({Role.DSCRO_OPERATOR}),
    "Take in a list of people who opted out.",
)
READ_OPT_OUTS = Permission(
    "opt-outs:read",
    STAFF,
    "See which lists were taken in, never who is on them.",
)
CHECK_OPT_OUTS = Permission(
    "opt-out-checks:run",
    frozenset({Role.DSCRO_OPERATOR}),
    "Ask the national service who may be used: open a check, get its request, send its reply.",
)
READ_CHECKS = Permission(
    "opt-out-checks:read",
    STAFF,
    "See which checks there were, never who was asked about.",
)
CONFIRM_CHECKS = Permission(
    "opt-out-checks:confirm",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Let a reply that waits into force, as another person than who sent it.",
)
WITHDRAW_CHECKS = Permission(
    "opt-out-checks:withdraw",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Take the reply to a national check back.",
)
CONFIRM_OPT_OUTS = Permission(
    "opt-outs:confirm",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Let a list that waits into force, as another person than who sent it.",
)
WITHDRAW_OPT_OUTS = Permission(
    "opt-outs:withdraw",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Take a list of opt-outs back; where that releases many people, two have to.",
)
