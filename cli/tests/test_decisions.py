"""S2: what became of each decision, and what left without one."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from common import audit
from common.audit.entries import Entry
from common.db import engine as engines
from common.db.tables import metadata
from common.ids import digest
from dsfc_cli.audit_logs.decisions import judge
from dsfc_cli.main import app


def decided(action, decision_id, about, **detail):
    return {
        "action": action,
        "at": "2018-06-01T09:00:00+00:00",
        "client_id": "csu-0df",
        "decision_id": decision_id,
        "resource": "agreements/DARS-NIC-123456-A1B2C",
        "detail": {"about": about, **detail},
    }


def done(action, decision_id, resource):
    return {"action": action, "decision_id": decision_id, "resource": resource, "detail": {}}


RELEASED = [decided("release-permitted", "d1", "f1")]


def test_each_release_names_its_decision():
    judged = judge(RELEASED, [done("file-released", "d1", "files/f1")])

    assert [(o.action, o.about, o.led_to) for o in judged.outcomes] == [
        ("release", "f1", "files/f1")
    ]
    assert (judged.led_to_nothing, judged.wrong) == ([], [])


def test_a_decision_that_led_to_nothing_is_listed():
    judged = judge([*RELEASED, decided("fetch-permitted", "d2", "f1")], [])

    assert [o.decision_id for o in judged.led_to_nothing] == ["d1", "d2"]


def test_a_refusal_is_no_permission():
    assert judge([decided("fetch-refused", "d1", "f1")], []).outcomes == []


def test_a_stream_that_goes_on_is_no_delivery_of_its_own():
    judged = judge([decided("fetch-permitted", "d2", "f1", renews="d1")], [])

    assert judged.outcomes == []


def test_what_left_without_a_decision_is_wrong():
    judged = judge([], [done("file-released", "d1", "files/f1")])

    assert judged.wrong == ["files/f1: file-released rests on no decision that is logged (d1)"]


def test_one_decision_is_for_one_file():
    judged = judge(
        RELEASED,
        [done("file-released", "d1", "files/f1"), done("file-released", "d1", "files/f2")],
    )

    assert judged.wrong == ["files/f1, files/f2: file-released more than once by d1"]


@pytest.mark.parametrize(
    ("permitted", "action", "resource"),
    [
        ("reidentify-permitted", "re-identification-answered", "re-identifications/r1"),
        ("match-permitted", "invoice-match-alert", "invoice-matches/m1"),
    ],
)
def test_whatever_was_told_of_people_names_its_decision(permitted, action, resource):
    decisions = [decided(permitted, "d1", "r1"), decided(permitted, "d2", "r2")]
    told = [done(action, "d1", resource)]

    judged = judge(decisions, [], told=told)
    assert [o.led_to for o in judged.outcomes] == [resource, None]
    assert judged.wrong == []
    (wrong,) = judge([], [], told=told).wrong
    assert wrong.startswith(f"{resource}: ")
    assert wrong.endswith("rests on no decision that is logged (d1)")
    assert judge(decisions, []).outcomes == []  # without the haven's log nobody knows


@pytest.fixture
def logs(tmp_path):
    """Two services' databases with nothing but an audit log."""

    def write(service, *entries):
        engine = engines.create(f"sqlite:///{tmp_path / f'{service}.db'}")
        metadata.create_all(engine)
        with Session(engines.writing(engine)) as session, session.begin():
            audit.append(session, entries)
        engine.dispose()

    def entry(action, decision_id, resource, **detail):
        return Entry(
            at=datetime(2018, 6, 1, 9, tzinfo=UTC),
            action=action,
            resource=resource,
            subject="csu",
            client_id="csu",
            organisation="0DF",
            role="csu-system",
            decision_id=decision_id,
            detail=detail,
        )

    write(
        "agreements",
        entry("release-permitted", "d1", "agreements/R", about="f1"),
        entry("release-permitted", "d2", "agreements/R", about="f2"),
    )
    write("dissemination", entry("file-released", "d1", "files/f1"))
    return tmp_path


def test_the_command_lists_what_led_to_nothing(logs):
    told = CliRunner().invoke(app, ["audit", "decisions", "--directory", str(logs), "--json"])

    assert told.exit_code == 0, told.output
    assert [d["decision_id"] for d in json.loads(told.output)["decisions"]] == ["d2"]


def test_the_command_lists_all_where_asked(logs):
    told = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["audit", "decisions", "--directory", str(logs), "--all"]
    )

    assert told.exit_code == 0
    assert "files/f1" in told.output
    assert "nothing" in told.output


def row(**changes):
    """The logged decision that `leaf` tells of."""
    return {
        "action": "release",
        "permitted": True,
        "agreement": "R",
        "client_id": "csu",
        "organisation": "0DF",
        "at": datetime(2018, 6, 1, 9, tzinfo=UTC),
        "subject": "f1",
        "epoch": 3,
        "line": 1,
        "inputs": "{}",
        "outcome": "{}",
        "rules": "r",
    } | changes


LEAF = {
    "action": "release-permitted",
    "resource": "agreements/R",
    "client_id": "csu",
    "organisation": "0DF",
    "at": "2018-06-01T09:00:00+00:00",
    "decision_id": "d1",
    "detail": {"about": "f1", "epoch": 3, "line": 1, "decision": digest(b"{}\n{}\nr")},
}


def test_a_logged_decision_that_is_what_its_leaf_says_is_right():
    assert judge([LEAF], [], {"d1": row()}).wrong == []


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"d1": row(), "d2": row()},
        *({"d1": row(**{name: value})} for name, value in [("permitted", False), ("epoch", 4)]),
        *({"d1": row(**{name: "x"})} for name in ("inputs", "outcome", "rules", "client_id")),
    ],
)
def test_a_logged_decision_that_is_not_what_its_leaf_says_is_wrong(rows):
    assert len(judge([LEAF], [], rows).wrong) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaf SET entry = replace(entry, 'csu', 'cxu')",
        'DELETE FROM audit_leaf WHERE "index" = 0',
        'UPDATE audit_leaf SET "index" = -1 WHERE "index" = 1',
    ],
)
def test_the_command_believes_no_log_that_is_not_as_written(logs, statement):
    engine = engines.create(f"sqlite:///{logs / 'agreements.db'}")
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()

    told = CliRunner().invoke(app, ["audit", "decisions", "--directory", str(logs)])

    assert told.exit_code == 2
    assert "dsfc audit verify" in told.output


def test_the_command_finds_no_log_where_there_is_none(tmp_path):
    told = CliRunner().invoke(app, ["audit", "decisions", "--directory", str(tmp_path)])

    assert told.exit_code == 2
