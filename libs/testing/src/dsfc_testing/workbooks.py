"""Workbooks as people make them: texts, days, numbers and formulas."""

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime

import xlsxwriter


def made(rows: Iterable[Sequence[object]]) -> bytes:
    """Make a workbook of one sheet with these cells, each as the type that it is."""
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True})
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
    book.close()
    return sink.getvalue()
