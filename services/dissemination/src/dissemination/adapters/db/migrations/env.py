from common.db import migrations_env
from dissemination.adapters.db.tables import metadata

migrations_env.run(metadata)
