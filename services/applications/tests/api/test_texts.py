"""Texts of applicants, officers and advisers are free of personal data (docs/adr/0028)."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from applications.domain.sections import SECTIONS
from applications.main import SERVICE
from common.service import cli as service_cli
from services.applications.tests.answers import complete

NUMBER = "999 000 0018"
TEXT = f"A text about {NUMBER}, by mistake."


def places(answer):
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "PERSONAL_DATA_IN_TEXT"
    assert NUMBER not in answer.text
    return [e["pointer"] for e in problem["errors"] if e["kind"] == "personal_data"]


def texts_in(schema, definitions, path=()):
    """Every text of a section that is scanned, as a way to it."""
    if "$ref" in schema:
        yield from texts_in(definitions[schema["$ref"].rpartition("/")[2]], definitions, path)
    elif "x-personal-data" in schema:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from texts_in(inner, definitions, (*path, name))
    if "items" in schema:
        yield from texts_in(schema["items"], definitions, (*path, 0))
    for inner in schema.get("anyOf", ()):
        yield from texts_in(inner, definitions, path)


def with_text(path, value):
    """The smallest answer that has a text at the end of a way."""
    if not path:
        return value
    first, *rest = path
    return [with_text(rest, value)] if first == 0 else {first: with_text(rest, value)}


def test_no_text_of_any_section_takes_a_number(people, draft):
    path = draft({})
    asked = 0
    for number, section in SECTIONS.items():
        schema = section.model_json_schema(by_alias=True)
        for way in set(texts_in(schema, schema.get("$defs", {}))):
            body = with_text(way, TEXT[:30])
            found = people.editor.put(f"{path}/sections/{number}", json=body)
            assert found.status_code == 422
            kinds = {e["pointer"]: e["kind"] for e in found.json()["errors"]}
            pointer = "#/body/" + "/".join(map(str, way))
            # What has a closed form besides is refused by that form first.
            assert kinds[pointer] in {"personal_data", "string_pattern_mismatch", "string_too_long"}
            assert NUMBER not in found.text
            asked += kinds[pointer] == "personal_data"
    assert asked > 40


@pytest.mark.parametrize("title", [TEXT, "About somebody born 31/01/1970"])
def test_a_title_with_personal_data_begins_nothing(people, title):
    answer = people.editor.post("/v1/applications", json={"title": title})

    assert answer.json()["code"] == "PERSONAL_DATA_IN_TEXT"
    assert people.editor.get("/v1/applications").json()["items"] == []


def test_nobody_who_decides_writes_it_either(people, in_review):
    path = in_review()
    condition = {"id": "c1", "text": TEXT, "due": "2021-12-31", "owner": "02P"}

    for verb, body, pointer in (
        ("return", {"queries": [{"text": TEXT}]}, "#/body/queries/0/text"),
        ("refusal", {"reason": TEXT}, "#/body/reason"),
        ("advisory-referral", {"complex": True, "reason": TEXT}, "#/body/reason"),
        ("advisory-referral", {"precedent": TEXT}, "#/body/precedent"),
        ("approval", {"conditions": [condition]}, "#/body/conditions/0/text"),
    ):
        who = people.approver if verb == "approval" else people.officer
        assert pointer in places(who.post(f"{path}/{verb}", json=body))
    answer = people.member.post(
        f"{path}/advice", json={"outcome": "unable_to_recommend", "reason": TEXT}
    )
    assert places(answer) == ["#/body/reason"]
    replies = {"answers": [{"query": "1", "answer": TEXT}]}
    assert places(people.editor.post(f"{path}/submission", json=replies)) == [
        "#/body/answers/0/answer"
    ]


def commanded(client, *words, new=None):
    settings = client.app_state["settings"]
    command = service_cli.commands(replace(SERVICE, settings=lambda: settings))
    return CliRunner().invoke(command, words, input=new)


def test_an_answer_that_was_handed_in_is_mended_and_what_was_frozen_by_its_hash_is_not(
    people, client, submitted, monkeypatch
):
    monkeypatch.setattr(service_cli, "configure", lambda _settings: None)
    path = submitted()
    engine = create_engine(str(client.app_state["settings"].database_url))
    with engine.begin() as connection:
        sections = connection.execute(text("SELECT sections FROM application")).scalar_one()
        changed = json.loads(sections)
        changed["9"]["purposes"][0]["objective"] = TEXT
        connection.execute(text("UPDATE application SET sections = :s"), {"s": json.dumps(changed)})
        connection.execute(
            text("UPDATE snapshot SET content = :c"), {"c": json.dumps({"title": TEXT}).encode()}
        )
    engine.dispose()
    found = commanded(client, "scan-texts").output.splitlines()
    places = {
        line.rpartition(": ")[0] for line in found if line.startswith(("application", "snapshot"))
    }
    (place,) = [p.split() for p in places if p.startswith("application ")]
    (frozen,) = [p.split() for p in places if p.startswith("snapshot ")]
    who = ("--reason", "Found by scan-texts.", "--by", "operator-7")

    mended = commanded(client, "mend-texts", *place, *who, new="A letter was sent.")
    refused = commanded(client, "mend-texts", *frozen, *who, new="A letter was sent.")
    nowhere = commanded(
        client, "mend-texts", *place[:2], "sections/9/purposes/7/x", *who, new="A letter was sent."
    )

    assert (mended.exit_code, refused.exit_code, nowhere.exit_code) == (0, 1, 1)
    shown = people.editor.get(f"{path}/sections/9").json()["answers"]
    assert shown["purposes"][0]["objective"] == "A letter was sent."
    assert NUMBER not in mended.output + refused.output + nowhere.output


def test_what_was_stored_before_is_shown_to_its_author_and_goes_no_further(
    people, draft, client, submitted
):
    path, done = draft(), submitted()
    engine = create_engine(str(client.app_state["settings"].database_url))
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT id, sections FROM application")).all()
        for id_, sections in rows:
            changed = json.loads(sections)
            changed["9"]["purposes"][0]["objective"] = TEXT
            connection.execute(
                text("UPDATE application SET sections = :s WHERE id = :i"),
                {"s": json.dumps(changed), "i": id_},
            )
    engine.dispose()

    refused = people.editor.post(f"{path}/submission")

    assert (
        people.editor.get(f"{path}/sections/9").json()["answers"]["purposes"][0]["objective"]
        == TEXT
    )
    assert refused.status_code == 403
    found = [r["subject"] for r in refused.json()["refusals"]]
    assert found == ["/sections/9/purposes/0/objective"]
    assert NUMBER not in refused.text
    mended = complete()[9]
    assert people.editor.put(f"{path}/sections/9", json=mended).status_code == 200
    assert people.editor.post(f"{path}/submission").json()["state"] == "SUBMITTED"
    assert people.officer.get(done).status_code == 200
