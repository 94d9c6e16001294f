"""One extract, in two passes of the locked engine (design.md section 7).

First the distinct people of the selected rows go through the kernel into a map of tokens, less
the opted-out. Then the rows are joined with the map, reduced to the permitted columns in their
permitted forms, sorted by token and written. Tokens are words until the rows are in their order:
words are less to sort, and to spill, than text. Memory is bounded by the session's limit whatever
the number of rows; what does not fit spills encrypted.

Every value that is about to be written is looked at (`PCD_LEAK`): the check is part of the
projection below the sort, so that not one row has been written when it fails.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from catalogue import Treatment
from pseudonymisation.engine import kernel, repeats, scan
from pseudonymisation.engine.kernel import Kind, Retokeniser, RowTokeniser
from pseudonymisation.engine.session import (
    Limits,
    add_function,
    identifier,
    in_order,
    literal,
    sealed_parquet,
    session,
    whole,
)
from pseudonymisation.preparations.adapters.guard import SCANNED_BY, Guard, Opened, Opening, PcdLeak
from pseudonymisation.preparations.domain.attestation import REASON_COLUMN, TOKEN_COLUMN, Outcome
from statements.vocabulary import REASONS

ROW_GROUP: Final = 122_880
COMPRESSION_LEVEL: Final = 1
"""Of Zstandard. Tokens are noise: the usual level takes twice as long over them and is larger."""

ROWS_ASKED_FIRST: Final = 1 << 13
"""So many are asked whether they could hold personal data, before all are written: where free
texts are, a few thousand rows hold some."""

MOST_COMBINATIONS: Final = 256
"""Of reasons and codes, that are listed in a statement."""


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
        return sealed_parquet(self.path, self.key_name)


@dataclass(frozen=True, slots=True)
class OutColumn:
    name: str
    treatment: Treatment
    codes: tuple[str, ...] = ()
    """All that the catalogue lists for it, where it lists any."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the kernel needs; kept out of every representation."""

    haven: bytes = field(repr=False)
    date_of_birth: bytes | None = field(repr=False)
    postcode: bytes | None = field(repr=False)
    domain: bytes = field(repr=False)
    staff: bytes | None = field(default=None, repr=False)
    """Only where the line lists codes of staff as they are."""


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
    opted_out: tuple[Source, ...]
    """Lists: whoever is on any of them is left out."""
    cleared: Source | None
    """Whoever is not on it is left out, where a national check says who may be used."""
    domain_id: str
    keys: Keys
    capped: Mapping[str, str] = field(default_factory=dict)
    """SQL in place of columns that others of the line cap (`caps`)."""
    date_of_birth: str | None
    """The sealed field of the person's date of birth, where the data set has one."""
    postcode: str | None
    record: repeats.RecordKey | None = None
    """What a record is known by; of one that is there twice only one is released."""

    def __post_init__(self) -> None:
        if self.opt_outs_apply and not self.opted_out and self.cleared is None:
            raise ValueError("opt-outs cannot be upheld without a list")


Beat = Callable[[int, int | None], None]
"""Told rows done and rows in all while it goes on."""


def prepare(plan: Plan, *, target: Path, scratch: Path, limits: Limits, beat: Beat) -> Outcome:
    """Write the extract as Parquet to `target`, sorted by token.

    :raises PcdLeak: where a value holds personal data; `target` is then not to be used
    :raises EngineFailed: where the engine gave up
    """
    sources = [*plan.editions, *plan.opted_out, *([plan.cleared] if plan.cleared else [])]
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
        self._guard = Guard(connection, _opening(plan))
        self._opened = Opened(connection, _opening(plan), plan.keys.staff)
        self._editions = self._describe()
        self._types = self._editions[0]
        self._repeats = self._find_repeats()
        self._people = 0
        self._people_left_out = 0
        self._rows = 0
        self._rows_left_out = 0
        self._rows_without_person = 0

    def write(self, target: Path) -> Outcome:
        self._map_people()
        self._beat(0, self._rows)
        columns = [self._projected(column) for column in self._plan.columns]
        self._create_row_tokens()
        self._guard.is_close = self._is_suspicious()
        try:
            written = self._guarded(self._statement(columns, target))
        except duckdb.Error as error:
            if not self._guard.suspected(error):
                raise
            self._guard.is_close = True
            self._opened.begin_again()
            written = self._guarded(self._statement(columns, target))
        return Outcome(
            rows=written,
            people=self._people,
            people_left_out=self._people_left_out,
            rows_left_out=self._rows_left_out,
            rows_without_person_left_out=self._rows_without_person,
            rows_without_reason=self._rows_without_reason(target),
            rows_repeated_left_out=self._count_repeats(),
            scan_rule=scan.RULE,
            scanned_columns=tuple(dict.fromkeys(self._guard.columns)),
            scan_hits=0,
            staff_codes_left_out=self._opened.left_out,
        )

    def _statement(self, columns: Sequence[str], target: Path) -> str:
        """Write the rows in their order, guarded, with these columns."""
        place = f"m.place_1 | ({self._tie_break()} >> {64 - kernel.PLACE_FREE})"
        rows = (
            f"SELECT {', '.join(_PERSON)}, "
            f"{self._reasons()} AS {identifier(REASON_COLUMN)}, {', '.join(columns)}, "
            f"m.place_0 AS {_PLACES[0]}, "
            f"{self._guard.around(place)} AS {_PLACES[1]} "
            f"FROM ({self._selected()}) AS s "
            "JOIN people AS m ON s.person_0 = m.person_0 AND s.person_1 = m.person_1"
        )
        return (
            f"COPY ({self._finished(in_order(rows, _PLACES))}) TO {literal(target)} "
            f"(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, "
            f"ROW_GROUP_SIZE {ROW_GROUP})"
        )

    # --- which rows -------------------------------------------------------------------------------

    def _describe(self) -> Sequence[Mapping[str, str]]:
        """Give the columns of each edition with their types."""
        described = (
            self._connection.sql(f"DESCRIBE SELECT * FROM {edition.sql}").fetchall()
            for edition in self._plan.editions
        )
        return [{name: type_ for name, type_, *_ in columns} for columns in described]

    def _selected(self) -> str:
        """Select the rows that the permit allows, of all editions, with all their columns."""
        return " UNION ALL ".join(self._selections())

    def _selections(self) -> Iterator[str]:
        """Select them of each edition."""
        for number, columns in enumerate(self._editions):
            yield (
                f"SELECT {_all_of(columns)}, {number}::USMALLINT AS landed__edition"
                f" FROM {self._plan.editions[number].sql}"
                f" WHERE {self._filter()}{self._once(number)}"
            )

    def _find_repeats(self) -> int:
        """Find records that are there twice, whatever the permit asks for.

        One that was corrected counts as it is now, also where it then is another commissioner's.
        """
        record = self._plan.record
        if record is None or not all(map(record.is_in, self._editions)):
            return 0
        sources = [edition.sql for edition in self._plan.editions]
        return repeats.find(self._connection, record, sources)

    def _once(self, edition: int) -> str:
        return f" AND {repeats.without(edition)}" if self._repeats else ""

    def _count_repeats(self) -> int:
        """Count the rows that the permit would have let out, were they not there again."""
        if not self._repeats:
            return 0
        selected = " UNION ALL ".join(
            f"SELECT 1 FROM {source.sql} WHERE {self._filter()} AND NOT ({repeats.without(number)})"
            for number, source in enumerate(self._plan.editions)
        )
        counted = self._connection.sql(f"SELECT count(*) FROM ({selected})").fetchone()
        return int(counted[0]) if counted else 0

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
        """Write the reasons that let the row in, and none that the permit does not name.

        Where only so many combinations are possible a row has the number of one, until it is in
        its order (`_reason_text`): writing out each row's own is dear, and a number is narrow.
        """
        if self._plan.is_national:
            return "NULL::VARCHAR"
        if self._combinations() > MOST_COMBINATIONS:
            cases = ", ".join(
                f"CASE WHEN {self._names(letter)} THEN '{letter}:' || reason_{letter.lower()} END"
                for letter in self._letters()
            )
            return f"concat_ws(';', {cases})"
        radix = len(self._codes()) + 1
        return " + ".join(
            f"CASE reason_{letter.lower()} {self._numbered(radix**place)} ELSE 0 END::USMALLINT"
            for place, letter in enumerate(self._letters())
        )

    def _reason_text(self) -> str:
        """Make the text of what `_reasons` gave."""
        name = identifier(REASON_COLUMN)
        if self._plan.is_national or self._combinations() > MOST_COMBINATIONS:
            return name
        # The first letter counts least, so that it varies fastest.
        texts = [""]
        for letter in self._letters():
            named = ["", *(f"{letter}:{code}" for code in self._codes())]
            texts = [";".join(filter(None, (text, one))) for one in named for text in texts]
        return f"[{', '.join(map(literal, texts))}][{name} + 1]"

    def _letters(self) -> Sequence[str]:
        return sorted(self._plan.reasons, key=REASONS.index)

    def _codes(self) -> Sequence[str]:
        return sorted(set(self._plan.codes))

    def _combinations(self) -> int:
        return int((len(self._codes()) + 1) ** len(self._letters()))

    def _numbered(self, unit: int) -> str:
        return " ".join(
            f"WHEN {literal(code)} THEN {number * unit}"
            for number, code in enumerate(self._codes(), start=1)
        )

    def _tie_break(self) -> str:
        """Order the rows of one person for good, by nothing that another extract has too.

        The order of lines in the provider's file would link extracts by position.
        """
        salt = int.from_bytes(kernel.derive(self._plan.keys.domain, "order")[:8], "little")
        return f"hash(line, landed__edition, {salt}::UBIGINT)"

    # --- which people -----------------------------------------------------------------------------

    def _map_people(self) -> None:
        self._connection.execute(
            "CREATE TABLE people (person_0 UBIGINT, person_1 UBIGINT, place_0 UBIGINT, "
            "place_1 UBIGINT, minted__head USMALLINT, minted__0 UBIGINT, minted__1 UBIGINT)"
        )
        opted_out = "FALSE"
        joined = ""
        if self._plan.opted_out and self._plan.opt_outs_apply:
            opted_out = "o.person_0 IS NOT NULL"
            # UNION, not UNION ALL: nobody is on the lists twice.
            listed = " UNION ".join(
                f"SELECT person_0, person_1 FROM {source.sql}" for source in self._plan.opted_out
            )
            joined = (
                f"LEFT JOIN (SELECT DISTINCT person_0, person_1 FROM ({listed})) "
                "AS o ON p.person_0 = o.person_0 AND p.person_1 = o.person_1"
            )
        if self._plan.cleared is not None and self._plan.opt_outs_apply:
            # Whoever has no number cannot be asked about, and is left out and counted as such.
            opted_out = f"({opted_out} OR (p.person_kind = 1 AND c.person_0 IS NULL))"
            joined += (
                f" LEFT JOIN (SELECT DISTINCT person_0, person_1 FROM {self._plan.cleared.sql}) "
                "AS c ON p.person_0 = c.person_0 AND p.person_1 = c.person_1"
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
                yield from _minted(retokeniser, first[kept], second[kept])

    # --- which columns, in which form -------------------------------------------------------------

    def _projected(self, column: OutColumn) -> str:
        name = identifier(column.name)
        told = self._plan.capped.get(column.name, name)
        match column.treatment:
            case Treatment.PSEUDONYM:
                return ", ".join(_words_of(column))  # made into a token above the sort
            case Treatment.MONTH:
                # Shortened above the sort: a date is a quarter of its text.
                return name if told is name else f"{told} AS {name}"
            case Treatment.YEAR:
                return f"year({told})::SMALLINT AS {name}"
            case Treatment.AS_IS if column.name not in self._types:
                if column.name in self._plan.capped:
                    return f"NULL::VARCHAR AS {name}"
                # A code of staff is sealed, and looked at where it is opened.
                self._guard.columns.append(column.name)
                return f"{self._opened.code(column.name, self._guard.own_words)} AS {name}"
            case Treatment.AS_IS | Treatment.DERIVED:
                self._guard.look_at(
                    column.name,
                    self._types[column.name],
                    is_derived=column.treatment is Treatment.DERIVED,
                    codes=column.codes,
                )
                return name if told is name else f"{told} AS {name}"

    def _finished(self, rows: str) -> str:
        """Put tokens in the place of words, when the rows are in their order.

        Cells are mostly one a row, so that a map of the distinct ones would be as long as the
        extract. A call of the function costs more than the tokens that it makes: so there is
        one for all columns, and above the sort, where vectors are full and not what a filter
        left of them.
        """
        columns, sealed = self._plan.columns, self._sealed_cells
        words = [*_PERSON, *(word for column in sealed for word in _words_of(column))]
        forms = {TOKEN_COLUMN: "minted__tokens.t0", REASON_COLUMN: self._reason_text()}
        forms |= {column.name: _form_of(column) for column in columns}
        forms |= {
            column.name: f"minted__tokens.t{place}" for place, column in enumerate(sealed, start=1)
        }
        selected = ", ".join(f"{form} AS {identifier(name)}" for name, form in forms.items())
        return (
            f"SELECT {selected} "
            f"FROM (SELECT *, row_tokens({', '.join(words)}) AS minted__tokens FROM ({rows}))"
        )

    @property
    def _sealed_cells(self) -> Sequence[OutColumn]:
        return [c for c in self._plan.columns if c.treatment is Treatment.PSEUDONYM]

    def _create_row_tokens(self) -> None:
        """Make the engine's function from the words of a row to its tokens."""
        cells = len(self._sealed_cells)
        tokenisers = _PerThread(
            lambda: RowTokeniser(domain_key=self._plan.keys.domain, domain_id=self._plan.domain_id)
        )
        names = [f"t{place}" for place in range(cells + 1)]
        words = 2 * (cells + 1)

        def row_tokens(head: pa.Array, *held: pa.Array) -> pa.Array:
            tokens = tokenisers.get().tokens(head, list(zip(held[::2], held[1::2], strict=True)))
            return pa.StructArray.from_arrays(tokens, names)

        add_function(
            self._connection,
            "row_tokens",
            row_tokens,
            ["USMALLINT", *["UBIGINT"] * words],
            f"STRUCT({', '.join(f'{name} VARCHAR' for name in names)})",
        )

    # --- what must not be in it -------------------------------------------------------------------

    def _is_suspicious(self) -> bool:
        """Ask the first rows whether any could hold personal data: most free texts could.

        Of one edition: the engine begins to read every edition that a statement names.
        """
        rows = next(self._selections())
        found = self._connection.sql(
            f"SELECT count(*) FROM (SELECT * FROM ({rows}) LIMIT {ROWS_ASKED_FIRST})"
            f" AS s WHERE {self._guard.suspicion}"
        ).fetchone()
        return bool(found and found[0])

    def _guarded(self, statement: str) -> int:
        try:
            result = self._connection.execute(statement).fetchone()
        except duckdb.Error:
            if self._guard.found:
                raise PcdLeak(sorted(self._guard.found)) from None
            raise
        return int(result[0]) if result else 0

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


_PERSON: Final = ("minted__head", "minted__0", "minted__1")
"""A person's token, until it is text."""
_PLACES: Final = ("minted__place_0", "minted__place_1")
"""Where a row stands: by its person's token, then by nothing that another extract has too."""
_MINTED: Final = pa.schema(
    [
        ("person_0", pa.uint64()),
        ("person_1", pa.uint64()),
        ("place_0", pa.uint64()),
        ("place_1", pa.uint64()),
        ("minted__head", pa.uint16()),
        ("minted__0", pa.uint64()),
        ("minted__1", pa.uint64()),
    ]
)


def _minted(
    retokeniser: Retokeniser, first: kernel.Words, second: kernel.Words
) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(first), kernel.BATCH):
        part = slice(start, start + kernel.BATCH)
        words = first[part], second[part]
        columns = [*words, *retokeniser.minted(*words)]
        yield pa.record_batch([pa.array(column) for column in columns], schema=_MINTED)


def _form_of(column: OutColumn) -> str:
    name = identifier(column.name)
    return f"strftime({name}, '%Y-%m')" if column.treatment is Treatment.MONTH else name


def _all_of(columns: Mapping[str, str]) -> str:
    """Select all columns of an edition, and by which rule its rows were looked through."""
    if SCANNED_BY in columns:
        return f"* EXCLUDE ({SCANNED_BY}), {SCANNED_BY}"
    return f"*, 0::UTINYINT AS {SCANNED_BY}"


def _opening(plan: Plan) -> Opening:
    """Say how a row's own values are opened for the last look."""
    keys = plan.keys
    birth, postcode = plan.date_of_birth, plan.postcode
    return Opening(
        keys.haven,
        (birth, keys.date_of_birth) if birth and keys.date_of_birth else None,
        (postcode, keys.postcode) if postcode and keys.postcode else None,
    )


def _words_of(column: OutColumn) -> Sequence[str]:
    """Name the two columns that a sealed cell is landed in."""
    return [identifier(f"{column.name}__{word}") for word in "01"]


class _PerThread:
    """One object a thread: a tokeniser's buffers are not to be shared."""

    def __init__(self, make: Callable[[], RowTokeniser]) -> None:
        self._make = make
        self._local = threading.local()

    def get(self) -> RowTokeniser:
        if not hasattr(self._local, "made"):
            self._local.made = self._make()
        made: RowTokeniser = self._local.made
        return made


def _array(column: pa.Array | pa.ChunkedArray) -> kernel.Words:
    column = whole(column)
    if column.null_count:
        column = column.fill_null(0)
    values: kernel.Words = column.to_numpy(zero_copy_only=False)
    return values


def _listed(values: Sequence[str]) -> str:
    return ", ".join(literal(value) for value in sorted(values))
