"""Totals of groups: boards and regions of organisations, areas in areas; and what cannot be."""

import pytest

from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import CATALOGUE, world
from services.pseudonymisation.tests.integration.test_tables import (
    PROVIDER,
    ask,
    attested,
    cells_of,
    records,
)
from services.pseudonymisation.tests.landed import day

ICB, REGION = "Provider_Code__icb", "Provider_Code__region"
MONTH = {"column": "Period_Month"}


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


COUNTS = {("RFF", "1"): 40, ("RHQ", "1"): 25, ("RXE", "1"): 33, ("RJ1", "1"): 61, ("NT0", "1"): 18}
"""RFF, RHQ and RXE lie in QF7 in Y63; RJ1 in Y56; NT0 is in no list."""


def test_providers_lie_in_boards_and_these_in_regions(haven):
    haven.land(records(COUNTS))

    made = ask(haven, PROVIDER | {"within": [ICB, REGION]}, disclosure="exact")

    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    cells = cells_of(haven, made)
    assert cells["Y63",] == cells["QF7",] == "98"
    assert cells["RFF",] == "40"
    assert cells["Y56",] == "61"
    assert cells[f"Not known ({REGION})",] == "18"
    assert cells["Total",] == "177"
    assert [c.name for c in attested(haven, made).columns] == ["Provider_Code"]


def test_regions_alone_name_no_provider(haven):
    haven.land(records(COUNTS))

    made = ask(haven, {"column": REGION}, disclosure="exact")

    assert cells_of(haven, made) == {
        ("Total",): "177", ("Y63",): "98", ("Y56",): "61", ("Not known",): "18",
    }  # fmt: skip


def test_regions_and_their_providers_are_held_against_one_another(haven):
    """Without that a hidden provider is what its region leaves."""
    haven.land(records({("RFF", "1"): 7, ("RHQ", "1"): 97, ("RXE", "1"): 41}))
    first = ask(haven, {"column": REGION})

    made = ask(haven, PROVIDER)

    assert attested(haven, made).table.earlier == (first.permit.extract_id,)


PRACTICE, PLACE = "GP_Practice_Code", "GP_Practice_Code__sub_icb"


def test_practices_lie_where_the_map_of_the_month_says(haven):
    of_practices = []
    for practice, place, count in (("B82001", "02P", 20), ("B82002", "02P", 31)):
        more = records({("RFF", "1"): count}, begin=len(of_practices))
        of_practices += [one | {PRACTICE: practice, "reasons": {"G": place}} for one in more]
    haven.land(of_practices)

    by_place = ask(haven, {"column": PLACE}, disclosure="exact")
    within = ask(
        haven, {"column": PRACTICE, "within": [PLACE, f"{PRACTICE}__icb"]}, disclosure="exact"
    )

    assert cells_of(haven, by_place) == {("Total",): "51", ("02P",): "51"}
    assert cells_of(haven, within)["QF7",] == "51"
    assert cells_of(haven, within)["B82002",] == "31"


SECTOR, DISTRICT = "Der_PostCode_Sector", "Der_PostCode_District"
AREAS = {("S70 1", "S70"): 12, ("S70 2", "S70"): 4, ("S71 1", "S71"): 30}


def of_areas():
    made = []
    for (sector, district), count in AREAS.items():
        some = records({("RFF", "1"): count}, begin=len(made))
        made += [one | {SECTOR: sector, DISTRICT: district} for one in some]
    return made


def test_an_area_lies_in_one_other_and_nothing_is_counted_in_a_third(haven):
    """A reader knows that: a table with people there is none that could be."""
    haven.land(of_areas())

    made = ask(haven, {"column": SECTOR}, {"column": DISTRICT})

    cells = cells_of(haven, made)
    assert cells["S70 1", "S71"] == "-"
    assert cells["S70 1", "S70"] in {"10", "*"}


def test_small_areas_shown_before_tell_of_the_areas_that_they_lie_in(haven):
    haven.land(of_areas())
    first = ask(haven, {"column": SECTOR}, disclosure="exact")

    made = ask(haven, {"column": DISTRICT})

    # All is known of it, so that nothing of it is hidden from who has the first.
    assert attested(haven, made).table.earlier == (first.permit.extract_id,)
    assert attested(haven, made).table.hidden.get("for_others", 0) == 0


def test_months_of_which_nothing_was_sent_are_no_zeros(haven):
    haven.land(records({("RFF", "1"): 20}))
    haven.land(records({("RHQ", "1"): 30}, begin=100), provider="RHQ")
    haven.land(
        records({("RFF", "1"): 25}, period="2018-05", begin=500), period="2018-05", provider="RFF"
    )
    haven.land(records({("RFF", "1"): 20}, begin=900), provider="RFF")

    made = ask(
        haven, PROVIDER, MONTH, {"column": "Sex"}, periods=["2018-04", "2018-05"],
        disclosure="exact",
    )  # fmt: skip

    cells = cells_of(haven, made)
    assert cells["RHQ", "2018-05", "1"] == "-"
    assert cells["RFF", "2018-05", "1"] == "25"
    assert cells["RFF", "2018-05", "2"] == "0"


TRUSTS = (("RA3", "2020-03", 20), ("RA7", "2020-03", 30), ("RA7", "2020-04", 40))


def test_a_trust_that_was_none_in_a_month_has_no_zero_there(
    tmp_path, make_engine, sqlite_url, clock
):
    haven = world(
        tmp_path / "haven", make_engine(sqlite_url), clock, data_set=CATALOGUE.get("SHMI")
    )
    spells = [
        {
            "SPELL_KEY": f"{trust}-{month}-{i}", "PROCODE3": trust, "DISDATE": day(f"{month}-03"),
            "DIED": "0", "period": month, "reasons": {},
        }
        for trust, month, number in TRUSTS
        for i in range(number)
    ]  # fmt: skip
    haven.land(spells, period="2020-03/2020-04", provider="X26")

    made = ask(
        haven, {"column": "PROCODE3"}, {"column": "SEX"}, MONTH, periods=["2020-03", "2020-04"]
    )

    cells = cells_of(haven, made)
    assert cells["RA3", "Total", "2020-04"] == "-"  # it merged on 31 March
    assert cells["RA7", "1", "2020-04"] == "0"
