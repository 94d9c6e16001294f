"""How alembic finds our tables. `common.db.migrate` calls it."""

from agreements.adapters.db import decision_tables, import_tables, seal_tables, tables
from common.db.migrations_env import run

assert (
    decision_tables.metadata is import_tables.metadata is seal_tables.metadata is tables.metadata
), "one service has one metadata"
run(tables.metadata)
