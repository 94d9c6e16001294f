"""Which lines every reader of CSV reads alike, and these lines as columns.

A line is left to the engine's strict reader where it has a quote that does not stand at the edge of
a value, is too long, is no UTF-8, or has another number of values than the header.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv

from catalogue.parts import FileFormat
from pseudonymisation.engine.session import whole
from pseudonymisation.intake.adapters.landing import quotes
from pseudonymisation.intake.adapters.landing.feed import Numbered
from pseudonymisation.intake.adapters.landing.quotes import Mask

LAST_OF_ASCII: Final = 0x7F
DISTINCT_SHARE_MAX: Final = 4
"""A column of which more than a quarter of the values differ is not held by its distinct values."""


class Parsed(NamedTuple):
    """Lines as columns of text, by name: dictionaries where few values differ."""

    numbers: npt.NDArray[np.int64]
    columns: dict[str, pa.Array]
    rest: Numbered
    """Lines that are not for every reader the same."""


class LineReader:
    """Reads the lines of one file, from several threads."""

    def __init__(self, columns: Sequence[str], file: FileFormat, few_values: set[str]) -> None:
        """`few_values` names columns whose values are expected to come again and again."""
        self._columns = columns
        self._file = file
        self._few_values = few_values

    def __call__(self, block: Numbered) -> Parsed:
        """Read what can be read of a block."""
        unsure = self._unsure(block)
        rows = block.only(~unsure) if unsure.any() else block
        rejected: list[int] = []
        table = self._read(rows, rejected)
        if rejected:
            wrong = np.zeros(len(rows.numbers), dtype=np.bool_)
            wrong[np.array(rejected) - 1] = True
            unsure[np.flatnonzero(~unsure)[wrong]] = True
            rows = rows.only(~wrong)
        if table.num_rows != len(rows.numbers):  # a reader that does not say which it left out
            return Parsed(block.numbers[:0], {}, block)
        columns = {name: whole(table.column(place)) for place, name in enumerate(self._columns)}
        self._learn(columns)
        return Parsed(rows.numbers, columns, block.only(unsure))

    @property
    def _types(self) -> dict[str, pa.DataType]:
        few = pa.dictionary(pa.int32(), pa.string())
        return {name: few if name in self._few_values else pa.string() for name in self._columns}

    def _read(self, rows: Numbered, rejected: list[int]) -> pa.Table:
        types = self._types
        if not len(rows.numbers):
            return pa.table({name: pa.array([], types[name]) for name in self._columns})

        def leave_out(row: pcsv.InvalidRow) -> str:
            rejected.append(row.number)
            return "skip"

        data = rows.data
        return pcsv.read_csv(
            pa.BufferReader(data),
            pcsv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=list(self._columns)
            ),
            pcsv.ParseOptions(delimiter=self._file.delimiter, invalid_row_handler=leave_out),
            pcsv.ConvertOptions(
                column_types=types, strings_can_be_null=True, null_values=[""], check_utf8=False
            ),
        )

    def _learn(self, columns: dict[str, pa.Array]) -> None:
        for name in list(self._few_values):
            column = columns[name]
            if pa.types.is_dictionary(column.type) and (
                len(column.dictionary) * DISTINCT_SHARE_MAX > max(len(column), 1000)
            ):
                self._few_values.discard(name)

    def _unsure(self, block: Numbered) -> Mask:
        """Say of which lines readers may think differently."""
        offsets, data = block.offsets, block.characters
        unsure: Mask = np.diff(offsets) > self._file.line_bytes_max
        if not _is_utf8(data):
            unsure |= _has(data > LAST_OF_ASCII, offsets)
        unsure[quotes.inside(data, offsets, self._file.delimiter)] = True
        return unsure


def _is_utf8(data: npt.NDArray[np.uint8]) -> bool:
    if not len(data) or int(data.max()) <= LAST_OF_ASCII:
        return True
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _has(characters: Mask, offsets: npt.NDArray[np.int32]) -> Mask:
    """Say which lines have one of these characters."""
    found = np.concatenate([[0], np.cumsum(characters)])
    has: Mask = found[offsets[1:]] > found[offsets[:-1]]
    return has
