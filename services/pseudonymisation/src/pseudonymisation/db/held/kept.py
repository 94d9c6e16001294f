"""Which rows are held against the audit log before they are shown (docs/adr/0073)."""

from collections.abc import Mapping
from typing import Any, Final

from common.audit import Kept, told_of
from common.db.tables import table_of
from pseudonymisation.db.people.tables import (
    InvoiceMatchRow,
    MatchedPersonRow,
    RegistrationListRow,
    ReidentificationRow,
    SubjectAccessRow,
    ToldOfRow,
)
from pseudonymisation.db.preparation_tables import (
    PreparationRow,
    PreparedFileRow,
    PseudonymDomainRow,
)
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
from pseudonymisation.intake.domain.lives.submission import SubmissionState

LOG: Final = "pseudonymisation"
UNDER_WAY: Final = frozenset({SubmissionState.RECEIVED.value, SubmissionState.LANDING.value})


def _received(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What workers note while they land a file is in no leaf: then it is as it was received."""
    if row["state"] not in UNDER_WAY:
        return row
    told = {name: value for name, value in row.items() if name != "rows_done"}
    received = SubmissionState.RECEIVED.value
    # Why it waits for a part that is away is noted by a worker as well.
    return {**told, "state": received, "code": None, "detail": None}


def _workers(table: str, *names: str) -> frozenset[str]:
    return frozenset(f"{table}.{name}" for name in names)


SUBMISSIONS: Final = Kept(
    name="submissions",
    tables={table_of(SubmissionRow): "id"},
    leaving_out=_workers("submission", "version", "attempt", "attempts", "claimed_until"),
    told_before=told_of("submissions"),
    read_as=_received,
)
QUARANTINES: Final = Kept(
    name="quarantines",
    tables={table_of(QuarantineRow): "submission_id"},
    told_before=told_of("submissions"),
)
EDITIONS: Final = Kept(
    name="editions", tables={table_of(EditionRow): "id"}, told_before=told_of("editions")
)
QUALITIES: Final = Kept(
    name="qualities",
    tables={table_of(EditionQualityRow): "edition_id"},
    told_before=told_of("editions"),
)
FIELDS: Final = Kept(
    name="field-qualities",
    tables={table_of(FieldQualityRow): "edition_id"},
    told_before=told_of("editions"),
)
LISTS: Final = Kept(
    name="opt-out-lists",
    tables={table_of(OptOutListRow): "id"},
    told_before=told_of("opt-out-lists"),
)
CHECKS: Final = Kept(
    name="opt-out-checks",
    tables={table_of(OptOutCheckRow): "id"},
    told_before=told_of("opt-out-checks"),
)
EXPECTATIONS: Final = Kept(
    name="expectations",
    tables={table_of(ExpectationRow): "id"},
    told_before=told_of("expectations"),
)
PREPARATIONS: Final = Kept(
    name="preparations",
    tables={table_of(PreparationRow): "id", table_of(PreparedFileRow): "preparation_id"},
    leaving_out=_workers(
        *("preparation", "attempt", "attempts", "claimed_until", "rows_done", "rows_total")
    ),
    told_before=told_of("preparations"),
)
DOMAINS: Final = Kept(
    name="domains",
    tables={table_of(PseudonymDomainRow): "id"},
    told_before=told_of("domains"),
)
REGISTRATIONS: Final = Kept(
    name="practice-registrations", tables={table_of(RegistrationListRow): "id"}
)
REIDENTIFICATIONS: Final = Kept(
    name="re-identifications",
    tables={table_of(ReidentificationRow): "id", table_of(ToldOfRow): "reidentification_id"},
)
SUBJECT_ACCESS: Final = Kept(
    name="subject-access-requests", tables={table_of(SubjectAccessRow): "id"}
)
INVOICE_MATCHES: Final = Kept(
    name="invoice-matches",
    tables={table_of(InvoiceMatchRow): "id", table_of(MatchedPersonRow): "match_id"},
)
KEPT: Final = (
    *(SUBMISSIONS, QUARANTINES, EDITIONS, QUALITIES, FIELDS),
    *(LISTS, CHECKS, EXPECTATIONS, PREPARATIONS, DOMAINS),
    *(REGISTRATIONS, REIDENTIFICATIONS, SUBJECT_ACCESS, INVOICE_MATCHES),
)
