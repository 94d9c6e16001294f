"""What is written says what is printed, and nothing that a program runs."""

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow.parquet as pq
import pytest

from disclosure import Dimension, Hierarchy, Table, problems, protect, rule
from disclosure.outputs import FORMATS, Chart, Column, Kind, Printed, draw, page, written

SHMI = rule("SHMI")
FORMULA = '=HYPERLINK("http://x","y")'
TRUSTS = Dimension(
    "trust",
    (Hierarchy.from_pairs([("North", "England"), ("South", "England"), ("RA1", "North"),
                           ("RB1", "South"), (FORMULA, "South")]),),
    is_geography=True,
)  # fmt: skip
MONTHS = Dimension.flat("month", ["2024-01", "2024-02", "2024-03"], total="2024")
COUNTS = np.array([[3, 40, 0], [23, 41, 60], [17, 33, 29]])


def printed() -> Printed:
    structural = COUNTS == 0
    table = Table(dimensions=(TRUSTS, MONTHS), counts=COUNTS, structural=structural)
    made = Printed.of(
        protect(table, SHMI), title="Deaths <2024>", times=["month"], about=[("data", "v1")]
    )
    shares = {("RA1", "2024-02"): "38%", ("RB1", "2024-01"): "*", ("RB1", "2024-02"): "-"}
    ratios = {("RA1", "2024-02"): "1.050", ("RB1", "2024-02"): "-0.5"}
    return made.with_measure(
        Column(name="share", kind=Kind.PERCENTAGE, title="Share of all"), shares
    ).with_measure(Column(name="ratio", kind=Kind.NUMBER), ratios)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_table_gives_the_same_bytes(form: str) -> None:
    assert written(printed(), form) == written(printed(), form)


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(problems.FormatUnknown) as refused:
        written(printed(), "xls")
    assert "xlsx" in refused.value.detail


def test_csv_is_the_table_and_its_footnotes_below_an_empty_line() -> None:
    text = written(printed(), "csv").decode("utf-8")
    table, _, notes = text.partition("\r\n\r\n")
    rows = list(csv.reader(io.StringIO(table)))
    assert rows[0] == ["trust", "month", "people", "share", "ratio"]
    assert ["RA1", "2024-01", "*", "", ""] in rows
    assert ["RA1", "2024-02", "40", "38%", "1.050"] in rows
    assert ["RA1", "2024-03", "-", "", ""] in rows
    assert ["RB1", "2024-02", "40", "-", "-0.5"] in rows
    assert "`*` stands for a number of 1 to 7." in notes


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@SUM(1)", "＝1"])
def test_no_label_of_a_csv_file_is_run(begins: str) -> None:
    dimension = Dimension.flat(begins, [begins, "B"])
    made = Printed.of(
        protect(Table(dimensions=(dimension,), counts=np.array([20, 30])), SHMI), title="t"
    )
    first = [row[0] for row in csv.reader(io.StringIO(written(made, "csv").decode("utf-8"))) if row]
    assert first[:4] == [f"'{begins}", "Total", f"'{begins}", "B"]
    assert (
        written(replace(made, footnotes=(begins,)), "csv")
        .decode("utf-8")
        .endswith(f"'{begins}\r\n")
    )


def test_json_tells_its_schema_and_gives_numbers_as_numbers() -> None:
    told = json.loads(written(printed(), "json"))
    kinds = {f["name"]: f["type"] for f in told["schema"]["fields"]}
    assert kinds == {
        "trust": "string", "month": "string", "people": "integer",
        "share": "integer", "ratio": "number",
    }  # fmt: skip
    assert told["schema"]["primaryKey"] == ["trust", "month"]
    assert {"*", "-", ""} == set(told["schema"]["missingValues"])
    row = next(r for r in told["data"] if (r["trust"], r["month"]) == ("RA1", "2024-02"))
    assert row == {"trust": "RA1", "month": "2024-02", "people": 40, "share": 38, "ratio": 1.05}
    hidden = next(r for r in told["data"] if (r["trust"], r["month"]) == ("RA1", "2024-01"))
    assert hidden["people"] == "*"
    assert told["footnotes"][0] == "`*` stands for a number of 1 to 7."
    assert {"name": "data", "value": "v1"} in told["about"]


def test_parquet_has_numbers_and_beside_them_the_marks() -> None:
    table = pq.read_table(io.BytesIO(written(printed(), "parquet")))
    assert [str(f.type) for f in table.schema] == [
        "string", "string", "int64", "string", "int64", "string", "double", "string",
    ]  # fmt: skip
    rows = {(r["trust"], r["month"]): r for r in table.to_pylist()}
    assert rows["RA1", "2024-01"]["people"] is None
    assert rows["RA1", "2024-01"]["people_mark"] == "*"
    assert rows["RA1", "2024-03"]["people_mark"] == "-"
    assert rows["RA1", "2024-02"]["people"] == 40
    assert rows["RA1", "2024-02"]["people_mark"] is None
    told = json.loads(table.schema.metadata[b"table"])
    assert told["footnotes"][0] == "`*` stands for a number of 1 to 7."


def test_a_column_may_be_named_as_the_mark_of_another() -> None:
    made = printed().with_measure(Column(name="people_mark", kind=Kind.COUNT), {})
    names = pq.read_table(io.BytesIO(written(made, "parquet"))).schema.names
    assert len(set(names)) == len(names)


def test_a_workbook_has_typed_numbers_texts_footnotes_and_no_formula() -> None:
    with zipfile.ZipFile(io.BytesIO(written(printed(), "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode("utf-8")
        strings = book.read("xl/sharedStrings.xml").decode("utf-8")
        names = book.namelist()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert not [n for n in names if "externalLink" in n or "vba" in n]
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    texts = ["".join(t.text or "" for t in one.iter(f"{space}t")) for one in ET.fromstring(strings)]
    rows = []
    for row in ET.fromstring(sheet).iter(f"{space}row"):
        cells = [(c.get("t"), c.findtext(f"{space}v")) for c in row]
        rows.append([texts[int(v or 0)] if t == "s" else float(v) for t, v in cells if v])
    assert ["RA1", "2024-02", 40.0, 0.38, 1.05] in rows
    assert ["RA1", "2024-01", "*"] in rows
    assert [FORMULA, "2024-01", 15.0] in rows
    assert ["`*` stands for a number of 1 to 7."] in rows


# -- the page


def test_a_page_shows_the_table_marks_hidden_cells_and_runs_nothing() -> None:
    text = page(printed()).decode("utf-8")
    assert "Deaths &lt;2024&gt;" in text
    assert "<script" not in text.lower()
    assert not re.findall(r"(?:src|href|@import)\s*=?", text)
    assert '<td class="hidden"><abbr title="hidden">*</abbr></td>' in text
    assert "=HYPERLINK(&#34;" in text
    assert "Footnotes" in text


def test_a_chart_says_the_numbers_of_the_table_and_no_others() -> None:
    made = printed()
    drawing = draw(made, Chart(along="month", measure="people", series="trust"))
    assert drawing is not None
    assert drawing.kind == "line"
    assert "RA1: 2024-01 hidden, 2024-02 40, 2024-03 not applicable" in drawing.text
    texts = {row[2] for row in made.rows}
    assert {mark.text for mark in drawing.marks} <= texts
    svg = re.search(r"<svg.*?</svg>", page(made).decode("utf-8"), re.DOTALL)
    assert svg is not None
    root = ET.fromstring(svg[0])
    assert {root.get("role"), root.get("aria-labelledby")} == {"img", "chart-title chart-text"}


def test_a_line_is_broken_where_a_number_is_hidden() -> None:
    months = Dimension.flat("month", [f"M{n}" for n in range(5)])
    shown = protect(Table(dimensions=(months,), counts=np.array([20, 30, 3, 40, 50])), SHMI)
    drawing = draw(
        Printed.of(shown, title="t", times=["month"]), Chart(along="month", measure="people")
    )
    assert drawing is not None
    assert len(drawing.lines) == 2
    assert sum(mark.is_hidden for mark in drawing.marks) == 1


def test_the_mark_of_a_hidden_bar_is_of_one_size_whatever_it_hides() -> None:
    drawings = []
    for counts in ([1, 7, 40], [7, 1, 40]):
        unit = Dimension.flat("unit", ["A", "B", "C"])
        shown = protect(Table(dimensions=(unit,), counts=np.array(counts)), SHMI)
        drawings.append(draw(Printed.of(shown, title="t"), Chart(along="unit", measure="people")))
    assert drawings[0] == drawings[1]
    assert drawings[0] is not None
    assert [mark.size for mark in drawings[0].marks if mark.is_hidden] == [0.0, 0.0]


def test_a_dimension_of_too_many_categories_is_drawn_coarser_or_not() -> None:
    many = Dimension.flat("unit", [f"U{n}" for n in range(100)])
    flat = Printed.of(protect(Table(dimensions=(many,), counts=np.full(100, 20)), SHMI), title="t")
    assert draw(flat, Chart(along="unit", measure="people")) is None
    assert b"<svg" not in page(flat)
    pairs = [(f"R{n}", "T") for n in range(4)] + [(f"U{n}", f"R{n % 4}") for n in range(100)]
    tree = Dimension("unit", (Hierarchy.from_pairs(pairs),))
    table = Table(dimensions=(tree,), counts=np.full(100, 20))
    drawing = draw(
        Printed.of(protect(table, SHMI), title="t"), Chart(along="unit", measure="people")
    )
    assert drawing is not None
    assert [label.text for label in drawing.labels] == ["R0", "R1", "R2", "R3"]


def test_a_chart_of_what_the_table_has_not_is_refused() -> None:
    for chart in (
        Chart(along="people", measure="people"),
        Chart(along="trust", measure="age"),
        Chart(along="trust", measure="people", series="trust"),
    ):
        with pytest.raises(problems.TableInvalid):
            draw(printed(), chart)


def test_a_chart_of_zeros_or_of_hidden_cells_alone_can_be_drawn() -> None:
    for counts in ([0, 0], [3, 4]):
        unit = Dimension.flat("unit", ["A", "B"])
        made = Printed.of(
            protect(Table(dimensions=(unit,), counts=np.array(counts)), SHMI), title="t"
        )
        assert b"<svg" in page(made)


# -- what cannot be printed


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": (("A",),)},
        {"rows": (("A", "12"), ("A", "13"))},
        {"rows": (("A", "3.5"),)},
        {"rows": (("A", "<5"),)},
        {"rows": (("A", "٣"),)},
        {"rows": (("A\x00", "5"),)},
        {"rows": (("A\u202egpj", "5"),)},
        {"rows": (("A" * 3000, "5"),)},
        {"footnotes": ("a\nb",)},
        {"columns": (Column(name="u", kind=Kind.LABEL), Column(name="u", kind=Kind.COUNT))},
        {"columns": (Column(name="n", kind=Kind.COUNT), Column(name="u", kind=Kind.LABEL))},
        {"columns": (Column(name="u", kind=Kind.LABEL), Column(name="v", kind=Kind.LABEL))},
    ],
)
def test_what_cannot_be_printed_is_refused(wrong: dict[str, object]) -> None:
    right = Printed(
        title="t",
        columns=(Column(name="u", kind=Kind.LABEL), Column(name="n", kind=Kind.COUNT)),
        rows=(("A", "5"),),
    )
    with pytest.raises(problems.TableInvalid):
        replace(right, **wrong)
