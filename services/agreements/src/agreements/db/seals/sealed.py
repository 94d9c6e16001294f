"""Which tables are sealed, in which registers, and what a register's digest is over.

A register is all rows of a table that share the value by which facts are asked for: the contracts
of an organisation, the holds of an agreement. Its digest is over every row that it ever had and
over their parts, so that what was inserted, changed or deleted past the service shows.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import orjson
from pydantic import JsonValue
from sqlalchemy import Row, Select, Table, select
from sqlmodel import Session

from agreements.db import tables as t
from agreements.db.destruction.tables import (
    DestroyedFileRow,
    DestructionAcceptanceRow,
    DestructionCertificateRow,
)
from agreements.db.flows.tables import LocalFlowRow
from agreements.db.import_tables import ImportRow, MapStandingRow, RecallRow
from agreements.db.issuing.tables import AgreementBatchRow, AgreementTemplateRow
from agreements.db.oversight.tables import (
    AuditRow,
    DirectionRow,
    InternalInstructionRow,
    LapseWarningRow,
    OptOutWaiverRow,
    StaffRecordRow,
)
from agreements.db.parties.tables import (
    DomainTransferRow,
    ListedEnvironmentRow,
    TransferWithdrawalRow,
)
from agreements.db.relationship_tables import (
    RelationshipConsentRow,
    RelationshipEditionRow,
    RelationshipRow,
)
from agreements.db.seals.tables import SignatureReceiptRow
from agreements.db.sharing.tables import OnwardShareRow
from common.clock import instant_text
from common.db.tables import table_of
from common.ids import canonical, digest_of

Record = Mapping[str, JsonValue]
Key = tuple[UUID, int]
"""A row's id and version; 0 where it is said once and never changed."""

READ_VALUES = 500
"""How many registers are read at once."""
DIGESTS_MAX = 50_000
"""Of so many rows the digest is kept: a hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that belong to one row of a register and are written with it."""

    row: type[t.Row]
    column: str
    """Names the id of the row that they belong to."""


@dataclass(frozen=True, slots=True)
class Sealed:
    row: type[t.Recorded] | type[t.Versioned]
    by: str | None
    """The column whose value names the register; None: the table is one register."""
    parts: tuple[Part, ...] = ()

    @property
    def table(self) -> Table:
        return table_of(self.row)

    def register(self, value: object) -> str:
        """Name a register."""
        return self.table.name if self.by is None else f"{self.table.name}/{value}"

    def value(self, columns: Mapping[str, object]) -> object:
        """Return which register a row belongs to."""
        return None if self.by is None else columns[self.by]


SEALED: Mapping[type[t.Row], Sealed] = {
    sealed.row: sealed
    for sealed in (
        Sealed(t.OrganisationRow, "ods"),
        Sealed(t.TransferInstrumentRow, None),
        Sealed(TransferWithdrawalRow, None),
        Sealed(ListedEnvironmentRow, "kind"),
        Sealed(DomainTransferRow, "agreement_id"),
        Sealed(t.MapSnapshotRow, None),
        Sealed(t.RecipientEnvironmentRow, "organisation"),
        Sealed(t.EnvironmentClientRow, "environment_id"),
        Sealed(t.ContractRow, "organisation"),
        Sealed(t.AgreementRow, "reference"),
        Sealed(
            t.AgreementVersionRow,
            "agreement_id",
            (
                Part(t.AgreementPartyRow, "agreement_version_id"),
                Part(t.AgreementLineRow, "agreement_version_id"),
            ),
        ),
        Sealed(t.SignatureRow, "agreement_version_id"),
        Sealed(SignatureReceiptRow, "document_hash"),
        Sealed(t.RenewalRow, "agreement_id"),
        Sealed(t.SpecialConditionRow, "agreement_id"),
        Sealed(t.TaskRow, "agreement_id"),
        Sealed(RelationshipRow, "commissioner"),
        Sealed(RelationshipConsentRow, "relationship_id"),
        Sealed(RelationshipEditionRow, "number"),
        Sealed(t.AssuranceRow, "organisation"),
        Sealed(t.IcoRegistrationRow, "organisation"),
        Sealed(t.Section251ApprovalRow, "reference"),
        Sealed(t.PublicationRow, "data_set"),
        Sealed(t.SubmissionRightRow, "submitter"),
        Sealed(LocalFlowRow, "digest"),
        Sealed(ImportRow, None),
        Sealed(MapStandingRow, None),
        Sealed(RecallRow, None),
        Sealed(t.BreachRow, "agreement_id"),
        Sealed(t.HoldRow, "agreement_id", (Part(t.HoldLineRow, "hold_id"),)),
        Sealed(t.HoldLiftRow, "hold_id"),
        Sealed(DestructionCertificateRow, "agreement_id"),
        Sealed(DestructionAcceptanceRow, "agreement_id"),
        Sealed(DestroyedFileRow, "agreement_id"),
        Sealed(OnwardShareRow, "agreement_id"),
        Sealed(AgreementTemplateRow, "name"),
        Sealed(AgreementBatchRow, "id"),
        Sealed(StaffRecordRow, "subject"),
        Sealed(AuditRow, "reference"),
        Sealed(DirectionRow, None),
        Sealed(OptOutWaiverRow, None),
        Sealed(InternalInstructionRow, "agreement"),
        Sealed(LapseWarningRow, "subject_id"),
    )
}
"""Every table of facts. CONTRIBUTING.md says what a new one does, and a test asks for it."""

UNSEALED: Mapping[str, str] = {
    "fact_epoch": "its number is in the newest seal",
    "fact_change": "it only says when an epoch was made; no decision reads it",
    "map_chunk": "the map's digest is in its sealed row",
    "import_content": "its digest is in the import's sealed row",
    "catalogue_file": "its digest is in the local flow's sealed row",
    "seal": "the seals themselves",
    "decision": "its digest is in the audit tree",
    "decision_seal": "the seals of what decisions wrote",
    "permit": "each row is signed (decision_seals)",
    "holding": "sealed in the chain of decisions (decision_seals)",
    "opt_out_treatment": "sealed in the chain of decisions (decision_seals)",
    "holding_fate": "sealed in the chain of decisions (decision_seals)",
    "ended_extract": "it is only counted in previews",
    "inbox": "no fact",
    "outbox": "no fact",
    "aggregate_seen": "no fact",
    "idempotency": "no fact",
    "dead_letter": "no fact",
    "audit_leaf": "the audit tree",
    "audit_frontier": "the audit tree",
}
"""Every other table, and why nothing opens by it."""


def columns_of(row: Row[Any]) -> dict[str, Any]:
    """Return a row's values by the names of its columns."""
    return dict(row._mapping)  # noqa: SLF001 - how SQLAlchemy names what is public


def key_of(columns: Mapping[str, Any]) -> Key:
    """Return which row it is."""
    return columns["id"], columns.get("version", 0)


def record(columns: Mapping[str, object]) -> dict[str, JsonValue]:
    """Write a row down so that equal rows are equal text.

    What is empty is left out, so that a column which is added later, empty, changes nothing.
    """
    return {
        name: value if type(value) is str else _AS_TEXT.get(type(value), _plain)(value)
        for name, value in columns.items()
        if value is not None
    }


def text_of_row(columns: Mapping[str, object]) -> bytes:
    """Write a row down as `canonical(record(columns))` does, and the usual one in one step.

    Values of these kinds, under names of ours, the fast encoder writes as the canonical form has
    them (`common.ids`); whatever else there is, or is refused here, is written by that.
    """
    usual = {
        name: instant_text(value) if type(value) is datetime else value
        for name, value in columns.items()
        if value is not None
    }
    if _WRITTEN_AS_THEY_ARE.issuperset(map(type, usual.values())):
        try:
            return orjson.dumps(usual, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
        except orjson.JSONEncodeError:
            pass  # a lone surrogate, or too large: let the other say so
    return canonical(record(columns))


def digest_of_rows(records: Iterable[Record]) -> str | None:
    """Return the digest of a register; None where it has no rows."""
    return _digest_of([digest_of(dict(one)) for one in records])


class ReadRow(Protocol):
    """A row that can be told by what was read of it."""

    def as_read(self) -> bytes:
        """Return a digest of every value as it was read."""

    def record(self) -> dict[str, JsonValue]:
        """Write it down."""


def digest_as_read(rows: Iterable[ReadRow]) -> str | None:
    """Return the same of rows as they were read: what was written down before is known by it.

    To write a row down takes several times what reading it does (docs/performance.md), and people
    look at the same agreements again and again. The same values have the same digest, whoever
    wrote them; one value that differs, and the row is written down anew.
    """
    return _digest_of([_DIGESTS.of(one) for one in rows])


def _digest_of(digests: Iterable[str]) -> str | None:
    return _of_sorted(tuple(sorted(digests))) or None


@lru_cache(DIGESTS_MAX)
def _of_sorted(digests: tuple[str, ...]) -> str:
    return digest_of([*digests]) if digests else ""


@dataclass(frozen=True, slots=True)
class RowWithParts:
    """A row of a register, with its parts."""

    row: Row[Any]
    rows: Mapping[str, Sequence[Row[Any]]]
    """Its parts, by their table."""

    @property
    def parts(self) -> Mapping[str, Sequence[Record]]:
        return {name: [record(columns_of(r)) for r in rows] for name, rows in self.rows.items()}

    def record(self, **instead: object) -> dict[str, JsonValue]:
        """Write it down; `instead` are columns as they were before."""
        return with_parts(record({**columns_of(self.row), **instead}), self.parts)

    def as_read(self) -> bytes:
        parts = {name: [columns_of(row) for row in rows] for name, rows in self.rows.items()}
        return known_by((columns_of(self.row), parts))


def with_parts(
    own: dict[str, JsonValue], parts: Mapping[str, Sequence[Record]]
) -> dict[str, JsonValue]:
    """Write the parts of a row down with it."""
    for name, records in parts.items():
        own[f"parts of {name}"] = [dict(r) for r in sorted(records, key=_sorting)]
    return own


def known_by(values: object) -> bytes:
    """Return what a row is known by of which these values were read."""
    return sha256(repr(values).encode(errors="surrogatepass")).digest()


class _Digests:
    """Digests of rows by what was read of them, as often as they are looked at."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def of(self, one: ReadRow) -> str:
        read = one.as_read()
        found = self._known.get(read)
        if found is None:
            found = digest_of(one.record())
            if len(self._known) >= DIGESTS_MAX:
                self._known.clear()
            self._known[read] = found
        return found


_DIGESTS = _Digests()


def read_all(session: Session, sealed: Sealed) -> Mapping[object, list[RowWithParts]]:
    """Return all rows of a table, by the register that each is in."""
    return _gathered(session, sealed, [select(*sealed.table.c)])


def read(
    session: Session, sealed: Sealed, values: Collection[object]
) -> Mapping[object, list[RowWithParts]]:
    """Return all rows of these registers, by the value that names each."""
    return _gathered(session, sealed, queries(sealed, values, select(*sealed.table.c)))


def _gathered(
    session: Session, sealed: Sealed, queries: Iterable[Select[Any]]
) -> Mapping[object, list[RowWithParts]]:
    rows: list[Row[Any]] = []
    for query in queries:
        rows.extend(session.execute(query))
    parts = _parts(session, sealed, [row.id for row in rows])
    found: defaultdict[object, list[RowWithParts]] = defaultdict(list)
    for row in rows:
        found[sealed.value(columns_of(row))].append(RowWithParts(row, parts.get(row.id, {})))
    return found


def queries(
    sealed: Sealed, values: Collection[object], query: Select[Any]
) -> Iterator[Select[Any]]:
    """Ask a query of the table for the rows of these registers alone."""
    if sealed.by is None:
        yield query
        return
    for few in some(values):
        yield query.where(sealed.table.c[sealed.by].in_(few))


def _parts(
    session: Session, sealed: Sealed, ids: Collection[UUID]
) -> Mapping[UUID, Mapping[str, Sequence[Row[Any]]]]:
    found: defaultdict[UUID, dict[str, list[Row[Any]]]] = defaultdict(dict)
    for part in sealed.parts:
        table = table_of(part.row)
        for few in some(set(ids)):
            query = select(*table.c).where(table.c[part.column].in_(few))
            for row in session.execute(query):
                found[getattr(row, part.column)].setdefault(table.name, []).append(row)
    return found


def some(values: Collection[Any]) -> Iterator[list[Any]]:
    """Return them in such numbers as are asked for at once."""
    every = list(values)
    for start in range(0, len(every), READ_VALUES):
        yield every[start : start + READ_VALUES]


def _sorting(one: Record) -> bytes:
    return canonical(dict(one))


def _plain(value: object) -> JsonValue:
    match value:
        case bool() | int() | str():
            return value
        case UUID():
            return str(value)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case dict() | list():
            return value
        case _:
            raise TypeError(f"a sealed column holds a {type(value).__name__}")


_WRITTEN_AS_THEY_ARE = frozenset({str, UUID, int, bool})
_AS_TEXT: Mapping[type, Callable[[Any], JsonValue]] = {UUID: UUID.__str__, datetime: instant_text}
"""What comes most often, without asking what it is."""
