"""Decisions in a relational database: read what they rest on, write what they said, in one commit.

On SQLite a writer's transaction is exclusive from its first statement. On PostgreSQL it is READ
COMMITTED: facts are taken only where the epoch was the same before and after they were read, and
whatever two replicas could both write has a key that lets only one of them.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

from sqlalchemy import Engine, Insert, Update, bindparam, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from agreements.adapters import rules
from agreements.adapters.db import epoch as epochs
from agreements.adapters.db.decision_tables import (
    DecisionRow,
    HoldingFateRow,
    HoldingRow,
    OptOutTreatmentRow,
    PermitRow,
)
from agreements.adapters.db.event_models import enqueue_voided
from agreements.adapters.db.facts import FactsCache
from agreements.adapters.db.seals import Book, Sealer
from agreements.adapters.db.tables import (
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
    TransferInstrumentRow,
)
from agreements.domain.decision.facts import Facts, Reservation
from agreements.domain.decision.held import HeldFile
from agreements.domain.decision.question import Holding
from agreements.domain.decision.rules import Rules
from agreements.domain.permits import GivenPermit
from agreements.use_cases.access.ports import (
    Batch,
    Contended,
    Fate,
    LoggedDecision,
    ReleasedFile,
)
from common import audit
from common.db.unit_of_work import UnitOfWork
from statements import attestation
from statements.permit import Permit

HOLDINGS_CACHED_MAX = 10_000
RESERVED_CACHED_MAX = 100_000
TURNS = 6_021_557_340_918_227_431
"""Files with opt-outs upheld are released, and first fetched, one after another (PostgreSQL)."""
DECISION = DecisionRow.__table__  # type: ignore[attr-defined]  # table=True
PERMIT = PermitRow.__table__  # type: ignore[attr-defined]  # as above
HOLDING = HoldingRow.__table__  # type: ignore[attr-defined]  # as above
TREATMENT = OptOutTreatmentRow.__table__  # type: ignore[attr-defined]  # as above
TAKEN = (
    select(
        TREATMENT.c.environment_id,
        TREATMENT.c.data_set,
        TREATMENT.c.month,
        TREATMENT.c.treatment,
    )
    .where(TREATMENT.c.environment_id.in_(bindparam("environments", expanding=True)))
    .where(TREATMENT.c.data_set == bindparam("data_set"))
    .where(TREATMENT.c.month.in_(bindparam("months", expanding=True)))
)
INSERT_DECISIONS = insert(DECISION)
INSERT_PERMITS = insert(PERMIT)
INSERT_HOLDINGS = insert(HOLDING)
LAST_AT = select(func.max(DECISION.c.last_at))
RENEWED = (
    update(DECISION)
    .where(DECISION.c.id == bindparam("decision"))
    .values(last_at=bindparam("moment"), renewals=DECISION.c.renewals + bindparam("times"))
)


@dataclass(slots=True)
class Remembered:
    """What does not change, or only with the epoch. For one thread at a time."""

    facts: FactsCache
    holdings: dict[UUID, Holding] = field(default_factory=dict)
    reserved: dict[Reservation, str] = field(default_factory=dict)
    fates: dict[UUID, Fate] = field(default_factory=dict)


@dataclass(slots=True)
class SqlDecisionLog:
    session: Session
    remembered: Remembered
    _epoch: int | None = None
    _free: set[Reservation] = field(default_factory=set)
    """Places that this transaction found free; whether they still are, its insert will tell."""

    # Reading

    def epoch(self) -> int:
        if self._epoch is None:
            self._epoch = epochs.current(self.session)
        return self._epoch

    def rules(self) -> Rules:
        return rules.load()

    def last_at(self) -> datetime | None:
        last: datetime | None = self.session.connection().execute(LAST_AT).scalar_one()
        return last

    def facts(self, agreement: str) -> Facts:
        epoch = self.epoch()
        found, is_new = self.remembered.facts.get(self.session, agreement, epoch=epoch)
        if is_new and epochs.current(self.session) != epoch:
            self.remembered.facts.clear()
            raise Contended
        return found

    def reserved(
        self, environments: Collection[UUID], data_set: str, months: Iterable[str]
    ) -> Mapping[Reservation, str]:
        """Return what is taken. What was ever taken stays so; what is free is so for now."""
        taken, free = self.remembered.reserved, self._free
        wanted = [(e, data_set, m) for e in environments for m in dict.fromkeys(months)]
        if unknown := [p for p in wanted if p not in taken and p not in free]:
            if len(taken) >= RESERVED_CACHED_MAX:
                taken.clear()
            rows = self.session.connection().execute(
                TAKEN,
                {
                    "environments": [e for e, _, _ in unknown],
                    "data_set": data_set,
                    "months": [m for _, _, m in unknown],
                },
            )
            taken.update({(row[0], row[1], row[2]): row[3] for row in rows})
            free.update(place for place in unknown if place not in taken)
        return {place: taken[place] for place in wanted if place in taken}

    def permit(self, permit_id: UUID) -> GivenPermit | None:
        row = self.session.get(PermitRow, permit_id)
        if row is None:
            return None
        return GivenPermit(
            said=Permit.read({**json.loads(row.claims), "jti": str(row.id)}),
            organisation=row.organisation,
            environment_id=row.environment_id,
            issued_at=row.issued_at,
        )

    def holding(self, holding_id: UUID) -> Holding | None:
        found = self.remembered.holdings.get(holding_id)
        if found is None:
            row = self.session.get(HoldingRow, holding_id)
            if row is None:
                return None
            if len(self.remembered.holdings) >= HOLDINGS_CACHED_MAX:
                self.remembered.holdings.clear()
            found = self.remembered.holdings[holding_id] = _holding(row)
        return found

    def fate(self, holding_id: UUID) -> Fate | None:
        """Return what is for good; what has none yet may have one at the next moment."""
        known = self.remembered.fates
        found = known.get(holding_id)
        if found is None:
            row = self.session.get(HoldingFateRow, holding_id, populate_existing=True)
            if row is None:
                return None
            if len(known) >= HOLDINGS_CACHED_MAX:
                known.clear()
            found = known[holding_id] = Fate(row.fate)
        return found

    def held(
        self,
        environments: Collection[UUID],
        data_set: str,
        months: Iterable[str],
        *,
        locked: bool,
    ) -> Sequence[HeldFile]:
        if locked and self._is_postgresql():
            # Whoever waited here reads what the other one committed.
            self.session.execute(select(func.pg_advisory_xact_lock(TURNS)))
        rows = self.session.execute(
            select(HoldingRow)
            .where(col(HoldingRow.environment_id).in_(environments))
            .where(col(HoldingRow.data_set) == data_set)
            .order_by(col(HoldingRow.id))
        ).scalars()
        wanted = frozenset(months)
        return [
            HeldFile(
                holding_id=row.id,
                agreement=row.agreement,
                environment_id=row.environment_id,
                file=attestation.FORM.read(row.file),
                may_have_left=self._may_have_left(row),
            )
            for row in rows
            if wanted & frozenset(json.loads(row.periods)) and self.fate(row.id) is not Fate.VOID
        ]

    def _may_have_left(self, row: HoldingRow) -> bool:
        """Ask the log of decisions too, which every fetch is in, whatever became of other rows."""
        if self.fate(row.id) is Fate.FETCHED:
            return True
        permitted = (
            select(col(DecisionRow.id))
            .where(col(DecisionRow.agreement) == row.agreement)
            .where(col(DecisionRow.action) == "fetch")
            .where(col(DecisionRow.permitted).is_(True))
            .where(col(DecisionRow.subject) == row.file_id)
            .limit(1)
        )
        return self.session.execute(permitted).first() is not None

    def holdings_of(self, agreement: str) -> Sequence[Holding]:
        rows = self.session.execute(
            select(HoldingRow)
            .where(col(HoldingRow.agreement) == agreement)
            .order_by(col(HoldingRow.id))
        ).scalars()
        return [_holding(row) for row in rows]

    def released(self, file_id: str) -> ReleasedFile | None:
        row = self.session.execute(
            select(HoldingRow).where(col(HoldingRow.file_id) == file_id)
        ).scalar_one_or_none()
        if row is None:
            return None
        return ReleasedFile(
            holding=_holding(row),
            permit_id=row.permit_id,
            version=row.version,
            document_hash=row.document_hash,
            line_number=row.line,
            client_id=row.client_id,
            organisation=row.organisation,
            holder=row.holder,
            attestation_digest=row.attestation_digest,
            claims=row.file,
            released_at=row.released_at,
        )

    def decisions(self, ids: Collection[UUID]) -> Mapping[UUID, LoggedDecision]:
        if not ids:
            return {}
        rows = self.session.execute(select(DecisionRow).where(col(DecisionRow.id).in_(ids)))
        return {row.id: _logged(row) for row in rows.scalars()}

    def agreements_of(self, organisation: str, *, after: str, limit: int) -> Sequence[str]:
        """Return references, in order, of agreements that name it or somebody before it."""
        instruments = self.session.execute(
            select(col(TransferInstrumentRow.predecessor), col(TransferInstrumentRow.successor))
        ).all()
        codes = {organisation}
        while more := {p for p, s in instruments if s in codes} - codes:
            codes |= more
        rows = self.session.execute(
            select(col(AgreementRow.reference))
            .join(
                AgreementVersionRow,
                col(AgreementVersionRow.agreement_id) == col(AgreementRow.id),
            )
            .join(
                AgreementPartyRow,
                col(AgreementPartyRow.agreement_version_id) == col(AgreementVersionRow.id),
            )
            .where(col(AgreementRow.superseded_epoch).is_(None))
            .where(col(AgreementPartyRow.ods).in_(sorted(codes)))
            .where(col(AgreementRow.reference) > after)
            .distinct()
            .order_by(col(AgreementRow.reference))
            .limit(limit)
        )
        return list(rows.scalars())

    # Writing

    def append(self, batch: Batch) -> None:
        """Write all of it; the audit's leaves last, because their lock is everybody's."""
        try:
            self._reserve(batch)
            if batch.permits:
                self._write(INSERT_PERMITS, [_permit_row(p) for p in batch.permits])
            if batch.released:
                self._write(INSERT_HOLDINGS, [_holding_row(r) for r in batch.released])
            self._decide_fates(batch)
            if batch.decisions:
                self._write(INSERT_DECISIONS, [_row(d) for d in batch.decisions])
            if batch.renewed:
                self._write(
                    RENEWED,
                    [
                        {"decision": id_, "moment": at, "times": times}
                        for id_, (at, times) in sorted(batch.renewed.items())
                    ],
                )
        except IntegrityError as error:
            raise Contended from error
        enqueue_voided(self.session, batch.voided)
        audit.append(self.session, batch.audit)

    def _write(self, statement: Insert | Update, rows: Sequence[Mapping[str, object]]) -> None:
        self.session.connection().execute(statement, rows)

    def _reserve(self, batch: Batch) -> None:
        """Take the treatments, in the order of their keys, so that replicas do not lock crosswise.

        Raises:
            Contended: another replica has taken the other treatment in the meantime.

        """
        if not batch.reserved:
            return
        wanted = sorted(batch.reserved.items())
        build = postgresql.insert if self._is_postgresql() else sqlite.insert
        statement = build(OptOutTreatmentRow).on_conflict_do_nothing()
        for place, (treatment, permit_id, at) in wanted:
            self.session.execute(
                statement.values(
                    environment_id=place[0],
                    data_set=place[1],
                    month=place[2],
                    treatment=treatment,
                    permit_id=permit_id,
                    reserved_at=at,
                )
            )
        table = OptOutTreatmentRow
        keys = tuple_(col(table.environment_id), col(table.data_set), col(table.month))
        stored = self.session.execute(
            select(table).where(keys.in_([place for place, _ in wanted]))
        ).scalars()
        taken = {(row.environment_id, row.data_set, row.month): row.treatment for row in stored}
        if any(taken[place] != treatment for place, (treatment, _, _) in wanted):
            raise Contended

    def _decide_fates(self, batch: Batch) -> None:
        """Write what becomes of holdings, in their order; the first to write is right.

        Raises:
            Contended: another replica has decided otherwise in the meantime.

        """
        build = postgresql.insert if self._is_postgresql() else sqlite.insert
        for holding_id, (fate, at) in sorted(batch.fates.items()):
            statement = build(HoldingFateRow).on_conflict_do_nothing()
            self.session.execute(statement.values(holding_id=holding_id, fate=fate.value, at=at))
            row = self.session.get(HoldingFateRow, holding_id, populate_existing=True)
            if row is None or row.fate != fate.value:
                raise Contended

    def _is_postgresql(self) -> bool:
        return self.session.get_bind().dialect.name == "postgresql"


class SqlDecisionLogs:
    """Transactions of decisions. The decider's thread writes; others read, one at a time."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._deciding = Remembered(FactsCache(Book(sealer)))
        self._looking = Remembered(FactsCache(Book(sealer)))
        self._lock = Lock()
        self._writing = UnitOfWork(engine, lambda s: SqlDecisionLog(s, self._deciding))
        self._reading = UnitOfWork(engine, lambda s: SqlDecisionLog(s, self._looking))

    @contextmanager
    def writing(self) -> Iterator[SqlDecisionLog]:
        """For one thread: what it remembers is not locked."""
        with self._writing.writing() as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[SqlDecisionLog]:
        with self._lock, self._reading.reading() as tx:
            yield tx


def _holding(row: HoldingRow) -> Holding:
    return Holding(
        id=row.id,
        decision_id=row.decision_id,
        agreement=row.agreement,
        environment_id=row.environment_id,
        file=attestation.FORM.read(row.file),
    )


def _holding_row(released: ReleasedFile) -> dict[str, object]:
    holding, file = released.holding, released.holding.file
    return {
        "id": holding.id,
        "file_id": file.file_id,
        "extract_id": file.extract_id,
        "permit_id": released.permit_id,
        "decision_id": holding.decision_id,
        "agreement": holding.agreement,
        "version": released.version,
        "document_hash": released.document_hash,
        "line": released.line_number,
        "purpose": file.line.purpose,
        "data_set": file.line.data_set,
        "classification": file.line.classification,
        "environment_id": holding.environment_id,
        "holder": released.holder,
        "client_id": released.client_id,
        "organisation": released.organisation,
        "format": file.file.format,
        "bytes": file.file.bytes,
        "digest": file.file.digest,
        "periods": json.dumps(list(file.periods)),
        "file": released.claims,
        "attestation_digest": released.attestation_digest,
        "released_at": released.released_at,
    }


def _permit_row(permit: GivenPermit) -> dict[str, object]:
    said, claims = permit.said, permit.said.claims()
    del claims["jti"]  # the row's own id
    return {
        "id": said.id,
        "decision_id": said.decision_id,
        "extract_id": said.extract_id,
        "agreement": said.agreement.reference,
        "purpose": said.line.purpose,
        "data_set": said.line.data_set,
        "classification": said.line.classification,
        "client_id": said.client_id,
        "organisation": permit.organisation,
        "environment_id": permit.environment_id,
        "claims": json.dumps(claims, sort_keys=True, separators=(",", ":")),
        "issued_at": permit.issued_at,
        "expires_at": permit.expires_at,
    }


NAMES = tuple(LoggedDecision.__slots__)


def _row(decision: LoggedDecision) -> dict[str, object]:
    values = {name: getattr(decision, name) for name in NAMES}
    return {**values, "last_at": decision.at, "renewals": 0}


def _logged(row: DecisionRow) -> LoggedDecision:
    return LoggedDecision(**{name: getattr(row, name) for name in NAMES})
