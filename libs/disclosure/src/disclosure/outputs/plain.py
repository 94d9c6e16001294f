"""CSV and JSON: what a library is not needed for."""

import csv
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from disclosure.outputs.printed import Column, Kind, Printed, number
from disclosure.rules import HIDDEN, NOT_APPLICABLE

FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
"""Beginnings by which a spreadsheet runs a text of a CSV file; it also reads wide forms so."""
MARKS: Final = {HIDDEN: "hidden by the rule", NOT_APPLICABLE: "not applicable"}
UNITS: Final = {Kind.COUNT: "1", Kind.PERCENTAGE: "%", Kind.NUMBER: ""}


def safe(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula; the mark `-` and numbers stay."""
    if not text.startswith(FORMULA) or text == NOT_APPLICABLE:
        return text
    return f"'{text}"


def csv_file(printed: Printed) -> bytes:
    """Write CSV: a line of names, a line a row, and after an empty line a footnote a line."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([safe(c.name) for c in printed.columns])
    writer.writerows(_cells(printed.columns, row) for row in printed.rows)
    if printed.footnotes:
        writer.writerow([])
        writer.writerows([safe(note)] for note in printed.footnotes)
    return file.getvalue().encode("utf-8")


def _cells(columns: Iterable[Column], row: tuple[str, ...]) -> list[str]:
    return [
        safe(text) if column.kind is Kind.LABEL else text
        for column, text in zip(columns, row, strict=True)
    ]


def schema(printed: Printed) -> dict[str, Any]:
    """Return the Table Schema (Frictionless Data, specs.frictionlessdata.io/table-schema)."""
    fields: list[dict[str, Any]] = []
    for column in printed.columns:
        field: dict[str, Any] = {"name": column.name, "title": column.heading}
        if column.kind is Kind.LABEL:
            field |= {"type": "string", "constraints": {"required": True}}
            if column.total is not None:
                field["total"] = column.total
        else:
            whole = column.kind is not Kind.NUMBER
            field |= {"type": "integer" if whole else "number", "unit": UNITS[column.kind]}
        fields.append(field)
    return {
        "fields": fields,
        "primaryKey": [c.name for c in printed.dimensions],
        "missingValues": ["", *MARKS],
    }


def json_file(printed: Printed) -> bytes:
    """Write a tabular data resource: its schema, its rows, footnotes and what it was made of.

    Numbers are numbers; `*` and `-` are texts, which the schema names as missing values.
    """
    rows = [
        {c.name: _value(c, text) for c, text in zip(printed.columns, row, strict=True)}
        for row in printed.rows
    ]
    resource = {
        "profile": "tabular-data-resource",
        "name": "table",
        "title": printed.title,
        "schema": schema(printed),
        "data": rows,
        "marks": MARKS,
        "footnotes": list(printed.footnotes),
        "about": [{"name": name, "value": value} for name, value in printed.about],
    }
    return (json.dumps(resource, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _value(column: Column, text: str) -> str | int | float:
    if column.kind is Kind.LABEL:
        return text
    found = number(column, text)
    if found is None:
        return text
    return float(found) if isinstance(found, Decimal) else found
