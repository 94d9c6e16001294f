"""Writes a sealed file of batches that come one by one: the engine in a thread of its own."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from pseudonymisation.engine.session import literal

ROW_GROUP: Final = 61_440
"""Rows. Twice as many took a gigabyte with 150 columns and two threads, and were no faster."""
ROW_GROUP_JOINED: Final = ROW_GROUP // 3
"""Of what is joined, and of the one file of all groups: rows are held while the joined tables are,
and the one file has the columns of all (docs/performance.md)."""
DICTIONARY_MAX: Final = 2_048
"""Different values of a column that the engine keeps in mind while it writes a row group, for each
column and thread: a fifth of the rows, which it takes by itself, were 150 MB (docs/adr/0080)."""
COMPRESSION_LEVEL: Final = -1
"""The file is 5 % larger than by the engine's own level, and landing takes a twelfth less."""
BATCHES: Final = "batches"
WAITING_MAX: Final = 2
"""So many batches wait for the engine; then who makes them waits."""


class Abandoned(Exception):
    """Who made the batches failed; what the engine wrote is no file."""


class Writing:
    """A statement over `batches`, to which they are given as they are made."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema, statement: str
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._statement = statement
        self._waiting: queue.Queue[pa.RecordBatch | Abandoned | None] = queue.Queue(WAITING_MAX)
        self._is_over = threading.Event()
        self._failure: Exception | None = None
        self._result: tuple[Any, ...] | None = None
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)

    @contextmanager
    def open(self) -> Iterator[Callable[[pa.RecordBatch], None]]:
        """Take batches inside the block.

        :raises duckdb.Error: where the engine could not write them
        """
        self._thread.start()
        try:
            yield self._put
        except BaseException:
            self._finish(Abandoned())
            raise
        self._finish(None)
        if self._failure is not None:
            raise self._failure

    @property
    def result(self) -> tuple[Any, ...] | None:
        """What the statement returned."""
        return self._result

    def _put(self, batch: pa.RecordBatch | Abandoned | None) -> None:
        while not self._is_over.is_set():
            try:
                self._waiting.put(batch, timeout=0.1)
            except queue.Full:
                continue
            return
        if self._failure is not None and isinstance(batch, pa.RecordBatch):
            raise self._failure

    def _finish(self, last: Abandoned | None) -> None:
        self._put(last)
        self._thread.join()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._waiting.get()) is not None:
            if isinstance(batch, Abandoned):
                raise batch
            yield batch

    def _run(self) -> None:
        cursor = self._connection.cursor()
        try:
            reader = pa.RecordBatchReader.from_batches(self._schema, self._batches())
            cursor.register(BATCHES, reader)
            self._result = cursor.execute(self._statement).fetchone()
        except Exception as error:  # noqa: BLE001 - handed to the thread that gives batches
            self._failure = error
        finally:
            self._is_over.set()
            cursor.close()


def sealed_copy(rows: str, path: Path, key_name: str, *, row_group: int = ROW_GROUP) -> str:
    """Write a statement that makes a sealed file of rows."""
    return (
        f"COPY ({rows}) TO {literal(path)}"
        f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {COMPRESSION_LEVEL},"
        f" ROW_GROUP_SIZE {row_group}, DICTIONARY_SIZE_LIMIT {DICTIONARY_MAX},"
        f" ENCRYPTION_CONFIG {{footer_key: {literal(key_name)}}}, RETURN_STATS)"
    )
