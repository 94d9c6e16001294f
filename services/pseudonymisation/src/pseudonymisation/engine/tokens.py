"""Tokens: what leaves in place of a person or another sealed identifier (design.md section 7).

Retokenisers keep scratch buffers and belong to one thread.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pybase64

from pseudonymisation.engine.blocks import (
    BATCH,
    BLOCK,
    CHUNK,
    Blocks,
    Cipher,
    Words,
    bitmap_of,
    derive,
    presence_of,
    texts_of,
    words_of,
)
from pseudonymisation.engine.nhs_numbers import valid_blocks

TOKEN_CHARACTERS: Final = 24


class Kind(Enum):
    """What a token stands for. Its first letter says so, and each kind has a key of its own."""

    NUMBER = "P"
    """A person known by an NHS number: the block under the haven's key."""
    NO_NUMBER = "L"
    """A person without a valid one, known to one provider only (domain.md 8.2)."""
    CELL = "I"
    """Another sealed identifier: a local id, a member of staff."""
    OTHER_NUMBER = "B"
    """A second person of a row, a mother's baby, known by an NHS number (docs/adr/0109)."""
    OTHER_NO_NUMBER = "C"
    """A second person of a row without a valid one."""


PERSON_KINDS: Final = {1: Kind.NUMBER, 2: Kind.NO_NUMBER}
"""The landed column `person_kind` (LAYOUT.md)."""
OTHER_KINDS: Final = {1: Kind.OTHER_NUMBER, 2: Kind.OTHER_NO_NUMBER}
"""Of second persons, in a domain of one data set."""
NUMBERED: Final = frozenset({Kind.NUMBER, Kind.OTHER_NUMBER})
"""Kinds that are made of the NHS number itself."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_RECORD: Final = np.dtype([("head", ">u2"), ("block", f"V{BLOCK}")])
"""Eighteen bytes, hence twenty-four characters: six bits of kind, ten of domain, the block.

The block is one opaque item, because numpy moves that ten times as fast as sixteen bytes.
"""


_TAG: Final = (1 << 10) - 1
"""The bits of a head that are the domain's."""
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
        if (kind in NUMBERED) != (haven_key is not None):
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
        rows = np.flatnonzero(fits)
        records = np.zeros(len(tokens), dtype=_RECORD)
        texts = tokens.take(pa.array(rows)).to_pylist()
        # A token has no padding, so that many in a row are decoded as each of them is.
        whole = _decoded("".join(texts), len(texts))
        if whole is not None:
            records[rows] = whole
        else:
            for row, text in zip(rows, texts, strict=True):
                one = _decoded(text, 1)
                fits[row] = one is not None
                if one is not None:
                    records[row] = one[0]
        fits &= records["head"] == self._head
        blocks = np.ascontiguousarray(records["block"]).view(np.uint8).reshape(-1, BLOCK)
        clear = self._domain.decrypt(blocks)
        return texts_of(clear, fits & valid_blocks(clear))


def _decoded(text: str, count: int) -> npt.NDArray[np.void] | None:
    """Return the records behind so many tokens; None where not all of it is tokens."""
    try:
        decoded = pybase64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        return None
    return (
        np.frombuffer(decoded, dtype=_RECORD) if len(decoded) == count * _RECORD.itemsize else None
    )


def _head(kind: Kind, domain_id: str) -> int:
    return _ALPHABET.index(kind.value) << 10 | _tag(domain_id)


def _tag(domain_id: str) -> int:
    return int(domain_id.removeprefix("sha256:")[:4], 16) >> 6


def is_of_domain(token: str, domain_id: str) -> bool:
    """Say whether a token was made in the domain, by what it says of itself.

    One of another domain says the same once in a thousand; then nobody comes out of it.
    """
    said = int.from_bytes(pybase64.b64decode(token[:4], altchars=b"-_")[:2], "big")
    return said & _TAG == _tag(domain_id)


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
        self, heads: Sequence[pa.Array], columns: Sequence[tuple[pa.Array, pa.Array]]
    ) -> list[pa.StringArray]:
        """Make the tokens of persons, whose words come first, and of sealed cells.

        There is a head for each column of persons. A null stays null.
        """
        rows, persons = len(heads[0]), len(heads)
        total = rows * len(columns)
        if total > len(self._records):
            self._room(total)
        words = self._clear[:total].view("<u8").reshape(len(columns), rows, 2)
        for place, (first, second) in enumerate(columns):
            words[place, :, 0] = _held(first)
            words[place, :, 1] = _held(second)
        # Those of persons are the domain's already.
        minted = rows * persons
        blocks = self._domain.encrypt(self._clear[minted:total], self._blocks[minted : total + 1])
        records = self._records[:total]
        for place, head in enumerate(heads):
            records["head"][rows * place : rows * (place + 1)] = _held(head)
        records["head"][minted:] = self._head
        opaque = _RECORD["block"]
        records["block"][:minted] = self._clear[:minted].view(opaque)[:, 0]
        records["block"][minted:] = blocks.view(opaque)[:, 0]
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
    """Return the numbers of a column as they lie in memory, whatever is where nulls are."""
    buffer = column.buffers()[1]
    kind = np.dtype(column.type.to_pandas_dtype())
    return np.frombuffer(buffer, kind, len(column), column.offset * kind.itemsize)


def _validity(column: pa.Array) -> pa.Buffer | None:
    return bitmap_of(presence_of(column)) if column.null_count else None


def _offsets(rows: int) -> npt.NDArray[np.int32]:
    return np.arange(0, (rows + 1) * TOKEN_CHARACTERS, TOKEN_CHARACTERS, dtype=np.int32)
