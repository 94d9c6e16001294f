"""Scenarios of domain.md section 11, counted in the haven; each fails by another rule.

What no data set of the catalogue has yet (percentages, ratios, linked files) is held by the
library's tests.
"""

import pytest

import catalogue
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import CATALOGUE, world
from services.pseudonymisation.tests.integration.test_tables import (
    PROVIDER,
    ask,
    cells_of,
    records,
)
from services.pseudonymisation.tests.landed import day

TRUST, MONTH = {"column": "PROCODE3"}, "2018-05"


@pytest.fixture
def shmi(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=CATALOGUE.get("SHMI"))


@pytest.fixture
def sus(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def deaths(counts, *, alive=0):
    """So many deaths by trust, and so many discharges alive of each."""
    return [
        {
            "SPELL_KEY": f"{trust}-{at}",
            "PROCODE3": trust,
            "SEX": "1",
            "DISDATE": day(f"{MONTH}-20"),
            "DIED": "1" if at < count else "0",
            "period": MONTH,
            "reasons": {},
        }
        for trust, count in counts.items()
        for at in range(count + alive)
    ]


def units(*counts):
    return {f"RA{at}": count for at, count in enumerate(counts)}


def mortality(haven, *dimensions, rule="SHMI", profile="protected", measure="deaths"):
    made = ask(
        haven,
        *dimensions,
        periods=(MONTH,),
        measure=measure,
        disclosure=profile,
        disclosure_rule=rule,
    )
    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    return cells_of(haven, made)


def printed(cells, counts):
    return [cells[trust,] for trust in counts]


@pytest.mark.scenario("D01")
def test_deaths_of_trusts_of_1_to_7_are_hidden_and_the_others_rounded(shmi):
    counts = units(1, 5, 7, 8, 12, 13)
    shmi.land(deaths(counts), period=MONTH, provider="RA0")

    cells = mortality(shmi, TRUST, profile="as_published")
    by_sex = mortality(shmi, {"column": "SEX"}, profile="as_published")
    otherwise = mortality(shmi, TRUST, profile="as_published", rule="CSDS")

    assert printed(cells, counts) == ["*", "*", "*", "10", "10", "15"]
    assert by_sex["2",] == "0"
    assert printed(otherwise, counts) != printed(cells, counts)


@pytest.mark.scenario("D01")
def test_protected_deaths_of_trusts_show_no_more_than_the_rule_does(shmi):
    counts = units(1, 5, 7, 8, 12, 13)
    shmi.land(deaths(counts), period=MONTH, provider="RA0")

    shown = printed(mortality(shmi, TRUST), counts)

    assert shown[:3] == ["*", "*", "*"]
    assert all(
        text in {"*", by_rule} for text, by_rule in zip(shown[3:], ["10", "10", "15"], strict=True)
    )


@pytest.mark.scenario("D03")
def test_a_national_3_is_shown_as_published_and_not_where_it_tells_a_unit(shmi):
    """Three trusts with a death each: beside `* * *` an exact 3 tells each of them."""
    shmi.land(deaths(units(1, 1, 1)), period=MONTH, provider="RA0")

    shown = mortality(shmi, TRUST)
    nation = mortality(shmi, {"column": "SEX"}, profile="as_published")
    published = mortality(shmi, TRUST, profile="as_published")

    assert published["Total",] == "3"
    assert shown["Total",] != "3"
    assert nation["Total",] == "*"  # of no units: not the nation's


SUPPORT = """
data_set: SUPPORT
version: "1.0"
title: Support
description: One record an assessment.
source: nobody
valid_from: 2018-04-01
grain: assessment
sensitivity: SENSITIVE
periods: {unit: month, from: "2018-04", field: DAY}
refresh: replaced
publication_gate: false
disclosure_rule: NCDR04
population: {}
fields:
  - {name: DAY, class: QI, type: date, mandatory: true, treatments: [month]}
  - {name: Provider_Code, class: ORG, pattern: "^[A-Z0-9]{3}$", length_max: 3, treatments: [as_is]}
  - {name: LDAFlag, class: SEN, codes: [Y, N], topic: LEARNING_DISABILITY, treatments: [as_is]}
  - {name: Kind, class: CLIN, codes: ["1", "2"], treatments: [as_is]}
"""


@pytest.mark.scenario("D09")
def test_the_nation_is_not_exempt_in_a_table_by_learning_disability(
    tmp_path, make_engine, sqlite_url, clock
):
    """Guard: `Tabulating.topics`. By another column the same 3 is shown as published."""
    support = catalogue.read(SUPPORT, name="SUPPORT-1.0.yaml")
    known = catalogue.Catalogue((support,))
    haven = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=support, known=known)
    rows = [
        {
            "DAY": day(f"{MONTH}-20"),
            "Provider_Code": provider,
            "LDAFlag": "Y",
            "Kind": "1",
            "period": MONTH,
            "reasons": {},
        }
        for provider in units(1, 1, 1)
    ]
    haven.land(rows, period=MONTH, provider="RA0")
    by = {"column": "Provider_Code"}

    def nation(*columns):
        cells = mortality(
            haven, by, *columns, rule="NCDR04", profile="as_published", measure="records"
        )
        return cells[("Total",) * (1 + len(columns))]

    assert nation() == "3"
    assert nation({"column": "Kind"}) == "3"
    assert nation({"column": "LDAFlag"}) == "*"


@pytest.mark.scenario("D04")
def test_an_exact_nation_that_gives_a_trust_away_is_rounded_or_another_cell_hidden(shmi):
    counts = units(7, 97)
    shmi.land(deaths(counts), period=MONTH, provider="RA0")

    shown = mortality(shmi, TRUST)

    assert shown["RA0",] == "*"
    assert shown["Total",] != "104" or shown["RA1",] == "*"


def test_a_table_as_published_has_the_exact_nation(shmi):
    """The guard is taken out: this is what D04 is about."""
    shmi.land(deaths(units(7, 97)), period=MONTH, provider="RA0")

    shown = mortality(shmi, TRUST, profile="as_published")

    assert (shown["RA0",], shown["RA1",], shown["Total",]) == ("*", "95", "104")


@pytest.mark.scenario("D02")
def test_counts_of_0_to_4_are_hidden_by_the_rule_of_csds(sus):
    """By a flat data set: CSDS itself is relational and not in the catalogue yet."""
    sus.land(records({("RAA", "1"): 4, ("RAB", "1"): 5, ("RAC", "1"): 7, ("RAD", "1"): 8}))

    made = ask(sus, PROVIDER, {"column": "Sex"}, disclosure="as_published", disclosure_rule="CSDS")
    cells = cells_of(sus, made)
    by_hes = cells_of(sus, ask(sus, PROVIDER, {"column": "Sex"}, disclosure="as_published"))

    assert [cells[unit, "1"] for unit in ("RAA", "RAB", "RAC", "RAD")] == ["*", "5", "5", "10"]
    assert cells["RAA", "2"] == "*"  # nobody
    assert [by_hes[unit, "1"] for unit in ("RAA", "RAB", "RAC", "RAD")] != ["*", "5", "5", "10"]


@pytest.mark.scenario("D10")
def test_a_total_is_counted_and_then_rounded(sus):
    sus.land(records({("RAA", "1"): 8, ("RAB", "1"): 8, ("RAC", "1"): 8}))

    cells = cells_of(sus, ask(sus, PROVIDER))

    assert [cells[unit,] for unit in ("RAA", "RAB", "RAC")] == ["10", "10", "10"]
    assert cells["Total",] == "25"
