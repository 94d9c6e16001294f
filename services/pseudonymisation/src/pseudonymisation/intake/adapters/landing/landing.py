"""Lands a file: from the sealed upload to sealed Parquet, without a clear identifier in it.

Numbered lines (`feed`) are sorted (`sorting`). Nearly all are plain: written as the formats say,
with nothing to be asked of them. Their rows are made in columns (`plain`): NHS numbers as haven
tokens, other identifiers as sealed cells (`sealing`), safe forms derived, Reasons for Access looked
up. The others wait, sealed, and are read by the engine out of a pipe: it judges each row
(`reading`, `checks`), puts markers into text (`masking`), derives the same forms (`derivations`),
and calls functions of ours back where SQL cannot say it; bad rows leave it that way (`quarantine`).
Both end in one file (`writing`), and memory does not grow with it. LAYOUT.md says what is in it.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import structlog

from catalogue import DataSet, Protocol
from common import faults
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.masking import Masking
from pseudonymisation.engine.objects import Objects, reached
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.sealing import Sealing, is_sealed, keys_for
from pseudonymisation.engine.session import EngineLimits, add_function, identifier, literal, session
from pseudonymisation.intake.adapters.landing import maps
from pseudonymisation.intake.adapters.landing.deletions import TABLE as TAKEN_BACK
from pseudonymisation.intake.adapters.landing.deletions import LeftOut
from pseudonymisation.intake.adapters.landing.feed import MEMORY_OF_A_BLOCK, Feed, FeedFailed, Lines
from pseudonymisation.intake.adapters.landing.found import counted
from pseudonymisation.intake.adapters.landing.judged.reading import LEFT_OUT
from pseudonymisation.intake.adapters.landing.judged.statement import (
    HOLDS_FROM,
    LandingTask,
    Statement,
    parquet_key_name,
)
from pseudonymisation.intake.adapters.landing.judged.values import ValueReader
from pseudonymisation.intake.adapters.landing.merging import Merge
from pseudonymisation.intake.adapters.landing.organisations import Organisations
from pseudonymisation.intake.adapters.landing.plain.judging import NotPlain
from pseudonymisation.intake.adapters.landing.plain.rows import PlainRows, as_in, schema_of
from pseudonymisation.intake.adapters.landing.quarantine import Quarantine
from pseudonymisation.intake.adapters.landing.sorting import Others, sorted_out
from pseudonymisation.intake.adapters.landing.writing import BATCHES, Writing
from pseudonymisation.intake.adapters.uploads.header import columns_of
from pseudonymisation.intake.adapters.uploads.reading import csv_of
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.quality import LandingOutcome, Merged

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROWS_AT_ONCE: Final = 8_192
"""Of those that the engine judged. Four batches are held on their way: with eight times as many
rows they were 400 MB, outside what the engine may take (docs/performance.md)."""
NOT_READABLE: Final = "NOT_READABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingResources:
    """What landing works with."""

    objects: Objects
    key: Callable[[str], bytes]
    """Gives a key of the key store by name, making it at its first use."""
    scratch: Path
    limits: EngineLimits
    memory_of_a_block: int = MEMORY_OF_A_BLOCK
    quarantine_entries_max: int = 10_000
    report: Callable[[int], None] = lambda _: None
    """Told how many records the engine was given, while it goes on."""


def land(task: LandingTask, resources: LandingResources) -> LandingOutcome:
    """Land a file. What was written is an object that nothing names yet.

    Raises:
        EngineFailed: where the engine gave up
        ObjectDamaged, Unavailable: where the upload, a key or the store is away or altered

    """
    task = replace(task, data_set=task.data_set.within(task.first, task.last))
    columns = columns_of(task.header, task.data_set)
    sealed = [field for field in task.data_set.fields if is_sealed(field, task.data_set)]
    keys = {name: resources.key(name) for name in keys_for(sealed)}
    base = task.base
    parquet_key = resources.key(f"edition/{task.edition_id}")
    with (
        _scratch(resources.scratch, task.attempt) as scratch,
        _place(task, resources.objects, scratch) as path,
        resources.objects.writer(task.quarantine_key, resources.key(task.quarantine_key)) as writer,
        session(
            directories=[
                *(scratch, path.parent, *maps.directories(task)),
                *([] if base is None else [base.path.parent]),
            ],
            temp_directory=scratch,
            keys={parquet_key_name(task.edition_id): parquet_key}
            | ({} if base is None else {base.key_name: base.key}),
            limits=resources.limits,
            joins_as_written=True,
        ) as connection,
    ):
        quarantine = Quarantine(
            writer,
            columns,
            header=task.header,
            data_set=task.data_set,
            entries_max=resources.quarantine_entries_max,
        )
        with translated():
            read_by = _load_maps(connection, task)
        is_change = task.protocol is Protocol.NET_CHANGE
        left_out = LeftOut(task.rules, task.data_set, keys, is_dated=is_change)
        statement = Statement(
            task,
            columns,
            Sealing(sealed, keys),
            read_by,
            scratch / "records.csv",
            [field.name for field in left_out.fields],
        )
        lines = Lines(
            quarantine.whole_lines,
            delimiter=task.data_set.file.delimiter,
            columns=len(columns),
            block_bytes=resources.limits.memory_bytes // resources.memory_of_a_block,
        )
        chunks = csv_of(
            resources.objects,
            task.content_key,
            resources.key(task.content_key),
            task.content_form,
            task.data_set,
        )
        others = Others(scratch, task.data_set.file.delimiter)
        writing = Writing(
            connection, schema_of(statement), statement.into(path, statement.whole(BATCHES))
        )
        with translated(), writing.open() as write:
            with others.kept() as keep:
                plain = _plain_rows(statement, keys, connection)
                for rows, rest in sorted_out(lines.blocks(chunks), plain, resources.limits.threads):
                    keep(quarantine.records_of(rest))
                    if rows is not None and rows.num_rows:
                        write(rows)
                    resources.report(lines.records)
            if others.are_there:
                judged = _Judged(connection, statement, quarantine, left_out)
                for rows in judged.rows(others):
                    write(rows)
        written = writing.result
        faults.reach("L1")
        with translated():
            if written is None:
                raise EngineFailed
            from_file, change = int(written[1]), None
            if is_change:
                change = _merged(connection, statement, left_out, path, resources, scratch)
                written, columns = change.written, [*change.columns]
            elif again := _without_deleted(connection, statement, left_out, path):
                written = again
                from_file = int(written[1])
            landed, statistics = int(written[1]), written[4]
            source = statement.read(path, columns)
            counts = counted(connection, task, columns, source) if landed else {}
        if lines.records != from_file + quarantine.lines + sum(left_out.reasons.values()):
            log.error(
                "records_lost",
                records=lines.records,
                landed=from_file,
                set_aside=quarantine.lines,
                left_out=sum(left_out.reasons.values()),
            )
            raise EngineFailed
        with reached():
            size = path.stat().st_size
    faults.reach("L2")
    return LandingOutcome(
        columns=columns,
        records=lines.records,
        landed=landed,
        left_out=dict(left_out.reasons),
        deletions_without_match=left_out.without_match
        if change is None
        else change.counts.without_match,
        merged=None if change is None else change.counts,
        quarantined=quarantine.lines,
        entries=quarantine.entries,
        reasons=dict(quarantine.reasons),
        set_aside=dict(quarantine.columns),
        missing=_missing(task.data_set, statistics, landed),
        personal_data=statement.personal_data,
        personal_data_of_others=dict(statement.masking.of_others),
        bytes=size,
        **counts,
    )


def _place(task: LandingTask, objects: Objects, scratch: Path) -> AbstractContextManager[Path]:
    """Give the path to which the engine writes: of a table that is to be flattened, our own."""
    return objects.made(task.object_key, scratch) if task.into is None else nullcontext(task.into)


def _plain_rows(
    statement: Statement, keys: Mapping[str, bytes], connection: duckdb.DuckDBPyConnection
) -> PlainRows | None:
    """Give what tells plain rows, where the data set has such."""
    try:
        return PlainRows(statement, keys, connection)
    except NotPlain:
        return None


class _Judged:
    """The rows of the lines that are not plain: the engine judges them by the statement."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        statement: Statement,
        quarantine: Quarantine,
        left_out: LeftOut,
    ) -> None:
        self._connection = connection
        self._statement = statement
        self._quarantine = quarantine
        self._failures: list[Exception] = []
        _register(connection, statement, quarantine, left_out, self._failures)

    def rows(self, others: Others) -> Iterator[pa.RecordBatch]:
        """Give the rows that are kept.

        :raises EngineFailed: where the engine gave up
        """
        schema = schema_of(self._statement)
        feed = Feed(self._statement.pipe, others.read())
        try:
            with translated(), feed.flowing():
                found = self._connection.execute(self._statement.rows)
                for batch in found.to_arrow_reader(ROWS_AT_ONCE):
                    yield as_in(schema, batch.columns)
        except FeedFailed as failure:
            raise failure.__cause__ or failure from None
        except EngineFailed:
            if self._failures:
                raise self._failures[0] from None
            raise
        with translated():
            _set_unreadable_aside(
                self._connection, self._quarantine, self._statement.data_set.file.delimiter
            )


def _without_deleted(
    connection: duckdb.DuckDBPyConnection, statement: Statement, left_out: LeftOut, path: Path
) -> tuple[Any, ...] | None:
    """Write what was landed again, without the records that deletions behind them take back.

    None where there are none, which is nearly always so.
    """
    key = RecordKey.of(statement.order.rules, statement.order.data_set)
    if not left_out.take_back(connection, key, statement.read(path, statement.columns)):
        return None
    taken = f"SELECT line FROM {TAKEN_BACK}"
    kept = f"SELECT * FROM {statement.written(path)} WHERE line NOT IN ({taken})"
    again = path.with_suffix(".kept")
    written = _one(connection.execute(statement.into(again, kept)))
    again.replace(path)
    return written


@dataclass(frozen=True, slots=True)
class _Change:
    """What became of a net change."""

    written: tuple[Any, ...]
    columns: Sequence[str]
    counts: Merged


def _merged(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    left_out: LeftOut,
    path: Path,
    resources: LandingResources,
    scratch: Path,
) -> _Change:
    """Write what is there after the change in the place of what was landed of the file.

    :raises NetChangeBaseUnsuitable: where the edition in force has other columns
    """
    order, base = statement.order, statement.order.base
    key = RecordKey.of(order.rules, order.data_set)
    if key is None:
        raise LookupError("a data set with net changes has keys of records")
    left_out.listed(connection)
    before = () if base is None else base.columns
    columns = [*statement.columns, *(n for n in before if n not in statement.columns)]
    change = statement.read(path, statement.columns)
    merge = Merge(connection, key, base, change, statement.lacking(before))
    lacking = statement.lacking(columns)
    layout = [column.name for column in statement.layout if column.name not in lacking]
    if base is not None and {*layout} - {HOLDS_FROM} - {*merge.columns}:
        raise errors.NetChangeBaseUnsuitable(errors.SUBMIT_WHOLE.format(why="has other columns"))
    counts = merge.decide()
    again = path.with_suffix(".merged")
    written = _one(connection.execute(statement.into(again, merge.rows(layout, columns))))
    with resources.objects.made(order.deleted_key, scratch) as gone:
        deleted = _one(connection.execute(statement.into(gone, merge.deleted())))
        if not int(deleted[1]):
            gone.unlink()
    again.replace(path)
    kept = int(written[1]) - counts.inserted - counts.replaced
    return _Change(written, columns, replace(counts, kept=kept, has_deleted=int(deleted[1]) > 0))


def _register(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    quarantine: Quarantine,
    left_out: LeftOut,
    failures: list[Exception],
) -> None:
    text = "VARCHAR"
    cells, values = len(statement.sealing.cells), statement.reading.values
    functions: list[tuple[str, Callable[..., pa.Array], list[Any], str]] = [
        (ValueReader.NAME, values, [text] * len(statement.columns), values.returns),
        (Sealing.NAME, statement.sealing, [text] * (cells + 2), statement.sealing.returns),
        (
            Quarantine.NAME,
            quarantine.of_values,
            ["UBIGINT", text, *[text] * len(statement.columns)],
            "BOOLEAN",
        ),
        (LEFT_OUT, left_out, _left_out_by(left_out), "BOOLEAN"),
    ]
    if statement.masking.fields:
        looked_at = [text] * (3 + len(statement.masking.fields))
        masking = statement.masking
        functions.append((Masking.NAME, masking, looked_at, Masking.RETURNS))
    for name, function, parameters, returns in functions:
        kept = _keeping(failures, function)
        add_function(connection, name, kept, parameters, returns, is_volatile=True)


def _left_out_by(left_out: LeftOut) -> list[str]:
    text = "VARCHAR"
    more = left_out.parameters - 1
    return [text, *(["UBIGINT", *[text] * (more - 1)] if more else [])]


def _keeping(
    failures: list[Exception], function: Callable[..., pa.Array]
) -> Callable[..., pa.Array]:
    """Wrap a function so that what it fails with is kept: the engine would make a text of it."""

    def call(*columns: pa.Array) -> pa.Array:
        try:
            return function(*columns)
        except Exception as error:  # noqa: BLE001 - kept, and raised where the engine was called
            failures.append(error)
            raise EngineFailed from None

    return call


def _load_maps(connection: duckdb.DuckDBPyConnection, order: LandingTask) -> Organisations:
    """Put the maps into the session: canonical CSV, one line a key (agreements sees to it).

    The commissioners that they name are organisations too, and brought into their normal form.
    """
    read_by = Organisations.load(connection, order.organisation_map, order.providers)
    maps.load(connection, order)
    return read_by


def _set_unreadable_aside(
    connection: duckdb.DuckDBPyConnection, quarantine: Quarantine, delimiter: str
) -> None:
    """Take over the lines that the engine could not read, which is none that we know of."""
    mark = literal(delimiter)
    rejected = connection.execute(
        f"SELECT line, any_value(record) AS record FROM ("
        f"  SELECT coalesce(TRY_CAST(split_part(csv_line, {mark}, 1) AS BIGINT), 0) AS line,"
        f"   substr(csv_line, strpos(csv_line, {mark}) + 1) AS record FROM reject_errors)"
        " GROUP BY line ORDER BY line"
    )
    for batch in rejected.to_arrow_reader(ROWS_AT_ONCE):
        quarantine.whole_lines(batch["line"].to_numpy(), NOT_READABLE, batch["record"])


def _missing(
    data_set: DataSet, statistics: Mapping[str, Mapping[str, str]], landed: int
) -> dict[str, int]:
    """Read off the written file how many values each field lacks."""
    found = {}
    for field in data_set.fields:
        if field.name == data_set.person.nhs_number:
            continue
        column = f"{field.name}__0" if is_sealed(field, data_set) else field.name
        of_column = statistics.get(identifier(column), {})
        found[field.name] = int(of_column.get("null_count", landed))
    return found


def _one(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = result.fetchone()
    if row is None:
        raise EngineFailed
    return row


@contextmanager
def _scratch(root: Path, attempt: str) -> Iterator[Path]:
    """A directory of one attempt's own: its pipe, and its spills, which are sealed."""
    scratch = root / attempt
    scratch.mkdir(parents=True, mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def translated() -> Iterator[None]:
    """Say that the engine failed without its words, which may quote values."""
    try:
        yield
    except duckdb.Error as error:
        log.warning("engine_failed", kind=type(error).__name__)
        raise EngineFailed from None
