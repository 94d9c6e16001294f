"""Events delivered twice, late and out of order do no harm; poison is laid aside and replayed."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from common.clock import SystemClock, legal_day
from common.ids import new_id
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Message
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.stage import identity_of
from dsfc_cli.main import app
from dsfc_client import Agreements, Extract, Problem, Refused
from dsfc_client.models import Destruction, HeldCopy
from tests.forking import ForkingSuite
from tests.running import CSU, HEARD, OTHER_CSU, Scene, scene, until, wanted

pytestmark = [pytest.mark.xdist_group("events"), pytest.mark.timeout(300)]

BOOKKEEPING = {"inbox", "aggregate_seen", "fact_epoch", "fact_change", "seal", "audit_frontier"}
"""Who heard what, and whose turn it was to write: that changes when something is heard again, and
nothing else may. Every turn is sealed, also one in which no register changed (docs/adr/0024)."""
SEALED_NOTHING = '"registers":0'
"""In the leaf of such a seal."""

UNSAID = {"agreements.holding", "agreements.domain-transfer"}
"""No file is gone yet, and no domain goes on."""
NUMBER = "9990000018"
NO_KEYS_KEPT = {"pseudonymisation": {"KEEP_DOMAIN_KEYS_DAYS": "0", "SWEEP_SECONDS": "0.5"}}
"""Nobody waits a year here for the key of a domain to be destroyed."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "events", settings=NO_KEYS_KEPT) as running:
        running.released()
        yield running


@pytest.fixture
def log(played: Scene) -> Iterator[EmbeddedLog]:
    opened = EmbeddedLog(played.state / "events.db")
    yield opened
    opened.close()


def messages(played: Scene) -> list[Message]:
    """All that was ever said, in order."""
    found = played.events("SELECT topic, key, headers, value FROM message ORDER BY position")
    return [
        Message(
            topic=topic,
            key=key,
            value=value,
            headers={name: bytes.fromhex(text) for name, text in json.loads(headers).items()},
        )
        for topic, key, headers, value in found
    ]


def content(played: Scene, service: str) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """All that a service knows."""
    tables = played.rows(service, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name: sorted(
            (
                row[1:] if name == "audit_leaf" else row  # leaves between take other places
                for row in played.rows(service, f'SELECT * FROM "{name}"')
                if name != "audit_leaf" or SEALED_NOTHING not in repr(row)
            ),
            key=repr,
        )
        for (name,) in tables
        if name not in BOOKKEEPING
    }


def with_new_id(message: Message) -> Message:
    return replace(message, headers={**message.headers, "ce_id": str(new_id()).encode()})


def version(message: Message) -> int:
    return int(message.headers["ce_aggregateversion"])


def newest(said: Sequence[Message], message: Message) -> int:
    """The newest version that was told of this message's aggregate."""
    same = [m for m in said if (m.topic, m.key) == (message.topic, message.key)]
    return max(version(m) for m in same)


def letters(played: Scene, service: str) -> Sequence[tuple[str, str]]:
    """Dead letters that wait: id and reason."""
    return played.rows(
        service,
        "SELECT id, reason FROM dead_letter WHERE replayed_at IS NULL ORDER BY failed_at",
    )


def test_what_is_said_twice_late_and_backwards_changes_nothing(
    played: Scene, log: EmbeddedLog
) -> None:
    """Guards: the inbox, which knows an event's id, and the newest version of its aggregate
    (`inbox.accept`)."""
    until(played.all_heard)
    said = messages(played)
    heard = {t for topics in HEARD.values() for t in topics}
    assert {message.topic for message in said} >= heard - UNSAID
    before = {service: content(played, service) for service in HEARD}

    late = [with_new_id(m) for m in reversed(said) if version(m) < newest(said, m)]
    assert {message.topic for message in late} >= {"agreements.agreement"}
    for message in [*said, *late]:
        log.append(message)
    until(played.all_heard)

    for service in HEARD:
        now = content(played, service)
        assert {name for name in now if now[name] != before[service][name]} == set()


def malformed(topic: str, type_: str, data: Any) -> Message:
    """An event in the right form, with data that its reader cannot read."""
    id_ = str(new_id()).encode()
    return Message(
        topic=topic,
        key=id_,
        value=json.dumps(data).encode(),
        headers={
            "ce_id": id_,
            "ce_source": b"/poison",
            "ce_type": type_.encode(),
            "ce_specversion": b"1.0",
            "ce_subject": b"poison",
            "ce_time": b"2018-06-01T09:00:00Z",
            "ce_partitionkey": id_,
            "ce_aggregateversion": b"1",
            "ce_aggregatestate": b"APPROVED",
            "content-type": b"application/json",
        },
    )


@pytest.mark.parametrize(
    ("service", "topic", "type_"),
    [
        ("agreements", "applications.application", "applications.application-approved.v1"),
        ("applications", "agreements.agreement", "agreements.agreement-activated.v1"),
        ("pseudonymisation", "agreements.agreement", "agreements.agreement-terminated.v1"),
        ("dissemination", "agreements.agreement", "agreements.agreement-held.v1"),
        (
            "dissemination",
            "pseudonymisation.preparation",
            "pseudonymisation.extract-prepared.v1",
        ),
    ],
)
def test_poison_is_laid_aside_with_a_reason_that_quotes_nothing(
    played: Scene, log: EmbeddedLog, service: str, topic: str, type_: str
) -> None:
    """Guards: `Consumer._lay_aside`; `dead_letters.reason_of`, which names kinds and places."""
    known = len(letters(played, service))
    unreadable = Message(topic=topic, key=b"k", value=NUMBER.encode(), headers={})
    poison = malformed(topic, type_, {"application_id": NUMBER, "extract_id": NUMBER})

    for message in (unreadable, poison):
        log.append(message)
    until(played.all_heard)

    found = letters(played, service)[known:]
    assert len(found) == 2
    assert found[0][1].startswith("MessageMalformed: without ce_aggregatestate")
    assert "ValidationError" in found[1][1]
    assert not [reason for _, reason in found if NUMBER in reason]
    copies = played.events(f"SELECT headers FROM message WHERE topic = '{topic}.dead-letter'")
    reasons = [bytes.fromhex(json.loads(h)["dsfc_reason"]).decode() for (h,) in copies]
    assert {reason for _, reason in found} <= set(reasons)


def test_what_was_laid_aside_is_replayed_by_command(played: Scene) -> None:
    """An approval whose snapshot cannot be found is laid aside; once it can, the replay drafts the
    agreement. Guards: `Consumer._handle`, which gives up in the end; `Consumer.replay`; the two
    readings of the inbox, so that what was heard since does not make an approval old."""
    suite, stage = played.suite, played.stage
    assert isinstance(suite, ForkingSuite)
    application = stage.apply(wanted(stage.today, CSU), "Another one")
    stage.applicant("02P").act(application, "submission")
    until(played.all_heard)  # of its submission too: that would be laid aside beside the approval
    suite.stop_service("agreements")
    stage.decide(application)
    taken = take_snapshots(played)
    known = set(letters(played, "agreements"))
    suite.start_service("agreements")
    suite.wait_ready(["agreements"])
    (letter,) = until(lambda: set(letters(played, "agreements")) - known)
    assert "SNAPSHOT" in letter[1] or "NOT_FOUND" in letter[1], letter[1]
    assert not drafted(played, application)

    put_back(played, taken)
    status, told = suite.run("agreements", "dead-letters", "list")
    assert status == 0
    (line,) = [line for line in told.splitlines() if letter[1] in line]
    status, told = suite.run("agreements", "dead-letters", "replay", line.split()[0])

    assert status == 0, told
    assert len(drafted(played, application)) == 1
    assert letter not in letters(played, "agreements")
    status, _ = suite.run("agreements", "dead-letters", "replay", line.split()[0])
    assert len(drafted(played, application)) == 1, "replayed twice, drafted once"


def drafted(played: Scene, application: str) -> list[Any]:
    contracts = played.stage.actor("body-contracts").agreements
    return [a for a in contracts.list() if str(a.application_id) == application]


def take_snapshots(played: Scene) -> list[tuple[Any, ...]]:
    """Take the newest snapshot away, behind the service's back."""
    with closing(sqlite3.connect(played.state / "applications.db", timeout=10)) as database:
        rows = database.execute("SELECT * FROM snapshot ORDER BY rowid DESC LIMIT 1").fetchall()
        database.execute("DELETE FROM snapshot WHERE hash = ?", [rows[0][0]])
        database.commit()
    return rows


def put_back(played: Scene, rows: list[tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(played.state / "applications.db", timeout=10)) as database:
        database.executemany(f"INSERT INTO snapshot VALUES ({', '.join('?' * len(rows[0]))})", rows)
        database.commit()


@pytest.mark.scenario("R22")
@pytest.mark.scenario("B05")
def test_what_goes_on_or_lies_where_no_clause_says_is_a_breach_that_all_hear_of(
    played: Scene,
) -> None:
    """Guards: `ground_of`, `unnamed_places`. What has stopped holds nothing (ruling 3)."""
    adviser = played.stage.actor("csu-0df-adviser").agreements
    assert adviser.may_share(played.reference, COMMISSIONER, 1).allowed
    assert not adviser.may_share(played.reference, OTHER_CSU, 1).allowed
    day = legal_day(SystemClock().now()).isoformat()
    body = {"recipient": OTHER_CSU, "line": 1, "shared_on": day, "activity_stopped": "yes"}

    shared = adviser.log_onward_share(played.reference, body)
    places = [{"postcode": "ZZ99 3WZ", "operator": CSU}]
    found = played.stage.actor("body-auditor").agreements.find_places(
        played.reference, {"places": places, "activity_stopped": "yes"}
    )

    assert shared.ground is None
    assert [one.id for one in adviser.onward_shares(played.reference)] == [shared.id]
    until(played.all_heard)
    said = "SELECT value FROM message WHERE topic = 'agreements.breach'"
    told = " ".join(str(value) for (value,) in played.events(said))
    assert str(shared.breach_id) in told
    assert found["breach_id"] in told
    assert played.csu.agreements.agreement(played.reference).state == "ACTIVE"


OURS = "SELECT state FROM pseudonym_domain WHERE agreement = ?"


@pytest.fixture(scope="module")
def over(played: Scene) -> Extract:
    """What was released before the agreement was ended; whoever asks for it is one of the last."""
    extract = played.released()
    assert played.rows("pseudonymisation", OURS, played.reference) == [("open",)]
    played.stage.actor("body-contracts").agreements.post(
        f"/v1/agreements/{played.reference}/termination", {"reason": "It has done its work."}
    )
    return extract


def test_the_end_of_an_agreement_is_heard_by_all_whom_it_concerns(
    played: Scene, over: Extract
) -> None:
    """The haven closes its domain and the domain's key, dissemination withdraws what was released,
    applications has it in the history; the other agreement's are as they were. The last tests here:
    the agreement is over. Guards: `close_domains_of`, `agreement_statuses.record_status`,
    `timeline.note`."""
    extract = over
    (application,) = {
        str(a.application_id)
        for a in played.stage.actor("body-contracts").agreements.list()
        if a.reference == played.reference
    }

    until(lambda: played.csu.dissemination.extract(extract.id).state == "withdrawn")
    withdrawn = played.csu.dissemination.extract(extract.id)
    assert withdrawn.availability is not None
    assert withdrawn.availability.state == "withdrawn"
    assert withdrawn.availability.agreement_state == "DESTRUCTION_DUE"
    lines = list(played.csu.dissemination.register())
    of_agreement = {
        reference: {line.status for line in lines if line.model_dump()["reference"] == reference}
        for reference in (played.reference, played.other_reference)
    }
    assert of_agreement[played.reference] == {"withdrawn"}
    assert of_agreement[played.other_reference] <= {"current"}
    until(lambda: played.rows("pseudonymisation", OURS, played.reference) == [("closed",)])
    applicant = played.stage.applicant("02P")
    until(lambda: "agreement-terminated" in json.dumps(applicant.history(application)))
    with pytest.raises(Refused) as refused:
        played.csu.dissemination.download(extract.files[0].id, played.state / "too-late")
    assert refused.value.has("DSA_NOT_ACTIVE")


def commanded(played: Scene, who: str, *arguments: str, code: int = 0) -> Any:
    """What a `dsfc` command says; JSON where it was asked for."""
    name, *rest = arguments
    where = ["--as", who, "--directory", str(played.state)]
    if who.endswith("-signatory"):
        where += ["--role", "controller-signatory"]
    for service in ("issuer", "agreements"):
        where += [f"--{service}", played.suite.urls[service]]
    told = CliRunner().invoke(app, [name, *where, *rest])
    assert told.exit_code == code, told.output
    return json.loads(told.output) if "--json" in rest else told.output


def test_what_waits_is_held_and_must_be_kept_in_date_is_told_by_commands(
    played: Scene, over: Extract, tmp_path: Path
) -> None:
    """`inbox`, `lapses`, `holdings`, `templates`, `audits`, `staff`, `directions`: what they list
    and record is what the service has, and a refusal is one line with its code."""
    agreements = played.stage.actor("body-contracts").agreements
    signatory = identity_of(COMMISSIONER, "signatory")

    held = commanded(played, signatory, "holdings", "list", "--due", "--json")
    assert {one["agreement"] for one in held["files"]} == {played.reference}
    assert str(over.files[0].id) in {one["file_id"] for one in held["files"]}
    assert "0 overdue" in commanded(played, signatory, "holdings", "list")
    written = tmp_path / "certificate.json"
    commanded(played, signatory, "holdings", "certificate", played.reference, "--to", str(written))
    copies = json.loads(written.read_text("ascii"))
    assert {one["file_id"] for one in copies} >= {str(file.id) for file in over.files}
    written.write_text(json.dumps({"name_of_role": "SIRO", "copies": []}), "ascii")
    certify = ("holdings", "certify", played.reference, str(written))
    assert "INVALID_REQUEST" in commanded(played, signatory, *certify, code=1)

    made = ("templates", "make", "as-the-other", "--agreement", played.other_reference)
    why = ("--version", "v0.0", "--reason", "All commission alike.")
    assert commanded(played, "body-contracts", *made, *why).strip() == "1"
    assert "as-the-other" in commanded(played, "body-contracts", "templates", "list")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("controller,title,start,end,reference\n!,No code,2018-04-01,2019-03-31,\n")
    issue = ("templates", "issue", "as-the-other", str(sheet), "--version", "1", "--dry-run")
    assert "IMPORT_REFUSED" in commanded(played, "body-contracts", *issue, code=1)
    assert commanded(played, "body-contracts", "templates", "batches", "--json") == []

    planned = tmp_path / "audit.json"
    planned.write_text(
        json.dumps(
            {
                "kind": "recipient",
                "organisation": CSU,
                "planned_for": legal_day(SystemClock().now()).isoformat(),
                "auditor": "Audit South LLP",
                "areas": ["access_control"],
            }
        )
    )
    audit = commanded(played, "body-governance-1", "audits", "plan", str(planned)).strip()
    [listed] = commanded(played, "body-auditor", "audits", "list", "--organisation", CSU, "--json")
    assert (listed["id"], listed["state"]) == (audit, "PLANNED")
    assert "TRANSITION_REFUSED" in commanded(
        played, "body-register", "audits", "publish", audit, code=1
    )

    clearance = ("staff", "clearance", "dscro-approver", "--organisation", "X26")
    assert "is cleared" in commanded(played, "body-governance-1", *clearance)
    stranger = ("staff", "clearance", "nobody-at-all", "--organisation", "X26", "--json")
    missing = commanded(played, "body-governance-1", *stranger, code=1)["missing"]
    assert {one["kind"] for one in missing} == {"policy", "training"}
    assert "dscro-approver" in commanded(played, "body-governance-1", "staff", "list")

    collected = commanded(
        played, "body-reference-data", "directions", "collected", "SUS_APC", "--json"
    )
    assert collected["is_allowed"]
    inbox = commanded(played, "body-breach-1", "inbox", "--json")
    assert inbox["counts"] == agreements_of(played, "body-breach-1").inbox()["counts"]
    lapses = commanded(played, "body-contracts", "lapses", "--last", far(), "--json")
    assert lapses == agreements.lapses(last=far()).model_dump(mode="json")
    assert lapses["items"]


def test_everybody_can_verify_what_the_registers_say(played: Scene, tmp_path: Path) -> None:
    places = [f"--{name}={played.suite.urls[name]}" for name in ("agreements", "dissemination")]
    for register in ("agreements", "data-uses"):
        kept = tmp_path / register
        for more in (["--target", str(kept)], ["--kept", str(kept)]):
            told = CliRunner().invoke(
                app, ["registers", *places, "statement", register, *more, "--json"]
            )
            assert told.exit_code == 0, told.output
        assert json.loads(told.output)["rows"] >= 2


def agreements_of(played: Scene, who: str) -> Agreements:
    return played.stage.actor(who).agreements


def far() -> str:
    return (legal_day(SystemClock().now()) + timedelta(days=700)).isoformat()


@pytest.mark.scenario("X01")
@pytest.mark.scenario("X02")
def test_what_was_released_is_destroyed_whole_and_then_the_agreement_is_closed(
    played: Scene, over: Extract
) -> None:
    """A certificate that misses a file is not accepted; a whole one is, by two people, after
    dissemination was asked. Then the agreement is closed, every file marked and the key of the
    domain gone; the other agreement's are as they were. Guards: `Destruction.missing`,
    `HttpReleases`, `destroy_keys`, `mark_destroyed`."""
    body = played.stage.actor("body-contracts").agreements
    signatory = played.stage.actor(
        identity_of(COMMISSIONER, "signatory"), "controller-signatory"
    ).agreements
    assert body.agreement(played.reference).state == "DESTRUCTION_DUE"
    copies = signatory.prefilled_certificate(played.reference)
    files = {copy.file_id for copy in copies}
    released = played.rows(
        "dissemination", "SELECT file_id FROM release WHERE agreement = ?", played.reference
    )
    assert files == {str(UUID(file_id)) for (file_id,) in released}
    (left_out, *certified) = copies

    def certify(*some: HeldCopy) -> Destruction:
        day = legal_day(SystemClock().now()).isoformat()
        said = {"method": "overwriting", "destroyed_on": day}
        return signatory.certify_destruction(
            played.reference,
            {"name_of_role": "SIRO", "copies": [{"copy_id": c.id, **said} for c in some]},
        )

    certify(*certified)
    with pytest.raises(Problem) as missing:
        body.accept_destruction(played.reference, "Three of four are there.")
    assert missing.value.code == "CERTIFICATE_INCOMPLETE"

    assert certify(left_out).state == "CERTIFIED"
    assert body.accept_destruction(played.reference, "All are there.").state == "CERTIFIED"
    approver = played.stage.actor("body-approver").agreements
    assert approver.accept_destruction(played.reference, "So I see.").state == "ACCEPTED"
    assert body.agreement(played.reference).state == "CLOSED"

    until(lambda: played.rows("pseudonymisation", OURS, played.reference) == [("destroyed",)])
    until(played.all_heard)
    with pytest.raises(Problem) as gone:
        played.csu.dissemination.download(over.files[0].id, played.state / "destroyed")
    assert gone.value.code == "FILE_DESTROYED"
    with pytest.raises(Refused) as refused:
        played.ask()
    assert refused.value.has("DSA_NOT_ACTIVE")
    states = {state for (state,) in played.rows("pseudonymisation", OURS, played.other_reference)}
    assert states <= {"open"}


def test_what_no_direction_in_force_lets_in_is_refused_by_the_record(played: Scene) -> None:
    """Ruling 32, over the services. Guards: `require_collected`, `recorded`."""
    data = played.stage.actor("body-reference-data").agreements
    provider = played.stage.actor("provider-r0a").pseudonymisation
    today = legal_day(SystemClock().now())
    body = {
        "kind": "direction",
        "reference": "DIR-OVER",
        "title": "Directions to collect imaging",
        "data_sets": ["DIDS"],
        "valid_from": "2018-04-01",
        "valid_to": (today - timedelta(days=1)).isoformat(),
        "source": "Made up for a test",
    }
    assert not data.collected("DIDS").is_recorded
    provider.open_submission("DIDS", "2018-04")

    data.record_direction(body)
    with pytest.raises(Problem) as ended:
        provider.open_submission("DIDS", "2018-05")
    last = (today + timedelta(days=30)).isoformat()
    goes_on = {"reference": "DIR-NEXT", "valid_from": today.isoformat(), "valid_to": last}
    data.record_direction(body | goes_on)

    assert ended.value.code == "COLLECTION_NOT_IN_FORCE"
    assert provider.open_submission("DIDS", "2018-05").state == "open"
    ends = played.stage.actor("body-auditor").agreements.lapses()
    assert ("direction", "DIR-NEXT") in {(one.kind, one.reference) for one in ends.items}
