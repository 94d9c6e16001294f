"""What the landing rules make of records, as their sender and nobody else is told."""

import json
from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.security.roles import Role
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

STANDARD_FORM = {
    "NHS_Number": "",
    "Local_Patient_ID": "",
    "Date_of_Birth": "",
    "Postcode": "",
    "Hospital_Spell_No": "",
}
"""What a sender leaves out who withholds the identity."""


def report_of(intake: Intake, submission: dict, **caller) -> dict:
    return intake.get(f"/v1/submissions/{submission['id']}/report", **caller).json()


def found_in(report: dict) -> dict[str, int]:
    return {f"{f['column']}:{f['code']}": f["rows"] for f in report["findings"]}


def rows_with(changes: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """A record for each change, which differs from a good one in just that."""
    further = dict.fromkeys({name for one in changes for name in one} - sus_row().keys(), "")
    return [
        sus_row(Unique_CDS_Identifier=f"BRR8{number:09}") | further | one
        for number, one in enumerate(changes)
    ]


REASONS = ("01", "02", "03", "97", "99", " 99", "2", "unknown", "withheld")


@pytest.mark.parametrize("left_out", [True, False])
def test_who_is_not_to_be_identified_stays_as_a_row_of_nobody_and_reaches_the_commissioner(
    intake, left_out
):
    changes = STANDARD_FORM if left_out else {}
    rows = [sus_row(Withheld_Identity_Reason=r, **changes) for r in REASONS for _ in range(2)]
    submission = intake.submit(written([*rows, sus_row(Withheld_Identity_Reason="")]))

    *withheld, other = intake.landed(submission["edition_id"])
    assert len(withheld) == len(rows)
    for row in withheld:
        assert row["identity_withheld"]
        assert row["person_kind"] == 2
        for name in ("Local_Patient_ID", "Date_of_Birth", "Postcode", "Hospital_Spell_No"):
            assert (row[f"{name}__0"], row[f"{name}__1"]) == (None, None), name
        for name in ("Der_Age_Band", "Year_of_Birth_SUS", "Der_PostCode_Sector"):
            assert row[name] is None
        assert (row["reason_c"], row["reason_r"]) == ("02P", "02P")
        assert (row["reason_g"], row["reason_h"]) == (None, None)
    assert len({(row["person_0"], row["person_1"]) for row in withheld}) == len(rows)
    assert (other["person_kind"], other["identity_withheld"]) == (1, False)
    report = report_of(intake, submission)
    assert report["totals"]["withheld"] == len(rows)
    counted = {c: n for c, n in found_in(report).items() if c.endswith("IDENTIFIER_LEFT_IN")}
    names = () if left_out else tuple(STANDARD_FORM)
    assert counted == {f"{name}:IDENTIFIER_LEFT_IN": len(rows) for name in names}
    assert "9990000018" not in str(report)


RESTRICTED = (
    {"Der_Primary_Diagnosis_Code": "Z31.2"},
    {"Der_Primary_Procedure_Code": "Q131"},
    {"Der_Diagnosis_All": "I10X,Z312,E119"},
    {"Der_Secondary_Diagnosis_Code_7": "n981"},
)


def test_a_record_that_the_law_restricts_stays_without_its_person(intake):
    submission = intake.submit(written(rows_with(RESTRICTED)))

    landed = intake.landed(submission["edition_id"])
    assert [(row["identity_withheld"], row["person_kind"]) for row in landed] == [
        (True, 2) for _ in RESTRICTED
    ]


def test_a_reason_that_says_that_there_is_none_withholds_nothing(intake):
    reasons = [{"Withheld_Identity_Reason": value} for value in ("", "0", "none", "N/A")]
    submission = intake.submit(written(rows_with(reasons)))

    landed = intake.landed(submission["edition_id"])
    assert [(row["identity_withheld"], row["person_kind"]) for row in landed] == [
        (False, 1) for _ in reasons
    ]


VOIDS = ("unknown", "Not known", "N/A", "0000000", "yyyy", "999999", "-", "NULL", "1234567890")


def test_two_strangers_with_a_placeholder_for_an_identifier_are_two(intake):
    rows = [sus_row(NHS_Number="", Local_Patient_ID=void, Sex=s) for void in VOIDS for s in "12"]
    submission = intake.submit(written(rows))

    landed = intake.landed(submission["edition_id"])
    assert len({(row["person_0"], row["person_1"]) for row in landed}) == len(rows)
    found = found_in(report_of(intake, submission))
    assert found["Local_Patient_ID:VALUE_VOID"] == len(rows)


def test_a_local_identifier_of_two_people_is_told_to_the_sender_alone(intake):
    rows = [
        sus_row(NHS_Number="", Local_Patient_ID="L1", Sex="1"),
        sus_row(NHS_Number="", Local_Patient_ID="L1", Sex="2"),
        sus_row(NHS_Number="", Local_Patient_ID="L2", Date_of_Birth="1970-01-31"),
        sus_row(NHS_Number="", Local_Patient_ID="L2", Date_of_Birth="1971-01-31"),
        sus_row(NHS_Number="", Local_Patient_ID="L3", Sex="1"),
        sus_row(NHS_Number="", Local_Patient_ID="L3", Sex="9", Date_of_Birth=""),
    ]
    submission = intake.submit(written(rows))

    assert report_of(intake, submission)["contradictions"] == {
        "local_identifiers_of_different_people": 2,
        "lines": [[2, 3], [4, 5]],
    }
    assert "contradictions" in report_of(intake, submission, ods="RR800")
    for role in (Role.DSCRO_OPERATOR, Role.AUDITOR):
        assert "contradictions" not in report_of(intake, submission, role=role, ods="X26")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Update_Type": "1"}, "DELETION"),
        ({"CDS_Test_Indicator": "1"}, "TEST_RECORD"),
        ({"Test_Indicator": "yes"}, "TEST_RECORD"),
        ({"CDS_Type": "005"}, "HEADER_OR_TRAILER"),
        ({"CDS_Type": "001", "NHS_Number": "", "Provider_Code": ""}, "HEADER_OR_TRAILER"),
    ],
)
def test_what_is_no_activity_adds_nothing_and_is_counted(intake, changes, code):
    activity = sus_row(**dict.fromkeys(changes.keys() - sus_row().keys(), ""))
    nothing = activity | {"Unique_CDS_Identifier": "BRR8000000002"} | changes
    submission = intake.submit(written([activity, nothing]))

    report = report_of(intake, submission)
    assert report["adds_nothing"] == [{"code": code, "rows": 1}]
    assert report["deletions_without_match"] == int(code == "DELETION")
    assert report["totals"]["landed"] == 1


LONG = "BRR8-2018-04-0000000000000001-X"


def sent(update: str, key: str = "B1", **changes: str) -> dict[str, str]:
    return sus_row(Update_Type=update, Unique_CDS_Identifier=key, **changes)


@pytest.mark.parametrize(
    ("rows", "lines", "nothing", "without_match"),
    [
        pytest.param([sent("9"), sent("1")], [], {"DELETED": 1, "DELETION": 1}, 0, id="after"),
        pytest.param([sent("1"), sent("9")], [3], {"DELETION": 1}, 1, id="before"),
        pytest.param(
            [sent("9"), sent("1"), sent("9", Sex="2")],
            [4],
            {"DELETED": 1, "DELETION": 1},
            0,
            id="sent again behind it",
        ),
        pytest.param(
            [sent("9"), sent("9"), sent("1"), sent("1")],
            [],
            {"DELETED": 2, "DELETION": 2},
            0,
            id="twice",
        ),
        pytest.param(
            [sent("9"), sent(" 1 ", " B1 "), sent("01", "B2")],
            [],
            {"DELETED": 1, "DELETION": 2},
            1,
            id="padded, and another key",
        ),
        pytest.param(
            [sent("9"), sent("1", Provider_Code="8J094")],
            [2],
            {"DELETION": 1},
            1,
            id="another provider's record of the same key",
        ),
        pytest.param(
            [sent("9"), sent("1", Provider_Code="RR800", NHS_Number="", Sex="")],
            [],
            {"DELETED": 1, "DELETION": 1},
            0,
            id="the same provider in another spelling, with little else",
        ),
        pytest.param(
            [sent("9", "NULL"), sent("1", "NULL"), sent("9", LONG), sent("1", LONG)],
            [],
            {"DELETED": 1, "DELETION": 2},
            1,
            id="a placeholder is no key, and a long one is one",
        ),
    ],
)
def test_a_deletion_takes_back_what_its_file_has_of_the_record_before_it(
    intake, rows, lines, nothing, without_match
):
    """Guard: `deletions.LeftOut.take_back`: by provider and key, in the order of lines."""
    other = sent("9", "B-OTHER")
    submission = intake.submit(written([*rows, other]))

    landed = [row["line"] for row in intake.landed(submission["edition_id"])]
    assert landed == [*lines, len(rows) + 2]
    report = report_of(intake, submission)
    assert {n["code"]: n["rows"] for n in report["adds_nothing"]} == nothing
    assert report["deletions_without_match"] == without_match
    assert report["totals"]["landed"] == len(landed)
    by_column = {c["column"]: c for c in report["columns"]}
    assert by_column["Sex"]["valid"] + by_column["Sex"]["missing"] == len(landed)


def test_a_file_of_which_everything_is_deleted_again_has_no_good_row(intake):
    submission = intake.submit(written([sent("9"), sent("1")]))

    assert (submission["state"], submission["code"]) == ("rejected", "NO_GOOD_ROWS")


def test_the_update_type_is_void_in_bulk(intake):
    rows = [
        sus_row(
            Update_Type="1", CDS_Protocol_Identifier_Code=protocol, Unique_CDS_Identifier=protocol
        )
        for protocol in ("020", "010")
    ]
    submission = intake.submit(written(rows))

    assert report_of(intake, submission)["totals"]["landed"] == 1


NATIONAL = (
    ("Der_Primary_Diagnosis_Code", "I10X-D", "I10X-D"),
    ("Der_Primary_Diagnosis_Code", "i21.9 ", "I219"),
    ("Der_Primary_Diagnosis_Code", "heart attack", None),
    ("Der_Primary_Procedure_Code", "W37.1", "W371"),
    ("GP_Practice_Code", "GUE00001", "GUE00001"),
    ("GP_Practice_Code", "a1b2c ", "A1B2C"),
    ("Sex", " 1", "1"),
    ("Sex", "X", "X"),
)


def test_national_forms_are_taken_and_a_bad_clinical_code_costs_no_record(intake):
    rows = rows_with([{column: value} for column, value, _ in NATIONAL])
    submission = intake.submit(written(rows))

    assert submission["state"] == "accepted", submission
    landed = intake.landed(submission["edition_id"])
    assert [row[column] for row, (column, _, _) in zip(landed, NATIONAL, strict=True)] == [
        value for _, _, value in NATIONAL
    ]


def test_a_postcode_of_any_width_is_the_same_place(intake):
    spelled = ["S70  1AA", "S701AA  ", "s701aa", " S70 1AA", "S70   1AA", "S70 1AA"]
    submission = intake.submit(written(rows_with([{"Postcode": value} for value in spelled])))

    landed = intake.landed(submission["edition_id"])
    assert [row["Der_Postcode_LSOA_2011_Code"] for row in landed] == ["E01000001"] * len(spelled)
    assert len({row["Postcode__0"] for row in landed}) == 1


IMPOSSIBLE = (
    ({"Date_of_Birth": "1900-01-01"}, "Date_of_Birth:VALUE_VOID", "Der_Age_Band"),
    ({"Date_of_Birth": "1879-12-31"}, "Date_of_Birth:BIRTH_BEFORE_LIMIT", "Der_Age_Band"),
    ({"Date_of_Birth": "2018-04-11"}, "Date_of_Birth:BIRTH_AFTER_ACTIVITY", "Der_Age_Band"),
    ({"Discharge_Date": "9999-12-31"}, "Discharge_Date:VALUE_VOID", "Discharge_Date"),
    (
        {"Discharge_Date": "2018-04-09"},
        "Discharge_Date:DISCHARGE_BEFORE_ADMISSION",
        "Discharge_Date",
    ),
    ({"Episode_End_Date": "2018-04-01"}, "Episode_End_Date:END_BEFORE_START", "Episode_End_Date"),
    ({"Der_Spell_LoS": "-1"}, "Der_Spell_LoS:STAY_NEGATIVE", "Der_Spell_LoS"),
    ({"Der_Spell_LoS": "99999"}, "Der_Spell_LoS:STAY_TOO_LONG", "Der_Spell_LoS"),
)


def test_what_cannot_be_is_taken_as_none_and_counted(intake):
    submission = intake.submit(written(rows_with([changes for changes, _, _ in IMPOSSIBLE])))

    landed = intake.landed(submission["edition_id"])
    assert [row[column] for row, (_, _, column) in zip(landed, IMPOSSIBLE, strict=True)] == [
        None for _ in IMPOSSIBLE
    ]
    found = found_in(report_of(intake, submission))
    assert [found[finding] for _, finding, _ in IMPOSSIBLE] == [1 for _ in IMPOSSIBLE]


def test_an_edition_says_by_which_rules_it_was_made(intake):
    submission = intake.submit(written([sus_row()]))

    rules = intake.get(f"/v1/editions/{submission['edition_id']}").json()["landing_rules"]
    known = {r.digest: r.version for r in intake.parts.catalogue.landing_rules}
    assert known[rules["digest"]] == rules["version"]


def forget_rules(intake: Intake) -> None:
    """Make what was landed look as if it had been landed before there were rules."""
    with Session(intake.parts.engine) as session:
        session.execute(
            text("UPDATE edition SET landing_rules_version = NULL, landing_rules_digest = NULL")
        )
        session.commit()


def events_about(intake: Intake, kind: str) -> list[dict]:
    with Session(intake.parts.engine) as session:
        said = [json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox"))]
    return [event["data"] for event in said if event["type"] == kind]


def test_what_was_landed_by_no_rules_is_landed_anew_from_the_kept_upload(intake):
    first = intake.submit(written([sus_row(), sus_row(Sex="2")]))
    forget_rules(intake)
    intake.jobs.sweep()
    intake.work()

    old, new = intake.get("/v1/editions").json()["items"]
    assert (old["id"], old["superseded_by"]) == (first["edition_id"], new["id"])
    assert new["landing_rules"] is not None
    assert len(intake.landed(new["id"])) == 2
    intake.jobs.sweep()
    assert intake.work() == 0


def test_an_edition_by_unsafe_rules_is_told_once_whether_it_can_be_landed_anew_or_not(intake):
    """Guard: `relanding.mark_unsafe`, for those who released of it (superseded ones too)."""
    first = intake.submit(written([sus_row()]))
    intake.submit(written([sus_row(), sus_row(Sex="2")]))
    intake.clock.advance(intake.settings.keep_uploads_days * 86_400 + 1)
    intake.jobs.sweep()
    assert events_about(intake, "pseudonymisation.edition-unsafe.v1") == []
    forget_rules(intake)

    for _ in range(2):
        intake.jobs.sweep()

    told = events_about(intake, "pseudonymisation.edition-unsafe.v1")
    assert len(told) == 2
    assert first["edition_id"] in {event["edition_id"] for event in told}


def test_what_is_not_kept_any_more_is_not_landed_anew(intake):
    intake.submit(written([sus_row()]))
    forget_rules(intake)
    intake.clock.advance(intake.settings.keep_uploads_days * 86_400 + 1)
    intake.jobs.sweep()
    intake.jobs.sweep()

    assert intake.work() <= 1


@pytest.mark.parametrize(
    "spoilt",
    ["1.23E+11", "1,2E+10", "9e+15", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#N/A", "###"],
)
def test_what_a_spreadsheet_leaves_of_a_key_is_none(intake, spoilt):
    """Two strangers get two tokens, and two records of which the key is gone are not one."""
    people = [
        sus_row(NHS_Number="", Local_Patient_ID=spoilt, Unique_CDS_Identifier=f"B{n}")
        for n in range(2)
    ]
    lost = [sus_row(Unique_CDS_Identifier=spoilt) for _ in range(2)]
    submission = intake.submit(written([*people, *lost]))

    first, second = intake.landed(submission["edition_id"])
    assert (first["person_0"], first["person_1"]) != (second["person_0"], second["person_1"])
    report = report_of(intake, submission)
    assert found_in(report)["Local_Patient_ID:VALUE_VOID"] == 2
    assert report["totals"]["quarantined"] == 2
    assert report["repeated_records"] == 0
    assert spoilt not in str(report)


def test_a_trust_whose_code_is_a_placeholder_elsewhere_has_its_code(intake):
    """REF is Royal Cornwall Hospitals, and what is left of `#REF!` in a patient's identifier."""
    rows = [
        sus_row(Site_Code_of_Treatment="REF", Unique_CDS_Identifier="B1"),
        sus_row(Site_Code_of_Treatment="#REF!", Unique_CDS_Identifier="B2"),
        sus_row(Site_Code_of_Treatment="NULL", Unique_CDS_Identifier="B3"),
        *(
            sus_row(NHS_Number="", Local_Patient_ID="REF", Unique_CDS_Identifier=f"B{n}")
            for n in (4, 5)
        ),
    ]
    submission = intake.submit(written(rows))

    landed = intake.landed(submission["edition_id"])
    assert [row["Site_Code_of_Treatment"] for row in landed[:3]] == ["REF", None, None]
    assert landed[3]["person_1"] != landed[4]["person_1"]
    assert found_in(report_of(intake, submission))["Local_Patient_ID:VALUE_VOID"] == 2


UNSEEN = (" ", "\t", "\u00a0", "\u200b", "\ufeff", "\u202f")


def test_what_is_not_seen_at_the_ends_of_a_value_does_not_count(intake):
    """Guard: `judged/values:normalised`: else a key with a mark before it is another."""
    rows = []
    for number, unseen in enumerate(UNSEEN):
        plain = sus_row(
            NHS_Number="", Local_Patient_ID=f"L{number}", Unique_CDS_Identifier=f"B{number}"
        )
        rows += [
            plain,
            plain
            | {
                name: f"{unseen}{plain[name]}{unseen}"
                for name in ("Local_Patient_ID", "Unique_CDS_Identifier", "Provider_Code", "Sex")
            },
        ]
    submission = intake.submit(written(rows))

    people = [(row["person_0"], row["person_1"]) for row in intake.landed(submission["edition_id"])]
    assert people[::2] == people[1::2]
    assert len(set(people)) == len(UNSEEN)
    report = report_of(intake, submission)
    assert report["totals"]["landed"] == len(rows)
    assert report["repeated_records"] == len(UNSEEN)


def test_keys_that_look_like_numbers_stay_keys(intake):
    rows = [
        sus_row(NHS_Number="", Local_Patient_ID=key, Unique_CDS_Identifier=f"B{n}")
        for n, key in enumerate(["1E5", "1.5E7", "12E+05", "E+11", "123456.5"])
    ]
    submission = intake.submit(written(rows))

    assert found_in(report_of(intake, submission)) == {}


def test_imaging_at_anothers_site_needs_a_right_to_submit(intake):
    """Guard: `organisations.is_anothers_site`; a site that no list has may be a new one."""
    row = {
        "NHS_NUMBER": "9990000018", "NHS_NUMBER_STATUS_IND": "01",
        "PERSON_BIRTH_DATE": "1970-01-31", "ETHNIC_CATEGORY": "A", "PERSON_GENDER_CODE": "1",
        "POSTCODE": "S70 1AA", "PRACTICE_CODE": "A81001", "PATIENT_SOURCE_SETTING": "01",
        "REFERRER": "C1234567", "REFERRING_ORG_CODE": "A81001",
        "DIAGNOSTIC_TEST_REQUEST_DATE": "2018-04-01", "DIAG_TEST_REQUEST_REC_DATE": "2018-04-02",
        "DIAGNOSTIC_TEST_DATE": "2018-04-10", "IMAGING_CODE_NICIP": "XCHES",
        "IMAGING_CODE_SNOMED": "", "SERVICE_REPORT_DATE": "2018-04-11",
    }  # fmt: skip
    sites = ["RR8", "RR801", "8J094", "R0A", "R0A00", "NEW99", "89997"]
    rows = [
        row | {"SITE_CODE_IMAGING": site, "RADIOLOGICAL_ACCESSION_NUM": f"RA{n}"}
        for n, site in enumerate(sites)
    ]
    submission = intake.submit(written(rows), data_set="DIDS")

    assert [r["line"] for r in intake.landed(submission["edition_id"])] == [2, 3, 4, 7, 8]
    entries = intake.get(f"/v1/submissions/{submission['id']}/quarantine").json()["items"]
    assert {(e["line"], e["column"], e["code"]) for e in entries} == {
        (line, "SITE_CODE_IMAGING", "PROVIDER_WITHOUT_RIGHT") for line in (5, 6)
    }
