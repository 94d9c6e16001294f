"""Workbooks that people send: what is read, what is refused with which code, in bounded work."""

import io
import zipfile
from datetime import UTC, date, datetime

import pytest
import xlsxwriter

from common.errors import Unprocessable
from common.web import workbooks
from common.web.spreadsheets import workbook
from dsfc_testing.workbooks import made

HEADER = ["code", "from", "edition"]


def with_parts(content, **parts):
    """The same workbook with other parts in it, or more of them."""
    named = {name.replace("__", "/").replace("_dot_", "."): text for name, text in parts.items()}
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w") as new:
        for part in old.namelist():
            if part not in named:
                new.writestr(part, old.read(part))
        for name, text in named.items():
            new.writestr(name, text, compress_type=zipfile.ZIP_DEFLATED)
    return sink.getvalue()


SHEET = (
    '<?xml version="1.0"?>{}<worksheet'
    ' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData>'
    "</worksheet>"
)


def with_sheet(rows, before=""):
    return with_parts(made([HEADER]), xl__worksheets__sheet1_dot_xml=SHEET.format(before, rows))


def refused(content, **more):
    with pytest.raises(Unprocessable) as no:
        workbooks.rows_of(content, **more)
    return no.value


def test_texts_days_and_declared_numbers_are_read_with_their_rows():
    content = made([HEADER, [], ["02P ", date(2018, 4, 1), 7], ["", "", ""], ["0123"]])

    assert workbooks.is_workbook(content)
    assert workbooks.rows_of(content, numbers={"edition"}) == [
        (1, HEADER),
        (3, ["02P", "2018-04-01", "7"]),
        (5, ["0123", "", ""]),
    ]


def test_as_csv_every_row_stands_on_the_line_of_its_number():
    content = made([HEADER, [], ["a,b", 'c"d', "e\nf"]])

    assert workbooks.as_csv(content) == b'code,from,edition\n\n"a,b","c""d",e f\n'


def test_what_we_write_is_read_as_it_was_written():
    columns = [("code", "code"), ("edition", "edition")]
    written = workbook("List", columns, [{"code": "=1+1", "edition": "0007"}])

    assert workbooks.rows_of(written) == [(1, ["code", "edition"]), (2, ["=1+1", "0007"])]


def test_every_formula_is_named_and_none_is_taken():
    no = refused(made([HEADER, ["=A1", "x", "=1+1"], ["a", "=HYPERLINK(A1)", "b"]]))

    assert no.code == "WORKBOOK_HAS_FORMULAS"
    assert [(e["line"], e["column"]) for e in no.members["errors"]] == [
        (2, "A"),
        (2, "C"),
        (3, "B"),
    ]
    assert no.members["errors_total"] == 3


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (123, "a number"),
        (1.5, "a number"),
        (True, "true or false"),
        (
            datetime(2018, 4, 1, 9, 30, tzinfo=UTC).replace(tzinfo=None),
            "an instant or a time of day",
        ),
        ("x" * (workbooks.CELL_MAX + 1), "too long"),
    ],
)
def test_a_cell_of_another_type_is_named_without_what_stands_in_it(value, detail):
    no = refused(made([HEADER, [value]]), numbers={"edition"})

    assert no.code == "WORKBOOK_CELL_TYPE"
    assert no.members["errors"] == [{"line": 2, "column": "A", "detail": detail}]
    assert str(value) not in no.detail


TABLE = [HEADER, ["02P", "2018-04-01", "7"], ["03L", "2018-04-02", "8"]]


@pytest.mark.parametrize(
    ("hiding", "named"),
    [
        ({"hidden_rows": [3]}, [(3, "A"), (3, "B"), (3, "C")]),
        ({"hidden_columns": ["B"]}, [(1, "B"), (2, "B"), (3, "B")]),
        ({"merged": ["D2:D3"]}, [(2, "D")]),
    ],
)
def test_what_its_sender_does_not_see_is_named_and_not_taken(hiding, named):
    no = refused(made(TABLE, **hiding))

    assert no.code == "WORKBOOK_HIDES_CELLS"
    assert [(one["line"], one["column"]) for one in no.members["errors"]] == named


def test_rows_and_columns_are_hidden_in_which_nothing_stands():
    content = made(TABLE, hidden_rows=[7], hidden_columns=["H"])

    assert [row for _, row in workbooks.rows_of(content)] == TABLE


def test_days_are_the_same_from_1900_and_from_1904():
    days = [HEADER, ["02P", date(2018, 4, 1), "7"]]

    assert workbooks.rows_of(made(days, is_of_1904=True)) == workbooks.rows_of(made(days))
    assert workbooks.rows_of(made(days, is_of_1904=True))[1] == (2, ["02P", "2018-04-01", "7"])


def test_an_error_in_a_cell_is_no_text():
    no = refused(with_sheet('<row r="2"><c r="A2" t="e"><v>#REF!</v></c></row>'))

    assert no.members["errors"] == [{"line": 2, "column": "A", "detail": "an error"}]


def test_a_million_empty_rows_are_refused_before_they_are_read():
    rows = "".join(f'<row r="{n}"/>' for n in range(1, 1_000_001))

    assert refused(with_sheet(rows)).code == "WORKBOOK_TOO_LARGE"
    far = '<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    assert refused(with_sheet(far)).code == "WORKBOOK_TOO_LARGE"
    wide = '<row r="1"><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>'
    assert refused(with_sheet(wide)).code == "WORKBOOK_TOO_LARGE"


def test_what_a_sheet_says_of_its_own_size_is_not_believed():
    said = '<dimension ref="A1:XFD1048576"/>'
    text = SHEET.format("", '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>')
    content = with_parts(
        made([HEADER]),
        xl__worksheets__sheet1_dot_xml=text.replace("<sheetData>", said + "<sheetData>"),
    )

    assert workbooks.rows_of(content) == [(1, ["x"])]


def test_what_is_small_only_while_it_is_packed_is_not_unpacked():
    bomb = with_parts(made([HEADER]), xl__media__image_dot_png=bytes(workbooks.UNPACKED_MAX + 1))

    assert len(bomb) < 1_000_000
    assert refused(bomb).code == "WORKBOOK_TOO_LARGE"
    parts = {f"xl__media__{n}": b"" for n in range(workbooks.PARTS_MAX)}
    assert refused(with_parts(made([HEADER]), **parts)).code == "WORKBOOK_TOO_LARGE"


def unpacked(unit, times, *, part="xl__worksheets__sheet1_dot_xml", inside="{}"):
    """Return a workbook one part of which is made of one thing over and over."""
    return with_parts(made([HEADER]), **{part: inside.format(unit * times)})


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
IN_ROW = SHEET.format("", '<row r="1">{}</row>')
IN_CELL = SHEET.format("", '<row r="1"><c r="A1" t="inlineStr"><is>{}</is></c></row>')
IN_RULES = SHEET.format("", "").replace(
    "</worksheet>", "<dataValidations>{}</dataValidations></worksheet>"
)
IN_STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs>{{}}</cellXfs></styleSheet>'
IN_STRINGS = f'<sst xmlns="{MAIN}">{{}}</sst>'
IN_NAMES = f'<workbook xmlns="{MAIN}"><definedNames>{{}}</definedNames></workbook>'


@pytest.mark.parametrize(
    ("part", "inside", "unit", "limit"),
    [
        ("xl__worksheets__sheet1_dot_xml", IN_ROW, "<c/>", "TABLE_MAX"),
        ("xl__worksheets__sheet1_dot_xml", SHEET.format("", "{}"), '<row r="1"/>', "TABLE_MAX"),
        ("xl__worksheets__sheet1_dot_xml", IN_CELL, "<r/>", "TABLE_MAX"),
        ("xl__worksheets__sheet1_dot_xml", IN_RULES, "<dataValidation/>", "BESIDE_MAX"),
        ("xl__worksheets__sheet1_dot_xml", IN_ROW, "<x:c/>", "TABLE_MAX"),
        ("xl__sharedStrings_dot_xml", IN_STRINGS, "<si/>", "TABLE_MAX"),
        ("xl__styles_dot_xml", IN_STYLES, "<xf/>", "BESIDE_MAX"),
        ("xl__another_dot_bin", IN_ROW, "<c/>", "TABLE_MAX"),
        ("xl__workbook_dot_xml", IN_NAMES, "<definedName/>", "BESIDE_MAX"),
        ("xl___rels__workbook_dot_xml_dot_rels", "<R>{}</R>", "<Relationship/>", "BESIDE_MAX"),
        ("xl__worksheets__sheet1_dot_xml", IN_ROW, '<c r="A1" t="n" s="0"/>', "ATTRIBUTES_MAX"),
    ],
)
def test_more_elements_than_a_list_has_are_refused_before_any_is_kept(
    part, inside, unit, limit, monkeypatch
):
    monkeypatch.setattr(workbooks, limit, 1_000)
    monkeypatch.setattr(workbooks.openpyxl, "load_workbook", lambda *_, **__: pytest.fail("read"))

    no = refused(unpacked(unit, 1_001, part=part, inside=inside))

    assert no.code == "WORKBOOK_TOO_LARGE"
    assert "1000" in no.detail


def test_a_tag_without_an_end_is_refused():
    attributes = " ".join(f'a{n}=""' for n in range(60_000))
    no = refused(with_sheet(f'<row r="1"><c r="A1" {attributes}/></row>'))

    assert no.code == "WORKBOOK_TOO_LARGE"
    assert "tags" in no.detail


@pytest.mark.parametrize("part", ["xl__vbaProject_dot_bin", "xl__macrosheets__sheet1_dot_xml"])
def test_macros_are_refused(part):
    assert refused(with_parts(made([HEADER]), **{part: b"x"})).code == "WORKBOOK_HAS_MACROS"


def test_what_declares_itself_with_macros_is_refused():
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main'
        '+xml"/></Types>'
    )
    content = with_parts(made([HEADER]), **{"[Content_Types]_dot_xml": types})

    assert refused(content).code == "WORKBOOK_HAS_MACROS"


def test_several_sheets_are_refused_hidden_ones_too():
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True})
    book.add_worksheet("Seen").write(0, 0, "code")
    book.add_worksheet("Hidden").hide()
    book.close()

    assert refused(sink.getvalue()).code == "WORKBOOK_UNREADABLE"


BOMB = (
    '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(1000),
        made([HEADER])[:-200],
        with_parts(made([HEADER]), xl__workbook_dot_xml=b"<workbook"),
        with_parts(made([HEADER]), xl__workbook_dot_xml=b""),
        with_sheet('<row r="1"><c r="A1" t="s"><v>999999</v></c></row>'),
        with_sheet('<row r="x"><c r="A1"/></row>'),
        with_sheet('<row r="1"><c r="A1" t="inlineStr"><is><t>&c;</t></is></c></row>', before=BOMB),
    ],
    ids=[
        "a beginning",
        "zeros",
        "cut off",
        "broken",
        "empty",
        "a text that is not there",
        "no row",
        "entities",
    ],
)
def test_what_is_no_workbook_is_refused_as_one(content):
    no = refused(content)

    assert no.code == "WORKBOOK_UNREADABLE"
    assert "password" in no.detail or "XLSX" in no.detail
