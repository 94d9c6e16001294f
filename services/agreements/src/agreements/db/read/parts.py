"""Agreements with all that belongs to them, read by one statement a table for many of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row
from sqlmodel import Session, col

from agreements.db.seals.stored import JsonText, Stored, every, stored
from agreements.db.store import to_fact
from agreements.db.tables import (
    AgreementLineRow,
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
    HoldLiftRow,
    HoldLineRow,
    HoldRow,
    RenewalRow,
    SignatureRow,
    SpecialConditionRow,
    Versioned,
)
from agreements.db.tables import Row as TableRow
from agreements.records.domain.agreement import Agreement, Renewal
from agreements.records.domain.hold import HeldLine, Hold, Lift
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.version import (
    AgreementLine,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from common.db.tables import table_of
from statements.vocabulary import LineKey

Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgreementParts:
    session: Session

    def whole(self, rows: Sequence[AgreementRow]) -> list[Agreement]:
        """Read what belongs to several agreements by one statement a table."""
        ids = [row.id for row in rows]
        versions, holds = self._versions(ids), self._holds(ids)
        renewals = self._current(RenewalRow, ids)
        return [
            Agreement(
                id=row.id,
                reference=row.reference,
                versions=tuple(versions[row.id]),
                holds=tuple(holds[row.id]),
                renewals=tuple(to_fact(Renewal, renewal) for renewal in renewals[row.id]),
                terminated_at=row.terminated_at,
                termination_reason=row.termination_reason,
                closed_at=row.closed_at,
                announced_state=AgreementState(row.announced_state),
                version=row.version,
            )
            for row in rows
        ]

    def _versions(self, agreements: Sequence[UUID]) -> Mapping[UUID, list[AgreementVersion]]:
        rows = self._rows_of(AgreementVersionRow, "agreement_id", agreements, by="sequence")
        ids = [row["id"] for of_agreement in rows.values() for row in of_agreement]
        of_version = "agreement_version_id"
        parties = self._rows_of(AgreementPartyRow, of_version, ids, by="position")
        lines = self._lines(ids)
        signatures = self._rows_of(SignatureRow, of_version, ids, by="id")
        conditions: defaultdict[UUID, list[Condition]] = defaultdict(list)
        for of_agreement in self._current(SpecialConditionRow, agreements).values():
            for row in sorted(of_agreement, key=lambda row: row["condition"]):
                conditions[row["agreement_version_id"]].append(to_fact(Condition, row))
        found: defaultdict[UUID, list[AgreementVersion]] = defaultdict(list)
        for agreement_id, of_one in rows.items():
            found[agreement_id] = [
                to_fact(
                    AgreementVersion,
                    row,
                    parties=tuple(to_fact(Party, party) for party in parties[row["id"]]),
                    lines=tuple(lines[row["id"]]),
                    conditions=tuple(conditions[row["id"]]),
                    signatures=tuple(map(to_signature, signatures[row["id"]])),
                )
                for row in of_one
            ]
        return found

    def _lines(self, versions: Sequence[UUID]) -> Mapping[UUID, list[AgreementLine]]:
        """Return the lines of versions. What each says is read when somebody asks for it."""
        of, rows = self._stored(AgreementLineRow, "agreement_version_id", versions, "number")
        version, number, purpose, data_set, classification, content = map(
            of.position,
            ("agreement_version_id", "number", "purpose", "data_set", "classification", "content"),
        )
        found: defaultdict[UUID, list[AgreementLine]] = defaultdict(list)
        whose = {
            told: of.value("agreement_version_id", told) for told in {row[version] for row in rows}
        }
        for row in rows:
            key = LineKey(row[purpose], row[data_set], row[classification])
            line = AgreementLine(number=row[number], key=key, content=JsonText(row[content]))
            found[whose[row[version]]].append(line)
        return found

    def _holds(self, agreements: Sequence[UUID]) -> Mapping[UUID, list[Hold]]:
        rows = self._current(HoldRow, agreements)
        ids = [row["id"] for of_agreement in rows.values() for row in of_agreement]
        lines = self._rows_of(HoldLineRow, "hold_id", ids, by="number")
        lifts = self._rows_of(HoldLiftRow, "hold_id", ids, by="id")
        found: defaultdict[UUID, list[Hold]] = defaultdict(list)
        for agreement_id, of_one in rows.items():
            found[agreement_id] = [
                to_fact(
                    Hold,
                    row,
                    lines=tuple(map(to_held_line, lines[row["id"]])),
                    lifts=tuple(to_fact(Lift, lift) for lift in lifts[row["id"]]),
                )
                for row in of_one
            ]
        return found

    def _current(
        self, row: type[Versioned], agreements: Sequence[UUID]
    ) -> Mapping[UUID, list[Columns]]:
        is_current = col(row.superseded_epoch).is_(None)
        return self._rows_of(row, "agreement_id", agreements, by="id", where=is_current)

    def _rows_of(
        self,
        row: type[TableRow],
        column: str,
        owners: Sequence[UUID],
        *,
        by: str,
        where: ColumnElement[bool] | None = None,
    ) -> Mapping[UUID, list[Columns]]:
        """Return the rows of several owners, in order, by whose they are.

        They are read and no more: objects that can be changed and written back take twice as long.
        """
        found: defaultdict[UUID, list[Columns]] = defaultdict(list)
        of, rows = self._stored(row, column, owners, by, where)
        for one in map(of.read, rows):
            found[one[column]].append(one)
        return found

    def _stored(
        self,
        row: type[TableRow],
        column: str,
        owners: Sequence[UUID],
        by: str,
        where: ColumnElement[bool] | None = None,
    ) -> tuple[Stored, list[tuple[Any, ...]]]:
        table = table_of(row)
        of = stored(table, self.session.get_bind().dialect)
        query = of.query.where(table.c[column].in_(owners)).order_by(table.c[by])
        asked = query if where is None else query.where(where)
        return of, every(self.session, [asked] if owners else [])


def to_signature(row: Row[Any] | Columns) -> Signature:
    capacity = row["capacity"] if isinstance(row, Mapping) else row.capacity
    return to_fact(Signature, row, for_body=capacity == Capacity.BODY)


def to_held_line(columns: Mapping[str, Any]) -> HeldLine:
    key = LineKey(columns["purpose"], columns["data_set"], columns["classification"])
    return HeldLine(key=key, number=columns["number"])
