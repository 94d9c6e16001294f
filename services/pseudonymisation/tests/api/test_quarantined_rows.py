"""Rows that were set aside go back to whoever sent them, and to nobody else."""

import csv
import json
import logging
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session

from common.db.tables import audit_leaf
from common.security.roles import Role
from services.pseudonymisation.tests.submitting import OTHER_PROVIDER, PROVIDER, sus_row, written

GOOD = [sus_row(Local_Patient_ID=f"L{n}") for n in range(10)]
BAD = [
    sus_row(NHS_Number="9990000019", Local_Patient_ID="BAD1"),
    sus_row(Sex="7", Admission_Date="2018-02-30", Hospital_Spell_No="=1+1"),
]
BROKEN = b'only,three,values\n"a quote that is not closed\n'


def rows_of(intake, submission, **who):
    return intake.get(f"/v1/submissions/{submission['id']}/quarantine/rows", **who)


def leaves(intake):
    with Session(intake.parts.engine) as session:
        query = select(audit_leaf.c.entry).order_by(audit_leaf.c.index)
        return [json.loads(entry) for entry in session.scalars(query)]


@pytest.fixture
def submission(intake):
    return intake.submit(written([*BAD, *GOOD]) + BROKEN)


def test_the_sender_has_its_rows_back_as_they_came_with_lines_and_reasons(intake, submission):
    answer = rows_of(intake, submission)

    sent = written([*BAD, *GOOD]).decode().splitlines()
    header, *rows = answer.text.splitlines()
    rows.sort(key=lambda row: int(row.partition(",")[0]))
    records = list(csv.reader(rows[:2]))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert header == f"line,reasons,{sent[0]}"
    assert [record[:2] for record in records] == [
        ["2", "NHS_Number:NHS_NUMBER_INVALID"],
        ["3", "Sex:CODE_UNKNOWN Admission_Date:DATE_INVALID"],
    ]
    assert [record[2:] for record in records] == list(csv.reader(sent[1:3]))
    assert rows[2:] == [
        "14,TOO_FEW_VALUES,only,three,values",
        '15,QUOTE_NOT_CLOSED,"a quote that is not closed',
    ]


def test_that_they_were_read_is_in_the_log_and_what_they_say_is_not(
    intake, submission, capfd, caplog
):
    caplog.set_level(logging.INFO)  # whatever an earlier test made of the root logger
    before = len(leaves(intake))

    rows_of(intake, submission)

    (leaf,) = leaves(intake)[before:]
    assert leaf["action"] == "quarantined-rows-read"
    assert leaf["resource"] == f"submissions/{submission['id']}"
    assert leaf["organisation"] == PROVIDER
    told = "".join(capfd.readouterr()) + caplog.text + json.dumps(leaves(intake))
    assert "quarantined_rows_read" in told
    assert not any(value in told for value in ("9990000019", "BAD1"))


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ({"ods": OTHER_PROVIDER}, 404, "SUBMISSION_NOT_FOUND"),
        ({"role": Role.DSCRO_OPERATOR, "ods": "X26"}, 403, "ROLE_NOT_PERMITTED"),
        ({"role": Role.DSCRO_OPERATOR, "ods": PROVIDER}, 403, "ROLE_NOT_PERMITTED"),
        ({"role": Role.AUDITOR, "ods": "X26"}, 403, "ROLE_NOT_PERMITTED"),
    ],
)
def test_nobody_else_gets_them_whoever_may_see_the_report(intake, submission, who, status, code):
    before = len(leaves(intake))

    answer = rows_of(intake, submission, **who)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(leaves(intake)) == before


def test_what_a_dscro_sent_for_a_provider_is_not_the_provider_s_to_read(intake):
    """The provider sees the report; whether these rows are its own, only the sender knows."""
    staff = intake.headers(Role.DSCRO_OPERATOR, "X26")
    opened = intake.open(provider=PROVIDER, headers=staff).json()
    intake.client.put(
        f"/v1/submissions/{opened['id']}/content",
        content=written([*BAD, *GOOD]),
        headers=staff | {"Content-Type": "text/csv"},
    )
    intake.work()

    assert intake.get(f"/v1/submissions/{opened['id']}/report").status_code == 200
    answer = rows_of(intake, opened)
    assert (answer.status_code, answer.json()["code"]) == (404, "SUBMISSION_NOT_FOUND")


def test_a_file_that_was_refused_for_its_bad_rows_gives_them_back_too(intake):
    refused = intake.submit(written([*BAD, *BAD]))

    assert refused["code"] in {"QUARANTINE_SHARE_EXCEEDED", "NO_GOOD_ROWS"}
    assert len(rows_of(intake, refused).text.splitlines()) == 5


def test_after_their_time_they_are_gone_also_before_they_are_swept(intake, submission):
    kept = intake.parts.intake.limits.keep_uploads
    intake.clock.advance(kept - timedelta(seconds=1))
    assert rows_of(intake, submission).status_code == 200

    intake.clock.advance(1)
    due = rows_of(intake, submission)
    intake.clock.advance(1)
    intake.jobs.sweep()
    swept = rows_of(intake, submission)

    for gone in (due, swept):
        assert (gone.status_code, gone.json()["code"]) == (404, "QUARANTINE_GONE")


def test_before_the_decision_there_are_none(intake):
    answer = rows_of(intake, intake.open().json())

    assert (answer.status_code, answer.json()["code"]) == (404, "QUARANTINE_GONE")


def test_what_cannot_be_opened_is_said_and_not_a_fault(intake, submission):
    (sealed,) = (p for p in (intake.directory / "landing/quarantine").rglob("*") if p.is_file())
    whole = sealed.read_bytes()
    sealed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    damaged = rows_of(intake, submission)
    sealed.unlink()
    away = rows_of(intake, submission)

    assert (damaged.status_code, damaged.json()["code"]) == (404, "QUARANTINE_GONE")
    assert (away.status_code, away.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")


def test_rows_of_more_than_a_chunk_come_whole(intake):
    bad = [sus_row(Sex="7", Local_Patient_ID=f"B{n:06}") for n in range(8_000)]
    good = [sus_row(Local_Patient_ID=f"G{n:06}") for n in range(40_000)]
    many = intake.submit(written([*bad, *good]))

    records = list(csv.reader(rows_of(intake, many).text.splitlines()[1:]))
    assert many["state"] == "accepted"
    assert sorted(int(record[0]) for record in records) == list(range(2, 8_002))
    assert {record[1] for record in records} == {"Sex:CODE_UNKNOWN"}
    sent = csv.reader(written(bad).decode().splitlines()[1:])
    assert sorted(record[2:] for record in records) == sorted(sent)


@pytest.mark.parametrize(("sent_by", "read_by"), [("RR800", "RR8"), ("RR8", "RR801")])
def test_the_sender_is_the_organisation_by_whichever_of_its_codes_it_comes(
    intake, sent_by, read_by
):
    sender = intake.headers(Role.PROVIDER_SYSTEM, sent_by)
    opened = intake.open(headers=sender).json()
    intake.client.put(
        f"/v1/submissions/{opened['id']}/content",
        content=written([*BAD, *GOOD]),
        headers=sender | {"Content-Type": "text/csv"},
    )
    intake.work()

    listed = intake.get("/v1/submissions", ods=read_by).json()["items"]
    assert [s["id"] for s in listed] == [opened["id"]]
    assert rows_of(intake, opened, ods=read_by).status_code == 200
