"""Ranges and headers of a file; the public register; what goes wrong with the store."""

import csv
import io
import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, text
from sqlmodel import Session
from typer.testing import CliRunner

import catalogue
from common.audit.tree import Frontier, leaf_hash
from common.audit.tree import written as tree_digest
from common.clock import legal_day
from common.db import engine as engines
from common.db.tables import audit_frontier, audit_leaf
from common.ids import canonical, digest, digest_of
from common.security.keys import DATA_USES_STATEMENT, SignedVerifier
from common.security.roles import Role
from common.service import cli as service_cli
from common.texts import WITHHELD
from common.web import spreadsheets
from dissemination import main
from dissemination.db.completeness import ReleasedFiles
from dissemination.db.tables import RegisterLineRow
from dissemination.domain.register import COLUMNS, STATUS_COLUMNS
from dsfc_testing.said import without_ids
from services.dissemination.tests.conftest import REFERENCE


@pytest.fixture
def file(house):
    return house.released()["files"][0]


def part(house, file, range_, **headers):
    return house.call("GET", file["content"], headers={"Range": range_, **headers})


def test_a_range_is_that_part_of_the_file(house, file):
    content = house.haven.content

    first, rest = part(house, file, "bytes=0-99"), part(house, file, "bytes=100-")
    last = part(house, file, "bytes=-5")

    assert [a.status_code for a in (first, rest, last)] == [206, 206, 206]
    assert first.content + rest.content == content
    assert last.content == content[-5:]
    assert first.headers["content-range"] == f"bytes 0-99/{len(content)}"
    assert first.headers["content-length"] == "100"
    assert (house.deliveries(file)[0]["start"], house.deliveries(file)[0]["end"]) == (0, 100)


def test_agreements_is_told_which_files_were_released_and_nobody_else(house, file):
    path = f"/v1/released-files?agreement={REFERENCE}&limit=1"
    second = house.released()["files"][0]
    found, after = [], ""
    while after is not None:
        told = house.call("GET", path + after, role=Role.SERVICE_AGREEMENTS).json()
        found += told["items"]
        after = f"&after={told['next']}" if told["next"] else None
    nothing = house.call(
        "GET",
        "/v1/released-files?agreement=DARS-NIC-999999-Z9Z9Z",
        role=Role.SERVICE_AGREEMENTS,
    )
    refused = house.call("GET", path)

    ids = [one["file_id"] for one in found]
    assert ids == sorted(set(ids))
    assert {file["id"], second["id"]} <= set(ids)
    assert not any(one["being_delivered"] for one in found)
    assert all(one["holding_id"] for one in found)
    assert nothing.json()["items"] == []
    assert (refused.status_code, refused.json()["code"]) == (403, "ROLE_NOT_PERMITTED")


def test_a_range_outside_the_file_is_416_with_its_size(house, file):
    answer = part(house, file, f"bytes={file['bytes']}-")

    assert (answer.status_code, answer.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{file['bytes']}"
    assert house.deliveries(file) == []


def test_a_range_of_another_file_is_the_whole_of_this_one(house, file):
    assert part(house, file, "bytes=0-9", **{"If-Range": '"sha256:other"'}).status_code == 200
    assert part(house, file, "bytes=0-9", **{"If-Range": f'"{file["digest"]}"'}).status_code == 206


def test_head_is_decided_and_delivers_nothing(house, file):
    answer = house.call("HEAD", file["content"])
    asked = house.agreements.count("fetch", file)
    house.agreements.refuse("fetch", "BREACH_OPEN")
    refused = house.call("HEAD", file["content"])

    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(file["bytes"])
    assert answer.headers["etag"] == f'"{file["digest"]}"'
    assert asked == 1
    assert refused.status_code == 403
    assert house.deliveries(file) == []


def test_every_request_is_decided_anew(house, file):
    """Guard: no answer of agreements is kept from one request to the next."""
    for _ in range(3):
        assert house.call("GET", file["content"]).status_code == 200

    assert house.agreements.requests(file) == 3
    house.agreements.refuse("fetch", "DSA_NOT_ACTIVE", "ICO_LAPSED")
    answer = house.call("GET", file["content"])
    assert answer.status_code == 403
    assert [r["code"] for r in answer.json()["refusals"]] == ["DSA_NOT_ACTIVE", "ICO_LAPSED"]


def test_a_party_that_is_none_any_more_is_told_that_there_is_nothing(house, file):
    house.agreements.parties.clear()

    answer = house.call("GET", file["content"])

    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


def test_a_file_is_not_there_before_its_release(house, until):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    house.agreements.broken = 503
    permit_id = next(reversed(house.haven.jobs))
    house.haven.prepare(permit_id)
    house.settled(extract_id, "prepared")
    house.agreements.broken = None
    file_id = house.haven.jobs[permit_id]["files"][0]["id"]

    house.agreements.refuse("release", "BREACH_OPEN")
    house.settled(extract_id, "failed")

    for path in ("content", "manifest"):
        assert house.call("GET", f"/v1/files/{file_id}/{path}").status_code == 404


def test_agreements_being_away_means_no_bytes(house, file):
    house.agreements.broken = 503

    answer = house.call("GET", file["content"])

    assert (answer.status_code, answer.json()["code"]) == (503, "DECISION_UNAVAILABLE")
    assert house.deliveries(file) == []


def test_an_object_that_is_gone_is_said_so(house, file):
    for path in house.haven.store.rglob(f"{file['id']}.*"):
        path.unlink()

    answer = house.call("GET", file["content"])

    assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_MISSING")
    assert house.deliveries(file) == []


def test_a_store_that_is_away_is_waited_for_and_released_from_later(house, file, until):
    """The whole store is away: no file is called missing for good, and nothing is released."""
    away = house.haven.store.with_name("away")
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    permit_id = next(reversed(house.haven.jobs))
    house.haven.prepare_only(permit_id)
    shutil.move(house.haven.store, away)
    house.haven.jobs[permit_id]["files"] = house.haven.jobs[permit_id].pop("made")
    try:
        assert house.settled(extract_id, "prepared")["files"] == []
        answer = house.call("GET", file["content"])
        ready = house.call("GET", "/readyz", role=None)
    finally:
        shutil.move(away, house.haven.store)

    assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")
    assert ready.status_code == 503
    assert house.settled(extract_id, "released")["files"]


def test_a_store_that_cannot_be_written_is_all_that_is_needed(house):
    """The release store is read here and never written."""
    extract = house.released()
    for path in [house.haven.store, *house.haven.store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        answer = house.call("GET", extract["files"][0]["content"])
    finally:
        for path in [house.haven.store, *house.haven.store.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)

    assert digest(answer.content) == extract["files"][0]["digest"]


@pytest.mark.scenario("P01")
def test_the_register_has_the_published_columns_and_one_line_a_file(house):
    """P01; R01's "one register line per physical file"."""
    files = house.released(formats=["parquet", "csv"])["files"]

    text = house.call("GET", "/v1/register?format=csv", role=None)
    rows = list(csv.DictReader(io.StringIO(text.text)))
    mine = [row for row in rows if row["File"] in {file["id"] for file in files}]

    assert text.headers["content-type"].startswith("text/csv")
    assert list(rows[0]) == [title for _, title in (*COLUMNS, *STATUS_COLUMNS)]
    assert len(mine) == 2
    line = mine[0]
    assert line["Controller organisation(s)"] == "NHS Wiltshire CCG (99N)"
    assert line["DARS-NIC reference"] == "DARS-NIC-123456-A1B2C"
    assert line["Type of data"] == "Anonymised - ICO Code Compliant"
    assert line["Objectives"] == "'=Plan care"
    assert "Secret Street" not in text.text
    assert "ZZ99" not in text.text


def test_the_register_is_a_workbook_too_and_none_of_its_cells_a_formula(house):
    files = house.released(formats=["csv"])["files"]

    asked = house.call("GET", "/v1/register?format=xlsx", role=None)
    accepted = house.call("GET", "/v1/register", role=None, headers={"Accept": spreadsheets.XLSX})

    assert asked.headers["content-type"] == accepted.headers["content-type"] == spreadsheets.XLSX
    with zipfile.ZipFile(io.BytesIO(asked.content)) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
        assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()
    assert files[0]["id"] in texts
    assert "=Plan care" in texts


def test_the_register_says_of_what_instant_it_is(house):
    at = house.clock.now()
    said = house.call("GET", "/v1/register", role=None).json()["as_of"]

    assert datetime.fromisoformat(said) == at
    for kind in ("csv", "xlsx"):
        answer = house.call("GET", f"/v1/register?format={kind}", role=None)
        name = f"data-uses-{legal_day(at).isoformat()}.{kind}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_the_register_comes_as_pages_of_json(house):
    house.released(formats=["parquet", "csv"])
    first = house.call("GET", "/v1/register?limit=1", role=None).json()
    second = house.call(
        "GET", "/v1/register", role=None, params={"limit": 1, "after": first["next"]}
    ).json()
    accepted = house.call("GET", "/v1/register", role=None, headers={"Accept": "text/csv"})

    assert list(first["items"][0]) == [name for name, _ in (*COLUMNS, *STATUS_COLUMNS)]
    assert first["items"][0]["file_id"] != second["items"][0]["file_id"]
    assert accepted.headers["content-type"].startswith("text/csv")


def test_a_released_line_stays_what_it_was_when_the_agreement_changes(house):
    extract = house.released()
    house.agreements.terms["title"] = "Another title"

    items = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]

    (line,) = [item for item in items if item["file_id"] == extract["files"][0]["id"]]
    assert line["project_title"] == "Commissioning in Wiltshire"


def test_a_text_with_personal_data_is_withheld_whichever_way_it_came(house):
    number = "999 000 0018"
    terms = house.agreements.terms
    terms["title"] = f"Care of {number}"
    terms["controllers"] = [{"ods": "99N", "legal_name": f"NHS Wiltshire CCG ({number})"}]
    terms["sections"] = {
        **terms["sections"],
        "9": {"purposes": [{"code": "COM", "objective": "For her, born on 31 January 1970"}]},
    }
    extract = house.released()

    answer = house.call("GET", "/v1/register?limit=200", role=None)
    sheet = house.call("GET", "/v1/register?format=csv", role=None).text

    (line,) = [i for i in answer.json()["items"] if i["file_id"] == extract["files"][0]["id"]]
    assert line["project_title"] == line["controllers"] == line["objectives"] == WITHHELD
    assert line["processing"] == "Counting admissions"
    assert WITHHELD in sheet
    for public in (answer.text, sheet):
        assert number not in public
        assert "1970" not in without_ids(public)


def commanded(house, *words, text=None):
    """Run a command of the service on the house's database."""
    command = service_cli.commands(replace(main.SERVICE, settings=lambda: house.settings))
    return CliRunner().invoke(command, words, input=text)


def test_a_line_of_the_register_that_was_frozen_is_mended_and_shows_the_text(house, monkeypatch):
    monkeypatch.setattr(service_cli, "configure", lambda _settings: None)
    number = "999 000 0018"

    def listed():
        lines = commanded(house, "scan-texts").output.splitlines()
        return {line.split()[1] for line in lines if line.startswith("register_line ")}

    before = listed()
    house.agreements.terms["title"] = f"Care of {number} in Wiltshire"
    extract = house.released()
    file_id = extract["files"][0]["id"]

    def title():
        items = house.call("GET", "/v1/register?limit=200", role=None).json()["items"]
        return next(i for i in items if i["file_id"] == file_id)["project_title"]

    assert title() == WITHHELD
    scanned = commanded(house, "scan-texts")
    (row,) = listed() - before
    who = ("--reason", "Found by scan-texts.", "--by", "operator-7")
    place = ("mend-texts", "register_line", row, "project_title")

    refused = [
        commanded(house, *place, *who, text=f"Care of {number}"),
        commanded(house, *place, *who, text="A text that is much longer than what stood there."),
        commanded(house, *place, *who, text=""),
        commanded(house, *place, "--reason", number, "--by", "me", text="Care in Wiltshire"),
        commanded(house, *place[:3], "processing", *who, text="Care"),
        commanded(house, *place[:2], str(uuid4()), "project_title", *who, text="Care"),
        commanded(house, "mend-texts", "release", row, "manifest", *who, text="Care"),
    ]
    assert title() == WITHHELD
    mended = commanded(house, *place, *who, text="Care in Wiltshire\n")

    assert {answer.exit_code for answer in refused} == {1}
    assert all("Nothing was changed." in answer.output for answer in refused)
    assert (mended.exit_code, mended.output) == (0, f"Mended: register_line {row} project_title.\n")
    assert title() == "Care in Wiltshire"
    assert not any(number in answer.output for answer in (scanned, mended, *refused))
    log, after = [], {}
    while after is not None:
        asked = {"agreement": REFERENCE, "limit": 200, **after}
        page = house.call("GET", "/v1/audit", role=Role.AUDITOR, ods="X26", params=asked).json()
        log += page["items"]
        after = None if page["next"] is None else {"after": page["next"]}
    entry = next(i for i in log if "text-mended" in str(i))
    assert "operator-7" in str(entry)
    assert "Care in Wiltshire" not in str(entry)
    again = commanded(house, *place, *who, text="Care")
    assert again.exit_code == 1  # what is clean is frozen


def test_the_catalogue_says_in_which_form_a_column_may_leave(house):
    items = house.call("GET", "/v1/catalogue", role=None).json()["items"]

    apc = next(item for item in items if item["data_set"] == "SUS_APC")
    columns = {column["name"]: column for column in apc["columns"]}
    assert apc["digest"].startswith("sha256:")
    assert columns["Sex"]["treatments"] == ["as_is"]
    assert all(column["treatments"] for column in columns.values())


def test_the_catalogue_says_what_it_does_not_have_yet_and_why(house):
    told = house.call("GET", "/v1/catalogue", role=None).json()

    listed = {one["title"]: one for one in told["not_yet"]}
    assert listed.keys() == {one.title for one in catalogue.absent()}
    for title in ("National Cancer Waiting Times Monitoring Data Set", "NHS e-Referral Service"):
        assert listed[title]["reason"]
        assert listed[title]["looked_for"]
    assert not {one["title"] for one in told["items"]} & listed.keys()


def test_a_data_set_says_which_columns_of_its_source_it_has_not_and_why(house):
    told = house.call("GET", "/v1/catalogue/MHSDS", role=None).json()["not_yet"]

    (quarter,) = [one for one in told if one["columns"] == ["IMDQuart"]]
    assert quarter["table"] == "MHS001MPI"
    assert "the third tenth lies in two quarters" in quarter["reason"]
    assert house.call("GET", "/v1/catalogue/DIDS", role=None).json()["not_yet"] == []


def test_a_data_set_is_told_with_its_codes_and_what_they_mean(house):
    told = house.call("GET", "/v1/catalogue/ECDS", role=None).json()

    fields = {field["name"]: field for field in told["fields"]}
    assert fields["EC_AttendanceCategory"]["labels"]["1"] == "Unplanned first"
    assert fields["Fractional_Age_At_Arrival"]["treatments"] == []
    assert fields["Age_At_Arrival"]["cap"] == 90
    assert (told["coverage"], told["periods"]["unit"]) == ("selection", "month")
    assert told["collection"][0]["kind"] == "direction"
    assert [v for v in told["versions"] if v == told["version"]]
    listed = house.call("GET", "/v1/catalogue/ECDS", role=None, headers={"Accept": "text/csv"})
    lines = listed.text.splitlines()
    assert lines[0].startswith("name,header,title,type,class")
    assert len(lines) == 1 + len(told["fields"]) + len(told["derived"])
    older = house.call("GET", "/v1/catalogue/GPW?version=1.0", role=None).json()
    assert older["periods"]["last"] == "2021-05"
    assert {"1.0", "2.0"} < set(older["versions"])


def test_a_table_schema_names_columns_as_files_do(house):
    schema = house.call("GET", "/v1/catalogue/PLCM/table-schema", role=None).json()

    names = [field["name"] for field in schema["fields"]]
    assert "ORGANISATION IDENTIFIER (CODE OF PROVIDER)" in names
    assert schema["primaryKey"] == ["LOCAL CONTRACT MONITORING RECORD IDENTIFIER"]


@pytest.mark.parametrize("place", ["NOWHERE", "NOWHERE/table-schema", "ECDS?version=9.9"])
def test_a_data_set_that_is_not_there_is_said_to_be_none(house, place):
    answer = house.call("GET", f"/v1/catalogue/{place}", role=None)

    assert (answer.status_code, answer.json()["code"]) == (404, "DATA_SET_NOT_FOUND")


def test_the_openapi_document_can_be_made_and_names_every_permission(house):
    document = house.call("GET", "/openapi.json", role=None).json()

    for path, item in document["paths"].items():
        for operation in item.values():
            assert "x-permission" in operation or "x-public" in operation, path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_not_handed_out_in_a_type_that_is_not_wanted(house, method):
    """`text/csv` can be had of some files; of this one it cannot."""
    file = house.released(formats=["parquet"])["files"][0]

    answers = [
        house.call(method, file["content"], headers={"Accept": wanted})
        for wanted in ("text/csv", "application/vnd.apache.parquet", "text/csv, */*;q=0.1")
    ]

    assert [a.status_code for a in answers] == [406, 200, 200]
    until_ended = [house.ended(file)] if method == "GET" else []
    assert len(house.deliveries(file)) == (2 if until_ended else 0)


def test_the_register_reads_several_lines_of_accept_as_one_list(house):
    lines = [("Accept", "application/xml"), ("Accept", "text/csv")]

    told = house.http.get("/v1/register", headers=lines)

    assert told.headers["content-type"].startswith("text/csv")


def written(house, statement, **values):
    """Write into the database past the service."""
    with house.engine.begin() as connection:
        connection.execute(text(statement), values)


def register(house):
    return house.call("GET", "/v1/register?limit=200", role=None).json()


def test_a_line_that_is_deleted_from_the_register_is_told(house):
    """Guard: `RegisterPage.told`, and in CSV `_csv`."""
    kept, gone = house.released()["files"][0], house.released()["files"][0]
    before = register(house)
    written(
        house,
        "CREATE TABLE put_away AS SELECT * FROM register_line WHERE file_id = :id",
        id=UUID(gone["id"]).hex,
    )
    written(house, "DELETE FROM register_line WHERE file_id = :id", id=UUID(gone["id"]).hex)
    told = register(house)
    sheet = house.call("GET", "/v1/register?format=csv", role=None).text
    rows = {row["File"]: row["Status"] for row in csv.DictReader(io.StringIO(sheet))}
    written(house, "INSERT INTO register_line SELECT * FROM put_away")
    written(house, "DROP TABLE put_away")

    assert (before["is_complete"], before["missing"]) == (True, [])
    assert not told["is_complete"]
    assert [one["file_id"] for one in told["missing"]] == [gone["id"]]
    assert told["missing"][0]["reference"] == REFERENCE
    assert (rows[gone["id"]], rows[kept["id"]]) == ("line_missing", "current")
    assert register(house)["is_complete"]


def stated(house):
    """The signed statement, by a reader who has public keys alone."""
    answer = house.call("GET", "/v1/register/statement", role=None)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    jwks = house.call("GET", "/.well-known/jwks.json", role=None).json()
    claims = SignedVerifier(DATA_USES_STATEMENT, lambda: jwks, clock=house.clock).verify(
        said.pop("statement")
    )
    signed = {name: claims[name] for name in said}
    for one in (said, signed):
        one["as_of"] = datetime.fromisoformat(one["as_of"])
    assert signed == said
    return said


def frozen(house):
    """All lines of all pages, as a reader of the statement puts them together."""
    rows, after = [], {}
    while True:
        page = house.call("GET", "/v1/register", role=None, params={"limit": 3, **after}).json()
        rows += [
            {k: v for k, v in one.items() if k not in dict(STATUS_COLUMNS)} for one in page["items"]
        ]
        if page["next"] is None:
            return rows
        after = {"after": page["next"]}


def test_the_register_is_stated_complete_under_signature_and_not_once_it_is_altered(house):
    """Its digest is over every line, so that whoever kept it shows what was said that day."""
    first, second = house.released()["files"][0], house.released(formats=["csv"])["files"][0]
    before = stated(house)
    rows = frozen(house)
    alter = "UPDATE register_line SET objectives = :said WHERE file_id = :id"
    key = UUID(first["id"]).hex
    [objectives] = [one["objectives"] for one in rows if one["file_id"] == first["id"]]
    written(house, alter, said="To sell it.", id=key)
    altered = stated(house)
    written(house, alter, said=objectives, id=key)
    is_back = stated(house)
    copy = "CREATE TABLE put_away AS SELECT * FROM register_line WHERE file_id = :id"
    written(house, copy, id=UUID(second["id"]).hex)
    written(house, "DELETE FROM register_line WHERE file_id = :id", id=UUID(second["id"]).hex)
    deleted = stated(house)
    written(house, "INSERT INTO register_line SELECT * FROM put_away")
    written(house, "UPDATE register_line SET agreement_end = 'x' WHERE file_id = :id", id=key)
    unread = stated(house)
    written(
        house,
        "UPDATE register_line SET agreement_end = (SELECT agreement_end FROM put_away)"
        " WHERE file_id = :id",
        id=key,
    )
    written(house, "DROP TABLE put_away")

    assert before["is_complete"]
    assert (before["register"], before["rows"]) == ("data-uses", len(rows))
    assert before["digest"] == is_back["digest"] == digest_of(rows)
    assert before["log_size"] > 0
    assert (altered["is_complete"], altered["not_as_released"]) == (False, [first["id"]])
    assert altered["digest"] != before["digest"]
    assert (deleted["is_complete"], deleted["rows"]) == (False, len(rows) - 1)
    assert [one["file_id"] for one in deleted["missing"]] == [second["id"]]
    assert (unread["is_complete"], len(unread["unreadable"])) == (False, 1)
    assert stated(house)["is_complete"]


def test_a_line_that_was_deleted_before_the_start_or_with_its_leaf_is_told(house):
    gone = house.released()["files"][0]
    file_id = UUID(gone["id"])
    fresh = ReleasedFiles()
    with Session(engines.writing(house.engine)) as session:  # no worker writes in between
        assert fresh.compare(session).is_complete
        line = session.scalars(select(RegisterLineRow).filter_by(file_id=file_id)).one()
        session.delete(line)
        session.flush()
        [missing] = ReleasedFiles().compare(session).missing
        leaf = audit_leaf.c
        session.execute(audit_leaf.delete().where(leaf.entry.contains(f"files/{gone['id']}")))
        started_later = ReleasedFiles().compare(session)
        assert [one.file_id for one in fresh.compare(session).missing] == [file_id]
        session.rollback()

    assert missing.file_id == file_id
    assert (started_later.log_is_whole, started_later.is_complete) == (False, False)


def test_a_line_that_says_something_else_than_at_its_release_is_told(house):
    """Guard: `ReleasedFiles._judge`."""
    altered, forged, kept = (house.released()["files"][0] for _ in range(3))
    key = UUID(altered["id"]).hex
    words = "UPDATE register_line SET objectives = :said WHERE file_id = :id"
    before = {one["file_id"]: one for one in register(house)["items"]}
    leaf = "UPDATE audit_leaf SET entry = :entry WHERE entry = :was"
    with Session(house.engine) as session:
        entries = select(audit_leaf.c.entry).where(
            audit_leaf.c.entry.contains(f'"files/{forged["id"]}"'),
            audit_leaf.c.entry.contains("file-released"),
        )
        entry = session.scalars(entries).one()
    line = json.loads(entry)["detail"]["register_line"]
    written(house, words, said="To sell it.", id=key)
    told = register(house)
    sheet = house.call("GET", "/v1/register?format=csv", role=None).text
    rows = {row["File"]: row["As released"] for row in csv.DictReader(io.StringIO(sheet))}
    written(house, words, said=before[altered["id"]]["objectives"], id=key)
    written(house, leaf, entry=entry.replace(line, digest(b"another")), was=entry)
    with Session(engines.reading(house.engine)) as session:
        judged = ReleasedFiles().as_released(session, {UUID(forged["id"]): digest(b"another")})
        is_complete = ReleasedFiles().compare(session).is_complete
    written(house, leaf, entry=entry, was=entry.replace(line, digest(b"another")))

    said = {one["file_id"]: one["is_as_released"] for one in told["items"]}
    assert before[altered["id"]]["is_as_released"] is True
    assert (said[altered["id"]], said[kept["id"]]) == (False, True)
    assert (rows[altered["id"]], rows[kept["id"]]) == ("No", "Yes")
    assert (judged, is_complete) == ({UUID(forged["id"]): False}, False)
    assert register(house)["is_complete"]


def test_a_line_that_no_release_is_behind_is_told_and_one_from_before_is_not_judged(house):
    file = house.released()["files"][0]
    with Session(engines.reading(house.engine)) as session:
        fresh = ReleasedFiles()
        nobody = fresh.as_released(session, {uuid4(): digest(b"line")})
        told = fresh._files[UUID(file["id"])]
        fresh._files[UUID(file["id"])] = replace(told, line=None)
        before = fresh.as_released(session, {UUID(file["id"]): digest(b"line")})

    assert list(nobody.values()) == [False]
    assert list(before.values()) == [None]


def test_line_leaf_and_tree_that_were_put_back_together_are_seen_at_the_next_start(
    house, make_engine, tmp_path
):
    """The log is held against its newest checkpoint, which is outside the database."""
    gone = house.released()["files"][0]
    house.released()
    checkpoints = house.settings.checkpoint_dir
    with (
        closing(sqlite3.connect(house.engine.url.database)) as source,
        closing(sqlite3.connect(tmp_path / "copy.db")) as target,
    ):
        source.backup(target)
    copy = make_engine(f"sqlite:///{tmp_path / 'copy.db'}")
    with Session(engines.writing(copy)) as session:
        leaf = audit_leaf.c
        rows = session.execute(select(leaf.index, leaf.entry).order_by(leaf.index)).all()
        assert ReleasedFiles(checkpoints).compare(session).is_complete
        put_back(session, [entry for _, entry in rows if gone["id"] not in entry])
        session.execute(delete(RegisterLineRow).filter_by(file_id=UUID(gone["id"])))
        session.commit()
        believed, held = ReleasedFiles(), ReleasedFiles(checkpoints)
        assert believed.compare(session).is_complete
        assert not held.compare(session).log_is_whole


def test_a_checkpoint_that_cannot_be_read_is_no_reason_to_believe_the_log(house, tmp_path):
    house.released()
    (tmp_path / "dissemination.checkpoints").write_text("nonsense\n")
    with Session(engines.reading(house.engine)) as session:
        assert not ReleasedFiles(tmp_path).compare(session).log_is_whole


def put_back(session, entries):
    """Write another log, whole in itself: index, hashes and tree, as who knows our code can."""
    tree = Frontier()
    session.execute(audit_leaf.delete())
    for index, entry in enumerate(entries):
        data = canonical(json.loads(entry) | {"index": index})
        tree.append(leaf_hash(data))
        row = {"index": index, "entry": data.decode(), "hash": tree_digest(leaf_hash(data))}
        session.execute(audit_leaf.insert(), row)
    values = {"size": tree.size, "nodes": tree.packed()}
    session.execute(audit_frontier.update().values(values))


@pytest.mark.parametrize("accept", ["*/*", "application/zip"])
def test_a_row_that_was_made_to_name_another_file_sends_none_of_it(house, accept):
    """Guard: `SentObject`, which agreements holds against what was released."""
    own, others = house.released()["files"][0], house.released()["files"][0]
    columns = ("object_key", "bytes", "digest")
    read = "SELECT object_key, bytes, digest FROM release WHERE file_id = :id"
    change = "UPDATE release SET object_key = :object_key, bytes = :bytes, digest = :digest"
    with house.engine.connect() as connection:
        mine, theirs = (
            connection.execute(text(read), {"id": UUID(one["id"]).hex}).one()
            for one in (own, others)
        )
    key = UUID(own["id"]).hex
    written(
        house, f"{change} WHERE file_id = :id", id=key, **dict(zip(columns, theirs, strict=True))
    )
    answer = house.call("GET", own["content"], headers={"Accept": accept})
    headers = house.call("HEAD", own["content"], headers={"Accept": accept})
    written(house, f"{change} WHERE file_id = :id", id=key, **dict(zip(columns, mine, strict=True)))

    assert (answer.status_code, headers.status_code) == (403, 403)
    assert [r["code"] for r in answer.json()["refusals"]] == ["SEAL_BROKEN"]
    assert house.call("GET", own["content"]).content == house.haven.content


def test_an_extract_and_a_delivery_that_cannot_be_read_hide_no_others(house):
    spoilt, whole = house.released(), house.released()
    for one in (spoilt, whole):
        house.call("GET", one["files"][0]["content"])
    delivery = house.deliveries(spoilt["files"][0])[0]["id"]
    rows = {"extract": UUID(spoilt["id"]).hex, "delivery": UUID(delivery).hex}
    change = "UPDATE {0} SET {1} = :value WHERE id = :id"

    for table, column, kept in (
        ("extract", "request", json.dumps({})),
        ("extract", "state", None),
        ("extract", "files", None),
        ("extract", "kind", "tabulation"),
        ("delivery", "outcome", None),
    ):
        key = rows[table]
        with house.engine.connect() as connection:
            query = text(f"SELECT {column} FROM {table} WHERE id = :id")
            value = connection.execute(query, {"id": key}).scalar_one()
        written(house, change.format(table, column), value=kept or "gar{bage", id=key)
        path = "/v1/extracts" if table == "extract" else "/v1/deliveries"
        path = f"/v1/{kept}s" if column == "kind" else path
        page = house.call("GET", f"{path}?limit=200", role=Role.AUDITOR).json()
        alone = house.call("GET", f"/v1/extracts/{spoilt['id']}")
        lines = register(house)
        written(house, change.format(table, column), value=value, id=key)

        assert [UUID(one).hex for one in page["unreadable"]] == [key]
        assert page["items"] != [] or column == "kind"
        if table == "extract":
            assert (alone.status_code, alone.json()["code"]) == (409, "RECORD_UNREADABLE")
            assert lines["items"] != []
