"""`kill -9` between standing order and decision, and between edition and supersession.

As in `test_kill_points`: a real SIGKILL at the named point, and then a restart. A month of an order
has one extract and one release, whatever came between; what was superseded is so once.
"""

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_client import DsfcError, Extract
from tests.books import released_once
from tests.e2e.test_tables import tables_of
from tests.faults.test_kill_points import restart, wait_killed
from tests.running import APRIL, CSU, MAY, Scene, scene, until

pytestmark = [
    pytest.mark.xdist_group("kills-of-orders"),
    pytest.mark.timeout(300),
    pytest.mark.long,
]

DECIDED = {"O1": 1, "O2": 2}
"""How many decisions about the month there are in the end: that of O2 led to nothing."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    quick = {"dissemination": {"ORDER_SWEEP_SECONDS": "1"}}
    with scene(tmp_path_factory, "kills-of-orders", settings=quick) as running:
        yield running


def order_of(played: Scene, form: str) -> dict[str, Any]:
    body = played.body(formats=[form])
    del body["periods"]
    return body | {"when": "landed", "from": APRIL, "until": APRIL}


def newest_order(played: Scene) -> str:
    found = played.rows("dissemination", "SELECT id FROM standing_order ORDER BY id")
    return str(found[-1][0])


def extracts_of(played: Scene, order: str) -> list[str]:
    query = "SELECT id FROM extract WHERE standing_order = ?"
    return [id_ for (id_,) in played.rows("dissemination", query, order)]


def asked(played: Scene) -> int:
    """How many decisions there are about an extract for an order."""
    query = "SELECT count(*) FROM decision WHERE inputs LIKE '%on_decision%' AND permitted"
    ((count,),) = played.rows("agreements", query)
    return int(count)


@pytest.mark.parametrize(
    ("point", "form"),
    [("O2", "csv"), ("O1", "parquet")],
)
def test_a_kill_before_a_month_is_written_down_leaves_one_extract_and_one_release(
    played: Scene, point: str, form: str
) -> None:
    """Guards: extract and order in one transaction; the sweep that looks at an order again."""
    until(played.all_heard, what="something was not heard")
    before = asked(played)
    restart(played, "dissemination", KILL_AT=point)
    with suppress(DsfcError):  # it may die before it answers
        played.csu.dissemination.place_order(order_of(played, form))
    wait_killed(played, "dissemination")

    order = newest_order(played)
    assert extracts_of(played, order) == []
    restart(played, "dissemination")

    until(
        lambda: played.csu.dissemination.standing_order(as_uuid(order)).state == "ended",
        what="its month was not released",
    )
    (extract_id,) = extracts_of(played, order)
    (file,) = played.csu.dissemination.extract(as_uuid(extract_id)).files
    released_once(played, str(file.id))
    assert asked(played) - before == DECIDED[point]


def as_uuid(text: str) -> str:
    """Ids in the database have no hyphens."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def test_a_kill_between_edition_and_supersession_marks_what_was_released_once(
    played: Scene, tmp_path: Path
) -> None:
    """Guard: the event is accepted in the transaction that marks."""
    extract = played.released(formats=["csv"])
    other = played.released(periods=[MAY], formats=["csv"])
    until(played.all_heard, what="something was not heard")
    restart(played, "dissemination", KILL_AT="S1")

    assert played.submit(shortened(played, tmp_path)).state.lower() == "accepted"
    wait_killed(played, "dissemination")

    assert state_of(played, extract) == "released"
    restart(played, "dissemination")
    until(lambda: state_of(played, extract) == "superseded", what="it was never marked")
    assert times_superseded(played, extract) == 1
    assert played.csu.dissemination.extract(other.id).state.lower() == "released"
    target = tmp_path / "as-it-was.csv"
    played.csu.dissemination.download(extract.files[0].id, target)  # by the manifest's digest
    assert target.stat().st_size == extract.files[0].bytes


def test_a_kill_between_edition_and_supersession_of_several_groups_marks_all_their_files_once(
    played: Scene, tmp_path: Path
) -> None:
    """An edition of several tables is one, and so is the extract of its groups, a file each."""
    provider = played.stage.actor("provider-r0a").pseudonymisation

    def sent(people: int) -> None:
        tables = seen_by_mental_health(tmp_path / str(people), people)
        submission = provider.submit_tables("MHSDS", APRIL, tables)
        done = provider.wait(submission.id, timeout_seconds=120)
        assert done.state.lower() == "accepted", done

    sent(20)
    flow = Flow(
        data_set="MHSDS",
        fields={
            "Referrals.ReferralRequestReceivedDate": "month",
            "Care_Contacts.ConsType": "as_is",
        },
        first_month=APRIL,
        last_month=APRIL,
        reasons=("C",),
        sensitivity="SENSITIVE",
    )
    wanted = played.wanted(COMMISSIONER, CSU, flow)
    extract = played.released(
        agreement=played.stage.in_force(wanted, "Several groups"),
        data_set="MHSDS",
        fields=list(flow.fields),
        formats=["csv"],
    )
    assert [file.rows for file in extract.files] == [20, 20]
    until(played.all_heard, what="something was not heard")
    restart(played, "dissemination", KILL_AT="S1")

    sent(19)
    wait_killed(played, "dissemination")
    assert state_of(played, extract) == "released"
    restart(played, "dissemination")
    until(lambda: state_of(played, extract) == "superseded", what="it was never marked")

    assert times_superseded(played, extract) == 1
    for file in extract.files:
        target = tmp_path / str(file.id)
        played.csu.dissemination.download(file.id, target)  # by the manifest's digest
        assert target.stat().st_size == file.bytes


def state_of(played: Scene, extract: Extract) -> str:
    query = "SELECT state FROM extract WHERE id = ?"
    ((found,),) = played.rows("dissemination", query, str(extract.id).replace("-", ""))
    return str(found)


def times_superseded(played: Scene, extract: Extract) -> int:
    said = ("extract-superseded", f"extracts/{extract.id}")
    leaves = played.leaves("dissemination")
    return sum((leaf["action"], leaf["resource"]) == said for leaf in leaves)


def seen_by_mental_health(directory: Path, people: int) -> dict[str, Path]:
    """So many people, each referred and seen once, as three tables."""
    directory.mkdir()
    said: dict[str, list[dict[str, str]]] = {
        name: [] for name in ("MHS001MPI", "MHS101Referral", "MHS201CareContact")
    }
    for number in range(people):
        who, referral = {"LocalPatientID": f"P{number}"}, {"UniqServReqID": f"R{number}"}
        said["MHS001MPI"].append(who | {"OrgIDProv": "R0A", "NHSNumberStatus": "07"})
        referred = {"OrgIDComm": COMMISSIONER, "ReferralRequestReceivedDate": f"{APRIL}-02"}
        said["MHS101Referral"].append(who | referral | referred)
        met = {"UniqCareContID": f"C{number}", "CareContDate": f"{APRIL}-20", "ConsType": "01"}
        said["MHS201CareContact"].append(referral | met)
    return tables_of("MHSDS", said, "ReportingPeriodStartDate", directory)


def shortened(played: Scene, directory: Path) -> Path:
    """April again, without its last record."""
    target = directory / f"{APRIL}.csv"
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows[:-1])
    return target
