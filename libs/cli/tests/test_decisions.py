"""S2: what became of each decision, and what left without one."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from common import audit
from common.audit.entries import Entry
from common.db import engine as engines
from common.db.tables import metadata
from dsfc_cli.decisions import judge
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


def test_the_command_finds_no_log_where_there_is_none(tmp_path):
    told = CliRunner().invoke(app, ["audit", "decisions", "--directory", str(tmp_path)])

    assert told.exit_code == 2
