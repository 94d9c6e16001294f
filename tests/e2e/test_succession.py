"""A commissioner passes to its successor: nothing by itself, all by the instrument (ruling 4)."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dsfc_cli.demo.answers import sections_of
from dsfc_cli.demo.stage import ORGANISATIONS, identity_of
from dsfc_client import Extract, Problem, Refused
from tests.running import APRIL, CSU, Scene, scene, until, wanted

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("succession"),
    pytest.mark.timeout(300),
]

PREDECESSOR, SUCCESSOR = "02P", "26A"
TOKEN, REASONS = "Hospital_Spell_No", "Reason_For_Access"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "succession") as running:
        yield running


def rows_of(played: Scene, extract: Extract, directory: Path) -> list[dict[str, str]]:
    target = directory / f"{extract.id}.csv"
    played.csu.dissemination.download(extract.files[0].id, target)
    with target.open(encoding="utf-8-sig", newline="") as text:
        return sorted(csv.DictReader(text), key=lambda row: sorted(row.items()))


def without_reasons(rows: Sequence[Mapping[str, str]]) -> list[tuple[tuple[str, str], ...]]:
    """The records whoever they are of: of some the successor is a commissioner as well."""
    return sorted(tuple(item for item in row.items() if item[0] != REASONS) for row in rows)


def closed_yesterday(played: Scene) -> None:
    """The lists say that the predecessor is no more."""
    last = played.stage.today - timedelta(days=1)
    content = (
        "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
        f"{PREDECESSOR},NHS Barnsley CCG,CCG,,,2013-04-01,{last}\n"
    )
    loader = played.stage.actor("body-reference-data").agreements
    sent = loader.upload_csv("/v1/organisations/imports", content.encode(), layout="dsfc")
    assert sent["standing"]["state"] == "accepted"


def amended_by_the_successor(played: Scene) -> None:
    """The successor names itself in its predecessor's place, and all sign it."""
    stage = played.stage
    new = replace(
        wanted(stage.today, CSU),
        controller=SUCCESSOR,
        controller_name=ORGANISATIONS[SUCCESSOR][0],
    )
    applicant = stage.applicant(SUCCESSOR)
    drafted = applicant.draft(
        {"kind": "amendment", "title": "Of the successor", "amends": played.reference}
    )
    for number, answers in sections_of(new).items():
        applicant.answer(drafted.id, number, answers)
    applicant.act(drafted.id, "submission")
    stage.decide(str(drafted.id), new.approval)
    body = stage.actor("body-contracts").agreements

    def versions() -> Sequence[Mapping[str, Any]]:
        return body.get(f"/v1/agreements/{played.reference}")["versions"]

    until(lambda: len(versions()) > 1, what="the amendment is drafted")
    drafted_version = versions()[-1]
    for identity, party in stage.signers(new):
        role = "controller-signatory" if identity.endswith("-signatory") else None
        signature = {
            "party": party,
            "document_hash": drafted_version["document_hash"],
            "name_of_role": "SIRO",
        }
        stage.actor(identity, role).agreements.sign(played.reference, signature)
    assert versions()[-1]["missing_signatures"] == []


@pytest.mark.scenario("A03")
def test_the_successor_gets_the_predecessors_rows_with_the_former_tokens_by_the_instrument_alone(
    played: Scene, tmp_path: Path
) -> None:
    before = rows_of(played, played.released(periods=[APRIL]), tmp_path)
    assert len({row[TOKEN] for row in before}) > 1
    closed_yesterday(played)

    with pytest.raises(Refused) as nothing_passes_by_itself:
        played.ask(periods=[APRIL])
    assert nothing_passes_by_itself.value.codes == ["DSFC_NOT_IN_FORCE"]

    keeps = played.stage.actor("body-contracts").agreements
    today = played.stage.today.isoformat()
    preview = keeps.preview_transfer(PREDECESSOR, SUCCESSOR, today)
    assert (preview.contracts, preview.files, preview.domains) == (1, 1, 2)
    assert {played.reference, played.other_reference} <= set(preview.agreements)
    moved = {
        "predecessor": PREDECESSOR,
        "successor": SUCCESSOR,
        "effective_from": today,
        "evidence": "Transfer scheme, schedule 2",
    }
    instrument = keeps.record_transfer(moved)

    after = rows_of(played, played.released(periods=[APRIL]), tmp_path)

    assert after == before, "the same rows under the same tokens"
    successor = played.stage.actor(identity_of(SUCCESSOR, "signatory"), "controller-signatory")
    assert played.reference in {one.reference for one in successor.agreements.list()}
    amended_by_the_successor(played)
    again = rows_of(played, played.released(periods=[APRIL]), tmp_path)
    of_the_predecessor = [row for row in again if PREDECESSOR in row[REASONS]]
    assert without_reasons(of_the_predecessor) == without_reasons(before), "the same tokens again"
    assert len(again) > len(before), "and the successor's own people"

    with pytest.raises(Problem) as late:
        keeps.withdraw_transfer(str(instrument.id), "It was put off.")
    assert late.value.code == "TRANSFER_TOOK_EFFECT"
