"""Lists over four processes: one waits, the stricter holds, another person decides, it goes on."""

import csv
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dsfc_cli.demo.answers import Flow
from dsfc_cli.main import app
from dsfc_cli.synthetic import generate
from dsfc_client import Problem, Refused
from tests.running import APRIL, CSU, DEADLINE_SECONDS, MAY, Scene, scene, until, wanted

pytestmark = [pytest.mark.xdist_group("lists"), pytest.mark.timeout(300)]

OBJECTORS = 60
WHY = "Compared with the register of objections by telephone."


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "lists") as running:
        asked = replace(wanted(running.stage.today, CSU), opt_outs_applied=True)
        yield replace(running, reference=running.stage.in_force(asked, "Upholding objections"))


def people(played: Scene) -> list[str]:
    """Whose records were sent in April, in order."""
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as file:
        found = [row["NHS_Number"] for row in csv.DictReader(file)]
    return [number for number in dict.fromkeys(found) if number]


def listed(directory: Path, numbers: list[str]) -> Path:
    path = directory / f"{len(numbers)}.txt"
    path.write_text("".join(f"{number}\n" for number in numbers), "utf-8")
    return path


def attested(played: Scene, extract: Any) -> dict[str, Any]:
    """What the haven said of how opt-outs were upheld."""
    [(claims,)] = played.rows(
        "agreements", "SELECT file FROM holding WHERE extract_id = ?", str(extract.id)
    )
    found: dict[str, Any] = json.loads(claims)["opt_out"]
    return found


@pytest.mark.scenario("R13")
def test_a_list_waits_the_stricter_holds_another_decides_and_what_was_wrong_is_recalled(
    played: Scene, tmp_path: Path
) -> None:
    operator = played.stage.actor("dscro-operator").pseudonymisation
    approver = played.stage.actor("dscro-approver").pseudonymisation
    today = played.stage.today.isoformat()
    objectors = people(played)[:OBJECTORS]

    whole = operator.import_opt_outs(listed(tmp_path, objectors), today)
    shorter = operator.import_opt_outs(listed(tmp_path, objectors[:2]), today)
    assert (whole.state, shorter.state) == ("accepted", "waiting")

    april = played.released(periods=[APRIL])
    upheld = attested(played, april)
    assert (upheld["list_id"], upheld["besides"]) == (str(whole.id), [str(shorter.id)])
    # Counted are those of whom the line's population has rows: more than the shorter list has.
    assert 2 < upheld["people_left_out"] <= OBJECTORS
    left = played.csu.dissemination.download(april.files[0].id, tmp_path / "april-upheld.csv")
    with left.open(encoding="utf-8", newline="") as file:
        tokens = {row["Token"] for row in csv.DictReader(file)}
    known = {person[0] for person in played.people_sent(APRIL) if len(person) == 1}
    assert len(tokens) == len(known - {*objectors}), "of no number nobody can be asked: left out"
    assert upheld["people_left_out"] == len(known & {*objectors})

    with pytest.raises(Problem) as own:
        operator.confirm_opt_outs(shorter.id, WHY)
    assert own.value.code == "SECOND_PERSON_NEEDED"
    assert approver.confirm_opt_outs(shorter.id, WHY).state == "confirmed"
    may = played.released(periods=[MAY])
    assert attested(played, may)["list_id"] == str(shorter.id)
    watched = told(played, "csu-0df-analytics", "extract", str(may.id), of="watch")
    assert watched.stdout == "released\n"
    fetched = ("--zip", "--to", str(tmp_path / "fetched"))
    got = told(played, "csu-0df-analytics", str(april.id), *fetched, of="download")
    with zipfile.ZipFile(got.stdout.strip()) as opened:
        (name,) = [n for n in opened.namelist() if str(april.files[0].id) in n]
        assert opened.getinfo(name).file_size == april.files[0].bytes
    [edition] = played.csu.dissemination.quality(may.id)["editions"]
    assert edition["period"] == MAY
    public = httpx.get(
        f"{played.suite.urls['pseudonymisation']}/v1/data-quality?month={MAY}", timeout=60
    )
    assert [one["edition_id"] for one in public.json()["items"]] == [edition["edition_id"]]

    # It was wrong after all: what was made with it alone is void, what upheld both stays.
    assert approver.take_back_opt_outs(shorter.id, WHY).state == "taken_back"
    csu = played.csu.dissemination
    gone = until(
        lambda: found if (found := csu.extract(may.id)).state == "withdrawn" else None,
        seconds=DEADLINE_SECONDS,
        what="the extract is withdrawn",
    )
    assert gone.availability is not None
    assert (gone.availability.state, gone.availability.code) == ("withdrawn", "FILE_VOID")
    with pytest.raises(Refused) as void:
        csu.download(may.files[0].id, tmp_path / "may.csv")
    assert list(void.value.codes) == ["FILE_VOID"]
    lines = {str(line.model_extra["file_id"]): line.status for line in csu.register()}
    assert lines[str(may.files[0].id)] == "withdrawn"
    assert csu.download(april.files[0].id, tmp_path / "april.csv").stat().st_size > 0

    # April was fetched: with another list the two files would name who objected between them.
    newer = operator.import_opt_outs(listed(tmp_path, people(played)[: OBJECTORS + 1]), today)
    assert newer.state == "accepted"
    asked_before = [extract.id for extract in csu.extracts()]
    dry = csu.preview(played.body(periods=[APRIL]))
    with pytest.raises(Refused) as betraying:
        played.ask(periods=[APRIL])
    assert list(betraying.value.codes) == ["OPT_OUT_DIFFERENCING"]
    assert [one["detail"] for one in dry.refusals] == [
        one.detail for one in betraying.value.refusals
    ]
    assert [extract.id for extract in csu.extracts()] == asked_before
    # Nobody fetched a byte of May.
    again = played.released(periods=[MAY])
    assert attested(played, again)["list_id"] == str(newer.id)

    # A correction of April that lost nobody hides nobody: it waits, and nothing is prepared.
    assert played.submit(corrected(played, tmp_path)).state.lower() == "accepted"
    dry = csu.preview(played.body(periods=[APRIL]))
    with pytest.raises(Refused) as waiting:
        played.ask(periods=[APRIL])
    assert [one["detail"] for one in dry.refusals] == [one.detail for one in waiting.value.refusals]
    [why] = waiting.value.refusals
    assert why.code == "OPT_OUT_DIFFERENCING"
    assert "They wait for their next edition" in why.detail
    assert len([*csu.extracts()]) == len(asked_before) + 1, "May alone"


def corrected(played: Scene, directory: Path) -> Path:
    """April with one value corrected: the same people."""
    path = directory / "april-corrected.csv"
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as file:
        [head, *rows] = csv.reader(file)
    sex = head.index("Sex")
    rows[0][sex] = "2" if rows[0][sex] == "1" else "1"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    return path


def told(played: Scene, who: str, *command: str, of: str = "waiting") -> Result:
    """What `dsfc waiting`, or another of its commands, says to somebody."""
    where = ["--as", who, "--directory", str(played.state)]
    services = {
        "waiting": ("issuer", "agreements", "pseudonymisation"),
        "opt-out-checks": ("issuer", "pseudonymisation"),
        "watch": ("issuer", "pseudonymisation", "dissemination"),
        "download": ("issuer", "dissemination"),
    }
    for service in services[of]:
        where += [f"--{service}", played.suite.urls[service]]
    return CliRunner().invoke(app, [of, *where, *command])


def test_a_national_check_is_asked_and_answered_by_the_command(
    played: Scene, tmp_path: Path
) -> None:
    def checks(*command: str) -> Result:
        return told(played, "dscro-operator", *command, of="opt-out-checks")

    opening = ("open", "SUS_APC", MAY, "--purpose", "RS", "--once", "by-the-command")
    opened = checks(*opening)
    assert opened.exit_code == 0, opened.stderr
    assert checks(*opening).stdout == opened.stdout
    [check] = json.loads(checks("list", "--state", "open", "--json").stdout)
    request = tmp_path / "request.dat"
    early = checks("reply", check["id"], __file__, "--reference", check["reference"])
    assert (early.exit_code, "OPT_OUT_CHECK_NOT_ASKED" in early.stderr) == (1, True)

    assert " asked, reference NDOO-" in checks("request", check["id"], "--to", str(request)).stdout
    assert request.stat().st_mode & 0o077 == 0
    again = checks("request", check["id"], "--to", str(request))
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    other = checks("reply", check["id"], str(request), "--reference", "NDOO-OTHER")
    assert (other.exit_code, "OPT_OUT_REPLY_OF_ANOTHER_CHECK" in other.stderr) == (1, True)
    assert "OPT_OUT_REPLY_OF_ANOTHER_CHECK" in checks("list", "--state", "refused", "--json").stdout
    reply = tmp_path / "reply.dat"
    reply.write_bytes(b"".join(request.read_bytes().splitlines(keepends=True)[2:]))
    done = checks("reply", check["id"], str(reply), "--reference", check["reference"])

    assert done.exit_code == 0, done.stderr
    assert f"{check['id']} answered\n" in checks("list").stdout
    provider = told(played, "provider-r0a", "list", of="opt-out-checks")
    assert (provider.exit_code, "ROLE_NOT_PERMITTED" in provider.stderr) == (1, True)


def test_what_waits_is_seen_confirmed_and_taken_back_by_the_command(
    played: Scene, tmp_path: Path
) -> None:
    loader = played.stage.actor("body-reference-data").agreements
    path = tmp_path / "organisations.csv"
    rows = "".join(f"RY{n:02d},Trust {n},NHS_TRUST,,,2013-04-01,\n" for n in range(60))
    path.write_text(f"ods,name,kind,legal_entity,parent,valid_from,valid_to\n{rows}", "utf-8")
    sent = str(loader.import_organisations(path, "dsfc").id)
    one = ("import", sent)
    why = ("--reason", WHY)

    [listed] = json.loads(told(played, "body-contracts", "list", "--json").stdout)
    assert (listed["kind"], listed["id"], listed["state"]) == ("import", sent, "waiting")
    assert listed["added"] == 60
    assert sent in told(played, "body-contracts", "show", *one).stdout
    own = told(played, "body-reference-data", "confirm", *one, *why)
    assert (own.exit_code, "SECOND_PERSON_NEEDED" in own.stderr) == (1, True)
    assert told(played, "body-contracts", "confirm", *one, *why).stdout == "confirmed\n"
    assert told(played, "body-contracts", "take-back", *one, *why).stdout == "leaving\n"
    [leaving] = json.loads(told(played, "body-reference-data", "list", "--json").stdout)
    assert leaving["state"] == "leaving"
    assert told(played, "body-reference-data", "take-back", *one, *why).stdout == "taken_back\n"
    assert told(played, "body-contracts", "list").stdout == "Nothing waits.\n"

    lists = told(played, "dscro-approver", "list")
    assert lists.exit_code == 0, lists.stderr
    nobody = told(played, "provider-r0a", "confirm", *one, *why)
    assert (nobody.exit_code, nobody.stdout) == (1, "")


def test_a_list_of_organisations_waits_and_is_taken_back(played: Scene, tmp_path: Path) -> None:
    loader = played.stage.actor("body-reference-data").agreements
    second = played.stage.actor("body-contracts").agreements
    path = tmp_path / "organisations.csv"
    rows = "".join(f"RZ{n:02d},Trust {n},NHS_TRUST,,,2013-04-01,\n" for n in range(60))
    path.write_text(f"ods,name,kind,legal_entity,parent,valid_from,valid_to\n{rows}", "utf-8")

    sent = loader.import_organisations(path, "dsfc")

    assert sent.standing.state == "waiting"
    assert sent.standing.change.added == 60
    assert [one.id for one in second.imports(state="waiting")] == [sent.id]
    with pytest.raises(Problem) as own:
        loader.confirm_import(sent.id, WHY)
    assert own.value.code == "SECOND_PERSON_NEEDED"
    assert second.confirm_import(sent.id, WHY).standing.state == "confirmed"
    assert loader.get("/v1/organisations/RZ07")["name"] == "Trust 7"
    assert second.take_back_import(sent.id, WHY).standing.state == "leaving"
    assert loader.take_back_import(sent.id, WHY).standing.state == "taken_back"
    with pytest.raises(Problem) as unknown:
        loader.get("/v1/organisations/RZ07")
    assert unknown.value.code == "ORGANISATION_NOT_FOUND"


def test_who_may_send_for_whom_is_recorded_by_one_and_confirmed_by_another(played: Scene) -> None:
    loader = played.stage.actor("body-reference-data").agreements
    second = played.stage.actor("body-contracts").agreements

    batch = loader.record_submission_right("RTG", "RXK", "2018-04-01", "Contract, section 4")

    assert [r.state for r in batch.rights] == ["waiting"]
    confirmed = second.confirm_submission_rights(batch.id, WHY)
    assert [r.state for r in confirmed.rights] == ["confirmed"]
    assert batch.rights[0].id in {r.id for r in loader.submission_rights(state="confirmed")}
    asked = loader.may_submit("RTG", "2018-04-01", provider="RXK")
    assert asked["providers"][0]["may_submit"] is True
    ended = loader.end_submission_right(batch.rights[0].id, last_day="2018-04-30")
    assert str(ended.valid_to) == "2018-04-30"


@pytest.mark.scenario("R01")
@pytest.mark.scenario("R02")
def test_an_edition_of_shmi_leaves_after_its_publication_and_each_file_is_in_the_register(
    played: Scene, tmp_path: Path
) -> None:
    edition, month = "2015-06/2018-05", MAY
    flow = Flow(
        data_set="SHMI",
        fields={"PROCODE3": "as_is", "SEX": "as_is", "PROVISIONAL_FLAG": "as_is"},
        first_month=month,
        last_month=month,
        reasons=(),
    )
    today = played.stage.today
    reference = played.stage.in_force(replace(wanted(today, CSU), flows=[flow]), "Mortality")
    file = tmp_path / "shmi.csv"
    first, last = date(2015, 6, 1), date(2018, 5, 31)
    generate("SHMI", rows=300, seed=1, first=first, last=last, world=played.world, path=file)
    provider = played.stage.actor("provider-r0a").pseudonymisation
    provider.wait(provider.submit("SHMI", month, file).id, timeout_seconds=DEADLINE_SECONDS)
    asked = {
        "agreement": reference,
        "data_set": "SHMI",
        "fields": list(flow.fields),
        "formats": ["csv", "parquet"],
    }
    publisher = played.stage.actor("body-register").agreements

    def published(day: date) -> None:
        said = {"data_set": "SHMI", "period": month, "published_on": day.isoformat()}
        publisher.post("/v1/publications", said)

    def refused() -> list[str]:
        with pytest.raises(Refused) as no:
            played.ask(**asked, periods=[edition])
        return list(no.value.codes)

    assert refused() == ["NOT_PUBLISHED_YET"]
    published(today + timedelta(days=1))
    assert refused() == ["NOT_PUBLISHED_YET"]
    published(today)
    done = played.released(**asked, periods=[edition])

    csu = played.csu.dissemination
    lines = [str((line.model_extra or {})["file_id"]) for line in csu.register()]
    assert len(done.files) == 2
    for released in done.files:
        got = csu.download(released.id, tmp_path / f"{released.id}.{released.format}")
        assert got.stat().st_size == released.bytes
        assert lines.count(str(released.id)) == 1
        assert csu.manifest(released.id).manifest["periods"] == [month]
