"""The one query engine, locked down: it reaches its own directories and nothing else.

DuckDB 1.5.5 with the `httpfs` extension out of its wheel, which brings OpenSSL for encrypted
Parquet and encrypted spills (design.md section 7). The extension could also speak HTTP and S3;
the lock below is what keeps it from doing so, and every session proves its own lock before
it is handed out.
"""

import base64
import ctypes
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from inspect import Parameter, Signature
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from pseudonymisation.engine.errors import Unlocked

EXTENSION: Final = "extensions/v1.5.5/httpfs.duckdb_extension"
ARENAS: Final = 2
"""Heaps of the process, for as many threads as work on rows at a time. By itself glibc makes eight
for each core, and what is freed in one is of no use in another."""
MALLOPT_ARENAS: Final = -8
"""`M_ARENA_MAX`."""
KEY_NAME: Final = re.compile(r"^[a-z][0-9a-z_]{0,63}$")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one session may take of the machine."""

    memory_bytes: int = 1_000 * MEGABYTE
    threads: int = 2
    spill_bytes: int = 200_000 * MEGABYTE


@contextmanager
def session(
    *,
    directories: Sequence[Path],
    temp_directory: Path,
    keys: Mapping[str, bytes],
    limits: EngineLimits = EngineLimits(),
    keeps_order: bool = False,
    joins_as_written: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session that reads and writes under `directories` only, and close it at the end.

    `keys` are the Parquet keys by the names that queries use. What does not fit into memory
    spills to `temp_directory`, encrypted under a key that only this process has.
    `keeps_order`: rows come out as they stand in a file where no ORDER BY says otherwise.
    `joins_as_written`: hash the right side of a join. The engine takes a pipe for a small file,
    and would hold all of it in memory to look up a map of a million entries.

    Raises:
        Unlocked: where the lock does not hold

    """
    share_memory()
    extension = Path(str(files("duckdb_extension_httpfs") / EXTENSION))
    genuine = _identity(extension)
    unsigned = genuine in _genuine
    connection = duckdb.connect(
        ":memory:",
        config={
            "allow_unsigned_extensions": unsigned,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        connection.execute(f"LOAD {literal(extension)}")
        # It can be set to false only, from here on.
        connection.execute("SET allow_unsigned_extensions = false")
        if _identity(extension) == genuine:
            _genuine.add(genuine)
        _configure(connection, temp_directory, limits)
        connection.execute(f"SET preserve_insertion_order = {str(keeps_order).lower()}")
        if joins_as_written:
            connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        add_keys(connection, keys)
        _lock(connection, [*directories, temp_directory])
        prove_locked(connection)
        yield connection
    finally:
        connection.close()


@cache
def share_memory() -> None:
    """Have columns, the engine's callers and everything else draw from the same few heaps.

    Arrow's own pool keeps what it frees, and so does each heap: together as much as they held.
    Where the C library is not glibc it has no such setting, and Arrow's pool alone is another.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(MALLOPT_ARENAS, ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())


def add_keys(connection: duckdb.DuckDBPyConnection, keys: Mapping[str, bytes]) -> None:
    """Return a session Parquet keys by name."""
    for name, key in keys.items():
        if KEY_NAME.fullmatch(name) is None:
            raise ValueError("the name of a Parquet key is not well formed")
        encoded = base64.b64encode(key).decode()
        connection.execute(f"PRAGMA add_parquet_key('{name}', '{encoded}')")


def in_order(rows: str, keys: Sequence[str]) -> str:
    """Sort the rows of many files by columns that end there.

    The engine lets a sort spill once one branch of a UNION ALL is too large for memory by itself:
    of many small ones it would hold all, until memory is out. So the rows are gathered first,
    which can spill as well, and the sort has one branch.
    """
    named = ", ".join(map(identifier, keys))
    return (
        f"WITH unsorted AS MATERIALIZED ({rows}) "
        f"SELECT * EXCLUDE ({named}) FROM unsorted ORDER BY {named}"
    )


def add_function(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., pa.Array],
    parameters: Sequence[str],
    returns: str,
    *,
    is_volatile: bool = False,
) -> None:
    """Return a session a function over whole columns, whose nulls it is handed as they are.

    `is_volatile`: called once for each row that reaches it, and never instead of reading.
    """

    def call(*columns: pa.Array | pa.ChunkedArray) -> pa.Array:
        return function(*map(whole, columns))

    # The engine asks for the number of parameters in this way.
    names = [Parameter(f"p{n}", Parameter.POSITIONAL_ONLY) for n in range(len(parameters))]
    call.__signature__ = Signature(names)  # type: ignore[attr-defined]  # a function may have one
    connection.create_function(
        name,
        call,
        list(parameters),
        returns,
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
        side_effects=is_volatile,
    )


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def sealed_parquet(file: Path | Sequence[Path], key_name: str) -> str:
    """Read an encrypted Parquet file, or several of the same columns as one, as SQL."""
    paths = literal(file) if isinstance(file, Path) else f"[{', '.join(map(literal, file))}]"
    return f"read_parquet({paths}, encryption_config = {{footer_key: {literal(key_name)}}})"


def literal(value: str | Path) -> str:
    """Quote a value for SQL, where the engine takes no parameter."""
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


_genuine: Final[set[tuple[int, ...]]] = set()
"""Files of which the engine has verified the signature in this process (docs/adr/0042)."""


def _identity(file: Path) -> tuple[int, ...]:
    """Return what changes whenever a file is another or is written to."""
    stat = file.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _configure(
    connection: duckdb.DuckDBPyConnection, temp_directory: Path, limits: EngineLimits
) -> None:
    for statement in (
        f"SET memory_limit = '{limits.memory_bytes}B'",
        f"SET threads = {limits.threads}",
        f"SET temp_directory = {literal(temp_directory)}",
        f"SET max_temp_directory_size = '{limits.spill_bytes}B'",
        "SET temp_file_encryption = true",
        # What is freed goes back to the machine, so that the next pass does not come on top of it.
        "SET allocator_flush_threshold = '16MiB'",
        "SET allocator_bulk_deallocation_flush_threshold = '32MiB'",
        "SET allocator_background_threads = true",
        # What was read of a file stays with the kernel; kept here too it would grow with the file.
        "SET enable_external_file_cache = false",
        "SET python_enable_replacements = false",
        # So that the kernel has its blocks without a copy.
        "SET arrow_output_version = '1.4'",
        "SET produce_arrow_string_view = true",
        "SET enable_progress_bar = false",
        "SET TimeZone = 'UTC'",
    ):
        connection.execute(statement)


def _lock(connection: duckdb.DuckDBPyConnection, directories: Sequence[Path]) -> None:
    allowed = ", ".join(literal(f"{directory.resolve()}/") for directory in directories)
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


FORBIDDEN: Final = (
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_csv('/etc/hostname')",
    "SELECT * FROM read_text('http://127.0.0.1:9/')",
    "SELECT * FROM read_parquet('s3://elsewhere/file.parquet')",
    "COPY (SELECT 1) TO '/dsfc-must-not-be-there.csv'",
    "ATTACH '/dsfc-must-not-be-there-{name}.db'",
    "INSTALL json",
    "SET allowed_directories = ['/']",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET temp_file_encryption = false",
    "SET allow_unsigned_extensions = true",
)
"""What a locked session must refuse: other files, the network, and being unlocked.

Whom a file is attached to is kept for the whole process, before anybody asks whether it may be: two
sessions that tried one name at the same moment would hear of each other instead.
"""


def prove_locked(connection: duckdb.DuckDBPyConnection) -> None:
    """Try what is forbidden.

    Raises:
        Unlocked: where anything of it succeeds, or fails for another reason than the lock

    """
    name = uuid4().hex
    for forbidden in FORBIDDEN:
        statement = forbidden.format(name=name)
        try:
            connection.execute(statement)
        except duckdb.PermissionException:
            continue
        except duckdb.InvalidInputException as error:
            if "configuration has been locked" in str(error):
                continue
            raise Unlocked(statement) from None
        except duckdb.Error:
            raise Unlocked(statement) from None
        raise Unlocked(statement)
    held = connection.sql(
        "SELECT current_setting('temp_file_encryption'),"
        " current_setting('allow_unsigned_extensions')"
    ).fetchone()
    if held != (True, False):
        raise Unlocked("spills are not encrypted, or extensions need no signature")


def clear_scratch(scratch: Path, *, older_than: float) -> int:
    """Remove what killed work left in a scratch directory; return how much.

    That is what nothing was written to since an instant. Its rows are sealed, and their keys may
    live as long as an edition does.
    """
    count = 0
    for place in scratch.iterdir() if scratch.is_dir() else ():
        with suppress(FileNotFoundError):  # work under way takes its own away
            newest = max(path.lstat().st_mtime for path in (place, *place.rglob("*")))
            if newest < older_than:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
                count += 1
    return count
