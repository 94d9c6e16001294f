"""Rows as CSV and XLSX."""

import csv
import io
import zipfile
from datetime import date

import pytest

from common.web.spreadsheets import CELL_MAX, CUT, cell, csv_lines, workbook

COLUMNS = (("code", "Code"), ("text", "What it says"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_a_csv_is_a_formula(text):
    assert cell(text) == f"'{text}"


def test_other_cells_are_what_they_are():
    assert cell("a=b") == "a=b"
    assert cell(date(2018, 4, 1)) == "2018-04-01"
    assert cell(3) == "3"
    assert cell(None) == ""
    assert [cell(True), cell(False)] == ["Yes", "No"]
    assert cell(["COM", "IV"]) == "COM IV"


def test_a_csv_is_read_as_it_was_written():
    rows = [{"code": "007", "text": 'a "b", c\r\nd'}, {"code": "008"}]

    text = "".join(csv_lines(COLUMNS, rows))

    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["Code", "What it says"], ["007", 'a "b", c\r\nd'], ["008", ""]]


def parts(book):
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        return (
            opened.read("xl/worksheets/sheet1.xml").decode(),
            opened.read("xl/sharedStrings.xml").decode(),
        )


def test_a_workbook_has_texts_alone():
    sheet, texts = parts(workbook("Codes", COLUMNS, [{"code": "007", "text": "=1+1"}]))

    assert "<f>" not in sheet
    assert "<v>7</v>" not in sheet
    assert ">007<" in texts
    assert ">=1+1<" in texts


def test_the_same_rows_are_the_same_workbook():
    rows = [{"code": "007", "text": "x"}]
    assert workbook("Codes", COLUMNS, rows) == workbook("Codes", COLUMNS, rows)


def test_a_text_that_no_cell_can_hold_is_cut_and_says_so():
    _, texts = parts(workbook("Codes", COLUMNS, [{"code": "1", "text": "x" * (CELL_MAX + 1)}]))

    assert CUT.strip() in texts
    assert "x" * (CELL_MAX - len(CUT)) in texts
    assert "x" * (CELL_MAX - len(CUT) + 1) not in texts
