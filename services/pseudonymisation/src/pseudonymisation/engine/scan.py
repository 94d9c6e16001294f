"""Which cells must be looked at closely for personal data (domain.md 8.6): for landing and release.

What personal data are is said in one place, `common.personal_data`, of one text at a time. Here
whole columns are passed over first, as bytes, and what is certainly free of them is left out: the
normal form is made of all cells at once, and compared with what every spelling of an own value
has in it. Nothing that `find_in_record` finds is in a cell that is left out (a test holds the two
against each other); what is not left out is nearly always innocent, and judged by it.
"""

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from common.personal_data import Own
from common.personal_data.births import MONTHS
from common.personal_data.could import COULD
from pseudonymisation.engine.blocks import INLINE_BYTES, views_of

VERSION: Final = 2
"""Each landed row says by which it was looked through (LAYOUT.md)."""
RULE: Final = f"pcd-scan/{VERSION}"
SHORTEST: Final = 5
"""Bytes of the shortest spelling of anything: a postcode without its space."""

DIGITS: Final = 10
_FIRST_DIGITS: Final = np.isin(np.arange(10), (3, 4, 6, 7, 9))
"""With which a stranger's number may begin (`common.personal_data.numbers.RANGES`)."""
_SEPARATOR, _DIGIT, _LETTER, _FOREIGN = range(4)
_PAIRS: Final = 100
"""More than any two digits."""
_NOUGHT, _TEN = np.uint8(ord("0")), np.uint8(10)

_WEIGHTS: Final = np.arange(DIGITS, 0, -1, dtype=np.float32)

Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Value = TypeVar("Value", bound=np.generic)


def _classes() -> Bytes:
    table = np.full(256, _SEPARATOR, dtype=np.uint8)
    table[ord("0") : ord("9") + 1] = _DIGIT
    table[ord("A") : ord("Z") + 1] = _LETTER
    table[ord("a") : ord("z") + 1] = _LETTER
    table[128:] = _FOREIGN
    return table


_CLASS: Final = _classes()
_CASE: Final = np.uint8(0xDF)
_MONTHS: Final = np.array(
    [-1, *((ord(m[0]) << 16) | (ord(m[1]) << 8) | ord(m[2]) for m in MONTHS), -1]
)
"""The code of each month's three letters, by its number."""


class OwnValues:
    """The own values of each row, as bytes: looked up where text has something like them."""

    def __init__(self, numbers: pa.Array, postcodes: pa.Array, births: pa.Array) -> None:
        """Take NHS numbers, postcodes (space before the last three) and YYYY-MM-DD as they are."""
        self.rows = len(births)
        self._numbers, self._number_sizes = _held(numbers)
        self._postcodes, self._postcode_sizes = _held(postcodes)
        births, sizes = _held(births)
        has_birth = sizes == len("YYYY-MM-DD")
        self.century, self.year, self.month, self.day = (
            np.where(has_birth, _pair(births, at), _PAIRS) for at in (0, 2, 5, 8)
        )

    def is_number(self, rows: Places, digits: Bytes) -> Mask:
        """Say of ten characters each whether they are the row's number."""
        own: Mask = (self._numbers[rows, :DIGITS] == digits).all(axis=1)
        own &= self._number_sizes[rows] == DIGITS
        return own

    def inward(self, rows: Places) -> Numbers:
        """Return the code of the last three characters of the row's postcode, or -1."""
        sizes = self._postcode_sizes[rows]
        has_one = (sizes >= SHORTEST) & (sizes <= INLINE_BYTES)
        behind = np.where(has_one, sizes, SHORTEST)
        code = _code(*(self._postcodes[rows, behind - place] for place in (3, 2, 1)))
        return np.where(has_one, code, -1)

    @cached_property
    def inwards(self) -> Numbers:
        """What `inward` says of every row."""
        return self.inward(np.arange(self.rows))


def _held(column: pa.Array) -> tuple[Bytes, Numbers]:
    """Return the bytes of short cells, and how many: none of a null."""
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    blocks = views_of(column)
    sizes = blocks.view("<u4")[:, 0].astype(np.int64)
    if column.null_count:
        sizes = np.where(column.is_valid().to_numpy(zero_copy_only=False), sizes, 0)
    return blocks[:, 4:], sizes


def _at(values: npt.NDArray[Value], places: Places | Cells | Bytes) -> npt.NDArray[Value]:
    """Return the values at places that there are: `values[places]`, in a third of the time."""
    return values.take(places, mode="clip")


def _pair(digits: Bytes, at: int) -> Bytes:
    """Make a number of two digits; above 99 where they are none."""
    tens, ones = digits[:, at] - _NOUGHT, digits[:, at + 1] - _NOUGHT
    return np.where((tens <= 9) & (ones <= 9), tens * _TEN + ones, _PAIRS).astype(np.uint8)


def _code(first: Bytes, second: Bytes, third: Bytes) -> Numbers:
    """Make one number of three characters, in whatever case."""
    parts = [(part & _CASE).astype(np.int64) for part in (first, second, third)]
    code: Numbers = (parts[0] << 16) | (parts[1] << 8) | parts[2]
    return code


def own_of(number: str | None, postcode: str | None, birth: str | None) -> Own:
    """Return one row's own values to the exact rule."""
    try:
        born = date.fromisoformat(birth) if birth else None
    except ValueError:
        born = None
    return Own(number or None, postcode or None, born)


def suspects(columns: Sequence[pa.Array], owns: OwnValues) -> Mask:
    """Return which cells to look at closely: a row each column, one cell a row."""
    rows = owns.rows
    found = np.zeros((len(columns), rows), dtype=np.bool_)
    others = []
    for place, column in enumerate(columns):
        words = _Words.of(column, owns)
        if words is None:
            others.append(place)
        else:
            found[place] = words.suspects()
    if others:
        together = pa.concat_arrays([columns[place].cast(pa.large_string()) for place in others])
        found[others] = _Cells(together, rows, owns).suspects().reshape(len(others), rows)
    return found


def may_be_suspects(values: pa.Array) -> Mask:
    """Return which texts may hold personal data at all, whoever's row they are in.

    For columns of which few values differ: what no value can be is not looked for in their rows.
    """
    found: Mask = pc.match_substring_regex(values, COULD).to_numpy(zero_copy_only=False)
    return found


WORD_MAX: Final = 32
"""Bytes of the longest identifier that is looked at in step with all others of its column."""
_NO_PAIR: Final = 255


class _Words:
    """Cells that hold letters and digits of ASCII only, which are their own normal form.

    Most identifiers are such. All first characters stand side by side, then all second ones: each
    question is asked of a whole column by a few steps of the processor, and nothing is looked up.
    """

    def __init__(self, text: Bytes, lengths: Numbers, owns: OwnValues) -> None:
        """Take a line for each place in the cells: nothing where a cell is shorter."""
        self._text = text
        self._lengths = lengths
        self._owns = owns
        self._is_digit: Mask = text - _NOUGHT < _TEN
        self._letters: Bytes = text & _CASE
        self._is_letter: Mask = self._letters - np.uint8(ord("A")) < np.uint8(26)

    @classmethod
    def of(cls, column: pa.Array, owns: OwnValues) -> "_Words | None":
        """Return None where a cell holds something else, or too much."""
        column = column.cast(pa.large_string())
        offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
        offsets = offsets[column.offset : column.offset + len(column) + 1]
        lengths = np.diff(offsets)
        longest, bytes_ = int(lengths.max(initial=0)), int(offsets[-1] - offsets[0])
        if longest > WORD_MAX:
            return None
        data = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
        if longest * len(column) == bytes_:
            text = np.ascontiguousarray(data.reshape(-1, longest).T) if longest else _NOTHING
        else:
            text = np.zeros((longest, len(column)), dtype=np.uint8)
            starts = offsets[:-1] - offsets[0]
            for place in range(longest):
                there = lengths > place
                text[place, there] = data[starts[there] + place]
        words = cls(text, lengths, owns)
        held = np.count_nonzero(words._is_digit) + np.count_nonzero(words._is_letter)
        return words if held == bytes_ else None

    def suspects(self) -> Mask:
        """Return which cells may hold personal data."""
        found = np.zeros(len(self._lengths), dtype=np.bool_)
        if len(self._text) >= SHORTEST:
            found |= self._postcodes() | self._months_by_name() | self._births()
            found &= self._lengths >= SHORTEST
            found |= self._nhs_numbers()
        return found

    def _three(self, first: Mask, code: Numbers) -> Mask:
        """Say which cells have these three characters, the last two of them letters."""
        letters, is_letter = self._letters, self._is_letter
        one, two, three = ((code >> bits & 0xFF).astype(np.uint8) for bits in (16, 8, 0))
        has = first[:-2] & is_letter[1:-1] & is_letter[2:]
        has &= (letters[:-2] == one) & (letters[1:-1] == two) & (letters[2:] == three)
        found: Mask = has.any(axis=0) & (code >= 0)
        return found

    def _postcodes(self) -> Mask:
        return self._three(self._is_digit, self._owns.inwards)

    def _months_by_name(self) -> Mask:
        return self._three(self._is_letter, _MONTHS.take(self._owns.month, mode="clip"))

    def _births(self) -> Mask:
        """The whole year, or three of day, month and year in a row."""
        owns, values = self._owns, self._text - _NOUGHT
        pair = values[:-1] * _TEN + values[1:]
        pair[~(self._is_digit[:-1] & self._is_digit[1:])] = _NO_PAIR
        century, year = owns.century.astype(np.uint8), owns.year.astype(np.uint8)
        own = pair == year
        found: Mask = ((pair[:-2] == century) & own[2:]).any(axis=0)
        own |= pair == owns.month.astype(np.uint8)
        own |= pair == owns.day.astype(np.uint8)
        found |= (own[:-4] & own[2:-2] & own[4:]).any(axis=0)
        return found

    def _nhs_numbers(self) -> Mask:
        """As `_Cells._nhs_numbers`."""
        found = np.zeros(len(self._lengths), dtype=np.bool_)
        run = self._is_digit
        for width in (1, 2, 4, 2):
            run = run[:-width] & run[width:]
        places, rows = np.nonzero(run)
        if not len(places):
            return found
        text = np.pad(self._text, ((1, 1), (0, 0)))
        before, behind = text[places, rows], text[places + DIGITS + 1, rows]
        digits = text[places[:, None] + np.arange(1, DIGITS + 1), rows[:, None]]
        own = self._owns.is_number(rows, digits)
        parted = (before - _NOUGHT >= _TEN) | (before == _NOUGHT)
        parted &= behind - _NOUGHT >= _TEN
        parted |= (digits[:, :3] == ord("9")).all(axis=1)
        found[rows[own | (_may_be_number(digits) & parted)]] = True
        return found


_NOTHING: Final[Bytes] = np.zeros((0, 0), dtype=np.uint8)


def _may_be_number(digits: Bytes) -> Mask:
    """Say of ten digits each whether a stranger's NHS number may be written so."""
    passes: Mask = _FIRST_DIGITS[digits[:, 0] - _NOUGHT]
    passes &= (digits - _NOUGHT).astype(np.float32) @ _WEIGHTS % 11 == 0
    return passes


class _Cells:
    """Many cells as bytes one behind the other: in clear, and in their normal form."""

    def __init__(self, column: pa.Array, rows: int, owns: OwnValues) -> None:
        offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
        offsets = offsets[column.offset : column.offset + len(column) + 1]
        data = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)
        self._data = data[offsets[0] : offsets[-1]]
        self._lengths = np.diff(offsets)
        self._owns = owns
        self._rows = rows
        self._found = np.zeros(len(column), dtype=np.bool_)
        self._cells = np.arange(len(column))
        self._leave_out_short()
        self._make_normal()

    def _leave_out_short(self) -> None:
        long = self._lengths >= SHORTEST
        if not long.all():
            self._data = _at(self._data, np.flatnonzero(np.repeat(long, self._lengths)))
            self._lengths, self._cells = self._lengths[long], self._cells[long]

    def _make_normal(self) -> None:
        classes = _at(_CLASS, self._data)
        solid = classes != _SEPARATOR
        cell_of = np.repeat(np.arange(len(self._lengths), dtype=np.int32), self._lengths)
        self._places: Places | None = None
        self._text: Bytes = self._data
        self._class: Bytes = classes
        self._cell: Cells = cell_of
        if not solid.all():
            self._places = np.flatnonzero(solid)
            self._text = _at(self._text, self._places)
            self._class = _at(self._class, self._places)
            self._cell = _at(self._cell, self._places)
        self._is_digit = self._class == _DIGIT

    def suspects(self) -> Mask:
        """Return which cells may hold personal data."""
        if len(self._text):
            foreign = np.flatnonzero(self._class == _FOREIGN)
            self._mark(self._cell[foreign])
            self._mark(self._postcodes())
            self._mark(self._months_by_name())
            self._mark(self._births_in_digits())
            self._mark(self._births_in_parts())
            self._mark(self._nhs_numbers())
        return self._found

    def _mark(self, cells: Cells) -> None:
        self._found[self._cells[cells]] = True

    def _row(self, cells: Cells) -> Places:
        """Return the rows of cells: columns stand one behind the other."""
        rows: Places = self._cells[cells] % self._rows
        return rows

    def _whole(self, at: Places, size: int) -> Places:
        """Keep places of which so many characters are in one cell."""
        kept: Places = at[self._cell[at] == self._cell[at + size - 1]]
        return kept

    # --- three letters or digits in a row ---------------------------------------------------------

    def _code(self, at: Places) -> Numbers:
        return _code(*(self._text[at + place] for place in range(3)))

    @cached_property
    def _letter_pairs(self) -> Mask:
        letters = self._class == _LETTER
        pairs: Mask = letters[:-1] & letters[1:]
        return pairs

    def _postcodes(self) -> Cells:
        """Where the last three of the own postcode stand."""
        at = self._whole(np.flatnonzero(self._is_digit[:-2] & self._letter_pairs[1:]), 3)
        cells = self._cell[at]
        found: Cells = cells[self._code(at) == self._owns.inward(self._row(cells))]
        return found

    def _months_by_name(self) -> Cells:
        """Where the own month begins, long or short."""
        pairs = self._letter_pairs
        at = self._whole(np.flatnonzero(pairs[:-1] & pairs[1:]), 3)
        cells = self._cell[at]
        wanted = _MONTHS.take(self._owns.month[self._row(cells)], mode="clip")
        found: Cells = cells[self._code(at) == wanted]
        return found

    # --- days, months and years in digits ---------------------------------------------------------

    @cached_property
    def _digit_pairs(self) -> Mask:
        pairs: Mask = self._is_digit[:-1] & self._is_digit[1:]
        return pairs

    @cached_property
    def _values(self) -> Bytes:
        values: Bytes = self._text - _NOUGHT
        return values

    def _births_in_digits(self) -> Cells:
        """Where two digits each of day, month, year or century stand side by side.

        Three of them together, or the whole year: every spelling without separators, and with
        them every one but those of `_births_in_parts`, has one or the other.
        """
        values, owns = self._values, self._owns
        pair = values[:-1] * _TEN + values[1:]
        pair[~self._digit_pairs] = _PAIRS
        known = np.zeros((self._rows, _PAIRS + 1), dtype=np.bool_)
        rows = np.arange(self._rows)
        for part in (owns.century, owns.year, owns.month, owns.day):
            known[rows, part] = True
        known[:, _PAIRS] = False
        row_of_cell = (self._cells % self._rows * (_PAIRS + 1)).astype(np.int32)
        index = _at(row_of_cell, self._cell[:-1])
        index += pair
        own = _at(known.ravel(), index)
        at = self._whole(np.flatnonzero(own[:-2] & own[2:]), 4)
        cells = self._cell[at]
        row = self._row(cells)
        is_year = (pair[at] == owns.century[row]) & (pair[at + 2] == owns.year[row])
        # What stands over the edge of a cell is looked at needlessly, and harmlessly.
        before = (at >= 2) & own[np.maximum(at - 2, 0)]
        behind = (at + 4 < len(own)) & own[np.minimum(at + 4, len(own) - 1)]
        found: Cells = cells[is_year | before | behind]
        return found

    @cached_property
    def _gaps(self) -> Places:
        """Places of the normal form before which there is a separator, inside a cell."""
        if self._places is None:
            return np.zeros(0, dtype=np.int64)
        at = np.flatnonzero(np.diff(self._places) > 1) + 1
        gaps: Places = at[self._cell[at] == self._cell[at - 1]]
        return gaps

    def _births_in_parts(self) -> Cells:
        """Where the part between two separators is the own day, month or year of two digits."""
        first, second = self._gaps[:-1], self._gaps[1:]
        inside = (second - first <= 2) & (self._cell[first] == self._cell[second])
        first, second = first[inside], second[inside]
        digits = self._is_digit
        inside = digits[first - 1] & digits[first] & digits[second - 1] & digits[second]
        first, second = first[inside], second[inside]
        ones, tens = self._values[second - 1], self._values[first]
        value = np.where(second - first == 1, ones, tens * _TEN + ones)
        cells = self._cell[first]
        row, owns = self._row(cells), self._owns
        own = (value == owns.day[row]) | (value == owns.month[row]) | (value == owns.year[row])
        found: Cells = cells[own]
        return found

    # --- NHS numbers ------------------------------------------------------------------------------

    def _nhs_numbers(self) -> Cells:
        """Where ten digits are the own number, or may be a stranger's that stands for itself."""
        two = self._digit_pairs
        if len(two) < DIGITS - 1:
            return np.zeros(0, dtype=np.int32)
        four = two[:-2] & two[2:]
        eight = four[:-4] & four[4:]
        at = self._whole(np.flatnonzero(eight[: len(two) - 8] & two[8:]), DIGITS)
        cells = self._cell[at]
        digits = self._text[at[:, None] + np.arange(DIGITS)]
        own = self._owns.is_number(self._row(cells), digits)
        passes = _may_be_number(digits)
        # Parted from digits before and behind; noughts before may only fill a number up.
        parted = np.zeros(len(self._text) + 1, dtype=np.bool_)
        parted[self._gaps] = True
        parted[np.flatnonzero(np.diff(self._cell)) + 1] = True
        parted[[0, -1]] = True
        before = parted[at] | ~self._is_digit[at - 1] | (self._text[at - 1] == ord("0"))
        behind = at + DIGITS
        last = len(self._text) - 1
        after = parted[behind] | ~self._is_digit[np.minimum(behind, last)]
        for_tests = (digits[:, :3] == ord("9")).all(axis=1)
        found: Cells = cells[own | (passes & (for_tests | (before & after)))]
        return found
