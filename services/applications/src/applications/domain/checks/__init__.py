"""What a machine can tell of an application before anybody reads it (domain.md 2.4 to 2.6).

Each check is a function from the case to findings; each runs on whatever is answered so far.
To add one, write it where its Standard is, put it into `CHECKS` and its codes into `CODES`.
"""

from collections.abc import Callable, Iterator

from applications.domain.checks import (
    bases,
    dates,
    length,
    parties,
    places,
    purposes,
    records,
    terms,
    texts,
    whole,
)
from applications.domain.checks.case import Case
from applications.domain.checks.codes import CODES
from applications.domain.checks.data import caps, confidentiality, filters, tables, uses
from applications.domain.checks.data import lines as data
from applications.domain.findings import Finding

__all__ = ["CHECKS", "CODES", "Case", "examine"]

Check = Callable[[Case], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    whole.sections_are_answered,
    whole.facts_are_known,
    whole.queries_are_answered,
    texts.are_clean,
    texts.say_something,
    whole.agreement_is_ones_own,
    whole.only_what_the_kind_changes,
    length.order,
    length.start,
    length.term,
    length.support,
    length.continuity,
    parties.controllers,
    parties.contracts,
    parties.processors,
    parties.assurance,
    bases.controllers,
    bases.purposes,
    records.codes,
    records.names,
    records.evidence,
    records.registrations,
    records.support,
    dates.order,
    places.operators,
    places.addresses,
    places.countries,
    places.territory,
    data.lines,
    data.catalogue,
    data.groups,
    data.links,
    data.fields,
    filters.filters,
    tables.parameters,
    tables.group_size,
    caps.columns,
    uses.misuses,
    uses.identity,
    uses.elsewhere,
    uses.marks,
    uses.residents,
    data.justifications,
    data.populations,
    data.environments,
    data.consultation,
    confidentiality.redirections,
    confidentiality.objections,
    confidentiality.confidentiality,
    confidentiality.powers,
    purposes.objectives,
    purposes.flows,
    purposes.linkage,
    purposes.re_identification,
    purposes.outputs,
    purposes.benefits,
    terms.commercial,
    terms.conditions,
    terms.ethics,
    terms.consent,
    terms.sub_licence,
    terms.transparency,
    terms.notice,
)


def examine(case: Case) -> tuple[Finding, ...]:
    """Return every finding, in the order of the Standards; what refuses before what warns."""
    found = [finding for check in CHECKS for finding in check(case)]
    return tuple(sorted(found, key=lambda f: (f.standard or 0, not f.refuses, f.pointer, f.code)))
