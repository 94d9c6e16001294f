"""One extract from the question to the bytes, and what is written down of it."""

import pytest

from common.audit import verify
from common.ids import digest
from common.security.jws import NotGenuine
from common.security.keys import ATTESTATION, MANIFEST, SignedVerifier, Signer, generate_jwk
from common.security.roles import Role
from dissemination.db.tables import RegisterLineRow, ReleaseRow


def keys_of(house):
    return house.call("GET", "/.well-known/jwks.json", role=None).json()


def test_an_extract_is_asked_for_prepared_released_and_fetched(house):
    answer = house.ask(formats=["parquet", "csv"])
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/extracts/{answer.json()['id']}"

    extract = house.settled(answer.json()["id"], "released")
    listed = house.call("GET", f"/v1/extracts/{extract['id']}/files").json()["items"]

    assert {file["format"] for file in extract["files"]} == {"parquet", "csv"}
    assert sorted(f["id"] for f in listed) == sorted(f["id"] for f in extract["files"])
    for file in extract["files"]:
        fetched = house.call("GET", file["content"])
        assert fetched.status_code == 200
        assert digest(fetched.content) == file["digest"]
        assert fetched.headers["etag"] == f'"{file["digest"]}"'
        assert fetched.headers["cache-control"] == "no-store"
        assert fetched.headers["x-accel-buffering"] == "no"
        assert fetched.headers["accept-ranges"] == "bytes"


def test_every_step_is_said_and_logged(house):
    extract = house.released()
    file = extract["files"][0]
    house.call("GET", file["content"])
    delivery = house.ended(file)

    said = [event["type"] for event in house.events(extract["id"])]
    assert said == [
        "dissemination.extract-requested.v1",
        "dissemination.extract-released.v1",
        "dissemination.extract-delivered.v1",
    ]
    assert [e["aggregate_version"] for e in house.events(extract["id"])][:2] == [1, 4]
    assert house.actions(extract["id"]) == [
        "extract-requested",
        "extract-accepted",
        "extract-prepared",
        "extract-released",
        "file-released",
        "manifests-signed",
    ]
    assert house.actions(delivery["id"]) == ["delivery-begun", "delivery-ended"]
    assert delivery["bytes"] == file["bytes"]


def test_a_released_file_has_one_decision_one_manifest_one_leaf_and_one_register_line(house):
    """S2. Guard: `releases.release` writes all of it in one transaction."""
    file = house.released()["files"][0]

    (release,) = [r[0] for r in house.rows(ReleaseRow) if str(r[0].file_id) == file["id"]]
    lines = [r[0] for r in house.rows(RegisterLineRow) if str(r[0].file_id) == file["id"]]
    leaves = [leaf for leaf in house.leaves(file["id"]) if leaf["action"] == "file-released"]

    assert len(lines) == len(leaves) == 1
    assert leaves[0]["index"] == release.leaf_index
    assert leaves[0]["decision_id"] == str(release.decision_id)
    assert house.agreements.count("release") == 1


def test_the_manifest_is_signed_and_says_where_the_log_has_the_release(house):
    file = house.released()["files"][0]
    answer = house.call("GET", file["manifest"]).json()

    said = SignedVerifier(MANIFEST, lambda: keys_of(house), clock=house.clock).verify(answer["jws"])

    assert said == answer["manifest"]
    assert said["sub"] == file["id"]
    assert said["file"]["digest"] == file["digest"]
    assert said["agreement"]["version"] == "v1.0"
    assert said["editions"] == house.haven.editions
    leaf = house.leaves()[said["audit"]["index"]]
    assert (leaf["action"], leaf["resource"]) == ("file-released", f"files/{file['id']}")
    assert said["audit"]["size"] == said["audit"]["index"] + 1


def test_a_manifest_passes_for_no_other_token_and_no_other_key_signs_one(house):
    jws = house.call("GET", house.released()["files"][0]["manifest"]).json()["jws"]

    with pytest.raises(NotGenuine):
        SignedVerifier(ATTESTATION, lambda: keys_of(house), clock=house.clock).verify(jws)
    with pytest.raises(NotGenuine):
        SignedVerifier(MANIFEST, Signer(generate_jwk()).jwks, clock=house.clock).verify(jws)


def test_the_log_is_whole_and_its_head_is_signed_at_every_release(house, until):
    """S4, from this service: `releases._checkpoint`."""
    file = house.released()["files"][0]
    position = house.call("GET", file["manifest"]).json()["manifest"]["audit"]
    path = house.settings.checkpoint_dir / "dissemination.checkpoints"

    report = until(
        lambda: (
            found
            if (found := verify(house.engine, path, keys_of(house))).checkpoints
            and found.signed_size >= position["size"]
            else None
        )
    )

    assert report.is_whole


@pytest.mark.scenario("U02")
def test_who_did_what_when_and_why_is_listed_by_agreement(house):
    extract = house.released()
    file = extract["files"][0]
    house.call("GET", file["content"])
    house.ended(file)

    found = house.call(
        "GET",
        "/v1/audit",
        role=Role.AUDITOR,
        params={"agreement": extract["agreement"], "limit": 200},
    ).json()
    more = house.call(
        "GET",
        "/v1/audit",
        role=Role.AUDITOR,
        params={"agreement": extract["agreement"], "after": 0, "limit": 2},
    ).json()

    entries = [
        item["entry"]
        for item in found["items"]
        if extract["id"] in str(item) or file["id"] in str(item)
    ]
    assert {e["action"] for e in entries} >= {
        "extract-requested",
        "file-released",
        "delivery-begun",
        "delivery-ended",
    }
    assert all(e["subject"] and e["organisation"] and e["at"] for e in entries)
    begun = next(e for e in entries if e["action"] == "delivery-begun")
    assert begun["decision_id"]
    assert begun["organisation"] == "0DF"
    assert [item["index"] for item in more["items"]] == [1, 2]
    assert more["next"] == 2


def test_the_driver_needs_no_event_and_an_event_only_wakes_it(build_house, until, wake_up):
    house = build_house(driver_poll_seconds=60)
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    (permit_id,) = house.haven.jobs
    house.haven.prepare(permit_id)

    event = wake_up(extract_id)
    house.publish(event)
    house.publish(event)

    extract = house.settled(extract_id, "released")
    assert house.agreements.count("release") == len(extract["files"]) == 1


def test_progress_is_told_while_it_is_prepared(house, until):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]

    extract = until(
        lambda: found if (found := house.extract(extract_id))["progress"] is not None else None
    )

    assert extract["progress"] == {"rows_done": 40, "rows_total": 100}
    assert (extract["state"], extract["files"]) == ("preparing", [])
