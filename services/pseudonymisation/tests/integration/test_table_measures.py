"""What tables count, and by which rule: GP Workforce by its agreement, others by their own."""

import pytest

from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import CATALOGUE, world
from services.pseudonymisation.tests.integration.test_tables import ask, attested, cells_of
from services.pseudonymisation.tests.landed import day

GROUP, PRACTICE = {"column": "STAFF_GROUP"}, {"column": "PRACTICE_CODE"}
MONTH = "2023-06"
SET = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}


@pytest.fixture
def workforce(tmp_path, make_engine, sqlite_url, clock):
    made = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=CATALOGUE.get("GPW"))
    made.land(staff(STAFF), period=MONTH, provider="X26")
    return made


STAFF = {
    ("B82001", "GP"): (4, "0.8"), ("B82001", "NURSES"): (12, "0.5"), ("B82002", "GP"): (11, "0.9"),
    ("B82002", "NURSES"): (23, "0.6"), ("B82003", "GP"): (9, "0.7"), ("B82003", "NURSES"): (6, "1"),
}  # fmt: skip


def staff(counts):
    """So many people by practice and group, each of so many full-time equivalents."""
    return [
        {
            "AS_AT_DATE": day(f"{MONTH}-30"),
            "PRACTICE_CODE": practice,
            "STAFF_GROUP": group,
            "PERSON_KEY": f"{practice}-{group}-{i}",
            "FTE": float(fte),
            "HEADCOUNT": 1,
            "period": MONTH,
            "reasons": {},
        }
        for (practice, group), (people, fte) in counts.items()
        for i in range(people)
    ]


def ask_staff(haven, *dimensions, parameters=SET, measure="headcount", **more):
    return ask(haven, *dimensions, periods=(MONTH,), parameters=parameters, measure=measure, **more)


def test_staff_are_counted_by_the_agreements_rule(workforce):
    made = ask_staff(workforce, PRACTICE, GROUP)
    cells = cells_of(workforce, made)

    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    assert cells["B82001", "GP"] == "*"
    assert cells["B82002", "NURSES"] == "25"
    assert cells["Total", "Total"] == "65"
    said = attested(workforce, made).table
    assert (said.rule, said.parameters.suppress_max) == ("GPW", 4)
    assert "Numbers of 1 to 4 are hidden; others are rounded to 5." in said.footnotes


def test_another_agreement_hides_otherwise(workforce):
    wide = ask_staff(workforce, GROUP, PRACTICE, parameters=SET | {"suppress_max": 7})
    exact = ask_staff(workforce, GROUP, parameters=SET | {"round_base": 1, "national_exempt": True})

    assert cells_of(workforce, wide)["NURSES", "B82003"] == "*"
    assert cells_of(workforce, exact)[("GP",)] == "24"


def test_without_the_agreements_parameters_nothing_is_counted(workforce):
    made = ask_staff(workforce, GROUP, parameters=None)

    assert (made.state, made.code) == (PreparationState.FAILED, "DISCLOSURE_RULE_MISSING")


def test_what_the_agreement_does_not_cover_is_not_counted(workforce):
    made = ask_staff(workforce, GROUP, parameters=SET | {"measures": ["fte"]})

    assert (made.state, made.code) == (PreparationState.FAILED, "DISCLOSURE_RULE_MISSING")


def test_a_number_of_fewer_practices_than_the_agreement_asks_for_is_refused(workforce):
    by_group = ask_staff(workforce, GROUP, parameters=SET | {"min_practices": 3})
    alone = ask_staff(workforce, PRACTICE, GROUP, parameters=SET | {"min_practices": 2})

    assert by_group.state is PreparationState.PREPARED, (by_group.code, by_group.subject)
    assert (alone.code, alone.subject) == ("TOO_FEW_PRACTICES", "STAFF_GROUP")
