"""Tables of several measures of one recipient: records, people, and records that have a value.

There are no more people than records, and no more records with a length of stay than records: who
has an exact number of each, and both by provider, would know more than each table tells.
"""

from dataclasses import replace
from itertools import product

import pytest

from pseudonymisation.preparations.adapters.tables import earlier
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.domain.tables.beside import chosen
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_shown_tables import is_told_of
from services.pseudonymisation.tests.integration.test_table_measures import admissions, numbers_of
from services.pseudonymisation.tests.integration.test_tables import PROVIDER, SEX, ask
from services.pseudonymisation.tests.landed import is_nhs_number

SMALL = range(1, 8)


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def somebody(number):
    """So many people of the test range."""
    found = (f"999{stem:06d}{digit}" for stem in range(100, 9999) for digit in range(10))
    valid = (one for one in found if is_nhs_number(one))
    return [next(valid) for _ in range(number)]


def counts_of(text, *, is_small):
    if text == "*":
        return SMALL if is_small else range(200)
    return range(max(8, int(text) - 2), int(text) + 3)


def possible_together(totals, of_records, of_people, *, small=("RH8",)):
    """Counts of RH8 that fit both tables and both totals, by brute force: (records, people)."""
    units = ("RH8", "RJE")
    ranges = [
        [counts_of(table[(unit,)][0], is_small=unit in small) for unit in units]
        for table in (of_records, of_people)
    ]
    found = set()
    for rh8, people in product(ranges[0][0], ranges[1][0]):
        others = totals[0] - rh8, totals[1] - people
        fits = others[0] in ranges[0][1] and others[1] in ranges[1][1]
        if fits and people <= rh8 and others[1] <= others[0]:
            found.add((rh8, people))
    return {one for one, _ in found}, {one for _, one in found}


def twice_somewhere():
    """26 people: 4 at RH8, 22 at RJE, of whom eleven are there twice."""
    people = somebody(26)
    stays = [(one, "RH8", 1) for one in people[:4]]
    stays += [(one, "RJE", 1) for one in [*people[4:], *people[4:15]]]
    return admissions(stays)


def of_both(haven):
    haven.land(twice_somewhere())
    for measure in ("records", "people"):
        ask(haven, SEX, measure=measure, disclosure="exact")
    of_records = ask(haven, PROVIDER)
    of_people = ask(haven, PROVIDER, measure="people")
    return of_records, of_people


def test_records_and_people_do_not_tell_one_another(haven):
    of_records, of_people = of_both(haven)

    assert of_records.state is PreparationState.PREPARED, (of_records.code, of_records.subject)
    assert of_people.state is PreparationState.PREPARED, (of_people.code, of_people.subject)
    tables = numbers_of(haven, of_records), numbers_of(haven, of_people)
    assert all(len(values) >= 3 for values in possible_together((37, 26), *tables))


def test_a_table_of_people_is_held_against_those_of_records(haven):
    haven.land(twice_somewhere())
    first = ask(haven, SEX, disclosure="exact")

    is_told_of(haven, ask(haven, SEX, measure="people"), first)


def test_a_table_of_records_is_held_against_those_of_people(haven):
    haven.land(twice_somewhere())
    first = ask(haven, SEX, measure="people", disclosure="exact")

    is_told_of(haven, ask(haven, PROVIDER), first)


def test_were_they_of_different_records_they_would(haven, monkeypatch):
    """The guard is taken out: what is known of one measure is no part of another."""
    monkeypatch.setattr(
        earlier, "of_records", lambda one, measure: (replace(one, measure=measure.name), {})
    )
    monkeypatch.setattr(
        earlier, "chosen", lambda table, **told: chosen(replace(table, measure=""), **told)
    )
    of_records, of_people = of_both(haven)

    tables = numbers_of(haven, of_records), numbers_of(haven, of_people)
    assert any(len(values) < 3 for values in possible_together((37, 26), *tables))


def test_people_and_records_of_one_table_are_held_against_one_another(haven):
    haven.land(twice_somewhere())
    for measure in ("records", "people"):
        ask(haven, SEX, measure=measure, disclosure="exact")

    both = ask(haven, PROVIDER, further_measures=["people"])

    assert both.state is PreparationState.PREPARED, (both.code, both.subject)
    lines = numbers_of(haven, both)
    tables = [{unit: (numbers[at],) for unit, numbers in lines.items()} for at in (0, 1)]
    assert all(len(values) >= 3 for values in possible_together((37, 26), *tables))


def test_records_that_have_a_value_are_held_against_all(haven):
    stays = [
        (None, unit, days) for unit, n, days in (("RH8", 4, 2), ("RJE", 30, 3)) for _ in range(n)
    ]
    haven.land(admissions([*stays, *[(None, "RH8", None)] * 9]))
    first = ask(haven, SEX, disclosure="exact")

    of_stays = ask(haven, PROVIDER, measure="stay")

    is_told_of(haven, of_stays, first)
    assert numbers_of(haven, of_stays)["RH8",] == ("*", "*", "*")
    is_told_of(haven, ask(haven, PROVIDER), first, of_stays)


def test_people_of_single_months_stand_beside_records_of_all(haven):
    """Each is the first of its month: no sum of people of both is told."""
    people = [(one, "RH8", 1) for one in somebody(20)]
    haven.land(admissions([*people, *people[:5]]))
    haven.land(admissions(people[:15], period="2018-05", begin=100), period="2018-05")
    april = ask(haven, PROVIDER, measure="people")
    both = ask(haven, PROVIDER, periods=["2018-04", "2018-05"])

    may = ask(haven, PROVIDER, measure="people", periods=["2018-05"])

    is_told_of(haven, both, april)
    is_told_of(haven, may, april, both)
    assert numbers_of(haven, both)["RH8",] == ("40",)
    assert numbers_of(haven, may)["RH8",] == ("15",)


def test_people_of_other_records_by_right_are_part_of_what_is_known(haven):
    people = [(one, "RH8", 1) for one in somebody(20)]
    haven.land(admissions([*people, *people[:5]]))
    haven.land(admissions(people[:15], period="2018-05", begin=100), period="2018-05")
    known = [
        ask(haven, SEX, measure="people", periods=months, disclosure="exact")
        for months in (["2018-04"], ["2018-04", "2018-05"])
    ]

    records = ask(haven, PROVIDER)

    is_told_of(haven, records, *known)
    assert numbers_of(haven, records)["RH8",] == ("25",)
