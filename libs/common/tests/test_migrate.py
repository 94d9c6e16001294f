"""Migrations out of a package, and what notices when tables and migrations disagree."""

import importlib
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.util.exc import CommandError
from sqlalchemy import Column, Integer, Table, inspect, text

from common.db import engine as engines
from common.db import migrate, tables
from common.db.unit_of_work import DatabaseUnavailable, MigrationsPending

ENV = """
from common.db import migrations_env
from migrated_example.tables import metadata

migrations_env.run(metadata)
"""

TABLES = """
from sqlalchemy import MetaData
from common.db.tables import NAMING, install

metadata = MetaData(naming_convention=NAMING)
install(metadata)
"""

TEMPLATE = """
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

import sqlalchemy as sa
import sqlmodel
from alembic import op


def upgrade():
    ${upgrades if upgrades else "pass"}
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A service that has nothing but the tables that all services have."""
    root = tmp_path / "site" / "migrated_example"
    migrations = root / "db" / "migrations"
    (migrations / "versions").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "tables.py").write_text(dedent(TABLES))
    (migrations / "env.py").write_text(dedent(ENV))
    (migrations / "script.py.mako").write_text(dedent(TEMPLATE))
    monkeypatch.syspath_prepend(str(root.parent))
    yield migrations
    migrate._revisions.cache_clear()
    for name in [name for name in sys.modules if name.startswith("migrated_example")]:
        del sys.modules[name]


@pytest.fixture
def written(package: Path, make_engine, tmp_path):
    """The package with its first revision, as `revision` writes it on SQLite."""
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    migrate.revision(engine, "migrated_example", "first")
    return package


def test_a_fresh_database_gets_the_tables_and_no_drift(written, database_url, make_engine):
    engine = make_engine(database_url)
    migrate.upgrade(engine, "migrated_example")
    migrate.upgrade(engine, "migrated_example")  # again: nothing to do

    migrate.check(engine, "migrated_example")
    assert set(tables.metadata.tables) < set(inspect(engine).get_table_names())


def test_a_table_that_no_migration_makes_is_noticed(written, database_url, make_engine):
    metadata = importlib.import_module("migrated_example.tables").metadata
    Table("forgotten", metadata, Column("id", Integer, primary_key=True))
    engine = make_engine(database_url)
    migrate.upgrade(engine, "migrated_example")

    with pytest.raises(CommandError, match="forgotten"):
        migrate.check(engine, "migrated_example")


def test_a_database_is_current_only_at_the_newest_revision(written, database_url, make_engine):
    engine = make_engine(database_url)
    with pytest.raises(MigrationsPending):
        migrate.ensure_current(engine, "migrated_example")

    migrate.upgrade(engine, "migrated_example")
    migrate.ensure_current(engine, "migrated_example")

    migrate.revision(engine, "migrated_example", "second")
    migrate._revisions.cache_clear()  # the next version's process
    with pytest.raises(MigrationsPending):
        migrate.ensure_current(engine, "migrated_example")


def test_a_version_goes_on_with_a_database_that_the_next_one_migrated(
    written, database_url, make_engine
):
    """While a rollout lasts, both serve."""
    engine = make_engine(database_url)
    migrate.upgrade(engine, "migrated_example")
    with engines.writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_the_next'"))

    migrate.ensure_current(engine, "migrated_example")


def test_whether_a_database_is_current_cannot_be_said_while_it_is_away(written, make_engine):
    away = make_engine("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(DatabaseUnavailable) as raised:
        migrate.ensure_current(away, "migrated_example")

    assert raised.value.code == "DATABASE_UNAVAILABLE"


@pytest.mark.postgresql
def test_two_replicas_that_migrate_at_once_do_not_meet(written, postgresql_url, make_engine):
    failures = []

    def upgrade() -> None:
        try:
            migrate.upgrade(make_engine(postgresql_url), "migrated_example")
        except Exception as error:  # noqa: BLE001 - a thread must hand it over
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_tests_get_a_copy_of_a_database_that_was_migrated_once(written, migrated):
    engine = migrated("migrated_example")

    migrate.check(engine, "migrated_example")


def test_an_older_version_leaves_a_newer_database_as_it_is(written, database_url, make_engine):
    """Rolled back, a release runs its migration again: its Job must not fail on what it does not
    know, nor change it."""
    engine = make_engine(database_url)
    migrate.upgrade(engine, "migrated_example")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_a_later_release'"))

    migrate.upgrade(engine, "migrated_example")

    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    assert found == ["of_a_later_release"]
    migrate.ensure_current(engine, "migrated_example")
