"""`dsfc local-flows`: what is wrong with a layout is told before anything is sent."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalogue.flows import example, read_flow
from dsfc_cli.main import app


def checked(file: Path) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["local-flows", "check", str(file)], env={"COLUMNS": "400"})
    return told.exit_code, told.output.strip()


def test_the_example_is_a_layout_that_could_be_registered(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["local-flows", "example"])
    file = tmp_path / "flow.yaml"
    file.write_text(printed.stdout, "utf-8")

    assert "PUBLIC_HEALTH_AND_SCREENING_SERVICES" in printed.stdout
    assert checked(file) == (0, read_flow(example()).data_set.digest)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("category: AMBULANCE", "category: ALL", "line 5, category: is one of"),
        ("name: Destination_Site", "name: 'a; b'", "line 25, fields/6/name: String should match"),
        ("title: Ambulance", "title: &a Ambulance", "line 3, the file: has an anchor"),
        ("title: Ambulance", "title: [Ambulance", "is not YAML"),
    ],
)
def test_what_is_wrong_with_a_layout_is_told_with_its_line(
    tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(example().replace(was, becomes), "utf-8")

    code, said = checked(file)

    assert code == 1
    assert told in said


def test_what_is_no_text_or_too_large_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_bytes(b"\xff\xfe")
    assert checked(file)[0] == 2
    file.write_bytes(b"x" * 131_073)
    code, said = checked(file)
    assert (code, "more than 131072 bytes" in said) == (2, True)
