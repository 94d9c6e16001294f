"""How alembic finds our tables. `common.db.migrate` calls it."""

from agreements.db import import_tables, relationship_tables, tables
from agreements.db.decisions import tables as decision_tables
from agreements.db.destruction import tables as destruction_tables
from agreements.db.flows import tables as flow_tables
from agreements.db.issuing import tables as issuing_tables
from agreements.db.parties import tables as party_tables
from agreements.db.seals import tables as seal_tables
from agreements.db.sharing import tables as sharing_tables
from common.db.migrations_env import run

assert (
    decision_tables.metadata
    is destruction_tables.metadata
    is import_tables.metadata
    is issuing_tables.metadata
    is flow_tables.metadata
    is party_tables.metadata
    is relationship_tables.metadata
    is seal_tables.metadata
    is sharing_tables.metadata
    is tables.metadata
), "one service has one metadata"
run(tables.metadata)
