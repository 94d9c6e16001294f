"""One evaluator a clause type: each says everything that is wrong with its clause, or nothing.

Two registers: `AGREEMENT_CLAUSES` is judged always, `LINE_CLAUSES` where the line is there and
whole. An evaluator never relies on another one having passed; what it cannot judge, because
another clause already denies for that very reason, it leaves to that clause.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from agreements.decision.domain.case import Case, LineCase
from agreements.decision.domain.clauses import (
    agreement_clauses,
    bridging_clauses,
    change_clauses,
    direct_care_clauses,
    file_clauses,
    filter_clauses,
    line_clauses,
    table_clauses,
    use_clauses,
)
from common.errors import Refusal


class Clause(StrEnum):
    """The clause types, in the order in which refusals are listed."""

    TERM = "term"
    CONTRACT = "contract"
    ORGANISATION = "organisation"
    LINE = "line"
    KNOWN = "known"
    HOLD = "hold"
    CONDITION = "condition"
    ASSURANCE = "assurance"
    REGISTRATION = "registration"
    REGISTERED_NUMBER = "registered_number"
    BASES = "bases"
    REGISTER = "register"
    ATTESTATION = "attestation"
    VOID = "void"
    DIRECT_CARE = "direct_care"
    VOCABULARY = "vocabulary"
    CATALOGUE = "catalogue"
    PERIODS = "periods"
    FIELDS = "fields"
    FILTERS = "filters"
    TABLE = "table"
    CLASSIFICATION = "classification"
    FORM = "form"
    USE = "use"
    IDENTITY = "identity"
    INVOICE = "invoice"
    SCORES = "scores"
    PRACTICE = "practice"
    ROUTE = "route"
    SECTION_251 = "section_251"
    POWER = "power"
    OPT_OUT = "opt_out"
    OPT_OUT_LIST = "opt_out_list"
    DIFFERENCING = "differencing"
    OTHER_ENVIRONMENT = "other_environment"
    OTHER_LIST = "other_list"
    RELATIONSHIP = "relationship"
    RECIPIENT = "recipient"
    ENVIRONMENT = "environment"
    LISTED = "listed"
    PUBLICATION = "publication"
    POPULATION = "population"
    REASONS = "reasons"
    MAPS = "maps"
    PEOPLE = "people"
    EDITIONS = "editions"
    SCAN = "scan"
    CAPS = "caps"
    GROUP_SIZE = "group_size"
    DOMAIN = "domain"
    DOMAIN_TRANSFER = "domain_transfer"
    DISCLOSURE = "disclosure"
    CHANGES = "changes"
    BRIDGING = "bridging"
    HELD_LINE = "held_line"


AGREEMENT_CLAUSES: Mapping[Clause, Callable[[Case], Iterator[Refusal]]] = {
    Clause.TERM: agreement_clauses.term,
    Clause.CONTRACT: agreement_clauses.contract,
    Clause.ORGANISATION: agreement_clauses.organisation,
    Clause.LINE: agreement_clauses.line,
    Clause.KNOWN: agreement_clauses.known,
    Clause.HOLD: agreement_clauses.hold,
    Clause.CONDITION: agreement_clauses.condition,
    Clause.ASSURANCE: agreement_clauses.assurance,
    Clause.REGISTRATION: agreement_clauses.registration,
    Clause.REGISTERED_NUMBER: agreement_clauses.registered_number,
    Clause.BASES: agreement_clauses.bases,
    Clause.REGISTER: agreement_clauses.register,
    Clause.ATTESTATION: file_clauses.attestation,
    Clause.VOID: file_clauses.void,
    Clause.DIRECT_CARE: direct_care_clauses.direct_care,
}

LINE_CLAUSES: Mapping[Clause, Callable[[LineCase], Iterator[Refusal]]] = {
    Clause.VOCABULARY: line_clauses.vocabulary,
    Clause.CATALOGUE: line_clauses.catalogue,
    Clause.PERIODS: line_clauses.periods,
    Clause.FIELDS: line_clauses.fields,
    Clause.FILTERS: filter_clauses.filters,
    Clause.TABLE: table_clauses.table,
    Clause.CLASSIFICATION: line_clauses.classification,
    Clause.FORM: line_clauses.form,
    Clause.USE: use_clauses.use,
    Clause.IDENTITY: use_clauses.identity,
    Clause.INVOICE: use_clauses.invoice,
    Clause.SCORES: use_clauses.scores,
    Clause.PRACTICE: direct_care_clauses.practice,
    Clause.ROUTE: line_clauses.route,
    Clause.SECTION_251: line_clauses.section_251,
    Clause.POWER: line_clauses.power,
    Clause.OPT_OUT: line_clauses.opt_out,
    Clause.OPT_OUT_LIST: file_clauses.opt_out_list,
    Clause.DIFFERENCING: line_clauses.differencing,
    Clause.OTHER_ENVIRONMENT: file_clauses.other_environment,
    Clause.OTHER_LIST: file_clauses.other_list,
    Clause.RELATIONSHIP: line_clauses.relationship,
    Clause.RECIPIENT: line_clauses.recipient,
    Clause.ENVIRONMENT: line_clauses.environment,
    Clause.LISTED: use_clauses.listed,
    Clause.PUBLICATION: line_clauses.publication,
    Clause.POPULATION: line_clauses.population,
    Clause.REASONS: line_clauses.reasons,
    Clause.MAPS: line_clauses.maps,
    Clause.PEOPLE: file_clauses.people,
    Clause.EDITIONS: file_clauses.editions,
    Clause.SCAN: file_clauses.scan,
    Clause.CAPS: file_clauses.caps,
    Clause.GROUP_SIZE: file_clauses.group_size,
    Clause.DOMAIN: file_clauses.domain,
    Clause.DOMAIN_TRANSFER: file_clauses.domain_transfer,
    Clause.DISCLOSURE: line_clauses.disclosure,
    Clause.CHANGES: change_clauses.changes,
    Clause.BRIDGING: bridging_clauses.bridging,
    Clause.HELD_LINE: line_clauses.held_line,
}
