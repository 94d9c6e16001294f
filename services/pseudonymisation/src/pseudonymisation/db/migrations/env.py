from common.db import migrations_env

# Read for its tables, which are on the same metadata.
from pseudonymisation.db import preparation_tables
from pseudonymisation.db.people import tables as people_tables
from pseudonymisation.db.quality import tables as quality_tables
from pseudonymisation.db.tables import metadata

assert preparation_tables.PreparationRow.metadata is metadata
assert quality_tables.EditionQualityRow.metadata is metadata
assert people_tables.ReidentificationRow.metadata is metadata

migrations_env.run(metadata)
