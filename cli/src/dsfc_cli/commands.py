"""Every command by the part of `dsfc --help` that it stands in, in the order of that list."""

from collections.abc import Mapping
from dataclasses import replace

from dsfc_cli.shell.lazy import Lazy

PARTS: Mapping[str, Mapping[str, Lazy]] = {
    "Try it": {
        "demo": Lazy(
            "dsfc_cli.demo:command",
            "Walk one release from end to end; exit non-zero at the first claim that does not"
            " hold.",
        ),
        "up": Lazy(
            "dsfc_cli.house.running:command",
            "Start the four services with a sandbox in them, say what to do next, and stay until"
            " Ctrl-C.",
        ),
        "token": Lazy(
            "dsfc_cli.house.tokens:command", "Print an access token of a development identity."
        ),
        "generate": Lazy(
            "dsfc_cli.input.generating:generate_input",
            "Make synthetic input in the published layout, with its practice and postcode maps.",
        ),
        "directory": Lazy(
            "dsfc_cli.input.generating:generate_postcodes",
            "Make a synthetic postcode directory in the layout of the ONS, of any size.",
        ),
    },
    "Ask for data": {
        "applications": Lazy(
            "dsfc_cli.applying:applications",
            "Applications for data: drafted, checked, submitted, reviewed, decided.",
        ),
        "extracts": Lazy(
            "dsfc_cli.dissemination.extracting:app",
            "Extracts: previewed with what should be warned of, asked for, and shown.",
        ),
        "orders": Lazy(
            "dsfc_cli.dissemination.ordering:app",
            "Standing orders: each month of a line is asked for when its time has come.",
        ),
        "table": Lazy(
            "dsfc_cli.dissemination.tabulating:command",
            "Ask for a table of counts, wait until it is released, and fetch its files.",
        ),
        "tables": Lazy(
            "dsfc_cli.dissemination.released:tables",
            "Tables of counts that were asked for; `dsfc table` asks for one.",
        ),
        "bridging-file": Lazy(
            "dsfc_cli.dissemination.bridging:command",
            "Ask for the pairs of pseudonyms of people who are in two lines, and fetch them.",
        ),
        "bridging-files": Lazy(
            "dsfc_cli.dissemination.released:bridging_files",
            "Bridging files that were asked for; `dsfc bridging-file` asks for one.",
        ),
        "linkage": Lazy(
            "dsfc_cli.agreements.linking:command",
            "Print which lines of an agreement could be linked by person, as CSV.",
        ),
        "watch": Lazy(
            "dsfc_cli.shell.watching:command",
            "Show how many of how many records are done, until a submission or an extract is"
            " decided.",
        ),
        "download": Lazy(
            "dsfc_cli.dissemination.downloading:command",
            "Fetch every file of a released extract or table, checked against its manifest's"
            " digest.",
        ),
    },
    "Send data": {
        "catalogue": Lazy("dsfc_cli.input.catalogued:app", "The data sets, as data."),
        "local-flows": Lazy(
            "dsfc_cli.agreements.local_flows:app",
            "Local flows: layouts that one person registers and another approves.",
        ),
        "submit": Lazy(
            "dsfc_cli.pseudonymisation.submitting:command",
            "Send a provider's file. An upload that breaks off goes on by itself, and by"
            " --submission.",
        ),
        "submissions": Lazy(
            "dsfc_cli.pseudonymisation.landed:submissions",
            "Submissions: how each stands, its report, and the rows that were set aside.",
        ),
        "editions": Lazy(
            "dsfc_cli.pseudonymisation.landed:editions",
            "Editions of providers' periods: which is in force, what replaced what, how good each"
            " is.",
        ),
        "expected-files": Lazy(
            "dsfc_cli.pseudonymisation.landed:expected_files",
            "Files that are expected: who should have sent what by when, and what came.",
        ),
        "submission-rights": Lazy(
            "dsfc_cli.reference_data.registers:submission_rights",
            "Rights to send another provider's records: recorded by one, confirmed by another,"
            " ended.",
        ),
    },
    "People": {
        "opt-out-lists": Lazy(
            "dsfc_cli.pseudonymisation.people:opt_out_lists",
            "Lists of people who objected: sent by one person, confirmed by another where many go.",
        ),
        "opt-out-checks": Lazy(
            "dsfc_cli.pseudonymisation.national_checks:app",
            "The national check: who of those asked about may be used, and how each check stands.",
        ),
        "practice-registrations": Lazy(
            "dsfc_cli.pseudonymisation.people:practice_registrations",
            "Lists of who is registered with which practice: without one nobody is re-identified.",
        ),
        "reidentify": Lazy(
            "dsfc_cli.pseudonymisation.reidentifying:command",
            "Ask which of the practice's own registered patients tokens are, and print CSV.",
        ),
        "re-identifications": Lazy(
            "dsfc_cli.pseudonymisation.people:re_identifications",
            "What practices asked of their own patients: confirmed, answered; and who was told.",
        ),
        "match-invoice": Lazy(
            "dsfc_cli.pseudonymisation.matching:command",
            "Print yes or no of each NHS number: whether the person was where an invoice says.",
        ),
        "invoice-matches": Lazy(
            "dsfc_cli.pseudonymisation.people:invoice_matches",
            "What was asked of people by invoices: which invoice, how many, how many were there.",
        ),
        "risk-scores": Lazy(
            "dsfc_cli.pseudonymisation.scoring:app",
            "Scores of risk stratification: sent back by the tokens of a line, and how they stand.",
        ),
        "subject-access": Lazy(
            "dsfc_cli.pseudonymisation.subject_access:app",
            "In which releases a person was (UK GDPR article 15).",
        ),
    },
    "Agreements, from signature to destruction": {
        "agreements": Lazy(
            "dsfc_cli.agreements.documents:agreements",
            "Agreements: read, signed, compared, ended; and what went on to others.",
        ),
        "framework-contracts": Lazy(
            "dsfc_cli.agreements.documents:framework_contracts",
            "Framework contracts: issued, signed by both, ended.",
        ),
        "instructions": Lazy(
            "dsfc_cli.agreements.documents:instructions",
            "The Body's internal instructions, signed by two roles in place of a contract.",
        ),
        "templates": Lazy(
            "dsfc_cli.agreements.templates:app",
            "Templates of agreements: made, issued from to many at once, confirmed by a second"
            " person.",
        ),
        "relationships": Lazy(
            "dsfc_cli.agreements.relationships:relationships",
            "Legitimate relationships: asked for, consented to by each party, activated, ended.",
        ),
        "environments": Lazy(
            "dsfc_cli.agreements.relationships:environments",
            "Recipient environments: where lines of agreements land, and which clients act for"
            " them.",
        ),
        "domain-transfers": Lazy(
            "dsfc_cli.agreements.domain_transfers:app",
            "Transfers of pseudonym domains: tokens that go on with a commissioner's next CSU.",
        ),
        "successions": Lazy(
            "dsfc_cli.agreements.relationships:successions",
            "Transfer instruments: what a predecessor's standing passes to its successor, and"
            " when.",
        ),
        "inbox": Lazy(
            "dsfc_cli.agreements.waiting_for_me:inbox",
            "Say what waits for one's role and organisation: to sign, confirm, agree; the soonest"
            " first.",
        ),
        "lapses": Lazy(
            "dsfc_cli.agreements.waiting_for_me:lapses",
            "List what of one's own affairs ends between two days, or the warnings that were"
            " given.",
        ),
        "holdings": Lazy(
            "dsfc_cli.agreements.holdings:app",
            "What is held, and what of it must go by when; its destruction, certified and"
            " accepted.",
        ),
        "breaches": Lazy(
            "dsfc_cli.agreements.breaches:breaches",
            "Breaches: reported by anybody, established, judged and closed by a breach handler.",
        ),
        "holds": Lazy(
            "dsfc_cli.agreements.breaches:holds",
            "Holds: what shuts an agreement or some of its lines at once, until two people lift"
            " it.",
        ),
    },
    "What permission rests on": {
        "organisations": Lazy(
            "dsfc_cli.reference_data.registers:organisations",
            "Organisations: looked up as on a day, and sent as ODS publishes them.",
        ),
        "assurance": Lazy(
            "dsfc_cli.reference_data.registers:assurance",
            "Assurance of organisations: toolkit (DSPT), registration with the ICO, and until"
            " when.",
        ),
        "staff": Lazy(
            "dsfc_cli.agreements.staff:app",
            "Staff in DSCRO roles: policies signed, training done, secondments; who is cleared.",
        ),
        "audits": Lazy(
            "dsfc_cli.agreements.audits:app",
            "Audits of recipients and of the service; `dsfc audit` is of the audit logs.",
        ),
        "directions": Lazy(
            "dsfc_cli.agreements.directions:app",
            "Directions and provision notices: recorded with their days, and what may be"
            " collected.",
        ),
        "section-251": Lazy(
            "dsfc_cli.reference_data.letters:section_251",
            "Supports under section 251: recorded, extended, changed, withdrawn; and what would"
            " stop.",
        ),
        "letters": Lazy(
            "dsfc_cli.reference_data.letters:letters",
            "Letters that waive opt-outs for a purpose: recorded by one, confirmed by another.",
        ),
        "environment-registers": Lazy(
            "dsfc_cli.reference_data.registers:environment_registers",
            "NHS England's registers of controlled environments and of risk stratification"
            " suppliers.",
        ),
        "maps": Lazy(
            "dsfc_cli.reference_data.registers:maps",
            "Maps of practices, postcodes and deprivation: sent, listed, read.",
        ),
        "publications": Lazy(
            "dsfc_cli.reference_data.registers:publications",
            "Days on which figures were published: small numbers of a period may leave from then"
            " on.",
        ),
    },
    "Look after it": {
        "waiting": Lazy(
            "dsfc_cli.waiting:app",
            "Lists, replies, maps and editions that wait for a second person: see, confirm, take"
            " back.",
        ),
        "deliveries": Lazy(
            "dsfc_cli.dissemination.released:deliveries",
            "Who fetched which bytes of which file, and what the audit log says of an agreement.",
        ),
        "audit": Lazy("dsfc_cli.audit_logs.audit:app", "The audit logs."),
        "registers": Lazy(
            "dsfc_cli.audit_logs.registers:registers",
            "The public registers: read, fetched, and held against their signed statements.",
        ),
        "keys": Lazy(
            "dsfc_cli.house.keys:app",
            "Make keys, passwords and the profile for docker-compose.yml; what is there already"
            " stays.",
        ),
        "protect": Lazy(
            "dsfc_cli.input.protecting:command",
            "Protect a table of counts by a rule, or check one that is protected already.",
        ),
        "contracts": Lazy(
            "dsfc_cli.generated.contracts:command",
            "Generate contracts/ and the tables in docs/ from the code.",
        ),
    },
}
LAZY = {name: replace(it, part=part) for part, held in PARTS.items() for name, it in held.items()}
"""The same by name."""
