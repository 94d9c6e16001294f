"""Tables made for one another: every row belongs to rows that are there, of the same people."""

import csv
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import catalogue
from catalogue import Treatment
from catalogue.relations import split
from cli.tests.test_every_data_set import (
    EDITION,
    FIRST,
    LAST,
    LIMITS,
    TODAY,
    Place,
    place,
    plan,
)
from dsfc_cli.synthetic import World, generate, generate_tables
from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.intake.adapters.landing.judged.statement import DatedMap, LandingTask
from pseudonymisation.intake.adapters.landing.landing import LandingResources
from pseudonymisation.intake.adapters.landing.related import landing
from pseudonymisation.intake.domain.quality import LandingOutcome
from pseudonymisation.preparations.adapters.extract_engine import of_group
from pseudonymisation.preparations.adapters.preparation import prepare

__all__ = ["place"]

CSDS = catalogue.load().get("CSDS")
ROWS = 60


@pytest.fixture(scope="module")
def made(place: Place) -> dict[str, Path]:
    return generate_tables(
        CSDS,
        rows=ROWS,
        seed=5,
        first=FIRST,
        last=LAST,
        world=place.world,
        directory=place.directory / "csds",
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_key_is_there_twice_and_every_row_belongs_to_one_that_is_there(
    made: dict[str, Path],
) -> None:
    rows = {name: rows_of(path) for name, path in made.items()}

    for table in CSDS.tables:
        keys = [tuple(row[name] for name in table.key) for row in rows[table.table]]
        assert len(keys) > ROWS // 2
        assert len(set(keys)) == len(keys) or not table.key
        for parent in table.parents:
            key = CSDS.relations.by_name[parent.table].key
            there = {tuple(row[name] for name in key) for row in rows[parent.table]}
            named = [tuple(row[name] for name in parent.by) for row in rows[table.table]]
            assert {one for one in named if any(one)} <= there
            assert all(map(any, named)) or not parent.needed


def test_the_same_seed_makes_the_same_bytes(place: Place, made: dict[str, Path]) -> None:
    again = generate_tables(
        CSDS,
        rows=ROWS,
        seed=5,
        first=FIRST,
        last=LAST,
        world=World.create(people=50, seed=3),
        directory=place.directory / "again",
    )

    assert {n: p.read_bytes() for n, p in again.items()} == {
        n: p.read_bytes() for n, p in made.items()
    }


def test_its_people_are_those_of_flat_data_sets(place: Place, made: dict[str, Path]) -> None:
    flat = place.directory / "flat.csv"
    generate(
        "ECDS", rows=400, seed=5, first=FIRST, last=LAST, world=place.world, path=flat, on=TODAY
    )

    people = {row["NHSNumber"]: row["DateOfBirth"] for row in rows_of(made["CYP001"])}
    others = {row["NHS_Number"]: row["Date_of_Birth"] for row in rows_of(flat)}

    both = people.keys() & others.keys()
    assert len(both) > len(people) // 2
    assert all(people[number] == others[number] for number in both)


def land(place: Place, made: dict[str, Path]) -> tuple[Path, LandingOutcome]:
    rules, whole = catalogue.load().intake_of(CSDS, TODAY)
    objects = DirectoryObjects(place.haven.directory)
    tasks = {}
    for name, path in made.items():
        content = path.read_bytes()
        key = f"uploads/csds/{name.lower()}"
        with objects.writer(key, place.haven.key(key)) as writer:
            writer.write(content)
        view = whole.by_table[name]
        tasks[name] = LandingTask(
            data_set=rules.of_table(view).taken_in(view),
            rules=rules.of_table(view),
            header=content.partition(b"\n")[0].decode(),
            first=FIRST,
            last=LAST,
            today=TODAY,
            provider=place.world.providers[0],
            providers=frozenset(place.world.providers),
            edition_id=EDITION,
            attempt="csds",
            content_key=key,
            quarantine_key=f"quarantine/csds/{name.lower()}",
            object_key="editions/csds.parquet",
            practice_map=place.practices,
            postcode_map=place.postcodes,
            organisation_map=place.organisations,
            deprivation_maps=(DatedMap(FIRST, place.deciles),),
        )
    outcome = landing.land(
        landing.TablesTask(data_set=whole, tables=tasks, object_key="editions/csds.parquet"),
        LandingResources(
            objects=objects, key=place.haven.key, scratch=place.directory, limits=LIMITS
        ),
    )
    return objects.path("editions/csds.parquet"), outcome


def test_what_is_made_is_landed_whole_and_each_group_has_a_row_for_each_of_its_tables(
    place: Place, made: dict[str, Path]
) -> None:
    edition, outcome = land(place, made)
    rules, _ = catalogue.load().intake_of(CSDS, TODAY)

    assert outcome.quarantined == 0, outcome.reasons
    assert not list(place.directory.glob("csds*.tables"))
    for group in CSDS.groups:
        view = CSDS.by_group[group.group]
        columns = {
            split(name)[1]: one.treatments[0]
            for name, one in CSDS.releasables.items()
            if split(name)[0] == group.group and one.treatments
        }
        target = place.directory / f"{group.group}.parquet"
        whole = plan(place.haven, view, rules.of_table(view), edition, columns)
        prepare(
            replace(
                whole,
                is_national=True,
                conditions=of_group(group.group),
                has_token=not view.is_about_nobody,
            ),
            target=target,
            scratch=place.directory,
            limits=LIMITS,
            report=lambda *_: None,
        )
        count = duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchone()
        assert count == (sum(len(rows_of(made[part.table])) for part in group.parts),)
        assert set(columns.values()) >= {Treatment.AS_IS}
