"""A local file of A&E attendances, as spreadsheets write it, goes through without a line of code.

Headers with spaces, `&` and brackets, an age as a number, arrivals with a time of day, NHS numbers
with dashes, hospitals by their names, a person who is known by nothing.
"""
# ruff: noqa: E501 - a column a line

from collections import Counter
from datetime import date

import duckdb
import pytest

import catalogue
from common.security.keys import ATTESTATION, SignedVerifier
from pseudonymisation.intake.domain.errors import PeriodInvalid
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import written

AE = """
data_set: AE_LOCAL
version: "1.0"
title: Local A&E attendances
description: What a hospital's own system writes.
source: this test; the columns are those of theodi/synthetic-data-tutorial
valid_from: 2018-04-01
grain: attendance
sensitivity: NON_SENSITIVE
coverage: selection
periods: {unit: month, from: "2018-04", field: ARRIVAL}
refresh: replaced
file: {quarantine_share_max: 0.9}
publication_gate: false
disclosure_rule: HES
person: {nhs_number: NHS, postcode: HOME}
population:
  S: {source: submitter}
  P: {source: organisation, field: HOSPITAL}
  H: {source: postcode, field: HOME}
lookups:
  hospitals:
    source: this test
    values: {"St. George's  Hospital": RR8, Royal Infirmary: R0A}
fields:
  - {name: NHS, header: Health Service ID, class: DI, identifier: nhs_number, check: nhs_number, normal: [no_dashes, no_spaces]}
  - {name: AGE, header: Age, class: QI, type: integer, tells: age_years, minimum: 0, maximum: 130, recode: {"7001": "0"}, treatments: [as_is]}
  - {name: MINUTES, header: Time in A&E (mins), class: CLIN, type: integer, minimum: 0, cap: 1440, assumed: true, treatments: [as_is]}
  - {name: HOSPITAL, header: Hospital, class: ORG, lookup: hospitals, mandatory: true, treatments: [as_is]}
  - {name: ARRIVAL, header: Arrival Time, class: QI, type: datetime, mandatory: true, check: not_in_future, treatments: [month]}
  - {name: LEFT, header: "Left, at", class: QI, type: time, column: optional}
  - {name: CODES, header: Treatment, class: CLIN, pattern: "[0-9]{3,9}", separator: ";", treatments: [as_is]}
  - {name: SEX, header: Gender, class: QI, codes: {Male: a man, Female: a woman}, treatments: [as_is]}
  - {name: HOME, header: Postcode, class: DI, identifier: postcode, check: postcode}
derived:
  - {name: DAY, type: date, from: ARRIVAL, derivation: date}
  - {name: HOUR, type: integer, from: ARRIVAL, derivation: hour}
  - {name: WEEKDAY, type: integer, from: ARRIVAL, derivation: weekday}
  - {name: PART_OF_DAY, from: ARRIVAL, derivation: band, edges: [6, 12, 18]}
  - {name: STAY_BAND, from: MINUTES, derivation: band, edges: [60, 240, 241]}
  - {name: AGE_GROUP, from: AGE, derivation: band, edges: [16, 65, 75]}
  - {name: LEFT_AT_HOUR, type: integer, from: LEFT, derivation: hour}
  - {name: DISTRICT, from: HOME, derivation: postcode_district}
"""
ROW = {
    "Health Service ID": "999-000-0018",
    "Age": "95",
    "Time in A&E (mins)": "240",
    "Hospital": "ST. GEORGE'S HOSPITAL",
    "Arrival Time": "2018-04-03 23:59:20",
    "Left, at": "00:10",
    "Treatment": "12345;678",
    "Gender": "Male",
    "Postcode": "S70 1AA",
}


RULES = """
data_set: AE_LOCAL
version: 1
valid_from: 2018-04-01
sources: [this test]
record: {key: [NHS], twice: quarantine, source: this test}
collection:
  - {kind: provision_notice, title: A notice, valid_from: 2018-04-01, valid_to: 2018-04-30, source: this test}
"""


@pytest.fixture
def intake_of(request, tmp_path, monkeypatch):
    """Return a function that gives the intake of a machine with one data set more."""

    def make(rules=None):
        file = tmp_path / "more" / "AE_LOCAL-1.0.yaml"
        (file.parent / "landing_rules").mkdir(parents=True)
        file.write_text(AE, "utf-8")
        if rules is not None:
            (file.parent / "landing_rules" / "AE_LOCAL-1.yaml").write_text(rules, "utf-8")
        assert [str(problem) for problem in catalogue.check(file)] == []
        known = catalogue.load(file.parent)
        monkeypatch.setattr(catalogue, "load", lambda: known)
        return request.getfixturevalue("intake")

    return make


@pytest.fixture
def ae(intake_of):
    return intake_of()


@pytest.mark.parametrize(("until", "status"), [("2018-04-30", 422), ("2099-12-31", 201)])
def test_nothing_is_taken_in_without_a_direction_or_a_notice_in_force(intake_of, until, status):
    """Ruling 32. Guard: `submissions.require_collected`."""
    rules = RULES.replace("key: [NHS]", "key: [ARRIVAL]").replace("2018-04-30", until)
    intake = intake_of(rules)

    answer = intake.open("AE_LOCAL")

    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["code"] == "COLLECTION_NOT_IN_FORCE"
        assert intake.get("/v1/submissions").json()["items"] == []


def test_nothing_is_taken_in_while_agreements_does_not_say_whether_it_may_be(intake):
    intake.rights.is_silent_on_directions = True

    answer = intake.open("SUS_APC")

    assert answer.status_code == 503, answer.text
    intake.rights.is_silent_on_directions = False
    intake.rights.ended["SUS_APC"] = date(2018, 3, 31)
    refused = intake.open("SUS_APC")
    assert (refused.status_code, refused.json()["code"]) == (422, "COLLECTION_NOT_IN_FORCE")
    assert intake.get("/v1/submissions").json()["items"] == []
    del intake.rights.ended["SUS_APC"]
    assert intake.open("SUS_APC").status_code == 201


def test_the_layout_of_a_spreadsheet_goes_from_submission_to_extract(ae, clock):
    rows = [
        ROW,
        ROW | {"Health Service ID": "9990000026", "Age": "64", "Arrival Time": "2018-04-04T06:00"},
        ROW | {"Health Service ID": "", "Time in A&E (mins)": "3000", "Left, at": "", "Age": ""},
        ROW | {"Health Service ID": "999 000 0034", "Age": " 7001"},
        ROW | {"Hospital": "Nowhere General"},
        ROW | {"Hospital": "royal  infirmary"},
        ROW | {"Arrival Time": "2018-04-03"},
        ROW | {"Arrival Time": "2018-04-31 10:00"},
        ROW | {"Left, at": "24:00"},
        ROW | {"Age": "131"},
        ROW | {"Treatment": "12345;"},
        ROW | {"Arrival Time": "2018-05-01 00:00"},
    ]

    submission = ae.submit(written(rows), data_set="AE_LOCAL")

    assert submission["state"] == "accepted", submission
    first, second, third, fourth = ae.landed(submission["edition_id"])
    assert first["ARRIVAL"].isoformat() == "2018-04-03T23:59:20"
    assert (first["DAY"], first["HOUR"], first["WEEKDAY"]) == (date(2018, 4, 3), 23, 2)
    assert (first["PART_OF_DAY"], first["LEFT_AT_HOUR"]) == ("18+", 0)
    assert (first["AGE"], first["AGE_GROUP"], first["person_kind"]) == (90, "75+", 1)
    assert (first["MINUTES"], first["STAY_BAND"], first["CODES"]) == (240, "240", "12345;678")
    assert (first["HOSPITAL"], first["reason_p"], first["reason_h"]) == ("RR8", "RR8", "02P")
    assert first["period"] == "2018-04"
    assert (second["AGE"], second["AGE_GROUP"], second["PART_OF_DAY"]) == (64, "16-64", "6-11")
    assert (third["person_kind"], third["MINUTES"], third["STAY_BAND"]) == (2, 1440, "241+")
    assert (third["AGE"], third["AGE_GROUP"], third["LEFT_AT_HOUR"]) == (None, None, None)
    assert (fourth["AGE"], fourth["AGE_GROUP"], fourth["person_kind"]) == (0, "<16", 1)
    found = ae.get(f"/v1/submissions/{submission['id']}/quarantine").json()["items"]
    assert [(q["line"], q["column"], q["code"]) for q in found] == [
        (6, "HOSPITAL", "NAME_UNKNOWN"),
        (7, "HOSPITAL", "PROVIDER_WITHOUT_RIGHT"),
        (8, "ARRIVAL", "DATETIME_INVALID"),
        (9, "ARRIVAL", "DATETIME_INVALID"),
        (10, "LEFT", "TIME_INVALID"),
        (11, "AGE", "OUT_OF_RANGE"),
        (12, "CODES", "PATTERN_MISMATCH"),
        (13, "ARRIVAL", "OUTSIDE_PERIOD"),
    ]
    back = ae.get(f"/v1/submissions/{submission['id']}/quarantine/rows")
    assert "Nowhere General" in back.text

    data_set = catalogue.load().get("AE_LOCAL")
    dissemination = Dissemination(ae, clock)
    fields = {
        "AGE": "as_is",
        "AGE_GROUP": "derived",
        "MINUTES": "as_is",
        "HOSPITAL": "as_is",
        "HOUR": "derived",
        "SEX": "as_is",
        "DAY": "derived",
        "ARRIVAL": "month",
    }
    done = dissemination.prepare(
        data_set, fields, periods=["2018-04"], codes=["02P"], reasons="H", formats=("parquet",)
    )
    dissemination.parts.close()
    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    said = SignedVerifier(ATTESTATION, dissemination.parts.signer.jwks, clock=clock).verify(
        done.files[0].attestation
    )
    marked = [column["name"] for column in said["columns"] if "assumed" in column]
    assert marked == ["MINUTES"]
    columns = ", ".join(fields)
    path = dissemination.path(done.files[0])
    made = duckdb.sql(f"SELECT {columns} FROM '{path}'").fetchall()
    # The month beside the day withholds the day (caps/4).
    assert Counter(made) == Counter(
        [
            (90, "75+", 240, "RR8", 23, "Male", None, "2018-04"),
            (64, "16-64", 240, "RR8", 6, "Male", None, "2018-04"),
            (None, None, 1440, "RR8", 23, "Male", None, "2018-04"),
            (0, "<16", 240, "RR8", 23, "Male", None, "2018-04"),
        ]
    )


@pytest.mark.parametrize(
    ("unit", "text", "is_right"),
    [
        ("month", "2018-04", True),
        ("month", "2018-W15", False),
        ("week", "2018-W15", True),
        ("week", "2018-04", False),
        ("week", "2018-W53", False),
        ("edition", "2021-04", True),
        ("edition", "2018-04/2021-04", False),
    ],
)
def test_files_are_of_the_periods_that_the_data_set_says(unit, text, is_right):
    months = ", months: 36" if unit == "edition" else ""
    said = AE.replace("unit: month", f"unit: {unit}{months}")
    data_set = catalogue.read(said, name="AE_LOCAL")

    try:
        Period.parse(text).require_sent(data_set)
    except PeriodInvalid:
        assert not is_right
    else:
        assert is_right


def test_a_week_is_of_the_months_in_which_it_begins_and_ends():
    week = Period.parse("2018-W05")

    assert (week.first_day, week.last_day) == (date(2018, 1, 29), date(2018, 2, 4))
    assert (list(week), str(week)) == (["2018-01", "2018-02"], "2018-W05")
    assert not week.overlaps(Period.parse("2018-W06"))
    assert week.overlaps(Period.parse("2018-02"))
    assert Period.stored(*week.columns) == week
