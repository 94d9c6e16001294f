"""Every data set of the catalogue over the four services: what left is what an oracle says.

One agreement has a line for each. A provider's file is made, sent and landed; all columns of the
line are asked for as Parquet and as CSV, fetched, opened with DuckDB and with pandas, and compared
row by row with `tests.expecting`, down to the token of a person: the oracle makes it of the haven's
own keys, one record at a time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

import catalogue
from catalogue import Cap, Treatment, Wanted
from catalogue.relations import split
from dsfc_cli.demo.answers import REASON
from dsfc_cli.demo.chapters.data_sets import Walk
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.main import app
from dsfc_cli.synthetic import Planted, generate, generate_tables
from dsfc_cli.synthetic.world import write_deciles
from dsfc_client import Extract, Problem, Submission
from tests.expecting import Asked, Expected, known_of
from tests.flattening import Kept, Sent, as_its_tables_say, rows_of
from tests.running import CSU, DEADLINE_SECONDS, PROVIDER, Scene, scene

pytestmark = [pytest.mark.xdist_group("every-data-set"), pytest.mark.timeout(300)]

KNOWN: Final = catalogue.load()
QUICK: Final = ("GPW", "SUS_APC")
"""Of staff, about no patient; and of patients, who are a commissioner's by each of four letters."""
NAMES: Final = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.long)
    for name in sorted({data_set.data_set for data_set in KNOWN if not data_set.tables})
    if not KNOWN.is_by_token(name, date(2019, 6, 1))
]
"""But what comes by token, which is sent by nobody as a file: `test_people.py`."""
SEVERAL: Final = [
    pytest.param(name, marks=() if name == "MSDS" else pytest.mark.long)
    for name in sorted({data_set.data_set for data_set in KNOWN if data_set.tables} - {"CYPHS"})
]
"""Sent as several tables. CYPHS was until 2017, and has the tables of CSDS."""
ROWS, BAD_ROWS = 120, 5
Columns = Mapping[str, Treatment]


@dataclass(frozen=True)
class House:
    """The four services, with an agreement that has a line for each data set."""

    scene: Scene
    reference: str
    walks: Mapping[str, Walk]
    columns: Mapping[str, Columns]
    directory: Path


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[House]:
    """With a line for each data set that is asked for in this run."""
    names = {
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    }
    directory = tmp_path_factory.mktemp("data-sets")
    with scene(tmp_path_factory, "every-data-set") as running:
        walks = {name: walk_of(name) for name in sorted(names)}
        columns = lines_of(walks, running.stage.today)
        deciles = write_deciles(running.world, directory / "deciles.csv")
        running.stage.actor("body-reference-data").agreements.import_map(
            deciles, "deprivation", "2015-09-30"
        )
        publisher = running.stage.actor("body-register").agreements
        for walk in walks.values():
            if walk.data_set.publication_gate:
                said = {"data_set": walk.name, "period": walk.month}
                publisher.post(
                    "/v1/publications", said | {"published_on": running.stage.today.isoformat()}
                )
        flows = [
            replace(
                walk.flow,
                fields={n: t.value for n, t in columns[name].items()},
                sensitivity="SENSITIVE",
            )
            for name, walk in walks.items()
        ]
        reference = running.stage.in_force(
            running.wanted(COMMISSIONER, CSU, *flows), "Every data set"
        )
        yield House(running, reference, walks, columns, directory)


def walk_of(name: str) -> Walk:
    """The month of which it is asked: one of which nothing was landed before."""
    data_set = KNOWN.get(name)
    if data_set.periods.earliest > "2018-06":
        return Walk(data_set, "2021-06", "2021-06", date(2021, 6, 1), date(2021, 6, 30))
    if data_set.periods.unit == "week":
        return Walk(data_set, "2018-W23", "2018-06", date(2018, 6, 4), date(2018, 6, 10))
    return Walk(data_set, "2018-06", "2018-06", date(2018, 6, 1), date(2018, 6, 30))


def lines_of(walks: Mapping[str, Walk], today: date) -> dict[str, dict[str, Treatment]]:
    """Every column that may be on its line beside all others of the agreement.

    Which is withheld for which other's sake is held by the tests of caps.
    """
    caps = catalogue.caps()
    found: dict[str, dict[str, Treatment]] = {name: {} for name in walks}
    for name, walk in walks.items():
        for column, made in walk.data_set.releasables.items():
            forms = [form for form in made.treatments if form is not Treatment.IDENTIFIED]
            if not forms or is_barred(walk, column, today):
                continue
            tried = found | {name: found[name] | {column: forms[0]}}
            shown = [s for n, c in tried.items() for s in catalogue.shown(KNOWN.get(n), c)]
            if all(done.cap is Cap.CAPPED for done in caps.on_columns(shown)):
                found = tried
    return found


def is_barred(walk: Walk, column: str, today: date) -> bool:
    """Whether a rule of use keeps a column from a commissioner who links nothing."""
    wanted = Wanted(
        data_set=walk.name,
        purpose=walk.flow.purpose,
        identifiable=False,
        route="not_identifiable",
        population="own",
        recipients={COMMISSIONER: "CCG"},
        fields={column: REASON},
        linked_with=frozenset(),
    )
    return any(catalogue.uses().misuses(wanted, today))


@pytest.mark.parametrize("name", NAMES)
def test_what_left_of_a_data_set_is_what_its_file_says(house: House, name: str) -> None:
    walk, columns = house.walks[name], house.columns[name]
    file, planted = sent_file(house, walk)
    submission = submitted(house, walk, file, planted.left_out_at_source)
    extract = released(house, walk)
    files = {
        one.format: house.scene.csu.dissemination.download(
            one.id, house.directory / f"{name}-out.{one.format}"
        )
        for one in extract.files
    }
    manifest = house.scene.csu.dissemination.manifest(extract.files[0].id).manifest
    rules, _ = KNOWN.intake_of(walk.data_set, house.scene.stage.today)
    expected = Expected(
        haven := Kept(house.scene.state),
        known_of(house.scene.world, sites={}),
        walk.data_set,
        rules,
        edition=UUID((submission.model_extra or {})["edition_id"]),
        asked=Asked(
            columns=columns,
            codes=frozenset({COMMISSIONER}),
            reasons=walk.flow.reasons,
            domain_key=haven.key(f"domain/{manifest['domain'].removeprefix('sha256:')}"),
            domain_id=manifest["domain"],
            caps_years=True,
        ),
    )
    wanted = list(expected.rows(file.read_text("utf-8"), without=planted.bad_rows))

    found = duckdb.sql(f"FROM '{files['parquet']}'")
    assert found.columns == ["Token", "Reason_For_Access", *columns]
    assert 0 < len(wanted) <= ROWS - BAD_ROWS
    assert Counter(found.fetchall()) == Counter(wanted)
    opened_by_others(files, found.fetchall())
    if walk.data_set.refresh == "final_at_publication":
        with pytest.raises(Problem) as published:
            submitted(house, walk, file, planted.left_out_at_source)
        assert (published.value.status, published.value.code) == (409, "PERIOD_FINAL")


@pytest.mark.parametrize("name", SEVERAL)
def test_what_left_of_several_tables_is_what_their_files_say(house: House, name: str) -> None:
    """A file a group; a row of MSDS that names two people has the tokens of both."""
    walk, columns = house.walks[name], house.columns[name]
    files = generate_tables(
        walk.data_set,
        rows=ROWS,
        seed=7,
        first=walk.first,
        last=walk.last,
        world=house.scene.world,
        directory=house.directory / name,
    )
    submission = (by_command if name == "IAPT" else by_client)(house, walk, files)
    assert submission.state.lower() == "accepted", submission
    extract = released(house, walk)
    sent = {t: rows_of(f.read_text("utf-8"), walk.data_set, t) for t, f in files.items()}
    found = as_its_tables_say(
        house.scene,
        extract,
        Sent(
            data_set=walk.data_set,
            known=KNOWN,
            tables=sent,
            edition=UUID((submission.model_extra or {})["edition_id"]),
        ),
        columns=columns,
        reasons=walk.flow.reasons,
        directory=house.directory,
    )
    assert set(found) == {split(one)[0] for one in columns}


def by_client(house: House, walk: Walk, files: Mapping[str, Path]) -> Submission:
    haven = house.scene.stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    opened = haven.submit_tables(walk.name, walk.sent, files)
    return haven.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)


def by_command(house: House, walk: Walk, files: Mapping[str, Path]) -> Submission:
    tables = [f"--table={table}={file}" for table, file in files.items()]
    where = ["--directory", str(house.scene.state), "--period", walk.sent]
    where += ["--as", f"provider-{PROVIDER.lower()}", "--json"]
    for service in ("issuer", "pseudonymisation"):
        where += [f"--{service}", house.scene.suite.urls[service]]
    told = CliRunner().invoke(app, ["submit", walk.name, *tables, *where])
    assert told.exit_code == 0, told.output
    return Submission.model_validate_json(told.stdout)


def sent_file(house: House, walk: Walk) -> tuple[Path, Planted]:
    """A provider's file, and what is wrong with it."""
    file = house.directory / f"{walk.name}.csv"
    planted = generate(
        walk.name,
        rows=ROWS,
        seed=7,
        first=walk.data_set.periods.first_day(walk.first),
        last=walk.last,
        world=house.scene.world,
        path=file,
        bad_rows=BAD_ROWS,
        on=house.scene.stage.today,
    )
    assert len(planted.bad_rows) == BAD_ROWS
    return file, planted


def submitted(house: House, walk: Walk, file: Path, left_out: int | None) -> Submission:
    haven = house.scene.stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    opened = haven.submit(walk.name, walk.sent, file, left_out_at_source=left_out)
    done = haven.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)
    assert done.state.lower() == "accepted", done
    return done


def released(house: House, walk: Walk) -> Extract:
    return house.scene.released(
        agreement=house.reference,
        purpose=walk.flow.purpose,
        data_set=walk.name,
        periods=[walk.month],
        fields=list(house.columns[walk.name]),
        formats=["csv", "parquet"],
    )


def opened_by_others(files: Mapping[str, Path], rows: list[tuple[object, ...]]) -> None:
    """pandas reads of both files what DuckDB reads of the one."""
    columns = duckdb.sql(f"FROM '{files['parquet']}'").columns
    frame = pd.read_parquet(files["parquet"])
    text = pd.read_csv(files["csv"], dtype=str, keep_default_na=False)
    as_text = duckdb.sql(
        f"FROM read_csv('{files['csv']}', all_varchar = true, nullstr = '\1')"
    ).fetchall()
    assert list(frame.columns) == list(text.columns) == columns
    assert [tuple(row) for row in text.itertuples(index=False)] == as_text
    printed = duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM '{files['parquet']}'").fetchall()
    for told, row, cells in zip(as_text, rows, printed, strict=True):
        assert told == tuple(map(as_in_csv, row, cells))


def as_in_csv(value: object, printed: str | None) -> str:
    """A text that a spreadsheet would take for a formula has an apostrophe before it."""
    is_formula = isinstance(value, str) and value[:1] in {*"=+-@\t\r"} - {""}
    return f"'{printed}" if is_formula else printed or ""
