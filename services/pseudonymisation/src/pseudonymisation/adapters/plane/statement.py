"""The statement that lands a file, written from the catalogue, and what it calls back.

Six layers, from the inside: the numbered lines as text; their dates; the rows that are kept;
their postcodes in one form; what our functions make of them; what is landed.
"""

import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from catalogue import CatalogueField, ColumnType, DataSet
from pseudonymisation.adapters.plane import masking
from pseudonymisation.adapters.plane.checks import VALID_NUMBER, Checks, date_of
from pseudonymisation.adapters.plane.derivations import (
    LETTERS,
    MAP_KEY,
    Derivations,
    home_of,
    month_of,
    normalised_postcode,
    postcode_of,
    practice_of,
)
from pseudonymisation.adapters.plane.quarantine import Quarantine
from pseudonymisation.adapters.plane.sealing import Sealing
from pseudonymisation.adapters.plane.session import identifier, literal

ROW_GROUP: Final = 61_440
"""Rows. Twice as many took a gigabyte with 150 columns and two threads, and were no faster."""
LINE_NUMBER_BYTES: Final = 24
READ_BYTES: Final = 4 << 20
NUMBER_BYTES: Final = 10
TEN: Final = "'[0-9](?:[ -]?[0-9]){9}'"
"""Digits that may be an NHS number: the same as `scan` finds."""
CELLS: Final = "sealed__cells"
OWN_INWARD, OWN_YEAR = "own__inward", "own__year"
"""What every spelling of the own postcode, and of the own date of birth, has in it."""

TYPES: Final[Mapping[ColumnType, str]] = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.DATE: "DATE",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "DOUBLE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be landed, from where, as what."""

    data_set: DataSet
    header: str
    first: date
    last: date
    today: date
    provider: str
    edition_id: UUID
    attempt: str
    content_key: str
    quarantine_key: str
    object_key: str
    practice_map: Path | None
    postcode_map: Path | None


def parquet_key_name(edition_id: UUID) -> str:
    """Name an edition's key inside a session of the engine."""
    return f"e{edition_id.hex}"


def is_sealed(field: CatalogueField, data_set: DataSet) -> bool:
    """Say whether a field's cells are sealed: identifiers, but the person's own number."""
    return field.identifier is not None and field.name != data_set.person.nhs_number


class Statement:
    """The one statement that lands a file, and the functions that it calls."""

    def __init__(self, order: Order, columns: Sequence[str], sealing: Sealing, pipe: Path) -> None:
        self.pipe = pipe
        self.sealing = sealing
        self._order = order
        self._data_set = order.data_set
        self._columns = columns
        self._checks = Checks(
            data_set=order.data_set,
            columns=columns,
            first=order.first,
            last=order.last,
            today=order.today,
        )
        self._derivations = Derivations(
            data_set=order.data_set, columns=columns, provider=order.provider
        )
        fields = [order.data_set.by_name[name] for name in columns]
        self.masks = [Mask(place, field) for place, field in enumerate(fields) if may_leak(field)]

    @property
    def personal_data(self) -> dict[str, int]:
        """How many cells of each column had personal data in them."""
        return {mask.field.name: mask.cells for mask in self.masks if mask.cells}

    def copy(self, path: Path) -> str:
        """Write the whole statement."""
        key = literal(parquet_key_name(self._order.edition_id))
        return (
            f"COPY (SELECT {', '.join(self._landed())} FROM ({self._worked_on()}) AS r"
            f" {' '.join(self._joins())}) TO {literal(path)}"
            f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP},"
            f" ENCRYPTION_CONFIG {{footer_key: {key}}}, RETURN_STATS)"
        )

    def _landed(self) -> Iterator[str]:
        """Give every landed column, in the order of LAYOUT.md."""
        yield "line"
        yield "person_kind"
        yield f"{CELLS}.p_0 AS person_0"
        yield f"{CELLS}.p_1 AS person_1"
        for cell in self.sealing.cells:
            yield f"{CELLS}.{cell.first} AS {identifier(f'{cell.field.name}__0')}"
            yield f"{CELLS}.{cell.second} AS {identifier(f'{cell.field.name}__1')}"
            if cell.rest:
                yield f"{CELLS}.{cell.rest} AS {identifier(f'{cell.field.name}__rest')}"
        masked = {mask.field.name: mask for mask in self.masks}
        for field in self._data_set.fields:
            if field.identifier is None:
                yield f"{self._clear(field, masked)} AS {identifier(field.name)}"
        for derived in self._data_set.derived:
            yield f"{self._derivations.derived(derived)} AS {identifier(derived.name)}"
        for letter in LETTERS:
            yield f"{self._derivations.reason(letter)} AS reason_{letter.lower()}"
        yield f"{month_of(self._data_set.periods.field)} AS period"
        yield f"({' OR '.join(mask.hit for mask in self.masks) or 'false'}) AS pcd_masked"

    def _clear(self, field: CatalogueField, masked: Mapping[str, "Mask"]) -> str:
        kind = TYPES[field.type]
        if field.name not in self._columns:
            return f"NULL::{kind}"
        if field.type is ColumnType.DATE:
            return identifier(date_of(field.name))
        if field.name in masked:
            return masked[field.name].column
        return f"{identifier(field.name)}::{kind}"

    def _worked_on(self) -> str:
        """Rows that were kept, with what our functions make of them."""
        own = self._own
        worked = [
            f"CASE WHEN {self._number()} IS NULL THEN 2 ELSE 1 END::UTINYINT AS person_kind",
            f"{Sealing.NAME}({', '.join(self._sealed_values())}) AS {CELLS}",
            *(f"{mask.sql(own)} AS {mask.column}" for mask in self.masks),
        ]
        return f"SELECT *, {', '.join(worked)} FROM ({self._normalised()})"

    def _sealed_values(self) -> Iterator[str]:
        yield self._number()
        yield self._stranger()
        for cell in self.sealing.cells:
            name = cell.field.name
            if name not in self._columns:
                yield "NULL::VARCHAR"
            elif name in self._derivations.postcodes:
                yield identifier(postcode_of(name))
            else:
                yield _trimmed(name)

    def _number(self) -> str:
        """The person's NHS number where it is a valid one, else null."""
        name = self._data_set.person.nhs_number
        if name not in self._columns:
            return "NULL::VARCHAR"
        column = identifier(name)
        return f"CASE WHEN {VALID_NUMBER}({column}) THEN {column} END"

    def _stranger(self) -> str:
        """What tells a person without a valid number from all others (domain.md 8.2)."""
        person, unit = self._data_set.person, "chr(31)"
        provider = literal(self._order.provider)
        if person.provider in self._columns:
            provider = f"coalesce({_trimmed(str(person.provider))}, {provider})"
        row = f"{literal(str(self._order.edition_id))} || {unit} || line"
        if person.local_id in self._columns:
            local = f"{provider} || {unit} || {_trimmed(str(person.local_id))}"
            row = f"coalesce({local}, {row})"
        return f"CASE WHEN {self._number()} IS NULL THEN {row} END"

    @property
    def _own(self) -> "_Own":
        person = self._data_set.person
        postcode = person.postcode if person.postcode in self._derivations.postcodes else None
        birth = person.date_of_birth if person.date_of_birth in self._columns else None
        return _Own(
            self._number(),
            identifier(postcode_of(postcode)) if postcode else "NULL::VARCHAR",
            identifier(birth) if birth else "NULL::VARCHAR",
        )

    def _normalised(self) -> str:
        """Rows with their postcodes in one form, and what suspects are known by."""
        postcodes = "".join(
            f", {normalised_postcode(name)} AS {identifier(postcode_of(name))}"
            for name in self._derivations.postcodes
        )
        own = self._own
        return (
            f"SELECT *, right({own.postcode}, 3) AS {OWN_INWARD},"
            f" left({own.birth}, 4) AS {OWN_YEAR} FROM (SELECT *{postcodes} FROM ({self._kept()}))"
        )

    def _kept(self) -> str:
        """Rows that are good and not withheld; what is bad leaves through the quarantine."""
        record = "concat_ws(',', {})".format(
            ", ".join(
                f"coalesce('\"' || replace({name}, '\"', '\"\"') || '\"', '')"
                for name in map(identifier, self._columns)
            )
        )
        return (
            f"SELECT * FROM ({self._dated()}) WHERE CASE WHEN {self._checks.is_good}"
            f" THEN {self._is_open()}"
            f" ELSE {Quarantine.NAME}(line, {self._checks.why_bad}, {record}) END"
        )

    def _is_open(self) -> str:
        hidden = self._data_set.confidentiality
        if hidden is None or hidden.field not in self._columns or not hidden.withheld:
            return "true"
        withheld = ", ".join(map(literal, hidden.withheld))
        return f"coalesce({identifier(hidden.field)} NOT IN ({withheld}), true)"

    def _dated(self) -> str:
        dates = "".join(
            f", TRY_CAST({identifier(field.name)} AS DATE) AS {identifier(date_of(field.name))}"
            for field in self._data_set.fields
            if field.type is ColumnType.DATE and field.name in self._columns
        )
        return f"SELECT *{dates} FROM {self._records()}"

    def _records(self) -> str:
        file = self._data_set.file
        named = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self._columns)
        return (
            f"read_csv({literal(self.pipe)}, auto_detect = false, header = false,"
            f" columns = {{'line': 'UBIGINT', {named}}}, delim = {literal(file.delimiter)},"
            " quote = '\"', escape = '\"', new_line = '\\n', strict_mode = true,"
            " store_rejects = true, rejects_limit = 0,"
            f" max_line_size = {file.line_bytes_max + LINE_NUMBER_BYTES},"
            f" buffer_size = {max(READ_BYTES, 16 * file.line_bytes_max)})"
        )

    def _joins(self) -> Iterator[str]:
        for name in self._derivations.practices:
            row = identifier(practice_of(name))
            yield f"LEFT JOIN practice_map AS {row} ON {row}.{MAP_KEY} = r.{identifier(name)}"
        for name in self._derivations.homes:
            row, postcode = identifier(home_of(name)), identifier(postcode_of(name))
            yield f"LEFT JOIN postcode_map AS {row} ON {row}.{MAP_KEY} = r.{postcode}"


class _Own(NamedTuple):
    """SQL of the record's own values, to be looked for in text; null where it has none."""

    number: str
    postcode: str
    birth: str


class Mask:
    """A column in which personal data may stand: what to do with a suspect, and how many."""

    def __init__(self, place: int, field: CatalogueField) -> None:
        self.field = field
        self.function = f"mask_{place}"
        self.cells = 0
        self._lock = threading.Lock()

    @property
    def column(self) -> str:
        """The masked value; of an identifier, which is sealed whole, whether it had a hit."""
        return identifier(f"{self.field.name}__masked")

    @property
    def hit(self) -> str:
        """SQL that says whether this row had one."""
        if self.field.identifier is not None:
            return self.column
        return f"{self.column} IS DISTINCT FROM {identifier(self.field.name)}"

    @property
    def returns(self) -> str:
        return "VARCHAR" if self.field.identifier is None else "BOOLEAN"

    def sql(self, own: "_Own") -> str:
        """Call the function for suspects only: what has ten digits, or part of an own value."""
        column = identifier(self.field.name)
        suspect = f"(strlen({column}) >= {NUMBER_BYTES} AND regexp_matches({column}, {TEN}))"
        values = ["NULL", "NULL", "NULL"]
        if self.field.scan:
            values = [own.number, own.postcode, own.birth]
            # Every spelling of a postcode has its last three, every date its year.
            suspect += (
                f" OR contains(upper({column}), {OWN_INWARD}) OR contains({column}, {OWN_YEAR})"
            )
        unchanged = column if self.field.identifier is None else "false"
        call = f"{self.function}({', '.join([column, *values])})"
        return f"CASE WHEN {suspect} THEN {call} ELSE {unchanged} END"

    def __call__(
        self, values: pa.Array, numbers: pa.Array, postcodes: pa.Array, births: pa.Array
    ) -> pa.Array:
        masked, has_hit = masking.masked(values, numbers, postcodes, births)
        with self._lock:
            self.cells += int(has_hit.sum())
        return masked.cast(pa.string()) if self.field.identifier is None else pa.array(has_hit)


def may_leak(field: CatalogueField) -> bool:
    """Say whether a field's values are looked through: all text that can hold a number."""
    if field.type is not ColumnType.TEXT or field.codes is not None:
        return False
    if field.identifier is not None:
        return field.scan
    longest = min(field.length_max, longest_match(field.pattern))
    return field.scan or longest >= NUMBER_BYTES


def longest_match(pattern: str | None) -> int:
    """Give the length of the longest text that a pattern matches; endless where unknown."""
    if pattern is None:
        return sys.maxsize
    # The parser is the standard library's own; it is what `re.compile` begins with.
    longest: int = re._parser.parse(pattern).getwidth()[1]  # type: ignore[attr-defined]  # noqa: SLF001
    return longest


def _trimmed(name: str) -> str:
    return f"nullif(trim({identifier(name)}), '')"
