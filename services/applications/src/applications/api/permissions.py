"""Who may do what here. In which state, and on whose application, is for domain and query."""

from common.security.roles import Role
from common.web.auth import Permission

READ = Permission(
    "applications:read",
    frozenset(
        {
            Role.APPLICANT_EDITOR,
            Role.APPLICANT_SIGNATORY,
            Role.CONTROLLER_SIGNATORY,
            Role.DARS_CASE_OFFICER,
            Role.ADVISORY_SECRETARY,
            Role.ADVISORY_MEMBER,
            Role.DARS_APPROVER,
            Role.AUDITOR,
        }
    ),
    "Read applications: one's own organisation's, as the Body's staff everybody's.",
)
DRAFT = Permission(
    "applications:draft",
    frozenset({Role.APPLICANT_EDITOR}),
    "Begin an application and answer its sections.",
)
SUBMIT = Permission(
    "applications:submit",
    frozenset({Role.APPLICANT_EDITOR, Role.APPLICANT_SIGNATORY}),
    "Hand an application in.",
)
WITHDRAW = Permission(
    "applications:withdraw",
    frozenset({Role.APPLICANT_EDITOR, Role.APPLICANT_SIGNATORY}),
    "Give an application up.",
)
REVIEW = Permission(
    "applications:review",
    frozenset({Role.DARS_CASE_OFFICER}),
    "Take an enquiry or application on, return it, pass it on to advice or approval.",
)
ADVISE = Permission(
    "applications:advise",
    frozenset({Role.ADVISORY_SECRETARY, Role.ADVISORY_MEMBER}),
    "Record what the advisory body says.",
)
APPROVE = Permission(
    "applications:approve",
    frozenset({Role.DARS_APPROVER}),
    "Approve an application.",
)
REFUSE = Permission(
    "applications:refuse",
    frozenset({Role.DARS_CASE_OFFICER, Role.DARS_APPROVER}),
    "Refuse an application: the case officer in review, the approver after it.",
)
READ_SNAPSHOT = Permission(
    "snapshots:read",
    frozenset({Role.SERVICE_AGREEMENTS, Role.AUDITOR, Role.DARS_CASE_OFFICER}),
    "Read what was frozen, by its hash.",
)
