"""Columns of Arrow as the text that a provider's CSV has of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import ColumnType
from pseudonymisation.intake.domain import errors

FORMS: Final = (
    *(pa.types.is_null, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    *(pa.types.is_date, pa.types.is_time),
)
BREAKS: Final = r"[\r\n\x00]"
VERTICAL_TAB: Final = "\x0b"
"""In the place of what would make two lines of one: the row is set aside for it, as itself."""


def is_text(kind: pa.DataType) -> bool:
    """Say whether values are text; many writers do not say so of bytes that are."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def require(kind: pa.DataType, column: str) -> None:
    """Raise ColumnTypeUnsupported."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if is_text(kind) or any(form(kind) for form in FORMS):
        return
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return
        mend = "Write the local time without a time zone."
    elif pa.types.is_boolean(kind):
        mend = "Write the codes that the catalogue lists in place of true and false."
    else:
        mend = "Write text, a number, a date or a time."
    raise errors.ColumnTypeUnsupported(
        f"The column {column} has a type that has no form as text. {mend}", column=column
    )


@dataclass(frozen=True, slots=True)
class WrittenColumn:
    """A column as CSV has it: few different values, and which row has which."""

    dictionary: pa.Array
    indices: pa.Array

    def lengths(self) -> npt.NDArray[np.int64]:
        """Return how many bytes each row takes, before any of them is made."""
        of_values = pc.fill_null(pc.binary_length(self.dictionary), 0)
        taken = pc.fill_null(of_values.take(self.indices), 0)
        lengths: npt.NDArray[np.int64] = taken.to_numpy(zero_copy_only=False).astype(np.int64)
        return lengths

    def values(self) -> pa.Array:
        return self.dictionary.take(self.indices)


def of(column: pa.Array, kind: ColumnType, delimiter: str) -> WrittenColumn:
    """Write a column as text, quoted where it has to be."""
    if pa.types.is_null(column.type):
        return WrittenColumn(pa.array([None], pa.binary()), pa.nulls(len(column), pa.int32()))
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    held, rows = np.unique(column.indices.fill_null(0).to_numpy(), return_inverse=True)
    if not len(column.dictionary):
        return WrittenColumn(pa.array([None], pa.binary()), pa.nulls(len(column), pa.int32()))
    indices = pa.array(rows, mask=column.indices.is_null().to_numpy(zero_copy_only=False))
    text = _text(column.dictionary.take(pa.array(held)), kind)
    text = pc.replace_substring_regex(text.cast(pa.binary()), BREAKS, VERTICAL_TAB)
    mark = pc.match_substring(text, '"')
    special = pc.or_(mark, pc.match_substring(text, delimiter))
    if pc.any(special).as_py():
        doubled = pc.replace_substring(text, '"', '""')
        quoted = pc.binary_join_element_wise(b'"', doubled, b'"', b"")
        text = pc.if_else(special, quoted, text)
    return WrittenColumn(text, indices)


def _text(values: pa.Array, wanted: ColumnType) -> pa.Array:
    kind = values.type
    if is_text(kind):
        return values.cast(pa.binary())
    if pa.types.is_floating(kind):
        return _number(values)
    if pa.types.is_decimal(kind):
        text = values.cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0+$", "")
    if pa.types.is_timestamp(kind):
        return _moment(values, wanted)
    if pa.types.is_time(kind):
        return pc.replace_substring_regex(values.cast(pa.string()), r"\.0+$", "")
    return values.cast(pa.string())


def _number(values: pa.Array) -> pa.Array:
    """Write numbers shortest; a whole one without a point: a missing value made it so."""
    written: list[str | None] = []
    for value in values.to_pylist():
        if value is None or value != value:  # noqa: PLR0124 - what is no number is no value
            written.append(None)
        elif value.is_integer() and abs(value) < 1e18:
            written.append(str(int(value)))
        else:
            written.append(repr(value) if "e" not in repr(value) else f"{value:f}")
    return pa.array(written, pa.string())


def _moment(values: pa.Array, wanted: ColumnType) -> pa.Array:
    """Write a day where the column has days and the time is midnight; else the day and the time."""
    seconds = values.cast(pa.timestamp("us"))
    day = seconds.cast(pa.date32())
    is_day = pc.equal(seconds, day.cast(pa.timestamp("us")))
    whole = pc.replace_substring_regex(
        pc.strftime(seconds, format="%Y-%m-%d %H:%M:%S"), r"\.0+$", ""
    )
    if wanted is ColumnType.DATETIME:
        return whole
    return pc.if_else(is_day, day.cast(pa.string()), whole)
