"""Synthetic input: the published layout, the same for the same seed, edge cases where told."""

import csv
import json
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path

import nhs_number
import pytest
from typer.testing import CliRunner

import catalogue
from catalogue import Protocol
from dsfc_cli.main import app
from dsfc_cli.synthetic import Planted, World, aggregate, generate
from dsfc_cli.synthetic import rows as making
from dsfc_cli.synthetic.rows import RECIPES
from dsfc_cli.synthetic.world import DEFAULT_POSTCODE, PREDECESSOR


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(people=300, seed=7)


def write(world: World, path: Path, *, data_set: str = "SUS_APC", bad_rows: int = 5) -> Planted:
    return generate(
        data_set,
        rows=1_000,
        seed=7,
        first=date(2018, 4, 1),
        last=date(2018, 6, 30),
        world=world,
        path=path,
        bad_rows=bad_rows,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("data_set", list(RECIPES))
def test_the_layout_is_the_catalogues(world: World, tmp_path: Path, data_set: str) -> None:
    write(world, tmp_path / "rows.csv", data_set=data_set)

    header = list(rows_of(tmp_path / "rows.csv")[0])

    fields = catalogue.load().get(data_set).fields
    assert [f.name for f in fields if f.name in header] == sorted(
        header, key=[f.name for f in fields].index
    )
    assert {f.name for f in fields if f.column == "required"} <= set(header)


def test_the_same_seed_makes_the_same_bytes(world: World, tmp_path: Path) -> None:
    write(world, tmp_path / "a.csv")
    write(World.create(people=300, seed=7), tmp_path / "b.csv")
    generate(
        "SUS_APC",
        rows=1_000,
        seed=8,
        first=date(2018, 4, 1),
        last=date(2018, 6, 30),
        world=world,
        path=tmp_path / "c.csv",
    )

    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "c.csv").read_bytes()


def test_every_number_is_valid_and_of_the_test_range(world: World) -> None:
    assert len(set(world.nhs_numbers)) == 300
    for number in world.nhs_numbers:
        assert number.startswith("999")
        assert nhs_number.is_valid(number)


def test_there_are_three_commissioners_and_a_predecessor(world: World) -> None:
    found = set(world.practice_commissioners)

    assert PREDECESSOR in found
    assert len(found - {PREDECESSOR}) == 3


def test_what_is_planted_is_there(world: World, tmp_path: Path) -> None:
    planted = write(world, tmp_path / "rows.csv")
    rows = rows_of(tmp_path / "rows.csv")

    assert len(rows) == planted.rows == 1_000
    good = [r for i, r in enumerate(rows, 2) if i not in planted.bad_rows]
    assert sum(r["NHS_Number"] == "" for r in good) == planted.without_number > 0
    assert len(planted.bad_rows) == 5
    for line, kind in planted.bad_rows.items():
        column, value = RECIPES["SUS_APC"].spoil[kind]
        assert rows[line - 2][column] == value


FLAT = sorted({d.data_set for d in catalogue.load() if not d.tables})
WITHOUT_SENDER = {
    "CIVIL_BIRTHS": "an entry of a register",
    "CIVIL_DEATHS": "an entry of a register",
    "HES_DEATHS": "an entry of a register",
    "RISK_SCORES": "has numbers alone, and is sent by token",
}
"""Without small counts, and why."""


@pytest.mark.parametrize("data_set", FLAT)
def test_the_edge_cases_are_in_every_data_set_and_the_file_beside_it_says_where(
    tmp_path: Path, data_set: str
) -> None:
    """By domain.md section 10: small counts, no number, no home, text, two who opted out."""
    world = World.create(people=60, seed=3)
    described = catalogue.load().for_period(data_set, "2018-04")
    path = tmp_path / f"{data_set.lower()}.csv"

    made = generate(
        data_set,
        rows=900,
        seed=3,
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        world=world,
        path=path,
        bad_rows=3,
    )

    told = json.loads(made.write(beside=path).read_text())
    assert (told["data_set"], told["rows"]) == (data_set, 900)
    rows = rows_of(path)
    by_line = dict(enumerate(rows, start=2))
    person = described.person
    if person.nhs_number is not None:
        number = described.by_name[person.nhs_number].label
        good = [row for line, row in by_line.items() if str(line) not in told["bad_rows"]]
        assert sum(not row[number] for row in good) == told["without_number"]
        # Of a score nobody knows whose it is without the number: such a row would be a bad one.
        assert (told["without_number"] == 0) == (data_set == "RISK_SCORES")
        pair = [by_line[line][number] for line in told["opted_out_lines"]]
        assert pair == told["opted_out"] == list(world.opted_out)
        for line, what in told["personal_data_in_text"].items():
            row = by_line[int(line)]
            holding = [value for name, value in row.items() if name != number]
            numbers = world.nhs_numbers[:3]
            assert any(str(n) in value for n in numbers for value in holding), what
    if person.postcode is not None:
        home = described.by_name[person.postcode].label
        assert sum(row[home] == DEFAULT_POSTCODE for row in rows) == told["default_postcodes"] > 0
    small = told["small_counts"]
    if described.subjects == "nobody" or data_set in WITHOUT_SENDER:
        assert small is None
    else:
        rare = [row for row in rows if row[small["column"]] == small["value"]]
        assert sorted(small["counts"].values()) == [0, 1, 4, 5, 7, 8]
        assert Counter(row[small["by"]] for row in rare) == +Counter(small["counts"])


def test_a_practice_still_has_the_code_of_a_commissioner_that_was_merged(
    world: World, tmp_path: Path
) -> None:
    planted = write(world, tmp_path / "rows.csv")
    rows = rows_of(tmp_path / "rows.csv")

    assert planted.merged_commissioner == {PREDECESSOR: "26A"}
    assert PREDECESSOR in {row["Commissioner_Code"] for row in rows}
    moved = [rows[line - 2] for line in planted.moved_practice_lines]
    assert len({row["NHS_Number"] for row in moved}) == 1
    assert [row["GP_Practice_Code"] for row in moved] == list(planted.moved_practice)


def test_whoever_lives_in_a_small_world_lives_in_a_large_one() -> None:
    """So that two files of one seed have the same people, however long each is."""
    small, large = World.create(people=60, seed=7), World.create(people=9_000, seed=7)

    for name in (
        "nhs_numbers", "births", "sexes", "ethnic_groups", "practice_of", "postcode_of",
    ):  # fmt: skip
        assert (getattr(small, name) == getattr(large, name)[:60]).all(), name
    assert small.opted_out == large.opted_out
    assert set(small.nhs_numbers) != set(World.create(people=60, seed=8).nhs_numbers)


@pytest.mark.parametrize("data_set", FLAT)
def test_the_same_seed_makes_the_same_bytes_of_every_data_set_however_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_set: str
) -> None:
    monkeypatch.setattr(making, "CHUNK_ROWS", 70)
    said = {"rows": 200, "first": date(2018, 4, 1), "last": date(2018, 4, 30)}
    world = World.create(people=50, seed=3)

    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(data_set, seed=seed, world=world, path=tmp_path / name, **said)

    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert len(rows_of(tmp_path / "a")) == 200


def test_no_more_than_a_part_of_a_file_is_held_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "CHUNK_ROWS", 500)
    world, peaks = World.create(people=50, seed=3), []
    for parts in (2, 12):
        tracemalloc.start()
        generate(
            "SUS_APC",
            rows=parts * 500,
            seed=5,
            first=date(2018, 4, 1),
            last=date(2018, 4, 30),
            world=world,
            path=tmp_path / "rows.csv",
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.2 * peaks[0]


def test_a_bad_row_is_not_one_whose_identity_is_withheld(world: World, tmp_path: Path) -> None:
    """Of which a number that is none would not be judged, and the row not be bad."""
    category = "Record_Confidentiality_Category"
    planted = write(world, tmp_path / "rows.csv", data_set="ECDS", bad_rows=60)
    rows = rows_of(tmp_path / "rows.csv")

    assert sum(row[category] in {"1", "3"} for row in rows) > 100
    wrong = [line for line, why in planted.bad_rows.items() if "code" not in why]
    assert {rows[line - 2][category] for line in wrong} == {""}


def test_more_people_than_the_range_has_are_refused() -> None:
    with pytest.raises(ValueError, match="people can live here"):
        World.create(people=2_000_000, seed=1)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_a_net_change_says_from_when_each_row_holds_and_takes_some_back(tmp_path: Path) -> None:
    path, world = tmp_path / "change.csv", World.create(people=60, seed=3)
    days = {"first": date(2018, 4, 1), "last": date(2018, 4, 30)}

    planted = generate(
        "SUS_APC",
        rows=100,
        seed=3,
        world=world,
        path=path,
        on=date(2018, 6, 1),
        protocol=Protocol.NET_CHANGE,
        **days,
    )

    rows = read_rows(path)
    assert {row["CDS_Applicable_Date"] for row in rows} == {"2018-04-30"}
    assert [row["Update_Type"] for row in rows].count("1") == planted.taken_back == 5
    with pytest.raises(ValueError, match="takes no net changes"):
        generate(
            "DIDS", rows=10, seed=3, world=world, path=path, protocol=Protocol.NET_CHANGE, **days
        )


def test_people_whom_a_practice_leaves_out_are_not_in_its_file_and_are_counted(
    tmp_path: Path,
) -> None:
    path, world = tmp_path / "gp.csv", World.create(people=100, seed=3)

    planted = generate(
        "GP_RS",
        rows=600,
        seed=3,
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        world=world,
        path=path,
        on=date(2018, 6, 1),
    )

    gone = {str(world.nhs_numbers[n]) for n in (39, 79)}
    sent = {row["NHS_NUMBER"] for row in read_rows(path)}
    assert planted.left_out_at_source == len(gone)
    assert not gone & sent
    assert len(sent) > 50


PLCM_ROWS = """\
MONTH BEGINS,ORGANISATION IDENTIFIER (CODE OF PROVIDER),\
ORGANISATION IDENTIFIER (CODE OF COMMISSIONER),POINT OF DELIVERY CODE,\
CONTRACT MONITORING ACTUAL ACTIVITY,TOTAL COST
2018-04-03,RR8,02P,DC,1,0.10
2018-04-20,RR8,02P,DC,2,0.20
2018-04-20,RR8,02P,EL,1,
2018-05-01,RR8,02P,DC,1,5.00
"""


def test_an_aggregate_is_the_sum_of_its_parts_by_month_and_key(tmp_path):
    part, file = tmp_path / "plcm.csv", tmp_path / "acm.csv"
    part.write_text(PLCM_ROWS)

    planted = aggregate("ACM", {"PLCM": part}, path=file, on=date(2018, 4, 30), disagreeing=1)

    with file.open(newline="") as lines:
        rows = [
            (
                row["MONTH BEGINS"],
                row["POINT OF DELIVERY CODE"],
                row["CONTRACT MONITORING ACTUAL ACTIVITY"],
                row["CONTRACT MONITORING ACTUAL PRICE"],
            )
            for row in csv.DictReader(lines)
        ]
    assert rows == [
        ("2018-04-01", "DC", "3", "2.45"),  # of 0.30 half as much again, and twice a pound
        ("2018-04-01", "EL", "1", "0"),
        ("2018-05-01", "DC", "1", "5.00"),
    ]
    assert planted.rows == 3
    [wrong] = planted.disagreements
    assert (wrong["month"], wrong["patient_level"], wrong["aggregate"]) == (
        "2018-04",
        "0.30",
        "2.45",
    )


@pytest.mark.parametrize(
    ("name", "parts", "disagreeing", "says"),
    [
        ("SUS_APC", ("PLCM",), 0, "Nothing substantiates SUS_APC"),
        ("PLCM", ("PLCM",), 0, "Nothing substantiates PLCM"),
        ("ACM", ("SUS_APC",), 0, "SUS_APC substantiates no ACM"),
        ("ACM", ("PLCM",), 4, "only 3 keys"),
    ],
)
def test_what_no_rule_substantiates_is_no_aggregate(tmp_path, name, parts, disagreeing, says):
    part = tmp_path / "plcm.csv"
    part.write_text(PLCM_ROWS)

    with pytest.raises(ValueError, match=says):
        aggregate(
            name,
            dict.fromkeys(parts, part),
            path=tmp_path / "acm.csv",
            on=date(2018, 4, 30),
            disagreeing=disagreeing,
        )


def test_the_command_makes_an_aggregate_of_files_and_tells_what_is_wrong_in_it(tmp_path):
    (tmp_path / "plcm.csv").write_text(PLCM_ROWS)
    given = ["generate", "--data-set", "ACM", "--output", str(tmp_path), "--disagreeing", "2"]

    made = CliRunner().invoke(app, [*given, "--of", f"PLCM={tmp_path / 'plcm.csv'}"])
    refused = CliRunner().invoke(app, [*given, "--of", "PLCM=nowhere.csv"])

    assert made.exit_code == 0, made.output
    planted = json.loads((tmp_path / "acm.planted.json").read_text())
    assert len(planted["disagreements"]) == 2
    assert (refused.exit_code, "No file is named of PLCM" in refused.output) == (2, True)
