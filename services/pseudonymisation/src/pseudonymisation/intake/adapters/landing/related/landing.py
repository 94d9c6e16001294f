"""Lands the tables of one submission: each as a flat file is, then held together, then flattened.

Nothing of a table is an object: it lies sealed in the attempt's own directory, under the key of the
edition that it is to be, until the groups are made of it. Memory is that of the session, whatever a
table holds: joins and keys spill, and lines that are lost are written down one by one. Two tables
are landed at a time, each with half of what one may take: the engine gives a thread to a row group,
and most tables are one or two.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from catalogue import DataSet
from common import faults
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.objects import reached
from pseudonymisation.engine.session import EngineLimits, identifier, sealed_parquet, session
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.feed import MEMORY_OF_A_BLOCK, Lines
from pseudonymisation.intake.adapters.landing.found import findings
from pseudonymisation.intake.adapters.landing.judged.statement import (
    LandingTask,
    parquet_key_name,
)
from pseudonymisation.intake.adapters.landing.landing import LandingResources, translated
from pseudonymisation.intake.adapters.landing.quarantine import Quarantine
from pseudonymisation.intake.adapters.landing.related.flattening import Flattened, flattened, whole
from pseudonymisation.intake.adapters.landing.related.joining import (
    Branch,
    Lot,
    branches_in_common,
    written,
    written_in,
)
from pseudonymisation.intake.adapters.landing.related.passing import with_days
from pseudonymisation.intake.adapters.landing.related.relating import Lost, Related
from pseudonymisation.intake.adapters.landing.writing import ROW_GROUP_JOINED, sealed_copy
from pseudonymisation.intake.adapters.uploads.header import columns_of
from pseudonymisation.intake.adapters.uploads.reading import csv_of
from pseudonymisation.intake.domain.quality import CountsOfRows, LandingOutcome
from pseudonymisation.intake.domain.written import RELATED

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LANES_MAX: Final = 2
"""So many tables at a time."""
ONE_PASS_BYTES: Final = 64_000_000
"""Of tables as they lie sealed: so much is joined for all groups in one pass, each with its rows in
memory; of more what each group has of a table is written first, and read again."""
LOT_BYTES: Final = 6_000_000
"""Of a branch as it lies sealed: with so much of it at a time rows are joined, where there is more
than one pass. In memory it is some ten times as much."""
LOTS_MAX: Final = 16
"""Both files are read so many times at most: of a larger branch the engine spills."""
LANE_BYTES_MIN: Final = 400_000_000
"""What the engine has at least of a table that is landed beside another."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesTask:
    """What is to be landed together."""

    data_set: DataSet
    tables: Mapping[str, LandingTask]
    """Of the tables that came, each with its part of the quarantine."""
    object_key: str
    """Of the edition."""

    @property
    def any(self) -> LandingTask:
        """Return one of them: edition, attempt and period are the same in all."""
        return next(iter(self.tables.values()))


def land(task: TablesTask, resources: LandingResources) -> LandingOutcome:
    """Land them. What was written is an object that nothing names yet.

    Raises:
        EngineFailed: where the engine gave up
        ObjectDamaged, Unavailable: where an upload, a key or the store is away or altered

    """
    one = task.any
    place = resources.scratch / f"{one.attempt}.tables"
    place.mkdir(parents=True, mode=0o700)
    try:
        outcomes = _each(task, resources, place)
        faults.reach("L3")
        with resources.objects.made(task.object_key, place) as path:
            lost, counts = _Flattening(task, resources, outcomes, place, path).edition()
            with reached():
                size = path.stat().st_size
        faults.reach("L4")
        for name, found in lost.items():
            outcomes[name] = _set_aside(
                task.tables[name], outcomes[name], found, counts[name], resources
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return LandingOutcome.of_tables(outcomes, bytes_=size)


@dataclass(frozen=True, slots=True)
class _Flattening:
    """Makes the edition of what was landed of each table."""

    task: TablesTask
    resources: LandingResources
    outcomes: Mapping[str, LandingOutcome]
    place: Path
    path: Path

    def edition(self) -> tuple[dict[str, Sequence[Lost]], dict[str, CountsOfRows]]:
        """Write it; tell which rows of tables are lost, and what had been counted in them."""
        size = sum(file.stat().st_size for file in self._landed.values())
        with self._session() as engine:
            related = Related(engine, self.task.data_set, self._landed, self._key_name)
            lost = {name: found for name, found in related.lose() if found}
            counts = {
                name: _counted(engine, related.lost_rows(name), self.outcomes[name])
                for name in lost
            }
            statements = list(flattened(related))
            if not statements:
                raise EngineFailed
            shared = self._in_common(engine, statements)
            if size <= ONE_PASS_BYTES:
                rows = whole(statement.rows(shared) for statement in statements)
                self._copy(engine, rows, self.path)
                return lost, counts
        parts = [
            self._part(number, statement, shared) for number, statement in enumerate(statements)
        ]
        with self._session() as engine:
            self._copy(engine, whole(parts), self.path)
        return lost, counts

    def _part(self, number: int, statement: Flattened, shared: Mapping[Branch, str]) -> str:
        """Write what a group has of a table by itself, in lots; say how it is read.

        In a session of its own: what one had goes back to the machine when it ends, and not before.
        Lots are read as one: of each file the engine would have a reader of its own.
        """
        files = []
        with self._session() as engine:
            for lot in self._lots(statement, shared):
                files.append(self.place / f"{number}.{0 if lot is None else lot.number}.part")
                self._copy(engine, statement.rows(shared, lot), files[-1])
        return f"SELECT * FROM {sealed_parquet(files, self._key_name)}"

    def _lots(self, statement: Flattened, shared: Mapping[Branch, str]) -> Iterator[Lot | None]:
        """Say in which lots rows are joined: by the largest of what is written for them."""
        sizes = {branch: self._branch(place).stat().st_size for place, branch in enumerate(shared)}
        largest = max(
            written_in(statement.branch, shared), key=lambda one: sizes[one], default=None
        )
        if largest is None:
            yield None
            return
        lots = min(LOTS_MAX, 1 + sizes[largest] // LOT_BYTES)
        yield from (Lot(largest, number, lots) for number in range(lots))

    def _branch(self, place: int) -> Path:
        return self.place / f"{place}.branch"

    def _in_common(
        self, engine: duckdb.DuckDBPyConnection, statements: Sequence[Flattened]
    ) -> Mapping[Branch, str]:
        """Write what stands beside the rows of several tables; say how each is read."""
        shared: dict[Branch, str] = {}
        read = [(statement.branch, statement.columns) for statement in statements]
        for branch, columns in branches_in_common(read):
            file = self._branch(len(shared))
            self._copy(engine, written(branch, columns, shared), file)
            shared[branch] = sealed_parquet(file, self._key_name)
        return shared

    def _copy(self, engine: duckdb.DuckDBPyConnection, rows: str, file: Path) -> None:
        """Write rows under the key of the edition, in row groups of many columns."""
        engine.execute(sealed_copy(rows, file, self._key_name, row_group=ROW_GROUP_JOINED))

    @property
    def _landed(self) -> dict[str, Path]:
        return {name: self.place / f"{name}.parquet" for name in self.outcomes}

    @property
    def _key_name(self) -> str:
        return parquet_key_name(self.task.any.edition_id)

    @contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        key = self.resources.key(f"edition/{self.task.any.edition_id}")
        with (
            translated(),
            session(
                directories=[self.place, self.path.parent],
                temp_directory=self.place,
                keys={self._key_name: key},
                limits=self.resources.limits,
            ) as engine,
        ):
            yield engine


def _each(task: TablesTask, resources: LandingResources, place: Path) -> dict[str, LandingOutcome]:
    lanes, limits = _lanes(resources.limits)
    told = _Told(resources.report)

    def landed(table: str) -> LandingOutcome:
        one = task.tables[table]
        return landing.land(
            replace(
                one,
                data_set=with_days(table, one.data_set, task.data_set.relations),
                attempt=f"{one.attempt}.{table}",
                into=place / f"{table}.parquet",
            ),
            replace(
                resources,
                limits=limits,
                memory_of_a_block=MEMORY_OF_A_BLOCK * lanes,
                report=told.of(table),
            ),
        )

    names = [t.table for t in task.data_set.relations.in_order() if t.table in task.tables]
    return dict(zip(names, _beside(landed, names, lanes), strict=True))


def _lanes(limits: EngineLimits) -> tuple[int, EngineLimits]:
    """Say how many tables are landed at a time, and what each may take of the machine."""
    lanes = max(1, min(limits.threads, LANES_MAX, limits.memory_bytes // LANE_BYTES_MIN))
    return lanes, replace(
        limits,
        memory_bytes=limits.memory_bytes // lanes,
        threads=limits.threads // lanes,
        spill_bytes=limits.spill_bytes // lanes,
    )


def _beside(make: Callable[[str], Made], names: Sequence[str], lanes: int) -> Iterator[Made]:
    """Make of each name what it is, so many at a time, and give them in the order of the names.

    What fails first in that order is raised; what was not begun by then is not.
    """
    with ThreadPoolExecutor(lanes, thread_name_prefix="table") as pool:
        begun = [pool.submit(make, name) for name in names]
        try:
            yield from (one.result() for one in begun)
        finally:
            for one in begun:
                one.cancel()


class _Told:
    """Adds up the records of all tables while they are landed."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._records: dict[str, int] = {}

    def of(self, table: str) -> Callable[[int], None]:
        """Return to whom the landing of a table tells its records."""

        def tell(records: int) -> None:
            with self._lock:
                self._records[table] = records
                self._report(sum(self._records.values()))

        return tell


def _counted(
    connection: duckdb.DuckDBPyConnection, rows: str, outcome: LandingOutcome
) -> CountsOfRows:
    """Count in rows that are lost what was counted in them as in good ones."""
    names = {str(name) for name, *_ in connection.sql(f"DESCRIBE SELECT * FROM {rows}").fetchall()}
    nothing = {}
    for column in outcome.missing:
        landed = next((n for n in (column, f"{column}__0") if n in names), None)
        nothing[column] = "true" if landed is None else f"{identifier(landed)} IS NULL"
    counts = [f"count(*) FILTER ({sql})" for sql in ("person_kind = 2", *nothing.values())]
    told = connection.sql(f"SELECT {', '.join(counts)} FROM {rows}").fetchone() or ()
    without_number, *missing = map(int, told)
    return CountsOfRows(
        missing=dict(zip(nothing, missing, strict=True)),
        without_number=without_number,
        findings=findings(connection, rows, outcome.columns),
    )


def _set_aside(
    task: LandingTask,
    outcome: LandingOutcome,
    found: Sequence[Lost],
    counted: CountsOfRows,
    resources: LandingResources,
) -> LandingOutcome:
    """Write the lost lines into a quarantine of their own, as they came: they are read again."""
    key = f"{task.quarantine_key}{RELATED}"
    columns = columns_of(task.header, task.data_set)
    why = {lost.code: f"{columns.index(lost.column)}:{lost.code}" for lost in found}
    with resources.objects.writer(key, resources.key(key)) as writer:
        quarantine = Quarantine(
            writer,
            columns,
            header=task.header,
            data_set=task.data_set,
            entries_max=max(0, resources.quarantine_entries_max - len(outcome.entries)),
        )
        lines = Lines(lambda *_: None, delimiter=task.data_set.file.delimiter, columns=len(columns))
        chunks = csv_of(
            resources.objects,
            task.content_key,
            resources.key(task.content_key),
            task.content_form,
            task.data_set,
        )
        for block in lines.blocks(chunks):
            for lost in found:
                of_block = np.isin(block.numbers, lost.lines, assume_unique=True)
                if of_block.any():
                    rows = block.only(of_block)
                    text = pc.ascii_rtrim(rows.lines.cast(pa.string()), "\r\n")
                    reasons = pa.array([why[lost.code]] * len(rows.numbers), pa.string())
                    quarantine(pa.array(rows.numbers), reasons, text)
    total = sum(len(lost.lines) for lost in found)
    if quarantine.lines != total:
        log.error("lost_rows_not_found", lost=total, found=quarantine.lines)
        raise EngineFailed
    return outcome.without(dict(quarantine.reasons), quarantine.entries, quarantine.lines, counted)
