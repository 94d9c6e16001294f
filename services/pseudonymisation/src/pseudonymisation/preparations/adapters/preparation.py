"""One extract, in two passes of the locked engine (design.md section 7).

First the distinct people of the selected rows are turned into a map of tokens (`people`), less
the opted-out. Then the rows are joined with the map, reduced to the permitted columns in their
permitted forms, sorted by token and written. Tokens are words until the rows are in their order:
words are less to sort, and to spill, than text. Memory is bounded by the session's limit whatever
the number of rows; what does not fit spills encrypted.

Every value that is about to be written is looked at (`PCD_LEAK`): the check is part of the
projection below the sort, so that not one row has been written when it fails.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from catalogue import Treatment
from common.jobs import Report
from pseudonymisation.engine import scan
from pseudonymisation.engine.blocks import derive
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.session import (
    EngineLimits,
    add_function,
    identifier,
    in_order,
    literal,
    session,
)
from pseudonymisation.engine.tokens import PLACE_FREE, RowTokeniser
from pseudonymisation.preparations.adapters.guard import Guard, OwnValueKeys, StaffCodes
from pseudonymisation.preparations.adapters.identities import Identities
from pseudonymisation.preparations.adapters.people import People
from pseudonymisation.preparations.adapters.plan import ExtractColumn, Plan
from pseudonymisation.preparations.adapters.selection import Selection
from pseudonymisation.preparations.domain.attestation import (
    REASON_COLUMN,
    TOKEN_COLUMN,
    ExtractOutcome,
)
from pseudonymisation.preparations.domain.errors import PcdLeak
from statements.attestation import Groups

ROW_GROUP: Final = 122_880
COMPRESSION_LEVEL: Final = 1
"""Of Zstandard. Tokens are noise: the usual level takes twice as long over them and is larger."""

ROWS_ASKED_FIRST: Final = 1 << 13
"""So many are asked whether they could hold personal data, before all are written: where free
texts are, a few thousand rows hold some."""


def prepare(
    plan: Plan, *, target: Path, scratch: Path, limits: EngineLimits, report: Report
) -> ExtractOutcome:
    """Write the extract as Parquet to `target`, sorted by token.

    Raises:
        PcdLeak: where a value holds personal data; `target` is then not to be used
        EngineFailed: where the engine gave up

    """
    directories = sorted({source.path.parent for source in plan.sources} | {target.parent})
    with (
        without_engine_words(),
        session(
            directories=directories,
            temp_directory=scratch,
            keys={source.key_name: source.key for source in plan.sources},
            limits=limits,
        ) as connection,
    ):
        return _Extract(plan, connection, report).write(target)


def write_csv(parquet: Path, *, target: Path, scratch: Path, limits: EngineLimits) -> None:
    """Write the same rows in the same order as CSV that no spreadsheet takes for formulas.

    Text that begins with one of `= + - @`, a tab or a carriage return is given an apostrophe.

    Raises:
        EngineFailed: where the engine gave up

    """
    with (
        without_engine_words(),
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
def without_engine_words() -> Iterator[None]:
    """Say of an engine's error which kind it is: its words may have values of rows in them."""
    try:
        yield
    except duckdb.Error as error:
        raise EngineFailed(type(error).__name__) from None


class _Extract:
    def __init__(self, plan: Plan, connection: duckdb.DuckDBPyConnection, report: Report) -> None:
        self._plan = plan
        self._connection = connection
        self._written = _WrittenRows(report)
        self._guard = Guard(connection, _own_value_keys(plan))
        self._staff_codes = StaffCodes(connection, _own_value_keys(plan), plan.keys.staff)
        self._selection = Selection(plan, connection)
        self._identities = Identities(
            connection,
            plan.keys.identity,
            person=plan.nhs_number,
            landed=frozenset(self._selection.types),
        )
        self._people = People(plan, connection, self._selection)

    def write(self, target: Path) -> ExtractOutcome:
        self._people.build_map()
        self._written.begin(self._people.rows)
        columns = [self._projected(column) for column in self._plan.columns]
        self._create_row_tokens()
        self._guard.is_close = self._is_suspicious()
        try:
            written = self._guarded(self._statement(columns, target))
        except duckdb.Error as error:
            if not self._guard.suspected(error):
                raise
            self._guard.is_close = True
            self._written.begin(self._people.rows)
            self._staff_codes.begin_again()
            written = self._guarded(self._statement(columns, target))
        return ExtractOutcome(
            rows=written,
            people=self._people.people,
            people_left_out=self._people.left_out,
            rows_left_out=self._people.rows_left_out,
            rows_without_person_left_out=self._people.rows_without_person,
            rows_without_reason=self._rows_without_reason(target),
            rows_repeated_left_out=self._selection.count_repeats(),
            scan_rule=scan.RULE,
            scanned_columns=tuple(dict.fromkeys(self._guard.columns)),
            scan_hits=0,
            staff_codes_left_out=self._staff_codes.left_out,
            groups=self._groups(target) if self._plan.has_token else None,
        )

    def _statement(self, columns: Sequence[str], target: Path) -> str:
        """Write the rows in their order, guarded, with these columns."""
        place = f"m.place_1 | ({self._tie_break()} >> {64 - PLACE_FREE})"
        rows = (
            f"SELECT {', '.join(f'm.{word}' for word in _PERSON)}, "
            f"{self._selection.reasons()} AS {identifier(REASON_COLUMN)}, {', '.join(columns)}, "
            f"m.place_0 AS {_PLACES[0]}, "
            f"{self._guard.around(place)} AS {_PLACES[1]} "
            f"FROM ({self._selection.rows()}) AS s "
            f"{self._people.beside}"
        )
        return (
            f"COPY ({self._finished(in_order(rows, _PLACES))}) TO {literal(target)} "
            f"(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, "
            f"ROW_GROUP_SIZE {ROW_GROUP})"
        )

    def _tie_break(self) -> str:
        """Order the rows of one person for good, by nothing that another extract has too.

        The order of lines in the provider's file would link extracts by position.
        """
        salt = int.from_bytes(derive(self._plan.keys.domain, "order")[:8], "little")
        return f"hash(line, landed__edition, {salt}::UBIGINT)"

    # --- which columns, in which form -------------------------------------------------------------

    def _projected(self, column: ExtractColumn) -> str:
        name = identifier(column.name)
        source = self._plan.capped.get(column.name, name)
        match column.treatment:
            case Treatment.PSEUDONYM:
                return ", ".join(self._sealed(column))  # made into a token above the sort
            case Treatment.MONTH:
                # Shortened above the sort: a date is a quarter of its text.
                return name if source is name else f"{source} AS {name}"
            case Treatment.YEAR:
                return f"year({source})::SMALLINT AS {name}"
            case Treatment.IDENTIFIED:
                return f"{self._opened(column)} AS {name}"
            case Treatment.AS_IS if column.name not in self._selection.types:
                return f"{self._opened(column)} AS {name}"
            case Treatment.AS_IS | Treatment.DERIVED:
                self._guard.look_at(
                    column.name,
                    self._selection.types[column.name],
                    is_derived=column.treatment is Treatment.DERIVED,
                    codes=column.codes,
                )
                return name if source is name else f"{source} AS {name}"

    def _sealed(self, column: ExtractColumn) -> Sequence[str]:
        """Take the words of a sealed cell, or of a second person's token."""
        if not self._is_other(column):
            return _words_of(column)
        minted = zip(_PERSON, _minted_as(column), strict=True)
        return [f"b.{word} AS {name}" for word, name in minted]

    def _opened(self, column: ExtractColumn) -> str:
        """SQL of a sealed cell that leaves as it is: a code of staff, or people's identity."""
        if column.name in self._plan.capped:
            return "NULL::VARCHAR"
        if column.treatment is Treatment.IDENTIFIED:
            return self._identities.value(column.name)
        # A code of staff is looked at where it is opened.
        self._guard.columns.append(column.name)
        return self._staff_codes.code(column.name, self._guard.whose)

    def _finished(self, rows: str) -> str:
        """Put tokens in the place of words, when the rows are in their order.

        Cells are mostly one a row, so that a map of the distinct ones would be as long as the
        extract. A call of the function costs more than the tokens that it makes: so there is
        one for all columns, and above the sort, where vectors are full and not what a filter
        left of them.
        """
        columns, sealed = self._plan.columns, [*self._others, *self._sealed_cells]
        words = [_PERSON[0], *(_minted_as(column)[0] for column in self._others), *_PERSON[1:]]
        words += [word for column in sealed for word in _words_of(column)]
        forms = {TOKEN_COLUMN: "minted__tokens.t0"} if self._plan.has_token else {}
        forms[REASON_COLUMN] = self._selection.reason_text()
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
    def _sealed_cells(self) -> Sequence[ExtractColumn]:
        cells = (c for c in self._plan.columns if c.treatment is Treatment.PSEUDONYM)
        return [column for column in cells if not self._is_other(column)]

    @property
    def _others(self) -> Sequence[ExtractColumn]:
        """The column of second persons, where it is asked for."""
        return [column for column in self._plan.columns if self._is_other(column)]

    def _is_other(self, column: ExtractColumn) -> bool:
        return self._plan.other is not None and column.name == self._plan.other.number

    def _create_row_tokens(self) -> None:
        """Make the engine's function from the words of a row to its tokens."""
        persons = 1 + len(self._others)
        columns = persons + len(self._sealed_cells)
        tokenisers = _PerThread(
            lambda: RowTokeniser(domain_key=self._plan.keys.domain, domain_id=self._plan.domain_id)
        )
        names = [f"t{place}" for place in range(columns)]

        def row_tokens(*given: pa.Array) -> pa.Array:
            heads, held = given[:persons], given[persons:]
            self._written.count(len(heads[0]))
            tokens = tokenisers.get().tokens(heads, list(zip(held[::2], held[1::2], strict=True)))
            return pa.StructArray.from_arrays(tokens, names)

        add_function(
            self._connection,
            "row_tokens",
            row_tokens,
            [*["USMALLINT"] * persons, *["UBIGINT"] * 2 * columns],
            f"STRUCT({', '.join(f'{name} VARCHAR' for name in names)})",
        )

    # --- what must not be in it -------------------------------------------------------------------

    def _is_suspicious(self) -> bool:
        """Ask the first rows whether any could hold personal data: most free texts could.

        Of one edition: the engine begins to read every edition that a statement names.
        """
        rows = next(self._selection.rows_by_edition())
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

    def _groups(self, target: Path) -> Groups:
        """Count in the file itself how few people share what could single them out.

        By digests of 64 bits: of ten million groups two are taken for one once in 400,000 files.
        Without a quasi-identifier everybody is in one group.
        """
        columns = self._plan.quasi_identifiers
        by = f"hash({', '.join(map(identifier, columns))})" if columns else "0::UBIGINT"
        found = self._connection.sql(
            f"WITH in_groups AS (SELECT DISTINCT hash({identifier(TOKEN_COLUMN)}) AS person,"
            f" {by} AS quasi FROM read_parquet({literal(target)})),"
            " groups AS (SELECT count(*) AS people, any_value(person) AS one FROM in_groups"
            " GROUP BY quasi) SELECT (SELECT count(DISTINCT person) FROM in_groups), min(people),"
            f" count(DISTINCT one) FILTER (people = {_ALONE}) FROM groups"
        ).fetchone()
        people, smallest, unique = found or (0, None, 0)
        return Groups(columns=columns, people=people, smallest=smallest, unique=unique)

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


_ALONE: Final = 1
"""Members of a group in which somebody is unique."""
_PERSON: Final = ("minted__head", "minted__0", "minted__1")
"""A person's token, until it is text."""
_PLACES: Final = ("minted__place_0", "minted__place_1")
"""Where a row stands: by its person's token, then by nothing that another extract has too."""


def _form_of(column: ExtractColumn) -> str:
    name = identifier(column.name)
    return f"strftime({name}, '%Y-%m')" if column.treatment is Treatment.MONTH else name


def _own_value_keys(plan: Plan) -> OwnValueKeys:
    """Return how a row's own values are opened for the last look."""
    keys = plan.keys
    birth, postcode = plan.date_of_birth, plan.postcode
    return OwnValueKeys(
        keys.haven,
        (birth, keys.date_of_birth) if birth and keys.date_of_birth else None,
        (postcode, keys.postcode) if postcode and keys.postcode else None,
        plan.other,
    )


def _words_of(column: ExtractColumn) -> Sequence[str]:
    """Name the two columns that a sealed cell is landed in."""
    return [identifier(f"{column.name}__{word}") for word in "01"]


def _minted_as(column: ExtractColumn) -> Sequence[str]:
    """Name the columns of a second person's token: the head, and the words as of a cell."""
    return [identifier(f"{column.name}__head"), *_words_of(column)]


class _WrittenRows:
    """How many rows were given to the file, told as it goes on; the engine's threads count."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._done, self._total = 0, 0

    def begin(self, total: int) -> None:
        self._done, self._total = 0, total
        self._report(0, total)

    def count(self, rows: int) -> None:
        with self._lock:
            self._done += rows
            self._report(min(self._done, self._total), self._total)


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
