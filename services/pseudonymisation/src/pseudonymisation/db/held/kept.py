"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlmodel import SQLModel

from common.audit import Kept
from pseudonymisation.db.preparation_tables import PreparationRow, PreparedFileRow
from pseudonymisation.db.quality.tables import (
    EditionQualityRow,
    ExpectationRow,
    FieldQualityRow,
)
from pseudonymisation.db.tables import (
    EditionRow,
    OptOutCheckRow,
    OptOutListRow,
    QuarantineRow,
    SubmissionRow,
)
from pseudonymisation.intake.domain.submission import SubmissionState

LOG: Final = "pseudonymisation"
UNDER_WAY: Final = frozenset({SubmissionState.RECEIVED.value, SubmissionState.LANDING.value})


def _resource(kind: str) -> Callable[[Mapping[str, Any]], str | None]:
    def told_before(entry: Mapping[str, Any]) -> str | None:
        name, _, key = str(entry["resource"]).partition("/")
        return key if name == kind else None

    return told_before


def _table(row: type[SQLModel]) -> Any:
    return row.__table__  # type: ignore[attr-defined]


def _received(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What workers note while they land a file is in no leaf: then it is as it was received."""
    if row["state"] not in UNDER_WAY:
        return row
    told = {name: value for name, value in row.items() if name != "rows_done"}
    return {**told, "state": SubmissionState.RECEIVED.value}


def _workers(table: str, *names: str) -> frozenset[str]:
    return frozenset(f"{table}.{name}" for name in names)


SUBMISSIONS: Final = Kept(
    name="submissions",
    tables={_table(SubmissionRow): "id"},
    leaving_out=_workers("submission", "version", "attempt", "attempts", "claimed_until"),
    told_before=_resource("submissions"),
    read_as=_received,
)
QUARANTINES: Final = Kept(
    name="quarantines",
    tables={_table(QuarantineRow): "submission_id"},
    told_before=_resource("submissions"),
)
EDITIONS: Final = Kept(
    name="editions", tables={_table(EditionRow): "id"}, told_before=_resource("editions")
)
QUALITIES: Final = Kept(
    name="qualities",
    tables={_table(EditionQualityRow): "edition_id"},
    told_before=_resource("editions"),
)
FIELDS: Final = Kept(
    name="field-qualities",
    tables={_table(FieldQualityRow): "edition_id"},
    told_before=_resource("editions"),
)
LISTS: Final = Kept(
    name="opt-out-lists",
    tables={_table(OptOutListRow): "id"},
    told_before=_resource("opt-out-lists"),
)
CHECKS: Final = Kept(
    name="opt-out-checks",
    tables={_table(OptOutCheckRow): "id"},
    told_before=_resource("opt-out-checks"),
)
EXPECTATIONS: Final = Kept(
    name="expectations",
    tables={_table(ExpectationRow): "id"},
    told_before=_resource("expectations"),
)
PREPARATIONS: Final = Kept(
    name="preparations",
    tables={_table(PreparationRow): "id", _table(PreparedFileRow): "preparation_id"},
    leaving_out=_workers(
        *("preparation", "attempt", "attempts", "claimed_until", "rows_done", "rows_total")
    ),
    told_before=_resource("preparations"),
)
KEPT: Final = (
    *(SUBMISSIONS, QUARANTINES, EDITIONS, QUALITIES, FIELDS),
    *(LISTS, CHECKS, EXPECTATIONS, PREPARATIONS),
)
