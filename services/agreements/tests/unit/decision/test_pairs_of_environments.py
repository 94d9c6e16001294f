"""Where people of a data set are known, so that files of two environments could be compared.

docs/disclosure.md says which pairs would tell who opted out. A rule of use or a ceiling that lets
NHS numbers land anywhere else, or for another purpose, makes another pair: it has to be said there.
"""

import catalogue
from agreements.decision.adapters import rules
from agreements.records.domain.terms.categories import Category
from catalogue import uses
from statements.vocabulary import Classification, EnvironmentKind, Purpose

FINANCE = frozenset({(Purpose.IV, EnvironmentKind.CEFF), (Purpose.IV, EnvironmentKind.ASH)})
OF_CARE_AND_PAYMENT = frozenset(
    {"SUS_APC", "SUS_APCS", "SUS_OP", "SUS_AE", "ECDS", "PLCM", "DRPLCM", "DEPLCM"}
)
OTHERS = frozenset({"CIVIL_DEATHS", "CIVIL_BIRTHS", "RISK_SCORES"})
"""By statute, consent or section 251; and what each practice is given of its own patients."""


def known_in(data_set):
    """Purposes and kinds of environments of which rules of use and ceilings both let numbers in."""
    rows = [row for row in uses().identity if data_set.data_set in row.data_sets]
    return frozenset(
        (Purpose(ceiling.purpose), kind)
        for ceiling in rules.load().ceilings
        if ceiling.classification == Classification.IDENTIFIABLE
        and Category.NHS_NUMBER in ceiling.categories
        for row in rows
        if row.is_about(ceiling.purpose)
        and {*row.routes} & {*data_set.identified_by} & {*ceiling.routes}
        for kind in ceiling.environments
    )


def test_people_are_known_where_it_is_stated_and_nowhere_else():
    newest = {one.data_set: one for one in catalogue.load()}
    found = {name: known_in(one) for name, one in newest.items() if one.identified_by}

    assert {name for name, places in found.items() if places} == OF_CARE_AND_PAYMENT | OTHERS
    assert {found[name] for name in OF_CARE_AND_PAYMENT} == {FINANCE}
