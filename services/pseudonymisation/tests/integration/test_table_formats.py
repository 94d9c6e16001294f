"""A table's five files: opened as a reader opens them, each tells the same and nothing more."""

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_tables import (
    APRIL,
    PROVIDER,
    SEX,
    ask,
    attested,
    records,
)

FORMATS = ["csv", "html", "json", "parquet", "xlsx"]
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def content_of(haven, preparation):
    store = haven.directory / "release"
    return {f.format: (store / f.object_key).read_bytes() for f in preparation.files}


class _Page(HTMLParser):
    """The first table of a page: its cells, row by row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self._is_in = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self._is_in = True

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._is_in = False

    def handle_data(self, data):
        if self._is_in and data.strip():
            self.rows[-1].append(data.strip())


def _csv(content):
    return [tuple(row) for row in csv.reader(content.decode().splitlines()) if len(row) == 3][1:]


def _json(content):
    said = json.loads(content)
    frame = pd.DataFrame(said["data"]).astype(str)
    return [tuple(row) for row in frame[[f["name"] for f in said["schema"]["fields"]]].to_numpy()]


def _parquet(content):
    rows = pq.read_table(io.BytesIO(content)).to_pylist()
    return [
        (*list(row.values())[:2], str(row["records"]) if mark is None else mark)
        for row in rows
        for mark in [row["records_mark"]]
    ]


def _xlsx(content):
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        shared = ET.fromstring(book.read("xl/sharedStrings.xml"))
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    texts = ["".join(t.text or "" for t in one.iter(f"{SHEET}t")) for one in shared]
    rows = [
        [
            texts[int(c.findtext(f"{SHEET}v"))] if c.get("t") == "s" else c.findtext(f"{SHEET}v")
            for c in row
            if c.findtext(f"{SHEET}v") is not None
        ]
        for row in sheet.iter(f"{SHEET}row")
    ]
    return [tuple(row) for row in rows if len(row) == 3][1:]


def _html(content):
    return [tuple(row) for row in _Page(content.decode()).rows if len(row) == 3][1:]


READERS = {"csv": _csv, "html": _html, "json": _json, "parquet": _parquet, "xlsx": _xlsx}


def test_all_formats_of_a_table_tell_the_same_cells_and_footnotes(haven):
    haven.land(records(APRIL))

    made = ask(haven, PROVIDER, SEX, formats=FORMATS)

    assert made.state is PreparationState.PREPARED, (made.code, made.subject)
    assert sorted(f.format for f in made.files) == FORMATS
    content, notes = content_of(haven, made), attested(haven, made).table.footnotes
    cells = {form: READERS[form](content[form]) for form in FORMATS}
    assert ("RH8", "2", "*") in cells["csv"]
    assert ("RJE", "2", "30") in cells["csv"]
    assert {form: rows == cells["csv"] for form, rows in cells.items()} == dict.fromkeys(
        FORMATS, True
    )
    with zipfile.ZipFile(io.BytesIO(content["xlsx"])) as book:
        content["xlsx"] = book.read("xl/sharedStrings.xml")
    content["parquet"] = pq.read_table(io.BytesIO(content["parquet"])).schema.metadata[b"table"]
    for note in notes:
        words = re.escape(note).replace("\\ ", r"\s+").replace("\\`", "[`]").encode()
        for form, told in content.items():
            assert re.search(words, told), (form, note)


def test_a_file_says_of_itself_of_which_data_and_by_which_rule_it_was_made(haven):
    haven.land(records(APRIL))

    made = ask(
        haven,
        PROVIDER,
        formats=["json"],
        filters=[{"column": "Sex", "any_of": ["2"]}],
    )

    told = json.loads(content_of(haven, made)["json"])
    about = {one["name"]: one["value"] for one in told["about"]}
    said = attested(haven, made)
    assert about["rule"] == f"HES {said.table.rule_version}"
    assert about["editions"] == ", ".join(edition.id for edition in said.editions)
    assert about["rows"] == "Sex: 2"
    assert (about["profile"], about["months"]) == ("protected", "2018-04")
    assert about["cells"] == str(said.table.cells)
    assert about["cells: small"] == str(said.table.hidden["small"])


def test_a_label_that_cannot_be_printed_makes_no_file_and_ends_no_worker(haven, monkeypatch):
    haven.land(records(APRIL))
    monkeypatch.setattr("disclosure.outputs.printed.TEXT_MAX", 3)

    made = ask(haven, PROVIDER)

    assert (made.state, made.code) == (PreparationState.FAILED, "TABLE_INVALID")


@pytest.mark.long
def test_a_browser_shows_the_page_with_its_chart(haven, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser on this machine")
    haven.land(records(APRIL))
    page = tmp_path / "table.html"
    page.write_bytes(content_of(haven, ask(haven, PROVIDER, SEX, formats=["html"]))["html"])

    shown = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip

    rows = _Page(shown).rows
    assert ["RH8", "2", "*"] in rows
    assert ["RJE", "2", "30"] in rows
    assert "<svg" in shown
    assert "<script" not in shown
