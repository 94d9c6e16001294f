"""What was landed lies in a bucket of a real S3 server: prepared from, moved into, away."""

import pytest
from typer.testing import CliRunner

from common.buckets import bucket
from pseudonymisation import cli
from pseudonymisation.engine.objects.bucket import BucketObjects
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.use_cases.preparations import get
from services.pseudonymisation.tests.api.test_opt_out_checks import (
    NUMBERS,
    ROWS,
    lines,
    open_check,
    reply,
    staff,
)
from services.pseudonymisation.tests.asking_back import REGISTERED, Surgery
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_preparations import RECORDS
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

pytestmark = [pytest.mark.s3, pytest.mark.xdist_group("s3")]

GOOD = written([sus_row(), sus_row(NHS_Number="9990000026", Local_Patient_ID="L2")])


@pytest.fixture
def folder(s3_gateway, s3_bucket):
    return s3_gateway.directory / s3_bucket.removeprefix("s3://")


@pytest.fixture
def haven_on(tmp_path, make_engine, sqlite_url, clock, folder, s3_bucket):
    """Give a haven with landed records, which opens the bucket by the environment of now."""
    (tmp_path / "haven").mkdir()
    (tmp_path / "haven" / "landing").symlink_to(folder)

    def make():
        landed_in = BucketObjects(bucket(s3_bucket))
        haven = world(tmp_path / "haven", make_engine(sqlite_url), clock, landed_in=landed_in)
        haven.land(RECORDS)
        return haven

    return make


def test_an_extract_is_prepared_from_it_and_nothing_of_it_stays_on_this_machine(haven_on):
    haven = haven_on()
    accepted = haven.accept()

    haven.work()

    prepared = get(accepted.id, ctx=haven.context())
    assert (prepared.state, prepared.code) == (PreparationState.PREPARED, None)
    assert [path for path in (haven.directory / "scratch").rglob("*") if path.is_file()] == []


def test_where_it_is_away_a_preparation_says_so(haven_on, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    haven = haven_on()
    accepted = haven.accept()

    haven.work()

    assert get(accepted.id, ctx=haven.context()).code == "LANDING_STORE_UNAVAILABLE"


@pytest.mark.parametrize("landing", ["s3"])
def test_where_it_is_away_nothing_is_taken_and_what_waits_is_landed_later(intake, folder):
    opened = intake.open().json()
    assert intake.put(opened["id"], GOOD).status_code == 202
    hidden = folder.rename(folder.with_name("hidden"))

    intake.work()
    answer = intake.put(intake.open(period="2018-05").json()["id"], GOOD)

    stands = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert stands["code"] == "OBJECT_STORE_UNAVAILABLE"
    assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")
    hidden.rename(folder)
    intake.clock.advance(10)
    intake.work()
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "accepted"


@pytest.mark.parametrize("landing", ["s3"])
def test_what_the_engine_works_with_is_elsewhere(intake, folder):
    """Spills, maps and staging stay on this machine; in the bucket lies what rows name."""
    sent = intake.submit(GOOD)

    assert sent["state"] == "accepted"
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in found} == {"uploads", "quarantine", "editions"}
    scratch = intake.directory / "scratch"
    assert [path for path in scratch.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("landing", ["s3"])
def test_a_national_check_asks_about_it_and_its_reply_lies_there(intake, folder):
    intake.submit(written(ROWS))
    check = open_check(intake).json()

    asked = intake.client.get(f"/v1/opt-out-checks/{check['id']}/request", headers=staff(intake))
    beyond = reply(intake, check["id"], lines(NUMBERS[0], "9990000042"))
    answered = reply(intake, check["id"], lines(NUMBERS[0], NUMBERS[2]))

    assert sorted(asked.text.splitlines()) == [f"{number}," for number in NUMBERS]
    assert (beyond.status_code, beyond.json()["code"]) == (422, "OPT_OUT_REPLY_NOT_ASKED")
    assert (answered.json()["state"], answered.json()["cleared"]) == ("answered", 2)
    assert len(list((folder / "opt-outs").rglob("*.parquet"))) == 2


def test_what_was_landed_in_a_directory_is_moved_into_it_and_read_there(
    intake, folder, s3_bucket, s3_gateway, tmp_path, monkeypatch
):
    """With a file of credentials of its own, and none in the environment."""
    edition = intake.submit(GOOD)["edition_id"]
    rows = intake.landed(edition)
    assert Surgery(intake).register(REGISTERED, "2018-06-01").status_code == 201
    credentials = tmp_path / "landing.credentials"
    credentials.write_text(
        "[default]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\n"
        "aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(**s3_gateway.environment)
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    there = {
        "landing_store": f"{s3_bucket}/of/the/haven",
        "landing_credentials_file": credentials,
        "scratch": tmp_path / "scratch",
    }
    for name, value in (there | {"environment": "development"}).items():
        monkeypatch.setenv(f"PSEUDONYMISATION_{name.upper()}", str(value))
    before = tmp_path / "landing"

    done = CliRunner().invoke(cli.app, ["move-landing", "--from", str(before), "--delete"])

    assert done.exit_code == 0, done.output
    assert not [path for path in before.rglob("*") if path.is_file() and "scratch" not in str(path)]
    assert (folder / "of/the/haven/editions").is_dir()
    assert (folder / "of/the/haven/registrations").is_dir()
    moved = Intake(tmp_path, intake.database_url, intake.clock, intake.issuer, there)
    assert moved.landed(edition) == rows


def test_a_store_is_not_moved_into_itself(s3_bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_ENVIRONMENT", "development")
    monkeypatch.setenv("PSEUDONYMISATION_LANDING_STORE", s3_bucket)
    monkeypatch.setenv("PSEUDONYMISATION_SCRATCH", str(tmp_path))

    done = CliRunner().invoke(cli.app, ["move-landing", "--from", f"{s3_bucket}/", "--delete"])

    assert done.exit_code == 2
    assert "that is the landing store" in done.output
