"""What tables count, and by which rule: GP Workforce by its agreement, others by their own."""

from itertools import product

import pytest

from catalogue import Catalogue
from disclosure.rules import rule
from pseudonymisation.preparations.adapters.tables import table_engine
from pseudonymisation.preparations.adapters.tables.table_engine import assumed_of
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import CATALOGUE, world
from services.pseudonymisation.tests.integration.test_shown_tables import elsewhere
from services.pseudonymisation.tests.integration.test_tables import ask, attested, cells_of, rows_of
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


def numbers_of(haven, preparation, dimensions=1):
    """The numbers of each line, by its labels."""
    assert preparation.state is PreparationState.PREPARED, (preparation.code, preparation.subject)
    header, *rows = rows_of(haven, preparation)
    lines = [row for row in rows if len(row) == len(header)]
    return {tuple(row[:dimensions]): tuple(row[dimensions:]) for row in lines}


def test_full_time_equivalents_are_hidden_with_their_headcount_and_are_no_difference(workforce):
    found = numbers_of(workforce, ask_staff(workforce, PRACTICE, measure="fte"))
    by_both = numbers_of(workforce, ask_staff(workforce, PRACTICE, GROUP, measure="fte"), 2)

    assert found["Total",] == ("65", "45.2")
    assert found["B82002",] == ("35", "23.7")
    assert by_both["B82001", "GP"] == ("*", "*")
    # A total less what is shown of its parts would be the hidden one, were it alone.
    for line in (["B82001", None], [None, "GP"]):
        of_line = [
            numbers[0] == "*"
            for labels, numbers in by_both.items()
            if all(asked in (None, label) for asked, label in zip(line, labels, strict=True))
        ]
        assert of_line.count(True) > 1


def test_full_time_equivalents_are_rounded_as_the_agreement_says(workforce):
    made = ask_staff(workforce, PRACTICE, measure="fte", parameters=SET | {"fte_base": "5"})

    assert numbers_of(workforce, made)["B82002",] == ("35", "25")


def test_full_time_equivalents_that_the_agreement_does_not_cover_are_not_counted(workforce):
    made = ask_staff(workforce, GROUP, measure="fte", parameters=SET | {"measures": ["headcount"]})

    assert (made.state, made.code) == (PreparationState.FAILED, "DISCLOSURE_RULE_MISSING")


TRUST = {"column": "PROCODE3"}
SPELLS = {"RH8": (40, 10), "RJE": (300, 41), "R0A": (90, 5), "RBA": (100, 33)}
"""By trust: spells, and deaths of these."""


@pytest.fixture
def mortality(tmp_path, make_engine, sqlite_url, clock):
    made = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=CATALOGUE.get("SHMI"))
    made.land(spells_of(SPELLS), provider="X26")
    return made


def spells_of(trusts):
    return [
        {
            "SPELL_KEY": f"{trust}-{i}",
            "PROCODE3": trust,
            "DISDATE": day("2018-04-03"),
            "DIED": "1" if i < deaths else "0",
            "EXPECTED_RISK": 0.125,
            "period": "2018-04",
            "reasons": {},
        }
        for trust, (number, deaths) in trusts.items()
        for i in range(number)
    ]


def test_percentages_are_made_from_rounded_numbers_and_hidden_with_any_of_them(mortality):
    found = numbers_of(mortality, ask(mortality, TRUST, measure="deaths_percent"))

    assert found["R0A",] == ("*", "90", "*")
    assert found["RJE",] == ("40", "300", "13%")
    assert found["RH8",] == ("10", "40", "25%")


def test_a_disclosure_rule_that_is_in_part_assumed_is_named_in_the_attestation(mortality):
    """Guard: `assumed_of`: the rule of SHMI says nothing of percentages, and its source says so."""
    made = ask(mortality, TRUST, measure="deaths_percent")

    told = {one.rule: one.parts for one in attested(mortality, made).assumed}

    assert told["disclosure rule SHMI 1"] == ("source",)
    assert assumed_of(rule("HES")) == {}


def test_expected_and_ratio_are_hidden_with_the_observed(mortality):
    found = numbers_of(mortality, ask(mortality, TRUST, measure="indicator"))

    assert found["R0A",] == ("*", "*", "*")
    assert found["RBA",] == ("35", "12.5", "2.64")
    # The ratio by the expected is the observed: no total less the others may be what is hidden.
    hidden = [trust for (trust,), numbers in found.items() if numbers[0] == "*"]
    assert len(hidden) > 1


def test_deaths_survivors_and_all_are_held_against_one_another(mortality):
    ask(mortality, TRUST, filters=[{"column": "DIED", "any_of": ["0"]}])
    ask(mortality, TRUST)

    made = ask(mortality, TRUST, measure="deaths")

    assert len(attested(mortality, made).table.earlier) == 2


@pytest.mark.scenario("D02")
def test_a_flat_data_set_that_carries_the_rule_of_csds_is_shown_by_it(
    tmp_path, make_engine, sqlite_url, clock
):
    """Zeros are hidden, 5 is shown, and percentages are made from numbers before rounding."""
    by_csds = CATALOGUE.get("SHMI").model_copy(update={"disclosure_rule": "CSDS"})
    haven = world(
        tmp_path / "haven",
        make_engine(sqlite_url),
        clock,
        data_set=by_csds,
        known=Catalogue((by_csds,), CATALOGUE.landing_rules),
    )
    trusts = {"RH8": (40, 13), "RJE": (40, 7), "R0A": (80, 0), "RBA": (60, 4), "RXE": (90, 33)}
    haven.land(spells_of(trusts), provider="X26")

    shares = numbers_of(haven, ask(haven, TRUST, measure="deaths_percent"))
    counts = numbers_of(haven, ask(haven, TRUST, measure="deaths", disclosure="as_published"))

    assert shares["RH8",][2] in {"33%", "*"}  # from rounded numbers it would be 38%
    assert shares["R0A",] == ("*", "80", "*")
    assert shares["RBA",][0] == "*"
    assert any(text.endswith("%") for *_, text in shares.values())
    assert counts["RJE",] == ("5",)
    assert counts["R0A",] == counts["RBA",] == ("*",)


def test_a_measure_of_another_data_set_is_none(mortality):
    made = ask(mortality, TRUST, measure="wait")

    assert (made.state, made.code) == (PreparationState.FAILED, "DISCLOSURE_RULE_MISSING")


PROVIDER, SEX = {"column": "Provider_Code"}, {"column": "Sex"}
NUMBERS = ["9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069"]


@pytest.fixture
def hospital(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def admissions(people, *, period="2018-04", begin=0):
    """Spells of people at providers: who, where, and for how many days."""
    return [
        {
            "NHS_Number": number,
            "Local_Patient_ID": f"L{i}",
            "Provider_Code": provider,
            "Sex": "1",
            "Admission_Date": day(f"{period}-03"),
            "Hospital_Spell_No": f"S{i}",
            "Unique_CDS_Identifier": f"{provider}-{i:06d}",
            "Der_Spell_LoS": days,
            "period": period,
            "reasons": {"G": "02P"},
        }
        for i, (number, provider, days) in enumerate(people, start=begin)
    ]


def test_people_are_counted_once_and_parts_are_sums(hospital):
    thrice = [(number, "RH8", 1) for number in NUMBERS[:3] for _ in range(3)]
    elsewhere = [(number, "RJE", 1) for number in NUMBERS]
    without = [(None, "RJE", 1), (None, "RJE", 1)]
    hospital.land(admissions([*thrice, *elsewhere, *without]))

    found = numbers_of(hospital, ask(hospital, PROVIDER, measure="people", disclosure="exact"))
    records = numbers_of(hospital, ask(hospital, PROVIDER, disclosure="exact"))

    assert found == {("Total",): ("8",), ("RH8",): ("3",), ("RJE",): ("5",)}
    assert records["Total",] == ("17",)


def test_people_of_more_months_are_not_told_beside_those_of_fewer(hospital):
    both = [(number, "RH8", 1) for number in NUMBERS]
    hospital.land(admissions(both * 4))
    hospital.land(admissions(both, period="2018-05", begin=100), period="2018-05")
    first = ask(hospital, PROVIDER, measure="people")

    again = ask(hospital, SEX, measure="people")
    more = ask(hospital, PROVIDER, measure="people", periods=["2018-04", "2018-05"])

    assert attested(hospital, again).table.earlier == (first.permit.extract_id,)
    assert more.code == "TABLE_WOULD_REVEAL"
    assert first.permit.extract_id in more.subject


def test_means_and_medians_are_shown_from_eight_on(hospital):
    seven = [("9990000018", "RH8", days) for days in (1, 2, 3, 4, 5, 6, 70)]
    eight = [("9990000018", "RJE", days) for days in (1, 2, 3, 4, 5, 6, 7, 70)]
    many = [("9990000018", "R0A", 10 + i % 2) for i in range(40)]
    other = [("9990000018", "RBA", 3) for i in range(30)] + [("9990000018", "RBA", None)] * 20
    hospital.land(admissions([*seven, *eight, *many, *other]))

    found = numbers_of(hospital, ask(hospital, PROVIDER, measure="stay"))

    assert found["RH8",] == ("*", "*", "*")
    assert found["R0A",] == ("40", "10.5", "10.5")
    assert found["RBA",] == ("30", "3", "3")
    exact = numbers_of(hospital, ask(hospital, PROVIDER, measure="stay", disclosure="exact"))
    assert exact["RJE",] == ("8", "12.3", "4.5")


def test_several_measures_stand_beside_one_another_and_are_held_against_one_another(mortality):
    """All spells and those who died: without the second, those who lived are what is left."""
    found = ask(mortality, TRUST, measure="records", further_measures=["deaths", "indicator"])

    said = attested(mortality, found).table
    lines = numbers_of(mortality, found)
    header, *_ = rows_of(mortality, found)
    assert header == [
        "PROCODE3", "records", "deaths", "indicator", "indicator_expected", "indicator_ratio",
    ]  # fmt: skip
    assert lines["R0A",][1:] == ("*", "*", "*", "*")
    assert lines["RJE",][0] == "300"
    assert (said.measure, said.further_measures) == ("records", ("deaths", "indicator"))
    assert said.cells == 3 * len(lines)
    assert said.earlier == ()


CLOSE = {"RH8": (40, 12), "RJE": (300, 41), "R0A": (90, 7), "RBA": (100, 33)}
"""12 is shown as 10, which is 8 to 12: who knows that R0A and RH8 are 19 together knows the 7."""


@pytest.fixture
def close(tmp_path, make_engine, sqlite_url, clock):
    made = world(tmp_path / "haven", make_engine(sqlite_url), clock, data_set=CATALOGUE.get("SHMI"))
    made.land(spells_of(CLOSE), provider="X26")
    return made


def deaths_left(lines):
    """Deaths that R0A can have, by brute force: the indicator tells those that it shows exactly."""
    deaths = {trust: died for trust, (_, died) in CLOSE.items()}
    between = {}
    for trust, died in deaths.items():
        text, observed = lines[trust,][:2]
        rounded = range(1, 8) if trust == "R0A" else range(60)
        if text != "*":
            rounded = range(int(text) - 2, int(text) + 3)
        between[trust] = [died] if observed != "*" else rounded
    total = sum(deaths.values())
    nation, exact = lines["Total",][:2]
    together = range(1000) if nation == "*" else range(int(nation) - 2, int(nation) + 3)
    if exact != "*" or nation == str(total):
        together = [total]
    return {
        dict(zip(between, counts, strict=True))["R0A"]
        for counts in product(*between.values())
        if sum(counts) in together
    }


def test_the_measures_of_a_table_do_not_tell_a_small_number_together(close):
    found = ask(close, TRUST, measure="deaths", further_measures=["indicator"])

    assert len(deaths_left(numbers_of(close, found))) >= 3
    again = ask(close, {"column": "SEX"}, measure="deaths")
    assert attested(close, again).table.earlier == (found.permit.extract_id,)


def test_measures_that_are_each_protected_alone_would(close, monkeypatch):
    """The guard is taken out: a measure knows nothing of those before it."""
    monkeypatch.setattr(
        table_engine, "beside_of", lambda *args, of=table_engine.beside_of: of(*args[:3], {})
    )

    found = ask(close, TRUST, measure="deaths", further_measures=["indicator"])

    assert len(deaths_left(numbers_of(close, found))) < 3


def test_a_unit_that_one_measure_has_not_is_a_row_of_all(mortality):
    mortality.land(
        [one | {"SPELL_KEY": f"Z{i}", "PROCODE3": "RXK", "DIED": "0"}
         for i, one in enumerate(spells_of({"RXK": (30, 0)}))],
        provider="RXK",
    )  # fmt: skip

    found = numbers_of(
        mortality, ask(mortality, TRUST, measure="deaths", further_measures=["records"])
    )

    assert found["RXK",][0] == "0"
    assert found["RXK",][1] in {"30", "*"}


def test_a_further_measure_without_a_rule_is_refused_by_its_name(mortality):
    made = ask(mortality, TRUST, measure="deaths", further_measures=["wait"])

    assert (made.code, made.subject) == ("DISCLOSURE_RULE_MISSING", "wait")


def test_a_table_that_is_to_stand_beside_others_is_by_the_strictest_of_their_rules(hospital):
    """domain.md 7.1, linked outputs: what any of the rules hides is hidden."""
    days = [("9990000018", unit, 1) for unit, n in (("RH8", 9), ("RJE", 30)) for _ in range(n)]
    hospital.land(admissions(days))
    alone = ask(hospital, PROVIDER, SEX)

    beside = ask(hospital, PROVIDER, SEX, linked_rules=["CSDS"], **elsewhere("environment-2"))

    assert numbers_of(hospital, alone, 2)["RJE", "2"] == ("0",)
    assert numbers_of(hospital, beside, 2)["RJE", "2"] == ("*",)  # nobody is hidden by CSDS
    said = attested(hospital, beside).table
    assert said.rule == f"{attested(hospital, alone).table.rule}+CSDS"
    assert any("strictest" in note for note in said.footnotes)


def test_a_rule_that_nobody_has_is_not_left_out(hospital):
    hospital.land(admissions([("9990000018", "RH8", 1)] * 9))

    made = ask(hospital, PROVIDER, linked_rules=["NONE_SUCH"])

    assert (made.state, made.code) == (PreparationState.FAILED, "DISCLOSURE_RULE_MISSING")
