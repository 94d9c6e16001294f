"""`dsfc submit`: what is said wrongly of tables is refused before anything is sent."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dsfc_cli.main import app


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "Send one FILE, or --table TABLE=FILE"),
        (["FILE", "--table", "IDS001=FILE"], "Send one FILE, or --table TABLE=FILE"),
        (["--table", "IDS001=FILE", "--table", "IDS001=FILE"], "IDS001 is named twice"),
        (["--table", "IDS001"], "TABLE=FILE, and a file that is there"),
        (["--table", "IDS001=nowhere.csv"], "TABLE=FILE, and a file that is there"),
        (["--table", "=FILE"], "TABLE=FILE, and a file that is there"),
    ],
)
def test_tables_that_are_named_wrongly_are_refused(
    tmp_path: Path, said: list[str], why: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("LocalPatientID\n1\n")
    named = [one.replace("FILE", str(file)) for one in said]

    told = CliRunner().invoke(
        app,
        ["submit", "IAPT", *named, "--period", "2020-09", "--as", "provider-rr8"],
        env={"COLUMNS": "400"},
    )

    assert told.exit_code == 2
    assert why in told.output
