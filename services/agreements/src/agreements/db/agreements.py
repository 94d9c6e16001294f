"""Agreements in a relational database: versions, signatures, holds and renewals as one."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.events import enqueue
from agreements.db.seals import receipts
from agreements.db.seals.chain import Sealer
from agreements.db.seals.receipts import PARTY
from agreements.db.seals.sealed import columns_of
from agreements.db.store import put, to_fact
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
from agreements.db.written import add, supersede
from agreements.records.domain.agreement import Agreement, AgreementState, Renewal
from agreements.records.domain.errors import HoldNotFound
from agreements.records.domain.hold import HeldLine, Hold, Lift
from agreements.records.domain.version import (
    AgreementLine,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from agreements.records.use_cases.ports import Scope, Slice
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading
from common.db.tables import table_of
from common.errors import AgreementNotFound
from statements.vocabulary import LineKey

NOTHING = "There is no such agreement."
READ_AT_ONCE = 200
"""Agreements whose parts are read together."""


@dataclass(frozen=True, slots=True)
class SqlAgreements:
    session: Session
    sealer: Sealer

    # Reading

    def get(self, reference: str, *, scope: Scope) -> Agreement:
        found = self._of(self._rows(scope).where(col(AgreementRow.reference) == reference))
        if not found:
            raise AgreementNotFound(NOTHING)
        return found[0]

    def find(self, reference: str) -> Agreement | None:
        found = self._of(self._rows(None).where(col(AgreementRow.reference) == reference))
        return found[0] if found else None

    def by_id(self, agreement_id: UUID) -> Agreement:
        found = self._of(self._rows(None).where(col(AgreementRow.id) == agreement_id))
        if not found:
            raise AgreementNotFound(NOTHING)
        return found[0]

    def of_hold(self, hold_id: UUID, *, scope: Scope) -> Agreement:
        held = select(col(HoldRow.agreement_id)).where(col(HoldRow.id) == hold_id)
        found = self._of(self._rows(scope).where(col(AgreementRow.id).in_(held)))
        if not found:
            raise HoldNotFound("There is no such hold.")
        return found[0]

    def with_processor(self, ods: str) -> Sequence[Agreement]:
        naming = party_to([ods]).where(col(AgreementPartyRow.capacity) == Capacity.PROCESSOR.value)
        return self._of(self._rows(None).where(col(AgreementRow.id).in_(naming)))

    def lacking_signatures(
        self, day: date, *, parties: Collection[str] | None
    ) -> Sequence[Agreement]:
        capacity = Capacity.BODY.value if parties is None else PARTY
        signed = select(col(SignatureRow.id)).where(
            col(SignatureRow.agreement_version_id) == col(AgreementVersionRow.id),
            col(SignatureRow.party) == col(AgreementPartyRow.ods),
            col(SignatureRow.capacity) == capacity,
        )
        lacking = (
            select(col(AgreementVersionRow.agreement_id))
            .join(
                AgreementPartyRow,
                col(AgreementPartyRow.agreement_version_id) == col(AgreementVersionRow.id),
            )
            .where(col(AgreementVersionRow.valid_to) >= day, ~signed.exists())
        )
        of_body = col(AgreementPartyRow.capacity) == Capacity.BODY.value
        if parties is None:
            lacking = lacking.where(of_body)
        else:
            lacking = lacking.where(~of_body, col(AgreementPartyRow.ods).in_(sorted(parties)))
        return self._each(self._rows(None).where(col(AgreementRow.id).in_(lacking)))

    def with_lifts_begun(self) -> Sequence[Agreement]:
        begun = (
            select(col(HoldRow.agreement_id))
            .join(HoldLiftRow, col(HoldLiftRow.hold_id) == col(HoldRow.id))
            .where(col(HoldRow.superseded_epoch).is_(None), col(HoldRow.lifted_at).is_(None))
        )
        return self._each(self._rows(None).where(col(AgreementRow.id).in_(begun)))

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Agreement]:
        query = self._rows(scope).order_by(col(AgreementRow.id)).limit(part.rows)
        if part.after is not None:
            query = query.where(col(AgreementRow.id) > part.after)
        return self._each(query)

    def _each(self, query: Select[AgreementRow]) -> list[Agreement]:
        """Read them; one that cannot be read is noted and hides no other."""
        return reading.page_by(self.session, query, self._of, key=col(AgreementRow.id))

    def ending(self, first: date, last: date) -> Sequence[Agreement]:
        version, condition = AgreementVersionRow, SpecialConditionRow
        of_versions = select(col(version.agreement_id)).where(
            col(version.valid_to).between(first, last)
        )
        of_conditions = (
            select(col(condition.agreement_id))
            .where(col(condition.superseded_epoch).is_(None))
            .where(col(condition.fulfilled_at).is_(None))
            .where(col(condition.due).between(first, last))
        )
        either = of_versions.union(of_conditions)
        return self._of(
            self._rows(None).where(col(AgreementRow.id).in_(either)).order_by(col(AgreementRow.id))
        )

    def parties(self) -> Sequence[str]:
        query = select(col(AgreementPartyRow.ods)).distinct().order_by(col(AgreementPartyRow.ods))
        return list(self.session.execute(query).scalars())

    def _rows(self, scope: Scope) -> Select[AgreementRow]:
        """Begin a query of current rows that the scope may know of."""
        query = select(AgreementRow).where(col(AgreementRow.superseded_epoch).is_(None))
        if scope is None:
            return query
        return query.where(col(AgreementRow.id).in_(party_to(scope)))

    def _of(self, query: Select[AgreementRow]) -> list[Agreement]:
        rows = list(self.session.execute(query).scalars())
        return [
            agreement
            for start in range(0, len(rows), READ_AT_ONCE)
            for agreement in unreadable.read(rows[start : start + READ_AT_ONCE], self._whole)
        ]

    def _whole(self, rows: Sequence[AgreementRow]) -> list[Agreement]:
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
        rows = self._rows_of(
            AgreementVersionRow, "agreement_id", agreements, by=col(AgreementVersionRow.sequence)
        )
        ids = [row.id for of_agreement in rows.values() for row in of_agreement]
        of_version = "agreement_version_id"
        parties = self._rows_of(
            AgreementPartyRow, of_version, ids, by=col(AgreementPartyRow.position)
        )
        lines = self._rows_of(AgreementLineRow, of_version, ids, by=col(AgreementLineRow.number))
        signatures = self._rows_of(SignatureRow, of_version, ids, by=col(SignatureRow.id))
        conditions: defaultdict[UUID, list[Condition]] = defaultdict(list)
        for of_agreement in self._current(SpecialConditionRow, agreements).values():
            for row in sorted(of_agreement, key=lambda row: row.condition):
                conditions[row.agreement_version_id].append(to_fact(Condition, row))
        found: defaultdict[UUID, list[AgreementVersion]] = defaultdict(list)
        for agreement_id, of_one in rows.items():
            found[agreement_id] = [
                to_fact(
                    AgreementVersion,
                    row,
                    parties=tuple(to_fact(Party, party) for party in parties[row.id]),
                    lines=tuple(map(_line, lines[row.id])),
                    conditions=tuple(conditions[row.id]),
                    signatures=tuple(map(to_signature, signatures[row.id])),
                )
                for row in of_one
            ]
        return found

    def _holds(self, agreements: Sequence[UUID]) -> Mapping[UUID, list[Hold]]:
        rows = self._current(HoldRow, agreements)
        ids = [row.id for of_agreement in rows.values() for row in of_agreement]
        lines = self._rows_of(HoldLineRow, "hold_id", ids, by=col(HoldLineRow.number))
        lifts = self._rows_of(HoldLiftRow, "hold_id", ids, by=col(HoldLiftRow.id))
        found: defaultdict[UUID, list[Hold]] = defaultdict(list)
        for agreement_id, of_one in rows.items():
            found[agreement_id] = [
                to_fact(
                    Hold,
                    row,
                    lines=tuple(to_held_line(columns_of(line)) for line in lines[row.id]),
                    lifts=tuple(to_fact(Lift, lift) for lift in lifts[row.id]),
                )
                for row in of_one
            ]
        return found

    def _current(
        self, row: type[Versioned], agreements: Sequence[UUID]
    ) -> Mapping[UUID, list[Row[Any]]]:
        return self._rows_of(
            row,
            "agreement_id",
            agreements,
            by=col(row.id),
            where=col(row.superseded_epoch).is_(None),
        )

    def _rows_of(
        self,
        row: type[TableRow],
        column: str,
        owners: Sequence[UUID],
        *,
        by: ColumnElement[Any] | Mapped[Any],
        where: ColumnElement[bool] | None = None,
    ) -> Mapping[UUID, list[Row[Any]]]:
        """Return the rows of several owners, in order, by whose they are.

        They are read and no more: objects that can be changed and written back take twice as long.
        """
        found: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
        if owners:
            table = table_of(row)
            query = select(*table.c).where(table.c[column].in_(owners)).order_by(by)
            for one in self.session.execute(query if where is None else query.where(where)):
                found[getattr(one, column)].append(one)
        return found

    # Writing

    def save(self, agreement: Agreement, *, audit: Entry) -> Agreement:
        if agreement.announced_state is None:
            raise ValueError("settle an agreement before it is stored")
        epoch = stamp(self.session, at=audit.at)
        former = self.by_id(agreement.id) if agreement.version > 0 else None
        if former is not None:
            supersede(self.session, AgreementRow, agreement.id, agreement.version, epoch=epoch)
        stored = replace(agreement, version=agreement.version + 1, pending=())
        add(
            self.session,
            AgreementRow,
            [
                {
                    "id": stored.id,
                    "version": stored.version,
                    "epoch": epoch,
                    "recorded_at": audit.at,
                    "reference": stored.reference,
                    "terminated_at": stored.terminated_at,
                    "termination_reason": stored.termination_reason,
                    "closed_at": stored.closed_at,
                    "announced_state": agreement.announced_state.value,
                }
            ],
        )
        self._save_versions(stored, former, epoch=epoch, audit=audit)
        self._save_holds(stored, former, epoch=epoch, audit=audit)
        known = {renewal.id: renewal for renewal in former.renewals} if former else {}
        changed = [r for r in stored.renewals if known.get(r.id) != r]
        put(self.session, RenewalRow, changed, epoch=epoch, audit=audit, agreement_id=stored.id)
        enqueue(
            self.session,
            agreement.pending,
            aggregate_id=stored.id,
            aggregate_version=stored.version,
        )
        audit_log.append(self.session, [audit])
        return self.by_id(stored.id)

    def _save_versions(
        self, stored: Agreement, former: Agreement | None, *, epoch: int, audit: Entry
    ) -> None:
        known = {version.id: version for version in former.versions} if former else {}
        for version in stored.versions:
            before = known.get(version.id)
            if before is None:
                self._add_version(stored.id, version, epoch=epoch, audit=audit)
            signed = {s.id for s in before.signatures} if before else set()
            met = {c.id: c for c in before.conditions} if before else {}
            self._add_signatures(
                version, [s for s in version.signatures if s.id not in signed], epoch, audit
            )
            put(
                self.session,
                SpecialConditionRow,
                [c for c in version.conditions if met.get(c.id) != c],
                epoch=epoch,
                audit=audit,
                agreement_id=stored.id,
                agreement_version_id=version.id,
            )

    def _add_version(
        self, agreement_id: UUID, version: AgreementVersion, *, epoch: int, audit: Entry
    ) -> None:
        add(
            self.session,
            AgreementVersionRow,
            [
                {
                    "id": version.id,
                    "epoch": epoch,
                    "recorded_at": audit.at,
                    "agreement_id": agreement_id,
                    "number": version.number,
                    "sequence": version.sequence,
                    "application_id": version.application_id,
                    "kind": version.kind,
                    "title": version.title,
                    "valid_from": version.valid_from,
                    "valid_to": version.valid_to,
                    "snapshot_hash": version.snapshot_hash,
                    "document_hash": version.document_hash,
                    "document": version.document,
                }
            ],
        )
        add(
            self.session,
            AgreementPartyRow,
            [
                {
                    "agreement_version_id": version.id,
                    "ods": party.ods,
                    "capacity": party.capacity.value,
                    "legal_name": party.legal_name,
                    "position": position,
                }
                for position, party in enumerate(version.parties)
            ],
        )
        add(
            self.session,
            AgreementLineRow,
            [
                {
                    "agreement_version_id": version.id,
                    "number": line.number,
                    "purpose": line.key.purpose,
                    "data_set": line.key.data_set,
                    "classification": line.key.classification,
                    "content": dict(line.content),
                }
                for line in version.lines
            ],
        )

    def _add_signatures(
        self, version: AgreementVersion, new: Sequence[Signature], epoch: int, audit: Entry
    ) -> None:
        add(
            self.session,
            SignatureRow,
            [
                {
                    "id": signature.id,
                    "epoch": epoch,
                    "recorded_at": audit.at,
                    "agreement_version_id": version.id,
                    "party": signature.party,
                    "capacity": Capacity.BODY.value if signature.for_body else PARTY,
                    "document_hash": signature.document_hash,
                    "name_of_role": signature.name_of_role,
                    "signed_at": signature.signed_at,
                }
                for signature in new
            ],
        )
        signed = receipts.of_version(replace(version, signatures=tuple(new)))
        receipts.give(self.session, self.sealer, signed, epoch=epoch, audit=audit)

    def _save_holds(
        self, stored: Agreement, former: Agreement | None, *, epoch: int, audit: Entry
    ) -> None:
        known = {hold.id: hold for hold in former.holds} if former else {}
        for hold in stored.holds:
            before = known.get(hold.id)
            if before is None or before.lifted_at != hold.lifted_at:
                put(
                    self.session,
                    HoldRow,
                    [hold],
                    epoch=epoch,
                    audit=audit,
                    agreement_id=stored.id,
                )
            if before is None and hold.lines:
                self._add_held_lines(hold)
            approved = {lift.id for lift in before.lifts} if before else set()
            for lift in hold.lifts:
                if lift.id not in approved:
                    self._add_lift(hold.id, lift, epoch=epoch, audit=audit)

    def _add_held_lines(self, hold: Hold) -> None:
        add(
            self.session,
            HoldLineRow,
            [
                {
                    "hold_id": hold.id,
                    "purpose": line.key.purpose,
                    "data_set": line.key.data_set,
                    "classification": line.key.classification,
                    "number": line.number,
                }
                for line in hold.lines
            ],
        )

    def _add_lift(self, hold_id: UUID, lift: Lift, *, epoch: int, audit: Entry) -> None:
        add(
            self.session,
            HoldLiftRow,
            [
                {
                    "id": lift.id,
                    "epoch": epoch,
                    "recorded_at": audit.at,
                    "hold_id": hold_id,
                    "approved_by": lift.approved_by,
                    "approved_at": lift.approved_at,
                    "reason": lift.reason,
                }
            ],
        )


def party_to(codes: Iterable[str]) -> Select[UUID]:
    """Select the ids of the agreements that name one of these organisations in any version."""
    return (
        select(col(AgreementVersionRow.agreement_id))
        .join(
            AgreementPartyRow,
            col(AgreementPartyRow.agreement_version_id) == col(AgreementVersionRow.id),
        )
        .where(col(AgreementPartyRow.ods).in_(sorted(codes)))
    )


def _line(row: Row[Any]) -> AgreementLine:
    return AgreementLine(
        number=row.number,
        key=LineKey(row.purpose, row.data_set, row.classification),
        content=row.content,
    )


def to_signature(row: SignatureRow | Row[Any]) -> Signature:
    return to_fact(Signature, row, for_body=row.capacity == Capacity.BODY)


def to_held_line(columns: Mapping[str, Any]) -> HeldLine:
    key = LineKey(columns["purpose"], columns["data_set"], columns["classification"])
    return HeldLine(key=key, number=columns["number"])
