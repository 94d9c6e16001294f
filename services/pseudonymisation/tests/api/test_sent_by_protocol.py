"""Each data set that a provider sends by protocol is sent so, in files as `dsfc generate` makes."""

from dataclasses import replace
from datetime import date

import pytest

import catalogue
from catalogue import Protocol
from dsfc_cli.synthetic import World, generate
from services.pseudonymisation.tests.submitting import Intake

ROWS, SEED = 40, 5
GROUPS = {"SUS_APC": "010", "SUS_OP": "060", "SUS_AE": "140", "ECDS": "140"}
BY_PROTOCOL = sorted(
    {r.data_set for r in catalogue.load().landing_rules if r.protocols and r.protocols.net_change}
)


@pytest.fixture(scope="module")
def world() -> World:
    """One provider's people: whose activity it sends is its own."""
    made = World.create(people=60, seed=SEED)
    return replace(made, providers=("RR8",) * len(made.providers))


def file(
    intake: Intake,
    world: World,
    name: str,
    *,
    how: Protocol = Protocol.WHOLE_PERIOD,
    rows: int = ROWS,
) -> bytes:
    path = intake.directory / f"{name}-{how}.csv"
    generate(
        name,
        rows=rows,
        seed=SEED,
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        world=world,
        path=path,
        on=date(2018, 6, 1),
        protocol=how,
    )
    return path.read_bytes()


def test_all_that_are_collected_as_commissioning_data_sets_are_sent_by_protocol() -> None:
    assert sorted(GROUPS) == BY_PROTOCOL


@pytest.mark.parametrize("name", BY_PROTOCOL)
def test_a_change_replaces_and_takes_back_records_of_a_month(
    intake: Intake, world: World, name: str
) -> None:
    whole = intake.submit(file(intake, world, name), data_set=name)
    assert whole["state"] == "accepted", whole

    sent = intake.submit(
        file(intake, world, name, how=Protocol.NET_CHANGE), data_set=name, protocol="net_change"
    )

    assert sent["state"] == "accepted", sent
    totals = intake.get(f"/v1/submissions/{sent['id']}/report").json()["totals"]
    assert [totals[n] for n in ("inserted", "replaced", "deleted", "ignored", "quarantined")] == [
        0,
        ROWS - 2,
        2,
        0,
        0,
    ]
    assert len(intake.landed(sent["edition_id"])) == ROWS - 2


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_part_is_replaced_in_bulk(intake: Intake, world: World, name: str) -> None:
    part = {"data_set": name, "protocol": "bulk", "recipient": "02P", "group": GROUPS[name]}

    first = intake.submit(file(intake, world, name), **part)
    again = intake.submit(file(intake, world, name, rows=ROWS - 1), **part)

    assert (first["state"], again["state"]) == ("accepted", "accepted"), (first, again)
    kept = intake.get(f"/v1/editions/{again['edition_id']}").json()
    assert (kept["number"], kept["rows"], kept["group"]) == (2, ROWS - 1, GROUPS[name])
    old = intake.get(f"/v1/editions/{first['edition_id']}").json()
    assert old["superseded_by"] == again["edition_id"]
    wrong = intake.open(**part | {"group": "150"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "BULK_PART_INVALID")
