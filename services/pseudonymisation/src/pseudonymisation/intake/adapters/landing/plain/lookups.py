"""Maps of a session, looked up by columns of text."""

from collections.abc import Callable, Mapping
from typing import Final, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numpy.lib.stride_tricks import as_strided

KEY_BYTES: Final = 8
"""Postcodes and practices have so many at most."""
_BITS: Final = np.uint64(8)

Words = npt.NDArray[np.uint64]


class SortedMap:
    """A map of many keys: sorted words, found by halving. It takes some 16 bytes a key."""

    def __init__(self, keys: pa.Array, values: Mapping[str, pa.Array]) -> None:
        words = packed(keys)
        order = np.argsort(words, kind="stable")
        self._keys = words[order]
        self._values = {
            name: column.dictionary_encode().take(pa.array(order))
            for name, column in values.items()
        }

    @classmethod
    def load(cls, connection: duckdb.DuckDBPyConnection, table: str, key: str) -> Self:
        """Read a table of the session. What is longer than a key can be is found by nothing."""
        found = connection.execute(
            f"SELECT * FROM {table} WHERE strlen({key}) <= {KEY_BYTES}"
        ).to_arrow_table()
        values = {name: _text(found, name) for name in found.column_names if name != key}
        return cls(_text(found, key), values)

    def places(self, keys: pa.Array) -> pa.Array:
        """Find text of at most eight bytes; null where it is not there."""
        if not len(self._keys):
            return pa.nulls(len(keys), pa.int64())
        words = packed(keys)
        places = np.minimum(np.searchsorted(self._keys, words), len(self._keys) - 1)
        missing = self._keys[places] != words
        if keys.null_count:
            missing |= keys.is_null().to_numpy(zero_copy_only=False)
        return pa.array(places, mask=missing)

    def at(self, places: pa.Array, name: str) -> pa.Array:
        """Give a column's values at places that were found."""
        return self._values[name].take(places).dictionary_decode()


def _text(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).cast(pa.string()).combine_chunks()


def packed(column: pa.Array) -> Words:
    """Give the first eight bytes of each text as one number; of a null, 0."""
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)
    if not len(data):
        return np.zeros(len(column), dtype=np.uint64)
    padded = np.zeros(len(data) + KEY_BYTES, dtype=np.uint8)
    padded[: len(data)] = data
    windows = as_strided(padded, (len(data) + 1, KEY_BYTES), (1, 1))
    words: Words = windows[offsets[:-1]].reshape(-1, KEY_BYTES).view(">u8")[:, 0].astype(np.uint64)
    lengths = np.minimum(np.diff(offsets), KEY_BYTES).astype(np.uint64)
    # A shift by all 64 bits is none: an empty text is set to nothing afterwards.
    shift = np.minimum((np.uint64(KEY_BYTES) - lengths) * _BITS, np.uint64(63))
    words = (words >> shift) << shift
    words[lengths == 0] = 0
    return words


def by_value(column: pa.Array, said: Callable[[str], str | None]) -> pa.Array:
    """Give what is said of each value, asked once for each that differs."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    answers = pa.array([said(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, answers)
