"""Who may do what with agreements' facts. The role × route table is generated from these."""

from common.security.roles import BODY_STAFF, PARTIES, SERVICES, Role
from common.web.auth import Permission

EVERYBODY = frozenset(Role)
SIGNATORIES = frozenset(
    {
        Role.APPLICANT_SIGNATORY,
        Role.CONTROLLER_SIGNATORY,
        Role.PROCESSOR_CONTACT,
        Role.DARS_APPROVER,
    }
)

READ_ORGANISATIONS = Permission(
    "organisations:read", EVERYBODY, "Read codes and names of organisations, which ODS publishes"
)
IMPORT_REFERENCE_DATA = Permission(
    "reference-data:import",
    frozenset({Role.REFERENCE_DATA_MANAGER}),
    "Take in lists of organisations, maps, assurance, relationships; record registrations and"
    " approvals",
)
DECIDE_IMPORTS = Permission(
    "reference-data:decide",
    frozenset({Role.REFERENCE_DATA_MANAGER, Role.CONTRACT_MANAGER, Role.DARS_APPROVER}),
    "Confirm, as the second person, what waits of reference data, or take back what waits or is"
    " in force",
)
READ_IMPORTS = Permission(
    "reference-data:read",
    BODY_STAFF,
    "See which lists were sent, and what waits for a second person",
)
RECORD_SUBMISSION_RIGHTS = Permission(
    "submission-rights:record",
    frozenset({Role.REFERENCE_DATA_MANAGER, Role.CONTRACT_MANAGER}),
    "Record that one organisation may submit another one's records, or that it ended",
)
READ_SUBMISSION_RIGHTS = Permission(
    "submission-rights:read",
    BODY_STAFF | SERVICES,
    "Ask whose records an organisation may submit",
)
READ_MAPS = Permission(
    "maps:read",
    BODY_STAFF | SERVICES,
    "Read the maps from practice and postcode to commissioner",
)
RECORD_TRANSFER = Permission(
    "transfers:record",
    frozenset({Role.CONTRACT_MANAGER}),
    "Record the instrument by which a predecessor's standing passed to its successor",
)
PREVIEW_TRANSFER = Permission(
    "transfers:preview",
    frozenset({Role.CONTRACT_MANAGER, Role.AUDITOR}),
    "See what a transfer instrument would move",
)
WITHDRAW_TRANSFER = Permission(
    "transfers:withdraw",
    frozenset({Role.CONTRACT_MANAGER}),
    "Take back a transfer instrument before its day",
)
AGREE_DOMAIN_TRANSFER = Permission(
    "domain-transfers:agree",
    frozenset({Role.CONTROLLER_SIGNATORY}),
    "Agree, for a controller, that pseudonym domains go on with another processor",
)
READ_TRANSFERS = Permission(
    "transfers:read", BODY_STAFF | SERVICES | PARTIES, "Read the transfer instruments"
)
MANAGE_ENVIRONMENTS = Permission(
    "environments:manage",
    frozenset({Role.CONTRACT_MANAGER}),
    "Open recipient environments, and say which clients belong to them",
)
READ_ENVIRONMENTS = Permission(
    "environments:read", BODY_STAFF | SERVICES | PARTIES, "Read recipient environments"
)
ISSUE_CONTRACT = Permission(
    "contracts:issue", frozenset({Role.CONTRACT_MANAGER}), "Issue a framework contract"
)
SIGN_CONTRACT = Permission(
    "contracts:sign",
    SIGNATORIES - {Role.PROCESSOR_CONTACT},
    "Sign a framework contract for one's own organisation, or for the Body",
)
TERMINATE_CONTRACT = Permission(
    "contracts:terminate", frozenset({Role.CONTRACT_MANAGER}), "End a framework contract"
)
READ_CONTRACTS = Permission(
    "contracts:read", BODY_STAFF | SERVICES | PARTIES, "Read framework contracts"
)
READ_AGREEMENTS = Permission(
    "agreements:read", BODY_STAFF | SERVICES | PARTIES, "Read agreements and their documents"
)
SIGN_AGREEMENT = Permission(
    "agreements:sign", SIGNATORIES, "Sign an agreement for one's own organisation, or for the Body"
)
TERMINATE_AGREEMENT = Permission(
    "agreements:terminate",
    frozenset({Role.CONTRACT_MANAGER, Role.DARS_APPROVER, Role.CONTROLLER_SIGNATORY}),
    "End an agreement before its term",
)
READ_INBOX = Permission(
    "inbox:read", BODY_STAFF | PARTIES, "See what waits for one's role and organisation"
)
HAND_IN_BATCHES = Permission(
    "agreement-batches:hand-in",
    frozenset({Role.CONTRACT_MANAGER, Role.DARS_CASE_OFFICER}),
    "Make templates; hand in agreements to be issued from one, or that are in force already",
)
DECIDE_BATCHES = Permission(
    "agreement-batches:decide",
    frozenset({Role.DARS_APPROVER}),
    "Confirm, as the second person, or give up, what was handed in to be drafted",
)
READ_BATCHES = Permission(
    "agreement-batches:read", BODY_STAFF, "Read templates, and what was handed in to be drafted"
)
AMEND_AGREEMENT = Permission(
    "agreements:amend",
    frozenset({Role.APPLICANT_EDITOR, Role.DARS_CASE_OFFICER, Role.CONTRACT_MANAGER}),
    "See which agreements need an amendment; it is applied for in applications",
)
FULFIL_CONDITION = Permission(
    "conditions:fulfil",
    frozenset({Role.CONTRACT_MANAGER, Role.DARS_CASE_OFFICER}),
    "Record that a special condition was met",
)
REQUEST_RELATIONSHIP = Permission(
    "relationships:request",
    frozenset({Role.APPLICANT_EDITOR, Role.CSU_ADVISER, Role.CONTRACT_MANAGER}),
    "Ask for a commissioning relationship, or give up what was asked for",
)
MANAGE_RELATIONSHIP = Permission(
    "relationships:manage",
    frozenset({Role.CONTRACT_MANAGER}),
    "Verify service contracts; activate or refuse relationships",
)
AGREE_RELATIONSHIP = Permission(
    "relationships:agree",
    frozenset({Role.DSCRO_APPROVER}),
    "Agree to a relationship for the DSCRO",
)
CONSENT_PUBLICATION = Permission(
    "relationships:consent",
    frozenset({Role.CONTROLLER_SIGNATORY, Role.PROCESSOR_CONTACT, Role.CSU_ADVISER}),
    "Consent to publication for one's own organisation, or withdraw the consent",
)
END_RELATIONSHIP = Permission(
    "relationships:end",
    frozenset({Role.CONTRACT_MANAGER, Role.CONTROLLER_SIGNATORY}),
    "End a relationship",
)
READ_RELATIONSHIPS = Permission(
    "relationships:read", BODY_STAFF | SERVICES | PARTIES, "Read relationships"
)
PUBLISH_REGISTER = Permission(
    "registers:publish",
    frozenset({Role.REGISTER_PUBLISHER}),
    "Publish an edition of the relationships, and the days on which data sets were published",
)
SIGN_INSTRUCTION = Permission(
    "internal-instructions:sign",
    frozenset({Role.CONTRACT_MANAGER, Role.DARS_APPROVER}),
    "Record, sign or withdraw an internal instruction of the Body; two people of two roles sign",
)
READ_FACTS = Permission(
    "facts:read",
    BODY_STAFF | SERVICES | PARTIES,
    "Read assurance, registrations, approvals and publications, which others publish",
)
REPORT_BREACH = Permission(
    "breaches:report", EVERYBODY, "Report a breach: a notice is never refused for want of rights"
)
HANDLE_BREACH = Permission(
    "breaches:handle",
    frozenset({Role.BREACH_HANDLER}),
    "Receipt, judge and close breaches; set holds",
)
READ_BREACHES = Permission(
    "breaches:read",
    EVERYBODY,
    "Read breaches: one's own reports, and those about one's own agreements",
)
PREVIEW_HOLD = Permission(
    "holds:preview",
    frozenset({Role.BREACH_HANDLER, Role.AUDITOR, Role.CONTRACT_MANAGER}),
    "See what a hold would stop",
)
LIFT_HOLD = Permission(
    "holds:lift",
    frozenset({Role.BREACH_HANDLER, Role.DARS_APPROVER}),
    "Approve that a hold is lifted; two different people must",
)
READ_HOLDINGS = Permission(
    "holdings:read",
    BODY_STAFF | SERVICES | PARTIES,
    "Read which files were released under an agreement",
)
CERTIFY_DESTRUCTION = Permission(
    "destruction:certify",
    frozenset(
        {
            Role.APPLICANT_SIGNATORY,
            Role.CONTROLLER_SIGNATORY,
            Role.PROCESSOR_CONTACT,
            Role.CSU_ADVISER,
        }
    ),
    "Certify what became of copies of released files",
)
ACCEPT_DESTRUCTION = Permission(
    "destruction:accept",
    frozenset({Role.DARS_CASE_OFFICER, Role.DARS_APPROVER, Role.CONTRACT_MANAGER}),
    "Accept that released files are destroyed; two different people must",
)
LOG_ONWARD_SHARE = Permission(
    "onward-shares:log",
    frozenset(
        {
            Role.APPLICANT_SIGNATORY,
            Role.CONTROLLER_SIGNATORY,
            Role.PROCESSOR_CONTACT,
            Role.CSU_ADVISER,
            Role.CSU_SYSTEM,
        }
    ),
    "Log that data went on to another organisation",
)
FIND_PLACES = Permission(
    "places:find",
    frozenset({Role.AUDITOR}),
    "Record where an audit found data",
)
RECORD_STAFF = Permission(
    "staff:record",
    frozenset({Role.INFORMATION_GOVERNANCE}),
    "Record policies, training and secondments of staff in DSCRO roles",
)
READ_STAFF = Permission(
    "staff:read",
    frozenset(
        {
            Role.INFORMATION_GOVERNANCE,
            Role.AUDITOR,
            Role.DSCRO_OPERATOR,
            Role.DSCRO_APPROVER,
        }
    ),
    "Read these records; in a DSCRO role one's own",
)
PLAN_AUDIT = Permission(
    "audits:plan",
    frozenset({Role.INFORMATION_GOVERNANCE, Role.CONTRACT_MANAGER}),
    "Plan audits of the service and of recipients; record that an action is done",
)
REPORT_AUDIT = Permission(
    "audits:report",
    frozenset({Role.AUDITOR}),
    "Hand in what an audit found, and look again whether it was mended",
)
PUBLISH_AUDIT = Permission(
    "audits:publish", frozenset({Role.REGISTER_PUBLISHER}), "Publish the report of an audit"
)
LIST_AUDITS = Permission(
    "audits:list", BODY_STAFF | {Role.INFORMATION_GOVERNANCE}, "List audits with their actions"
)
READ_AUDITS = Permission(
    "audits:read",
    BODY_STAFF | PARTIES | {Role.INFORMATION_GOVERNANCE},
    "Read an audit; in another organisation one of its own",
)
READ_LAPSES = Permission(
    "lapses:read",
    BODY_STAFF | PARTIES | {Role.INFORMATION_GOVERNANCE},
    "See what of one's own affairs ends when, and the warnings of it",
)
