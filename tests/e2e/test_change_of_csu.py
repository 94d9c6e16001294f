"""A commissioner changes its CSU: tokens go on with the new one, and never with both."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.clock import SystemClock, legal_day
from dsfc_cli.demo.answers import sections_of
from dsfc_cli.demo.stage import identity_of
from dsfc_cli.main import app
from dsfc_client import Dsfc, Problem, Refused
from tests.running import (
    APRIL,
    CSU,
    DEADLINE_SECONDS,
    OTHER_CSU,
    Scene,
    scene,
    until,
    wanted,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("change-of-csu"),
    pytest.mark.timeout(300),
]

COMMISSIONER, TOKEN = "02P", "Hospital_Spell_No"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "change-of-csu") as running:
        yield running


def given(played: Scene, csu: Dsfc, target: Path) -> tuple[str, list[dict[str, str]]]:
    """Have April released to a CSU; return the file's id and its rows."""
    asked = csu.dissemination.request(played.body(periods=[APRIL]))
    done = csu.dissemination.wait(asked.id, timeout_seconds=DEADLINE_SECONDS)
    assert done.state.upper() == "RELEASED", done
    csu.dissemination.download(done.files[0].id, target)
    with target.open(encoding="utf-8-sig", newline="") as text:
        rows = sorted(csv.DictReader(text), key=lambda row: sorted(row.items()))
    return str(done.files[0].id), rows


def amended(played: Scene) -> None:
    """The agreement names the new CSU from today on, and all have signed it."""
    stage, new = played.stage, wanted(played.stage.today, OTHER_CSU)
    applicant = stage.applicant(COMMISSIONER)
    drafted = applicant.draft(
        {"kind": "amendment", "title": "With the new CSU", "amends": played.reference}
    )
    for number, answers in sections_of(new).items():
        applicant.answer(drafted.id, number, answers)
    applicant.act(drafted.id, "submission")
    stage.decide(str(drafted.id), new.approval)
    body = stage.actor("body-contracts").agreements
    shown = until(
        lambda: (
            found
            if len((found := body.get(f"/v1/agreements/{played.reference}"))["versions"]) > 1
            else None
        ),
        what="the amendment is drafted",
    )
    version = shown["versions"][-1]["version"]
    for identity, party in stage.signers(new):
        role = "controller-signatory" if identity.endswith("-signatory") else None
        signs = stage.actor(identity, role).agreements
        path = f"/v1/agreements/{played.reference}/document"
        document = signs.call("GET", path, params={"version": version})
        signs.sign(
            played.reference,
            {
                "party": party,
                "document_hash": document.headers["Digest-SHA256"],
                "name_of_role": "SIRO",
            },
        )


def commanded(
    played: Scene, *arguments: str, who: str = "body-contracts", code: int = 0
) -> list[str]:
    """The lines that `dsfc domain-transfers` prints."""
    where = ["--as", who, "--directory", str(played.state)]
    if who.endswith("-signatory"):
        where += ["--role", "controller-signatory"]
    for service in ("issuer", "agreements"):
        where += [f"--{service}", played.suite.urls[service]]
    told = CliRunner().invoke(app, ["domain-transfers", *where, *arguments])
    assert told.exit_code == code, told.output
    return told.output.splitlines()


def moved(played: Scene) -> list[str]:
    """The environments in which domains went on, as the haven noted it."""
    return [
        leaf["detail"]["environment"]
        for leaf in played.leaves("pseudonymisation")
        if leaf["action"] == "domain-transferred"
    ]


def code_of(command: Callable[[], object]) -> str:
    with pytest.raises(Problem) as refused:
        command()
    return str(refused.value.code)


def codes_of(request: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        request()
    return list(refused.value.codes)


def test_the_new_csu_gets_the_former_tokens_once_the_former_one_holds_nothing(
    played: Scene, tmp_path: Path
) -> None:
    former_file, before = given(played, played.csu, tmp_path / "before.csv")
    assert len({row[TOKEN] for row in before}) > 1
    stage = played.stage
    keeps = stage.actor("body-contracts").agreements
    signatory = stage.actor(identity_of(COMMISSIONER, "signatory"), "controller-signatory")
    environments = {
        one["organisation"]: one["id"]
        for one in keeps.get("/v1/recipient-environments", limit=200)["items"]
        if one["kind"] == "analytics"
    }
    change = ["--former", CSU, "--following", OTHER_CSU, "--from", stage.today.isoformat()]
    letter = ["--evidence", "Letter of the commissioner"]
    [effect] = commanded(played, "propose", played.reference, *change, *letter)
    previewed = commanded(played, "preview", COMMISSIONER, *change, code=1)
    assert f"{played.reference}: domains go on, PROPOSED" in previewed
    assert {line.partition(":")[0] for line in previewed} >= {
        "domains_not_agreed",
        "files_not_destroyed",
        "amendment_is_missing",
    }
    signs = identity_of(COMMISSIONER, "signatory")
    assert commanded(played, "agree", effect, who=signs) == [f"{effect} AGREED"]
    assert code_of(lambda: keeps.put_domain_transfer_into_effect(effect)) == "STILL_RECEIVING"
    amended(played)

    new = played.other_csu.dissemination
    assert codes_of(lambda: new.request(played.body())) == ["DOMAIN_STILL_HELD"]
    assert codes_of(played.ask) == ["AGREEMENT_NOT_FOUND"]
    refused = code_of(lambda: keeps.put_domain_transfer_into_effect(effect))
    assert refused == "FORMER_FILES_NOT_DESTROYED"

    day = legal_day(SystemClock().now()).isoformat()
    copies = signatory.agreements.prefilled_certificate(played.reference)
    assert {copy.file_id for copy in copies} == {former_file}
    assert {copy.holder for copy in copies} == {CSU}
    said = {"method": "overwriting", "destroyed_on": day}
    signatory.agreements.certify_destruction(
        played.reference,
        {"name_of_role": "SIRO", "copies": [{"copy_id": copy.id, **said} for copy in copies]},
    )
    keeps.accept_destruction(played.reference, "It is there.")
    approver = stage.actor("body-approver").agreements
    approver.accept_destruction(played.reference, "So I see.")
    assert commanded(played, "effect", effect) == [f"{effect} IN_EFFECT"]
    listed = commanded(played, "list", played.reference)[-1].split()
    assert listed[:4] == [effect, "IN_EFFECT", CSU, OTHER_CSU]
    until(lambda: moved(played), what="the haven hears that the domain goes on")

    _, after = given(played, played.other_csu, tmp_path / "after.csv")

    assert after == before, "the same rows under the same tokens"
    with pytest.raises(Problem):
        played.csu.dissemination.download(former_file, tmp_path / "again.csv")
    assert moved(played) == [environments[OTHER_CSU]], "by what it heard, and not once more"
    query = "SELECT file FROM holding WHERE agreement = ?"
    domains = [
        json.loads(file)["domain"] for (file,) in played.rows("agreements", query, played.reference)
    ]
    assert (len(domains), len(set(domains))) == (2, 1)
