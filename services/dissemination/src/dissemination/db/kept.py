"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from collections.abc import Mapping
from typing import Any, Final

from common.audit import Kept, told_of
from common.db.tables import table_of
from dissemination.db.tables import (
    AgreementStandingRow,
    DeliveryRow,
    DestroyedFileRow,
    ExtractRow,
    ReleaseRow,
    StandingOrderRow,
)
from dissemination.domain.delivery import Outcome


def _ended(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """How far a stream is, is noted without a leaf; how much left stands in that of its end."""
    if row["outcome"] != Outcome.UNDER_WAY.value:
        return row
    return {name: value for name, value in row.items() if name != "bytes"}


EXTRACTS: Final = Kept(
    name="extracts",
    tables={table_of(ExtractRow): "id"},
    leaving_out={
        f"extract.{name}"
        for name in ("due_at", "claimed_until", "attempts", "rows_done", "rows_total")
    },
    told_before=told_of("extracts"),
)
FILES: Final = Kept(
    name="files",
    tables={table_of(ReleaseRow): "file_id", table_of(DestroyedFileRow): "file_id"},
    told_before=told_of("files"),
)
DELIVERIES: Final = Kept(
    name="deliveries",
    tables={table_of(DeliveryRow): "id"},
    leaving_out={"delivery.alive_at"},
    told_before=lambda entry: entry["detail"].get("delivery_id"),
    read_as=_ended,
)
STANDINGS: Final = Kept(
    name="agreements",
    tables={table_of(AgreementStandingRow): "agreement"},
    told_before=lambda entry: entry["detail"].get("agreement"),
)
ORDERS: Final = Kept(
    name="standing-orders",
    tables={table_of(StandingOrderRow): "id"},
    leaving_out={f"standing_order.{name}" for name in ("due_at", "claimed_until", "woken_at")},
)
KEPT: Final = (EXTRACTS, FILES, DELIVERIES, STANDINGS, ORDERS)
