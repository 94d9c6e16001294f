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

from dsfc_client import DsfcError
from tests.books import released_once
from tests.faults.test_kill_points import restart, wait_killed
from tests.running import APRIL, MAY, Scene, scene, until

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

    def state() -> str:
        query = "SELECT state FROM extract WHERE id = ?"
        ((found,),) = played.rows("dissemination", query, str(extract.id).replace("-", ""))
        return str(found)

    assert state() == "released"
    restart(played, "dissemination")
    until(lambda: state() == "superseded", what="it was never marked")
    leaves = [
        leaf
        for leaf in played.leaves("dissemination")
        if (leaf["action"], leaf["resource"]) == ("extract-superseded", f"extracts/{extract.id}")
    ]
    assert len(leaves) == 1
    assert played.csu.dissemination.extract(other.id).state.lower() == "released"
    target = tmp_path / "as-it-was.csv"
    played.csu.dissemination.download(extract.files[0].id, target)  # by the manifest's digest
    assert target.stat().st_size == extract.files[0].bytes


def shortened(played: Scene, directory: Path) -> Path:
    """April again, without its last record."""
    target = directory / f"{APRIL}.csv"
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows[:-1])
    return target
