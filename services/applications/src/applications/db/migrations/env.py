"""What alembic runs; `common.db.migrate` calls it."""

from applications.db.tables import metadata
from common.db import migrations_env

migrations_env.run(metadata)
