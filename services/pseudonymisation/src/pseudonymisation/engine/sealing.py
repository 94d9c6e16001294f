"""Turns the identifying cells of a vector of rows into what the haven keeps of them.

Called back by the engine a vector at a time and from several threads: columns of one type are
sealed in one call, and each thread has ciphers of its own.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from catalogue import CatalogueField, ColumnType, DataSet, Identifier
from pseudonymisation.engine import kernel

PERSON: Final = "haven/nhs_number"
STRANGER: Final = "haven/person_without_number"
"""For people without a valid NHS number (LAYOUT.md, person_kind 2)."""


def is_sealed(field: CatalogueField, data_set: DataSet) -> bool:
    """Say whether a field's cells are sealed: identifiers, but the person's own number."""
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
                f"c{place}_rest" if _may_be_long(field) else None,
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
        return pa.StructArray.from_arrays([result[name] for name in names], names)

    def _ciphers(self) -> "_Ciphers":
        if not hasattr(self._here, "ciphers"):
            self._here.ciphers = _Ciphers(self._keys, list(self._by_kind))
        ciphers: _Ciphers = self._here.ciphers
        return ciphers


def _may_be_long(field: CatalogueField) -> bool:
    """Say whether a field's cells may need more than a block: all but dates and postcodes."""
    is_short = field.type is ColumnType.DATE or field.identifier is Identifier.POSTCODE
    return not is_short and field.length_max > kernel.INLINE_BYTES


class _Ciphers:
    """What one thread works with."""

    def __init__(self, keys: Mapping[str, bytes], kinds: Sequence[Identifier]) -> None:
        self._haven = kernel.Cipher(keys[PERSON])
        self._stranger = kernel.Siv(keys[STRANGER])
        self.sealers = {
            kind: kernel.Sealer(*(keys[name] for name in key_of(kind))) for kind in kinds
        }

    def person(self, number: pa.Array, stranger: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Make the person's two words: of the number's block, or one-way of the stranger."""
        blocks = self._haven.encrypt(kernel.views_of(number))
        if number.null_count:
            nameless = number.is_null()
            ivs, _ = self._stranger.seal(stranger.cast(pa.string()).filter(nameless))
            blocks[nameless.to_numpy(zero_copy_only=False)] = ivs
        first, second = kernel.words_of(blocks)
        return pa.array(first), pa.array(second)
