"""Reads a file's header, and says what is the matter where it is none.

Spreadsheets, `cat` and data frames spoil headers in ways of their own. Each is told by its name,
with what to do. Nothing of a cell is repeated: a file without a header has patients in its first
line. Only names of the catalogue are.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import catalogue
from catalogue import DataSet
from pseudonymisation.intake.domain import errors

MARK: Final = "\ufeff"
"""A byte order mark, as text."""
DELIMITERS: Final[Mapping[str, str]] = {
    ",": "commas",
    ";": "semicolons",
    "|": "vertical bars",
    "\t": "tabs",
}
INDEX_NAMES: Final = re.compile(r"|unnamed:? ?_?\d*|index|level_\d+|row[._]?names?", re.IGNORECASE)
"""How data frames call the column in which they number their rows, if they name it at all."""
SEPARATOR_LINE: Final = re.compile(r'"?\s*sep\s*=.{0,2}"?[,;|\t]*', re.IGNORECASE)
CLOSE: Final = 0.8
"""How like a name of the catalogue another has to be, to be taken for a slip."""
TOLD_MAX: Final = 1_000
"""Of more columns at once nobody reads which they are."""
COMPARED_MAX: Final = 200
"""Of so many unknown columns a close name is looked for: each takes some milliseconds."""
ALIKE_MAX: Final = 3
NAMES_MIN: Final = 2
"""So many names of columns are no coincidence."""


def columns_of(header: str, data_set: DataSet) -> list[str]:
    """Return the catalogue's names of a file's columns, in the file's order.

    Raises:
        ContentRefused: where one is missing, unknown or there twice, or it is no such header

    """
    by_name = data_set.by_header
    header = header.lstrip(MARK)
    cells = cells_of(header, data_set.file.delimiter)
    if cells is None:
        raise errors.ColumnsWrong("The header is not valid CSV.")
    names = [by_name.get(cell.casefold()) for cell in cells]
    known = [name for name in names if name is not None]
    missing = [
        field.name
        for field in data_set.fields
        if field.column == "required" and field.name not in known
    ]
    unknown = [place for place, name in enumerate(names, start=1) if name is None]
    twice = sorted({name for name in known if known.count(name) > 1})
    if not (missing or unknown or twice):
        return known
    _require_shape(header, cells, len(known), data_set)
    _require_no_other(cells, len(set(known)), data_set)
    if any(cells):
        _require_no_extras(cells, unknown)
    close = _close_names(cells, unknown, data_set)
    if not (known or close) and (not any(cells) or any(cell[:1].isdigit() for cell in cells)):
        raise errors.ColumnsWrong(
            "The file has no header. Put the names of the columns in the first line.",
            missing=list(missing),
            line=1,
        )
    raise errors.ColumnsWrong(
        f"Line 1: {len(missing)} columns are missing, {len(unknown)} are unknown,"
        f" {len(twice)} are repeated"
        + (f", {len(close)} have almost the right name." if close else ".")
        + " Write the header as `dsfc catalogue show` and `GET /v1/catalogue/{data set}` have it.",
        line=1,
        missing=list(missing),
        unknown_at=list(unknown[:TOLD_MAX]),
        twice=list(twice),
        close=[{"at": place, "column": name} for place, name in close.items()],
    )


def cells_of(line: str, delimiter: str) -> list[str] | None:
    """Split a line, white space taken off; None where it is no line of CSV."""
    try:
        found = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None
    return [cell.strip().strip(MARK).strip() for cell in found]


def names_in(line: str, data_set: DataSet) -> int:
    """Return how many columns of the data set a line names, however it is delimited."""
    names = set(data_set.by_header)
    return max(_known(line, delimiter, names) for delimiter in DELIMITERS)


def _known(line: str, delimiter: str, names: set[str]) -> int:
    cells = cells_of(line, delimiter) or [cell.strip(' "') for cell in line.split(delimiter)]
    return len({cell.casefold() for cell in cells} & names)


def _alike(cells: Sequence[str], known: int, data_set: DataSet) -> Sequence[str]:
    """Return the other data sets of the catalogue that know more of the columns, the best first."""
    said = {cell.casefold() for cell in cells}
    counts: dict[str, int] = {}
    for other in catalogue.load():
        count = len({other.by_header[name] for name in said if name in other.by_header})
        if other.data_set != data_set.data_set and count > max(known, len(said) / 2):
            counts[other.data_set] = max(count, counts.get(other.data_set, 0))
    most = sorted(counts, key=lambda name: (-counts[name], name))
    return most[:ALIKE_MAX]


def _require_no_other(cells: Sequence[str], known: int, data_set: DataSet) -> None:
    """Raise OtherDataSet."""
    alike = _alike(cells, known, data_set)
    if alike:
        raise errors.OtherDataSet(
            f"The header in line 1 is not that of {data_set.data_set}: it looks like"
            f" {' or '.join(alike)}. Open a submission of the right data set, or choose the right"
            " file.",
            line=1,
            looks_like=list(alike),
        )


def _require_shape(header: str, cells: Sequence[str], known: int, data_set: DataSet) -> None:
    """Refuse what would be a header if the file were written otherwise."""
    if SEPARATOR_LINE.fullmatch(header.strip()):
        raise errors.SeparatorLine("The first line is Excel's `sep=` line. Remove it.", line=1)
    names = set(data_set.by_header)
    wanted = data_set.file.delimiter
    if len(cells) == 1 and _known(cells[0], wanted, names) >= NAMES_MIN:
        raise errors.LinesQuoted(
            "Every line is in quotes, as if it were one value. Save the columns separately.", line=1
        )
    counts = {other: _known(header, other, names) for other in DELIMITERS if other != wanted}
    other = max(counts, key=lambda one: counts[one])
    if counts[other] >= NAMES_MIN and counts[other] > known:
        raise errors.DelimiterWrong(
            f"The file is delimited by {DELIMITERS[other]}. Use {DELIMITERS[wanted]} for this data"
            " set, with decimal points.",
            line=1,
        )


def _require_no_extras(cells: Sequence[str], unknown: Sequence[int]) -> None:
    """Refuse columns that no data set has and that a program has added by itself."""
    if not unknown:
        return
    if list(unknown) == list(range(1, len(unknown) + 1)) and all(
        INDEX_NAMES.fullmatch(cells[place - 1]) for place in unknown
    ):
        raise errors.IndexColumn(
            "The first column numbers the rows, and the data set has no such column. Write the file"
            " without an index (in pandas, `to_csv(..., index=False)`).",
            unknown_at=list(unknown),
        )
    last = range(len(cells) - len(unknown) + 1, len(cells) + 1)
    if list(unknown) == list(last) and not any(cells[place - 1] for place in unknown):
        raise errors.TrailingDelimiter(
            "There is a delimiter after the last column, or there are columns without a name. End"
            " each line with its last value.",
            unknown_at=list(unknown),
        )


def _close_names(
    cells: Sequence[str], unknown: Sequence[int], data_set: DataSet
) -> Mapping[int, str]:
    """Return which unknown names were probably meant as which of the catalogue."""
    bare = {_bare(said): name for said, name in data_set.by_header.items()}
    found: dict[int, str] = {}
    for place in unknown[:COMPARED_MAX]:
        close = get_close_matches(_bare(cells[place - 1])[:64], bare, n=1, cutoff=CLOSE)
        if close:
            found[place] = bare[close[0]]
    return found


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
