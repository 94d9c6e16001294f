"""The last look at what is about to leave: nothing personal in any column (domain.md 8.6, R15).

Landing has masked already; this looks again at every text and number of every row. Only what could
hold something is looked at closely: by the very rule that masks, with the row's own values opened
for it. The engine calls Python for these values only.

Most extracts hold nothing that could be anything. Whether one does is asked first, without the
row's own values: reading those costs more than all the rest of the guard. Only where something
could be is the statement begun again with the close look (`is_close`).

Short texts, that have room for a postcode or a date and for no number, cost most here. Of a row
that was looked through by this very rule they are not looked at again; of one that was landed
under an older rule, or that does not say under which, they are.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.personal_data.could import COULD, COULD_DERIVED
from pseudonymisation.engine import capacity, masking, scan
from pseudonymisation.engine.blocks import INLINE_BYTES, Cipher, Mask, blocks_of, texts_of
from pseudonymisation.engine.session import add_function, identifier, literal
from pseudonymisation.intake.adapters.landing.layout import kind_of_other
from pseudonymisation.preparations.adapters.plan import Other

NUMBER_KIND: Final = 1
"""`person_kind` of a person known by an NHS number (LAYOUT.md)."""
SCANNED_BY: Final = "scan_rule"
"""The landed column that says by which version a row was looked through; nought for none."""
NUMERIC: Final = frozenset(
    {"BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "UINTEGER", "DOUBLE", "FLOAT"}
)


@dataclass(frozen=True, slots=True)
class OwnValueKeys:
    """The landed fields of a row's own values, and the keys that open them."""

    haven: bytes = field(repr=False)
    date_of_birth: tuple[str, bytes] | None = field(repr=False)
    postcode: tuple[str, bytes] | None = field(repr=False)
    other: Other | None = None
    """The second person that rows name, whose own values are looked for as well."""


class Guard:
    """Makes a statement fail where a value of its rows holds personal data."""

    NAME: Final = "holds_personal_data"
    PARAMETERS: Final = ("VARCHAR", "VARCHAR", "UTINYINT", *["UBIGINT"] * 6)
    SUSPECTED: Final = "PCD_SUSPECTED"
    HELD: Final = "PCD_LEAK"

    def __init__(self, connection: duckdb.DuckDBPyConnection, opening: OwnValueKeys) -> None:
        self.columns: list[str] = []
        """Every column that is looked at."""
        self.found: set[str] = set()
        """Those in which something was found."""
        self.is_close = False
        """Whether what could be something is opened and looked at, or ends the statement."""
        self._opening = opening
        self._texts: dict[str, list[str]] = {}
        """By pattern: each column's text where it is long enough, else null."""
        self._numbers: list[str] = []
        self._looks: list[str] = []
        add_function(connection, self.NAME, self._holds, self.PARAMETERS, "BOOLEAN")

    def look_at(
        self, name: str, type_: str, *, is_derived: bool, codes: Sequence[str] = ()
    ) -> None:
        """Look at a column of the selected rows (`s`); these codes of it are known to be right."""
        text = f"s.{identifier(name)}"
        if type_ == "VARCHAR":
            pattern = COULD_DERIVED if is_derived else COULD
            has_room = (
                f"(strlen({text}) >= {scan.DIGITS} OR (s.{SCANNED_BY} < {scan.VERSION}"
                f" AND strlen({text}) >= {scan.SHORTEST}))"
            )
            if alike := [code for code in codes if re.search(pattern, code)]:
                has_room += f" AND {text} NOT IN ({', '.join(map(literal, alike))})"
            self._texts.setdefault(pattern, []).append(f"CASE WHEN {has_room} THEN {text} END")
            could = f"{has_room} AND regexp_matches({text}, {literal(pattern)})"
        elif type_ in NUMERIC:
            could = capacity.is_long_number(text)
            text = capacity.number_as_text(text)
            self._numbers.append(f"({could})")
        else:
            return  # a date, a truth value or a small number has no room for anything
        self.columns.append(name)
        held = []
        for kind, *words in self.whose:
            if is_derived:
                words[2:4] = ["NULL", "NULL"]
            held.append(f"{self.NAME}({', '.join([text, literal(name), kind, *words])})")
        holds = f"({' OR '.join(held)})"
        # Nested, because the engine may turn the sides of AND round, and the look is dear.
        self._looks.append(f"CASE WHEN {could} THEN {holds} ELSE false END")

    @property
    def suspicion(self) -> str:
        """SQL that says of a row whether anything in it could be something; null for no.

        Patterns are dear to compile, which the engine does anew for every place, edition and
        thread: so each stands in one place, for all columns, and few rows have a list for it.
        """
        coulds = list(self._numbers)
        for pattern, texts in self._texts.items():
            matches = f"lambda text: regexp_matches(text, {literal(pattern)})"
            coulds.append(
                f"CASE WHEN coalesce({', '.join(texts)}) IS NOT NULL"
                f" THEN len(list_filter([{', '.join(texts)}], {matches})) > 0 END"
            )
        return " OR ".join(coulds) or "false"

    def around(self, expression: str) -> str:
        """Wrap a number that every row has, so that the statement fails where something is held.

        One for all columns: they need not be copied for it. Unless `is_close`, the statement
        fails where something could be held (`suspected`), and is to be begun again.
        """
        if not self._looks:
            return expression
        looks, code = (
            (" OR ".join(self._looks), self.HELD)
            if self.is_close
            else (self.suspicion, self.SUSPECTED)
        )
        return f"CASE WHEN {looks} THEN error('{code}') ELSE {expression} END"

    def suspected(self, error: duckdb.Error) -> bool:
        """Return whether a statement failed because something could be held."""
        return not self.is_close and self.SUSPECTED in str(error)

    @property
    def whose(self) -> Sequence[Sequence[str]]:
        """SQL of the own values of each person of a selected row.

        First how the number is known, then the sealed words of number, date of birth and postcode.
        """
        opening, other = self._opening, self._opening.other
        birth, home = opening.date_of_birth, opening.postcode
        told = [["s.person_kind", *_words("person"), *_sealed(birth and birth[0])]]
        told[0] += _sealed(home and home[0])
        if other is not None:
            kind = f"s.{identifier(kind_of_other(other.number))}"
            words = [*_words(f"{other.number}_"), *_sealed(other.date_of_birth)]
            told.append([kind, *words, *_sealed(other.postcode)])
        return told

    def _holds(
        self,
        values: pa.Array,
        columns: pa.Array,
        kinds: pa.Array,
        person_0: pa.Array,
        person_1: pa.Array,
        *sealed: pa.Array,
    ) -> pa.Array:
        own = _own_values(self._opening, kinds, person_0, person_1, *sealed)
        rows = masking.hits([values], *own)[0].rows
        holding = np.zeros(len(values), dtype=np.bool_)
        holding[rows] = True
        if rows:
            self.found.add(columns[0].as_py())
        return pa.array(holding)


class StaffCodes:
    """Opens codes of staff, which leave as they are where a line lists them (ruling 13).

    Landing has sealed them whole and masked nothing in them. So one in which personal data are
    found, the person's own date of birth perhaps, is left out, and counted.
    """

    NAME: Final = "opened_code"
    PARAMETERS: Final = ("UBIGINT", "UBIGINT", "UTINYINT", *["UBIGINT"] * 6)

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, opening: OwnValueKeys, key: bytes | None
    ) -> None:
        self.left_out = 0
        self._opening = opening
        self._key = key
        self._lock = threading.Lock()
        if key is not None:
            add_function(connection, self.NAME, self._opened, self.PARAMETERS, "VARCHAR")

    def begin_again(self) -> None:
        """Forget what was counted of a statement that is begun again."""
        self.left_out = 0

    def code(self, name: str, whose: Sequence[Sequence[str]]) -> str:
        """SQL of a sealed column of the selected rows (`s`), opened.

        `whose` are the words of each row's people. Where rows name two people it is opened beside
        the one where it was by the other.
        """
        if self._key is None:
            raise ValueError(f"{name} is sealed, and nothing may open it")
        sealed = _words(f"{name}_")
        first, *others = (f"{self.NAME}({', '.join([*sealed, *own])})" for own in whose)
        for other in others:
            first = f"CASE WHEN {other} IS NOT NULL THEN {first} END"
        return first

    def _opened(self, first: pa.Array, second: pa.Array, *own: pa.Array) -> pa.Array:
        codes = _opened(self._key or b"", first, second, _present(first))
        rows = masking.hits([codes], *_own_values(self._opening, *own))[0].rows
        if not rows:
            return codes
        with self._lock:
            self.left_out += len(rows)
        held = np.zeros(len(codes), dtype=np.bool_)
        held[rows] = True
        return pc.if_else(pa.array(held), pa.scalar(None, pa.string()), codes)


def _own_values(
    opening: OwnValueKeys,
    kinds: pa.Array,
    person_0: pa.Array,
    person_1: pa.Array,
    *sealed: pa.Array,
) -> tuple[pa.StringArray, pa.StringArray, pa.StringArray]:
    """Open each row's own number, postcode and date of birth."""
    is_number = (kinds.to_numpy(zero_copy_only=False) == NUMBER_KIND) & _present(person_0)
    return (
        _opened(opening.haven, person_0, person_1, is_number),
        _opened_field(opening.postcode, *sealed[2:]),
        _opened_field(opening.date_of_birth, *sealed[:2]),
    )


def _words(column: str) -> list[str]:
    return [f"s.{identifier(f'{column}_{word}')}" for word in "01"]


def _sealed(field: str | None) -> list[str]:
    return ["NULL", "NULL"] if field is None else _words(f"{field}_")


def _opened_field(
    sealed: tuple[str, bytes] | None, first: pa.Array, second: pa.Array
) -> pa.StringArray:
    if sealed is None:
        return pa.nulls(len(first), pa.string())
    return _opened(sealed[1], first, second, _present(first))


def _opened(key: bytes, first: pa.Array, second: pa.Array, present: Mask) -> pa.StringArray:
    """Open sealed cells; what is no short text of ASCII was not sealed by us, and is null."""
    words = [column.fill_null(0).to_numpy(zero_copy_only=False) for column in (first, second)]
    blocks = Cipher(key).decrypt(blocks_of(*words))
    lengths = blocks.view("<u4")[:, 0]
    is_text = (lengths <= INLINE_BYTES) & (blocks[:, 4:] < 128).all(axis=1)
    return texts_of(np.ascontiguousarray(blocks), present & is_text)


def _present(column: pa.Array) -> Mask:
    present: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    return present
