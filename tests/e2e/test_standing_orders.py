"""A standing order over four processes: three months, of which one was held."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER, FIELDS
from dsfc_cli.main import app
from dsfc_cli.synthetic import generate
from dsfc_client import StandingOrder
from tests.books import released_once
from tests.faults.test_replicas import lift, set_hold
from tests.running import APRIL, CSU, DATA_SET, MAY, Scene, scene, until

pytestmark = [
    pytest.mark.xdist_group("standing-orders"),
    pytest.mark.timeout(300),
    pytest.mark.long,
]

JUNE = "2018-06"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene, under an agreement for three months."""
    with scene(tmp_path_factory, "standing-orders") as running:
        flow = Flow(data_set=DATA_SET, fields=FIELDS[DATA_SET], first_month=APRIL, last_month=JUNE)
        asked = running.wanted(COMMISSIONER, CSU, flow)
        yield replace(running, reference=running.stage.in_force(asked, "Three months"))


def shown(played: Scene, order: StandingOrder) -> dict[str, dict[str, Any]]:
    found = played.csu.dissemination.standing_order(order.id)
    return {one.month: one.model_dump(mode="json") for one in found.periods}


def becomes(played: Scene, order: StandingOrder, **wanted: str) -> dict[str, dict[str, Any]]:
    names = {"april": APRIL, "may": MAY, "june": JUNE}

    def look() -> dict[str, dict[str, Any]] | None:
        found = shown(played, order)
        states = {name: found.get(month, {}).get("state") for name, month in names.items()}
        return found if wanted.items() <= states.items() else None

    return until(look, what=f"{wanted}")


def calling(played: Scene) -> list[str]:
    """`dsfc orders`, as the CSU's own system."""
    where = ["orders", "--as", "csu-0df-analytics", "--directory", str(played.state)]
    for service in ("issuer", "dissemination"):
        where += [f"--{service}", played.suite.urls[service]]
    return where


def test_three_months_come_by_themselves_one_of_them_after_a_hold(
    played: Scene, tmp_path: Path
) -> None:
    body = played.body(formats=["parquet"])
    del body["periods"]
    order = played.csu.dissemination.place_order(
        body | {"when": "landed", "from": APRIL, "until": JUNE}
    )
    becomes(played, order, april="released", may="released")

    hold = set_hold(played)
    june = tmp_path / "june.csv"
    generate(
        DATA_SET,
        rows=500,
        seed=6,
        first=date(2018, 6, 1),
        last=date(2018, 6, 30),
        world=played.world,
        path=june,
    )
    assert played.submit(june, period=JUNE).state.lower() == "accepted"
    skipped = becomes(played, order, june="skipped")[JUNE]
    assert [one["code"] for one in skipped["refusals"]] == ["BREACH_OPEN"]
    assert skipped["extract_id"] is None

    lift(played, hold)
    periods = becomes(played, order, april="released", may="released", june="released")

    ended = until(
        lambda: (o := played.csu.dissemination.standing_order(order.id)).state == "ended" and o
    )
    assert ended.ended == {"code": "ALL_PERIODS_RELEASED", "at": ended.ended["at"]}
    extracts = [played.csu.dissemination.extract(one["extract_id"]) for one in periods.values()]
    assert [list(one.periods) for one in extracts] == [[APRIL], [MAY], [JUNE]]
    assert len({one.decision_id for one in extracts}) == 3
    for extract in extracts:
        (file,) = extract.files
        released_once(played, str(file.id))
    told = CliRunner().invoke(app, [*calling(played), "show", str(order.id), "--json"])
    assert told.exit_code == 0, told.output
    assert [one["state"] for one in json.loads(told.output)["periods"]] == ["released"] * 3
    ended_twice = CliRunner().invoke(app, [*calling(played), "end", str(order.id)])
    assert (ended_twice.exit_code, "TRANSITION_REFUSED" in ended_twice.output) == (1, True)
    lines = played.csu.dissemination.register()
    assert len([one for one in lines if one.reference == played.reference]) == 3
