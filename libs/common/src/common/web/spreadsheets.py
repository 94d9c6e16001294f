"""Rows as spreadsheets read them, CSV and XLSX: a text is never a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

import xlsxwriter
from fastapi import Response

CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where it opens a CSV."""
MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""What a workbook says of when it was made: the same rows give the same bytes."""
WIDEST, NARROWEST, CELL_MAX = 60, 10, 32_767
"""Of a column, in characters; and what XLSX holds in one cell."""
CUT: Final = " [cut: the JSON has it whole]"

Columns = Sequence[tuple[str, str]]
"""Name in a row, and heading."""


def plain(value: object) -> str:
    """Return the text of a value, whole."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list | tuple):
        return " ".join(map(plain, value))
    return value.isoformat() if isinstance(value, date) else str(value)


def no_formula(text: str) -> str:
    """Return a text as a cell of a CSV that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


def cell(value: object) -> str:
    """Return any value as such a cell."""
    return no_formula(plain(value))


def csv_lines(columns: Columns, rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Write the head and each row as a line of CSV (RFC 4180), one at a time."""
    yield _line([heading for _, heading in columns])
    for row in rows:
        yield _line([cell(row.get(name)) for name, _ in columns])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def workbook(title: str, columns: Columns, rows: Iterable[Mapping[str, object]]) -> bytes:
    """Write one sheet. Every cell is a text, so that codes keep their leading noughts.

    A text longer than XLSX can hold is cut, and says so.
    """
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True})
    book.set_properties({"title": title[:255], "created": MADE})
    sheet = book.add_worksheet(title[:31])
    head = book.add_format({"bold": True, "bottom": 1})
    widths = [len(heading) for _, heading in columns]
    for at, (_, heading) in enumerate(columns):
        sheet.write_string(0, at, heading, head)
    for line, row in enumerate(rows, start=1):
        for at, (name, _) in enumerate(columns):
            text = plain(row.get(name))
            if len(text) > CELL_MAX:
                text = text[: CELL_MAX - len(CUT)] + CUT
            widths[at] = max(widths[at], len(text))
            sheet.write_string(line, at, text)
    for at, width in enumerate(widths):
        sheet.set_column(at, at, min(WIDEST, max(NARROWEST, width)) + 2)
    sheet.freeze_panes(1, 0)
    book.close()
    return sink.getvalue()


def as_file(content: bytes | str, *, media_type: str, name: str) -> Response:
    """Answer with a file to be saved under a name."""
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
