"""Sealed cells: text under a key of the haven, equal where it is equal, and to be opened again.

`Siv` and `Sealer` seal a column; `Sealing` turns all identifying cells of a vector of rows into
what the haven keeps of them. The engine calls it a vector at a time and from several threads:
columns of one type are sealed in one call, and each thread has ciphers of its own.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField, ColumnType, DataSet, Identifier
from pseudonymisation.engine.blocks import (
    BLOCK,
    INLINE_BYTES,
    Blocks,
    Cipher,
    Words,
    blocks_of,
    derive,
    presence_of,
    texts_of,
    views_of,
    words_of,
)
from pseudonymisation.engine.errors import Altered

PERSON: Final = "haven/nhs_number"
STRANGER: Final = "haven/person_without_number"
"""For people without a valid NHS number (LAYOUT.md, person_kind 2)."""


HAVEN: Final = "haven/"
"""Keys of the haven itself. Every row that is there rests on them, so they are made once."""


def haven_keys() -> Sequence[str]:
    """Name all of them."""
    return sorted({PERSON, STRANGER, *(name for kind in Identifier for name in key_of(kind))})


def is_sealed(field: CatalogueField, data_set: DataSet) -> bool:
    """Return whether a field's cells are sealed: identifiers, but the person's own number."""
    return field.identifier is not None and field.name != data_set.person.nhs_number


def key_of(kind: Identifier) -> tuple[str, str]:
    """Name the keys under which cells of a type are sealed: short ones, and longer ones."""
    return f"haven/{kind}", f"haven/{kind}_long"


def keys_for(fields: Sequence[CatalogueField]) -> list[str]:
    """Name every key that sealing these fields, and people, takes."""
    of_cells = {name for field in fields if field.identifier for name in key_of(field.identifier)}
    return sorted({PERSON, STRANGER} | of_cells)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where a field's cells are in what sealing returns, and whether they can be long."""

    field: CatalogueField
    first: str
    second: str
    rest: str | None


class Sealing:
    """The function `seal(number, stranger, cell, …)` of a landing session.

    `number` is a valid NHS number or null; `stranger`, where it is null, is what tells the
    person from all others.
    """

    NAME: Final = "seal"

    def __init__(self, fields: Sequence[CatalogueField], keys: Mapping[str, bytes]) -> None:
        self._keys = keys
        self._here = threading.local()
        self.cells = [
            Sealed(
                field,
                f"c{place}_0",
                f"c{place}_1",
                f"c{place}_rest" if may_be_long(field) else None,
            )
            for place, field in enumerate(fields)
        ]
        self._by_kind: dict[Identifier, list[int]] = {}
        for place, field in enumerate(fields):
            if field.identifier is not None:
                self._by_kind.setdefault(field.identifier, []).append(place)

    @property
    def returns(self) -> str:
        """The engine's type of the result."""
        members = ["p_0 UBIGINT", "p_1 UBIGINT"]
        for cell in self.cells:
            members += [f"{cell.first} UBIGINT", f"{cell.second} UBIGINT"]
            members += [f"{cell.rest} BLOB"] if cell.rest else []
        return f"STRUCT({', '.join(members)})"

    def __call__(self, number: pa.Array, stranger: pa.Array, *cells: pa.Array) -> pa.Array:
        result = self.columns(number, stranger, cells)
        return pa.StructArray.from_arrays(list(result.values()), list(result))

    def columns(
        self, number: pa.Array, stranger: pa.Array, cells: Sequence[pa.Array]
    ) -> dict[str, pa.Array]:
        """Give the person's two words (`p_0`, `p_1`), and of each cell what is kept of it."""
        ciphers = self._ciphers()
        result = dict(zip(("p_0", "p_1"), ciphers.person(number, stranger), strict=True))
        for kind, places in self._by_kind.items():
            together = pa.concat_arrays([cells[place] for place in places])
            sealed = ciphers.sealers[kind].seal(together)
            for position, place in enumerate(places):
                cell = self.cells[place]
                start = position * len(number)
                result[cell.first] = sealed.first.slice(start, len(number))
                result[cell.second] = sealed.second.slice(start, len(number))
                if cell.rest:
                    result[cell.rest] = sealed.rest.slice(start, len(number))
        names = ["p_0", "p_1"]
        for cell in self.cells:
            names += [cell.first, cell.second, *([cell.rest] if cell.rest else [])]
        return {name: result[name] for name in names}

    def _ciphers(self) -> "_Ciphers":
        if not hasattr(self._here, "ciphers"):
            self._here.ciphers = _Ciphers(self._keys, list(self._by_kind))
        ciphers: _Ciphers = self._here.ciphers
        return ciphers


def may_be_long(field: CatalogueField) -> bool:
    """Return whether a field's cells may need more than a block: all but dates and postcodes."""
    is_short = field.type is ColumnType.DATE or field.identifier is Identifier.POSTCODE
    return not is_short and field.length_max > INLINE_BYTES


class _Ciphers:
    """What one thread works with."""

    def __init__(self, keys: Mapping[str, bytes], kinds: Sequence[Identifier]) -> None:
        self._haven = Cipher(keys[PERSON])
        self._stranger = Siv(keys[STRANGER])
        self.sealers = {kind: Sealer(*(keys[name] for name in key_of(kind))) for kind in kinds}

    def person(self, number: pa.Array, stranger: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Make the person's two words: of the number's block, or one-way of the stranger."""
        blocks = self._haven.encrypt(views_of(number))
        if number.null_count:
            nameless = number.is_null()
            ivs, _ = self._stranger.seal(stranger.cast(pa.string()).filter(nameless))
            blocks[nameless.to_numpy(zero_copy_only=False)] = ivs
        first, second = words_of(blocks)
        return pa.array(first), pa.array(second)


# --- columns ---


class Siv:
    """AES-SIV (RFC 5297) without associated data, for a whole column at a time.

    Bit for bit what `cryptography`'s AESSIV makes of each value; values of one length are
    worked on together.
    """

    _KEPT_BITS: Final = np.array([255] * 8 + [127, 255, 255, 255] + [127, 255, 255, 255], np.uint8)
    """What the counter keeps of the synthetic IV (RFC 5297 section 2.5)."""

    def __init__(self, key: bytes) -> None:
        self._mac = Cipher(derive(key, "siv/mac"))
        self._counter = Cipher(derive(key, "siv/counter"))
        zero = np.zeros((1, BLOCK), dtype=np.uint8)
        self._whole = _doubled(self._mac.encrypt(zero)[0])
        self._padded = _doubled(self._whole)
        self._of_zero = self._mac.encrypt(zero ^ self._whole)[0]

    def seal(self, column: pa.Array) -> tuple[Blocks, pa.Array]:
        """Return the synthetic IVs and the ciphertexts of a column without nulls."""
        data, offsets = _bytes_of(column)
        ivs = np.empty((len(column), BLOCK), dtype=np.uint8)
        sealed = np.empty_like(data)
        for rows, places in _by_length(offsets):
            clear = data[places]
            ivs[rows] = self._synthetic_iv(clear)
            sealed[places] = clear ^ self._keystream(ivs[rows], clear.shape[1])
        return ivs, _binary(sealed, offsets)

    def open(self, ivs: Blocks, ciphertexts: pa.Array) -> pa.StringArray:
        """Undo `seal`.

        Raises:
            Altered: where a value is not what was sealed

        """
        data, offsets = _bytes_of(ciphertexts)
        clear = np.empty_like(data)
        for rows, places in _by_length(offsets):
            clear[places] = data[places] ^ self._keystream(ivs[rows], places.shape[1])
            if not np.array_equal(self._synthetic_iv(clear[places]), ivs[rows]):
                raise Altered
        return _binary(clear, offsets).cast(pa.string())

    def _synthetic_iv(self, clear: Blocks) -> Blocks:
        rows, length = clear.shape
        if length < BLOCK:
            only = np.zeros((rows, BLOCK), dtype=np.uint8)
            only[:, :length] = clear
            only[:, length] = 0x80
            return self._mac.encrypt(only ^ _doubled(self._of_zero) ^ self._whole)
        blocks = -(-length // BLOCK)
        message = np.zeros((rows, blocks * BLOCK), dtype=np.uint8)
        message[:, :length] = clear
        message[:, length - BLOCK : length] ^= self._of_zero
        if length % BLOCK:
            message[:, length] = 0x80
        message[:, -BLOCK:] ^= self._padded if length % BLOCK else self._whole
        chain = np.zeros((rows, BLOCK), dtype=np.uint8)
        for start in range(0, message.shape[1], BLOCK):
            chain = self._mac.encrypt(chain ^ message[:, start : start + BLOCK])
        return chain

    def _keystream(self, ivs: Blocks, length: int) -> Blocks:
        blocks = -(-length // BLOCK)
        counters = np.repeat((ivs & self._KEPT_BITS)[:, None, :], blocks, axis=1)
        # The bit cleared above the last 31 takes what could be carried.
        low = counters.view(">u4")[:, :, 3]
        low += np.arange(blocks, dtype=np.uint32)
        stream = self._counter.encrypt(counters.reshape(-1, BLOCK))
        return stream.reshape(len(ivs), blocks * BLOCK)[:, :length]


def _doubled(block: Blocks) -> Blocks:
    """Multiply by x in the field of RFC 5297 section 2.3."""
    number = int.from_bytes(block.tobytes(), "big") << 1
    if number >> (8 * BLOCK):
        number = (number & ((1 << (8 * BLOCK)) - 1)) ^ 0x87
    return np.frombuffer(number.to_bytes(BLOCK, "big"), dtype=np.uint8)


def _bytes_of(column: pa.Array) -> tuple[Blocks, npt.NDArray[np.int64]]:
    """Return the bytes of a column without nulls, and where each value starts in them."""
    column = column.cast(pa.large_binary())
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _by_length(
    offsets: npt.NDArray[np.int64],
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return, for each length that occurs, the rows of it and the places of their bytes."""
    lengths = np.diff(offsets)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield rows, offsets[rows][:, None] + np.arange(length)


def _binary(data: Blocks, offsets: npt.NDArray[np.int64]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers).cast(pa.binary())


class Cells(NamedTuple):
    """A sealed column: two words a cell, and what did not fit into them."""

    first: pa.Array
    second: pa.Array
    rest: pa.Array
    """The AES-SIV ciphertext of a value longer than twelve bytes, else null."""


class Sealer:
    """Seals text of one type: equal values become equal cells, and it can be undone.

    Up to twelve bytes are one AES block under `key`; longer ones are AES-SIV under `long_key`,
    whose synthetic IV takes the place of the block.
    """

    def __init__(self, key: bytes, long_key: bytes) -> None:
        self._short = Cipher(key)
        self._long = Siv(long_key)

    def seal(self, column: pa.Array) -> Cells:
        """Seal a text column; a null stays null."""
        present = presence_of(column)
        views = views_of(column)
        is_long = present & (views.view("<u4")[:, 0] > INLINE_BYTES)
        blocks = self._short.encrypt(views)
        rest = pa.nulls(len(column), pa.binary())
        if is_long.any():
            mask = pa.array(is_long)
            blocks[is_long], ciphertexts = self._long.seal(
                # Arrow has no filter for views.
                column.cast(pa.large_string()).filter(mask)
            )
            rest = pc.replace_with_mask(rest, mask, ciphertexts)
        first, second = words_of(blocks)
        absent = ~present
        return Cells(pa.array(first, mask=absent), pa.array(second, mask=absent), rest)

    def open(self, cells: Cells) -> pa.StringArray:
        """Undo `seal`.

        Raises:
            Altered: where a long value is not what was sealed

        """
        present = presence_of(cells.first)
        is_long = presence_of(cells.rest)
        blocks = blocks_of(_numpy(cells.first), _numpy(cells.second))
        values = texts_of(self._short.decrypt(blocks), present & ~is_long)
        if is_long.any():
            mask = pa.array(is_long)
            opened = self._long.open(blocks[is_long], cells.rest.filter(mask))
            values = pc.replace_with_mask(values, mask, opened)
        return values


def _numpy(words: pa.Array) -> Words:
    filled: Words = (words.fill_null(0) if words.null_count else words).to_numpy()
    return filled
