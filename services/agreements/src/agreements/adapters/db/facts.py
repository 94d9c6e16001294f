"""Loads all that decisions about one agreement rest on, as it was known at an epoch.

Only what the agreement can be judged by is read: its parties, those who stand before and after
them, and what is recorded about these. What was loaded under an epoch is kept while the epoch is
the newest; under another one nothing of it is used (design.md section 5).
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlmodel import Session, col

from agreements.adapters import catalogue, reference, rules
from agreements.adapters.db.store import to_fact
from agreements.adapters.db.tables import (
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
    AssuranceRow,
    ContractRow,
    EnvironmentClientRow,
    HoldLineRow,
    HoldRow,
    IcoRegistrationRow,
    MapSnapshotRow,
    OrganisationRow,
    PublicationRow,
    RecipientEnvironmentRow,
    Recorded,
    RelationshipRow,
    Section251ApprovalRow,
    SignatureRow,
    SpecialConditionRow,
    TransferInstrumentRow,
    Versioned,
)
from agreements.domain.agreement import (
    Agreement,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from agreements.domain.assurance import Assurance
from agreements.domain.contract import Contract
from agreements.domain.decision import document
from agreements.domain.decision.document import Document, Terms
from agreements.domain.decision.facts import EnvironmentFacts, Facts, MapFacts
from agreements.domain.hold import HeldLine, Hold, LineKey
from agreements.domain.layouts.maps import MapKind
from agreements.domain.organisation import Organisation, TransferInstrument
from agreements.domain.registration import IcoRegistration, Section251Approval
from agreements.domain.relationship import Relationship
from common.ids import digest

CACHED_MAX = 2048

Rows = TypeVar("Rows", bound=Versioned)
R = TypeVar("R", bound=Recorded)
T = TypeVar("T")
K = TypeVar("K")


@dataclass(slots=True)
class FactsCache:
    """Facts of one epoch, the newest that was seen. For one thread."""

    _epoch: int = -1
    _facts: OrderedDict[str, Facts] = field(default_factory=OrderedDict)

    def get(self, session: Session, agreement: str, *, epoch: int) -> tuple[Facts, bool]:
        """Return the facts, and whether they were loaded just now."""
        if epoch != self._epoch:
            self.clear()
            self._epoch = epoch
        found = self._facts.get(agreement)
        if found is not None:
            self._facts.move_to_end(agreement)
            return found, False
        found = self._facts[agreement] = load(session, agreement, epoch=epoch)
        if len(self._facts) > CACHED_MAX:
            self._facts.popitem(last=False)
        return found, True

    def clear(self) -> None:
        self._facts.clear()
        self._epoch = -1


def load(session: Session, agreement: str, *, epoch: int) -> Facts:
    """Load the facts about the agreement of this reference that are known at the epoch."""
    return _Loader(session, epoch).facts(agreement)


def known(row: type[Versioned], epoch: int) -> ColumnElement[bool]:
    """Say which rows are held true at the epoch."""
    return and_(
        col(row.epoch) <= epoch,
        or_(col(row.superseded_epoch).is_(None), col(row.superseded_epoch) > epoch),
    )


@dataclass(frozen=True, slots=True)
class _Loader:
    session: Session
    epoch: int

    def facts(self, name: str) -> Facts:
        agreement = self._agreement(name)
        versions = () if agreement is None else agreement.versions
        documents = {v.id: _document(v) for v in versions}
        lines = [x for d in documents.values() for x in d.lines if isinstance(x, Terms)]
        instruments = self._instruments()
        environment_owners = {x.environment_organisation for x in lines}
        parties = _related({p.ods for v in versions for p in v.parties}, instruments)
        commissioners = {code for x in lines for code in x.commissioners}
        codes = _related({*parties, *commissioners, *environment_owners}, instruments)
        organisations = self._organisations(codes)
        entities = {o.legal_entity for rows in organisations.values() for o in rows}
        return Facts(
            reference=name,
            rules=rules.load(),
            assurance_rules=reference.load().assurance,
            agreement=agreement,
            documents=documents,
            organisations=organisations,
            instruments=instruments,
            contracts=self._about(ContractRow, Contract, ContractRow.organisation, parties),
            relationships=tuple(
                to_fact(Relationship, row, consents=())
                for row in self._rows(
                    RelationshipRow,
                    col(RelationshipRow.commissioner).in_(
                        sorted(_related({*codes, *entities}, instruments))
                    ),
                )
            ),
            assurance=_by_organisation(
                self._about(AssuranceRow, Assurance, AssuranceRow.organisation, parties)
            ),
            registrations=_by_organisation(
                self._about(
                    IcoRegistrationRow, IcoRegistration, IcoRegistrationRow.organisation, parties
                )
            ),
            approvals={
                approval.reference: approval
                for approval in self._about(
                    Section251ApprovalRow,
                    Section251Approval,
                    Section251ApprovalRow.reference,
                    {x.approval for x in lines if x.approval is not None},
                )
            },
            publications={
                (row.data_set, row.period): row.published_on
                for row in self._rows(
                    PublicationRow,
                    col(PublicationRow.data_set).in_(sorted({x.key.data_set for x in lines})),
                )
            },
            environments=self._environments(_related(environment_owners, instruments)),
            maps=self._maps(),
            catalogue=catalogue.load(),
        )

    # The agreement

    def _agreement(self, name: str) -> Agreement | None:
        row = next(iter(self._rows(AgreementRow, col(AgreementRow.reference) == name)), None)
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
        rows = self._recorded(
            AgreementVersionRow, col(AgreementVersionRow.agreement_id) == agreement_id
        )
        ids = [row.id for row in rows]
        parties = _grouped(
            self._all(
                select(AgreementPartyRow)
                .where(col(AgreementPartyRow.agreement_version_id).in_(ids))
                .order_by(col(AgreementPartyRow.position))
            ),
            lambda party: party.agreement_version_id,
        )
        conditions = _grouped(
            self._rows(SpecialConditionRow, col(SpecialConditionRow.agreement_id) == agreement_id),
            lambda condition: condition.agreement_version_id,
        )
        signatures = _grouped(
            self._recorded(SignatureRow, col(SignatureRow.agreement_version_id).in_(ids)),
            lambda signature: signature.agreement_version_id,
        )
        return tuple(
            AgreementVersion(
                id=row.id,
                number=row.number,
                sequence=row.sequence,
                application_id=row.application_id,
                kind=row.kind,
                title=row.title,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                snapshot_hash=row.snapshot_hash,
                document_hash=row.document_hash,
                document=row.document,
                parties=tuple(
                    Party(ods=p.ods, capacity=Capacity(p.capacity), legal_name=p.legal_name)
                    for p in parties.get(row.id, ())
                ),
                lines=(),  # a decision reads the lines in the document that was signed
                conditions=tuple(to_fact(Condition, c) for c in conditions.get(row.id, ())),
                signatures=tuple(
                    _signature(s)
                    for s in signatures.get(row.id, ())
                    if s.document_hash == row.document_hash
                ),
            )
            for row in rows
        )

    def _holds(self, agreement_id: UUID) -> tuple[Hold, ...]:
        rows = self._rows(HoldRow, col(HoldRow.agreement_id) == agreement_id)
        lines = _grouped(
            self._all(
                select(HoldLineRow).where(col(HoldLineRow.hold_id).in_([row.id for row in rows]))
            ),
            lambda line: line.hold_id,
        )
        return tuple(
            to_fact(
                Hold,
                row,
                lifts=(),
                lines=tuple(
                    HeldLine(
                        key=LineKey(line.purpose, line.data_set, line.classification),
                        number=line.number,
                    )
                    for line in lines.get(row.id, ())
                ),
            )
            for row in rows
        )

    # What it rests on

    def _instruments(self) -> tuple[TransferInstrument, ...]:
        return tuple(
            TransferInstrument(
                id=row.id,
                predecessor=row.predecessor,
                successor=row.successor,
                valid_from=row.valid_from,
                evidence=row.evidence,
            )
            for row in self._recorded(TransferInstrumentRow)
        )

    def _organisations(self, codes: Collection[str]) -> Mapping[str, tuple[Organisation, ...]]:
        """Load what the codes mean, and who stands behind them: these may close too."""
        found = self._about(OrganisationRow, Organisation, OrganisationRow.ods, codes)
        behind = {o.legal_entity for o in found} - set(codes)
        found += self._about(OrganisationRow, Organisation, OrganisationRow.ods, behind)
        return _grouped(found, lambda organisation: organisation.ods)

    def _environments(self, owners: Collection[str]) -> tuple[EnvironmentFacts, ...]:
        rows = self._rows(
            RecipientEnvironmentRow, col(RecipientEnvironmentRow.organisation).in_(sorted(owners))
        )
        clients = _grouped(
            self._rows(
                EnvironmentClientRow,
                col(EnvironmentClientRow.environment_id).in_([row.id for row in rows]),
            ),
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
        return tuple(
            MapFacts(id=row.id, kind=row.kind, valid_from=row.valid_from)
            for row in self._recorded(
                MapSnapshotRow, col(MapSnapshotRow.kind) != MapKind.ORGANISATION.value
            )
        )

    # Queries

    def _about(
        self, row: type[Rows], fact: type[T], column: object, values: Collection[str]
    ) -> tuple[T, ...]:
        """Load the facts whose column is one of the values."""
        wanted = col(column).in_(sorted(values))
        made: tuple[T, ...] = tuple(to_fact(fact, r) for r in self._rows(row, wanted))  # type: ignore[type-var]  # all of them are facts
        return made

    def _rows(self, row: type[Rows], *where: ColumnElement[bool]) -> list[Rows]:
        return self._all(select(row).where(known(row, self.epoch), *where).order_by(col(row.id)))

    def _recorded(self, row: type[R], *where: ColumnElement[bool]) -> list[R]:
        return self._all(
            select(row).where(col(row.epoch) <= self.epoch, *where).order_by(col(row.id))
        )

    def _all(self, query: Select[T]) -> list[T]:
        return list(self.session.execute(query).scalars())


def _document(version: AgreementVersion) -> Document:
    """Read what was signed; a text that is not what its hash says is no document."""
    if digest(version.document.encode()) != version.document_hash:
        return Document(lines=(), unknown=("document",))
    return document.read(version.document)


def _signature(row: SignatureRow) -> Signature:
    return Signature(
        id=row.id,
        party=row.party,
        for_body=row.capacity == Capacity.BODY,
        document_hash=row.document_hash,
        name_of_role=row.name_of_role,
        signed_at=row.signed_at,
    )


def _related(codes: Iterable[str], instruments: Sequence[TransferInstrument]) -> set[str]:
    """Add all who come before or after these by transfer, on whatever day."""
    found = set(codes)
    while True:
        near = {
            code
            for i in instruments
            if {i.predecessor, i.successor} & found
            for code in (i.predecessor, i.successor)
        }
        if near <= found:
            return found
        found |= near


def _grouped(rows: Iterable[T], key: Callable[[T], K]) -> Mapping[K, tuple[T, ...]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: tuple(group) for name, group in groups.items()}


def _by_organisation(facts: Iterable[Any]) -> Mapping[str, tuple[Any, ...]]:
    return _grouped(facts, lambda fact: fact.organisation)
