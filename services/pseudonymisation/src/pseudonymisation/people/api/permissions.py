"""Who may ask whom tokens stand for, and who may see that somebody did (design.md section 8)."""

from common.security.roles import PARTIES, Role
from common.web.auth import Permission

IMPORT_REGISTRATIONS = Permission(
    "practice-registrations:import",
    frozenset({Role.DSCRO_OPERATOR}),
    "Take in a list of who is registered with which practice.",
)
DECIDE_REGISTRATIONS = Permission(
    "practice-registrations:decide",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}),
    "Let a list that waits into force, as another person than who sent it, or take one back.",
)
READ_REGISTRATIONS = Permission(
    "practice-registrations:read",
    frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER, Role.AUDITOR}),
    "See which lists were taken in, never who is on them.",
)
ASK_TO_REIDENTIFY = Permission(
    "re-identifications:ask",
    PARTIES,
    "Ask whom tokens stand for: a practice is told of its own patients; whoever else may ask is"
    " refused, and the attempt is logged.",
)
REIDENTIFY = Permission(
    "re-identifications:answer",
    frozenset({Role.GP_PRACTICE}),
    "Confirm a request of one's own practice, or fetch its answer.",
)
READ_REIDENTIFICATIONS = Permission(
    "re-identifications:read",
    frozenset({Role.GP_PRACTICE, Role.AUDITOR}),
    "See that it was asked: one's own practice's requests, or as an auditor all; never of whom.",
)
LOOK_UP_PEOPLE = Permission(
    "re-identified-people:look-up",
    frozenset({Role.AUDITOR}),
    "Find who was told of a patient, by NHS number, practice or person; no number is shown.",
)
MATCH_INVOICES = Permission(
    "invoice-matches:ask",
    frozenset({Role.CSU_SYSTEM}),
    "Ask whether people were where an invoice says: a system of a controlled environment for"
    " finance is told; whichever other system asks is refused, and the attempt is logged.",
)
RETURN_SCORES = Permission(
    "risk-scores:return",
    frozenset({Role.CSU_SYSTEM}),
    "Send scores of risk stratification back, by token, and see how one's own stand: a supplier's"
    " system may; whichever other system tries is refused, and the attempt is logged.",
)
READ_INVOICE_MATCHES = Permission(
    "invoice-matches:read",
    frozenset({Role.INFORMATION_GOVERNANCE, Role.AUDITOR}),
    "See that it was asked, by whom, about which invoice, and where many were not there; never of"
    " whom.",
)
ASK_FOR_SUBJECT_ACCESS = Permission(
    "subject-access-requests:ask",
    frozenset({Role.INFORMATION_GOVERNANCE}),
    "Ask in which releases a person was; confirm it as another person; fetch the answer.",
)
READ_SUBJECT_ACCESS = Permission(
    "subject-access-requests:read",
    frozenset({Role.INFORMATION_GOVERNANCE, Role.AUDITOR}),
    "See that it was asked, by whom and why; never of whom.",
)
