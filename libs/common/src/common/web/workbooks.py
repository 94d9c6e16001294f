"""Workbooks that people send (XLSX), read in bounded memory and time.

A formula is what somebody else's spreadsheet made of a cell, and may say another thing in ours; a
macro is a program. Neither is taken, nor is a cell of which it depends on the reader what it says,
nor what whoever sends it does not see: hidden rows, columns and sheets, and of merged cells all but
the first, which are empty and would mean something else.
What is packed is counted before it is read: sixty thousand bytes unpack to millions of elements,
each of which costs the reader ten microseconds and up to a kilobyte.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.utils.exceptions import InvalidFileException
from pydantic import JsonValue

from common.errors import Unprocessable

MAGIC: Final = b"PK\x03\x04"
"""How a workbook begins, and no text."""
PARTS_MAX, UNPACKED_MAX = 1_000, 32 * 1024 * 1024
"""Files in a workbook, and bytes of all of them once unpacked."""
ROWS_MAX, COLUMNS_MAX, CELL_MAX = 20_000, 64, 10_000
"""Of the sheet, with rows in which nothing stands; and characters of a cell."""
TABLE_MAX, BESIDE_MAX = 1_000_000, 100_000
"""Elements of which the rows of a sheet are made, and of all else: formats, rules, names."""
TABLE: Final = frozenset({"row", "c", "v", "f", "is", "si", "r", "t"})
"""What rows and the texts of their cells are made of."""
ATTRIBUTES_MAX, TAG_MAX = 4_000_000, 256 * 1024
"""Of all elements together, and bytes of the tag of one."""
BLOCK: Final = 64 * 1024
NAMED_MAX: Final = 1_000
"""Cells that are named where they are wrong; how many they are is counted beyond."""
BROKEN: Final = (
    AttributeError,
    EOFError,
    InvalidFileException,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    ParseError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading says of a file that is no workbook, is broken, encrypted, or declares entities."""


class WorkbookUnreadable(Unprocessable):
    code = "WORKBOOK_UNREADABLE"
    title = "The file is no workbook of one sheet"


class WorkbookHasMacros(Unprocessable):
    code = "WORKBOOK_HAS_MACROS"
    title = "The workbook holds a program"


class WorkbookTooLarge(Unprocessable):
    code = "WORKBOOK_TOO_LARGE"
    title = "The workbook has more than is read"


class WorkbookHasFormulas(Unprocessable):
    """Member `errors` names the cells, without what stands in them."""

    code = "WORKBOOK_HAS_FORMULAS"
    title = "Cells of the workbook are formulas"


class WorkbookHidesCells(Unprocessable):
    """Member `errors` names them."""

    code = "WORKBOOK_HIDES_CELLS"
    title = "Cells of the workbook are hidden or merged"


class WorkbookCellType(Unprocessable):
    """Member `errors` names the cells, and of what kind each is."""

    code = "WORKBOOK_CELL_TYPE"
    title = "Cells of the workbook are neither text nor day"


REFUSALS: Final = (
    WorkbookUnreadable,
    WorkbookHasMacros,
    WorkbookTooLarge,
    WorkbookHasFormulas,
    WorkbookHidesCells,
    WorkbookCellType,
)


@dataclass(frozen=True, slots=True)
class _Cell:
    line: int
    column: int
    detail: str

    def told(self) -> JsonValue:
        return {
            "line": self.line,
            "column": get_column_letter(self.column),
            "detail": self.detail,
        }


def is_workbook(content: bytes) -> bool:
    """Tell a workbook from a text by how it begins."""
    return content.startswith(MAGIC)


def rows_of(content: bytes, *, numbers: Collection[str] = ()) -> list[tuple[int, list[str]]]:
    """Return each row's number and its cells as texts; empty rows are passed over.

    Days are written YYYY-MM-DD. `numbers` are the columns, by the first row, in which whole
    numbers stand; anywhere else a number is refused, since a code loses its leading noughts as one.

    Raises:
        WorkbookUnreadable, WorkbookHasMacros, WorkbookTooLarge, WorkbookHasFormulas,
        WorkbookHidesCells, WorkbookCellType

    """
    unseen = _require_harmless(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        try:
            return _read(book, numbers, unseen)
        finally:
            book.close()
    except BROKEN as error:
        raise WorkbookUnreadable(
            "It cannot be read as a workbook. Save it anew as XLSX, without a password."
        ) from error


def as_csv(content: bytes, *, numbers: Collection[str] = ()) -> bytes:
    """Return a workbook as CSV in UTF-8, each row on the line of its number.

    What is read of both is then read by one reader, and where it is wrong is named alike.
    """
    text = io.StringIO(newline="")
    writer, at = csv.writer(text, lineterminator="\n"), 1
    for line, row in rows_of(content, numbers=numbers):
        text.write("\n" * (line - at))
        writer.writerow(" ".join(cell.splitlines()) for cell in row)
        at = line + 1
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What whoever sends a workbook does not see of it."""

    rows: set[int] = field(default_factory=set)
    columns: list[range] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    """As the workbook has them: A2:B3."""

    def refuse(self, found: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Refuse what hides something of the rows that were read.

        Raises:
            WorkbookHidesCells

        """
        named = _Named()
        for first in self.merged[:NAMED_MAX]:
            line, column = coordinate_to_tuple(first.partition(":")[0].replace("$", ""))
            named.add(line, column, "merged with others")
        for line, row in found:
            for at, text in enumerate(row, start=1):
                if text and (line in self.rows or any(at in one for one in self.columns)):
                    named.add(line, at, "hidden")
        if named.total:
            raise WorkbookHidesCells(
                "Show every row and column, split merged cells and fill each one, and send it"
                " again.",
                **named.told(),
            )


def _require_harmless(content: bytes) -> _Unseen:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            parts = file.infolist()
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_MAX:
                raise WorkbookTooLarge(
                    f"Unpacked it is larger than {UNPACKED_MAX} bytes, or has more than"
                    f" {PARTS_MAX} parts."
                )
            names = [part.filename.casefold() for part in parts]
            types = next((p for p in parts if p.filename == "[Content_Types].xml"), None)
            declared = b"" if types is None else file.read(types)
            elements = _Elements()
            for part in parts:  # under whatever name: reading goes by what refers to it
                with file.open(part) as opened, suppress(expat.ExpatError):
                    elements.count(opened)
    except BROKEN as error:
        raise WorkbookUnreadable("It is no workbook. Save it as XLSX.") from error
    programs = ("vbaproject.bin", "/macrosheets/", "/activex/")
    if any(word in name for name in names for word in programs) or b"macroEnabled" in declared:
        raise WorkbookHasMacros("Save it as XLSX without macros.")
    return elements.unseen


class _Elements:
    """How much the parts of a workbook are made of, counted without keeping any of it."""

    def __init__(self) -> None:
        self._table = self._beside = self._attributes = 0
        self._row = 0
        self.unseen = _Unseen()

    def count(self, part: IO[bytes]) -> None:
        """Count a part.

        Raises:
            WorkbookTooLarge: there is more than is read.
            ExpatError: it is no XML, from here on; nor is it for who reads it afterwards.
            ValueError: it declares entities.

        """
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EntityDeclHandler = _refuse_entity
        fed = self._row = 0
        while block := part.read(BLOCK):
            fed += len(block)
            parser.Parse(block, False)
            if fed - parser.CurrentByteIndex > TAG_MAX:
                raise _too_many(f"tags longer than {TAG_MAX} bytes")
        parser.Parse(b"", True)

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._attributes += len(attributes)
        local = name.rpartition(":")[2]
        if local in TABLE:
            self._table += 1
        else:
            self._beside += 1
        self._note(local, attributes)
        if self._table > TABLE_MAX:
            raise _too_many(f"more than {TABLE_MAX} rows, cells and texts")
        if self._beside > BESIDE_MAX:
            raise _too_many(f"more than {BESIDE_MAX} formats, rules and names beside its table")
        if self._attributes > ATTRIBUTES_MAX:
            raise _too_many(f"more than {ATTRIBUTES_MAX} attributes")

    def _note(self, local: str, attributes: Mapping[str, str]) -> None:
        is_hidden = attributes.get("hidden") in {"1", "true"}
        if local == "row":
            self._row = int(attributes.get("r", self._row + 1))
            if is_hidden and self._row <= ROWS_MAX:
                self.unseen.rows.add(self._row)
        elif local == "col" and is_hidden:
            first, last = int(attributes["min"]), int(attributes["max"])
            self.unseen.columns.append(range(first, last + 1))
        elif local == "mergeCell":
            self.unseen.merged.append(attributes["ref"])


def _too_many(what: str) -> WorkbookTooLarge:
    return WorkbookTooLarge(f"It has {what}. Copy the values alone into a new workbook.")


def _refuse_entity(*_: object) -> None:
    raise ValueError("entities are declared")


def _read(book: Any, numbers: Collection[str], unseen: _Unseen) -> list[tuple[int, list[str]]]:
    if len(book.worksheets) != 1 or len(book.sheetnames) != 1:
        raise WorkbookUnreadable(
            f"It has {len(book.sheetnames)} sheets. Send one sheet, so that nothing of it is"
            " overlooked."
        )
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what it says of its own size is not what it has
    formulas, others = _Named(), _Named()
    found: list[tuple[int, list[str]]] = []
    header: list[str] = []
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if line > ROWS_MAX or len(cells) > COLUMNS_MAX:
            raise WorkbookTooLarge(
                f"More than {ROWS_MAX} rows or {COLUMNS_MAX} columns are there, some of them empty."
                " Delete what is below and beside the table, formats too."
            )
        row = []
        for at, cell in enumerate(cells, start=1):
            is_number = at <= len(header) and header[at - 1] in numbers
            text = _text(cell, is_number=is_number)
            if text is None:
                named = formulas if cell.data_type == "f" else others
                named.add(line, at, KINDS.get(cell.data_type, "neither text nor day"))
            row.append(text or "")
        if any(row):
            header = header or row
            found.append((line, row))
    if formulas.total:
        raise WorkbookHasFormulas(
            "Put values in place of formulas, and send it again.", **formulas.told()
        )
    unseen.refuse(found)
    if others.total:
        raise WorkbookCellType(
            "Format these cells as text and write what they say.", **others.told()
        )
    return [(line, [*row, *[""] * (len(header) - len(row))]) for line, row in found]


KINDS: Final = {
    "f": "a formula",
    "n": "a number",
    "b": "true or false",
    "e": "an error",
    "d": "an instant or a time of day",
    "s": "too long",
    "inlineStr": "too long",
}
"""By the workbook's own letter for what stands in a cell."""


def _text(cell: Any, *, is_number: bool) -> str | None:
    """Return what a cell says; None: it cannot be told without guessing."""
    text: str | None = None
    match cell.value:
        case None:
            text = ""
        case str() if cell.data_type not in {"f", "e"} and len(cell.value) <= CELL_MAX:
            text = cell.value.strip()
        case datetime() if cell.value.time() == time.min:
            text = cell.value.date().isoformat()
        case int() if is_number and not isinstance(cell.value, bool):
            text = str(cell.value)
        case _:
            pass
    return text


class _Named:
    """Cells that are wrong: the first of them by name, all of them by their number."""

    def __init__(self) -> None:
        self.total = 0
        self._cells: list[_Cell] = []

    def add(self, line: int, column: int, detail: str) -> None:
        self.total += 1
        if len(self._cells) < NAMED_MAX:
            self._cells.append(_Cell(line, column, detail))

    def told(self) -> dict[str, JsonValue]:
        return {"errors": [cell.told() for cell in self._cells], "errors_total": self.total}
