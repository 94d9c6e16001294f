"""Lands the tables of one submission: each as a flat file is, then held together, then flattened.

Nothing of a table is an object: it lies sealed in the attempt's own directory, under the key of the
edition that it is to be, until the groups are made of it. Memory is that of the session, whatever a
table holds: joins and keys spill, and lines that are lost are written down one by one.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from catalogue import DataSet
from common import faults
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.objects import reached
from pseudonymisation.engine.session import identifier, sealed_parquet, session
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.feed import Lines
from pseudonymisation.intake.adapters.landing.found import findings
from pseudonymisation.intake.adapters.landing.judged.statement import (
    LandingTask,
    parquet_key_name,
)
from pseudonymisation.intake.adapters.landing.landing import LandingResources, translated
from pseudonymisation.intake.adapters.landing.quarantine import Quarantine
from pseudonymisation.intake.adapters.landing.related.flattening import parts_of, whole
from pseudonymisation.intake.adapters.landing.related.relating import Lost, Related
from pseudonymisation.intake.adapters.landing.writing import sealed_copy
from pseudonymisation.intake.adapters.uploads.header import columns_of
from pseudonymisation.intake.adapters.uploads.reading import csv_of
from pseudonymisation.intake.domain.quality import CountsOfRows, LandingOutcome
from pseudonymisation.intake.domain.written import RELATED

log: structlog.stdlib.BoundLogger = structlog.get_logger()


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
        key_name = parquet_key_name(one.edition_id)
        with (
            resources.objects.made(task.object_key, place) as path,
            session(
                directories=[place, path.parent],
                temp_directory=place,
                keys={key_name: resources.key(f"edition/{one.edition_id}")},
                limits=resources.limits,
            ) as connection,
        ):
            with translated():
                landed = {name: place / f"{name}.parquet" for name in outcomes}
                related = Related(connection, task.data_set, landed, key_name)
                lost = {name: found for name, found in related.lose() if found}
                counts = {
                    name: _counted(connection, related.lost_rows(name), outcomes[name])
                    for name in lost
                }
                files = {}
                for number, group in enumerate(task.data_set.groups):
                    parts = list(parts_of(related, group, number))
                    if parts:
                        file = place / f"{group.group}.group"
                        connection.execute(
                            sealed_copy(" UNION ALL BY NAME ".join(parts), file, key_name)
                        )
                        files[group.group] = sealed_parquet(file, key_name)
                if not files:
                    raise EngineFailed
                connection.execute(sealed_copy(whole(files), path, key_name))
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


def _each(task: TablesTask, resources: LandingResources, place: Path) -> dict[str, LandingOutcome]:
    outcomes: dict[str, LandingOutcome] = {}
    done = 0
    for table in task.data_set.relations.in_order():
        one = task.tables.get(table.table)
        if one is None:
            continue
        before = done
        outcomes[table.table] = landing.land(
            replace(
                one,
                attempt=f"{one.attempt}.{table.table}",
                into=place / f"{table.table}.parquet",
            ),
            replace(resources, report=_after(before, resources)),
        )
        done += outcomes[table.table].records
    return outcomes


def _after(before: int, resources: LandingResources) -> Callable[[int], None]:
    """Report the records of the tables before with those of a table."""
    return lambda rows: resources.report(before + rows)


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
