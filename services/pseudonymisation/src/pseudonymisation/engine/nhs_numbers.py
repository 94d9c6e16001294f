"""The validity of NHS numbers (domain.md 8.1), a column at a time."""

import struct
from typing import Final

import numpy as np
import pyarrow as pa

from pseudonymisation.engine.blocks import BATCH, Blocks, Mask, Words, presence_of, views_of

_LENGTH_AND_ASCII: Final = np.uint64(0x30303030_0000000A)
_ASCII: Final = np.uint64(0x00003030_30303030)
_ABOVE_NINE: Final = np.uint64(0x76767676_76767676)
_HIGH_BITS: Final = np.uint64(0x80808080_80808080)
_EVEN_BYTES: Final = np.uint64(0x00FF00FF_00FF00FF)
_LENGTH: Final = np.uint64(0x00000000_FFFFFFFF)
_TAIL: Final = np.uint64(0xFFFF0000_00000000)
_FOUR_BYTES: Final = np.uint64(0x00000000_FFFFFFFF)
_BYTE: Final = np.uint64(8)
_COLUMN: Final = np.uint64(16)
_TOP_COLUMN: Final = np.uint64(48)
_WEIGHTS: Final = tuple(
    np.uint64(sum(weight << (16 * place) for place, weight in enumerate(weights)))
    for weights in ((8, 10), (7, 9), (2, 4, 6), (1, 3, 5))
)
"""Weights 10 to 1 of the ten digits, by word and by even and odd place, as multipliers.

The highest 16-bit column of a product is then the sum of digit times weight: at most 495, so
that no column overflows into the next.
"""
_DIVISIBLE: Final = np.arange(512) % 11 == 0


def _refused_patterns() -> Words:
    numbers = [str(d) * 10 for d in range(10)] + [f"{d}00000000{d}" for d in range(1, 10)]
    blocks = b"".join(struct.pack("<I10s2x", len(n), n.encode("ascii")) for n in numbers)
    return np.frombuffer(blocks, dtype="<u8").reshape(-1, 2)


_REFUSED: Final = _refused_patterns()
"""Refused although the check digit fits: all digits the same, and 1000000001 to 9000000009."""


def valid_blocks(blocks: Blocks) -> Mask:
    """Return which blocks hold an NHS number: ten digits, right check digit, no refused pattern."""
    words = blocks.view("<u8")
    result = np.empty(len(words), dtype=np.bool_)
    for start in range(0, len(words), BATCH):
        part = words[start : start + BATCH]
        result[start : start + BATCH] = _valid(part)
    return result


def _valid(words: Words) -> Mask:
    first = words[:, 0] ^ _LENGTH_AND_ASCII
    second = words[:, 1] ^ _ASCII
    # A byte above nine has its high bit set, in itself or in the sum.
    malformed = ((first + _ABOVE_NINE) | first | (second + _ABOVE_NINE) | second) & _HIGH_BITS
    malformed |= (first & _LENGTH) | (second & _TAIL)
    # The digits 5 to 9 are equal in every refused pattern, and in one of ten thousand others.
    suspect = ((second ^ (second >> _BYTE)) & _FOUR_BYTES) == 0
    second <<= _COLUMN
    total = (first & _EVEN_BYTES) * _WEIGHTS[0]
    first >>= _BYTE
    total += (first & _EVEN_BYTES) * _WEIGHTS[1]
    total += (second & _EVEN_BYTES) * _WEIGHTS[2]
    second >>= _BYTE
    total += (second & _EVEN_BYTES) * _WEIGHTS[3]
    total >>= _TOP_COLUMN
    result: Mask = _DIVISIBLE.take(total.view(np.int64), mode="clip")
    result &= malformed == 0
    if suspect.any():
        rows = np.flatnonzero(suspect)
        result[rows] &= ~(words[rows][:, None] == _REFUSED).all(axis=2).any(axis=1)
    return result


def valid_numbers(column: pa.Array | pa.ChunkedArray) -> Mask:
    """Return which cells of a text column are NHS numbers; a null is none."""
    if isinstance(column, pa.ChunkedArray):
        parts = [valid_numbers(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.bool_)
    result = valid_blocks(views_of(column))
    if column.null_count:
        # The slot of a null may hold stale bytes: Arrow does not clear them.
        result &= presence_of(column)
    return result
