"""Where NHS numbers stand in text (domain.md 8.6): one judgement for landing and for release.

Landing masks what is found here; preparation refuses to write what is found here
(`PCD_LEAK`). Were the two to differ, clean data could not leave, or worse.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pseudonymisation.adapters.plane import kernel

RULE: Final = "pcd-scan/1"
DIGITS: Final = 10

Places = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """What may be a row's own, in the form in which landing seals it."""

    rows: Places
    values: pa.Array


class Hits(NamedTuple):
    """Valid NHS numbers inside the values of a column, overlapping ones all of them."""

    rows: Places
    starts: Places
    """Bytes from the beginning of the row's value to the first digit."""
    ends: Places
    """The same to behind the last digit."""


def numbers_in(column: pa.Array) -> Hits:
    """Find every ten digits that are a valid NHS number.

    Between two digits may be one space or hyphen. Digits before and behind do not matter, so
    that a number inside a longer one is found, but for SNOMED CT identifiers (`is_snomed`).
    """
    column = column.cast(pa.large_binary())
    if len(column) == 0:
        return _none()
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)
    base, data = offsets[0], data[offsets[0] : offsets[-1]]
    offsets = offsets - base

    at = np.flatnonzero((data >= ord("0")) & (data <= ord("9")))
    if len(at) < DIGITS:
        return _none()
    rows = np.searchsorted(offsets, at, side="right") - 1
    gaps = np.diff(at)
    between = data[np.minimum(at[:-1] + 1, len(data) - 1)]
    follows = (gaps == 1) | ((gaps == 2) & ((between == ord(" ")) | (between == ord("-"))))
    follows &= rows[1:] == rows[:-1]
    run = np.concatenate([[0], np.cumsum(~follows)])
    windows = np.flatnonzero(run[: -DIGITS + 1] == run[DIGITS - 1 :])
    blocks = np.zeros((len(windows), kernel.BLOCK), dtype=np.uint8)
    blocks[:, 0] = DIGITS
    blocks[:, 4 : 4 + DIGITS] = data[at[windows[:, None] + np.arange(DIGITS)]]
    windows = windows[kernel.valid(blocks)]

    hits = Hits(
        rows[windows],
        at[windows] - offsets[rows[windows]],
        at[windows + DIGITS - 1] + 1 - offsets[rows[windows]],
    )
    kept = [
        not _inside_snomed(data[offsets[row] : offsets[row + 1]].tobytes(), start, end)
        for row, start, end in zip(*(places.tolist() for places in hits), strict=True)
    ]
    return Hits(*(places[kept] for places in hits))


def _none() -> Hits:
    nothing = np.zeros(0, dtype=np.int64)
    return Hits(nothing, nothing, nothing)


LONGEST_IDENTIFIER: Final = 18


def _inside_snomed(value: bytes, start: int, end: int) -> bool:
    """Say whether the ten digits are part of one unbroken SNOMED CT identifier."""
    if end - start != DIGITS:
        return False
    while start > 0 and value[start - 1 : start].isdigit():
        start -= 1
    while value[end : end + 1].isdigit():
        end += 1
    return end - start > DIGITS and is_snomed(value[start:end])


_MULTIPLIED: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


@lru_cache(maxsize=65_536)
def is_snomed(digits: bytes) -> bool:
    """Say whether digits are a SNOMED CT identifier of an extension, 11 to 18 of them.

    Its check digit is Verhoeff's; before it stand a partition of the long format (1 and the
    kind) and a namespace, which all begin with 1000. UK imaging codes are such identifiers, and
    every second one has a valid NHS number in it by chance; for a hidden NHS number to look so
    by chance is one in some 10 millions. Identifiers without a namespace are not excused.
    """
    text = digits.decode("ascii")
    if not DIGITS < len(text) <= LONGEST_IDENTIFIER or text[0] == "0":
        return False
    if text[-3:-1] not in {"10", "11", "12"} or not text[-10:].startswith("1000"):
        return False
    check = 0
    for place, digit in enumerate(reversed(text)):
        permuted = _PERMUTED[place % 8][int(digit)]
        check = int(_MULTIPLIED[check][int(permuted)])
    return check == 0


# --- what only the row's own record can tell apart ----------------------------------------------

DATE: Final = "[0-9]{4}[-/. ]?[0-9]{2}[-/. ]?[0-9]{2}|[0-9]{2}[-/. ]?[0-9]{2}[-/. ]?[0-9]{4}"
"""Any date, written as year, month, day or as day, month, year (domain.md 8.6, row 4)."""
POSTCODE: Final = "[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}"
"""Any postcode, with its space or without (domain.md 8.6, row 3)."""

_YEAR_FIRST: Final = re.compile("(?=([0-9]{4})[-/. ]?([0-9]{2})[-/. ]?([0-9]{2}))")
_DAY_FIRST: Final = re.compile("(?=([0-9]{2})[-/. ]?([0-9]{2})[-/. ]?([0-9]{4}))")
_POSTCODES: Final = re.compile(f"(?=({POSTCODE}))")


def dates_in(column: pa.Array) -> Candidates:
    """Find what may be dates of birth, as `YYYY-MM-DD`."""

    def dates(text: str) -> set[str]:
        found = {(y, m, d) for y, m, d in _YEAR_FIRST.findall(text)}
        found |= {(y, m, d) for d, m, y in _DAY_FIRST.findall(text)}
        return {f"{y}-{m}-{d}" for y, m, d in found if "01" <= m <= "12" and "01" <= d <= "31"}

    return _candidates(column, dates)


def postcodes_in(column: pa.Array) -> Candidates:
    """Find what may be postcodes, in upper case with one space."""

    def postcodes(text: str) -> set[str]:
        found = {match.replace(" ", "").upper() for match in _POSTCODES.findall(text)}
        return {f"{code[:-3]} {code[-3:]}" for code in found}

    return _candidates(column, postcodes)


def _candidates(column: pa.Array, find: Callable[[str], set[str]]) -> Candidates:
    rows: list[int] = []
    values: list[str] = []
    for row, text in enumerate(column.to_pylist()):
        for value in find(text) if text else ():
            rows.append(row)
            values.append(value)
    return Candidates(np.array(rows, dtype=np.int64), pa.array(values, pa.string()))
