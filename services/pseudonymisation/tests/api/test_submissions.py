"""Submissions over HTTP, from the announcement to the landed edition."""

import base64
import hashlib
import json
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlmodel import Session

from common.db.tables import audit_leaf, outbox
from common.security.roles import Role
from services.pseudonymisation.tests.submitting import (
    OTHER_PROVIDER,
    PROVIDER,
    in_both_stores,
    sus_row,
    written,
)

GOOD = written([sus_row(), sus_row(NHS_Number="9990000026", Local_Patient_ID="L2")])


def said(intake) -> list[dict]:
    with Session(intake.parts.engine) as session:
        return [json.loads(row) for row in session.scalars(select(outbox.c.event))]


def logged(intake) -> list[str]:
    with Session(intake.parts.engine) as session:
        query = select(audit_leaf.c.entry).order_by(audit_leaf.c.index)
        return [json.loads(row)["action"] for row in session.scalars(query)]


def objects(intake, folder: str) -> list[str]:
    root = intake.directory / "landing" / folder
    return sorted(path.name for path in root.rglob("*") if path.is_file())


@in_both_stores
def test_a_good_file_becomes_an_edition_and_everybody_is_told(intake):
    submission = intake.submit(GOOD)

    assert submission["state"] == "accepted", submission
    assert len(intake.landed(submission["edition_id"])) == 2
    (event,) = said(intake)
    assert event["type"] == "pseudonymisation.submission-accepted.v1"
    assert event["data"] == {
        "submission_id": submission["id"],
        "data_set": "SUS_APC",
        "period": "2018-04",
        "provider": PROVIDER,
        "edition_id": submission["edition_id"],
        "code": None,
        "rows_accepted": 2,
        "rows_repeated": 1,  # both have one CDS unique identifier
        "rows_quarantined": 0,
    }
    assert logged(intake) == [
        "submission-opened",
        "submission-received",
        "edition-landed",
        "submission-accepted",
    ]


@in_both_stores
def test_bad_rows_are_set_aside_with_reasons_and_the_rest_is_landed(intake):
    rows = [
        sus_row(),
        sus_row(NHS_Number="9990000019"),
        sus_row(Sex="7", Admission_Date="2018-02-30"),
        sus_row(Provider_Code=""),
        sus_row(CDS_Activity_Date="2018-05-01"),
        *[sus_row(Local_Patient_ID=f"L{n}") for n in range(10)],
    ]
    content = written(rows) + b'only,three,values\n"a quote that is not closed\n'
    submission = intake.submit(content)

    assert submission["state"] == "accepted"
    report = intake.get(f"/v1/submissions/{submission['id']}/report").json()
    totals = report["totals"]
    assert (totals["records"], totals["landed"], totals["quarantined"]) == (17, 11, 6)
    assert totals["withheld"] == totals["adds_nothing"] == 0
    assert report["outside_period"] == 1
    assert report["nhs_number"]["invalid"] == 1
    page = intake.get(f"/v1/submissions/{submission['id']}/quarantine").json()
    assert [(e["line"], e["column"], e["code"]) for e in page["items"]] == [
        (3, "NHS_Number", "NHS_NUMBER_INVALID"),
        (4, "Admission_Date", "DATE_INVALID"),
        (4, "Sex", "CODE_UNKNOWN"),
        (5, "Provider_Code", "VALUE_MISSING"),
        (6, "CDS_Activity_Date", "OUTSIDE_PERIOD"),
        (17, None, "TOO_FEW_VALUES"),
        (18, None, "QUOTE_NOT_CLOSED"),
    ]
    assert {row["line"] for row in intake.landed(submission["edition_id"])} == {2, *range(7, 17)}
    assert "9990000019" not in json.dumps([report, page])


def test_the_quarantine_has_pages(intake):
    rows = [*[sus_row(Sex="7") for _ in range(5)], *[sus_row() for _ in range(6)]]
    submission = intake.submit(written(rows))

    path, seen, after = f"/v1/submissions/{submission['id']}/quarantine", [], 0
    while after is not None:
        page = intake.get(f"{path}?limit=2&after={after}").json()
        seen += [entry["line"] for entry in page["items"]]
        after = page["next"]
    assert seen == [2, 3, 4, 5, 6]


@pytest.mark.scenario("N01")
@pytest.mark.parametrize("number", ["9990000019", "9999999999", "999 000 001"])
def test_what_is_no_nhs_number_is_refused(intake, number):
    submission = intake.submit(written([sus_row(), sus_row(), sus_row(NHS_Number=number)]))

    (entry,) = intake.get(f"/v1/submissions/{submission['id']}/quarantine").json()["items"]
    assert (entry["line"], entry["column"], entry["code"]) == (
        4,
        "NHS_Number",
        "NHS_NUMBER_INVALID",
    )
    assert len(intake.landed(submission["edition_id"])) == 2  # 9990000018 is accepted


@pytest.mark.scenario("R23")
def test_records_in_confidentiality_categories_stay_without_identity_and_are_counted(intake):
    rows = [sus_row(Confidentiality_Category_SUS=category) for category in ("0", "1", "2", "3")]
    submission = intake.submit(written(rows))

    report = intake.get(f"/v1/submissions/{submission['id']}/report").json()
    totals = report["totals"]
    assert (totals["records"], totals["landed"], totals["withheld"]) == (4, 4, 2)
    landed = intake.landed(submission["edition_id"])
    assert [row["identity_withheld"] for row in landed] == [False, True, False, True]
    assert len({(row["person_0"], row["person_1"]) for row in landed}) == 3


def test_a_resubmission_supersedes_and_says_so(intake):
    first = intake.submit(GOOD)
    second = intake.submit(written([sus_row(Sex="2")]))

    editions = intake.get("/v1/editions?data_set=SUS_APC&period=2018-04").json()["items"]
    assert [(e["id"], e["number"], e["superseded_by"]) for e in editions] == [
        (first["edition_id"], 1, second["edition_id"]),
        (second["edition_id"], 2, None),
    ]
    event = next(e for e in said(intake) if e["type"].endswith("edition-superseded.v1"))
    assert event["data"] == {
        "edition_id": first["edition_id"],
        "superseded_by": second["edition_id"],
        "data_set": "SUS_APC",
        "period": "2018-04",
        "provider": PROVIDER,
    }
    assert intake.landed(first["edition_id"])  # what there was before stays


def test_a_file_of_which_too_much_is_bad_is_refused_and_what_was_there_stays(intake):
    first = intake.submit(GOOD)
    submission = intake.submit(written([sus_row(Sex="7"), sus_row(Sex="8"), sus_row()]))

    assert (submission["state"], submission["code"]) == ("rejected", "QUARANTINE_SHARE_EXCEEDED")
    assert submission["edition_id"] is None
    editions = intake.get("/v1/editions").json()["items"]
    assert [(e["id"], e["superseded_by"]) for e in editions] == [(first["edition_id"], None)]
    assert len(objects(intake, "editions")) == 1
    report = intake.get(f"/v1/submissions/{submission['id']}/report").json()
    assert report["totals"]["quarantined"] == 2
    assert said(intake)[-1]["data"]["code"] == "QUARANTINE_SHARE_EXCEEDED"


def test_a_file_without_a_good_row_is_refused(intake):
    submission = intake.submit(written([sus_row(Update_Type="1")]))

    assert (submission["state"], submission["code"]) == ("rejected", "NO_GOOD_ROWS")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "FILE_EMPTY"),
        (GOOD.partition(b"\n")[0] + b"\n", 422, "FILE_EMPTY"),
        (b"PK\x03\x04" + GOOD, 415, "CONTENT_IS_ARCHIVE"),
        (b"\x1f\x8b" + GOOD, 415, "CONTENT_IS_ARCHIVE"),
        (GOOD.replace(b"L2", b"\xe9"), 422, "ENCODING_NOT_UTF8"),
        (GOOD.replace(b"L2", b"\x00"), 422, "CONTENT_NOT_TEXT"),
        (b"a,b\n1,2\n", 422, "COLUMNS_WRONG"),
        (GOOD + b"x" * 70_000, 422, "LINE_TOO_LONG"),
    ],
)
def test_what_is_not_the_catalogues_rejects_the_submission(intake, content, status, code):
    opened = intake.open().json()
    answer = intake.put(opened["id"], content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    submission = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (submission["state"], submission["code"]) == ("rejected", code)
    assert [event["data"]["code"] for event in said(intake)] == [code]
    assert objects(intake, "uploads") == []
    assert not list((intake.directory / "haven-keys").rglob("uploads/**/*.key"))
    assert intake.work() == 0


def test_the_missing_columns_are_named_and_the_unknown_ones_are_not(intake):
    content = GOOD.replace(b"Sex,", b"9990000018,")
    answer = intake.put(intake.open().json()["id"], content)

    assert answer.json()["missing"] == ["Sex"]
    assert answer.json()["unknown_at"] == [6]
    assert "9990000018" not in answer.text


def test_the_same_file_again_is_refused_and_names_the_first(intake):
    first = intake.submit(GOOD)
    answer = intake.put(intake.open().json()["id"], GOOD)

    assert (answer.status_code, answer.json()["code"]) == (409, "DUPLICATE_UPLOAD")
    assert answer.json()["submission_id"] == first["id"]


def test_the_same_file_for_another_month_is_no_duplicate(intake):
    intake.submit(GOOD)
    opened = intake.open(period="2018-05").json()

    assert intake.put(opened["id"], GOOD).status_code == 202


def test_a_file_may_come_back_after_it_was_superseded(intake):
    intake.submit(GOOD)
    intake.submit(written([sus_row(Sex="2")]))

    assert intake.submit(GOOD)["state"] == "accepted"


def test_a_digest_that_does_not_fit_leaves_the_submission_open(intake):
    opened = intake.open().json()
    wrong = base64.b64encode(hashlib.sha256(b"another").digest()).decode()
    answer = intake.put(opened["id"], GOOD, Digest=f"sha-256={wrong}")

    assert (answer.status_code, answer.json()["code"]) == (422, "DIGEST_MISMATCH")
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "open"
    assert objects(intake, "uploads") == []
    right = base64.b64encode(hashlib.sha256(GOOD).digest()).decode()
    assert intake.put(opened["id"], GOOD, Digest=f"SHA-256={right}").status_code == 202


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "application/zip"}, "CONTENT_TYPE_UNSUPPORTED"),
        ({"Content-Encoding": "gzip"}, "CONTENT_TYPE_UNSUPPORTED"),
        ({"Digest": "md5=abc"}, "DIGEST_UNREADABLE"),
    ],
)
def test_what_cannot_be_taken_leaves_the_submission_open(intake, headers, code):
    opened = intake.open().json()
    answer = intake.put(opened["id"], GOOD, **headers)

    assert answer.json()["code"] == code
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "open"


def test_a_file_may_be_larger_than_what_other_routes_take(intake):
    rows = [sus_row(Local_Patient_ID=f"L{n}") for n in range(6_000)]
    content = written(rows)
    assert len(content) > intake.settings.body_bytes_max

    assert intake.submit(content)["state"] == "accepted"


def test_content_is_taken_once(intake):
    opened = intake.open().json()
    assert intake.put(opened["id"], GOOD).status_code == 202
    answer = intake.put(opened["id"], GOOD)

    assert (answer.status_code, answer.json()["code"]) == (409, "TRANSITION_REFUSED")
    assert len(objects(intake, "uploads")) == 1


def test_a_submission_announced_twice_with_one_key_is_one(intake):
    headers = intake.headers() | {"Idempotency-Key": "k1"}
    first, second = intake.open(headers=headers), intake.open(headers=headers)
    other = intake.open(period="2018-05", headers=headers)

    assert first.json()["id"] == second.json()["id"]
    assert first.headers["location"] == f"/v1/submissions/{first.json()['id']}"
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_belongs_to_client_subject_and_organisation(intake):
    """Guard: `Principal.key_owner`. One client serves several organisations."""
    key = {"Idempotency-Key": "k1"}
    own = intake.open(headers=intake.headers() | key)
    office = intake.open(
        provider=PROVIDER, headers=intake.headers(Role.DSCRO_OPERATOR, "X26") | key
    )

    assert (own.status_code, office.status_code) == (201, 201)
    assert own.json()["id"] != office.json()["id"]


@pytest.mark.parametrize(
    ("data_set", "period", "code"),
    [
        ("NO_SUCH_SET", "2018-04", "DATA_SET_UNKNOWN"),
        ("SUS_APC", "2018-13", "PERIOD_INVALID"),
        ("SUS_APC", "2018-05/2018-04", "PERIOD_INVALID"),
        ("SUS_APC", "2001-01", "PERIOD_INVALID"),
        ("SUS_APC", "April", "INVALID_REQUEST"),
        ("sus", "2018-04", "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_announced_is_refused(intake, data_set, period, code):
    answer = intake.open(data_set, period)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_range_that_overlaps_without_being_the_same_is_refused(intake):
    intake.submit(GOOD)
    answer = intake.open(period="2018-03/2018-04")

    assert (answer.status_code, answer.json()["code"]) == (409, "PERIOD_OVERLAPS")
    assert intake.open(period="2018-04").status_code == 201
    assert intake.open(period="2018-05").status_code == 201


def test_of_two_overlapping_announcements_the_later_landed_is_refused(intake):
    wide = intake.open(period="2018-03/2018-04").json()
    intake.submit(GOOD)
    intake.put(wide["id"], written([sus_row(Sex="2")]))
    intake.work()

    submission = intake.get(f"/v1/submissions/{wide['id']}").json()
    assert (submission["state"], submission["code"]) == ("rejected", "PERIOD_OVERLAPS")
    assert len(objects(intake, "editions")) == 1


def test_a_provider_submits_its_own_and_a_dscro_for_the_one_it_names(intake):
    dscro = intake.headers(Role.DSCRO_OPERATOR, "0CL")

    assert intake.open(provider=OTHER_PROVIDER).json()["code"] == "PROVIDER_NOT_OWN"
    assert intake.open(headers=dscro).json()["code"] == "PROVIDER_NOT_OWN"
    named = intake.open(provider=OTHER_PROVIDER, headers=dscro).json()
    assert (named["provider"], named["submitted_by"]) == (OTHER_PROVIDER, "0CL")


def test_another_ones_records_are_taken_by_a_right_of_that_day_only(intake):
    intake.rights.sends_for.add((PROVIDER, OTHER_PROVIDER))
    named = intake.open(provider=OTHER_PROVIDER).json()
    assert (named["provider"], named["submitted_by"]) == (OTHER_PROVIDER, PROVIDER)

    intake.put(named["id"], written([sus_row(Provider_Code=OTHER_PROVIDER)]))
    intake.rights.sends_for.discard((PROVIDER, OTHER_PROVIDER))
    intake.work()
    done = intake.get(f"/v1/submissions/{named['id']}").json()
    assert (done["state"], done["code"]) == ("rejected", "PROVIDER_NOT_OWN")
    assert objects(intake, "editions") == []


@pytest.mark.parametrize("role", [Role.PROVIDER_SYSTEM, Role.DSCRO_OPERATOR])
@pytest.mark.parametrize(
    ("provider", "code"), [("ZZZ", "PROVIDER_UNKNOWN"), ("VPP00", "PROVIDER_UNKNOWN")]
)
def test_nothing_is_taken_for_a_provider_that_there_is_not(intake, role, provider, code):
    answer = intake.open(provider=provider, headers=intake.headers(role, "0CL"))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == "provider"


def test_nothing_is_taken_for_a_provider_that_had_closed_or_opened_later(intake):
    intake.rights.opened["RR8"] = (date(2018, 4, 15), date(2018, 6, 30))

    assert intake.open(period="2018-07").json()["code"] == "PROVIDER_NOT_OPEN"
    assert intake.open(period="2018-03").json()["code"] == "PROVIDER_NOT_OPEN"
    for period in ("2018-04", "2018-05", "2018-06/2018-07"):
        assert intake.open(period=period).status_code == 201


def test_a_provider_in_another_spelling_is_the_same_provider(intake):
    dscro = intake.headers(Role.DSCRO_OPERATOR, "0CL")
    intake.submit(GOOD)

    for spelling in ("RR800", "RR801"):
        assert intake.open(provider=spelling).json()["provider"] == PROVIDER
        again = intake.open(period="2018-03/2018-04", provider=spelling, headers=dscro)
        assert again.json()["code"] == "PERIOD_OVERLAPS"


def test_where_agreements_is_away_nothing_is_announced_and_what_waits_is_landed_later(intake):
    opened = intake.open().json()
    intake.put(opened["id"], GOOD)
    intake.rights.is_away = True
    assert intake.open().status_code == 503
    intake.work()
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "received"

    intake.rights.is_away = False
    intake.clock.advance(600)
    intake.work()
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "accepted"


def test_what_is_not_ones_own_is_not_there(intake):
    submission = intake.submit(GOOD)
    other = {"role": Role.PROVIDER_SYSTEM, "ods": OTHER_PROVIDER}

    for path in ("", "/report", "/quarantine"):
        answer = intake.get(f"/v1/submissions/{submission['id']}{path}", **other)
        assert (answer.status_code, answer.json()["code"]) == (404, "SUBMISSION_NOT_FOUND")
    edition = intake.get(f"/v1/editions/{submission['edition_id']}", **other)
    assert (edition.status_code, edition.json()["code"]) == (404, "EDITION_NOT_FOUND")
    assert intake.get("/v1/submissions", **other).json()["items"] == []
    assert intake.get("/v1/editions", **other).json()["items"] == []
    content = intake.client.put(
        f"/v1/submissions/{submission['id']}/content",
        content=GOOD,
        headers=intake.headers(**other) | {"Content-Type": "text/csv"},
    )
    assert content.status_code == 404


@pytest.mark.parametrize("role", [Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER, Role.AUDITOR])
def test_staff_of_the_haven_see_all(intake, role):
    submission = intake.submit(GOOD)
    staff = {"role": role, "ods": "X26"}

    assert intake.get(f"/v1/submissions/{submission['id']}", **staff).status_code == 200
    assert len(intake.get("/v1/editions", **staff).json()["items"]) == 1


def test_a_report_is_there_once_the_file_was_judged(intake):
    opened = intake.open().json()
    answer = intake.get(f"/v1/submissions/{opened['id']}/report")

    assert (answer.status_code, answer.json()["code"]) == (404, "REPORT_MISSING")


def test_submissions_have_pages_in_order_of_creation(intake):
    ids = [intake.open(period=f"2018-0{month}").json()["id"] for month in range(4, 9)]

    first = intake.get("/v1/submissions?limit=3").json()
    second = intake.get(f"/v1/submissions?limit=3&after={first['next']}").json()
    assert [s["id"] for s in first["items"] + second["items"]] == ids
    assert second["next"] is None


def test_how_many_wait_is_measured(intake):
    intake.put(intake.open().json()["id"], GOOD)
    intake.clock.advance(90)

    metrics = intake.client.get("/metrics").text
    assert 'submissions{state="received"} 1' in metrics
    assert "submission_oldest_waiting_seconds 90" in metrics


def test_the_service_is_ready_where_its_stores_and_keys_are(intake):
    assert intake.client.get("/readyz").status_code == 200

    (intake.directory / "keys" / "haven.kek").unlink()
    answer = intake.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")


def test_the_public_keys_are_there(intake):
    (key,) = intake.client.get("/.well-known/jwks.json").json()["keys"]

    assert key["kty"] == "EC"
    assert "d" not in key


def test_the_sums_of_report_edition_and_event_agree_and_say_what_comes_again(intake):
    """What was read is landed, set aside, or adds nothing; of the landed some come again."""
    plain = {"Update_Type": "9", "CDS_Test_Indicator": "", "Confidentiality_Category_SUS": "0"}

    def row(number, **changes):
        return sus_row(Unique_CDS_Identifier=f"BRR80000001{number:02}") | plain | changes

    rows = [
        *(row(n) for n in range(20)),
        *(row(n) for n in (0, 0, 1)),  # one three times, one twice
        row(20, Update_Type="1"),
        row(21, CDS_Test_Indicator="1"),
        row(22, Sex="7"),
        row(23, Confidentiality_Category_SUS="1"),
    ]
    submission = intake.submit(written(rows))

    report = intake.get(f"/v1/submissions/{submission['id']}/report").json()
    edition = intake.get(f"/v1/editions/{submission['edition_id']}").json()
    event = next(e["data"] for e in said(intake) if "submission-accepted" in e["type"])
    totals = report["totals"]
    assert totals["records"] == len(rows)
    assert totals["records"] == totals["landed"] + totals["quarantined"] + totals["adds_nothing"]
    assert totals["adds_nothing"] == sum(entry["rows"] for entry in report["adds_nothing"]) == 2
    assert totals["landed"] == totals["different"] + totals["repeated"] == 24
    assert totals["repeated"] == report["repeated_records"] == 3
    assert (edition["rows"], edition["rows_repeated"]) == (24, 3)
    assert (event["rows_accepted"], event["rows_repeated"], event["rows_quarantined"]) == (24, 3, 1)
    for column in report["columns"]:
        assert column["valid"] + column["missing"] == totals["landed"]
    number = report["nhs_number"]
    assert number["present"] + number["missing"] == totals["landed"]
    assert sum(number["status"].values()) == totals["landed"]


def test_a_record_that_cannot_be_read_is_named_and_hides_no_others(intake):
    intake.submit(GOOD)
    intake.submit(written([sus_row(Sex="2")]))

    def put(table, column, value, row_id):
        with intake.parts.engine.begin() as connection:
            change = f"UPDATE {table} SET {column} = :value WHERE id = :id"
            connection.execute(text(change), {"value": value, "id": UUID(row_id).hex})

    for path, table, column in (
        ("/v1/submissions", "submission", "state"),
        ("/v1/submissions", "submission", "report"),
        ("/v1/submissions", "submission", "period_first"),
        ("/v1/editions", "edition", "state"),
        ("/v1/editions", "edition", "further_maps"),
        ("/v1/data-quality/editions", "edition", "landed_at"),
    ):
        before = intake.get(path).json()["items"]
        row_id = before[0].get("id") or before[0]["edition_id"]
        with intake.parts.engine.connect() as connection:
            query = text(f"SELECT {column} FROM {table} WHERE id = :id")
            value = connection.execute(query, {"id": UUID(row_id).hex}).scalar_one()
        put(table, column, "gar{bage", row_id)
        page = intake.get(path)
        alone = intake.get(f"{path}/{row_id}")
        put(table, column, value, row_id)

        assert page.status_code == 200, (path, column, page.text)
        assert page.json()["unreadable"] == [row_id], column
        assert page.json()["items"] == before[1:]
        assert alone.status_code in {404, 405, 409}
        if alone.status_code == 409:
            assert alone.json()["code"] == "RECORD_UNREADABLE"
