"""`dsfc protect` as an analyst calls it."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dsfc_cli.input import protecting
from dsfc_cli.main import app

run = CliRunner().invoke
COUNTS = (
    "trust,age,count\nRA1,0-64,3\nRA1,65+,40\nRA2,0-64,12\nRA2,65+,0\nRB1,0-64,97\nRB1,65+,26\n"
)
REGIONS = "North,England\nSouth,England\nRA1,North\nRA2,North\nRB1,South\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.csv").write_text(COUNTS, "utf-8")
    (tmp_path / "regions.csv").write_text(REGIONS, "utf-8")
    return tmp_path


def test_the_example_of_the_help_protects_and_its_output_is_safe(here: Path) -> None:
    example = (protecting.command.__doc__ or "").partition("Example: dsfc ")[2].strip()
    done = run(app, [*shlex.split(example), "--output", "shown.csv"])

    assert done.exit_code == 0, done.output
    shown = (here / "shown.csv").read_text("utf-8")
    assert "RA1,0-64,*" in shown
    assert "RA2,65+,0" in shown
    assert "`*` stands for a number of 1 to 7." in done.stderr

    checked = run(app, [*shlex.split(example.replace("counts", "shown")), "--check"])
    assert checked.exit_code == 0, checked.output


def test_a_check_says_what_can_be_worked_out_and_from_what(here: Path) -> None:
    (here / "hand.csv").write_text("trust,count\nTotal,104\nRA1,*\nRB1,95\n", "utf-8")
    found = run(app, shlex.split("protect hand.csv --rule SHMI --nation trust --check"))

    assert found.exit_code == 1
    assert "RA1: recovered, 7." in found.stdout
    assert "[Total: 104] = [RA1: 1 to 7] + [RB1: 93 to 97]" in found.stdout


def test_a_linked_table_is_by_the_strictest_of_its_rules(here: Path) -> None:
    (here / "linked.csv").write_text("trust,count\nRA1,0\nRA2,6\nRB1,8\nRB2,90\n", "utf-8")

    done = run(app, shlex.split("protect linked.csv --rule HES --rule CSDS"))

    assert done.exit_code == 0, done.output
    assert done.stdout.split()[2:5] == ["RA1,*", "RA2,*", "RB1,10"]
    assert "the strictest of HES+CSDS holds" in done.stderr


TEN_MILLION = "a,b,c,count\n" + "".join(f"a{n},b{n},c{n},9\n" for n in range(250))
"""Few lines, of so many categories that the table has more than ten million cells."""


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("trust,count\nA,-1\n", "--rule SHMI", "TABLE_COUNT_NEGATIVE"),
        ("trust,count\nA,1.5\n", "--rule SHMI", "TABLE_COUNT_FRACTIONAL"),
        ("trust,count\nA,many\n", "--rule SHMI", "TABLE_COUNT_FRACTIONAL"),
        ("trust,count\nA,9\nB,1\nTotal,11\n", "--rule SHMI", "TABLE_TOTAL_NOT_SUM"),
        ("trust,count\nA,*\nB,10\n", "--rule SHMI", "TABLE_ALREADY_PROTECTED"),
        ("trust,count\nA,1\nA,2\n", "--rule SHMI", "TABLE_INVALID"),
        ("trust,count\nA,1,2\n", "--rule SHMI", "TABLE_INVALID"),
        ("trust,n\nA,1\n", "--rule SHMI", "TABLE_INVALID"),
        ("", "--rule SHMI", "TABLE_INVALID"),
        ("trust,count\nA,1\n", "--rule SHMY", "DISCLOSURE_RULE_UNKNOWN"),
        ("trust,count\nA,1\n", "--rule GPW", "DISCLOSURE_RULE_MISSING"),
        ("trust,count\nA,1\n", "--rule SHMI --nation place", "TABLE_INVALID"),
        (
            "trust,count\nA,1\n",
            "--rule HES_PRE2018 --on 2020-01-01",
            "DISCLOSURE_RULE_NOT_IN_FORCE",
        ),
        ("trust,count\nA,10\nB,15\nC,10\nTotal,30\n", "--rule SHMI", "TABLE_ALREADY_PROTECTED"),
        (TEN_MILLION, "--rule SHMI", "TABLE_TOO_LARGE"),
        ("trust,count\nA,9\nB,1\nAll,11\n", "--rule SHMI --total trust=All", "TABLE_TOTAL_NOT_SUM"),
        ("trust,count\nA,1\n", "--rule SHMI --total place=All", "TABLE_INVALID"),
        ("trust,count\nA,1\n", "--rule SHMI --total trust", "TABLE_INVALID"),
        ("trust,count\nA,1\n", "--rule SHMI --hierarchy trust=loop.csv", "HIERARCHY_CYCLE"),
        ("trust,count\nA,1\n", "--rule SHMI --hierarchy trust=two.csv", "HIERARCHY_TWO_PARENTS"),
    ],
)
def test_what_is_no_table_is_refused_with_its_code(
    here: Path, text: str, options: str, code: str
) -> None:
    (here / "t.csv").write_text(text, "utf-8")
    (here / "loop.csv").write_text("A,B\nB,A\n", "utf-8")
    (here / "two.csv").write_text("A,B\nA,C\nB,D\nC,D\n", "utf-8")
    refused = run(app, ["protect", "t.csv", *shlex.split(options)])
    assert refused.exit_code == 1, refused.output
    assert f"refused, {code}:" in refused.stderr


def test_a_file_in_another_encoding_is_refused_with_what_to_do(here: Path) -> None:
    (here / "t.csv").write_bytes("trust,count\nSt Mary’s,9\n".encode("cp1252"))

    refused = run(app, ["protect", "t.csv", "--rule", "SHMI"])

    assert refused.exit_code == 1
    assert "refused, TABLE_INVALID:" in refused.stderr
    assert "UTF-8" in refused.stderr


def test_a_total_may_have_another_name(here: Path) -> None:
    (here / "t.csv").write_text("trust,count\nA,40\nB,57\nC,3\nEngland,100\n", "utf-8")

    done = run(app, shlex.split("protect t.csv --rule SHMI --total trust=England --nation trust"))

    assert done.exit_code == 0, done.output
    assert "England,100" in done.stdout
    assert "C,*" in done.stdout


def test_a_label_is_never_a_formula(here: Path) -> None:
    (here / "t.csv").write_text('trust,count\n"=1+1",30\n"a,b",40\n', "utf-8")
    done = run(app, shlex.split("protect t.csv --rule SHMI"))
    assert "'=1+1,30" in done.stdout
    assert '"a,b",40' in done.stdout


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("t.xlsx", "", b"PK"),
        ("t.parquet", "", b"PAR1"),
        ("t.json", "", b"{"),
        ("t.html", "--time age", b"<!doctype html>"),
        ("t.dat", "--format html", b"<!doctype html>"),
    ],
)
def test_a_table_is_written_in_the_format_that_its_name_or_an_option_says(
    here: Path, name: str, options: str, begins: bytes
) -> None:
    done = run(app, shlex.split(f"protect counts.csv --rule SHMI --output {name} {options}"))
    assert done.exit_code == 0, done.output
    assert (here / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [("--format xlsx", 2), ("--output t.doc", 1), ("--time month --output t.html", 1)],
)
def test_a_format_that_cannot_be_written_is_refused_and_writes_nothing(
    here: Path, options: str, exit_code: int
) -> None:
    refused = run(app, shlex.split(f"protect counts.csv --rule SHMI {options}"))
    assert refused.exit_code == exit_code, refused.output
    assert {path.name for path in here.iterdir()} == {"counts.csv", "regions.csv"}
