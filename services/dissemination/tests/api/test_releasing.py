"""The second decision: what is refused, missing or altered is not released at all."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from common.db import tables as shared
from common.ids import digest, new_id
from common.messaging.envelope import Event
from common.security.roles import Role
from dissemination.db.tables import ExtractRow, RegisterLineRow, ReleaseRow
from services.dissemination.tests.conftest import QUESTION, REFERENCE


def released_rows(house, extract):
    files = [row for row in house.rows(ReleaseRow.extract_id) if str(row[0]) == extract["id"]]
    return len(files)


def test_a_released_extract_says_the_same_in_the_list_and_alone(house):
    """Guard: `extracts._seen`: when it was released, and that all its rows are done."""
    extract = house.released(formats=["parquet", "csv"])

    listed = house.call("GET", "/v1/extracts?limit=200").json()["items"]
    files = house.call("GET", f"/v1/extracts/{extract['id']}/files").json()["items"]

    assert next(e for e in listed if e["id"] == extract["id"]) == extract
    assert sorted(extract["files"], key=str) == sorted(files, key=str)
    assert {f["released_at"] for f in extract["files"]} == {files[0]["released_at"]} != {None}
    rows = extract["files"][0]["rows"]
    assert extract["progress"] == {"rows_done": rows, "rows_total": rows}


@pytest.mark.scenario("R04")
@pytest.mark.parametrize(
    "codes",
    [
        ("DSFC_NOT_IN_FORCE",),
        pytest.param(("DSA_NOT_ACTIVE", "ICO_LAPSED"), marks=pytest.mark.scenario("R05")),
    ],
)
def test_a_file_prepared_under_what_no_longer_holds_is_not_released(house, codes):
    """The agreement that held at the request does not at the release: R04, R05."""
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    lines = len(house.rows(RegisterLineRow.id))
    house.agreements.refuse("release", *codes)
    house.haven.prepare(next(reversed(house.haven.jobs)))

    extract = house.settled(extract_id, "failed")

    assert extract["code"] == codes[0]
    assert [r["code"] for r in extract["refusals"]] == list(codes)
    assert extract["files"] == []
    assert released_rows(house, extract) == 0
    assert len(house.rows(RegisterLineRow.id)) == lines
    assert "file-released" not in house.actions(extract_id)


def test_no_file_of_an_extract_is_released_where_one_may_not(house):
    house.haven.prepares = False
    extract_id = house.ask(formats=["parquet", "csv"]).json()["id"]
    house.settled(extract_id, "preparing")
    permit_id = next(reversed(house.haven.jobs))
    house.haven.prepare(permit_id)
    files = house.haven.jobs[permit_id]["files"]
    # The second file's attestation is for the first: a mistake of the haven, or a trick.
    files[1]["attestation"] = files[0]["attestation"]

    extract = house.settled(extract_id, "failed")

    assert extract["code"] == "ATTESTATION_INVALID"
    assert released_rows(house, extract) == 0
    assert house.agreements.count("release") == 0


def test_an_attestation_that_nobody_signed_is_refused_by_agreements(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    permit_id = next(reversed(house.haven.jobs))
    house.haven.prepare(permit_id)
    (file,) = house.haven.jobs[permit_id]["files"]
    head, payload, signature = file["attestation"].split(".")
    file["attestation"] = f"{head}.{payload}.{signature[:-4]}AAAA"

    assert house.settled(extract_id, "failed")["code"] == "ATTESTATION_INVALID"


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda path: path.unlink(), "OBJECT_MISSING"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "OBJECT_DIFFERS"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "OBJECT_DIFFERS"),
    ],
    ids=["gone", "shorter", "altered"],
)
def test_an_object_that_is_not_the_attested_one_is_not_released(house, harm, code):
    """Guard: `releases._checked` reads the object before agreements is asked."""
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    permit_id = next(reversed(house.haven.jobs))
    job = house.haven.jobs[permit_id]
    key = house.haven.prepare_only(permit_id)
    harm(house.haven.store / key)
    job["files"] = job.pop("made")

    extract = house.settled(extract_id, "failed")

    assert extract["code"] == code
    assert house.agreements.count("release") == 0


def test_agreements_being_away_at_the_release_is_waited_for(house, until):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    house.agreements.broken = 503
    house.haven.prepare(next(reversed(house.haven.jobs)))
    assert house.settled(extract_id, "prepared")["files"] == []

    house.agreements.broken = None

    assert house.settled(extract_id, "released")["files"]


def test_without_the_terms_there_is_no_register_line_and_so_no_release(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    lines = house.agreements.terms.pop("lines")
    house.haven.prepare(next(reversed(house.haven.jobs)))
    assert house.settled(extract_id, "prepared")["files"] == []

    house.agreements.terms["lines"] = lines

    assert house.settled(extract_id, "released")["files"]


def test_register_manifest_and_decision_rest_on_one_version_when_the_agreement_changes(house):
    """Guards: the terms come with the decision; nothing of the agreement is fetched beside it."""
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    # In force between the preparation and the decision: another version, its lines renumbered.
    judged = house.agreements.terms
    judged |= {"version": "v2.0", "document_hash": digest(b"v2.0"), "title": "A second version"}
    judged["lines"][0] |= {"number": 3, "access_method": "ONE_OFF"}
    decide = house.agreements._release

    def and_then_amended(question):
        """At the very moment of the decision a third version comes into force."""
        answer = decide(question)
        house.agreements.terms = json.loads(json.dumps(judged)) | {
            "version": "v3.0",
            "document_hash": digest(b"v3.0"),
            "title": "A third version",
        }
        return answer

    house.agreements._release = and_then_amended
    house.haven.prepare(next(reversed(house.haven.jobs)))
    file_id = house.settled(extract_id, "released")["files"][0]["id"]
    del house.agreements._release

    items = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]
    (line,) = [item for item in items if item["file_id"] == file_id]
    manifest = house.call("GET", f"/v1/files/{file_id}/manifest").json()["manifest"]
    (leaf,) = [e for e in house.leaves() if e["resource"] == f"files/{file_id}"]
    assert (line["project_title"], line["access_method"]) == ("A second version", "One-Off")
    assert manifest["agreement"]["version"] == leaf["detail"]["version"] == "v2.0"
    assert manifest["agreement"]["document_hash"] == digest(b"v2.0")
    assert leaf["detail"]["line"] == 3


def superseded(edition_id):
    return Event(
        id=new_id(),
        type="pseudonymisation.edition-superseded.v1",
        source="/pseudonymisation",
        subject=f"editions/{edition_id}",
        time=datetime(2018, 6, 1, tzinfo=UTC),
        topic="pseudonymisation.submission",
        aggregate_id=edition_id,
        aggregate_version=2,
        state="superseded",
        data={
            "edition_id": edition_id,
            "superseded_by": "edition-new",
            "data_set": "SUS_APC",
            "period": "2018-04",
            "provider": "RXX",
        },
    )


def test_what_was_released_from_a_replaced_edition_is_marked_and_stays(house):
    edition = f"edition-{new_id()}"
    house.haven.editions = [house.haven.editions[0] | {"id": edition}]
    extract = house.released()

    house.publish(superseded(edition))

    marked = house.settled(extract["id"], "superseded")
    assert marked["availability"]["state"] == "superseded"
    assert marked["availability"]["code"] == "EDITION_SUPERSEDED"
    assert marked["availability"]["since"] == marked["changed_at"]
    lines = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]
    (line,) = [line for line in lines if line["file_id"] == marked["files"][0]["id"]]
    assert (line["status"], line["status_code"]) == ("superseded", "EDITION_SUPERSEDED")
    assert line["status_since"] == marked["changed_at"]
    assert house.events(extract["id"])[-1]["type"] == "dissemination.extract-superseded.v1"
    assert house.call("GET", marked["files"][0]["content"]).status_code == 200
    assert marked["editions"] == [
        {"id": edition, "replaced_by": "edition-new", "replaced_at": marked["changed_at"]}
    ]


def test_which_releases_rested_on_an_edition_and_what_replaced_it_is_one_query(house, until):
    """Guards: `SqlExtracts.page` by edition, `Extract.supersede` that notes by what."""
    one, two = f"edition-{new_id()}", f"edition-{new_id()}"
    first = house.haven.editions[0]
    house.haven.editions = [first | {"id": one}, first | {"id": two}]
    both = house.released()
    house.haven.editions = [first | {"id": two}]
    second = house.released()

    def rested_on(edition, **who):
        answer = house.call("GET", "/v1/extracts", params={"edition": edition}, **who)
        assert answer.status_code == 200, answer.text
        return {e["id"]: (e["state"], e["editions"]) for e in answer.json()["items"]}

    def kept(edition):
        return {"id": edition, "replaced_by": None, "replaced_at": None}

    assert rested_on(one) == {both["id"]: ("released", [kept(one), kept(two)])}
    assert set(rested_on(two)) == {both["id"], second["id"]}
    assert rested_on("edition-of-nobody") == {}
    assert rested_on(two, ods="0CX") == {}

    house.publish(superseded(one))
    since = house.settled(both["id"], "superseded")["changed_at"]
    house.publish(told := superseded(two))
    until(lambda: (told.id,) in house.rows(shared.inbox.c.event_id))

    (state, editions), other = rested_on(two)[both["id"]], rested_on(two)[second["id"]]
    assert (state, other[0]) == ("superseded", "superseded")
    assert [(e["id"], e["replaced_by"]) for e in editions] == [
        (one, "edition-new"),
        (two, "edition-new"),
    ]
    assert house.extract(both["id"])["availability"]["since"] == since
    said = [e["type"] for e in house.events(both["id"])]
    assert said.count("dissemination.extract-superseded.v1") == 1
    assert house.extract(both["id"])["is_as_logged"] is True


def test_what_was_released_from_an_unsafe_edition_is_marked_before_there_is_another(house, until):
    edition = f"edition-{new_id()}"
    house.haven.editions = [house.haven.editions[0] | {"id": edition}]
    extract, other = house.released(), None
    house.haven.editions = [house.haven.editions[0] | {"id": "another"}]
    other = house.released()
    told = replace(
        superseded(edition),
        type="pseudonymisation.edition-unsafe.v1",
        state="unsafe",
        aggregate_version=1,
    )

    house.publish(told)
    house.publish(told)  # once more

    marked = house.settled(extract["id"], "withdrawn")
    assert house.actions(extract["id"]).count("extract-withdrawn") == 1
    assert marked["availability"]["state"] == "withdrawn"
    assert marked["availability"]["code"] == "EDITION_UNSAFE"
    assert marked["availability"]["since"]
    lines = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]
    by_file = {line["file_id"]: (line["status"], line["status_code"]) for line in lines}
    assert by_file[extract["files"][0]["id"]] == ("withdrawn", "EDITION_UNSAFE")
    assert by_file[other["files"][0]["id"]] == ("current", None)

    house.publish(anew := superseded(edition))  # it was landed anew
    until(lambda: (anew.id,) in house.rows(shared.inbox.c.event_id))
    assert house.extract(extract["id"])["availability"]["code"] == "EDITION_UNSAFE"


def test_an_edition_replaced_during_the_preparation_marks_the_release_at_once(house, until):
    from dissemination.db.tables import SupersededEditionRow

    edition = f"edition-{new_id()}"
    house.haven.editions = [house.haven.editions[0] | {"id": edition}]
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    house.publish(superseded(edition))
    until(lambda: (edition,) in house.rows(SupersededEditionRow.edition_id))
    house.haven.prepare(next(reversed(house.haven.jobs)))

    house.settled(extract_id, "superseded")

    assert [event["type"].split(".")[1] for event in house.events(extract_id)] == [
        "extract-requested",
        "extract-released",
        "extract-superseded",
    ]


def voided(file_id, extract_id, cause="opt_out_list"):
    holding = str(new_id())
    return Event(
        id=new_id(),
        type="agreements.file-voided.v1",
        source="/agreements",
        subject="DARS-NIC-123456-A1B2C",
        time=datetime(2018, 6, 1, tzinfo=UTC),
        topic="agreements.holding",
        aggregate_id=holding,
        aggregate_version=1,
        state="void",
        data={
            "holding_id": holding,
            "file_id": file_id,
            "extract_id": extract_id,
            "agreement": "DARS-NIC-123456-A1B2C",
            "cause": cause,
        },
    )


def test_what_is_void_is_withdrawn_in_extract_and_register_and_says_why(house):
    extract = house.released()
    event = voided(extract["files"][0]["id"], extract["id"])

    house.publish(event)
    house.publish(event)  # once more
    house.publish(voided(extract["files"][0]["id"], extract["id"], "edition"))

    marked = house.settled(extract["id"], "withdrawn")
    availability = marked["availability"]
    assert (availability["state"], availability["code"]) == ("withdrawn", "FILE_VOID")
    assert availability["agreement_state"] is None
    assert datetime.fromisoformat(availability["since"]) == event.time
    lines = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]
    (line,) = [line for line in lines if line["file_id"] == marked["files"][0]["id"]]
    assert (line["status"], line["status_code"]) == ("withdrawn", "FILE_VOID")
    assert house.actions(extract["id"]).count("extract-withdrawn") == 1


def destroyed(file_id, extract_id):
    return replace(
        voided(file_id, extract_id),
        type="agreements.file-destroyed.v1",
        aggregate_version=2,
        state="destroyed",
    )


@pytest.mark.scenario("X02")
def test_what_is_destroyed_is_refused_with_its_code_whatever_agreements_would_say(house):
    extract = house.released()
    (file, *_) = extract["files"]
    assert house.call("GET", file["content"]).status_code == 200
    house.ended(file)
    event = destroyed(file["id"], extract["id"])

    house.publish(event)
    house.publish(event)  # once more

    marked = house.settled(extract["id"], "withdrawn")
    assert marked["availability"]["code"] == "FILE_DESTROYED"
    (of_extract, *others) = marked["files"]
    assert datetime.fromisoformat(of_extract["destroyed_at"]) == event.time
    assert [one["destroyed_at"] for one in others] == [None] * len(others)
    asked = house.agreements.requests(file)
    refused = house.call("GET", file["content"])
    assert (refused.status_code, refused.json()["code"]) == (409, "FILE_DESTROYED")
    assert house.agreements.requests(file) == asked
    (shown,) = house.call("GET", f"/v1/extracts/{extract['id']}/files").json()["items"]
    assert datetime.fromisoformat(shown["destroyed_at"]) == event.time
    assert shown["is_as_logged"] is True
    manifest = house.call("GET", file["manifest"])
    assert manifest.status_code == 200, "what was released stays said"
    log = house.call("GET", f"/v1/audit?agreement={REFERENCE}&limit=200", role=Role.AUDITOR).json()[
        "items"
    ]
    actions = [one["entry"]["action"] for one in log]
    assert actions.count("file-destroyed") == 1
    assert actions[-1] == "fetch-refused"


def test_changes_since_what_was_destroyed_are_refused_and_nothing_begins(house):
    """Guard: `wanted._earlier_is_gone`; agreements has said yes to it before."""
    earlier = house.released()
    (file, *_) = earlier["files"]
    house.publish(destroyed(file["id"], earlier["id"]))
    house.settled(earlier["id"], "withdrawn")
    before = house.call("GET", "/v1/extracts").json()["items"]

    refused = house.ask(changes_since=earlier["id"])
    unknown = house.ask(changes_since="0190163d-8694-739b-aea5-966c26f8ad91")
    dry, unknown_dry = (
        house.call("POST", "/v1/extracts/preview", json={**QUESTION, "changes_since": since})
        for since in (earlier["id"], "0190163d-8694-739b-aea5-966c26f8ad91")
    )

    said = refused.json()
    assert [one["code"] for one in dry.json()["refusals"]] == [said["code"]]
    assert (unknown_dry.status_code, unknown_dry.json()["code"]) == (404, "EXTRACT_NOT_FOUND")
    assert (refused.status_code, said["code"]) == (409, "EARLIER_EXTRACT_DESTROYED")
    assert "without `changes_since`" in said["detail"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "EXTRACT_NOT_FOUND")
    assert house.call("GET", "/v1/extracts").json()["items"] == before
    log = house.call("GET", f"/v1/audit?agreement={REFERENCE}&limit=200", role=Role.AUDITOR).json()
    actions = [one["entry"]["action"] for one in log["items"]]
    assert actions.count("extract-refused") == 1
    assert house.ask(changes_since=None).status_code == 202


def test_what_became_void_between_decision_and_release_is_withdrawn_at_once(house, until):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    terms = house.agreements.terms.pop("lines")  # so that its release waits
    house.haven.prepare(next(reversed(house.haven.jobs)))
    house.settled(extract_id, "prepared")
    (file_id,) = [
        row[1][0]["id"]
        for row in house.rows(ExtractRow.id, ExtractRow.files)
        if str(row[0]) == extract_id
    ]

    house.publish(voided(file_id, extract_id))
    assert house.extract(extract_id)["state"] == "prepared"
    house.agreements.terms["lines"] = terms

    marked = house.settled(extract_id, "withdrawn")
    assert marked["availability"]["code"] == "FILE_VOID"
