"""Tables as files: CSV, XLSX, Parquet, JSON with a Table Schema, and a page to print.

`written(printed, "xlsx")` returns bytes; the same table gives the same bytes. Needs the extra
`dsfc-disclosure[outputs]` for all but CSV and JSON.
"""

from collections.abc import Callable, Mapping
from typing import Final

from disclosure.outputs.chart import Chart, Drawing, draw
from disclosure.outputs.page import page
from disclosure.outputs.plain import csv_file, json_file, safe
from disclosure.outputs.printed import Column, Kind, Printed
from disclosure.problems import FormatUnknown

__all__ = [
    "FORMATS",
    "Chart",
    "Column",
    "Drawing",
    "Kind",
    "Printed",
    "draw",
    "page",
    "safe",
    "written",
]


def _parquet(printed: Printed) -> bytes:
    from disclosure.outputs.parquet_file import parquet_file

    return parquet_file(printed)


def _workbook(printed: Printed) -> bytes:
    from disclosure.outputs.workbook import workbook

    return workbook(printed)


_WRITERS: Final[Mapping[str, Callable[[Printed], bytes]]] = {
    "csv": csv_file,
    "html": page,
    "json": json_file,
    "parquet": _parquet,
    "xlsx": _workbook,
}
FORMATS: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Each format with its media type."""


def written(printed: Printed, form: str) -> bytes:
    """Return a table as a file.

    Raises:
        FormatUnknown: no format of this name.

    """
    writer = _WRITERS.get(form)
    if writer is None:
        raise FormatUnknown("`format`: not known; there are " + ", ".join(FORMATS) + ".")
    return writer(printed)
