"""S3 of design.md section 10 in the haven: SIGKILL in the middle of an object, and after it.

A real process is killed at the named point; what it left is looked at; then another goes on.
"""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.use_cases.preparations import get
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.landed import day

ROOT = Path(__file__).parents[4]
WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from common import faults
from common.db import engine as engines
from dsfc_testing.clock import FakeClock
from services.pseudonymisation.tests.haven import world
directory, url, now, point = sys.argv[1:]
faults.arm(point)
world(Path(directory), engines.create(url), FakeClock(datetime.fromisoformat(now))).work()
"""


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


@pytest.mark.parametrize("point", ["K3", "K4"])
def test_a_worker_killed_there_leaves_nothing_named_and_the_next_prepares_once(
    haven, sqlite_url, clock, point
):
    haven.land(
        [
            {
                "NHS_Number": "9990000018",
                "Local_Patient_ID": f"L{i}",
                "Sex": "1",
                "Admission_Date": day("2018-04-03"),
                "Hospital_Spell_No": f"S{i}",
                "period": "2018-04",
                "reasons": {"G": "02P"},
            }
            for i in range(50)
        ]
    )
    accepted = haven.accept(request=haven.request(formats=["parquet", "csv"]))

    killed = subprocess.run(
        [sys.executable, "-c", WORKER, haven.directory, sqlite_url, clock.now().isoformat(), point],
        cwd=ROOT,
        timeout=280,
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL, "the run never reached its point"
    left = get(accepted.id, ctx=haven.context())
    assert (left.state, left.files) == (PreparationState.RUNNING, ())
    assert haven.events() == []
    (orphan,) = haven.objects()
    assert orphan.startswith(f"preparations/{accepted.id}/{left.attempt}/")
    assert orphan.endswith(".part") == (point == "K3")
    size = (haven.directory / "release" / orphan).stat().st_size
    assert size > 0

    clock.advance(haven.jobs.claims.duration + timedelta(seconds=1))
    haven.jobs.sweep()
    assert haven.objects() == []
    assert list((haven.directory / "scratch").iterdir()) == []
    haven.work()

    done = get(accepted.id, ctx=haven.context())
    assert done.state is PreparationState.PREPARED
    assert sorted(haven.objects()) == sorted(f.object_key for f in done.files)
    assert [e["type"] for e in haven.events()] == ["pseudonymisation.extract-prepared.v1"]
    with Session(haven.engine) as session:
        files = session.execute(text("SELECT count(*) FROM prepared_file")).scalar_one()
    assert files == len(done.files) == 2
