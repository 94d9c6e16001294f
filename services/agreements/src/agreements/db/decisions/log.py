"""Decisions in a relational database: read what they rest on, write what they said, in one commit.

On SQLite a writer's transaction is exclusive from its first statement. On PostgreSQL it is READ
COMMITTED: facts are taken only where the epoch was the same before and after they were read, and
whatever two replicas could both write has a key that lets only one of them.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine, Row, Table, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from agreements.db import epoch as epochs
from agreements.db.decisions.facts import FactsCache
from agreements.db.decisions.reads import SealedRows
from agreements.db.decisions.registers import FATE, HOLDING, TREATMENT, Register
from agreements.db.decisions.rows import (
    DECISION,
    INSERT_DECISIONS,
    INSERT_HOLDINGS,
    INSERT_PERMITS,
    LAST_AT,
    LOGGED,
    RENEWED,
    between,
    environments_with_people,
    fetches,
    holding_of,
    released_of,
    row_of_decision,
    row_of_holding,
    rows_of_permits,
)
from agreements.db.decisions.seals import Ledger, Written
from agreements.db.decisions.tables import HoldingFateRow, OptOutTreatmentRow
from agreements.db.events import enqueue_of_holdings
from agreements.db.seals.chain import Book, Sealer
from agreements.db.tables import (
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
    TransferInstrumentRow,
)
from agreements.decision.adapters import rules
from agreements.decision.domain.errors import Contended
from agreements.decision.domain.facts import AgreementFacts, Reservation
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Holding
from agreements.decision.domain.rules import Rules
from agreements.decision.use_cases.ports import (
    NAMES,
    Batch,
    Fate,
    LoggedDecision,
    ReleasedFile,
)
from common import audit
from common.db import engine as engines
from common.db.turns import take_turns
from common.db.unit_of_work import translated

log: structlog.stdlib.BoundLogger = structlog.get_logger()

HOLDINGS_CACHED_MAX = 10_000
RESERVED_CACHED_MAX = 100_000
FATES_CACHED_MAX = 100_000
READ_ROWS = 500
TURNS = 6_021_557_340_918_227_431
"""Files with opt-outs upheld are released, and first fetched, one after another (PostgreSQL)."""


@dataclass(slots=True)
class Remembered:
    """What does not change, or only with the epoch. For one thread at a time."""

    facts: FactsCache
    ledger: Ledger
    holdings: dict[UUID, Holding] = field(default_factory=dict)
    reserved: dict[Reservation, str] = field(default_factory=dict)
    fates: dict[UUID, Fate] = field(default_factory=dict)


@dataclass(slots=True)
class SqlDecisionLog:
    connection: Connection
    """What every decision reads and writes goes by it, the short way (`Prepared`)."""
    remembered: Remembered
    _session: Session | None = None
    _sealed: SealedRows | None = None
    _epoch: int | None = None
    _free: set[Reservation] = field(default_factory=set)
    """Places that this transaction found free; whether they still are, its insert will tell."""
    decided: dict[UUID, Fate] = field(default_factory=dict)
    """What this transaction wrote of fates."""

    @property
    def session(self) -> Session:
        """Return a session on the same transaction, for what few decisions need."""
        if self._session is None:
            self._session = Session(self.connection, expire_on_commit=False)
        return self._session

    @property
    def sealed(self) -> SealedRows:
        if self._sealed is None:
            self._sealed = SealedRows(self.session, self.remembered.ledger)
        return self._sealed

    def committed(self) -> None:
        """Tell those who wait for the commit of what went by the session: it was made."""
        if self._session is not None:
            self._session.commit()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    # Reading

    def epoch(self) -> int:
        if self._epoch is None:
            self._epoch = epochs.seen_by(self.connection)
        return self._epoch

    def rules(self) -> Rules:
        return rules.load()

    def last_at(self) -> datetime | None:
        row = LAST_AT.row(self.connection)
        return None if row is None else row[0]

    def facts(self, agreement: str, *, beside: str = "") -> AgreementFacts:
        epoch = self.epoch()
        known = self.remembered.facts.known((agreement, beside), epoch=epoch)
        if known is not None:
            return known
        found, is_new = self.remembered.facts.get(self.session, (agreement, beside), epoch=epoch)
        if is_new and epochs.seen_by(self.connection) != epoch:
            self.remembered.facts.clear()
            raise Contended
        return found

    def broken(self) -> tuple[str, ...]:
        return () if self._sealed is None else self._sealed.broken()

    def reserved(
        self, environments: Collection[UUID], data_set: str, months: Iterable[str]
    ) -> Mapping[Reservation, str]:
        """Return what is taken. What was ever taken stays so; what is free is so for now."""
        taken, free = self.remembered.reserved, self._free
        wanted = [(e, data_set, m) for e in environments for m in dict.fromkeys(months)]
        if unknown := [p for p in wanted if p not in taken and p not in free]:
            if len(taken) >= RESERVED_CACHED_MAX:
                taken.clear()
            for environment_id in sorted({e for e, _, _ in unknown}):
                rows = self.sealed.of(TREATMENT.name, environment_id, data_set)
                if rows is not None:  # else it is not known what is free
                    here = (environment_id, data_set)
                    taken.update({(*here, month): how for month, how, *_ in rows})
                    free.update(p for p in unknown if p[:2] == here and p not in taken)
        return {place: taken[place] for place in wanted if place in taken}

    def permit(self, permit_id: UUID) -> GivenPermit | None:
        return self.sealed.permit(permit_id)

    def holding(self, holding_id: UUID) -> Holding | None:
        found = self.remembered.holdings.get(holding_id)
        if found is None:
            row = next(iter(self.sealed.holdings(HOLDING.c.id == holding_id)), None)
            found = None if row is None else self._remember(row)
        return found

    def fate(self, holding_id: UUID) -> Fate | None:
        """Return what is for good; what has none yet may have one at the next moment."""
        found = self.remembered.fates.get(holding_id)
        if found is None:
            holding = self.holding(holding_id)
            if holding is None:
                return None
            place = holding.environment_id, holding.file.line.data_set
            found = self._fates(*place, [holding_id]).get(holding_id)
        return found

    def held(
        self,
        environments: Collection[UUID],
        data_set: str,
        months: Iterable[str],
        *,
        locked: bool,
    ) -> Sequence[HeldFile]:
        if locked and take_turns(self.session, TURNS):
            self.sealed.forget()
        wanted = frozenset(months)
        ids: list[UUID] = []
        fetched: set[UUID] = set()
        for environment_id in sorted(environments):
            rows = self.sealed.of(HOLDING.name, environment_id, data_set)
            about = (
                []
                if rows is None
                else [
                    UUID(id_)
                    for id_, periods, _ in rows.having(wanted)
                    if wanted & frozenset(json.loads(periods))
                ]
            )
            fates = self._fates(environment_id, data_set, about)
            ids += (id_ for id_ in about if fates.get(id_) is not Fate.VOID)
            fetched.update(id_ for id_ in about if fates.get(id_) is Fate.FETCHED)
        return [
            HeldFile(
                holding_id=holding.id,
                agreement=holding.agreement,
                environment_id=holding.environment_id,
                file=holding.file,
                may_have_left=holding.id in fetched or self._was_fetched(holding),
            )
            for holding in self._holdings_of(sorted(ids))
        ]

    def _holdings_of(self, ids: Sequence[UUID]) -> Iterator[Holding]:
        known = self.remembered.holdings
        found = {id_: known[id_] for id_ in ids if id_ in known}
        unknown = [id_ for id_ in ids if id_ not in found]
        for start in range(0, len(unknown), READ_ROWS):
            for row in self.sealed.holdings(HOLDING.c.id.in_(unknown[start : start + READ_ROWS])):
                found[row.id] = self._remember(row)
        if found.keys() != set(ids):
            self.sealed.differs(HOLDING.name)
        return (found[id_] for id_ in ids if id_ in found)

    def _was_fetched(self, holding: Holding) -> bool:
        """Ask the log of decisions too: it has fetches from before fates were written."""
        permitted = fetches(holding.agreement, holding.file.file_id)
        return self.session.execute(permitted).first() is not None

    def naming_people(self, data_set: str, *, locked: bool) -> Collection[UUID]:
        if locked and take_turns(self.session, TURNS):
            self.sealed.forget()
        return frozenset(self.session.execute(environments_with_people(data_set)).scalars())

    def holdings_of(self, agreement: str) -> Sequence[Holding]:
        return [holding_of(row) for row in self.sealed.holdings(HOLDING.c.agreement == agreement)]

    def bridging_files(self, one: str, other: str, *, locked: bool) -> Sequence[Holding]:
        if locked and take_turns(self.session, TURNS):
            self.sealed.forget()
        return [holding_of(row) for row in self.sealed.holdings(between(one, other))]

    def released(self, file_id: str) -> ReleasedFile | None:
        row = next(iter(self.sealed.holdings(HOLDING.c.file_id == file_id)), None)
        return None if row is None else released_of(row)

    def _fates(
        self, environment_id: UUID, data_set: str, ids: Collection[UUID]
    ) -> Mapping[UUID, Fate]:
        rows = self.sealed.of(FATE.name, environment_id, data_set)
        found = {} if rows is None else rows.named(ids)
        fates = {id_: Fate(found[str(id_)][1]) for id_ in ids if str(id_) in found}
        known = self.remembered.fates
        if len(known) + len(fates) > FATES_CACHED_MAX:
            known.clear()
        known.update(fates)
        return fates

    def _remember(self, row: Row[Any]) -> Holding:
        known = self.remembered.holdings
        if len(known) >= HOLDINGS_CACHED_MAX:
            known.clear()
        known[row.id] = holding = holding_of(row)
        return holding

    def decisions(self, ids: Collection[UUID]) -> Mapping[UUID, LoggedDecision | None]:
        sealer = self.remembered.ledger.book.sealer
        found: dict[UUID, LoggedDecision | None] = {}
        for id_ in ids:
            row = LOGGED.row(self.connection, {"decision": id_})
            if row is None:
                continue
            *said, mark = row
            if sealer.knows(mark):  # else a token of now is wanted, as for the first fetch
                decision = LoggedDecision(**dict(zip(NAMES, said, strict=True)))
                is_ours = sealer.made(mark, decision.row_digest)
                found[id_] = decision if is_ours else None
                if not is_ours:
                    log.critical("seal_broken", register=DECISION.name)
        return found

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
        """Write all of it; the seal and the audit's leaves last: their locks are everybody's."""
        try:
            written = self._keep(batch)
            if batch.decisions:
                sealer = self.remembered.ledger.book.sealer
                INSERT_DECISIONS.run_in_order(
                    self.connection, [row_of_decision(d, sealer) for d in batch.decisions]
                )
            if batch.renewed:
                RENEWED.run(
                    self.connection,
                    [
                        {"decision": id_, "moment": at, "times": times}
                        for id_, (at, times) in sorted(batch.renewed.items())
                    ],
                )
            if batch.voided:
                enqueue_of_holdings(self.session, batch.voided)
            sealed = self._seal(batch, written)
        except IntegrityError as error:
            raise Contended from error
        audit.append(self.connection, [*batch.audit, *sealed])

    def _keep(self, batch: Batch) -> Written:
        """Write what is sealed, and say which rows these are."""
        written: defaultdict[Register, set[object]] = defaultdict(set)
        of_fates = self._registers_of_fates(batch)
        for place in self._reserve(batch):
            written[Register(TREATMENT.name, place[0], place[1])].add(place[2])
        if batch.permits:
            sealer = self.remembered.ledger.book.sealer
            INSERT_PERMITS.run_in_order(self.connection, rows_of_permits(batch.permits, sealer))
        if batch.released:
            INSERT_HOLDINGS.run(self.connection, [row_of_holding(r) for r in batch.released])
        for released in batch.released:
            written[_register(HOLDING, released.holding)].add(released.holding.id)
        for holding_id in self._decide_fates(batch):
            written[of_fates[holding_id]].add(holding_id)
        return written

    def _registers_of_fates(self, batch: Batch) -> Mapping[UUID, Register]:
        """Say where fates belong, before anything is written that is not sealed yet."""
        new = {r.holding.id: r.holding for r in batch.released}
        found = {}
        for holding_id in batch.fates:
            holding = new.get(holding_id) or self.holding(holding_id)
            if holding is None:
                raise Contended
            found[holding_id] = _register(FATE, holding)
        return found

    def _seal(self, batch: Batch, written: Written) -> list[audit.Entry]:
        if not written:
            return []
        instants = [
            *(decision.at for decision in batch.decisions),
            *(at for _, at in batch.fates.values()),
        ]
        return self.remembered.ledger.seal(self.session, written, at=max(instants))

    def _reserve(self, batch: Batch) -> list[Reservation]:
        """Take the treatments, in the order of their keys, so that replicas do not lock crosswise.

        Return which were not taken before.

        Raises:
            Contended: another replica has taken the other treatment in the meantime.

        """
        if not batch.reserved:
            return []
        wanted = sorted(batch.reserved.items())
        build = postgresql.insert if self._is_postgresql() else sqlite.insert
        statement = build(TREATMENT).on_conflict_do_nothing().returning(TREATMENT.c.month)
        new = []
        for place, (treatment, permit_id, at) in wanted:
            done = self.session.connection().execute(
                statement.values(
                    environment_id=place[0],
                    data_set=place[1],
                    month=place[2],
                    treatment=treatment,
                    permit_id=permit_id,
                    reserved_at=at,
                )
            )
            if done.first() is not None:
                new.append(place)
        table = OptOutTreatmentRow
        keys = tuple_(col(table.environment_id), col(table.data_set), col(table.month))
        stored = self.session.execute(
            select(table).where(keys.in_([place for place, _ in wanted]))
        ).scalars()
        taken = {(row.environment_id, row.data_set, row.month): row.treatment for row in stored}
        if any(taken[place] != treatment for place, (treatment, _, _) in wanted):
            raise Contended
        return new

    def _decide_fates(self, batch: Batch) -> list[UUID]:
        """Write what becomes of holdings, in their order; the first to write is right.

        Return of which nothing was decided before.

        Raises:
            Contended: another replica has decided otherwise in the meantime.

        """
        build = postgresql.insert if self._is_postgresql() else sqlite.insert
        new = []
        for holding_id, (fate, at) in sorted(batch.fates.items()):
            statement = build(FATE).on_conflict_do_nothing().returning(FATE.c.holding_id)
            done = self.session.connection().execute(
                statement.values(holding_id=holding_id, fate=fate.value, at=at)
            )
            if done.first() is not None:
                new.append(holding_id)
            row = self.session.get(HoldingFateRow, holding_id, populate_existing=True)
            if row is None or row.fate != fate.value:
                raise Contended
            self.decided[holding_id] = fate
        return new

    def _is_postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"


class SqlDecisionLogs:
    """Transactions of decisions. The decider's thread writes; others read, one at a time."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._deciding = Remembered(FactsCache(Book(sealer)), Ledger.of(sealer))
        self._looking = Remembered(FactsCache(Book(sealer)), Ledger.of(sealer))
        self._lock = Lock()
        self._writing = engines.writing(engine)
        self._reading = engines.reading(engine)

    @contextmanager
    def writing(self) -> Iterator[SqlDecisionLog]:
        """For one thread: what it remembers is not locked."""
        self._deciding.ledger.begin()
        with self._transaction(self._writing, self._deciding) as tx:
            yield tx
        # From here on it is true: what is remembered was committed.
        self._deciding.ledger.committed()
        self._deciding.fates.update(tx.decided)

    @contextmanager
    def reading(self) -> Iterator[SqlDecisionLog]:
        with self._lock, self._transaction(self._reading, self._looking) as tx:
            self._looking.ledger.begin()
            yield tx

    @contextmanager
    def _transaction(self, engine: Engine, remembered: Remembered) -> Iterator[SqlDecisionLog]:
        """Commit when the block ends; a session costs more than what most decisions do in it."""
        with translated(), engine.connect() as connection:
            tx = SqlDecisionLog(connection, remembered)
            with closing(tx):
                with connection.begin():
                    yield tx
                tx.committed()


def _register(table: Table, holding: Holding) -> Register:
    return Register(table.name, holding.environment_id, holding.file.line.data_set)
