"""Agreements in a relational database: versions, signatures, holds and renewals as one."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.events import enqueue
from agreements.db.read.known import KnownAgreements, ReadAgreement
from agreements.db.read.rows import AgreementRows, AgreementTables, rows_of, tables
from agreements.db.read.search import narrowed
from agreements.db.seals import receipts
from agreements.db.seals.chain import Sealer
from agreements.db.seals.receipts import PARTY
from agreements.db.store import put
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
)
from agreements.db.written import add, supersede
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.errors import HoldNotFound
from agreements.records.domain.hold import Hold, Lift
from agreements.records.domain.task import Task
from agreements.records.domain.terms.search import EVERYTHING, AgreementSearch
from agreements.records.domain.version import (
    AgreementVersion,
    Capacity,
    Signature,
)
from agreements.records.use_cases.ports import Scope, Slice
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading
from common.errors import AgreementNotFound

NOTHING = "There is no such agreement."
READ_AT_ONCE = 500
"""Agreements whose parts are read together: more than the longest page."""


@dataclass(frozen=True, slots=True)
class SqlAgreements:
    session: Session
    sealer: Sealer
    known: KnownAgreements
    _read: dict[UUID, ReadAgreement] = field(init=False, repr=False, default_factory=dict)

    # Reading

    def as_read(self, agreement: Agreement) -> ReadAgreement | None:
        """Return the rows that this very agreement was made of, where this transaction read it."""
        read = self._read.get(agreement.id)
        return read if read is not None and read.agreement is agreement else None

    def tasks(self, agreement: Agreement) -> Sequence[Task]:
        read = self.as_read(agreement)
        if read is None:
            raise LookupError("this transaction did not read that agreement")
        return read.tasks

    def get(self, reference: str, *, scope: Scope) -> Agreement:
        found = self._of(self._rows(scope).where(col(AgreementRow.reference) == reference))
        if not found:
            raise AgreementNotFound(NOTHING)
        return found[0]

    def find(self, reference: str) -> Agreement | None:
        found = self._of(self._rows(None).where(col(AgreementRow.reference) == reference))
        return found[0] if found else None

    def named(self, references: Collection[str]) -> Sequence[Agreement]:
        return self._of(self._rows(None).where(col(AgreementRow.reference).in_(sorted(references))))

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

    def page(
        self, part: Slice, *, scope: Scope, search: AgreementSearch = EVERYTHING
    ) -> Sequence[Agreement]:
        query = narrowed(self._rows(scope), search)
        query = query.order_by(col(AgreementRow.id)).limit(part.rows)
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
        query = self._rows(None).where(col(AgreementRow.id).in_(either))
        return self._each(query.order_by(col(AgreementRow.id)))

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
        of = tables(self.session.get_bind().dialect)
        id_ = of.agreement.column("id")
        said = query.with_only_columns(id_, col(AgreementRow.reference), maintain_column_froms=True)
        which = [tuple(row) for row in self.session.execute(said).all()]
        found: list[Agreement] = []
        for start in range(0, len(which), READ_AT_ONCE):
            some = which[start : start + READ_AT_ONCE]
            found += unreadable.read(some, self._whole)
        return found

    def _whole(self, which: Sequence[tuple[Any, str]]) -> list[Agreement]:
        of = tables(self.session.get_bind().dialect)
        rows = rows_of(self.session, which)
        return [self._one(of, of.agreement.value("id", one[0]), rows[one]) for one in which]

    def _one(self, of: AgreementTables, agreement_id: UUID, rows: AgreementRows) -> Agreement:
        read = self._read[agreement_id] = self.known.of(of, agreement_id, rows)
        return read.agreement

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
