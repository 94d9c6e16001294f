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
    before = np.searchsorted(quotes, offsets)
    mark = ord(delimiter)
    if not (before & 1).any():  # nearly always: each line closes what it opens
        opening, closing = quotes[::2], quotes[1::2]
        previous = characters[np.maximum(opening - 1, 0)]
        following = characters[np.minimum(closing + 1, len(characters) - 1)]
        opened = (previous == mark) | (previous == LINE_FEED)
        opened[:1] |= opening[:1] == 0
        closed = (following == mark) | (following == LINE_FEED)
        amiss = np.concatenate([opening[~opened], closing[~closed]])
        return np.unique(_lines_of(amiss, offsets))
    line = _lines_of(quotes, offsets)
    opens = (np.arange(len(quotes)) - before[line]) % 2 == 0
    previous = characters[np.maximum(quotes - 1, 0)]
    following = characters[np.minimum(quotes + 1, len(characters) - 1)]
    fits = np.where(
        opens,
        (quotes == offsets[line]) | (previous == mark),
        (following == mark) | (following == LINE_FEED),
    )
    return np.unique(line[~fits])


def _lines_of(places: Places, offsets: npt.NDArray[np.int32]) -> Places:
    """Say in which line each place is."""
    lines: Places = np.searchsorted(offsets, places, side="right") - 1
    return lines


def are_wrong(lines: pa.Array, delimiter: str) -> Mask:
    """Say which lines are no records of RFC 4180: a value is in quotes as a whole, or has none."""
    mark = re.escape(delimiter)
    value = f'(?:[^"{mark}\\n]*|"(?:[^"]|"")*")'
    record = rf"\A{value}(?:{mark}{value})*\n?\z"
    right = pc.match_substring_regex(lines, record)
    wrong: Mask = ~right.to_numpy(zero_copy_only=False)
    return wrong
