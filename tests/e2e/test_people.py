"""A practice is told which of its own patients a token is, over four processes (domain.md 8.4)."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dsfc_cli.demo.answers import Flow, toolkit
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_client import Problem
from tests.running import APRIL, CSU, DATA_SET, DEADLINE_SECONDS, Scene, scene

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("people"), pytest.mark.timeout(300)]

PRACTICE = "J81002"
ORGANISATION = (
    "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
    f"{PRACTICE},A practice,GP_PRACTICE,,,2013-04-01,\n"
)
NUMBER, TOKEN = "NHS_Number", "Token"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "people") as running:
        yield running


@pytest.fixture(scope="module")
def reference(played: Scene) -> str:
    """Return an agreement for risk stratification, with the practice in the lists and assured."""
    loader = played.stage.actor("body-reference-data").agreements
    loader.upload_csv("/v1/organisations/imports", ORGANISATION.encode(), layout="dsfc")
    today = played.stage.today
    loader.post(
        "/v1/assurance",
        {
            "organisation": PRACTICE,
            "kind": "DSPT",
            "reference": toolkit(today),
            "status": "STANDARDS_MET",
            "published_on": (today - timedelta(days=60)).isoformat(),
            "seen_on": today.isoformat(),
        },
    )
    wanted = Flow(
        data_set=DATA_SET,
        fields={"Sex": "as_is"},
        first_month=APRIL,
        last_month=APRIL,
        purpose="RS",
    )
    asked = played.wanted(COMMISSIONER, CSU, wanted)
    return played.stage.in_force(asked, "Who is at risk of admission")


@pytest.fixture(scope="module")
def tokens(played: Scene, reference: str) -> list[str]:
    """Tokens of the supplier's file."""
    body = played.body(agreement=reference, purpose="RS", fields=["Sex"])
    door = played.csu.dissemination
    done = door.wait(door.request(body).id, timeout_seconds=DEADLINE_SECONDS)
    assert done.state.upper() == "RELEASED", done
    target = played.state.parent / "risk.csv"
    door.download(done.files[0].id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        return sorted({row[TOKEN] for row in csv.DictReader(lines)})


@pytest.fixture(scope="module")
def registered(played: Scene, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Every second person of the month is the practice's; two people let the list in."""
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as lines:
        numbers = sorted({row[NUMBER] for row in csv.DictReader(lines)} - {""})
    known = [n for n in numbers if n in {str(one) for one in played.world.nhs_numbers}]
    ours = frozenset(known[::2])
    path = tmp_path_factory.mktemp("registrations") / "registrations.csv"
    path.write_text("".join(f"{n},{PRACTICE if n in ours else 'A81001'}\n" for n in known))
    haven = played.stage.actor("dscro-operator").pseudonymisation
    sent = haven.import_registrations(path, played.stage.today.isoformat(), len(known))
    assert sent.state == "waiting"
    approver = played.stage.actor("dscro-approver").pseudonymisation
    assert approver.confirm_registrations(sent.id, "The list was compared").state == "confirmed"
    return ours


def wanted(reference: str, tokens: list[str]) -> dict[str, object]:
    return {
        "agreement": reference,
        "purpose": "RS",
        "data_set": DATA_SET,
        "classification": "PSEUDO_ANONYMISED",
        "tokens": tokens,
        "reason_code": "case_finding",
        "reason": "The score is high; a review is due.",
    }


@pytest.mark.scenario("G01")
@pytest.mark.scenario("G02")
def test_a_practice_is_told_its_own_patients_and_an_auditor_finds_that_it_was(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str]
) -> None:
    practice = played.stage.actor("practice-j81002").pseudonymisation
    found = []
    for at in range(0, min(len(tokens), 60), 10):
        asked = practice.reidentify(wanted(reference, tokens[at : at + 10]))
        assert asked.state == "ready"
        found += practice.reidentified(asked.id)

    numbers = {row.nhs_number for row in found if row.outcome == "number"}
    others = [row for row in found if row.outcome == "not_registered_with_you"]
    assert numbers
    assert others
    assert numbers <= registered
    assert all(row.nhs_number is None for row in found if row.outcome != "number")
    auditor = played.stage.actor("body-auditor").pseudonymisation
    one = next(iter(numbers))
    (told,) = auditor.who_was_told(nhs_number=str(one))
    assert (told.practice, told.told_to, told.agreement) == (
        PRACTICE,
        "practice-j81002",
        reference,
    )


@pytest.mark.scenario("G03")
def test_the_supplier_is_refused_and_both_logs_have_the_attempt(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str]
) -> None:
    before = len(played.leaves("agreements"))
    with pytest.raises(Problem) as told:
        played.csu.pseudonymisation.reidentify(wanted(reference, tokens[:1]))

    assert told.value.code == "DIRECT_CARE_ONLY"
    of_agreements = played.leaves("agreements")[before:]
    assert [leaf["action"] for leaf in of_agreements] == ["reidentify-refused"]
    last = played.leaves("pseudonymisation")[-1]
    assert (last["action"], last["client_id"]) == (
        "re-identification-refused",
        "csu-0df-analytics",
    )


@pytest.mark.scenario("R18")
def test_tokens_of_another_agreement_are_refused_whole(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str]
) -> None:
    other = played.released(fields=["Sex"])
    target = played.state.parent / "planning.csv"
    played.csu.dissemination.download(other.files[0].id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        theirs = next(csv.DictReader(lines))[TOKEN]

    practice = played.stage.actor("practice-j81002").pseudonymisation
    with pytest.raises(Problem) as told:
        practice.reidentify(wanted(reference, [tokens[0], theirs]))

    assert told.value.code == "DOMAIN_MISMATCH"


def test_two_people_of_governance_are_told_in_which_releases_somebody_was(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str]
) -> None:
    first, second = (played.stage.actor(f"body-governance-{n}").pseudonymisation for n in (1, 2))
    practice = played.stage.actor("practice-j81002").pseudonymisation
    rows = practice.reidentified(practice.reidentify(wanted(reference, tokens[:10])).id)
    number = next(row.nhs_number for row in rows if row.outcome == "number")
    assert number is not None
    asked = first.ask_for_subject_access(number, "A data subject asked")
    assert second.confirm_subject_access(asked.id, "Identity was checked").state == "ready"

    found = first.releases_of_person(asked.id)

    (own,) = [release for release in found if release.agreement == reference]
    assert (own.found, own.purpose, own.recipients) == ("in_it", "RS", ["0DF"])
    listed = {line.file_id for line in played.csu.dissemination.register()}
    assert own.files
    assert {str(file) for file in own.files} <= listed


def test_the_command_prints_the_answer_as_csv(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str], tmp_path: Path
) -> None:
    asked = tmp_path / "tokens.txt"
    asked.write_text("\n".join(tokens[:10]))
    command = [sys.executable, "-m", "dsfc_cli.main", "reidentify", reference, DATA_SET, str(asked)]
    command += ["--reason-code", "recall", "--reason", "A check is due"]
    command += ["--directory", str(played.state), "--issuer", played.suite.urls["issuer"]]
    command += ["--pseudonymisation", played.suite.urls["pseudonymisation"]]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["token"] for row in rows] == tokens[:10]
    assert {row["nhs_number"] for row in rows if row["outcome"] == "number"} <= registered


def test_the_commands_ask_for_subject_access_and_print_the_releases_as_csv(
    played: Scene, reference: str, tokens: list[str], registered: frozenset[str], tmp_path: Path
) -> None:
    practice = played.stage.actor("practice-j81002").pseudonymisation
    rows = practice.reidentified(practice.reidentify(wanted(reference, tokens[:10])).id)
    number = tmp_path / "number.txt"
    number.write_text(next(str(row.nhs_number) for row in rows if row.outcome == "number"))

    asked = _run(played, "subject-access", "ask", str(number), "--reason", "A data subject asked")
    assert asked.returncode == 0, asked.stderr
    told = _run(
        played, "subject-access", "answer", asked.stdout.strip(), "--reason", "Identity was checked"
    )

    assert told.returncode == 0, told.stderr
    found = list(csv.DictReader(told.stdout.splitlines()))
    assert reference in {row["agreement"] for row in found}
    assert number.read_text() not in asked.stdout + asked.stderr + told.stdout + told.stderr


def test_the_command_that_matches_an_invoice_prints_what_refuses_it(
    played: Scene, reference: str, tmp_path: Path
) -> None:
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("9990000018\n")
    done = _run(
        played, "match-invoice", reference, DATA_SET, str(numbers),
        "--invoice", "R0A-0042", "--provider", "R0A", "--month", APRIL,
        "--as", "csu-0df-analytics",
    )  # fmt: skip

    assert done.returncode != 0
    assert "LINE_NOT_IN_DSA" in done.stderr


def _run(played: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    urls = played.suite.urls
    command = [sys.executable, "-m", "dsfc_cli.main", *arguments]
    command += ["--directory", str(played.state), "--issuer", urls["issuer"]]
    command += ["--pseudonymisation", urls["pseudonymisation"]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_prints_which_lines_could_be_linked(played: Scene) -> None:
    urls = played.suite.urls
    command = [sys.executable, "-m", "dsfc_cli.main", "linkage", played.reference, "--line", "1"]
    command += ["--as", "csu-0df-analytics", "--directory", str(played.state)]
    command += ["--issuer", urls["issuer"], "--agreements", urls["agreements"]]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    (first, *_) = csv.DictReader(done.stdout.splitlines())
    assert (first["line"], first["data_set"], first["linked"]) == ("1", DATA_SET, "1")
