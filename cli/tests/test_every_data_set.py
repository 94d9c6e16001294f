"""Every data set that the catalogue has: made, landed, prepared, and compared row by row.

Those of several tables go through in `test_several_tables.py`, here and in pseudonymisation.
What an extract must hold is said by `tests.expecting`; what leaves through the services is compared
in `tests/e2e/test_every_data_set.py`.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import pytest

import catalogue
from catalogue import Catalogue, DataSet, LandingRules, Treatment
from catalogue.flows import example, read_flow
from dsfc_cli.synthetic import World, generate
from dsfc_cli.synthetic.world import write_deciles
from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.judged.statement import DatedMap, LandingTask
from pseudonymisation.intake.adapters.landing.layout import left_out
from pseudonymisation.preparations.adapters.filters import conditions
from pseudonymisation.preparations.adapters.gathering import gathered
from pseudonymisation.preparations.adapters.plan import ExtractColumn, ExtractKeys, Plan, Source
from pseudonymisation.preparations.adapters.preparation import prepare, write_csv
from services.pseudonymisation.tests.landed import LIMITS, Haven
from statements.filters import RowFilter
from tests.expecting import Asked, Expected, known_of

KNOWN = catalogue.load()
QUICK = ("ACM", "ECDS", "SHMI")
"""About nobody; with much that is particular; known by no number, in an edition."""
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.long)
    for name in sorted({data_set.data_set for data_set in KNOWN if not data_set.tables})
]
FIRST, LAST, TODAY = date(2018, 4, 1), date(2018, 4, 30), date(2019, 6, 1)
EDITION = UUID(int=7)
DOMAIN = "sha256:" + "5" * 64
CODE, COUNTY = "02P", "E10000029"
CODES = frozenset({CODE, COUNTY})
"""A commissioner, and a county for the residents of its districts (ruling 30)."""
ROWS, BAD_ROWS = 80, 5


class FixedHaven(Haven):
    """The same keys in every run, so that rows always stand in the same order."""

    def key(self, name: str) -> bytes:
        return hashlib.sha256(name.encode()).digest()


@dataclass
class Place:
    """A world, the maps of its organisations, and a haven."""

    directory: Path
    world: World
    haven: Haven
    practices: Path
    postcodes: Path
    organisations: Path
    deciles: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place_of(tmp_path_factory.mktemp("place"), people=50)


def place_of(directory: Path, *, people: int) -> Place:
    """So many people, of whom the rows are."""
    world = World.create(people=people, seed=3)
    practices, postcodes = world.write_maps(directory)
    codes = [(f"{p}01", p) for p in world.providers] + [(p, p) for p in world.providers]
    organisations = directory / "organisations.csv"
    lines = [f"{code},{entity},,open" for code, entity in sorted(codes)]
    organisations.write_text("\n".join(["code,entity,meaning,standing", *lines, ""]))
    (directory / "haven").mkdir()
    haven = FixedHaven(directory / "haven")
    deciles = write_deciles(world, directory / "deciles.csv")
    return Place(directory, world, haven, practices, postcodes, organisations, deciles)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the rows that are made in columns: the oracle is to judge these as well."""
    counts: Counter[str] = Counter()
    sort = landing.sorted_out

    def counted(*given: Any) -> Any:
        for rows, rest in sort(*given):
            counts["rows"] += rows.num_rows if rows is not None else 0
            yield rows, rest

    monkeypatch.setattr(landing, "sorted_out", counted)
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_goes_from_a_generated_file_to_an_extract(
    place: Place, plain: Counter[str], name: str
) -> None:
    goes_through(place, KNOWN, name)

    assert plain["rows"] > ROWS // 4


def test_a_local_flow_goes_the_same_way(place: Place) -> None:
    flow = read_flow(example()).data_set

    goes_through(place, Catalogue((*KNOWN.data_sets, flow), KNOWN.landing_rules), flow.data_set)


def test_a_spell_is_several_episodes(place: Place) -> None:
    """Each episode tells how many the spell has in the month; asked by its place, one is there."""
    found = goes_through(place, KNOWN, "SUS_APC")
    names = ["Token", "Reason_For_Access", *columns_of(KNOWN.get("SUS_APC"))]
    at = [names.index(name) for name in ("Der_Spell_Episodes", "Der_Spell_Episode_Position")]

    told = Counter(tuple(row[place_of] for place_of in at) for row in found)

    assert set(told) == {(1, 1), (2, 1), (2, 2)}
    assert told[2, 1] == told[2, 2]


def columns_of(data_set: DataSet) -> dict[str, Treatment]:
    """Every column that may leave, in the first of its forms."""
    return {
        column: made.treatments[0]
        for column, made in data_set.releasables.items()
        if made.treatments
    }


def goes_through(place: Place, known: Catalogue, name: str) -> list[tuple[Any, ...]]:
    """From a generated file to extracts with and without filters, compared with the oracle."""
    data_set = known.get(name)
    rules, as_read = known.intake_of(data_set, TODAY)
    file = place.directory / f"{name}.csv"
    planted = generate(
        name,
        rows=ROWS,
        seed=5,
        first=FIRST,
        last=LAST,
        world=place.world,
        path=file,
        bad_rows=BAD_ROWS,
        on=TODAY,
        known=known,
    )

    landed, outcome = land(place, as_read, rules, file.read_bytes())

    assert {entry.line for entry in outcome.entries} == set(planted.bad_rows), outcome.reasons
    assert (outcome.landed, outcome.quarantined) == (ROWS - BAD_ROWS, BAD_ROWS)
    columns = columns_of(data_set)
    target = place.directory / f"{name}.parquet"
    prepare(
        plan(place.haven, data_set, rules, landed, columns),
        target=target,
        scratch=place.directory,
        limits=LIMITS,
        report=lambda *_: None,
    )
    released = duckdb.sql(f"SELECT * FROM '{target}'").fetchall()
    expected = Expected(
        place.haven,
        known_of(place.world, sites={f"{p}01": p for p in place.world.providers}),
        data_set,
        rules,
        edition=EDITION,
        asked=Asked(
            columns=columns,
            codes=CODES,
            domain_key=place.haven.key("domain/1"),
            domain_id=DOMAIN,
        ),
    )
    wanted = list(expected.rows(file.read_text(), without=planted.bad_rows))
    assert 0 < len(wanted) <= ROWS
    assert Counter(released) == Counter(wanted)
    tells_no_order(released, wanted)
    opens_alike(target, released)
    for at, one in enumerate(some_filters(data_set, columns, wanted)):
        place_of = 2 + list(columns).index(one.column)
        prepare(
            replace(
                plan(place.haven, data_set, rules, landed, columns),
                conditions=conditions((one,), data_set, {}),
            ),
            target=target.with_suffix(f".{at}.parquet"),
            scratch=place.directory,
            limits=LIMITS,
            report=lambda *_: None,
        )
        found = duckdb.sql(f"SELECT * FROM '{target.with_suffix(f'.{at}.parquet')}'").fetchall()
        assert Counter(found) == Counter(
            row for row in wanted if passes(one, row[place_of], data_set)
        )
    return released


PAIRS = 8
"""Of rows of one person: so many that they are in the order of the file once in 256 domains."""


def tells_no_order(
    released: Sequence[tuple[Any, ...]], sent: Sequence[tuple[Any, ...]], *, has_token: bool = True
) -> int:
    """Hold that rows of one person stand otherwise than they were sent; return how many pairs did.

    `sent` are the same rows as the submission has them. The keys are the same in every run, so that
    this is true or false of the code, and never of the day.
    """
    places = defaultdict(list)
    for place_of_row, row in enumerate(sent):
        places[row].append(place_of_row)
    order = [(row[0] if has_token else None, places[row].pop(0)) for row in released]
    pairs = [(one, other) for (person, one), (same, other) in pairwise(order) if person == same]
    rising = sum(one < other for one, other in pairs)
    assert len(pairs) < PAIRS or 0 < rising < len(pairs)
    return len(pairs)


def opens_alike(file: Path, rows: list[tuple[Any, ...]]) -> None:
    """What pandas reads of a file, and of the same as CSV, is what DuckDB reads."""
    text = file.with_suffix(".csv")
    write_csv(file, target=text, scratch=file.parent, limits=LIMITS)
    columns = [name for name, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()]
    for read in (pd.read_parquet(file), pd.read_csv(text, dtype=str, keep_default_na=False)):
        assert list(read.columns) == columns
        assert len(read) == len(rows)
    assert list(pd.read_parquet(file)["Token"]) == [row[0] for row in rows]
    as_text = duckdb.sql(f"FROM read_csv('{text}', all_varchar = true)").fetchall()
    assert [row[0] for row in as_text] == [row[0] for row in rows]
    assert list(pd.read_csv(text, dtype=str)["Token"]) == [row[0] for row in rows]


def some_filters(data_set: DataSet, columns, wanted) -> list[RowFilter]:
    """One filter by codes and one by a number, which some rows pass, where it has such columns."""
    found: dict[bool, RowFilter] = {}
    for at, name in enumerate(columns, start=2):
        allowed = catalogue.filterable(data_set, name)
        values = sorted({row[at] for row in wanted} - {None})
        if allowed is None or len(values) < 2 or not isinstance(values[0], str | int):
            continue
        middle = values[len(values) // 2]
        one = (
            RowFilter(column=name, at_least=int(middle))
            if allowed.is_number
            else RowFilter(column=name, any_of=(str(middle), str(values[0])))
        )
        if allowed.problem(one.any_of, one.at_least, one.at_most) is None:
            found.setdefault(allowed.is_number, one)
    assert found
    return list(found.values())


def passes(one: RowFilter, value: Any, data_set: DataSet) -> bool:
    """Whether a row passes; of several codes in a cell one suffices."""
    if value is None:
        return False
    said = {field.name: field for field in data_set.fields}.get(one.column)
    if one.any_of and said is not None and said.separator is not None:
        return not set(value.split(said.separator)).isdisjoint(one.any_of)
    return value in one.any_of if one.any_of else value >= one.at_least


def land(place: Place, as_read: DataSet, rules: LandingRules, content: bytes):
    name = as_read.data_set
    objects = DirectoryObjects(place.haven.directory)
    key = f"uploads/{name}"
    with objects.writer(key, place.haven.key(key)) as writer:
        writer.write(content)
    object_key = f"editions/{name}.parquet"
    order = LandingTask(
        data_set=as_read,
        rules=rules,
        header=content.partition(b"\n")[0].decode(),
        first=as_read.periods.first_day(FIRST),
        last=LAST,
        today=TODAY,
        provider=place.world.providers[0],
        providers=frozenset(place.world.providers),
        edition_id=EDITION,
        attempt=name,
        content_key=key,
        quarantine_key=f"quarantine/{name}",
        object_key=object_key,
        practice_map=place.practices,
        postcode_map=place.postcodes,
        organisation_map=place.organisations,
        deprivation_maps=(DatedMap(date(2015, 9, 30), place.deciles),),
    )
    plane = landing.LandingResources(
        objects=objects, key=place.haven.key, scratch=place.directory, limits=LIMITS
    )
    outcome = landing.land(order, plane)
    return objects.path(object_key), outcome


def plan(
    haven: Haven, data_set: DataSet, rules: LandingRules, path: Path, columns: dict[str, Treatment]
) -> Plan:
    return Plan(
        editions=(Source(path, f"e{EDITION.hex}", haven.key(f"edition/{EDITION}")),),
        periods=("2018-04",),
        codes=tuple(sorted(CODES)),
        reasons=tuple(data_set.population),
        is_national=not data_set.population,
        columns=tuple(ExtractColumn(name, treatment) for name, treatment in columns.items()),
        opt_outs_apply=False,
        opted_out=(),
        cleared=(),
        domain_id=DOMAIN,
        keys=ExtractKeys(
            haven=haven.key("haven/nhs_number"),
            date_of_birth=haven.key("haven/date_of_birth"),
            postcode=haven.key("haven/postcode"),
            domain=haven.key("domain/1"),
            staff=haven.key("haven/staff"),
            identity={
                name: (haven.key(f"haven/{kind}"), haven.key(f"haven/{kind}_long"))
                for name, how in columns.items()
                if how is Treatment.IDENTIFIED and (kind := data_set.by_name[name].identifier)
            },
        ),
        nhs_number=data_set.person.nhs_number,
        date_of_birth=data_set.person.date_of_birth,
        postcode=data_set.person.postcode,
        layout=left_out(data_set, (), rules.controls),
        gathered=gathered(columns, data_set),
        record=RecordKey.of(rules, data_set),
    )
