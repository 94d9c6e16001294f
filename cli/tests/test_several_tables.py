"""Tables made for one another: every row belongs to rows that are there, of the same people."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

import catalogue
from catalogue import Catalogue, DataSet, Treatment
from catalogue.flows import example, read_flow
from catalogue.periods import added
from catalogue.relations import split
from catalogue.relations.counting import countable
from cli.tests.test_every_data_set import (
    CODES,
    DOMAIN,
    EDITION,
    FIRST,
    LAST,
    LIMITS,
    PAIRS,
    TODAY,
    Place,
    place,
    place_of,
    plan,
    tells_no_order,
)
from dsfc_cli.synthetic import World, generate, generate_tables
from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.engine.session import add_keys, sealed_parquet
from pseudonymisation.intake.adapters.landing.judged.statement import DatedMap, LandingTask
from pseudonymisation.intake.adapters.landing.landing import LandingResources
from pseudonymisation.intake.adapters.landing.layout import GROUP
from pseudonymisation.intake.adapters.landing.related import landing
from pseudonymisation.intake.domain.quality import LandingOutcome
from pseudonymisation.preparations.adapters.extract_engine import of_group, other_of
from pseudonymisation.preparations.adapters.filters import conditions
from pseudonymisation.preparations.adapters.preparation import prepare
from pseudonymisation.preparations.adapters.tables.related import related
from pseudonymisation.preparations.domain.groups import filters_of
from statements.filters import Filters
from tests.expecting import Asked, known_of
from tests.flattening import ExpectedOfGroup, Tables
from tests.flattening import rows_of as rows_of_table

__all__ = ["place"]

PEOPLE = 12
KNOWN = catalogue.load()
CSDS = KNOWN.get("CSDS")
ROWS = 60
RELATIONAL = sorted({data_set.data_set for data_set in KNOWN if data_set.tables} - {"CYPHS"})
"""CYPHS has the tables of CSDS under another name."""
ONE_A_PERSON = {"Mothers", "Patients", "Babies"}
"""Groups of which there is a row for each person of the world, or of those that are born in it."""


@pytest.fixture(scope="module")
def made(place: Place) -> dict[str, Path]:
    return make(place, CSDS)


def make(place: Place, data_set: DataSet, on: date = FIRST) -> dict[str, Path]:
    return generate_tables(
        data_set,
        rows=ROWS,
        seed=5,
        first=on,
        last=last_of(on),
        world=place.world,
        directory=place.directory / f"{data_set.data_set}-{data_set.digest[-8:]}",
    )


def last_of(first: date) -> date:
    """The last day of the month."""
    return added(first, 1) - timedelta(days=1)


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


def land(
    place: Place, data_set: DataSet, made: dict[str, Path], known: Catalogue, on: date
) -> tuple[Path, LandingOutcome]:
    rules, whole = known.intake_of(data_set, TODAY)
    objects = DirectoryObjects(place.haven.directory)
    own = data_set.digest[-8:]
    tasks = {}
    for name, path in made.items():
        content = path.read_bytes()
        key = f"uploads/{own}/{name.lower()}"
        with objects.writer(key, place.haven.key(key)) as writer:
            writer.write(content)
        view = whole.by_table[name]
        tasks[name] = LandingTask(
            data_set=rules.of_table(view).taken_in(view),
            rules=rules.of_table(view),
            header=content.partition(b"\n")[0].decode(),
            first=on,
            last=last_of(on),
            today=max(TODAY, added(on, 12)),
            provider=place.world.providers[0],
            providers=frozenset(place.world.providers),
            edition_id=EDITION,
            attempt=own,
            content_key=key,
            quarantine_key=f"quarantine/{own}/{name.lower()}",
            object_key=f"editions/{own}.parquet",
            practice_map=place.practices,
            postcode_map=place.postcodes,
            organisation_map=place.organisations,
            deprivation_maps=(DatedMap(FIRST, place.deciles),),
        )
    outcome = landing.land(
        landing.TablesTask(data_set=whole, tables=tasks, object_key=f"editions/{own}.parquet"),
        LandingResources(
            objects=objects, key=place.haven.key, scratch=place.directory, limits=LIMITS
        ),
    )
    return objects.path(f"editions/{own}.parquet"), outcome


def goes_through(
    place: Place,
    data_set: DataSet,
    known: Catalogue,
    on: date,
    linked: tuple[str, ...] = (),
    pairs: dict[str, int] | None = None,
    filters: Filters = (),
    chosen: Callable[[Tables], Tables] = lambda sent: sent,
) -> dict[str, int]:
    """From generated tables to an extract of each group, compared row by row with the oracle.

    Filters give what tables have of which just the `chosen` rows were sent. `pairs` is told of each
    group how many rows of one person stand side by side.
    """
    made = make(place, data_set, on)
    edition, outcome = land(place, data_set, made, known, on)
    rules, _ = known.intake_of(data_set, TODAY)

    assert outcome.quarantined == 0, outcome.reasons
    assert not list(place.directory.glob("*.tables"))
    sent = chosen(
        {name: rows_of_table(path.read_text(), data_set, name) for name, path in made.items()}
    )
    assert lines_of(place, edition) == (0, len(data_set.groups))
    counts = {}
    for group in data_set.groups:
        view = data_set.by_group[group.group]
        columns = columns_of(data_set, group.group)
        target = extract(place, data_set, known, edition, group.group, on, linked, filters)
        released = duckdb.sql(f"SELECT * FROM '{target}'").fetchall()
        expected = ExpectedOfGroup(
            place.haven,
            known_of(place.world, sites={f"{p}01": p for p in place.world.providers}),
            view,
            rules.of_table(view),
            edition=EDITION,
            asked=Asked(
                columns=columns,
                codes=CODES,
                domain_key=place.haven.key("domain/1"),
                domain_id=DOMAIN,
            ),
        )
        expected.is_linked = bool(linked)
        wanted = [*expected.of(group, data_set, sent)]
        if view.is_about_nobody:
            wanted = [row[1:] for row in wanted]
        left, right = Counter(released), Counter(wanted)
        assert [*(left - right)] == [*(right - left)], group.group
        assert wanted, group.group
        ordered = tells_no_order(released, wanted, has_token=not view.is_about_nobody)
        if pairs is not None:
            pairs[group.group] = ordered
        counts[group.group] = len(released)
        assert set(columns.values()) >= {Treatment.AS_IS}
    return counts


def lines_of(place: Place, edition: Path) -> tuple[int, int]:
    """Count lines that rows of two groups have, and the groups.

    A row's place among its person's is made of its line: where two groups had the same ones, the
    n-th activity would stand where the n-th referral stands.
    """
    key_name = f"e{EDITION.hex}"
    with duckdb.connect() as connection:
        add_keys(connection, {key_name: place.haven.key(f"edition/{EDITION}")})
        rows = connection.sql(f"FROM {sealed_parquet(edition, key_name)}")
        # Of a birth an edition has ages and sealed words alone: guard of `passing.with_days`.
        assert not [name for name in rows.columns if name.endswith("__day")]
        found = connection.sql(
            f"SELECT count(*) - count(DISTINCT line), count(DISTINCT {GROUP})"
            f" FROM {sealed_parquet(edition, key_name)}"
        ).fetchone()
    assert found is not None
    return found


def columns_of(data_set: DataSet, group: str) -> dict[str, Treatment]:
    """Every column of a group that may leave, in the first of its forms."""
    return {
        split(name)[1]: one.treatments[0]
        for name, one in data_set.releasables.items()
        if split(name)[0] == group and one.treatments
    }


def extract(
    place: Place,
    data_set: DataSet,
    known: Catalogue,
    edition: Path,
    group: str,
    on: date,
    linked: tuple[str, ...] = (),
    filters: Filters = (),
) -> Path:
    """Prepare all columns of a group, of the rows that filters choose."""
    rules, _ = known.intake_of(data_set, TODAY)
    view, chosen = data_set.by_group[group], filters_of(group, filters, data_set)
    target = place.directory / f"{data_set.digest[-8:]}-{group}.parquet"
    prepare(
        replace(
            plan(place.haven, view, rules.of_table(view), edition, columns_of(data_set, group)),
            periods=(f"{on:%Y-%m}",),
            conditions=(*conditions(chosen, countable(data_set, group), {}), *of_group(group)),
            related=related(data_set, group, {one.column for one in chosen}),
            has_token=not view.is_about_nobody,
            other=other_of(view, (data_set.data_set, *linked)),
        ),
        target=target,
        scratch=place.directory,
        limits=LIMITS,
        report=lambda *_: None,
    )
    return target


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """So few people that each has several rows in every group that can have several."""
    return place_of(tmp_path_factory.mktemp("few"), people=PEOPLE)


@pytest.mark.parametrize("name", RELATIONAL)
def test_each_group_is_what_an_oracle_makes_of_its_tables(few: Place, name: str) -> None:
    """And its rows stand otherwise than they were sent, and than those of any other group.

    Guards: `_Extract._tie_break`; `_Flattened.rows`, which says of each line whose group's it is.
    """
    data_set = KNOWN.get(name)
    on = max(FIRST, date.fromisoformat(f"{data_set.periods.earliest}-01"))

    pairs: dict[str, int] = {}

    counts = goes_through(few, data_set, KNOWN, on, pairs=pairs)

    assert all(0 < count < ROWS * 3 for count in counts.values()), counts
    assert all(pairs[one] >= PAIRS or one in ONE_A_PERSON for one in pairs), pairs


def test_a_local_flow_of_tables_goes_from_files_to_extracts(place: Place) -> None:
    """The layout to begin with, which no service has built in."""
    flow = read_flow(example(of_tables=True)).data_set
    known = Catalogue((*KNOWN.data_sets, flow), KNOWN.landing_rules)

    counts = goes_through(place, flow, known, FIRST)

    assert set(counts) == {"Mothers", "Visits", "Babies"}


def test_a_second_persons_token_is_a_persons_where_data_sets_are_linked(place: Place) -> None:
    """Guard: `other_of`; in a domain of one data set it is of a kind of its own."""
    on = date(2019, 4, 1)

    counts = goes_through(place, KNOWN.get("MSDS"), KNOWN, on, linked=("SUS_APC",))

    assert counts["Babies"]
