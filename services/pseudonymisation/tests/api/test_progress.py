"""How far something long is can be seen while it goes on, and costs few writes."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.errors import ClaimLost
from common.jobs import ClaimTimes, SignOfLife
from pseudonymisation.intake.use_cases.landings import LandingJobs
from services.pseudonymisation.tests.submitting import sus_row, written

ROWS = 12_000
"""More than two mebibytes: the upload is opened in chunks of one."""
DEADLINE_SECONDS = 30.0
OFTEN = ClaimTimes(duration=timedelta(seconds=60), progress_every=timedelta(seconds=0.01))


@dataclass
class Watched:
    """The haven itself; after each report it waits until that can be seen from outside."""

    intake: Any
    submission_id: str
    seen: list[dict[str, int]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.intake.parts.intake.haven, name)

    def land(self, order, report):
        def reported(rows):
            report(rows)
            end = time.monotonic() + DEADLINE_SECONDS
            while (now := self.look()["rows_done"]) != rows:
                assert time.monotonic() < end, f"{now} is shown, and {rows} are read"
                time.sleep(0.01)
            self.seen.append(self.look())

        return self.intake.parts.intake.haven.land(order, reported)

    def look(self):
        submission = self.intake.get(f"/v1/submissions/{self.submission_id}").json()
        assert submission["state"] == "landing"
        return submission["progress"]


def test_a_landing_says_how_far_it_is_while_it_goes_on(intake, monkeypatch):
    monkeypatch.setattr("pseudonymisation.engine.objects.sealed.CHUNK_BYTES", 300_000)
    monkeypatch.setattr("pseudonymisation.intake.adapters.landing.feed.BLOCK_BYTES", 300_000)
    opened = intake.open().json()
    intake.put(opened["id"], written([sus_row(Local_Patient_ID=f"L{n}") for n in range(ROWS)]))
    received = intake.get(f"/v1/submissions/{opened['id']}").json()
    watched = Watched(intake, opened["id"], [])
    ctx = intake.parts.intake
    jobs = LandingJobs(replace(ctx, haven=watched, limits=replace(ctx.limits, claims=OFTEN)))
    jobs.run(jobs.claim())

    landed = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert opened["progress"] is None
    assert received["progress"] == {"rows_done": 0, "rows_total": ROWS}
    shown = [seen["rows_done"] for seen in watched.seen]
    assert len(set(shown)) > 2
    assert shown == sorted(shown)
    assert {seen["rows_total"] for seen in watched.seen} == {ROWS}
    assert landed["state"] == "accepted"
    assert landed["progress"] == {"rows_done": ROWS, "rows_total": ROWS}


def test_how_far_it_is_counts_as_no_change_of_the_submission(intake):
    """And an attempt that was lost says nothing any more."""
    opened = intake.open().json()
    intake.put(opened["id"], written([sus_row()]))
    ctx = intake.parts.intake
    claim = LandingJobs(ctx).claim()
    before = intake.get(f"/v1/submissions/{opened['id']}").json()
    with ctx.uow.writing() as tx:
        tx.submissions.extend_claim(claim.job.id, claim.attempt, sign(1))
    noted = intake.get(f"/v1/submissions/{opened['id']}").json()
    with pytest.raises(ClaimLost), ctx.uow.writing() as tx:
        tx.submissions.extend_claim(claim.job.id, claim.job.id, sign(2))
    lost = intake.get(f"/v1/submissions/{opened['id']}").json()

    assert before["progress"]["rows_done"] == 0
    assert noted["progress"]["rows_done"] == 1
    assert noted["version"] == before["version"]
    assert lost["progress"]["rows_done"] == 1


def sign(rows: int) -> SignOfLife:
    return SignOfLife(datetime(2018, 6, 1, tzinfo=UTC), rows, None)


def test_what_is_refused_unread_has_no_progress(intake):
    opened = intake.open().json()
    intake.put(opened["id"], b"PK\x03\x04")

    assert intake.get(f"/v1/submissions/{opened['id']}").json()["progress"] is None
