"""Migrations that travel in the wheel: alembic without an ini file.

A package keeps them in `db/migrations/{env.py,versions/}`; its `env.py` is
`migrations_env.run(metadata)`. In production they are a job before the start; the embedded
default migrates itself. Until it is done, a service says that it is not ready.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import StringIO

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from common.db.turns import take_turns
from common.db.unit_of_work import MigrationsPending, translated

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOCK = 7_203_955_101_020_881_217
"""Two replicas that migrate at once: the second waits, and finds nothing to do."""

WAIT_SECONDS = 300


def upgrade(engine: Engine, package: str) -> None:
    """Bring the database to the newest revision of `package`.

    One that is ahead of the code is left as it is: a release that was rolled back runs its
    migration again, and serves what the newer one left (`ensure_current`).
    """
    _, known = _revisions(package)
    with _connected(engine) as connection:
        found = set(MigrationContext.configure(connection).get_current_heads())
        if found <= known:
            command.upgrade(_config(package, connection), "head")
        else:
            log.warning("database_is_ahead", service=package, revisions=sorted(found - known))


def ensure_current(engine: Engine, package: str) -> None:
    """Raise MigrationsPending where the database is behind the code.

    One that is ahead will do: while a newer version is rolled out, the older goes on serving,
    which the newer's migrations have to allow for.

    Raises:
        DatabaseUnavailable: the database does not answer.

    """
    head, known = _revisions(package)
    with translated(), engine.connect() as connection:
        # Not by alembic, which logs two lines every time; where its table is missing, `translated`
        # says the same as we do.
        found = set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    if head not in found and found <= known:
        raise MigrationsPending("The database awaits a migration.")


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
            take_turns(connection, LOCK)
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        yield connection


@cache
def _revisions(package: str) -> tuple[str | None, frozenset[str]]:
    """Return the newest revision that the code has, and all of them."""
    scripts = ScriptDirectory.from_config(_config(package))
    return scripts.get_current_head(), frozenset(r.revision for r in scripts.walk_revisions())


def _config(package: str, connection: Connection | None = None) -> Config:
    config = Config(stdout=StringIO())  # a service's standard output is not alembic's
    config.set_main_option("script_location", f"{package}:db/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
