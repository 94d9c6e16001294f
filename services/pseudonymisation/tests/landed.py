"""A landed edition as LAYOUT.md says, made record by record, and an oracle for its extracts.

Written from domain.md and LAYOUT.md, not from the code: each record is sealed by itself with
`cryptography`, and what an extract must hold is decided by plain loops over clear records.
"""

import base64
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import duckdb
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from catalogue import ColumnType, DataSet, Derivation, FieldClass, Identifier
from pseudonymisation.engine.session import EXTENSION, EngineLimits, add_keys, literal

SEALED = {FieldClass.DI, FieldClass.LI, FieldClass.STAFF}
LETTERS = "SPGHRCL"
LIMITS = EngineLimits(memory_bytes=500_000_000, threads=2)


def aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def is_nhs_number(text: str | None) -> bool:
    """Weights 10 to 2; the patterns that are never issued (domain.md 8.1)."""
    if text is None or re.fullmatch(r"[0-9]{10}", text) is None:
        return False
    if len(set(text)) == 1 or re.fullmatch(r"([1-9])0{8}\1", text):
        return False
    check = 11 - sum(int(d) * w for d, w in zip(text, range(10, 1, -1), strict=False)) % 11
    return check != 10 and int(text[9]) == check % 11


@lru_cache
def siv(key: bytes) -> AESSIV:
    return AESSIV(derived_key(key, "siv/mac") + derived_key(key, "siv/counter"))


def derived_key(key: bytes, purpose: str) -> bytes:
    return HKDFExpand(SHA256(), 32, f"dsfc/{purpose}".encode()).derive(key)


@dataclass
class Haven:
    """The haven's keys, and what is in clear only here."""

    directory: Path
    keys: dict[str, bytes] = field(default_factory=dict)

    def key(self, name: str) -> bytes:
        return self.keys.setdefault(name, os.urandom(32))

    def cell(self, value: str, type_: str) -> tuple[bytes, bytes | None]:
        raw = value.encode()
        if len(raw) <= 12:
            block = len(raw).to_bytes(4, "little") + raw.ljust(12, b"\0")
            return aes(self.key(f"haven/{type_}"), block), None
        sealed = siv(self.key(f"haven/{type_}_long")).encrypt(raw, None)
        return sealed[:16], sealed[16:]

    def person(self, number: str | None, provider: str, local_id: str) -> tuple[int, bytes]:
        if is_nhs_number(number):
            return 1, self.cell(number, "nhs_number")[0]
        sealer = siv(self.key("haven/person_without_number"))
        return 2, sealer.encrypt(f"{provider}\x1f{local_id}".encode(), None)[:16]


Record = Mapping[str, Any]
"""Catalogue fields and derived ones in clear, `reasons` {letter: code}, `period`."""


@dataclass(frozen=True)
class Landed:
    path: Path
    key_name: str
    key: bytes


def land(
    haven: Haven,
    data_set: DataSet,
    records: Sequence[Record],
    *,
    id_: UUID | None = None,
    lacking: Collection[str] = (),
) -> Landed:
    """Write one edition; `lacking` are columns that its file had nothing for."""
    columns: dict[str, list[Any]] = {}
    types: dict[str, pa.DataType] = {}

    def put(name: str, type_: pa.DataType, value: Any) -> None:
        types[name] = type_
        columns.setdefault(name, []).append(value)

    person = data_set.person
    for line, record in enumerate(records, start=2):
        put("line", pa.uint64(), line)
        kind, block = haven.person(
            record.get(person.nhs_number),
            record.get(person.provider or "", "RXX"),
            record.get(person.local_id or "", f"line {line}"),
        )
        put("person_kind", pa.uint8(), kind)
        _words(put, "person_", block)
        for one in data_set.fields:
            value = record.get(one.name)
            if one.name == person.nhs_number:
                continue
            if one.class_ in SEALED:
                sealed = (None, None) if value is None else haven.cell(str(value), one.identifier)
                _words(put, f"{one.name}__", sealed[0])
                if one.length_max > 12:
                    put(f"{one.name}__rest", pa.binary(), sealed[1])
            else:
                put(one.name, _type_of(one.type), value)
        for made in data_set.made_at_landing:
            put(made.name, _derived_type(made.derivation), record.get(made.name))
        for letter in LETTERS:
            put(f"reason_{letter.lower()}", pa.string(), record["reasons"].get(letter))
        put("reason_l_upper", pa.string(), record["reasons"].get("L upper"))
        put("period", pa.string(), record["period"])
        put("pcd_masked", pa.bool_(), record.get("pcd_masked", False))
    table = pa.table({n: pa.array(v, types[n]) for n, v in columns.items() if n not in lacking})
    return write(haven, table, id_ or uuid4(), kind="edition", directory="editions")


def list_of(haven: Haven, numbers: Iterable[str], *, id_: UUID | None = None) -> Landed:
    """Write an opt-out list."""
    cells = sorted({haven.cell(n, "nhs_number")[0] for n in numbers})
    words = [[int.from_bytes(c[i : i + 8], "little") for c in cells] for i in (0, 8)]
    table = pa.table({f"person_{i}": pa.array(w, pa.uint64()) for i, w in enumerate(words)})
    return write(haven, table, id_ or uuid4(), kind="opt_out", directory="opt-outs")


def write(haven: Haven, table: pa.Table, id_: UUID, *, kind: str, directory: str) -> Landed:
    """Write an object of LAYOUT.md section 2."""
    path = haven.directory / directory / str(id_) / f"{uuid4()}.parquet"
    path.parent.mkdir(parents=True)
    landed = Landed(path, f"{kind[0]}{id_.hex}", haven.key(f"{kind}/{id_}"))
    con = engine()
    add_keys(con, {landed.key_name: landed.key})
    con.register("rows_", table)
    con.execute(
        f"COPY rows_ TO '{path}' (FORMAT PARQUET, COMPRESSION ZSTD, "
        f"ENCRYPTION_CONFIG {{footer_key: '{landed.key_name}'}})"
    )
    return landed


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """One for all tests of a process: opening it takes longer than writing a file with it."""
    con = duckdb.connect(":memory:")
    con.execute(f"LOAD {literal(str(files('duckdb_extension_httpfs') / EXTENSION))}")
    return con


def _words(put: Any, name: str, block: bytes | None) -> None:
    for i in (0, 1):
        word = None if block is None else int.from_bytes(block[8 * i : 8 * i + 8], "little")
        put(f"{name}{i}", pa.uint64(), word)


def _type_of(type_: ColumnType) -> pa.DataType:
    return {
        ColumnType.TEXT: pa.string(),
        ColumnType.DATE: pa.date32(),
        ColumnType.INTEGER: pa.int64(),
        ColumnType.DECIMAL: pa.float64(),
        ColumnType.TIME: pa.time64("us"),
    }[type_]


def _derived_type(derivation: Derivation) -> pa.DataType:
    if derivation is Derivation.DEFAULT_POSTCODE:
        return pa.bool_()
    if derivation in {Derivation.AGE_YEARS, Derivation.YEAR, Derivation.MONTH_OF_YEAR}:
        return pa.int16()
    return pa.string()


# --- the oracle -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a permit says, as far as rows and columns go."""

    fields: Mapping[str, str]
    """Name to treatment, in order."""
    periods: Sequence[str]
    codes: Sequence[str]
    reasons: str
    domain_key: bytes
    domain_id: str
    national: bool = False
    opted_out: frozenset[str] | None = None
    """None: opt-outs are not upheld."""


def token(haven: Haven, kind: str, block: bytes, asked: Asked) -> str:
    """One token: 18 bytes of letter, ten bits of the domain's id, and one AES block."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    tag = int(asked.domain_id.removeprefix("sha256:")[:4], 16) >> 6
    head = (alphabet.index(kind) << 10 | tag).to_bytes(2, "big")
    sealed = aes(derived_key(asked.domain_key, f"token/{kind}"), block)
    return base64.urlsafe_b64encode(head + sealed).decode()


def expected(
    haven: Haven, data_set: DataSet, records: Iterable[Record], asked: Asked
) -> list[tuple[Any, ...]]:
    """Say row by row what the extract must hold, sorted by token and by nothing else."""
    rows = []
    person = data_set.person
    for record in records:
        if record["period"] not in asked.periods:
            continue
        reasons = [
            f"{letter}:{code}"
            for letter, code in sorted(record["reasons"].items())
            if letter in asked.reasons and code in asked.codes
        ]
        if not reasons and not asked.national:
            continue
        number = record.get(person.nhs_number)
        if asked.opted_out is not None and (not is_nhs_number(number) or number in asked.opted_out):
            continue
        if is_nhs_number(number):
            block = (10).to_bytes(4, "little") + number.encode() + b"\0\0"
            first = token(haven, "P", block, asked)
        else:
            _, block = haven.person(
                number, record.get(person.provider or "", "RXX"), record[person.local_id]
            )
            first = token(haven, "L", block, asked)
        reason = None if asked.national else ";".join(reasons)
        values = [_form(haven, data_set, record, n, t, asked) for n, t in asked.fields.items()]
        rows.append((first, reason, *values))
    return rows


def _form(
    haven: Haven, data_set: DataSet, record: Record, name: str, treatment: str, asked: Asked
) -> Any:
    value = record.get(name)
    if value is None:
        return None
    if treatment == "pseudonym":
        identifier: Identifier | None = data_set.by_name[name].identifier
        return token(haven, "I", haven.cell(str(value), identifier)[0], asked)
    if treatment == "month":
        return f"{value:%Y-%m}"
    if treatment == "year":
        return value.year
    return value


def day(text: str) -> date:
    return date.fromisoformat(text)
