"""Workbooks as people make them: texts, days, numbers and formulas."""

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime

import xlsxwriter


def made(
    rows: Iterable[Sequence[object]],
    *,
    hidden_rows: Sequence[int] = (),
    hidden_columns: Sequence[str] = (),
    merged: Sequence[str] = (),
    hidden_sheets: int = 0,
    is_of_1904: bool = False,
) -> bytes:
    """Make a workbook of one sheet with these cells, each as the type that it is.

    `hidden_rows` from 1, `hidden_columns` as A:A, `merged` as A2:A3, with what stands in the first.
    """
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True, "date_1904": is_of_1904})
    sheet = book.add_worksheet("List")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, datetime | date):
                sheet.write_datetime(at, column, value, day)
            elif isinstance(value, str) and value.startswith("="):
                sheet.write_formula(at, column, value, None, 1)
            else:
                sheet.write(at, column, value)
    for row_number in hidden_rows:
        sheet.set_row(row_number - 1, None, None, {"hidden": True})
    for columns in hidden_columns:
        sheet.set_column(f"{columns}:{columns}", None, None, {"hidden": True})
    for cells in merged:
        sheet.merge_range(cells, "x")
    for _ in range(hidden_sheets):
        book.add_worksheet().hide()
    book.close()
    return sink.getvalue()
