"""Loads all that decisions about one agreement rest on, as it was known at an epoch.

Only what the agreement can be judged by is read: its parties, those who stand before and after
them, and what is recorded about these; each register is held against its seal as it is read. What
was loaded under an epoch is kept while the epoch is the newest; under another one nothing of it is
used (design.md section 5).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Row
from sqlmodel import Session

from agreements.db.destruction.tables import DestroyedFileRow
from agreements.db.errors import SealBroken
from agreements.db.flows import files as flow_files
from agreements.db.import_tables import ImportRow, MapStandingRow, RecallRow
from agreements.db.imports import import_of
from agreements.db.maps import map_of
from agreements.db.oversight.tables import InternalInstructionRow, OptOutWaiverRow
from agreements.db.parties.tables import (
    DomainTransferRow,
    ListedEnvironmentRow,
    TransferWithdrawalRow,
)
from agreements.db.read.facts import to_fact
from agreements.db.read.parts import to_held_line, to_signature
from agreements.db.relationship_tables import RelationshipRow
from agreements.db.seals import receipts
from agreements.db.seals.chain import Book
from agreements.db.seals.sealed import (
    SEALED,
    RowWithParts,
    Sealed,
    columns_of,
    digest_as_read,
    read,
)
from agreements.db.seals.tables import SignatureReceiptRow
from agreements.db.tables import (
    AgreementRow,
    AgreementVersionRow,
    AssuranceRow,
    ContractRow,
    EnvironmentClientRow,
    HoldLiftRow,
    HoldRow,
    IcoRegistrationRow,
    MapSnapshotRow,
    OrganisationRow,
    PublicationRow,
    RecipientEnvironmentRow,
    Section251ApprovalRow,
    SignatureRow,
    SpecialConditionRow,
    TransferInstrumentRow,
)
from agreements.db.tables import Row as TableRow
from agreements.decision.adapters import catalogue, rules
from agreements.decision.domain import alternatives
from agreements.decision.domain.facts import AgreementFacts, EnvironmentFacts, MapFacts
from agreements.records.adapters import reference
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract
from agreements.records.domain.hold import HeldLine, Hold
from agreements.records.domain.lists.imports import Import, ImportKind
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.undoing import Undo
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.assurance import Assurance
from agreements.records.domain.parties.codes import OF_ANOTHER
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import ListedEnvironment
from agreements.records.domain.parties.organisation import (
    Organisation,
    TransferInstrument,
    related,
)
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Publication,
    Section251Approval,
)
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.recalls import Recall
from agreements.records.domain.version import AgreementVersion, Condition, Party
from common.grouping import grouped
from common.ids import digest
from common.replacement import State
from common.unreadable import UNREADABLE
from statements import document
from statements.document import Document, Terms
from statements.vocabulary import EnvironmentKind

CACHED_MAX = 2048
THE_CHAIN = "seal"
"""What is named where the chain of seals itself is broken."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()

T = TypeVar("T")
About = tuple[str, str]
"""An agreement, and the code of who asks and is no party of it; empty: nobody besides."""


@dataclass(slots=True)
class FactsCache:
    """Facts of one epoch, the newest that was seen. For one thread."""

    book: Book
    _epoch: int = -1
    _facts: OrderedDict[About, AgreementFacts] = field(default_factory=OrderedDict)

    def known(self, about: About, *, epoch: int) -> AgreementFacts | None:
        """Return the facts, where they were loaded before under this epoch."""
        if epoch != self._epoch:
            self.clear()
            self._epoch = epoch
        found = self._facts.get(about)
        if found is not None:
            self._facts.move_to_end(about)
        return found

    def get(self, session: Session, about: About, *, epoch: int) -> tuple[AgreementFacts, bool]:
        """Return the facts, and whether they were loaded just now."""
        found = self.known(about, epoch=epoch)
        if found is not None:
            return found, False
        found = self._facts[about] = self._load(session, about, epoch)
        if len(self._facts) > CACHED_MAX:
            self._facts.popitem(last=False)
        return found, True

    def clear(self) -> None:
        self._facts.clear()
        self._epoch = -1

    def _load(self, session: Session, about: About, epoch: int) -> AgreementFacts:
        agreement, beside = about
        found = load(session, agreement, epoch=epoch, book=self.book, beside=beside)
        if self.book.epoch != epoch and not found.broken:
            # Nobody changes a fact without a seal: the counter was moved, or the chain cut.
            log.critical("seal_broken", epoch=epoch, sealed_epoch=self.book.epoch)
            return _broken(agreement, [THE_CHAIN])
        return found


def load(
    session: Session, agreement: str, *, epoch: int, book: Book, beside: str = ""
) -> AgreementFacts:
    """Load the facts about the agreement of this reference that are known at the epoch.

    `beside`: the code of who asks and is no party, whose standing and assurance count as well.

    Where anything of it is not what was sealed there are no facts, only the names of what it is.
    """
    try:
        book.refresh(session)
    except SealBroken as error:
        log.critical("seal_broken", detail=str(error))
        return _broken(agreement, [THE_CHAIN])
    if book.number < 0 and epoch > 0:
        log.critical("facts_not_sealed", epoch=epoch)
        return _broken(agreement, [THE_CHAIN])
    loader = _Loader(session, epoch, book)
    try:
        facts = loader.facts(agreement, beside)
    except UNREADABLE as error:
        log.critical("seal_broken", agreement=agreement, exc_info=error)
        return _broken(agreement, loader.broken or [THE_CHAIN])
    if loader.broken:
        log.critical("seal_broken", agreement=agreement, registers=sorted(loader.broken))
        return _broken(agreement, loader.broken)
    return facts


def _broken(name: str, registers: Iterable[str]) -> AgreementFacts:
    """Return facts by which nothing can be allowed."""
    return AgreementFacts(
        reference=name,
        rules=rules.load(),
        assurance_rules=reference.load().assurance,
        documents={},
        organisations={},
        instruments=(),
        contracts=(),
        relationships=(),
        assurance={},
        registrations={},
        approvals={},
        publications={},
        environments=(),
        maps=(),
        listed=(),
        catalogue=catalogue.load(),
        broken=tuple(sorted(set(registers))),
    )


@dataclass(frozen=True, slots=True)
class _Loader:
    session: Session
    epoch: int
    book: Book
    broken: set[str] = field(default_factory=set)

    def facts(self, name: str, beside: str) -> AgreementFacts:
        agreement = self._agreement(name)
        versions = () if agreement is None else agreement.versions
        own = () if agreement is None else (agreement.id,)
        documents = {v.id: _document(v) for v in versions}
        lines = [x for d in documents.values() for x in d.lines if isinstance(x, Terms)]
        instruments = self._instruments()
        environment_owners = self._read_as({x.environment_organisation for x in lines})
        named = self._read_as({p.ods for v in versions for p in v.parties})
        parties = related(named, instruments)
        commissioners = self._read_as({code for x in lines for code in x.commissioners})
        practices = {
            x.environment_organisation
            for x in lines
            if x.environment_kind == EnvironmentKind.GP_PRACTICE
        }
        others = self._read_as(({beside} - {""}) | practices)
        codes = related({*parties, *commissioners, *environment_owners, *others}, instruments)
        organisations = self._organisations(codes)
        entities = {o.legal_entity for rows in organisations.values() for o in rows}
        contracts = self._about(ContractRow, Contract, parties)
        data_sets = {x.key.data_set for x in lines}
        published = self._about(PublicationRow, Publication, data_sets)
        self._receipts(versions, contracts)
        facts = AgreementFacts(
            reference=name,
            rules=rules.load(),
            assurance_rules=reference.load().assurance,
            code_rules=reference.load().codes,
            agreement=agreement,
            documents=documents,
            organisations=organisations,
            instruments=instruments,
            contracts=contracts,
            relationships=tuple(
                to_fact(Relationship, row, consents=())
                for row in self._rows(RelationshipRow, related({*codes, *entities}, instruments))
            ),
            assurance=_by_organisation(self._about(AssuranceRow, Assurance, {*parties, *others})),
            registrations=_by_organisation(
                self._about(IcoRegistrationRow, IcoRegistration, parties)
            ),
            approvals={
                approval.reference: approval
                for approval in self._about(
                    Section251ApprovalRow,
                    Section251Approval,
                    {x.approval for x in lines if x.approval is not None},
                )
            },
            publications={(p.data_set, p.period): p.published_on for p in published},
            environments=self._environments(related(environment_owners, instruments)),
            maps=self._maps(),
            listed=self._about(
                ListedEnvironmentRow, ListedEnvironment, {x.environment_kind for x in lines}
            ),
            catalogue=flow_files.with_flows(catalogue.load(), lines, self._about, self),
            recalls=tuple(to_fact(Recall, row) for row in self._rows(RecallRow)),
            instructions=self._about(InternalInstructionRow, InternalInstruction, [name]),
            waivers=tuple(to_fact(OptOutWaiver, row) for row in self._rows(OptOutWaiverRow)),
            domain_transfers=self._about(DomainTransferRow, DomainTransfer, own),
            destroyed=frozenset(row.id for row in self._rows(DestroyedFileRow, own)),
        )
        known = alternatives.Known(
            codes=frozenset(codes),
            parties=frozenset({*parties, *others}),
            publications=published,
            data_sets=frozenset(data_sets),
        )
        sent = [import_of(self.session, row) for row in self._rows(ImportRow)]
        return alternatives.added(
            facts,
            [one for one in sent if one.standing.is_waiting],
            [
                (one, self._undo(one, facts, known))
                for one in sent
                if one.standing.state is State.LEAVING
            ],
            known,
        )

    def _undo(self, sent: Import, facts: AgreementFacts, known: alternatives.Known) -> Undo[Any]:
        """Return what a list whose taking back waits has written of these facts, and replaced."""
        rows: Mapping[ImportKind, tuple[type[TableRow], type[Any], Collection[object]]] = {
            ImportKind.ORGANISATIONS: (OrganisationRow, Organisation, [*facts.organisations]),
            ImportKind.ASSURANCE: (AssuranceRow, Assurance, known.parties),
            ImportKind.RELATIONSHIPS: (RelationshipRow, Relationship, known.codes),
            ImportKind.PUBLICATIONS: (PublicationRow, Publication, known.data_sets),
        }
        if sent.kind not in rows:
            return Undo(written=(), replaced=())  # no decision rests on what it wrote
        row, fact, values = rows[sent.kind]
        every = [
            one.row
            for found in read(self.session, SEALED[row], set(values)).values()
            for one in found
        ]
        return Undo(
            written=tuple(
                to_fact(fact, r)
                for r in every
                if r.epoch == sent.applied_epoch and self._is_known(r)
            ),
            replaced=tuple(
                to_fact(fact, r) for r in every if r.superseded_epoch == sent.applied_epoch
            ),
        )

    # The agreement

    def _agreement(self, name: str) -> Agreement | None:
        row = next(iter(self._rows(AgreementRow, [name])), None)
        if row is None:
            return None
        return Agreement(
            id=row.id,
            reference=row.reference,
            versions=self._versions(row.id),
            holds=self._holds(row.id),
            terminated_at=row.terminated_at,
        )

    def _versions(self, agreement_id: UUID) -> tuple[AgreementVersion, ...]:
        found = self._found(AgreementVersionRow, [agreement_id])
        conditions = grouped(
            self._rows(SpecialConditionRow, [agreement_id]),
            lambda condition: condition.agreement_version_id,
        )
        signatures = grouped(
            self._rows(SignatureRow, [one.row.id for one in found]),
            lambda signature: signature.agreement_version_id,
        )
        return tuple(
            to_fact(
                AgreementVersion,
                row,
                parties=_parties(parts),
                lines=(),  # a decision reads the lines in the document that was signed
                conditions=tuple(to_fact(Condition, c) for c in conditions.get(row.id, ())),
                signatures=tuple(
                    to_signature(s)
                    for s in signatures.get(row.id, ())
                    if s.document_hash == row.document_hash
                ),
            )
            for row, parts in ((one.row, one.parts) for one in found)
        )

    def _holds(self, agreement_id: UUID) -> tuple[Hold, ...]:
        found = self._found(HoldRow, [agreement_id])
        # A reason to lift that somebody slipped in would be one of the two that it takes.
        self._rows(HoldLiftRow, [one.row.id for one in found])
        return tuple(to_fact(Hold, one.row, lifts=(), lines=_lines_of(one.parts)) for one in found)

    def _receipts(
        self, versions: Sequence[AgreementVersion], contracts: Sequence[Contract]
    ) -> None:
        """Demand a receipt of every signature that counts."""
        signed = [s for v in versions for s in receipts.of_version(v)]
        signed += [s for contract in contracts for s in receipts.of_contract(contract)]
        given = grouped(
            self._rows(SignatureReceiptRow, {one.document_hash for one in signed}),
            lambda row: row.document_hash,
        )
        if any(receipts.without(self.book.sealer, signed, given)):
            self.broken.add(SEALED[SignatureReceiptRow].table.name)

    # What it rests on

    def _read_as(self, codes: Collection[str]) -> set[str]:
        """Add the codes for which these may stand: of a long form, or of a site (ruling 23)."""
        found = {one for code in codes for one in reference.load().codes.candidates(code)} | {
            *codes
        }
        rows = self._about(OrganisationRow, Organisation, found)
        return found | {o.legal_entity for o in rows if o.kind in OF_ANOTHER}

    def _instruments(self) -> tuple[TransferInstrument, ...]:
        withdrawn = {row.instrument_id for row in self._rows(TransferWithdrawalRow)}
        return tuple(
            to_fact(TransferInstrument, row, withdrawn_at=None, withdrawal_reason=None)
            for row in self._rows(TransferInstrumentRow)
            if row.id not in withdrawn
        )

    def _organisations(self, codes: Collection[str]) -> Mapping[str, tuple[Organisation, ...]]:
        """Load what the codes mean, and who stands behind them: these may close too."""
        found = self._about(OrganisationRow, Organisation, codes)
        behind = {o.legal_entity for o in found} - set(codes)
        found += self._about(OrganisationRow, Organisation, behind)
        return grouped(found, lambda organisation: organisation.ods)

    def _environments(self, owners: Collection[str]) -> tuple[EnvironmentFacts, ...]:
        rows = self._rows(RecipientEnvironmentRow, owners)
        clients = grouped(
            self._rows(EnvironmentClientRow, [row.id for row in rows]),
            lambda client: client.environment_id,
        )
        return tuple(
            EnvironmentFacts(
                id=row.id,
                organisation=row.organisation,
                kind=row.kind,
                clients=frozenset(c.client_id for c in clients.get(row.id, ())),
            )
            for row in rows
        )

    def _maps(self) -> tuple[MapFacts, ...]:
        standings = {row.id: row for row in self._rows(MapStandingRow)}
        found = [
            map_of(row, standings.get(row.id))
            for row in self._rows(MapSnapshotRow)
            if row.kind != MapKind.ORGANISATION.value
        ]
        return tuple(
            MapFacts(
                id=m.id,
                kind=m.kind.value,
                valid_from=m.valid_from,
                is_in_force=m.is_in_force,
                takes_from=m.takes_from if m.is_pending else frozenset(),
            )
            for m in found
            if m.is_known
        )

    # Queries

    def _about(
        self, row: type[TableRow], fact: type[T], values: Collection[object]
    ) -> tuple[T, ...]:
        """Load the facts of the registers that these values name."""
        return tuple(to_fact(fact, r) for r in self._rows(row, values))

    def _rows(self, row: type[TableRow], values: Collection[object] = (None,)) -> list[Row[Any]]:
        return [one.row for one in self._found(row, values)]

    def _found(self, row: type[TableRow], values: Collection[object]) -> list[RowWithParts]:
        """Return what is known at the epoch of these registers, and judge their seals."""
        sealed, wanted = SEALED[row], set(values)
        found = read(self.session, sealed, wanted)
        for value in wanted:
            self._judge(sealed, value, found.get(value, ()))
        every = (one for rows in found.values() for one in rows)
        return sorted((one for one in every if self._is_known(one.row)), key=lambda o: o.row.id)

    def _judge(self, sealed: Sealed, value: object, rows: Sequence[RowWithParts]) -> None:
        """Demand that the register has the rows that were sealed, and no others."""
        expected = self.book.expected(sealed.register(value))
        if digest_as_read(rows) != expected:
            self.broken.add(sealed.table.name)

    def _is_known(self, row: Row[Any]) -> bool:
        """Say whether the row is held true at the epoch."""
        superseded = columns_of(row).get("superseded_epoch")
        is_past = superseded is not None and superseded <= self.epoch
        return bool(row.epoch <= self.epoch) and not is_past


def _parties(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Party, ...]:
    rows = sorted(parts.get("agreement_party", ()), key=lambda p: p["position"])
    return tuple(to_fact(Party, row) for row in rows)


def _lines_of(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[HeldLine, ...]:
    return tuple(to_held_line(line) for line in parts.get("hold_line", ()))


def _document(version: AgreementVersion) -> Document:
    """Read what was signed; a text that is not what its hash says is no document."""
    if digest(version.document.encode()) != version.document_hash:
        return Document(lines=(), unknown=("document",))
    return document.read(version.document)


def _by_organisation(facts: Iterable[Any]) -> Mapping[str, tuple[Any, ...]]:
    return grouped(facts, lambda fact: fact.organisation)
