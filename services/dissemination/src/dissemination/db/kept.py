"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import SQLModel

from common.audit import Kept
from dissemination.db.tables import AgreementStandingRow, DeliveryRow, ExtractRow, ReleaseRow
from dissemination.domain.delivery import Outcome


def _resource(kind: str) -> Any:
    def told_before(entry: Mapping[str, Any]) -> str | None:
        name, _, key = str(entry["resource"]).partition("/")
        return key if name == kind else None

    return told_before


def _table(row: type[SQLModel]) -> Any:
    return row.__table__  # type: ignore[attr-defined]


def _ended(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """How far a stream is, is noted without a leaf; how much left stands in that of its end."""
    if row["outcome"] != Outcome.UNDER_WAY.value:
        return row
    return {name: value for name, value in row.items() if name != "bytes"}


EXTRACTS: Final = Kept(
    name="extracts",
    tables={_table(ExtractRow): "id"},
    leaving_out={
        f"extract.{name}"
        for name in ("due_at", "claimed_until", "attempts", "rows_done", "rows_total")
    },
    told_before=_resource("extracts"),
)
FILES: Final = Kept(
    name="files", tables={_table(ReleaseRow): "file_id"}, told_before=_resource("files")
)
DELIVERIES: Final = Kept(
    name="deliveries",
    tables={_table(DeliveryRow): "id"},
    leaving_out={"delivery.alive_at"},
    told_before=lambda entry: entry["detail"].get("delivery_id"),
    read_as=_ended,
)
STANDINGS: Final = Kept(
    name="agreements",
    tables={_table(AgreementStandingRow): "agreement"},
    told_before=lambda entry: entry["detail"].get("agreement"),
)
KEPT: Final = (EXTRACTS, FILES, DELIVERIES, STANDINGS)
