"""One extract, in two passes of the locked engine (design.md section 7, perf.md section 9).

First the distinct people of the selected rows go through the kernel into a map of tokens, less
the opted-out. Then the rows are joined with the map, reduced to the permitted columns in their
permitted forms, sorted by token and written. Memory is bounded by the session's limit whatever
the number of rows; what does not fit spills encrypted.

Every value that is about to be written is looked at (`PCD_LEAK`): the check is part of the
projection below the sort, so that not one row has been written when it fails.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import ARROW, FunctionNullHandling, PythonUDFType

from catalogue import Treatment
from pseudonymisation.adapters.plane import kernel, scan
from pseudonymisation.adapters.plane.kernel import Kind, Retokeniser
from pseudonymisation.adapters.plane.session import (
    Limits,
    identifier,
    literal,
    session,
)
from pseudonymisation.domain.attestation import REASON_COLUMN, TOKEN_COLUMN, Outcome
from pseudonymisation.domain.permit import REASONS

ROW_GROUP: Final = 122_880
COMPRESSION_LEVEL: Final = 1
"""Of Zstandard. Tokens are noise: the usual level takes twice as long over them and is larger."""


class PcdLeak(Exception):
    """What is about to be written holds personal data. Names columns, never values."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = tuple(columns)


class EngineFailed(Exception):
    """The engine gave up. Says how, and not in its own words: they may quote a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """An encrypted Parquet file of the haven, and the key that opens it."""

    path: Path
    key_name: str
    key: bytes = field(repr=False)

    @property
    def sql(self) -> str:
        return (
            f"read_parquet({literal(self.path)}, "
            f"encryption_config = {{footer_key: {literal(self.key_name)}}})"
        )


@dataclass(frozen=True, slots=True)
class OutColumn:
    name: str
    treatment: Treatment
    is_free: bool = False
    """Free text: may hold anything, so that it is also held against the row's own data."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the kernel needs; kept out of every representation."""

    haven: bytes = field(repr=False)
    date_of_birth: bytes | None = field(repr=False)
    postcode: bytes | None = field(repr=False)
    domain: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that one preparation reads, keeps and writes."""

    editions: tuple[Source, ...]
    periods: tuple[str, ...]
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    is_national: bool
    columns: tuple[OutColumn, ...]
    opt_outs_apply: bool
    opted_out: Source | None
    domain_id: str
    keys: Keys
    date_of_birth: str | None
    """The sealed field of the person's date of birth, where the data set has one."""
    postcode: str | None

    def __post_init__(self) -> None:
        if self.opt_outs_apply and self.opted_out is None:
            raise ValueError("opt-outs cannot be upheld without a list")


Beat = Callable[[int, int | None], None]
"""Told rows done and rows in all while it goes on."""


def prepare(plan: Plan, *, target: Path, scratch: Path, limits: Limits, beat: Beat) -> Outcome:
    """Write the extract as Parquet to `target`, sorted by token.

    :raises PcdLeak: where a value holds personal data; `target` is then not to be used
    :raises EngineFailed: where the engine gave up
    """
    sources = [*plan.editions, *([plan.opted_out] if plan.opted_out else [])]
    directories = sorted({source.path.parent for source in sources} | {target.parent})
    with (
        _own_words(),
        session(
            directories=directories,
            temp_directory=scratch,
            keys={source.key_name: source.key for source in sources},
            limits=limits,
        ) as connection,
    ):
        return _Preparation(plan, connection, beat).write(target)


def write_csv(parquet: Path, *, target: Path, scratch: Path, limits: Limits) -> None:
    """Write the same rows in the same order as CSV that no spreadsheet takes for formulas.

    Text that begins with one of `= + - @`, a tab or a carriage return is given an apostrophe.
    :raises EngineFailed: where the engine gave up
    """
    with (
        _own_words(),
        session(
            directories=sorted({parquet.parent, target.parent}),
            temp_directory=scratch,
            keys={},
            limits=limits,
            keeps_order=True,
        ) as connection,
    ):
        rows = f"read_parquet({literal(parquet)})"
        described = connection.sql(f"DESCRIBE SELECT * FROM {rows}").fetchall()
        columns = ", ".join(
            _without_formula(name) if type_ == "VARCHAR" else identifier(name)
            for name, type_, *_ in described
        )
        connection.execute(
            f"COPY (SELECT {columns} FROM {rows}) TO {literal(target)} (FORMAT CSV, HEADER)"
        )


def _without_formula(name: str) -> str:
    quoted = identifier(name)
    # Not IN: the engine makes a join of each list, and a wide extract has a hundred columns.
    begins = f"regexp_matches({quoted}, {literal(_FORMULA)})"
    return f"CASE WHEN {begins} THEN chr(39) || {quoted} ELSE {quoted} END AS {quoted}"


_FORMULA: Final = r"^[=+@\t\r-]"


@contextmanager
def _own_words() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise EngineFailed(type(error).__name__) from None


class _Preparation:
    def __init__(self, plan: Plan, connection: duckdb.DuckDBPyConnection, beat: Beat) -> None:
        self._plan = plan
        self._connection = connection
        self._beat = beat
        self._guard = _Guard(connection)
        self._types = self._describe()
        self._people = 0
        self._people_left_out = 0
        self._rows = 0
        self._rows_left_out = 0
        self._rows_without_person = 0

    def write(self, target: Path) -> Outcome:
        self._map_people()
        self._beat(0, self._rows)
        scanned = self._demand_no_own_data()
        columns = [self._projected(column) for column in self._plan.columns]
        rows = (
            f"SELECT m.token AS {identifier(TOKEN_COLUMN)}, "
            f"{self._reasons()} AS {identifier(REASON_COLUMN)}, {', '.join(columns)} "
            f"FROM ({self._selected()}) AS s "
            "JOIN people AS m ON s.person_0 = m.person_0 AND s.person_1 = m.person_1 "
            f"ORDER BY m.token, {self._tie_break()}"
        )
        statement = (
            f"COPY ({self._with_cell_tokens(rows)}) TO {literal(target)} "
            f"(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, "
            f"ROW_GROUP_SIZE {ROW_GROUP})"
        )
        written = self._guarded(statement)
        return Outcome(
            rows=written,
            people=self._people,
            people_left_out=self._people_left_out,
            rows_left_out=self._rows_left_out,
            rows_without_person_left_out=self._rows_without_person,
            rows_without_reason=self._rows_without_reason(target),
            scan_rule=scan.RULE,
            scanned_columns=tuple(dict.fromkeys([*self._guard.columns, *scanned])),
            scan_hits=0,
        )

    # --- which rows -------------------------------------------------------------------------------

    def _describe(self) -> Mapping[str, str]:
        first = self._plan.editions[0]
        described = self._connection.sql(f"DESCRIBE SELECT * FROM {first.sql}").fetchall()
        return {name: type_ for name, type_, *_ in described}

    def _selected(self) -> str:
        """Select the rows that the permit allows, of all editions, with all their columns."""
        return " UNION ALL ".join(
            f"SELECT *, {number}::USMALLINT AS landed__edition FROM {source.sql} "
            f"WHERE {self._filter()}"
            for number, source in enumerate(self._plan.editions)
        )

    def _filter(self) -> str:
        plan = self._plan
        conditions = [f"period IN ({_listed(plan.periods)})"]
        if not plan.is_national:
            reasons = " OR ".join(self._names(letter) for letter in plan.reasons)
            conditions.append(f"({reasons})")
        return " AND ".join(conditions)

    def _names(self, letter: str) -> str:
        """Say that a row's reason of that letter names a code of the line (domain.md 6.11)."""
        return f"reason_{letter.lower()} IN ({_listed(self._plan.codes)})"

    def _reasons(self) -> str:
        """Write the reasons that let the row in, and none that the permit does not name."""
        if self._plan.is_national:
            return "NULL::VARCHAR"
        letters = sorted(self._plan.reasons, key=REASONS.index)
        cases = ", ".join(
            f"CASE WHEN {self._names(letter)} THEN '{letter}:' || reason_{letter.lower()} END"
            for letter in letters
        )
        return f"concat_ws(';', {cases})"

    def _tie_break(self) -> str:
        """Order the rows of one person for good, by nothing that another extract has too.

        The order of lines in the provider's file would link extracts by position (perf.md 8).
        """
        salt = int.from_bytes(kernel.derive(self._plan.keys.domain, "order")[:8], "little")
        return f"hash(line, landed__edition, {salt}::UBIGINT)"

    # --- which people -----------------------------------------------------------------------------

    def _map_people(self) -> None:
        self._connection.execute(
            "CREATE TABLE people (person_0 UBIGINT, person_1 UBIGINT, token VARCHAR)"
        )
        opted_out = "FALSE"
        joined = ""
        if self._plan.opted_out is not None and self._plan.opt_outs_apply:
            opted_out = "o.person_0 IS NOT NULL"
            joined = (
                f"LEFT JOIN (SELECT DISTINCT person_0, person_1 FROM {self._plan.opted_out.sql}) "
                "AS o ON p.person_0 = o.person_0 AND p.person_1 = o.person_1"
            )
        query = (
            f"SELECT p.person_kind, p.person_0, p.person_1, p.rows, {opted_out} AS opted_out "
            "FROM (SELECT person_kind, person_0, person_1, count(*) AS rows "
            f"FROM ({self._selected()}) GROUP BY ALL) AS p {joined}"
        )
        # A second cursor reads while the first one writes; both are of one locked engine.
        reader = self._connection.cursor().sql(query).to_arrow_reader(kernel.BATCH)
        minted = pa.RecordBatchReader.from_batches(_MINTED, self._mint(reader))
        self._connection.register("minted", minted)
        self._connection.execute("INSERT INTO people SELECT * FROM minted")
        self._connection.unregister("minted")

    def _mint(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        retokenisers = {
            number: Retokeniser(
                kind=kind,
                domain_key=self._plan.keys.domain,
                domain_id=self._plan.domain_id,
                haven_key=self._plan.keys.haven if kind is Kind.NUMBER else None,
            )
            for number, kind in kernel.PERSON_KINDS.items()
        }
        for batch in reader:
            kinds, first, second, rows, opted_out = (_array(c) for c in batch.columns)
            for number, retokeniser in retokenisers.items():
                of_kind = kinds == number
                kept = of_kind & ~opted_out
                self._people_left_out += int(np.count_nonzero(of_kind & opted_out))
                self._rows_left_out += int(rows[of_kind & opted_out].sum())
                if self._plan.opt_outs_apply and retokeniser.kind is not Kind.NUMBER:
                    # Who has no number cannot be looked up in the list (design.md section 7).
                    self._rows_without_person += int(rows[kept].sum())
                    continue
                self._people += int(np.count_nonzero(kept))
                self._rows += int(rows[kept].sum())
                yield from _tokens(retokeniser, first[kept], second[kept])

    # --- which columns, in which form -------------------------------------------------------------

    def _projected(self, column: OutColumn) -> str:
        name = identifier(column.name)
        match column.treatment:
            case Treatment.PSEUDONYM:
                return ", ".join(_words_of(column))  # made into a token above the sort
            case Treatment.MONTH:
                return f"strftime({name}, '%Y-%m') AS {name}"
            case Treatment.YEAR:
                return f"year({name})::SMALLINT AS {name}"
            case Treatment.AS_IS | Treatment.DERIVED:
                guarded = self._guard.around(column.name, self._types[column.name])
                return f"{guarded} AS {name}"

    def _with_cell_tokens(self, rows: str) -> str:
        """Put tokens in the place of sealed cells, when the rows are in their order.

        Cells are mostly one a row, so that a map of the distinct ones would be as long as the
        extract. A call of the function costs more than the tokens that it makes: so there is
        one for all columns, and above the sort, where vectors are full and not what a filter
        left of them. Two words are also less to sort than a token's text.
        """
        sealed = [c for c in self._plan.columns if c.treatment is Treatment.PSEUDONYM]
        if not sealed:
            return rows
        self._create_cell_tokeniser(len(sealed))
        words = ", ".join(word for column in sealed for word in _words_of(column))
        places = {column.name: place for place, column in enumerate(sealed)}
        names = [TOKEN_COLUMN, REASON_COLUMN, *(column.name for column in self._plan.columns)]
        selected = ", ".join(
            f"cell__tokens.t{places[name]} AS {identifier(name)}"
            if name in places
            else identifier(name)
            for name in names
        )
        return (
            f"SELECT {selected} FROM (SELECT *, cell_tokens({words}) AS cell__tokens FROM ({rows}))"
        )

    def _create_cell_tokeniser(self, columns: int) -> None:
        """Make the engine's function from the sealed cells of a row to their tokens."""
        retokenisers = _PerThread(
            lambda: Retokeniser(
                kind=Kind.CELL,
                domain_key=self._plan.keys.domain,
                domain_id=self._plan.domain_id,
            )
        )
        names = [f"t{place}" for place in range(columns)]

        def tokens_of(*words: pa.Array | pa.ChunkedArray) -> pa.Array:
            retokeniser = retokenisers.get()
            made = []
            for first, second in zip(words[::2], words[1::2], strict=True):
                tokens = retokeniser.batch(_array(first), _array(second))
                present = _whole(first).is_valid()
                made.append(tokens if not first.null_count else pc.if_else(present, tokens, None))
            return pa.StructArray.from_arrays(made, names)

        # The engine asks for the number of parameters in this way.
        parameters = [Parameter(f"p{n}", Parameter.POSITIONAL_ONLY) for n in range(2 * columns)]
        tokens_of.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # it may
        self._connection.create_function(
            "cell_tokens",
            tokens_of,
            ["UBIGINT"] * (2 * columns),
            f"STRUCT({', '.join(f'{name} VARCHAR' for name in names)})",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )

    # --- what must not be in it -------------------------------------------------------------------

    def _guarded(self, statement: str) -> int:
        try:
            result = self._connection.execute(statement).fetchone()
        except duckdb.Error:
            if self._guard.found:
                raise PcdLeak(sorted(self._guard.found)) from None
            raise
        return int(result[0]) if result else 0

    def _demand_no_own_data(self) -> Sequence[str]:
        """Hold free text against the row's own date of birth and postcode (domain.md 8.6).

        These cannot be told from other dates and codes by their looks, so each candidate is
        sealed and compared with the row's own sealed cell.
        :raises PcdLeak: where one is the row's own
        """
        free = [
            column.name
            for column in self._plan.columns
            if column.is_free and self._types.get(column.name) == "VARCHAR"
        ]
        checks = self._own_checks()
        if not free or not checks:
            return free
        cells = [identifier(f"{check.column}__{word}") for check in checks for word in "01"]
        names = [identifier(name) for name in free]
        candidate = " OR ".join(
            f"strlen({name}) >= {check.shortest} "
            f"AND regexp_matches({name}, {literal(check.pattern)})"
            for name in names
            for check in checks
        )
        query = f"SELECT {', '.join(names + cells)} FROM ({self._selected()}) WHERE {candidate}"
        found = set()
        for batch in self._connection.sql(query).to_arrow_reader(kernel.BATCH):
            for place, name in enumerate(free):
                for number, check in enumerate(checks):
                    own = [_array(batch.column(len(free) + 2 * number + word)) for word in (0, 1)]
                    if check.hits(batch.column(place), *own):
                        found.add(name)
            self._beat(0, self._rows)
        if found:
            raise PcdLeak(sorted(found))
        return free

    def _own_checks(self) -> "Sequence[_OwnCheck]":
        keys, plan = self._plan.keys, self._plan
        checks = []
        if plan.date_of_birth and keys.date_of_birth:
            checks.append(
                _OwnCheck(plan.date_of_birth, keys.date_of_birth, scan.DATE, 8, scan.dates_in)
            )
        if plan.postcode and keys.postcode:
            checks.append(
                _OwnCheck(plan.postcode, keys.postcode, scan.POSTCODE, 5, scan.postcodes_in)
            )
        return checks

    def _rows_without_reason(self, target: Path) -> int:
        """Count in the file itself, so that a filter that does not filter shows (R08)."""
        if self._plan.is_national:
            return 0
        reason = identifier(REASON_COLUMN)
        count = self._connection.sql(
            f"SELECT count(*) FROM read_parquet({literal(target)}) "
            f"WHERE {reason} IS NULL OR {reason} = ''"
        ).fetchone()
        return int(count[0]) if count else 0


_MINTED: Final = pa.schema(
    [("person_0", pa.uint64()), ("person_1", pa.uint64()), ("token", pa.string())]
)


def _tokens(
    retokeniser: Retokeniser, first: kernel.Words, second: kernel.Words
) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(first), kernel.BATCH):
        part = slice(start, start + kernel.BATCH)
        words = first[part], second[part]
        columns = [pa.array(words[0]), pa.array(words[1]), retokeniser.batch(*words)]
        yield pa.record_batch(columns, schema=_MINTED)


def _words_of(column: OutColumn) -> Sequence[str]:
    """Name the two columns that a sealed cell is landed in."""
    return [identifier(f"{column.name}__{word}") for word in "01"]


class _PerThread:
    """One object a thread: a retokeniser's buffers are not to be shared."""

    def __init__(self, make: Callable[[], Retokeniser]) -> None:
        self._make = make
        self._local = threading.local()

    def get(self) -> Retokeniser:
        if not hasattr(self._local, "made"):
            self._local.made = self._make()
        made: Retokeniser = self._local.made
        return made


class _Guard:
    """Looks at every value on its way out for NHS numbers, at next to no cost.

    Only what could hold ten digits is looked at closely. The close look is Python, by the
    function that masks at landing, and the engine calls it for these values only.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.columns: list[str] = []
        self.found: set[str] = set()
        connection.create_function(
            "holds_number", self._holds, ["VARCHAR", "VARCHAR"], "BOOLEAN", type=ARROW
        )

    def around(self, column: str, type_: str) -> str:
        """Wrap a column so that the statement fails where a value holds a number."""
        name = identifier(column)
        match type_:
            case "VARCHAR":
                could = f"strlen({name}) >= 10 AND regexp_matches({name}, {literal(_TEN_DIGITS)})"
            case "BIGINT" | "INTEGER" | "SMALLINT" | "HUGEINT" | "UBIGINT" | "UINTEGER":
                could = f"{name} >= 1000000000"
            case "DOUBLE" | "FLOAT":
                could = f"{name} >= 1000000000"
                name = f"{name}::HUGEINT"
            case _:
                # A date or a truth value has no room for ten digits.
                return name
        self.columns.append(column)
        looked_at = f"holds_number({name}::VARCHAR, {literal(column)})"
        kept = identifier(column)
        return (
            f"CASE WHEN {could} THEN CASE WHEN {looked_at} THEN error('PCD_LEAK') ELSE {kept} END "
            f"ELSE {kept} END"
        )

    def _holds(self, values: pa.Array, columns: pa.Array) -> pa.Array:
        distinct = pc.dictionary_encode(_whole(values))
        holding = np.unique(scan.numbers_in(distinct.dictionary).rows)
        if not len(holding):
            return pa.array(np.zeros(len(values), dtype=np.bool_))
        self.found.add(_whole(columns)[0].as_py())
        indices = distinct.indices.to_numpy(zero_copy_only=False)
        return pa.array(np.isin(indices, holding))


_TEN_DIGITS: Final = "[0-9]([ -]?[0-9]){9}"


@dataclass(frozen=True, slots=True)
class _OwnCheck:
    """Finds a row's own date of birth, or postcode, in its text."""

    column: str
    key: bytes = field(repr=False)
    pattern: str
    shortest: int
    """What the pattern matches has so many characters at least: codes are mostly shorter."""
    candidates: Callable[[pa.Array], scan.Candidates]

    def hits(self, text: pa.Array, first: kernel.Words, second: kernel.Words) -> bool:
        rows, values = self.candidates(text)
        if not len(rows):
            return False
        sealed = kernel.words_of(kernel.Cipher(self.key).encrypt(kernel.views_of(values)))
        same = (sealed[0] == first[rows]) & (sealed[1] == second[rows])
        return bool(same.any())


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _array(column: pa.Array | pa.ChunkedArray) -> kernel.Words:
    column = _whole(column)
    if column.null_count:
        column = column.fill_null(0)
    values: kernel.Words = column.to_numpy(zero_copy_only=False)
    return values


def _listed(values: Sequence[str]) -> str:
    return ", ".join(literal(value) for value in sorted(values))
