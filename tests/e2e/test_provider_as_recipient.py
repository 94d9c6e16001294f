"""A provider in its own name: tables of what it did itself, and no records (ruling 14)."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from dsfc_cli.demo.answers import Flow, Sections, Wanted, sections_of
from dsfc_client import Refused
from tests.running import APRIL, CSU, DATA_SET, DEADLINE_SECONDS, PROVIDER, Scene, scene

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("provider"), pytest.mark.timeout(300)]

CLIENT: Final = "trust-r0a-analytics"
SUPPRESSED: Final = "AGGREGATE_SUPPRESSED"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A trust under contract, with an environment and an agreement on tables of its own."""
    with scene(tmp_path_factory, "provider") as running:
        running.stage.admit(PROVIDER)
        running.stage.environment(PROVIDER, CLIENT)
        asked, sections = of_its_own(running, SUPPRESSED)
        reference = running.stage.in_force(asked, "Tables of its own", sections)
        yield replace(running, reference=reference)


def of_its_own(played: Scene, classification: str) -> tuple[Wanted, Sections]:
    """What a trust asks for of what it did, and nobody works for it."""
    flow = Flow(
        data_set=DATA_SET,
        fields={"Provider_Code": "as_is", "Sex": "as_is"},
        first_month=APRIL,
        last_month=APRIL,
        reasons=("P",),
        classification=classification,
    )
    asked = played.wanted(PROVIDER, PROVIDER, flow)
    sections = sections_of(asked)
    sections[3] = {"processors": []}
    for number, listed in ((5, "evidence"), (6, "registrations")):
        sections[number] = {listed: sections[number][listed][:1]}
    sections[7]["consultation"] = {"organisation": CSU, "on": played.stage.today.isoformat()}
    return asked, sections


def body(played: Scene, **changes: Any) -> dict[str, Any]:
    return {
        "agreement": played.reference,
        "purpose": "COM",
        "data_set": DATA_SET,
        "classification": SUPPRESSED,
        "periods": [APRIL],
    } | changes


def test_a_trust_has_a_table_of_what_it_did_itself(played: Scene) -> None:
    door = played.stage.actor(CLIENT).dissemination

    asked = door.tabulate(body(played, dimensions=[{"column": "Sex"}, {"column": "Provider_Code"}]))
    done = door.wait_for_table(asked.id, timeout_seconds=DEADLINE_SECONDS)

    assert done.state.upper() == "RELEASED", done
    target = played.state.parent / "own.csv"
    door.download(done.files[0].id, target)
    with target.open(encoding="utf-8-sig", newline="") as text:
        rows = [row for row in csv.reader(text) if len(row) == 3]
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as text:
        sent = [row["Provider_Code"] for row in csv.DictReader(text)]
    shown = {tuple(row[:2]): row[2] for row in rows[1:]}
    assert {provider for _, provider in shown} == {PROVIDER, "Total"}
    assert abs(int(shown["Total", PROVIDER]) - sent.count(PROVIDER)) <= 2
    manifest = door.manifest(done.files[0].id).manifest
    assert manifest["table"]["disclosure"] == "protected"
    register = [line.model_dump() for line in door.register()]
    assert any(str(line["reference"]).startswith(played.reference) for line in register)


@pytest.mark.parametrize("column", ["Provider_Code"])
def test_a_trust_has_no_records_of_the_same(played: Scene, column: str) -> None:
    door = played.stage.actor(CLIENT).dissemination

    with pytest.raises(Refused) as no:
        door.request(body(played, fields=[column], formats=["csv"]))

    assert "FORM_NOT_ALLOWED" in no.value.codes


def test_an_agreement_on_records_of_its_own_gives_a_trust_none(played: Scene) -> None:
    """Whoever signed: the line's classification is not one for providers."""
    asked, sections = of_its_own(played, "PSEUDO_ANONYMISED")
    reference = played.stage.in_force(asked, "Records of its own", sections)
    door = played.stage.actor(CLIENT).dissemination

    with pytest.raises(Refused) as no:
        door.request(
            body(
                played,
                agreement=reference,
                classification="PSEUDO_ANONYMISED",
                fields=["Sex"],
                formats=["csv"],
            )
        )

    assert "FORM_NOT_ALLOWED" in no.value.codes


def test_somebody_elses_client_asks_for_none_of_it(played: Scene) -> None:
    with pytest.raises(Refused):
        played.csu.dissemination.tabulate(body(played, dimensions=[{"column": "Sex"}]))
