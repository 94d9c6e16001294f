"""Data sets of which no line of code knows, over the four services, from submission to extract.

One is the layout of a hospital's spreadsheet of A&E attendances, with headers as people write them;
the other is invented here: weeks, a delimiter and a list in a cell that no other data set has.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

import catalogue
from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from services.pseudonymisation.tests.integration.test_ae_layout import AE, ROW
from tests.running import APRIL, CSU, DATA_SET, DEADLINE_SECONDS, Scene, scene

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
LOANS = {"LENT": "month", "EARS": "as_is", "COST": "as_is", "WEEKDAY": "derived", "DEAR": "derived"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An agreement with a line for each, in services that have two files more, and no code."""
    folder = tmp_path_factory.mktemp("more")
    (folder / "AE_LOCAL-1.0.yaml").write_text(AE, "utf-8")
    (folder / "HEARING_AIDS-1.0.yaml").write_text(
        yaml.safe_dump(dict(INVENTED), sort_keys=False, allow_unicode=True), "utf-8"
    )
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
        )
        yield replace(running, reference=running.stage.in_force(asked, "Of what nobody heard"))


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
