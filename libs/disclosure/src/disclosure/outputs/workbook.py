"""XLSX: numbers are numbers, everything else is a text, and nothing is a formula."""

import io
from datetime import UTC, datetime
from typing import Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from disclosure.outputs.printed import Column, Kind, Printed, number

MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""What the file's properties say of when it was made: the same table gives the same bytes."""
WIDEST: Final = 60
HEAD: Final = 2
"""The line of headings, from 0."""


def workbook(printed: Printed) -> bytes:
    """Write a workbook: a sheet with title, table and footnotes, and one on how it was made."""
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(
        sink,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    book.set_properties({"title": printed.title[:255], "created": MADE})
    _table(book, printed)
    about = book.add_worksheet("About")
    bold = book.add_format({"bold": True})
    about.set_column(0, 0, 30)
    about.set_column(1, 1, WIDEST)
    for at, (name, value) in enumerate(printed.about):
        about.write_string(at, 0, name, bold)
        about.write_string(at, 1, value)
    book.close()
    return sink.getvalue()


def _table(book: xlsxwriter.Workbook, printed: Printed) -> None:
    bold = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet("Table")
    sheet.write_string(0, 0, printed.title, bold)
    for at, column in enumerate(printed.columns):
        sheet.write_string(HEAD, at, column.heading, head)
        longest = max((len(row[at]) for row in printed.rows), default=0)
        sheet.set_column(at, at, min(WIDEST, max(10, len(column.heading), longest) + 2))
    cells = _Cells(book, sheet)
    for line, row in enumerate(printed.rows, start=HEAD + 1):
        for at, (column, text) in enumerate(zip(printed.columns, row, strict=True)):
            cells.write(line, at, column, text)
    sheet.freeze_panes(HEAD + 1, len(printed.dimensions))
    sheet.repeat_rows(HEAD)
    below = HEAD + len(printed.rows) + 2
    if printed.footnotes:
        sheet.write_string(below, 0, "Footnotes", bold)
    for at, note in enumerate(printed.footnotes, start=below + 1):
        sheet.write_string(at, 0, note)


class _Cells:
    """Writes cells, each with the format of its kind."""

    def __init__(self, book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        self.book, self.sheet = book, sheet
        self.formats: dict[str, Format] = {}
        self.right = book.add_format({"align": "right"})

    def write(self, line: int, at: int, column: Column, text: str) -> None:
        """Write a number as a number, and all else as a text."""
        if column.kind is Kind.LABEL:
            self.sheet.write_string(line, at, text)
            return
        found = number(column, text)
        if found is None:
            if text:
                self.sheet.write_string(line, at, text, self.right)
            return
        share = column.kind is Kind.PERCENTAGE
        places = len(text.partition(".")[2])
        form = "0%" if share else "0." + "0" * places if places else "0"
        value = float(found) / 100 if share else float(found)
        self.sheet.write_number(line, at, value, self.format(form))

    def format(self, form: str) -> Format:
        """Return a format of numbers, made once."""
        if form not in self.formats:
            self.formats[form] = self.book.add_format({"num_format": form})
        return self.formats[form]
