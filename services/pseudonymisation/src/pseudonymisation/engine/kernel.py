"""The kernel: NHS numbers, sealed cells and tokens, a column at a time.

One record is one AES block. A ten-character Arrow `string_view` cell *is* sixteen bytes
(`uint32 length = 10 | ten ASCII digits | 00 00`), so the views buffer of a column is the
cipher's input as it stands. The haven keeps that block under its own key, as two
little-endian words (docs/adr/0012); what leaves is the block under a domain's key, as text
(design.md section 7).

AES is used as a keyed permutation of single blocks: a cell or a token shows equality under one
key and nothing else (docs/adr/0012). Nothing here knows files, SQL or where keys live. Ciphers
and retokenisers keep scratch buffers and belong to one thread.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pybase64
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
TOKEN_CHARACTERS: Final = 24

Blocks = npt.NDArray[np.uint8]
"""n rows of sixteen bytes, contiguous."""
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


# --- Arrow columns as blocks --------------------------------------------------------------------


def views_of(column: pa.Array) -> Blocks:
    """Give the sixteen bytes of each cell: its length, then up to twelve bytes of its value.

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
        [_bitmap(present), pa.py_buffer(offsets), pa.py_buffer(blocks[:, 4:][held].tobytes())],
    )


def _present(column: pa.Array) -> Mask:
    present: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    return present


def _bitmap(present: Mask) -> pa.Buffer | None:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


# --- the NHS number (domain.md 8.1) -------------------------------------------------------------

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
    return views_of(pa.array(numbers)).view("<u8").copy()


_REFUSED: Final = _refused_patterns()
"""Refused although the check digit fits: all digits the same, and 1000000001 to 9000000009."""


def valid(blocks: Blocks) -> Mask:
    """Say which blocks hold an NHS number: ten digits, right check digit, no refused pattern."""
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
    """Say which cells of a text column are NHS numbers; a null is none."""
    if isinstance(column, pa.ChunkedArray):
        parts = [valid_numbers(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.bool_)
    result = valid(views_of(column))
    if column.null_count:
        # The slot of a null may hold stale bytes: Arrow does not clear them.
        result &= _present(column)
    return result


# --- one block, one record ----------------------------------------------------------------------


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


# --- values longer than a block -----------------------------------------------------------------


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
        """Give the synthetic IVs and the ciphertexts of a column without nulls."""
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

        :raises Altered: where a value is not what was sealed
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


class Altered(Exception):
    """A sealed value is not what was sealed under this key."""


def _doubled(block: Blocks) -> Blocks:
    """Multiply by x in the field of RFC 5297 section 2.3."""
    number = int.from_bytes(block.tobytes(), "big") << 1
    if number >> (8 * BLOCK):
        number = (number & ((1 << (8 * BLOCK)) - 1)) ^ 0x87
    return np.frombuffer(number.to_bytes(BLOCK, "big"), dtype=np.uint8)


def _bytes_of(column: pa.Array) -> tuple[Blocks, npt.NDArray[np.int64]]:
    """Give the bytes of a column without nulls, and where each value starts in them."""
    column = column.cast(pa.large_binary())
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _by_length(
    offsets: npt.NDArray[np.int64],
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Give, for each length that occurs, the rows of it and the places of their bytes."""
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
        present = _present(column)
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

        :raises Altered: where a long value is not what was sealed
        """
        present = _present(cells.first)
        is_long = _present(cells.rest)
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


# --- tokens -------------------------------------------------------------------------------------


class Kind(Enum):
    """What a token stands for. Its first letter says so, and each kind has a key of its own."""

    NUMBER = "P"
    """A person known by an NHS number: the block under the haven's key."""
    NO_NUMBER = "L"
    """A person without a valid one, known to one provider only (domain.md 8.2)."""
    CELL = "I"
    """Another sealed identifier: a local id, a member of staff."""


PERSON_KINDS: Final = {1: Kind.NUMBER, 2: Kind.NO_NUMBER}
"""The landed column `person_kind` (LAYOUT.md)."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_RECORD: Final = np.dtype([("head", ">u2"), ("block", f"V{BLOCK}")])
"""Eighteen bytes, hence twenty-four characters: six bits of kind, ten of domain, the block.

The block is one opaque item, because numpy moves that ten times as fast as sixteen bytes.
"""


PLACE_FREE: Final = 40
"""Bits of a place's second word that are left to who orders the rows of one person."""
_RANK_BITS: Final = np.uint64(6)
_LEADING, _FOLLOWING = range(2, 12), range(12, 16)
"""The characters in each word of a place: the kind goes before, and the second is the domain's.

Of a block they hold 80 bits: two of a hundred million persons have the same place once in 2 to
the power of 27 extracts, and would then only not stand apart.
"""
_KIND_ORDER: Final = sorted(kind.value for kind in Kind)


def _ranks() -> npt.NDArray[np.uint8]:
    ranks = np.zeros(256, dtype=np.uint8)
    ranks[[ord(character) for character in sorted(_ALPHABET)]] = np.arange(64)
    return ranks


_RANKS: Final = _ranks()
"""Where a character stands in the order of text, which is not the alphabet's."""


class Minted(NamedTuple):
    """Tokens as words: less to sort, and to spill, than text."""

    leading: Words
    """The token's place in the order of text, as a number: its first characters."""
    following: Words
    """Those that follow, in the high bits (see `PLACE_FREE`)."""
    head: npt.NDArray[np.uint16]
    first: Words
    second: Words


class Retokeniser:
    """Turns what the haven holds into the tokens of one domain, and back.

    A token is 24 characters of base64url that begin with a letter: never ten digits, never a
    formula. Ten bits of the domain's id in it tell a token of another domain apart at once;
    they are no secret. With the haven's key the NHS number itself is retokenised, so that a
    token does not change when the haven's key does.
    """

    def __init__(
        self, *, kind: Kind, domain_key: bytes, domain_id: str, haven_key: bytes | None = None
    ) -> None:
        if (kind is Kind.NUMBER) != (haven_key is not None):
            raise ValueError("the haven's key is for NHS numbers, and only for them")
        self.kind = kind
        self._haven = Cipher(haven_key) if haven_key is not None else None
        self._domain = Cipher(derive(domain_key, f"token/{kind.value}"))
        self._head = _head(kind, domain_id)
        self._blocks = np.empty((BATCH + 1, BLOCK), dtype=np.uint8)
        self._clear = np.empty((BATCH + 1, BLOCK), dtype=np.uint8)
        self._records = np.empty(BATCH, dtype=_RECORD)
        self._records["head"] = self._head

    def text(self, first: Words, second: Words) -> pa.ChunkedArray:
        """Make the tokens of a whole column, kept in chunks."""
        chunks = []
        for start in range(0, len(first), CHUNK):
            rows = min(CHUNK, len(first) - start)
            kept = pa.allocate_buffer(rows * TOKEN_CHARACTERS)
            characters = np.frombuffer(kept, dtype=np.uint8)
            for at in range(0, rows, BATCH):
                part = slice(start + at, start + min(at + BATCH, rows))
                text = self._text(first[part], second[part])
                characters[at * TOKEN_CHARACTERS : at * TOKEN_CHARACTERS + len(text)] = (
                    np.frombuffer(text, dtype=np.uint8)
                )
            buffers = [None, pa.py_buffer(_offsets(rows)), kept]
            chunks.append(pa.Array.from_buffers(pa.string(), rows, buffers))
        return pa.chunked_array(chunks, pa.string())

    def minted(self, first: Words, second: Words) -> Minted:
        """Make the tokens of at most one batch, as words."""
        blocks = self._encrypt(first, second, self._blocks)
        ranks = _RANKS[np.frombuffer(self._encoded(blocks), np.uint8)]
        ranks = ranks.reshape(-1, TOKEN_CHARACTERS)
        leading = np.full(len(first), _KIND_ORDER.index(self.kind.value), dtype=np.uint64)
        following = np.zeros(len(first), dtype=np.uint64)
        for place in _LEADING:
            leading = leading << _RANK_BITS | ranks[:, place]
        for place in _FOLLOWING:
            following = following << _RANK_BITS | ranks[:, place]
        head = np.full(len(first), self._head, dtype=np.uint16)
        return Minted(leading, following << np.uint64(PLACE_FREE), head, *words_of(blocks))

    def binary(self, first: Words, second: Words) -> pa.ChunkedArray:
        """Make the binary form: the sixteen bytes alone."""
        chunks = []
        for start in range(0, len(first), CHUNK):
            rows = min(CHUNK, len(first) - start)
            kept = pa.allocate_buffer((rows + 1) * BLOCK)
            blocks = np.frombuffer(kept, dtype=np.uint8).reshape(-1, BLOCK)
            for at in range(0, rows, BATCH):
                end = min(at + BATCH, rows)
                part = slice(start + at, start + end)
                self._encrypt(first[part], second[part], blocks[at : end + 1])
            chunks.append(pa.Array.from_buffers(pa.binary(BLOCK), rows, [None, kept]))
        return pa.chunked_array(chunks, pa.binary(BLOCK))

    def _text(self, first: Words, second: Words) -> bytes:
        return self._encoded(self._encrypt(first, second, self._blocks))

    def _encoded(self, blocks: Blocks) -> bytes:
        records = self._records[: len(blocks)]
        records["block"] = blocks.view(_RECORD["block"])[:, 0]
        text: bytes = pybase64.b64encode(records.data.cast("B"), altchars=b"-_")
        return text

    def _encrypt(self, first: Words, second: Words, out: Blocks) -> Blocks:
        count = len(first)
        words = out[:count].view("<u8")
        words[:, 0] = first
        words[:, 1] = second
        if self._haven is None:
            clear = self._clear[:count]
            clear[:] = out[:count]
        else:
            clear = self._haven.decrypt(out[:count], self._clear[: count + 1])
        return self._domain.encrypt(clear, out[: count + 1])

    def numbers(self, tokens: pa.Array) -> pa.StringArray:
        """Find the NHS numbers behind tokens; null where it is no token of a person here.

        The whole check is made: kind, domain, and that a valid NHS number comes out. A made-up
        token passes by chance once in 2 to the power of 98.
        """
        if self._haven is None:
            raise ValueError("only the tokens of NHS numbers lead back")
        size = pc.binary_length(tokens).fill_null(0).to_numpy(zero_copy_only=False)
        fits = size == TOKEN_CHARACTERS
        records = np.zeros(len(tokens), dtype=_RECORD)
        for row in np.flatnonzero(fits):
            try:
                decoded = pybase64.b64decode(tokens[row].as_py(), altchars=b"-_", validate=True)
            except ValueError:
                fits[row] = False
            else:
                records[row] = np.frombuffer(decoded, dtype=_RECORD)[0]
        fits &= records["head"] == self._head
        blocks = np.ascontiguousarray(records["block"]).view(np.uint8).reshape(-1, BLOCK)
        clear = self._domain.decrypt(blocks)
        return texts_of(clear, fits & valid(clear))


def _head(kind: Kind, domain_id: str) -> int:
    tag = int(domain_id.removeprefix("sha256:")[:4], 16) >> 6
    return _ALPHABET.index(kind.value) << 10 | tag


class RowTokeniser:
    """Makes the tokens of whole rows: of their persons, who are minted, and of their cells.

    It is for the engine, which asks for two thousand rows at a time: there each call costs more
    than the records in it, so that all columns go through one call of each.
    """

    def __init__(self, *, domain_key: bytes, domain_id: str) -> None:
        self._domain = Cipher(derive(domain_key, f"token/{Kind.CELL.value}"))
        self._head = _head(Kind.CELL, domain_id)
        self._room(0)

    def _room(self, records: int) -> None:
        self._clear = np.empty((records, BLOCK), dtype=np.uint8)
        self._blocks = np.empty((records + 1, BLOCK), dtype=np.uint8)
        self._records = np.empty(records, dtype=_RECORD)
        self._records["head"] = self._head

    def tokens(
        self, head: pa.Array, columns: Sequence[tuple[pa.Array, pa.Array]]
    ) -> list[pa.StringArray]:
        """Make the tokens of persons, whose words come first, and of sealed cells.

        A null stays null.
        """
        rows = len(head)
        total = rows * len(columns)
        if total > len(self._records):
            self._room(total)
        words = self._clear[:total].view("<u8").reshape(len(columns), rows, 2)
        for place, (first, second) in enumerate(columns):
            words[place, :, 0] = _held(first)
            words[place, :, 1] = _held(second)
        # The first column is the domain's already.
        blocks = self._domain.encrypt(self._clear[rows:total], self._blocks[rows : total + 1])
        records = self._records[:total]
        records["head"][:rows] = _held(head)
        records["head"][rows:] = self._head
        opaque = _RECORD["block"]
        records["block"][:rows] = self._clear[:rows].view(opaque)[:, 0]
        records["block"][rows:] = blocks.view(opaque)[:, 0]
        text = pa.py_buffer(pybase64.b64encode(records.data.cast("B"), altchars=b"-_"))
        size = rows * TOKEN_CHARACTERS
        offsets = pa.py_buffer(_offsets(rows))
        return [
            pa.Array.from_buffers(
                pa.string(),
                rows,
                [_validity(first), offsets, text.slice(place * size, size)],
            )
            for place, (first, _) in enumerate(columns)
        ]


def _held(column: pa.Array) -> npt.NDArray[np.unsignedinteger]:
    """Give the numbers of a column as they lie in memory, whatever is where nulls are."""
    buffer = column.buffers()[1]
    kind = np.dtype(column.type.to_pandas_dtype())
    return np.frombuffer(buffer, kind, len(column), column.offset * kind.itemsize)


def _validity(column: pa.Array) -> pa.Buffer | None:
    return _bitmap(_present(column)) if column.null_count else None


def _offsets(rows: int) -> npt.NDArray[np.int32]:
    return np.arange(0, (rows + 1) * TOKEN_CHARACTERS, TOKEN_CHARACTERS, dtype=np.int32)
