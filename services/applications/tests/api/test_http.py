"""What holds of HTTP: shapes, versions, pages, keys, problems; nothing is echoed."""

from pathlib import Path
from uuid import UUID

import pytest
from openapi_spec_validator import validate
from sqlalchemy import text

from applications.domain.sections import SECTIONS
from common.security.roles import Role
from services.applications.tests.answers import complete

NHS_NUMBER = "9990000018"


def problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    return response.json()


def test_the_document_is_valid_and_types_every_section(app):
    document = app.openapi()

    validate(document)
    for number, kind in SECTIONS.items():
        operation = document["paths"][f"/v1/applications/{{application_id}}/sections/{number}"]
        schema = operation["put"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{kind.__name__}"}


def test_every_operation_that_changes_says_how_it_refuses(app):
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/applications/{") and method in {"post", "put"}:
                assert {"401", "403", "404", "409"} <= set(operation["responses"]), path


def test_sections_are_read_back_as_they_were_answered(people, draft):
    path = draft()

    one = people.editor.get(f"{path}/sections/20").json()
    assert one == {
        "number": 20,
        "title": "TerritoryOfUse",
        "standard_version": "v1.0",
        "answers": {"territory": "england_and_wales", "transfer_condition": ""},
        "is_as_logged": True,
    }
    all_ = people.editor.get(f"{path}/sections").json()
    assert [s["number"] for s in all_["items"]] == list(SECTIONS)
    assert all_["missing"] == []


def test_what_is_not_answered_yet_is_not_found(people, draft):
    path = draft({})

    problem(people.editor.get(f"{path}/sections/3"), 404, "SECTION_NOT_FOUND")
    problem(people.editor.get(f"{path}/sections/21"), 422, "INVALID_REQUEST")
    assert people.editor.put(f"{path}/sections/21", json={}).status_code == 405
    assert people.editor.get(f"{path}/sections").json()["missing"] == list(SECTIONS)


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (1, {}),
        (1, {"start": "2021-06-01", "end": "2024-13-01"}),
        (1, {"start": 0, "end": "2024-05-31"}),
        (1, {"start": "9999-12-31", "end": "9999-12-31"}),
        (3, {"processors": [{"ods": "lower", "legal_name": "x", "role": "y"}]}),
        (13, {"commercial": "yes"}),
        (19, {"confirmed": 1}),
        (20, {"territory": "the_moon"}),
        (20, {"territory": "uk", "transfer_condition": f"\u0000{NHS_NUMBER}"}),
        (20, {"territory": "uk", NHS_NUMBER: True}),
        (8, {"lines": [{"line": "1"}]}),
        (7, {"lines": [{"number": 1, "purpose": NHS_NUMBER}]}),
        (5, []),
        (5, NHS_NUMBER),
    ],
)
def test_what_is_not_of_the_standards_shape_is_refused_and_not_repeated(
    people, draft, number, body
):
    path = draft({})

    response = people.editor.put(f"{path}/sections/{number}", json=body)

    found = problem(response, 422, "INVALID_REQUEST")
    assert found["errors"]
    assert NHS_NUMBER not in response.text
    assert people.editor.get(f"{path}/sections/{number}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "x" * 201},
        {"title": "a\u0000b"},
        {"title": "Admissions", "kind": "whim"},
        {"title": "Admissions", "unknown": NHS_NUMBER},
        {"title": "Admissions", "amends": "CON-11111-A1B2C"},
        {"title": "Admissions", "enquiry": "yes"},
    ],
)
def test_what_is_no_draft_is_refused(people, body):
    response = people.editor.post("/v1/applications", json=body)

    problem(response, 422, "INVALID_REQUEST")
    assert NHS_NUMBER not in response.text


@pytest.mark.parametrize(
    "body",
    [
        {"title": "Admissions", "kind": "renewal"},
        {"title": "Admissions", "kind": "new", "amends": "DARS-NIC-54727-S3Y1T"},
    ],
)
def test_kind_and_agreement_go_together(people, body):
    problem(people.editor.post("/v1/applications", json=body), 422, "KIND_CONTRADICTS")


def test_the_same_key_begins_one_application(people):
    def begin(**body):
        return people.editor.post(
            "/v1/applications",
            json={"title": "Admissions", **body},
            headers={"Idempotency-Key": "k1"},
        )

    first, again = begin(), begin()

    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    problem(begin(enquiry=True), 409, "IDEMPOTENCY_KEY_REUSED")
    assert len(people.editor.get("/v1/applications").json()["items"]) == 1


def test_a_version_that_has_passed_is_refused(people, draft):
    path = draft({})
    seen = people.editor.get(path).headers["ETag"]
    first = people.editor.put(
        f"{path}/sections/19", json={"confirmed": True}, headers={"If-Match": seen}
    )
    assert first.headers["ETag"] == '"2"'

    late = people.editor.put(
        f"{path}/sections/19", json={"confirmed": False}, headers={"If-Match": seen}
    )

    problem(late, 409, "EDITED_MEANWHILE")
    answers = people.editor.get(f"{path}/sections/19").json()["answers"]
    assert answers["confirmed"] is True
    nonsense = people.editor.post(f"{path}/withdrawal", headers={"If-Match": "*"})
    problem(nonsense, 422, "INVALID_REQUEST")


def test_a_step_sent_again_is_taken_once(people, draft):
    path = draft()
    seen = people.editor.get(path).headers["ETag"]

    first = people.editor.post(f"{path}/submission", headers={"If-Match": seen})
    again = people.editor.post(f"{path}/submission", headers={"If-Match": seen})

    assert first.json() == again.json()
    verbs = [line["verb"] for line in people.editor.get(f"{path}/history").json()["items"]]
    assert verbs.count("submit") == 1


def test_others_applications_are_not_found_by_any_way(people, in_review):
    path = in_review()
    stranger = people.stranger

    assert stranger.get("/v1/applications").json()["items"] == []
    for part in ("", "/sections", "/sections/1", "/findings", "/history"):
        problem(stranger.get(f"{path}{part}"), 404, "APPLICATION_NOT_FOUND")
    for part in ("/submission", "/withdrawal"):
        problem(stranger.post(f"{path}{part}"), 404, "APPLICATION_NOT_FOUND")
    put = stranger.put(f"{path}/sections/19", json={"confirmed": True})
    problem(put, 404, "APPLICATION_NOT_FOUND")
    outsider = people(Role.DARS_CASE_OFFICER, "00L", "outsider")
    problem(outsider.post(f"{path}/review"), 404, "APPLICATION_NOT_FOUND")


def test_lists_are_paged_and_filtered(people, draft):
    paths = [draft({}) for _ in range(3)]
    people.editor.post(f"{paths[1]}/withdrawal")

    first = people.editor.get("/v1/applications", params={"limit": 2}).json()
    second = people.editor.get("/v1/applications", params={"after": first["next"]}).json()

    ids = [item["id"] for item in first["items"] + second["items"]]
    assert [f"/v1/applications/{id_}" for id_ in ids] == paths
    assert second["next"] is None
    withdrawn = people.officer.get("/v1/applications", params={"state": "WITHDRAWN"}).json()
    assert [item["id"] for item in withdrawn["items"]] == [ids[1]]
    problem(people.editor.get("/v1/applications", params={"limit": 0}), 422, "INVALID_REQUEST")


def test_the_history_says_who_when_and_what_in_pages(people, in_review):
    path = in_review()

    lines, after = [], None
    while True:
        page = people.officer.get(
            f"{path}/history", params={"limit": 10} | ({"after": after} if after else {})
        ).json()
        lines += page["items"]
        after = page["next"]
        if after is None:
            break

    assert len(lines) == 23
    assert [lines[0]["verb"], lines[-1]["verb"]] == ["draft", "review"]
    last = lines[-1]
    assert (last["subject"], last["organisation"], last["role"]) == (
        "officer",
        "X26",
        "dars-case-officer",
    )
    assert (last["state_before"], last["state_after"]) == ("SUBMITTED", "IN_REVIEW")


def test_the_standards_are_there_for_everybody_as_at_any_day(client):
    today = client.get("/v1/standards").json()
    later = client.get("/v1/standards", params={"as_at": "2024-01-01"}).json()

    assert (today["as_at"], len(today["items"])) == ("2021-05-25", 20)
    assert today["items"][0] == {
        "number": 1,
        "section": 1,
        "title": "Data Sharing Agreement Length",
        "version": "v1.0",
        "valid_from": "2019-07-24",
        "valid_to": "2022-08-08",
        "source": "seed",
    }
    assert [
        (s["number"], s["version"]) for s in later["items"] if s["number"] in {1, 4, 13, 21}
    ] == [
        (1, "v2.1"),
        (13, "v3.0"),
        (21, "v1.0"),
    ]
    assert client.get("/v1/standards", params={"as_at": "1999-01-01"}).json()["items"] == []
    for nonsense in ("1622505600", "2021-13-01", "yesterday"):
        problem(client.get("/v1/standards", params={"as_at": nonsense}), 422, "INVALID_REQUEST")


def test_snapshots_are_for_those_who_build_on_them(people, submitted):
    path = submitted()
    snapshot_hash = people.editor.get(path).json()["snapshot_hash"]

    for reader in (people.agreements, people.officer, people(Role.AUDITOR)):
        assert reader.get(f"/v1/snapshots/{snapshot_hash}").headers["ETag"] == f'"{snapshot_hash}"'
    problem(people.editor.get(f"/v1/snapshots/{snapshot_hash}"), 403, "ROLE_NOT_PERMITTED")
    other = people.agreements.get("/v1/snapshots/sha256:" + "0" * 64)
    problem(other, 404, "SNAPSHOT_NOT_FOUND")
    problem(people.agreements.get("/v1/snapshots/latest"), 422, "INVALID_REQUEST")


def test_our_keys_are_public_and_public_only(client):
    (key,) = client.get("/.well-known/jwks.json").json()["keys"]

    assert key["crv"] == "P-256"
    assert "d" not in key


def test_it_is_alive_and_ready(client):
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_body_that_is_too_large_is_refused(people, draft):
    path = draft({})

    response = people.editor.put(f"{path}/sections/10", json={"activities": "x" * 2_000_000})

    assert response.status_code == 413


def test_answers_as_long_as_they_may_be_are_kept(people, draft):
    path = draft({})
    raw = complete()[10] | {"activities": "ä" * 10_000}

    assert people.editor.put(f"{path}/sections/10", json=raw).status_code == 200
    kept = people.editor.get(f"{path}/sections/10").json()["answers"]
    assert kept["activities"] == "ä" * 10_000


def test_a_database_that_is_gone_is_503(client, people, draft):
    path = draft({})
    engine = client.app_state["engine"]
    engine.dispose()
    Path(engine.url.database).rename(f"{engine.url.database}.gone")
    Path(engine.url.database).mkdir()

    response = people.editor.get(path)

    problem(response, 503, "DATABASE_UNAVAILABLE")
    assert engine.url.database not in response.text


def test_an_application_that_cannot_be_read_is_named_and_hides_no_others(people, draft, client):
    first, second = draft({}), draft({})
    spoilt = UUID(first.rsplit("/", 1)[1])

    def set_state(value):
        with client.app_state["context"].uow.engine.begin() as connection:
            connection.execute(
                text("UPDATE application SET state = :value WHERE id = :id"),
                {"value": value, "id": spoilt.hex},
            )

    set_state("gar{bage")
    page = people.editor.get("/v1/applications").json()
    alone = people.editor.get(first)

    assert page["unreadable"] == [str(spoilt)]
    assert [f"/v1/applications/{item['id']}" for item in page["items"]] == [second]
    problem(alone, 409, "RECORD_UNREADABLE")
