"""Personal data in free text and codes, replaced by markers on the way in (domain.md 8.6).

Looked for are the record's own NHS number, postcode and date of birth, and any valid NHS number
of anybody, of whatever range. What overlaps is one hit. A whole column is worked on at once;
nothing here sees a single value.
"""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.adapters.plane import scan

MARKERS: Final = (b"_<NHS_No>_", b"_<PC_", b"_<DoB_")
NUMBER, POSTCODE, BIRTH = range(3)
"""In the order in which a hit that is several things is named."""
NUMBER_DIGITS, BIRTH_DIGITS = 10, 8
SEPARATORS: Final = b" -/."
"""One of them may stand between the digits of an own number, and the parts of an own date."""

Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Found(NamedTuple):
    """Hits that do not overlap, in order: places in the bytes of the whole column."""

    starts: Places
    ends: Places
    kinds: Places


def masked(
    values: pa.Array, numbers: pa.Array, postcodes: pa.Array, births: pa.Array
) -> tuple[pa.Array, Mask]:
    """Give the values with markers in place of hits, and which rows had one.

    `numbers` are ten digits, `postcodes` upper case with their space, `births` YYYY-MM-DD: the
    record's own, null where it has none.
    """
    text = _Text(values)
    found = _found(text, numbers, postcodes, births)
    rows = text.row_of(found.starts)
    has_hit = np.zeros(len(values), dtype=np.bool_)
    has_hit[rows] = True
    if not len(rows):
        return values, has_hit
    return text.replaced(found, rows, values), has_hit


def _found(text: "_Text", numbers: pa.Array, postcodes: pa.Array, births: pa.Array) -> Found:
    anybody = scan.numbers_in(text.column)
    births = births.cast(pa.string())
    year, month, day = (
        pc.utf8_slice_codeunits(births, *part) for part in ((0, 4), (5, 7), (8, 10))
    )
    hits = [
        (text.offsets[anybody.rows] + anybody.starts, text.offsets[anybody.rows] + anybody.ends),
        text.digits(numbers, NUMBER_DIGITS, range(1, NUMBER_DIGITS)),
        text.find(postcodes),
        text.find(pc.replace_substring(postcodes.cast(pa.string()), " ", "")),
        text.digits(pc.binary_join_element_wise(year, month, day, ""), BIRTH_DIGITS, (4, 6)),
        text.digits(pc.binary_join_element_wise(day, month, year, ""), BIRTH_DIGITS, (2, 4)),
    ]
    kinds = np.repeat(
        [NUMBER, NUMBER, POSTCODE, POSTCODE, BIRTH, BIRTH], [len(starts) for starts, _ in hits]
    )
    return _merged(
        np.concatenate([starts for starts, _ in hits]),
        np.concatenate([ends for _, ends in hits]),
        kinds,
    )


def _merged(starts: Places, ends: Places, kinds: Places) -> Found:
    """Make one hit of those that overlap, named by the first of their kinds."""
    if not len(starts):
        return Found(starts, ends, kinds)
    order = np.argsort(starts, kind="stable")
    starts, ends, kinds = starts[order], np.maximum.accumulate(ends[order]), kinds[order]
    first = np.flatnonzero(np.concatenate([[True], starts[1:] >= ends[:-1]]))
    return Found(starts[first], np.maximum.reduceat(ends, first), np.minimum.reduceat(kinds, first))


class _Text:
    """The bytes of a column and where each row's begin; a null is an empty text."""

    def __init__(self, values: pa.Array) -> None:
        self.column = pc.fill_null(values.cast(pa.large_string()), "")
        self.data, self.offsets = _bytes_of(self.column)

    @cached_property
    def _upper(self) -> Bytes:
        return _UPPER[self.data]

    def row_of(self, places: Places) -> Places:
        rows: Places = np.searchsorted(self.offsets, places, side="right") - 1
        return rows

    @cached_property
    def _digit_places(self) -> Places:
        return np.flatnonzero((self.data >= ord("0")) & (self.data <= ord("9")))

    @cached_property
    def _digit_runs(self) -> tuple[Places, Places]:
        """Number the runs of digits that belong together, and give each digit's row."""
        at = self._digit_places
        rows = self.row_of(at)
        gap = np.diff(at)
        between = self.data[at[:-1] + 1] if len(at) else self.data
        follows = (gap == 1) | ((gap == 2) & _SEPARATES[between])
        follows &= rows[1:] == rows[:-1]
        return np.concatenate([[0], np.cumsum(~follows)]), rows

    def digits(
        self, needles: pa.Array, size: int, breaks: Collection[int]
    ) -> tuple[Places, Places]:
        """Find each row's own digits, all of `size`, in the row's text: from where to where.

        A separator may stand before the digits that `breaks` counts.
        """
        at = self._digit_places
        if len(at) < size:
            return at[:0], at[:0]
        runs, rows = self._digit_runs
        windows = np.flatnonzero(runs[: len(at) - size + 1] == runs[size - 1 :])
        wanted, offsets = _bytes_of(needles)
        has_needle = np.diff(offsets) == size
        windows = windows[has_needle[rows[windows]]]
        for place in range(size):
            here = self.data[at[windows + place]]
            stays = here == wanted[offsets[rows[windows]] + place]
            if place and place not in breaks:
                stays &= at[windows + place] - at[windows + place - 1] == 1
            windows = windows[stays]
        return at[windows], at[windows + size - 1] + 1

    def find(self, needles: pa.Array) -> tuple[Places, Places]:
        """Find each row's needle, in upper case, in the row's text: from where to where."""
        wanted, offsets = _bytes_of(needles)
        lengths = np.diff(offsets)
        first = np.zeros(len(lengths), dtype=np.uint8)  # which no text has
        first[lengths > 0] = wanted[offsets[:-1][lengths > 0]]
        at = np.flatnonzero(self._upper == np.repeat(first, np.diff(self.offsets)))
        rows = self.row_of(at)
        for place in range(1, int(lengths.max(initial=0))):
            goes_on = place < lengths[rows]
            fits = at + place < self.offsets[rows + 1]
            # Where one of the two is not, the index is only kept in bounds.
            here = self._upper[np.minimum(at + place, len(self._upper) - 1)]
            letter = wanted[np.minimum(offsets[rows] + place, len(wanted) - 1)]
            stays = ~goes_on | (fits & (here == letter))
            at, rows = at[stays], rows[stays]
            if not len(at):
                break
        return at, at + lengths[rows]

    def replaced(self, found: Found, rows: Places, values: pa.Array) -> pa.Array:
        """Write the column again, with a marker in place of each hit."""
        sizes = np.array([len(marker) for marker in MARKERS])[found.kinds]
        step = np.zeros(len(self.data) + 1, dtype=np.int8)
        step[found.starts] += 1  # hits do not overlap: each place begins, or ends, one at most
        step[found.ends] -= 1
        kept = np.cumsum(step[:-1], dtype=np.int8) == 0
        width = kept.astype(np.int64)
        width[found.starts] = sizes
        ends = np.cumsum(width)
        out = np.empty(int(ends[-1]), dtype=np.uint8)
        out[ends[kept] - 1] = self.data[kept]
        for kind, marker in enumerate(MARKERS):
            of_kind = found.kinds == kind
            where = ends[found.starts[of_kind]] - len(marker)
            out[where[:, None] + np.arange(len(marker))] = np.frombuffer(marker, dtype=np.uint8)
        grown = np.bincount(rows, sizes - (found.ends - found.starts), len(values))
        lengths = np.diff(self.offsets) + grown.astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out)]
        text = pa.Array.from_buffers(pa.large_string(), len(values), buffers)
        if values.null_count:
            text = pc.if_else(pc.is_valid(values), text, pa.scalar(None, pa.large_string()))
        return text


def _bytes_of(column: pa.Array) -> tuple[Bytes, Places]:
    """Give a text column's bytes, and where each row's begin; a null is an empty text."""
    column = pc.fill_null(column.cast(pa.large_string()), "")
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def _table(change: Callable[[int], int]) -> Bytes:
    return np.array([change(byte) for byte in range(256)], dtype=np.uint8)


_UPPER: Final = _table(lambda byte: ord(chr(byte).upper()) if byte < 128 else byte)
_SEPARATES: Final = _table(lambda byte: byte in SEPARATORS).astype(np.bool_)
