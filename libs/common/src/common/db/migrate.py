"""Migrations that travel in the wheel: alembic without an ini file.

A package keeps them in `adapters/db/migrations/{env.py,versions/}`; its `env.py` is
`migrations_env.run(metadata)`. In production they are a job before the start; the embedded
default migrates itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

LOCK = 7_203_955_101_020_881_217
"""Two replicas that migrate at once: the second waits, and finds nothing to do."""

WAIT_SECONDS = 300


def upgrade(engine: Engine, package: str) -> None:
    """Bring the database to the newest revision of `package`."""
    with _connected(engine) as connection:
        command.upgrade(_config(package, connection), "head")


def check(engine: Engine, package: str) -> None:
    """Raise alembic's CommandError where tables and migrations disagree."""
    with _connected(engine) as connection:
        command.check(_config(package, connection))


def revision(engine: Engine, package: str, message: str, directory: str | None = None) -> None:
    """Write a revision for what changed in the package's tables, to be read and mended."""
    with _connected(engine) as connection:
        command.revision(
            _config(package, connection), message, autogenerate=True, version_path=directory
        )


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # A migration may rightly take long; a lock that it waits for may not.
            connection.execute(text(f"SET LOCAL statement_timeout = '{WAIT_SECONDS}s'"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        yield connection


def _config(package: str, connection: Connection) -> Config:
    config = Config(stdout=StringIO())  # a service's standard output is not alembic's
    config.set_main_option("script_location", f"{package}:adapters/db/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
