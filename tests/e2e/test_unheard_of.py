"""Data sets of which no line of code knows, over the four services, from submission to extract.

One is the layout of a hospital's spreadsheet of A&E attendances, with headers as people write them;
another is invented here: weeks, a delimiter and a list in a cell that no other data set has; and
one has three tables, of which a row names two people.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

import catalogue
from catalogue import Catalogue, Treatment
from cli.tests.test_invented_tables import CODES, invented
from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.main import app
from dsfc_cli.synthetic import generate_tables
from dsfc_client import Extract, Submission
from services.pseudonymisation.tests.integration.test_ae_layout import AE, ROW
from services.pseudonymisation.tests.integration.test_change_sets import oracle
from tests.books import released_once
from tests.flattening import Sent, as_its_tables_say, rows_of
from tests.running import (
    APRIL,
    CSU,
    DATA_SET,
    DAYS,
    DEADLINE_SECONDS,
    PROVIDER,
    Scene,
    scene,
    until,
)

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("unheard-of"), pytest.mark.timeout(300)]

WEEK = "2018-W16"
AE_COLUMNS = {
    "AGE": "as_is",
    "AGE_GROUP": "derived",
    "MINUTES": "as_is",
    "HOSPITAL": "as_is",
    "HOUR": "derived",
    "SEX": "as_is",
    "DAY": "derived",
}
INVENTED: Mapping[str, Any] = {
    "data_set": "HEARING_AIDS",
    "version": "1.0",
    "title": "Hearing aids that were lent",
    "description": "One record a loan.",
    "source": "this test",
    "valid_from": "2018-04-01",
    "grain": "loan",
    "sensitivity": "NON_SENSITIVE",
    "periods": {"unit": "week", "from": "2018-04", "field": "LENT"},
    "refresh": "replaced",
    "publication_gate": False,
    "disclosure_rule": "HES",
    "file": {"delimiter": "|"},
    "person": {"nhs_number": "NUMBER", "local_id": "KEY"},
    "population": {"G": {"source": "practice", "field": "SURGERY"}},
    "fields": [
        {"name": "KEY", "header": 'The "loan"', "class": "LI", "identifier": "local_patient",
         "mandatory": True, "treatments": ["pseudonym"]},
        {"name": "NUMBER", "header": "NHS no. (if known)", "class": "DI",
         "identifier": "nhs_number", "check": "nhs_number"},
        {"name": "LENT", "header": "Lent / on", "class": "QI", "type": "date", "mandatory": True,
         "treatments": ["month"]},
        {"name": "SURGERY", "header": "GP's code", "class": "ORG", "pattern": "[A-Z][0-9]{5}",
         "treatments": ["as_is"]},
        {"name": "EARS", "header": "Ear(s)", "class": "CLIN", "separator": "^",
         "codes": {"L": "left", "R": "right"}, "treatments": ["as_is"]},
        {"name": "COST", "header": "Cost, £", "class": "ADM", "type": "decimal", "minimum": 0,
         "maximum": 5000, "cap": 1000, "treatments": ["as_is"]},
    ],
    "derived": [
        {"name": "WEEKDAY", "type": "integer", "from": "LENT", "derivation": "weekday"},
        {"name": "DEAR", "from": "COST", "derivation": "band", "edges": [100, 500]},
    ],
}  # fmt: skip
RELATED = invented([CODES], [CODES], [CODES])
"""People, what belongs to them, and whom that has brought into the world."""
GROUPS: Mapping[str, Mapping[str, str]] = {
    "People": {"WHO": "pseudonym", "P0": "as_is"},
    "Events": {"WHO": "pseudonym", "EVENT": "pseudonym", "E0": "as_is"},
    "Both": {"OTHER_NUM": "pseudonym", "EVENT": "pseudonym", "E0": "as_is", "O0": "as_is"},
}
OF_GROUPS = {f"{group}.{name}": how for group, own in GROUPS.items() for name, how in own.items()}
KEYS = {
    "People": ["Token", "People.WHO"],
    "Events": ["Token", "Events.EVENT"],
    "Both": ["Token"],
}
"""By what a record of each is known: the key of the second people's table is not asked for."""
LOANS = {"LENT": "month", "EARS": "as_is", "COST": "as_is", "WEEKDAY": "derived", "DEAR": "derived"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An agreement with a line for each, in services that have two files more, and no code."""
    folder = tmp_path_factory.mktemp("more")
    (folder / "AE_LOCAL-1.0.yaml").write_text(AE, "utf-8")
    (folder / "HEARING_AIDS-1.0.yaml").write_text(
        yaml.safe_dump(dict(INVENTED), sort_keys=False, allow_unicode=True), "utf-8"
    )
    (folder / "INVENTED-1.0.yaml").write_text(yaml.safe_dump(RELATED, sort_keys=False), "utf-8")
    for file in folder.iterdir():
        assert [str(problem) for problem in catalogue.check(file)] == []
    with scene(tmp_path_factory, "unheard-of", data_sets=folder) as running:
        months = {"first_month": APRIL, "last_month": APRIL}
        asked = running.wanted(
            COMMISSIONER,
            CSU,
            Flow(data_set=DATA_SET, fields={"Sex": "as_is"}, **months),
            Flow(data_set="AE_LOCAL", fields=AE_COLUMNS, reasons=("H",), **months),
            Flow(data_set="HEARING_AIDS", fields=LOANS, reasons=("G",), **months),
            Flow(data_set="INVENTED", fields=OF_GROUPS, reasons=("H",), change_sets=True, **months),
        )
        yield replace(running, reference=running.stage.in_force(asked, "Of what nobody heard"))


@dataclass(frozen=True)
class Related:
    """The data set of three tables, as a provider sends it and a CSU asks for it."""

    scene: Scene
    known: Catalogue
    directory: Path

    def landed(self, tables: Mapping[str, Sequence[Mapping[str, str]]]) -> Sent:
        """Send them, and wait for the edition that is made of them."""
        data_set = self.known.get("INVENTED")
        files = {}
        for name, rows in tables.items():
            files[name] = self.directory / f"{name}.csv"
            with files[name].open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        provider = self.scene.stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
        opened = provider.submit_tables("INVENTED", APRIL, files)
        done: Submission = provider.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)
        assert done.state.lower() == "accepted", done
        edition = UUID((done.model_extra or {})["edition_id"])
        return Sent(data_set=data_set, known=self.known, tables=tables, edition=edition)

    def asked(self, **more: Any) -> Extract:
        return self.scene.released(
            data_set="INVENTED", fields=[*OF_GROUPS], formats=["parquet"], **more
        )

    def held_against(self, sent: Sent, extract: Extract) -> dict[str, Path]:
        return as_its_tables_say(
            self.scene,
            extract,
            sent,
            columns={name: Treatment(how) for name, how in OF_GROUPS.items()},
            reasons=("H",),
            directory=self.directory,
        )

    def commanded(self, *arguments: str, code: int = 0) -> str:
        """What `dsfc extracts` prints, as the CSU's own system."""
        where = ["extracts", "--as", "csu-0df-analytics", "--directory", str(self.scene.state)]
        for service in ("issuer", "dissemination"):
            where += [f"--{service}", self.scene.suite.urls[service]]
        told = CliRunner().invoke(app, [*where, *arguments], env={"COLUMNS": "400"})
        assert told.exit_code == code, told.output
        return told.output


@pytest.fixture
def related(played: Scene, tmp_path: Path) -> Related:
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "INVENTED-1.0.yaml").write_text(yaml.safe_dump(RELATED, sort_keys=False), "utf-8")
    return Related(played, catalogue.load(folder), tmp_path)


def extracted(
    played: Scene,
    name: str,
    period: str,
    file: tuple[Path, str],
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
) -> Counter[tuple[object, ...]]:
    """Send rows as a provider, and give what the CSU fetched of them."""
    path, delimiter = file
    with path.open("w", encoding="utf-8", newline="") as sent:
        written = csv.DictWriter(sent, list(rows[0]), delimiter=delimiter)
        written.writeheader()
        written.writerows(rows)
    provider = played.stage.actor("provider-r0a").pseudonymisation
    done = provider.wait(provider.submit(name, period, path).id, timeout_seconds=DEADLINE_SECONDS)
    assert done.state.lower() == "accepted", done
    extract = played.released(data_set=name, fields=list(columns), formats=["parquet"])
    [made] = extract.files
    fetched = played.csu.dissemination.download(made.id, path.with_suffix(".parquet"))
    found = duckdb.sql(f"FROM '{fetched}'")
    assert found.columns == ["Token", "Reason_For_Access", *columns]
    kept = duckdb.sql(f"SELECT * EXCLUDE (Token) FROM '{fetched}'").fetchall()
    assert not any(number in fetched.read_bytes() for number in played.numbers)
    return Counter(kept)


def of_commissioner(played: Scene, codes: Sequence[str], commissioners: Sequence[str]) -> list[str]:
    """One place of the commissioner's people, and one of another's."""
    owners = dict(zip(map(str, codes), map(str, commissioners), strict=True))
    mine = next(code for code, owner in owners.items() if owner == COMMISSIONER)
    return [mine, next(code for code, owner in owners.items() if owner != COMMISSIONER)]


def test_a_hospitals_spreadsheet_leaves_as_an_extract(played: Scene, tmp_path: Path) -> None:
    world = played.world
    home, elsewhere = of_commissioner(played, world.postcodes, world.postcode_commissioners)
    row = {**ROW, "Hospital": "royal  infirmary", "Postcode": home, "Left, at": "00:10"}
    rows = [
        row,
        row | {"Health Service ID": "999 000 0026", "Age": "64", "Time in A&E (mins)": "3000"},
        row | {"Health Service ID": "", "Age": "7001", "Gender": "Female"},
        row | {"Postcode": elsewhere},
        row | {"Gender": "no code"},
        row | {"Arrival Time": "2018-04-31 10:00"},
    ]

    found = extracted(played, "AE_LOCAL", APRIL, (tmp_path / "ae.csv", ","), rows, [*AE_COLUMNS])

    day = duckdb.sql("SELECT DATE '2018-04-03'").fetchall()[0][0]
    assert found == Counter(
        [
            (f"H:{COMMISSIONER}", 90, "75+", 240, "R0A", 23, "Male", day),
            (f"H:{COMMISSIONER}", 64, "16-64", 1440, "R0A", 23, "Male", day),
            (f"H:{COMMISSIONER}", 0, "<16", 240, "R0A", 23, "Female", day),
        ]
    )


def test_a_data_set_that_was_invented_here_leaves_as_an_extract(
    played: Scene, tmp_path: Path
) -> None:
    world = played.world
    surgery, another = of_commissioner(played, world.practices, world.practice_commissioners)
    row = {
        'The "loan"': "7|A",
        "NHS no. (if known)": "9990000018",
        "Lent / on": "2018-04-18",
        "GP's code": surgery,
        "Ear(s)": "L^R",
        "Cost, £": "99.5",
    }
    rows = [
        row,
        row | {'The "loan"': "8", "NHS no. (if known)": "", "Cost, £": "4000", "Ear(s)": "R"},
        row | {'The "loan"': "9", "GP's code": another},
        row | {'The "loan"': "10", "Lent / on": "2018-04-23"},
    ]

    found = extracted(played, "HEARING_AIDS", WEEK, (tmp_path / "loans.csv", "|"), rows, [*LOANS])

    assert found == Counter(
        [
            (f"G:{COMMISSIONER}", APRIL, "L^R", 99.5, 3, "<100"),
            (f"G:{COMMISSIONER}", APRIL, "R", 1000.0, 3, "500+"),
        ]
    )


def corrected(tables: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """The month again: events are gone, told otherwise and new; people are told otherwise."""
    people, events, others = ([dict(row) for row in tables[n]] for n in RELATED_TABLES)
    gone = {row["EVENT"] for row in events[:10]}
    new = [row | {"EVENT": f"N-{n}"} for n, row in enumerate(events[-10:])]
    for row in [*people[:15], *events[10:25]]:
        column = "P0" if "P0" in row else "E0"
        row[column] = {"A": "B", "B": "C", "C": "A"}.get(row[column], "A")
    kept = [row for row in others if row["EVENT"] not in gone]
    return {"PEOPLE": people, "EVENTS": [*events[10:], *new], "OTHERS": kept}


RELATED_TABLES = ("PEOPLE", "EVENTS", "OTHERS")


def records(path: Path) -> list[dict[str, Any]]:
    found = duckdb.sql(f"FROM '{path}'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_three_tables_and_two_people_in_a_row_are_corrected_without_loss(
    related: Related, tmp_path: Path
) -> None:
    """Each group of what was delivered stays, is superseded, and has a change set of its own."""
    played, csu = related.scene, related.scene.csu.dissemination
    data_set = related.known.get("INVENTED")
    first, last = DAYS[APRIL]
    made = generate_tables(
        data_set, rows=150, seed=5, first=first, last=last, world=played.world, directory=tmp_path
    )
    tables = {name: rows_of(made[name].read_text("utf-8"), data_set, name) for name in made}
    before = related.landed(tables)
    flex = related.asked()
    was = related.held_against(before, flex)
    assert set(was) == set(GROUPS)
    assert not any(n in path.read_bytes() for path in was.values() for n in played.numbers)
    both = records(was["Both"])
    assert {row["OTHER_NUM"][0] for row in both if row["OTHER_NUM"]} <= {"B", "C"}
    bytes_before = {group: path.read_bytes() for group, path in was.items()}

    after = related.landed(corrected(tables))
    until(lambda: csu.extract(flex.id).state == "superseded", what="it was never marked")
    freeze = related.asked(changes_since=str(flex.id))

    # The newer one is what its own tables say, and beside each group stands what changed in it.
    now = related.held_against(after, freeze)
    told = {}
    for file in freeze.files:
        released_once(played, str(file.id))
        if file.changes_since is None:
            continue
        changes = csu.manifest(file.id).manifest["changes"]
        (group,) = {key.partition(".")[0] for key in changes["key"][1:]} or {"Both"}
        assert (changes["key"], changes["since"]) == (KEYS[group], str(flex.id))
        path = csu.download(file.id, tmp_path / f"changes-{group}.parquet")
        key = [name.rpartition(".")[2] for name in KEYS[group]]
        rows = sorted((tuple(row.values()) for row in records(path)), key=repr)
        assert rows == oracle(records(was[group]), records(now[group]), key), group
        told[group] = {row[-1] for row in rows}
    assert told.keys() == GROUPS.keys()
    assert told["Events"] == {"added", "changed", "removed"}
    assert told["People"] == {"changed"}

    # What was delivered: marked in extract, edition and register, told once, and still to be had.
    extract = csu.extract(flex.id)
    (read,) = extract.editions
    assert (read["id"], read["replaced_by"]) == (str(before.edition), str(after.edition))
    assert extract.availability is not None
    assert extract.availability.code == "EDITION_SUPERSEDED"
    haven = played.stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    editions = haven.get("/v1/editions", data_set="INVENTED")["items"]
    assert {one["id"]: (one["superseded_by"], one["status"]) for one in editions} == {
        str(before.edition): (str(after.edition), "superseded"),
        str(after.edition): (None, "current"),
    }
    lines = {str((one.model_extra or {})["file_id"]): one for one in csu.register()}
    for file in extract.files:
        assert lines[str(file.id)].status == "superseded"
        (group,) = {n.partition(".")[0] for n in _columns(csu.manifest(file.id)) if "." in n}
        again = csu.download(file.id, tmp_path / f"again-{group}.parquet")
        assert again.read_bytes() == bytes_before[group]
    assert {lines[str(one.id)].status for one in freeze.files} == {"current"}
    until(played.all_heard, what="something was not heard")
    said = "SELECT event FROM outbox WHERE published_at IS NOT NULL"
    events = [str(event) for (event,) in played.rows("dissemination", said)]
    told_of = [one for one in events if str(flex.id) in one]
    assert sum("dissemination.extract-superseded.v1" in one for one in told_of) == 1

    # Which releases rested on an edition, and what was superseded by what: one query.
    asked = {str(before.edition): [flex.id], str(after.edition): [freeze.id]}
    for edition, ids in asked.items():
        assert [one.id for one in csu.extracts(edition=edition)] == ids
        printed = json.loads(related.commanded("list", "--edition", edition, "--json"))
        assert [one["id"] for one in printed] == [str(id_) for id_ in ids]
    shown = related.commanded("show", str(flex.id))
    assert str(before.edition) in shown
    assert str(after.edition) in shown


def _columns(manifest: Any) -> list[str]:
    return [one["name"] for one in manifest.manifest["file"]["columns"]]


def test_what_links_no_groups_is_warned_of_before_it_is_asked_for(related: Related) -> None:
    """`dsfc extracts ask` shows the warning, and asks nobody for anything until it is accepted."""
    csu = related.scene.csu.dissemination
    if not csu.landed_months(related.scene.reference, "INVENTED"):
        data_set = related.known.get("INVENTED")
        first, last = DAYS[APRIL]
        made = generate_tables(
            data_set,
            rows=150,
            seed=5,
            first=first,
            last=last,
            world=related.scene.world,
            directory=related.directory,
        )
        related.landed({n: rows_of(made[n].read_text("utf-8"), data_set, n) for n in made})
    asked = [related.scene.reference, "INVENTED", "--period", APRIL]
    unlinked = [*asked, "--field", "People.P0", "--field", "Events.E0"]
    before = [one.id for one in csu.extracts()]

    previewed = related.commanded("preview", *unlinked)
    declined = related.commanded("ask", *unlinked, code=1)

    for said in (previewed, declined):
        assert "GROUPS_NOT_LINKED" in said
        assert "People.WHO" in said
    assert [one.id for one in csu.extracts()] == before
    (id_,) = related.commanded("ask", *unlinked, "--yes").splitlines()[-1:]
    assert csu.wait(UUID(id_)).state == "released"
    assert "GROUPS_NOT_LINKED" not in related.commanded("ask", *asked)
    refused = related.commanded("preview", *asked, "--field", "People.SECTOR", code=1)
    assert "FIELD_NOT_IN_DSA" in refused
