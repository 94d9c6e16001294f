"""Who may see how good data are, beside everybody: the public statement needs no token."""

from common.security.roles import Role
from common.web.auth import Permission, public
from pseudonymisation.intake.api.permissions import READ_SUBMISSIONS
from pseudonymisation.preparations.api.routes.preparations import PREPARE

READ_QUALITY = Permission(
    "quality:read",
    READ_SUBMISSIONS.roles,
    "See how good the values of editions are: one's own, or as staff of the haven all.",
)
READ_REPORTS = READ_SUBMISSIONS
"""A report is part of what became of a file."""
READ_SUMMARY = PREPARE
"""Whoever has an extract prepared is told how good what it reads is."""
EXPECT_FILES = Permission(
    "landings:expect",
    frozenset({Role.DSCRO_OPERATOR}),
    "Say which provider should send which data set from which month on, and until when.",
)
PUBLIC_STATEMENT = public(
    "Who applies for data is to know before how complete they are; small numbers are hidden."
)
