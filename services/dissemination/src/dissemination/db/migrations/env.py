from common.db import migrations_env
from dissemination.db.tables import metadata

migrations_env.run(metadata)
