"""Tables as CSV: RFC 4180, and no cell that a spreadsheet would run as a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from fastapi import Response

from common.audit import is_as_logged

JSON, CSV, HTML = "application/json", "text/csv", "text/html"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def answer(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Write a table as a file of that name; its last column is about all that it is made of."""
    verdict = {True: "true", False: "false", None: ""}[is_as_logged()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*heads, "is_as_logged"])
    writer.writerows([*(_cell(value) for value in row), verdict] for row in rows)
    if verdict == "false" and text.getvalue().count("\r\n") == 1:
        writer.writerow([*([""] * len(heads)), verdict])
    return Response(
        text.getvalue(),
        media_type=CSV,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
