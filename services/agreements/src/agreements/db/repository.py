"""The facts of agreements in a relational database, and the transaction that has them all."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Select, func, or_, select
from sqlmodel import Session, col

from agreements.db import written
from agreements.db.agreements import SqlAgreements, party_to
from agreements.db.decisions.holdings import AsSealed, SqlHoldings, none_is_known
from agreements.db.destruction import tables as destruction
from agreements.db.epoch import await_others, instant, stamp
from agreements.db.events import enqueue
from agreements.db.flows.files import SqlDataSetFiles, SqlFlowFiles, SqlLocalFlows
from agreements.db.flows.tables import LocalFlowRow
from agreements.db.import_tables import RecallRow
from agreements.db.imports import SqlEditions, SqlImports
from agreements.db.issuing.tables import AgreementBatchRow, AgreementTemplateRow
from agreements.db.maps import SqlMaps
from agreements.db.oversight import tables as oversight
from agreements.db.parties.instruments import SqlInstruments
from agreements.db.parties.relationships import SqlListedRelationships, SqlRelationships
from agreements.db.parties.tables import DomainTransferRow, ListedEnvironmentRow
from agreements.db.read.facts import current_rows, facts_of, rows_found
from agreements.db.read.known import KnownAgreements
from agreements.db.relationship_tables import (
    RelationshipRow,
)
from agreements.db.seals import receipts
from agreements.db.seals.chain import Book, Sealer, seal
from agreements.db.seals.shown import Seals, not_as_sealed, recorded
from agreements.db.sharing.tables import OnwardShareRow
from agreements.db.store import SqlFacts, put, read_page
from agreements.db.tables import (
    AssuranceRow,
    BreachRow,
    ContractRow,
    EnvironmentClientRow,
    FactChangeRow,
    IcoRegistrationRow,
    OrganisationRow,
    PublicationRow,
    RecipientEnvironmentRow,
    Section251ApprovalRow,
    SubmissionRightRow,
    TaskRow,
)
from agreements.flows.domain.local_flow import LocalFlow
from agreements.records.domain.breach import Breach
from agreements.records.domain.contract import Contract
from agreements.records.domain.destruction.certificate import (
    Acceptance,
    Certificate,
    DestroyedFile,
)
from agreements.records.domain.errors import BreachNotFound
from agreements.records.domain.issuing.batch import AgreementBatch
from agreements.records.domain.issuing.template import AgreementTemplate
from agreements.records.domain.oversight.audits import Audit
from agreements.records.domain.oversight.directions import Direction
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.domain.oversight.lapses import LapseWarning
from agreements.records.domain.oversight.staff import StaffRecord
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.assurance import Assurance
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import (
    EnvironmentClient,
    ListedEnvironment,
    RecipientEnvironment,
)
from agreements.records.domain.parties.organisation import Organisation
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Publication,
    Section251Approval,
)
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.parties.submission_right import SubmissionRight
from agreements.records.domain.recalls import Recall
from agreements.records.domain.task import Task
from agreements.records.domain.terms.onward import OnwardShare
from agreements.records.use_cases.ports import Scope, Slice, TableAgainstSeals
from common import audit as audit_log
from common.audit import Entry
from common.clock import Clock
from common.db import clock as clocks
from common.db.idempotency import SqlIdempotencyKeys
from common.db.tables import table_of
from common.db.unit_of_work import DatabaseUnavailable, UnitOfWork, note_instant

BREACH = table_of(BreachRow)


@dataclass(frozen=True, slots=True)
class SqlContracts(SqlFacts[Contract]):
    """Contracts, with a receipt of every signature."""

    sealer: Sealer

    def save(self, *facts: Contract, audit: Entry) -> tuple[Contract, ...]:
        former = [c for fact in facts if fact.version for c in self.find(id=fact.id)]
        known = {signed for contract in former for signed in receipts.of_contract(contract)}
        new = [s for fact in facts for s in receipts.of_contract(fact) if s not in known]
        epoch = stamp(self.session, at=audit.at)
        receipts.give(self.session, self.sealer, new, epoch=epoch, audit=audit)
        return SqlFacts.save(self, *facts, audit=audit)


class SqlLapseWarnings(SqlFacts[LapseWarning]):
    """Warnings, each told to others when it is given."""

    def save(self, *facts: LapseWarning, audit: Entry) -> tuple[LapseWarning, ...]:
        stored = SqlFacts.save(self, *facts, audit=audit)
        for one in stored:
            enqueue(self.session, [one.event()], aggregate_id=one.id, aggregate_version=one.version)
        return stored


class SqlDomainTransfers(SqlFacts[DomainTransfer]):
    """Transfers of pseudonym domains; what became of each is told."""

    def save(self, *facts: DomainTransfer, audit: Entry) -> tuple[DomainTransfer, ...]:
        stored = SqlFacts.save(self, *facts, audit=audit)
        for one in stored:
            enqueue(self.session, one.pending, aggregate_id=one.id, aggregate_version=one.version)
        return tuple(replace(one, pending=()) for one in stored)


@dataclass(frozen=True, slots=True)
class SqlBreaches:
    session: Session

    def get(self, breach_id: UUID, *, scope: Scope) -> Breach:
        found = self._read(self._rows(scope).where(BREACH.c.id == breach_id))
        if not found:
            raise BreachNotFound(f"There is no breach {breach_id}.")
        return found[0]

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Breach]:
        return read_page(self.session, Breach, BreachRow, self._rows(scope), part)

    def without_receipt(self) -> Sequence[Breach]:
        return self._read(self._rows(None).where(BREACH.c.receipt_at.is_(None)))

    def of_agreement(self, agreement_id: UUID) -> Sequence[Breach]:
        return self.of_agreements([agreement_id])

    def of_agreements(self, ids: Collection[UUID]) -> Sequence[Breach]:
        return SqlFacts(self.session, BreachRow, Breach).among("agreement_id", ids)

    def _read(self, query: Select[Any]) -> Sequence[Breach]:
        of = current_rows(self.session, BreachRow).of
        return facts_of(Breach, of, rows_found(self.session, query))

    def save(self, breach: Breach, *, audit: Entry) -> Breach:
        epoch = stamp(self.session, at=audit.at)
        [stored] = put(self.session, BreachRow, [breach], epoch=epoch, audit=audit)
        enqueue(
            self.session, breach.pending, aggregate_id=stored.id, aggregate_version=stored.version
        )
        audit_log.append(self.session, [audit])
        return replace(stored, pending=())

    def _rows(self, scope: Scope) -> Select[Any]:
        """Return the rows in scope: a reporter's own, and those about a party's agreements."""
        query = current_rows(self.session, BreachRow).current()
        if scope is None:
            return query
        return query.where(
            or_(
                BREACH.c.reporter_organisation.in_(sorted(scope)),
                BREACH.c.agreement_id.in_(party_to(scope)),
            )
        )


@dataclass(frozen=True)
class SqlTransaction:
    """All of it in one session. What a use case does not ask for is never made."""

    session: Session
    seals: Seals
    known: KnownAgreements
    as_sealed: AsSealed = none_is_known

    @property
    def sealer(self) -> Sealer:
        return self.seals.book.sealer

    def not_as_sealed(self, *shown: Sequence[object]) -> Sequence[tuple[str, ...]]:
        if written.stamped(self.session) is not None:
            raise LookupError("what a transaction changes is sealed when it is over")
        return not_as_sealed(self.session, self.seals, shown, self.agreements.as_read)

    @property
    def at(self) -> datetime:
        return instant(self.session)

    @property
    def epoch(self) -> int:
        held = written.stamped(self.session)
        if held is None:
            raise LookupError("this transaction changes no facts")
        return held.epoch

    def epoch_at(self, instant: datetime) -> int:
        query = select(func.max(col(FactChangeRow.epoch)))
        query = query.where(col(FactChangeRow.recorded_at) <= instant)
        return self.session.execute(query).scalar_one() or 0

    @cached_property
    def organisations(self) -> SqlFacts[Organisation]:
        return SqlFacts(self.session, OrganisationRow, Organisation)

    @cached_property
    def instruments(self) -> SqlInstruments:
        return SqlInstruments(self.session)

    @cached_property
    def maps(self) -> SqlMaps:
        return SqlMaps(self.session)

    @cached_property
    def environments(self) -> SqlFacts[RecipientEnvironment]:
        return SqlFacts(self.session, RecipientEnvironmentRow, RecipientEnvironment)

    @cached_property
    def environment_clients(self) -> SqlFacts[EnvironmentClient]:
        return SqlFacts(self.session, EnvironmentClientRow, EnvironmentClient)

    @cached_property
    def listed_environments(self) -> SqlFacts[ListedEnvironment]:
        return SqlFacts(self.session, ListedEnvironmentRow, ListedEnvironment)

    @cached_property
    def contracts(self) -> SqlContracts:
        return SqlContracts(self.session, ContractRow, Contract, self.sealer)

    @cached_property
    def agreements(self) -> SqlAgreements:
        return SqlAgreements(self.session, self.sealer, self.known)

    @cached_property
    def tasks(self) -> SqlFacts[Task]:
        return SqlFacts(self.session, TaskRow, Task)

    @cached_property
    def relationships(self) -> SqlRelationships:
        return SqlRelationships(self.session)

    @cached_property
    def listed_relationships(self) -> SqlListedRelationships:
        return SqlListedRelationships(self.session, RelationshipRow, Relationship)

    @cached_property
    def editions(self) -> SqlEditions:
        return SqlEditions(self.session)

    @cached_property
    def assurance(self) -> SqlFacts[Assurance]:
        return SqlFacts(self.session, AssuranceRow, Assurance)

    @cached_property
    def ico_registrations(self) -> SqlFacts[IcoRegistration]:
        return SqlFacts(self.session, IcoRegistrationRow, IcoRegistration)

    @cached_property
    def section_251_approvals(self) -> SqlFacts[Section251Approval]:
        return SqlFacts(self.session, Section251ApprovalRow, Section251Approval)

    @cached_property
    def publications(self) -> SqlFacts[Publication]:
        return SqlFacts(self.session, PublicationRow, Publication)

    @cached_property
    def imports(self) -> SqlImports:
        return SqlImports(self.session)

    @cached_property
    def recalls(self) -> SqlFacts[Recall]:
        return SqlFacts(self.session, RecallRow, Recall)

    @cached_property
    def submission_rights(self) -> SqlFacts[SubmissionRight]:
        return SqlFacts(self.session, SubmissionRightRow, SubmissionRight)

    @cached_property
    def local_flows(self) -> SqlLocalFlows:
        return SqlLocalFlows(self.session, LocalFlowRow, LocalFlow)

    @cached_property
    def flow_files(self) -> SqlFlowFiles:
        return SqlFlowFiles(self.session)

    @cached_property
    def data_sets(self) -> SqlDataSetFiles:
        return SqlDataSetFiles(self.local_flows, self.flow_files)

    @cached_property
    def breaches(self) -> SqlBreaches:
        return SqlBreaches(self.session)

    @cached_property
    def certificates(self) -> SqlFacts[Certificate]:
        return SqlFacts(self.session, destruction.DestructionCertificateRow, Certificate)

    @cached_property
    def acceptances(self) -> SqlFacts[Acceptance]:
        return SqlFacts(self.session, destruction.DestructionAcceptanceRow, Acceptance)

    @cached_property
    def destroyed_files(self) -> SqlFacts[DestroyedFile]:
        return SqlFacts(self.session, destruction.DestroyedFileRow, DestroyedFile)

    @cached_property
    def templates(self) -> SqlFacts[AgreementTemplate]:
        return SqlFacts(self.session, AgreementTemplateRow, AgreementTemplate)

    @cached_property
    def batches(self) -> SqlFacts[AgreementBatch]:
        return SqlFacts(self.session, AgreementBatchRow, AgreementBatch)

    @cached_property
    def onward_shares(self) -> SqlFacts[OnwardShare]:
        return SqlFacts(self.session, OnwardShareRow, OnwardShare)

    @cached_property
    def staff_records(self) -> SqlFacts[StaffRecord]:
        return SqlFacts(self.session, oversight.StaffRecordRow, StaffRecord)

    @cached_property
    def audits(self) -> SqlFacts[Audit]:
        return SqlFacts(self.session, oversight.AuditRow, Audit)

    @cached_property
    def directions(self) -> SqlFacts[Direction]:
        return SqlFacts(self.session, oversight.DirectionRow, Direction)

    @cached_property
    def internal_instructions(self) -> SqlFacts[InternalInstruction]:
        return SqlFacts(self.session, oversight.InternalInstructionRow, InternalInstruction)

    @cached_property
    def opt_out_waivers(self) -> SqlFacts[OptOutWaiver]:
        return SqlFacts(self.session, oversight.OptOutWaiverRow, OptOutWaiver)

    @cached_property
    def domain_transfers(self) -> SqlDomainTransfers:
        return SqlDomainTransfers(self.session, DomainTransferRow, DomainTransfer)

    @cached_property
    def lapse_warnings(self) -> SqlLapseWarnings:
        return SqlLapseWarnings(self.session, oversight.LapseWarningRow, LapseWarning)

    @cached_property
    def holdings(self) -> SqlHoldings:
        return SqlHoldings(self.session, self.as_sealed)

    @cached_property
    def once(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)


class SqlUnitOfWork:
    """Transactions over the facts; writers take the fact epoch first, and so take turns.

    What a writer changed is sealed before it is committed, by whichever repository it was written.
    """

    def __init__(
        self, engine: Engine, clock: Clock, sealer: Sealer, as_sealed: AsSealed = none_is_known
    ) -> None:
        """Take `as_sealed` from whoever knows what decisions wrote; by itself it finds nothing."""
        self._seals = Seals(Book(sealer))
        known = KnownAgreements()
        self._inner = UnitOfWork(
            engine, lambda session: SqlTransaction(session, self._seals, known, as_sealed)
        )
        self._clock = clock

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        with self._inner.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        with self._inner.writing() as tx:
            connection = tx.session.connection()
            stamp(tx.session, at=lambda: clocks.within(self._clock, connection))
            note_instant(tx.at)
            yield tx
            with self._seals.lock:
                seal(tx.session, self._seals.book)

    def not_as_sealed(self, *shown: Sequence[object]) -> Sequence[tuple[str, ...]]:
        with self._inner.reading() as tx:
            return tx.not_as_sealed(*shown)

    def recorded(self, table: str) -> TableAgainstSeals:
        # Its snapshot is taken under the lock, so that it shows all links that the book knows.
        with self._seals.lock, self._inner.reading() as tx:
            return recorded(tx.session, self._seals.book, table)

    def settled(self) -> None:
        """Return when every change that was under way is over: committed, or never to be."""
        is_over = False
        try:
            with self._inner.writing() as tx:
                await_others(tx.session)
                is_over = True
        except DatabaseUnavailable:
            if not is_over:
                raise
