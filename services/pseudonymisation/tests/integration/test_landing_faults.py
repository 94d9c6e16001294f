"""What landing does when a part is away, damaged or killed: it waits or refuses, and is whole."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from common.jobs import ClaimTimes
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.submission import ATTEMPTS_MAX
from pseudonymisation.intake.use_cases.landings import LandingJobs
from pseudonymisation.intake.use_cases.ports import Scope
from services.pseudonymisation.tests.integration.test_several_tables import begin, close
from services.pseudonymisation.tests.several_tables import tables
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

GOOD = written([sus_row(), sus_row(NHS_Number="9990000026")])


def sent(intake: Intake, content: bytes = GOOD) -> str:
    opened = intake.open().json()
    assert intake.put(opened["id"], content).status_code == 202
    return opened["id"]


def stands(intake: Intake, submission_id: str) -> dict:
    return intake.get(f"/v1/submissions/{submission_id}").json()


def files(intake: Intake, folder: str) -> list[Path]:
    root = intake.directory / "landing" / folder
    return [path for path in root.rglob("*") if path.is_file()]


def stored(intake: Intake, submission_id: str):
    with intake.parts.intake.uow.reading() as tx:
        return tx.submissions.get(UUID(submission_id), Scope(None))


def test_with_agreements_away_a_submission_waits_and_nothing_is_half_written(intake):
    intake.maps.is_away = True
    submission_id = sent(intake)
    intake.work()

    waiting = stands(intake, submission_id)
    assert (waiting["state"], waiting["code"]) == ("received", "DEPENDENCY_UNAVAILABLE")
    assert files(intake, "editions") == files(intake, "quarantine") == []
    assert intake.get("/v1/editions").json()["items"] == []
    assert intake.work() == 0  # not before its time

    intake.maps.is_away = False
    intake.clock.advance(10)
    assert intake.work() == 1
    assert stands(intake, submission_id)["state"] == "accepted"
    assert stored(intake, submission_id).attempts == 1


def test_what_waits_for_too_long_is_refused(intake):
    intake.maps.is_away = True
    submission_id = sent(intake)
    intake.clock.advance(timedelta(hours=25))
    intake.work()

    refused = stands(intake, submission_id)
    assert (refused["state"], refused["code"]) == ("rejected", "LANDING_FAILED")


def test_without_a_map_that_governs_the_period_the_file_is_refused(intake):
    intake.maps.valid_from = date(2018, 4, 2)
    submission = intake.submit(GOOD)

    assert (submission["state"], submission["code"]) == ("rejected", "MAP_MISSING")
    assert ("practice", date(2018, 4, 1)) in intake.maps.asked


def test_with_the_key_encryption_key_away_nothing_is_taken_or_landed(intake):
    submission_id = sent(intake)
    kek = intake.directory / "keys" / "haven.kek"
    hidden = kek.rename(kek.with_name("hidden"))
    intake.work()

    assert stands(intake, submission_id)["code"] == "KEY_UNAVAILABLE"
    answer = intake.put(intake.open(period="2018-05").json()["id"], GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "KEY_UNAVAILABLE")
    assert files(intake, "editions") == []

    hidden.rename(kek)
    intake.clock.advance(10)
    intake.work()
    assert stands(intake, submission_id)["state"] == "accepted"


def test_with_the_object_store_away_nothing_is_taken_or_landed(intake):
    submission_id = sent(intake)
    store = intake.directory / "landing"
    hidden = store.rename(intake.directory / "unmounted")
    intake.work()

    assert stands(intake, submission_id)["code"] == "OBJECT_STORE_UNAVAILABLE"
    answer = intake.put(intake.open(period="2018-05").json()["id"], GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")
    assert not store.exists()  # one that is away is not taken for an empty one

    hidden.rename(store)
    intake.clock.advance(10)
    intake.work()
    assert stands(intake, submission_id)["state"] == "accepted"


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_an_upload_that_was_damaged_is_refused_and_never_landed_in_part(intake, damage):
    rows = [sus_row(Local_Patient_ID=f"L{n}") for n in range(9_000)]
    submission_id = sent(intake, written(rows))
    (path,) = files(intake, "uploads")
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-5:]
    else:
        content[-5] ^= 1
    path.write_bytes(content)
    intake.work()

    refused = stands(intake, submission_id)
    assert (refused["state"], refused["code"]) == ("rejected", "LANDING_FAILED")
    assert files(intake, "editions") == []


def test_a_file_that_defeats_the_engine_is_given_up_after_some_tries(intake, monkeypatch):
    def fail(*_):
        raise EngineFailed

    monkeypatch.setattr(landing, "land", fail)
    submission_id = sent(intake)
    for _ in range(ATTEMPTS_MAX + 1):
        intake.work()
        intake.clock.advance(600)

    refused = stands(intake, submission_id)
    assert (refused["state"], refused["code"]) == ("rejected", "LANDING_FAILED")


def test_what_a_lost_worker_began_is_taken_over_and_it_can_finish_nothing(intake):
    submission_id = sent(intake)
    lost = intake.jobs.claim()
    assert intake.jobs.claim() is None  # somebody works on it

    intake.clock.advance(61)
    taken_over = intake.jobs.claim()
    assert taken_over.attempt != lost.attempt
    intake.jobs.run(lost)
    assert stored(intake, submission_id).state is SubmissionState.LANDING

    intake.jobs.run(taken_over)
    assert stands(intake, submission_id)["state"] == "accepted"
    intake.clock.advance(timedelta(days=2))
    intake.jobs.sweep()
    assert len(files(intake, "editions")) == 1


def test_a_worker_keeps_its_claim_while_it_works(intake, monkeypatch):
    ctx = intake.parts.intake
    claims = ClaimTimes(duration=timedelta(seconds=0.4))
    jobs = LandingJobs(replace(ctx, limits=replace(ctx.limits, claims=claims)))
    submission_id = sent(intake)
    claim = jobs.claim()
    real = landing.land

    def slow(*arguments):
        end = time.monotonic() + 30
        while stored(intake, submission_id).claimed_until == claim.job.claimed_until:
            assert time.monotonic() < end, "the claim was not extended"
            time.sleep(0.01)
        return real(*arguments)

    monkeypatch.setattr(landing, "land", slow)
    intake.clock.advance(0.3)
    jobs.run(claim)

    assert stands(intake, submission_id)["state"] == "accepted"


def test_uploads_and_quarantines_are_destroyed_in_time_and_reports_stay(intake):
    submission = intake.submit(written([sus_row(), sus_row(), sus_row(Sex="7")]))
    assert files(intake, "uploads")
    assert files(intake, "quarantine")
    intake.clock.advance(timedelta(days=31))
    intake.jobs.sweep()

    assert files(intake, "uploads") == files(intake, "quarantine") == []
    kept = list((intake.directory / "haven-keys").rglob("*.key"))
    assert not [path for path in kept if {"uploads", "quarantine"} & set(path.parts)]
    assert intake.get(f"/v1/submissions/{submission['id']}/report").status_code == 200
    assert intake.landed(submission["edition_id"])


def test_orphans_are_swept_and_what_rows_name_is_not(intake):
    submission = intake.submit(GOOD)
    for folder in ("uploads", "editions", "quarantine", "opt-outs"):
        orphan = intake.directory / "landing" / folder / "dead" / "attempt"
        orphan.parent.mkdir(parents=True)
        orphan.write_bytes(b"sealed")
    now = intake.clock.now().timestamp()
    for path in (intake.directory / "landing").rglob("*"):
        os.utime(path, (now - 3600, now - 3600))
    intake.jobs.sweep()
    assert len(files(intake, "editions")) == 2  # younger than a day: may be under way

    intake.clock.advance(timedelta(days=1))
    intake.jobs.sweep()
    assert {path.name for path in files(intake, "")} & {"attempt"} == set()
    assert intake.landed(submission["edition_id"])


@pytest.mark.long
@pytest.mark.parametrize("point", ["L1", "L2"])
def test_a_worker_that_is_killed_leaves_nothing_that_a_row_names(intake, point):
    """SIGKILL of the real process, in the middle of landing and after the object was closed."""
    submission_id = sent(intake)
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, str(intake.directory), intake.database_url, point],
        timeout=280,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert worker.returncode == -signal.SIGKILL  # a run that never reached its point fails
    assert stored(intake, submission_id).state is SubmissionState.LANDING
    assert intake.get("/v1/editions").json()["items"] == []
    assert len(files(intake, "editions")) == 1  # the orphan

    intake.clock.advance(61)
    intake.work()
    done = stands(intake, submission_id)
    assert done["state"] == "accepted"
    assert len(files(intake, "editions")) == 1
    assert len(intake.landed(done["edition_id"])) == 2


@pytest.mark.parametrize("whose", ["landings", "checks", "people"])
def test_what_killed_work_left_in_scratch_is_taken_away_and_what_is_under_way_is_not(intake, whose):
    """Its rows are sealed under keys that live on: a kill must not keep a copy of them."""
    haven, people = intake.parts.intake.haven, intake.parts.people.haven
    root, jobs = {
        "landings": (haven.scratch, intake.jobs),
        "checks": (haven.checks, intake.jobs),
        "people": (people.scratch, intake.parts.people_jobs),
    }[whose]
    then = intake.clock.now().timestamp() - 25 * 3600
    for name, ages in (("left", ("spill", "rows")), ("under-way", ("spill",))):
        for file in ("spill", "rows"):
            (root / name / "deep").mkdir(parents=True, exist_ok=True)
            (root / name / "deep" / file).write_bytes(b"sealed")
        for path in (root / name, root / name / "deep", *(root / name / "deep" / f for f in ages)):
            os.utime(path, (then, then))

    jobs.sweep()

    assert {path.name for path in root.iterdir()} - {"checks"} == {"under-way"}
    assert len([*(root / "under-way").rglob("*")]) == 3


@pytest.mark.parametrize(
    "point",
    [
        # After the first of sixteen, after the last of them, and after the groups were made.
        pytest.param("L2", marks=pytest.mark.long),
        "L3",
        pytest.param("L4", marks=pytest.mark.long),
    ],
)
def test_a_worker_that_is_killed_between_tables_leaves_nothing_and_the_next_lands_all(
    intake, point
):
    """What lay in the attempt's own directory is sealed, and is swept with it."""
    scratch = intake.parts.intake.haven.scratch
    submission_id = begin(intake, tables())
    assert close(intake, submission_id).status_code == 202
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, str(intake.directory), intake.database_url, point],
        timeout=280,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert worker.returncode == -signal.SIGKILL
    assert stored(intake, submission_id).state is SubmissionState.LANDING
    assert intake.get("/v1/editions").json()["items"] == []
    assert len(files(intake, "uploads")) == len(tables())
    for path in intake.directory.rglob("*.parquet"):
        assert path.read_bytes()[:4] == b"PARE"  # encrypted, its footer too

    intake.clock.advance(61)
    intake.work()
    done = stands(intake, submission_id)
    assert done["state"] == "accepted", done
    assert len(files(intake, "editions")) == 1
    assert len([*scratch.glob("*.tables")]) == 1  # of the killed one
    intake.jobs.sweep()
    assert len([*scratch.glob("*.tables")]) == 1  # younger than a day: may be under way
    then = intake.clock.now().timestamp() - 3600
    for path in (scratch, *scratch.rglob("*")):
        os.utime(path, (then, then))
    intake.clock.advance(timedelta(days=1))
    intake.jobs.sweep()
    assert [*scratch.iterdir()] == []
    sent = {name: len(rows) for name, rows in tables().items()}
    report = stored(intake, submission_id).report
    assert {t["table"]: (t["landed"], t["quarantined"]) for t in report["tables"]} == {
        name: (rows, 0) for name, rows in sent.items()
    }


WORKER = """
import sys
from pathlib import Path
from common import faults
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from services.pseudonymisation.tests.submitting import Intake

directory, url, point = sys.argv[1:]
clock = FakeClock(START)
intake = Intake(Path(directory), url, clock, LocalIssuer(clock))
faults.arm(point)
intake.work()
"""
