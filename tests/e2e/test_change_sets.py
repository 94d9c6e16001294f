"""Flex and freeze of one month over four processes, side by side, with what lies between them."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER, FIELDS
from dsfc_client import Extract, Refused
from tests.books import released_once
from tests.running import APRIL, CSU, DATA_SET, Scene, scene, until

pytestmark = [
    pytest.mark.xdist_group("change-sets"),
    pytest.mark.timeout(300),
    pytest.mark.long,
]

KEY = "Unique_CDS_Identifier"
COLUMNS = {**FIELDS[DATA_SET], KEY: "pseudonym"}
REMOVED, ADDED = 60, 60
DELETED = 40


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene, under an agreement whose line allows change sets."""
    with scene(tmp_path_factory, "change-sets") as running:
        flow = Flow(
            data_set=DATA_SET,
            fields=COLUMNS,
            first_month=APRIL,
            last_month=APRIL,
            change_sets=True,
        )
        asked = running.wanted(COMMISSIONER, CSU, flow)
        yield replace(running, reference=running.stage.in_force(asked, "With change sets"))


def fetched(played: Scene, extract: Extract, place: Path) -> list[list[dict[str, Any]]]:
    """The rows of its files, in their order, as the recipient has them."""
    found = []
    for file in extract.files:
        place.mkdir(exist_ok=True)
        path = place / f"{file.id}.parquet"
        played.csu.dissemination.download(file.id, path)
        rows = duckdb.sql(f"SELECT * FROM '{path}'")
        found.append([dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()])
    return found


def resubmitted(played: Scene, path: Path) -> None:
    """Send the month again: some records are gone, some new, and some say something else."""
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    later = [dict(row) for row in rows[REMOVED:]]
    for row in later[:60]:
        row["Discharge_Method"] = "9" if row["Discharge_Method"] != "9" else "1"
    later += [row | {KEY: f"{row[KEY]}-{n}"} for n, row in enumerate(later[-ADDED:])]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(later)
    assert played.submit(path).state.lower() == "accepted"


def test_flex_and_freeze_stand_side_by_side_with_their_change_set(
    played: Scene, tmp_path: Path
) -> None:
    asked = {"fields": list(COLUMNS), "formats": ["parquet"]}
    flex = played.released(**asked)
    with pytest.raises(Refused) as not_fetched:
        played.ask(**asked, changes_since=str(flex.id))
    assert list(not_fetched.value.codes) == ["EARLIER_EXTRACT_NOT_HELD"]
    [before] = fetched(played, flex, tmp_path)

    resubmitted(played, tmp_path / "april.csv")
    until(lambda: played.csu.dissemination.extract(flex.id).state == "superseded")
    freeze = played.released(**asked, changes_since=str(flex.id))

    assert [file.changes_since for file in freeze.files] == [None, str(flex.id)]
    after, told = fetched(played, freeze, tmp_path)
    keyed = [{(row["Token"], row[KEY]): row for row in rows} for rows in (before, after)]
    was, is_now = keyed
    assert len(was) == len(before)
    expected = {
        "removed": was.keys() - is_now.keys(),
        "added": is_now.keys() - was.keys(),
        "changed": {key for key in was.keys() & is_now.keys() if was[key] != is_now[key]},
    }
    assert all(expected.values())
    found = {
        became: {(r["Token"], r[KEY]) for r in told if r["Change"] == became} for became in expected
    }
    assert found == expected
    assert Counter(row["Change"] for row in told) == Counter(
        {became: len(keys) for became, keys in expected.items()}
    )
    # The earlier one stays what it was, and can be fetched beside the newer one.
    assert fetched(played, flex, tmp_path / "again")[0] == before
    for file in freeze.files:
        released_once(played, str(file.id))
    lines = {str(one.model_extra["file_id"]): one for one in played.csu.dissemination.register()}
    assert [lines[str(file.id)].model_extra["changes"] for file in freeze.files] == [
        "",
        str(flex.id),
    ]
    manifest = played.csu.dissemination.manifest(freeze.files[1].id).manifest
    assert manifest["changes"]["since"] == str(flex.id)
    assert not {"people_left_out", "rows_without_person_left_out"} & manifest["opt_out"].keys()


def test_a_deletion_of_released_records_by_a_net_change_makes_a_change_set(
    played: Scene, tmp_path: Path
) -> None:
    asked = {"fields": list(COLUMNS), "formats": ["parquet"]}
    earlier = played.released(**asked)
    [before] = fetched(played, earlier, tmp_path)
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))[-DELETED:]
    deletions = [row | {"Update_Type": "1", "CDS_Applicable_Date": "2018-05-20"} for row in rows]
    path = tmp_path / "deletions.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(deletions[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(deletions)
    provider = played.stage.actor("provider-r0a").pseudonymisation
    sent = provider.submit(DATA_SET, APRIL, path, protocol="net_change")
    assert provider.wait(sent.id).state.lower() == "accepted"
    until(lambda: played.csu.dissemination.extract(earlier.id).state == "superseded")

    later = played.released(**asked, changes_since=str(earlier.id))

    after, told = fetched(played, later, tmp_path)
    was, is_now = ({(row["Token"], row[KEY]): row for row in rows} for rows in (before, after))
    assert 0 < len(was) - len(is_now) <= DELETED
    assert all(was[key] == row for key, row in is_now.items())
    assert {(row["Token"], row[KEY]) for row in told} == was.keys() - is_now.keys()
    assert {row["Change"] for row in told} == {"removed"}
    assert {
        name
        for row in told
        for name, value in row.items()
        if value is not None
    } == {"Token", KEY, "Change"}  # fmt: skip
