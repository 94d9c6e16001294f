"""Where quotes stand in lines of CSV: a reader that meets one where none may be loses its place.

DuckDB's strict reader then takes the lines behind it for one value, and names another line as the
bad one. So such lines never reach it.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MISPLACED: Final = "QUOTE_MISPLACED"
LINE_FEED, QUOTE = 10, 34

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def inside(
    characters: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int32], delimiter: str
) -> Places:
    """Return the numbers of lines in which not every quote stands at the edge of a value.

    The first quote of a line opens a value, the second closes it, and so on. One that stands for
    itself, twice, is inside as well: it may be right, and is looked at closely (`are_wrong`).
    """
    quotes = np.flatnonzero(characters == QUOTE)
    if not len(quotes):
        return np.zeros(0, dtype=np.int64)
    line = np.searchsorted(offsets, quotes, side="right") - 1
    before = np.concatenate([[0], np.cumsum(np.bincount(line, minlength=len(offsets) - 1))])
    opens = (np.arange(len(quotes)) - before[line]) % 2 == 0
    previous = characters[np.maximum(quotes - 1, 0)]
    following = characters[np.minimum(quotes + 1, len(characters) - 1)]
    fits = np.where(
        opens,
        (quotes == offsets[line]) | (previous == ord(delimiter)),
        (following == ord(delimiter)) | (following == LINE_FEED),
    )
    return np.unique(line[~fits])


def are_wrong(lines: pa.Array, delimiter: str) -> Mask:
    """Say which lines are no records of RFC 4180: a value is in quotes as a whole, or has none."""
    mark = re.escape(delimiter)
    value = f'(?:[^"{mark}\\n]*|"(?:[^"]|"")*")'
    record = rf"\A{value}(?:{mark}{value})*\n?\z"
    right = pc.match_substring_regex(lines, record)
    wrong: Mask = ~right.to_numpy(zero_copy_only=False)
    return wrong
