"""Columns of text as AES blocks, and the cipher on them.

One record is one AES block. A ten-character Arrow `string_view` cell *is* sixteen bytes
(`uint32 length = 10 | ten ASCII digits | 00 00`), so the views buffer of a column is the
cipher's input as it stands. The haven keeps that block under its own key, as two
little-endian words (docs/adr/0012); what leaves is the block under a domain's key, as text
(`tokens`, design.md section 7).

AES is used as a keyed permutation of single blocks: a cell or a token shows equality under one
key and nothing else (docs/adr/0012). Nothing here knows files, SQL or where keys live. Ciphers
keep scratch buffers and belong to one thread.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

BLOCK: Final = 16
BATCH: Final = 65_536
"""Rows a call: so few that the buffers stay in the processor's cache."""
CHUNK: Final = 16 * BATCH
"""Rows a chunk of a result that is kept, in memory of Arrow's pool: it has pages at hand that
are mapped already, and touching fresh ones costs more than the cipher does."""
KEY_BYTES: Final = 32
INLINE_BYTES: Final = 12
"""The longest value that fits into a block behind its length."""

Blocks = npt.NDArray[np.uint8]
"""n rows of sixteen bytes, contiguous."""
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


def views_of(column: pa.Array) -> Blocks:
    """Return the sixteen bytes of each cell: its length, then up to twelve bytes of its value.

    Of a longer value only the length and four bytes are there; a null's bytes mean nothing.
    Zero copy where the column is a `string_view` already.
    """
    if not pa.types.is_string_view(column.type):
        column = column.cast(pa.string_view())
    buffer = column.buffers()[1]
    if buffer is None or len(column) == 0:
        return np.zeros((0, BLOCK), dtype=np.uint8)
    views = np.frombuffer(buffer, dtype=np.uint8)
    start = column.offset * BLOCK
    return views[start : start + len(column) * BLOCK].reshape(-1, BLOCK)


def blocks_of(first: Words, second: Words) -> Blocks:
    """Put two columns of words side by side again."""
    words = np.empty((len(first), 2), dtype="<u8")
    words[:, 0] = first
    words[:, 1] = second
    return words.view(np.uint8).reshape(-1, BLOCK)


def words_of(blocks: Blocks) -> tuple[Words, Words]:
    """Take blocks apart into the two columns that are landed."""
    words = blocks.view("<u8")
    return np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])


def texts_of(blocks: Blocks, present: Mask) -> pa.StringArray:
    """Turn blocks of length and value (at most twelve bytes) into text again."""
    lengths = np.where(present, blocks.view("<u4")[:, 0], 0).astype(np.int64)
    held = np.arange(INLINE_BYTES) < lengths[:, None]
    offsets = np.zeros(len(blocks) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(
        pa.string(),
        len(blocks),
        [bitmap_of(present), pa.py_buffer(offsets), pa.py_buffer(blocks[:, 4:][held].tobytes())],
    )


def presence_of(column: pa.Array) -> Mask:
    present: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    return present


def bitmap_of(present: Mask) -> pa.Buffer | None:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


def derive(key: bytes, purpose: str) -> bytes:
    """Make the key of one purpose from a key (HKDF-Expand, RFC 5869)."""
    return HKDFExpand(SHA256(), KEY_BYTES, f"dsfc/{purpose}".encode()).derive(key)


class Cipher:
    """AES-256 on blocks, each for itself: a permutation of single records.

    Modes are for messages of many blocks; here a record is one, and no two are chained.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        cipher = ciphers.Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - see the class
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def encrypt(self, blocks: Blocks, out: Blocks | None = None) -> Blocks:
        """Encrypt n blocks into `out`, which has n + 1 rows (or none given)."""
        return self._update(self._encryptor, blocks, out)

    def decrypt(self, blocks: Blocks, out: Blocks | None = None) -> Blocks:
        """Decrypt n blocks into `out`, which has n + 1 rows (or none given)."""
        return self._update(self._decryptor, blocks, out)

    @staticmethod
    def _update(context: ciphers.CipherContext, blocks: Blocks, out: Blocks | None) -> Blocks:
        if out is None:
            # The call wants fifteen spare bytes behind its result.
            out = np.empty((len(blocks) + 1, BLOCK), dtype=np.uint8)
        context.update_into(np.ascontiguousarray(blocks).data, out.data)
        return out[: len(blocks)]
