"""A file checked before it is sent: what the intake would say, and nothing of it is left."""

import shutil

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.api.test_net_changes import gone, row
from services.pseudonymisation.tests.api.test_what_is_replaced import PEOPLE, acm_row, month
from services.pseudonymisation.tests.submitting import (
    Intake,
    in_both_stores,
    sus_row,
    written,
    zipped,
)

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


@in_both_stores
def test_a_check_says_what_the_intake_would_say_and_keeps_nothing(intake):
    before = kept(intake)
    assert check(intake, CSV).status_code == 200
    assert kept(intake) == before  # not even a key of the haven's own
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


@pytest.mark.parametrize("protocol", ["whole_period", "net_change"])
def test_a_check_shows_what_the_file_would_take_the_place_of_as_the_intake_then_does(
    intake, protocol
):
    intake.submit(written([row(n, 100 + n, "2018-04-20") for n in range(8)]))
    content = written([row(1, 201, "2018-04-21"), gone(2, "2018-04-21"), row(9, 209, "2018-04-21")])
    before = kept(intake)

    found = check(intake, content, protocol=protocol).json()

    assert kept(intake) == before
    landed = intake.submit(content, protocol=protocol)
    assert landed["replaced"] == found["replaced"]
    report = intake.get(f"/v1/submissions/{landed['id']}/report").json()
    assert found["report"]["totals"] == report["totals"]
    counts = found["replaced"]["people"]
    said = {name: counts[name] for name in ("before", "after", "added", "removed")}
    if protocol == "net_change":
        assert said == {"before": 8, "after": 8, "added": 1, "removed": 1}
        assert found["report"]["totals"]["replaced"] == 1
    else:
        assert said == {"before": 8, "after": 2, "added": 1, "removed": 7}


def test_a_check_shows_totals_and_months_that_the_file_has_nothing_of(intake):
    ten = [acm_row(**{"POINT OF DELIVERY CODE": f"P{n}"}) for n in range(10)]
    intake.submit(written(ten), data_set="ACM")

    found = check(intake, written(ten[:3]), data_set="ACM").json()["replaced"]

    assert found["totals"] == [
        {"field": "ACTUAL_ACTIVITY", "before": "100.000000", "after": "30.000000"},
        {"field": "ACTUAL_PRICE", "before": "1.000000", "after": "0.300000"},
    ]
    spring = "2018-02/2018-04"
    days = ("2018-02-10", "2018-03-10", "2018-04-10")
    intake.submit(
        written([one for day in days for one in month(PEOPLE[:1], day=day)]), period=spring
    )
    shorter = written([one for day in days[:2] for one in month(PEOPLE[:1], day=day)])
    assert check(intake, shorter, period=spring).json()["replaced"]["emptied"] == ["2018-04"]


def test_where_nothing_is_in_force_or_the_file_would_be_rejected_nothing_is_shown(intake):
    assert check(intake, CSV).json()["replaced"] is None
    intake.submit(CSV)
    rejected = check(intake, written([sus_row(NHS_Number="1")])).json()

    assert (rejected["would_be_accepted"], rejected["replaced"]) == (False, None)


def test_a_change_that_can_be_merged_with_nothing_is_refused_when_it_is_checked(intake):
    intake.submit(written(month(PEOPLE)))
    assert intake.submit(written(month(PEOPLE[:1])))["state"] == "waiting"

    answer = check(intake, written([row(1, 201, "2018-04-21")]), protocol="net_change")

    assert (answer.status_code, answer.json()["code"]) == (422, "NET_CHANGE_BLOCKED")
