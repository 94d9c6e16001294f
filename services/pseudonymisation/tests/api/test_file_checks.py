"""A file checked before it is sent: what the intake would say, and nothing of it is left."""

import shutil

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.submitting import Intake, sus_row, written, zipped

ROWS = [
    sus_row(),
    sus_row(Unique_CDS_Identifier="BRR8000000002", NHS_Number="9990000026"),
    sus_row(NHS_Number="1", Unique_CDS_Identifier="BRR8000000003"),
]
CSV = written(ROWS)
ASKED = {"data_set": "SUS_APC", "period": "2018-04"}


def check(intake, content, media_type="text/csv", **asked):
    role = asked.pop("role", Role.PROVIDER_SYSTEM)
    return intake.client.post(
        "/v1/file-checks",
        params=ASKED | asked,
        content=content,
        headers=intake.headers(role) | {"Content-Type": media_type},
    )


def kept(intake) -> list[str]:
    roots = (intake.directory / "landing", intake.directory / "haven-keys")
    return sorted(str(path) for root in roots for path in root.rglob("*") if path.is_file())


def test_a_check_says_what_the_intake_would_say_and_keeps_nothing(intake):
    assert check(intake, CSV).status_code == 200  # the keys of the haven are there now
    before = kept(intake)
    answer = check(intake, zipped(CSV), "application/gzip")
    found = answer.json()

    assert (answer.status_code, found["would_be_accepted"]) == (200, True)
    assert found["entries"] == [
        {
            "line": 4,
            "column": "NHS_Number",
            "code": "NHS_NUMBER_INVALID",
            "detail": "Ten digits whose check digit fits; leave it empty where unknown.",
        }
    ]
    assert kept(intake) == before
    assert intake.get("/v1/submissions").json()["items"] == []
    assert intake.work() == 0
    submitted = intake.submit(CSV)
    report = intake.get(f"/v1/submissions/{submitted['id']}/report").json()
    assert {name: report[name] for name in found["report"]} == found["report"]


def test_a_check_says_that_a_file_would_be_rejected_and_why(intake):
    found = check(intake, written([sus_row(NHS_Number="1")])).json()

    assert (found["would_be_accepted"], found["code"]) == (False, "QUARANTINE_SHARE_EXCEEDED")


@pytest.mark.parametrize(
    ("content", "asked", "status", "code"),
    [
        (b"a,b\n1,2\n", {}, 422, "COLUMNS_WRONG"),
        (b"PK\x03\x04", {}, 415, "CONTENT_IS_ARCHIVE"),
        (CSV, {"delimiter": ";"}, 422, "DELIMITER_WRONG"),
        (CSV, {"data_set": "NO_SUCH"}, 422, "DATA_SET_UNKNOWN"),
        (CSV, {"period": "1999-01"}, 422, "PERIOD_INVALID"),
        (CSV, {"provider": "R0A"}, 422, "PROVIDER_NOT_OWN"),
        (CSV, {"role": Role.AUDITOR}, 403, "ROLE_NOT_PERMITTED"),
    ],
)
def test_what_may_not_be_sent_is_not_checked(intake, content, asked, status, code):
    answer = check(intake, content, **asked)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_file_that_is_too_large_to_be_checked_here_is_told_where_it_can_be(
    tmp_path, migrated_file, clock, identities
):
    shutil.copy(migrated_file, tmp_path / "intake.db")
    url, row = f"sqlite:///{tmp_path / 'intake.db'}", CSV.splitlines(keepends=True)[1]
    limit = {"file_check_bytes_max": 1_000_000}
    with Intake(tmp_path, url, clock, identities, limit).serving() as intake:
        answer = check(intake, CSV + row * (1_000_000 // len(row) + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "FILE_TOO_LARGE")
    assert "dsfc catalogue validate" in answer.json()["detail"]
    assert not list((tmp_path / "landing" / "scratch").rglob("check-*"))
