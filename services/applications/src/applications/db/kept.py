"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from typing import Final

from applications.db.tables import ApplicationRow, StepRow
from common.audit import Kept, told_of
from common.db.tables import table_of

APPLICATIONS: Final = Kept(
    name="applications",
    tables={table_of(ApplicationRow): "id"},
    told_before=told_of("applications"),
)
HISTORIES: Final = Kept(
    name="histories",
    tables={table_of(StepRow): "application_id"},
    told_before=told_of("applications"),
)
KEPT: Final = (APPLICATIONS, HISTORIES)
"""A snapshot is held against the hash by which it is named."""
