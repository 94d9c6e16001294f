"""The locked engine: what it may, what it may not, and that its files and spills are sealed."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from pseudonymisation.engine import session as plane
from pseudonymisation.engine.errors import Unlocked
from pseudonymisation.engine.session import EngineLimits, in_order, session
from pseudonymisation.preparations.adapters.preparation import ROW_GROUP

KEY = os.urandom(32)
SECRET = "a-value-that-must-not-be-at-rest"


@pytest.fixture
def places(tmp_path):
    inside, spill, outside = (tmp_path / name for name in ("inside", "spill", "outside"))
    for place in (inside, spill, outside):
        place.mkdir()
    (outside / "other.csv").write_text("a\n1\n")
    return inside, spill, outside


def test_it_reads_and_writes_encrypted_files_in_its_directory(places):
    inside, spill, _ = places
    file = inside / "edition.parquet"
    with session(directories=[inside], temp_directory=spill, keys={"k1": KEY}) as con:
        con.execute(
            f"COPY (SELECT range AS n, '{SECRET}' AS t FROM range(1000)) TO '{file}' "
            "(FORMAT PARQUET, ENCRYPTION_CONFIG {footer_key: 'k1'})"
        )
        read = f"FROM read_parquet('{file}', encryption_config = {{footer_key: 'k1'}})"
        assert con.sql(f"SELECT sum(n), min(t) {read}").fetchone() == (499_500, SECRET)
        # What was read is not kept: it would grow with the file.
        assert con.sql("SELECT count(*) FROM duckdb_external_file_cache()").fetchone() == (0,)
    assert SECRET.encode() not in file.read_bytes()

    other = {"k1": os.urandom(32)}
    with (
        session(directories=[inside], temp_directory=spill, keys=other) as con,
        pytest.raises(duckdb.Error),
    ):
        con.sql(f"SELECT * {read}").fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{outside}/other.csv')",
        "SELECT * FROM read_text('{inside}/../outside/other.csv')",
        "SELECT * FROM glob('{outside}/*')",
        "COPY (SELECT 1) TO '{outside}/new.csv'",
        "ATTACH '{outside}/new.db'",
        "SELECT * FROM read_text('http://127.0.0.1:9/')",
        "SELECT * FROM read_parquet('s3://bucket/key')",
        "INSTALL json",
        "LOAD '{outside}/x.duckdb_extension'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "SET temp_file_encryption = false",
        "SET memory_limit = '100GB'",
        "SET allow_unsigned_extensions = true",
        "RESET enable_external_access",
    ],
)
def test_it_refuses_other_files_the_network_and_being_unlocked(places, statement):
    inside, spill, outside = places
    refused = (duckdb.PermissionException, duckdb.InvalidInputException)
    with (
        session(directories=[inside], temp_directory=spill, keys={}) as con,
        pytest.raises(refused),
    ):
        con.execute(statement.format(inside=inside, outside=outside))
    assert [p.name for p in outside.iterdir()] == ["other.csv"]


@pytest.fixture
def loads(monkeypatch):
    """Whether each session verifies the signature of the extension, in order."""
    found = []
    connect = duckdb.connect

    def noting(*given, config):
        found.append(not config["allow_unsigned_extensions"])
        return connect(*given, config=config)

    monkeypatch.setattr(duckdb, "connect", noting)
    monkeypatch.setattr(plane, "_genuine", set())
    return found


def test_a_process_verifies_the_signature_of_an_extension_once(places, loads):
    """It reads and hashes twenty megabytes, which took most of a small session."""
    inside, spill, _ = places
    for _ in range(3):
        with session(directories=[inside], temp_directory=spill, keys={}) as con:
            setting = "SELECT current_setting('allow_unsigned_extensions')"
            assert con.sql(setting).fetchone() == (False,)

    assert loads == [True, False, False]


@pytest.mark.parametrize("part", ["signature", "code"])
def test_an_extension_that_was_altered_is_verified_again_and_not_loaded(
    places, loads, monkeypatch, part
):
    """Guard: `_identity`. Restored times do not help: a change of the file is noted beside them."""
    inside, spill, outside = places
    extension = outside / "httpfs.duckdb_extension"
    shutil.copyfile(Path(str(files("duckdb_extension_httpfs") / plane.EXTENSION)), extension)
    plane._genuine.add(plane._identity(extension))
    monkeypatch.setattr(plane, "files", lambda _: outside)
    monkeypatch.setattr(plane, "EXTENSION", extension.name)
    times = extension.stat()
    with extension.open("r+b") as file:
        file.seek(-1 if part == "signature" else -100_000, os.SEEK_END)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(extension, ns=(times.st_atime_ns, times.st_mtime_ns))

    with (
        pytest.raises(duckdb.Error, match="signature"),
        session(directories=[inside], temp_directory=spill, keys={}),
    ):
        pytest.fail("handed out")
    assert loads == [True]


def test_a_python_variable_is_not_taken_for_a_table(places):
    inside, spill, _ = places
    secret_table = object()
    with (
        session(directories=[inside], temp_directory=spill, keys={}) as con,
        pytest.raises(duckdb.CatalogException),
    ):
        con.sql("SELECT * FROM secret_table")
    assert secret_table is not None


@pytest.mark.parametrize(
    "guard", ["enable_external_access", "lock_configuration", "temp_file_encryption"]
)
def test_a_session_whose_lock_does_not_hold_is_not_handed_out(places, monkeypatch, guard):
    """Guards: each SET of `_lock` and `_configure`, taken out here one at a time."""
    inside, spill, _ = places

    class Leaky:
        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            if not statement.startswith(f"SET {guard} ="):
                self._connection.execute(statement)

        def __getattr__(self, name):
            return getattr(self._connection, name)

    lock, configure = plane._lock, plane._configure
    monkeypatch.setattr(plane, "_lock", lambda con, dirs: lock(Leaky(con), dirs))
    monkeypatch.setattr(plane, "_configure", lambda con, *args: configure(Leaky(con), *args))

    with pytest.raises(Unlocked), session(directories=[inside], temp_directory=spill, keys={}):
        pytest.fail("handed out")


def test_two_sessions_at_once_try_to_attach_no_file_of_one_name(places, monkeypatch):
    """The engine keeps for the whole process what is attached: one would hear of the other."""
    inside, spill, _ = places
    tried = []

    class Told:
        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            tried.append(statement)
            return self._connection.execute(statement)

        def __getattr__(self, name):
            return getattr(self._connection, name)

    prove = plane.prove_locked
    monkeypatch.setattr(plane, "prove_locked", lambda con: prove(Told(con)))
    for _ in range(2):
        with session(directories=[inside], temp_directory=spill, keys={}):
            pass

    attached = [statement for statement in tried if statement.startswith("ATTACH ")]
    assert len(set(attached)) == len(attached) == 2


def test_what_spills_is_encrypted(places):
    inside, spill, _ = places
    limits = EngineLimits(memory_bytes=60_000_000, threads=1)
    with session(directories=[inside], temp_directory=spill, keys={}, limits=limits) as con:
        con.execute(
            f"CREATE TABLE t AS SELECT '{SECRET}' || range AS s, hash(range) AS h "
            "FROM range(2_000_000)"
        )
        spilled = [p for p in spill.iterdir() if p.stat().st_size]
        assert spilled
        assert all(SECRET.encode() not in p.read_bytes() for p in spilled)


def test_a_key_with_a_strange_name_is_refused(places):
    inside, spill, _ = places
    keys = {"k'; --": KEY}
    with (
        pytest.raises(ValueError, match="not well formed"),
        session(directories=[inside], temp_directory=spill, keys=keys),
    ):
        pytest.fail("opened")


def test_a_sort_of_many_files_spills_although_each_files_part_is_small(places):
    inside, spill, _ = places
    part = (
        "SELECT hash(i) AS k, hash(i, 1) AS a, hash(i, 2) AS b, repeat('x', 60) || i AS t "
        "FROM range(60_000) AS r(i)"
    )
    with session(
        directories=[inside],
        temp_directory=spill,
        keys={},
        limits=EngineLimits(memory_bytes=140_000_000, threads=2),
    ) as con:
        written = con.execute(
            f"COPY ({in_order(' UNION ALL '.join([part] * 20), ['k'])}) "
            f"TO '{inside}/sorted.parquet' (FORMAT PARQUET, ROW_GROUP_SIZE {ROW_GROUP})"
        ).fetchone()

    assert written == (1_200_000,)


HEAPS = """
import ctypes, sys, threading
from pathlib import Path
import pyarrow as pa
from pseudonymisation.engine.session import share_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)

def heaps():
    file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
    assert libc.malloc_info(0, file) == 0
    libc.fclose(file)
    return Path(sys.argv[1]).read_text().count("<heap ")

def run():
    together.wait(60)
    libc.free(libc.malloc(1_000))
    together.wait(60)  # each has asked for memory before any ends, and leaves its heap to others

share_memory()
before = heaps()
threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(pa.default_memory_pool().backend_name, before, heaps())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps are those of glibc")
def test_threads_draw_from_the_same_few_heaps(tmp_path):
    """Each would have one of its own, of which nobody else has what it freed."""
    done = subprocess.run(
        [sys.executable, "-c", HEAPS, str(tmp_path / "heaps.xml")],
        timeout=120,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pool, before, after = done.stdout.split()

    assert pool == "system"
    # Libraries that are loaded may have begun some before.
    assert int(after) == max(int(before), plane.ARENAS)
