"""Contract monitoring as `dsfc generate` makes it: what is planted is told, and nothing else."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dsfc_cli.synthetic import World, aggregate, generate
from services.pseudonymisation.tests.submitting import Intake

PARTS = ("PLCM", "DRPLCM", "DEPLCM")
FIRST, LAST, ROWS = date(2018, 4, 1), date(2018, 4, 30), 60


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    made = World.create(people=60, seed=5)
    world = replace(made, providers=("RR8",) * len(made.providers))
    directory = tmp_path_factory.mktemp("contracts")
    files = {name: directory / f"{name}.csv" for name in PARTS}
    for seed, (name, path) in enumerate(files.items()):
        given = {"rows": ROWS, "seed": seed, "first": FIRST, "last": LAST, "world": world}
        generate(name, path=path, on=LAST, **given)
    return files


def sent(intake: Intake, parts, **said) -> tuple[list[dict], list[dict]]:
    """Send all four; return what is planted in the aggregate, and what is told of it."""
    for name, path in parts.items():
        done = intake.submit(path.read_bytes(), data_set=name)
        assert done["state"] == "accepted", done
    path = intake.directory / "ACM.csv"
    planted = aggregate("ACM", parts, path=path, on=LAST, **said)
    done = intake.submit(path.read_bytes(), data_set="ACM")
    assert done["state"] == "accepted", done
    report = intake.get(f"/v1/submissions/{done['id']}/report").json()
    return planted.disagreements, report["differences"]


def test_sums_that_are_made_of_the_parts_agree_with_them(intake, parts):
    planted, told = sent(intake, parts)

    assert planted == []
    assert told == []


def test_what_is_planted_is_told_by_its_key_and_nothing_else(intake, parts):
    planted, told = sent(intake, parts, disagreeing=3)

    assert len(planted) == 3
    by_key = [one for one in told if one["key"]]
    assert sorted(map(said_of, by_key)) == sorted(
        (
            one["ORGANISATION_IDENTIFIER_COMMISSIONER"],
            one["POINT_OF_DELIVERY_CODE"],
            one["measure"],
            one["month"],
            Decimal(one["patient_level"]),
            Decimal(one["aggregate"]),
        )
        for one in planted
    )


def said_of(one: dict) -> tuple[object, ...]:
    """A key that a row does not have is null in the report, and empty in a file."""
    key = [value or "" for value in one["key"].values()]
    sums = (Decimal(one["patient_level"]), Decimal(one["aggregate"]))
    return (*key, one["measure"], one["month"], *sums)
