"""The words in which data sets are written: what each allows, and what a wrong one is told."""
# ruff: noqa: E501 - a column a line

from datetime import date

import pytest

import catalogue
from catalogue import Derivation, Identifier, InvalidDataSet, Treatment, caps

LOCAL = """\
data_set: AE_LOCAL
version: "1.0"
title: Local A&E attendances
description: What a hospital's own system writes.
source: this test
valid_from: 2018-04-01
grain: attendance
sensitivity: NON_SENSITIVE
periods: {unit: month, from: "2018-04", field: ARRIVAL}
refresh: replaced
publication_gate: false
disclosure_rule: HES
person: {local_id: NUMBER}
population:
  S: {source: submitter}
lookups:
  hospitals: {source: this test, values: {Royal Infirmary: R0A, St George's: RR8}}
fields:
  - {name: NUMBER, class: LI, identifier: local_patient, treatments: [pseudonym]}
  - {name: AGE, class: QI, type: integer, tells: age_years, minimum: 0, treatments: [as_is]}
  - {name: BORN, class: QI, type: integer, tells: year, treatments: [as_is]}
  - {name: BAND, class: QI, codes: ["0-17", "18-89", "90+"], tells: age_band, treatments: [as_is]}
  - {name: AREA, class: QI, tells: lsoa, treatments: [as_is]}
  - {name: MINUTES, header: Time in A&E (mins), class: CLIN, type: integer, cap: 1440, treatments: [as_is]}
  - {name: HOSPITAL, class: ORG, lookup: hospitals, treatments: [as_is]}
  - {name: ARRIVAL, header: Arrival Time, class: QI, type: datetime, mandatory: true, treatments: [month]}
  - {name: CODES, class: CLIN, codes: {"1": first, "2": second}, separator: ";", treatments: [as_is]}
derived:
  - {name: DAY, type: date, from: ARRIVAL, derivation: date}
  - {name: HOUR, type: integer, from: ARRIVAL, derivation: hour}
  - {name: AGE_GROUP, from: AGE, derivation: band, edges: [16, 65]}
  - {name: STAY, from: MINUTES, derivation: band, edges: [240]}
"""


def read(was: str = "", is_now: str = "") -> catalogue.DataSet:
    assert was in LOCAL
    return catalogue.read(LOCAL.replace(was, is_now) if was else LOCAL, name="AE_LOCAL")


def test_codes_have_meanings_and_names_become_codes() -> None:
    data_set = read()

    assert data_set.by_name["CODES"].codes == ("1", "2")
    assert data_set.by_name["CODES"].labels == {"1": "first", "2": "second"}
    assert data_set.by_name["HOSPITAL"].codes == ("R0A", "RR8")
    assert data_set.lookups["hospitals"].by_folded == {
        "ROYAL INFIRMARY": "R0A",
        "ST GEORGE'S": "RR8",
    }
    assert data_set.by_header["time in a&e (mins)"] == "MINUTES"


def test_numbers_of_repeated_columns_may_have_noughts() -> None:
    data_set = read("{name: AREA,", '{name: "AREA_{n:02}", repeat: [9, 10],')

    assert {"AREA_09", "AREA_10"} <= set(data_set.by_name)


def test_what_a_file_tells_of_a_person_is_capped_like_what_is_made_of_a_birth_date() -> None:
    """Guard: `DataSet.forms`, `shown`: an age is an age, whoever worked it out."""
    data_set = read()
    as_is = dict.fromkeys(["AGE", "BORN", "BAND", "AREA", "HOSPITAL"], Treatment.AS_IS)
    derived = dict.fromkeys(["AGE_GROUP", "STAY"], Treatment.DERIVED)

    done = caps().on_line(data_set, as_is | derived)

    assert done == {
        "AGE": "capped_together",
        "BORN": "capped",
        "BAND": "capped_together",
        "AGE_GROUP": "capped_together",
    }
    group = data_set.forms["AGE_GROUP"]
    assert (group.identifier, group.band_of(90)) == (Identifier.DATE_OF_BIRTH, "65+")
    assert data_set.by_name["AGE"].limit == 90


def test_the_day_of_a_time_is_a_date_as_far_as_caps_go() -> None:
    columns = {"DAY": Treatment.DERIVED, "ARRIVAL": Treatment.MONTH}

    assert caps().on_line(read(), columns) == {"DAY": "withheld"}


@pytest.mark.parametrize("age", ["AGE", "BORN"])
def test_a_time_of_day_is_not_told_beside_a_small_area_and_an_age(age: str) -> None:
    """domain.md 8.3. Guard: `capping.Apart`."""
    told = dict.fromkeys([age, "AREA"], Treatment.AS_IS)
    hour = {"HOUR": Treatment.DERIVED}
    data_set = read()

    assert caps().on_line(data_set, told | hour)["HOUR"] == "withheld"
    for left_out in told:
        rest = {name: form for name, form in told.items() if name != left_out}
        assert "HOUR" not in caps().on_line(data_set, rest | hour)


@pytest.mark.parametrize(
    ("was", "is_now", "is_there", "says"),
    [
        ("header: Arrival Time,", "header: ' x',", True, "header"),
        ("header: Arrival Time,", "header: Age,", False, "headers that are the same: age"),
        ("lookup: hospitals", "lookup: clinics", False, "which is not under `lookups`"),
        ("lookup: hospitals", 'lookup: hospitals, pattern: "A"', True, "a lookup gives codes"),
        ("Royal Infirmary: R0A", "royal infirmary: R0B, Royal  Infirmary: R0A", True, "names that are the same"),
        ("treatments: [month]}", "treatments: [as_is]}", True, "leaves as its hour or its band"),
        ("cap: 1440", "cap: 1440, minimum: 2000", True, "the cap is below the minimum"),
        ("cap: 1440", "minimum: 2, maximum: 1", True, "the maximum is below"),
        ("lookup: hospitals", "maximum: 3", True, "only a number has"),
        ("minimum: 0", "cap: 100", True, "capped at 90 at most"),
        ('"90+"], tells', '"90-94", "95+"], tells', True, "age bands end with 90+"),
        ("tells: lsoa", "tells: hour", True, "a file tells one of"),
        ("type: integer, tells: year", "tells: year", True, "year is a integer"),
        ('separator: ";"', "separator: x", True, "separated by one of"),
        ("lookup: hospitals", "separator: ';'", True, "have a pattern or codes"),
        ("type: integer, cap: 1440", "normal: [upper], type: integer", True, "only text has a normal form"),
        ("from: ARRIVAL, derivation: hour", "from: AREA, derivation: hour", True, "a datetime or time that"),
        ("type: integer, from: ARRIVAL", "from: ARRIVAL", False, "hour is a integer"),
        ("edges: [16, 65]", "edges: [65, 16]", True, "edges go up"),
        ("edges: [16, 65]", "edges: [16, 95]", False, "no band begins above 90"),
        ("derivation: band, edges: [240]", "derivation: band", True, "has `edges`"),
        ("unit: month", "unit: edition", True, "covers a number of `months`"),
        ("person: {local_id: NUMBER}", "subjects: nobody\nperson: {local_id: NUMBER}", False, "subjects says nobody"),
        ("publication_gate: false", "publication_gate: false\navailability: {months: 4}", False, "nothing waits for that"),
        ("publication_gate: false", "publication_gate: true\navailability: {day: 4}", True, "either `months` or `days`"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_told_with_its_line(
    was: str, is_now: str, is_there: bool, says: str
) -> None:
    with pytest.raises(InvalidDataSet) as refused:
        read(was, is_now)

    found = [p for p in refused.value.problems if says in p.detail or says in p.pointer]
    assert found, refused.value.problems
    text = LOCAL.replace(was, is_now).splitlines()
    if is_there:
        assert found[0].line is not None
        assert text[found[0].line - 1].strip() in is_now or is_now in text[found[0].line - 1]
        assert str(found[0]).startswith(f"line {found[0].line}, ")


def test_what_is_no_patient_has_no_number_and_no_commissioner_of_its_own() -> None:
    staff = LOCAL.replace("grain: attendance", "grain: post\nsubjects: staff").replace(
        "S: {source: submitter}", "G: {source: practice, field: HOSPITAL}"
    )

    with pytest.raises(InvalidDataSet, match="only patients have a commissioner"):
        catalogue.read(staff, name="AE_LOCAL")


@pytest.mark.parametrize(
    ("said", "last", "expected"),
    [
        ({"months": 5}, "2019-03-31", "2019-08-15"),  # SHMI
        ({"months": 4}, "2019-04-30", "2019-08-15"),  # CSDS
        ({"days": 42}, "2019-03-31", "2019-05-12"),  # GP Workforce
        ({"days": 7, "weekday": "tuesday"}, "2019-03-31", "2019-04-09"),  # deaths
    ],
)
def test_when_a_period_is_expected_is_as_domain_6_1_works_it_out(said, last, expected) -> None:
    found = catalogue.Availability.model_validate(said).expected(date.fromisoformat(last))

    assert found == date.fromisoformat(expected)


def test_an_edition_begins_so_many_months_before_the_one_that_names_it() -> None:
    said = {"unit": "edition", "months": 36, "from": "2010-04", "field": "ARRIVAL"}

    first = catalogue.Periods.model_validate(said).first_day(date(2019, 3, 1))

    assert first == date(2016, 4, 1)


def test_a_direction_is_in_force_until_its_last_day() -> None:
    said = {
        "kind": "direction",
        "title": "a",
        "valid_from": "2018-04-01",
        "valid_to": "2018-04-30",
        "source": "b",
    }
    direction = catalogue.Instrument.model_validate(said)

    assert catalogue.in_force([direction], date(2018, 4, 30)) == (direction,)
    assert not catalogue.in_force([direction], date(2018, 5, 1))
    assert not catalogue.in_force([direction], date(2018, 3, 31))


def test_every_form_that_a_file_can_tell_is_one_that_landing_makes_too() -> None:
    assert set(catalogue.GIVEN) < set(Derivation)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("{name: M, type: integer, from: NUMBER, derivation: records}", "a local identifier"),
        ("{name: M, from: VISIT, derivation: records}", "records is a integer"),
        ("{name: M, type: integer, from: VISIT, derivation: position}", "is taken `at` a date"),
        ("{name: M, type: integer, from: VISIT, at: NUMBER, derivation: position}", "name a date"),
        ("{name: M, type: integer, from: VISIT, at: ARRIVAL, derivation: records}", "`at` a date"),
    ],
)
def test_what_is_made_of_several_records_is_made_of_what_they_share(made: str, says: str) -> None:
    visit = "  - {name: VISIT, class: LI, identifier: local}\n"
    text = LOCAL.replace("fields:\n", f"fields:\n{visit}")

    with pytest.raises(InvalidDataSet) as refused:
        catalogue.read(text.rstrip() + f"\n  - {made}\n", name="LOCAL-1.0.yaml")

    assert any(says in str(problem) for problem in refused.value.problems), refused.value.problems


def test_which_of_several_records_it_is_and_how_many_there_are_tell_of_each_other() -> None:
    found = catalogue.load().get("SUS_APC")
    rules = catalogue.tabulating()

    made = [d.name for d in found.derived if d.derivation in catalogue.OF_RECORDS]
    assert len(made) == 2
    assert rules.are_related(found, *made)
    assert not rules.are_related(found, made[0], "Der_Length_Of_Stay")
    assert {d.name for d in found.derived} - {d.name for d in found.made_at_landing} == {*made}
