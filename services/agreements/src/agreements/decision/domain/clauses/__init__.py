"""One evaluator a clause type: each says everything that is wrong with its clause, or nothing.

Two registers: `OF_THE_AGREEMENT` is judged always, `OF_THE_LINE` where the line is there and
whole. An evaluator never relies on another one having passed; what it cannot judge, because
another clause already denies for that very reason, it leaves to that clause.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from agreements.decision.domain.case import Case, LineCase
from agreements.decision.domain.clauses import of_agreement, of_file, of_line
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
    VOCABULARY = "vocabulary"
    CATALOGUE = "catalogue"
    PERIODS = "periods"
    FIELDS = "fields"
    CLASSIFICATION = "classification"
    FORM = "form"
    ROUTE = "route"
    SECTION_251 = "section_251"
    POWER = "power"
    OPT_OUT = "opt_out"
    OPT_OUT_LIST = "opt_out_list"
    DIFFERENCING = "differencing"
    OTHER_LIST = "other_list"
    RELATIONSHIP = "relationship"
    RECIPIENT = "recipient"
    ENVIRONMENT = "environment"
    PUBLICATION = "publication"
    POPULATION = "population"
    REASONS = "reasons"
    MAPS = "maps"
    PEOPLE = "people"
    EDITIONS = "editions"
    SCAN = "scan"
    CAPS = "caps"
    DOMAIN = "domain"
    DISCLOSURE = "disclosure"
    HELD_LINE = "held_line"


OF_THE_AGREEMENT: Mapping[Clause, Callable[[Case], Iterator[Refusal]]] = {
    Clause.TERM: of_agreement.term,
    Clause.CONTRACT: of_agreement.contract,
    Clause.ORGANISATION: of_agreement.organisation,
    Clause.LINE: of_agreement.line,
    Clause.KNOWN: of_agreement.known,
    Clause.HOLD: of_agreement.hold,
    Clause.CONDITION: of_agreement.condition,
    Clause.ASSURANCE: of_agreement.assurance,
    Clause.REGISTRATION: of_agreement.registration,
    Clause.REGISTERED_NUMBER: of_agreement.registered_number,
    Clause.BASES: of_agreement.bases,
    Clause.REGISTER: of_agreement.register,
    Clause.ATTESTATION: of_file.attestation,
    Clause.VOID: of_file.void,
}

OF_THE_LINE: Mapping[Clause, Callable[[LineCase], Iterator[Refusal]]] = {
    Clause.VOCABULARY: of_line.vocabulary,
    Clause.CATALOGUE: of_line.catalogue,
    Clause.PERIODS: of_line.periods,
    Clause.FIELDS: of_line.fields,
    Clause.CLASSIFICATION: of_line.classification,
    Clause.FORM: of_line.form,
    Clause.ROUTE: of_line.route,
    Clause.SECTION_251: of_line.section_251,
    Clause.POWER: of_line.power,
    Clause.OPT_OUT: of_line.opt_out,
    Clause.OPT_OUT_LIST: of_file.opt_out_list,
    Clause.DIFFERENCING: of_line.differencing,
    Clause.OTHER_LIST: of_file.other_list,
    Clause.RELATIONSHIP: of_line.relationship,
    Clause.RECIPIENT: of_line.recipient,
    Clause.ENVIRONMENT: of_line.environment,
    Clause.PUBLICATION: of_line.publication,
    Clause.POPULATION: of_line.population,
    Clause.REASONS: of_line.reasons,
    Clause.MAPS: of_line.maps,
    Clause.PEOPLE: of_file.people,
    Clause.EDITIONS: of_file.editions,
    Clause.SCAN: of_file.scan,
    Clause.CAPS: of_file.caps,
    Clause.DOMAIN: of_file.domain,
    Clause.DISCLOSURE: of_line.disclosure,
    Clause.HELD_LINE: of_line.held_line,
}
