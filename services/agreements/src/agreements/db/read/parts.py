"""An agreement made of the rows about it, as they are stored."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from agreements.db.read.facts import to_fact
from agreements.db.read.rows import OF_HOLD, OF_VERSION, AgreementRows, AgreementTables, Rows
from agreements.db.seals.stored import JsonText, Stored
from agreements.records.domain.agreement import Agreement, Renewal
from agreements.records.domain.hold import HeldLine, Hold, Lift
from agreements.records.domain.task import Task
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.version import (
    AgreementLine,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from common.grouping import grouped
from statements.vocabulary import LineKey

Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgreementParts:
    """Makes what belongs to an agreement of its rows."""

    of: AgreementTables
    rows: AgreementRows

    def whole(self, agreement_id: UUID) -> Agreement:
        """Return it as it is held true.

        Raises:
            RecordUnreadable: or another of `common.unreadable.UNREADABLE`.

        """
        [row] = [
            row
            for row in _current(self.of.agreement, self.rows.agreement)
            if row["id"] == agreement_id
        ]
        return Agreement(
            id=row["id"],
            reference=row["reference"],
            versions=tuple(self._versions()),
            holds=tuple(self._holds()),
            renewals=tuple(
                to_fact(Renewal, one) for one in _current(self.of.renewal, self.rows.renewal)
            ),
            terminated_at=row["terminated_at"],
            termination_reason=row["termination_reason"],
            closed_at=row["closed_at"],
            announced_state=AgreementState(row["announced_state"]),
            version=row["version"],
        )

    def tasks(self) -> tuple[Task, ...]:
        """Return what is to be done about it, and what was done.

        Raises:
            RecordUnreadable

        """
        return tuple(to_fact(Task, row) for row in _current(self.of.task, self.rows.task))

    def _versions(self) -> Iterator[AgreementVersion]:
        of, rows = self.of, self.rows
        parties = _by(of.party, OF_VERSION, rows.party, order="position")
        signatures = _by(of.signature, OF_VERSION, rows.signature, order="id")
        lines = self._lines()
        conditions: defaultdict[UUID, list[Condition]] = defaultdict(list)
        current = _current(of.condition, rows.condition)
        for row in sorted(current, key=lambda row: row["condition"]):
            conditions[row[OF_VERSION]].append(to_fact(Condition, row))
        for row in sorted(map(of.version.read, rows.version), key=lambda row: row["sequence"]):
            yield to_fact(
                AgreementVersion,
                row,
                parties=tuple(to_fact(Party, party) for party in parties.get(row["id"], ())),
                lines=tuple(lines[row["id"]]),
                conditions=tuple(conditions[row["id"]]),
                signatures=tuple(map(to_signature, signatures.get(row["id"], ()))),
            )

    def _lines(self) -> Mapping[UUID, list[AgreementLine]]:
        """Return the lines of versions. What each says is read when somebody asks for it."""
        of = self.of.line
        version, number, purpose, data_set, classification, content = map(
            of.position,
            (OF_VERSION, "number", "purpose", "data_set", "classification", "content"),
        )
        found: defaultdict[UUID, list[AgreementLine]] = defaultdict(list)
        for row in sorted(self.rows.line, key=lambda row: row[number]):
            key = LineKey(row[purpose], row[data_set], row[classification])
            line = AgreementLine(number=row[number], key=key, content=JsonText(row[content]))
            found[of.value(OF_VERSION, row[version])].append(line)
        return found

    def _holds(self) -> Iterator[Hold]:
        lines = _by(self.of.held_line, OF_HOLD, self.rows.held_line, order="number")
        lifts = _by(self.of.lift, OF_HOLD, self.rows.lift, order="id")
        for row in _current(self.of.hold, self.rows.hold):
            yield to_fact(
                Hold,
                row,
                lines=tuple(map(to_held_line, lines.get(row["id"], ()))),
                lifts=tuple(to_fact(Lift, lift) for lift in lifts.get(row["id"], ())),
            )


def _current(of: Stored, rows: Rows) -> list[Columns]:
    """Return the rows that are held true, in order of id."""
    at = of.position("superseded_epoch")
    found = [of.read(row) for row in rows if row[at] is None]
    return sorted(found, key=lambda row: row["id"])


def _by(of: Stored, column: str, rows: Rows, *, order: str) -> Mapping[UUID, Sequence[Columns]]:
    read = sorted(map(of.read, rows), key=lambda row: row[order])
    return grouped(read, lambda row: row[column])


def to_signature(row: Row[Any] | Columns) -> Signature:
    capacity = row["capacity"] if isinstance(row, Mapping) else row.capacity
    return to_fact(Signature, row, for_body=capacity == Capacity.BODY)


def to_held_line(columns: Mapping[str, Any]) -> HeldLine:
    key = LineKey(columns["purpose"], columns["data_set"], columns["classification"])
    return HeldLine(key=key, number=columns["number"])
