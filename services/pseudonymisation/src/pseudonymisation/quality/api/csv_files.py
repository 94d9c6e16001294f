"""Tables as CSV: RFC 4180, and no cell that a spreadsheet would run as a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi import Response

from common.audit import is_as_logged
from common.web import spreadsheets

JSON, CSV, HTML = "application/json", "text/csv", "text/html"


def answer(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Write a table as a file of that name; its last column is about all that it is made of."""
    verdict = {True: "true", False: "false", None: ""}[is_as_logged()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*heads, "is_as_logged"])
    writer.writerows([*(_cell(value) for value in row), verdict] for row in rows)
    if verdict == "false" and text.getvalue().count("\r\n") == 1:
        writer.writerow([*([""] * len(heads)), verdict])
    return spreadsheets.as_file(text.getvalue(), media_type=CSV, name=f"{name}.csv")


def _cell(value: object) -> object:
    if value is None:
        return ""
    return spreadsheets.no_formula(value) if isinstance(value, str) else value
