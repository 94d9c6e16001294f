"""Very many children of one parent: landed in bounded memory, none lost, none twice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import pytest

from pseudonymisation.intake.use_cases.ports import Scope
from services.pseudonymisation.tests.integration.test_several_tables import begin, close, put
from services.pseudonymisation.tests.several_tables import activity, tables
from services.pseudonymisation.tests.submitting import Intake, written

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

FEW, MANY = 300_000, 900_000
"""Of the smaller one all that the engine may keep is full."""
BLOCK = 20_000
AT_MOST = 1.25
"""As in `test_memory`."""

LANDING = """
import sys
from pathlib import Path
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from services.pseudonymisation.tests.submitting import Intake

directory, url = sys.argv[1:]
clock = FakeClock(START)
intake = Intake(Path(directory), url, clock, LocalIssuer(clock))
intake.work()
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


class Landed(NamedTuple):
    peak: int
    report: dict


def activities(count: int) -> Iterator[bytes]:
    """A file of so many activities of one contact, a block at a time."""
    template = activity("{}", "C1")
    header, line = written([template]).decode().splitlines()
    yield f"{header}\n".encode()
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        yield "".join(line.replace("{}", f"A{n}") + "\n" for n in range(first, last)).encode()


def landed(intake: Intake, count: int) -> Landed:
    sent = tables()
    of_others = {name: rows for name, rows in sent.items() if name not in {"CYP202", "CYP612"}}
    submission_id = begin(intake, of_others)
    assert put(intake, submission_id, "CYP202", activities(count)).status_code == 202
    assert close(intake, submission_id).status_code == 202
    child = subprocess.run(
        [sys.executable, "-c", LANDING, str(intake.directory), intake.database_url],
        timeout=580,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with intake.parts.intake.uow.reading() as tx:
        found = tx.submissions.get(UUID(submission_id), Scope(None))
    # The second one changes much, and waits for a second person when it is landed.
    assert found.state in {"accepted", "waiting"}, (found.state, found.code, found.detail)
    assert found.report is not None
    return Landed(int(child.stdout.split()[-1]) * 1024, dict(found.report))


def children_of(report: dict) -> dict[str, int]:
    (own,) = [one for one in report["tables"] if one["table"] == "CYP202"]
    return {name: own[name] for name in ("records", "landed", "quarantined")}


def test_memory_does_not_grow_with_the_children_of_one_parent(intake: Intake) -> None:
    few = landed(intake, FEW)
    many = landed(intake, MANY)

    assert children_of(few.report) == dict.fromkeys(("records", "landed"), FEW) | {"quarantined": 0}
    assert children_of(many.report) == dict.fromkeys(("records", "landed"), MANY) | {
        "quarantined": 0
    }
    assert many.peak <= AT_MOST * few.peak, (few.peak, many.peak)


def test_children_of_a_parent_that_is_not_there_are_set_aside_each_by_its_line(
    intake: Intake,
) -> None:
    """So many lost rows are told by counts, and the first of them by their lines."""
    sent = tables()
    count = 40_000
    kept = {name: rows for name, rows in sent.items() if name not in {"CYP201", "CYP202", "CYP612"}}
    submission_id = begin(intake, kept)
    assert put(intake, submission_id, "CYP202", activities(count)).status_code == 202
    assert close(intake, submission_id).status_code == 202
    intake.work()

    done = intake.get(f"/v1/submissions/{submission_id}").json()
    assert (done["state"], done["code"]) == ("rejected", "QUARANTINE_SHARE_EXCEEDED")
    report = intake.get(f"/v1/submissions/{submission_id}/report").json()
    reasons = {(one["column"], one["code"]): one["lines"] for one in report["reasons"]}
    assert reasons == {("CYP202.Unique_CareContactID", "PARENT_NOT_LANDED"): count}
