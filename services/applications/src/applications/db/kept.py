"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import SQLModel

from applications.db.tables import ApplicationRow, StepRow
from common.audit import Kept


def _told_before(entry: Mapping[str, Any]) -> str | None:
    kind, _, key = str(entry["resource"]).partition("/")
    return key if kind == "applications" else None


def _table(row: type[SQLModel]) -> Any:
    return row.__table__  # type: ignore[attr-defined]


APPLICATIONS: Final = Kept(
    name="applications", tables={_table(ApplicationRow): "id"}, told_before=_told_before
)
HISTORIES: Final = Kept(
    name="histories", tables={_table(StepRow): "application_id"}, told_before=_told_before
)
KEPT: Final = (APPLICATIONS, HISTORIES)
"""A snapshot is held against the hash by which it is named."""
