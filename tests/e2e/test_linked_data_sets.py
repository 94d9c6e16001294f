"""Two linked data sets, of which one has everybody of the other, never tell who objected.

Over four processes: episodes with one list, spells of the same people after a newer one.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dsfc_cli.demo.answers import Flow, sections_of
from dsfc_cli.demo.material import COMMISSIONER, FIELDS
from dsfc_cli.synthetic import generate
from dsfc_client import Extract, Refused
from tests.e2e.test_lists import OBJECTORS, WHY, attested, listed, people
from tests.running import APRIL, CSU, DATA_SET, DEADLINE_SECONDS, Scene, scene

pytestmark = [
    pytest.mark.xdist_group("linked-data-sets"),
    pytest.mark.timeout(300),
    pytest.mark.long,
]

SPELLS = "SUS_APCS"
ASKED = ("Sex", "GP_Practice_Code", "Hospital_Spell_No")
WHO = (
    *("NHS_Number", "NHS_Number_Status", "Local_Patient_ID", "Date_of_Birth", "Postcode"),
    *("GP_Practice_Code", "Org_Code_Res_Resp", "Commissioner_Code", "Provider_Code"),
)
"""What says of a row whose it is, and who may have it."""
WITHHELD = "Confidentiality_Category_SUS"
"""Why a row says of nobody whose it is."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene, under an agreement that links episodes and spells, opt-outs upheld."""
    with scene(tmp_path_factory, "linked-data-sets") as running:
        fields = {name: FIELDS[DATA_SET][name] for name in ASKED}
        flows = [
            Flow(data_set=one, fields=fields, first_month=APRIL, last_month=APRIL)
            for one in (DATA_SET, SPELLS)
        ]
        wanted = replace(running.wanted(COMMISSIONER, CSU, *flows), opt_outs_applied=True)
        sections = sections_of(wanted)
        sections[10]["linkage"] = [
            {"data_sets": [DATA_SET, SPELLS], "key": "person", "mitigation": "One team, one place."}
        ]
        linked = running.stage.in_force(wanted, "Episodes and spells, linked", sections)
        yield replace(running, reference=linked)


def spells_of_the_same_people(played: Scene, path: Path) -> Path:
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as lines:
        episodes = list(csv.DictReader(lines))
    generate(
        SPELLS,
        rows=len(episodes),
        seed=1,
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        world=played.world,
        path=path,
    )
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    same = [one for one in WHO if one in episodes[0] and one in rows[0]]
    for row, episode in zip(rows, episodes, strict=True):
        row.update({name: episode[name] for name in same})
        row[WITHHELD] = ""
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def tokens_of(played: Scene, extract: Extract, directory: Path) -> set[str]:
    (file,) = extract.files
    path = played.csu.dissemination.download(file.id, directory / f"{file.id}.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["Token"] for row in csv.DictReader(lines)}


@pytest.mark.scenario("R14")
def test_spells_after_a_newer_list_are_made_with_that_of_the_episodes_or_refused(
    played: Scene, tmp_path: Path
) -> None:
    operator = played.stage.actor("dscro-operator").pseudonymisation
    approver = played.stage.actor("dscro-approver").pseudonymisation
    today = played.stage.today.isoformat()
    asked = {"fields": list(ASKED), "formats": ["csv"]}
    everybody = people(played)

    first = operator.import_opt_outs(listed(tmp_path, everybody[:OBJECTORS]), today)
    episodes = played.released(**asked)
    given = tokens_of(played, episodes, tmp_path)
    newer = operator.import_opt_outs(listed(tmp_path, everybody[: OBJECTORS + 1]), today)
    assert (first.state, newer.state) == ("accepted", "accepted")

    provider = played.stage.actor("provider-r0a").pseudonymisation
    sent = provider.submit(SPELLS, APRIL, spells_of_the_same_people(played, tmp_path / "s.csv"))
    landed = provider.wait(sent.id, timeout_seconds=DEADLINE_SECONDS)
    assert landed.state.lower() == "accepted"

    spells = played.released(**asked, data_set=SPELLS)
    assert attested(played, spells)["list_id"] == str(first.id)
    assert tokens_of(played, spells, tmp_path) == given, "whoever is in one alone would have"

    # With the list of the episodes taken back there is none that would tell nothing.
    approver.take_back_opt_outs(first.id, WHY)
    dry = played.csu.dissemination.preview(played.body(**asked, data_set=SPELLS))
    with pytest.raises(Refused) as no:
        played.ask(**asked, data_set=SPELLS)
    assert list(no.value.codes) == ["OPT_OUT_DIFFERENCING"]
    assert [one["detail"] for one in dry.refusals] == [one.detail for one in no.value.refusals]
