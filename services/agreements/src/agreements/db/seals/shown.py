"""What is shown to people is held against its seal, as it is for a decision (docs/adr/0024)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlmodel import Session

from agreements.db.errors import SealBroken
from agreements.db.read.known import ReadAgreement, ReadRegister
from agreements.db.seals.chain import Book
from agreements.db.seals.sealed import (
    SEALED,
    Sealed,
    digest_as_read,
    read,
)
from agreements.db.seals.stored import StoredRow, read_as_stored
from agreements.flows.domain.local_flow import LocalFlow
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.breach import Breach
from agreements.records.domain.contract import Contract
from agreements.records.domain.destruction.certificate import Destruction
from agreements.records.domain.hold import Hold
from agreements.records.domain.issuing.batch import AgreementBatch
from agreements.records.domain.issuing.template import AgreementTemplate
from agreements.records.domain.lists.imports import Import
from agreements.records.domain.lists.maps import MapSnapshot
from agreements.records.domain.lists.register import RelationshipEdition
from agreements.records.domain.oversight.audits import Audit
from agreements.records.domain.oversight.directions import CollectedUnder, Direction
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.domain.oversight.lapses import LapseWarning
from agreements.records.domain.oversight.staff import StaffRecord
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.assurance import Assurance
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import ListedEnvironment, RecipientEnvironment
from agreements.records.domain.parties.organisation import Organisation, TransferInstrument
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Publication,
    Section251Approval,
)
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.parties.submission_right import SubmissionRight
from agreements.records.domain.terms.onward import OnwardShare
from agreements.records.use_cases.destruction.ledgers import HoldingWithLedger
from agreements.records.use_cases.organisations import OrganisationWithSuccessor
from agreements.records.use_cases.ports import TableAgainstSeals
from common.audit.log import read_frontier
from common.unreadable import UNREADABLE

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BY_NAME = {sealed.table.name: sealed for sealed in SEALED.values()}


class SealedRegister(NamedTuple):
    """Rows of a table that are sealed together (docs/adr/0024)."""

    table: str
    value: object = None
    """Of the column that the register is named by; None: the whole table is one register."""


OF_TRANSFERS = (SealedRegister("transfer_instrument"), SealedRegister("transfer_withdrawal"))

Registers = Callable[[Any], Iterable[SealedRegister]]


def _of_agreement(agreement: Agreement) -> Iterable[SealedRegister]:
    yield SealedRegister("agreement", agreement.reference)
    for table in ("agreement_version", "special_condition", "renewal", "task", "hold"):
        yield SealedRegister(table, agreement.id)
    for version in agreement.versions:
        yield SealedRegister("signature", version.id)
    for hold in agreement.holds:
        yield SealedRegister("hold_lift", hold.id)


REGISTERS: Mapping[type[object], Registers] = {
    Agreement: _of_agreement,
    Destruction: lambda shown: [
        *OF_TRANSFERS,
        *(
            SealedRegister(table, shown.agreement_id)
            for table in (
                *("destruction_certificate", "destruction_acceptance", "destroyed_file"),
                "onward_share",
            )
        ),
    ],
    OnwardShare: lambda share: [SealedRegister("onward_share", share.agreement_id)],
    HoldingWithLedger: lambda one: [
        *OF_TRANSFERS,
        SealedRegister("destroyed_file", one.agreement.id),
        SealedRegister("onward_share", one.agreement.id),
    ],
    Hold: lambda hold: [SealedRegister("hold_lift", hold.id)],
    Breach: lambda breach: [
        SealedRegister("breach", breach.agreement_id),
        SealedRegister("hold", breach.agreement_id),
    ],
    AgreementTemplate: lambda one: [SealedRegister("agreement_template", one.name)],
    AgreementBatch: lambda one: [SealedRegister("agreement_batch", one.id)],
    Contract: lambda contract: [SealedRegister("contract", contract.organisation)],
    RecipientEnvironment: lambda environment: [
        SealedRegister("recipient_environment", environment.organisation),
        SealedRegister("environment_client", environment.id),
    ],
    ListedEnvironment: lambda listed: [SealedRegister("listed_environment", listed.kind.value)],
    DomainTransfer: lambda one: [SealedRegister("domain_transfer", one.agreement_id)],
    Organisation: lambda listed: [SealedRegister("organisation", listed.ods)],
    TransferInstrument: lambda _: [*OF_TRANSFERS],
    OrganisationWithSuccessor: lambda one: [
        SealedRegister("organisation", one.organisation.ods),
        *OF_TRANSFERS,
    ],
    Relationship: lambda relationship: [
        SealedRegister("relationship", relationship.commissioner),
        SealedRegister("relationship_consent", relationship.id),
    ],
    RelationshipEdition: lambda edition: [SealedRegister("relationship_edition", edition.number)],
    Assurance: lambda evidence: [SealedRegister("assurance", evidence.organisation)],
    IcoRegistration: lambda ico: [SealedRegister("ico_registration", ico.organisation)],
    Section251Approval: lambda one: [SealedRegister("section_251_approval", one.reference)],
    Publication: lambda publication: [SealedRegister("publication", publication.data_set)],
    SubmissionRight: lambda right: [SealedRegister("submission_right", right.submitter)],
    StaffRecord: lambda record: [SealedRegister("staff_record", record.subject)],
    Direction: lambda _: [SealedRegister("direction")],
    CollectedUnder: lambda _: [SealedRegister("direction")],
    OptOutWaiver: lambda _: [SealedRegister("opt_out_waiver")],
    InternalInstruction: lambda one: [SealedRegister("internal_instruction", one.agreement)],
    Audit: lambda audit: [SealedRegister("audit", audit.reference)],
    LapseWarning: lambda warning: [SealedRegister("lapse_warning", warning.subject_id)],
    LocalFlow: lambda flow: [SealedRegister("local_flow", flow.digest)],
    MapSnapshot: lambda _: [SealedRegister("map_snapshot"), SealedRegister("map_standing")],
    Import: lambda _: [SealedRegister("import")],
}
"""By what is shown: where all is that it is shown by. A test asks for every table."""


@dataclass(slots=True)
class Seals:
    """The chain of facts as one process knows it, for one thread at a time."""

    book: Book
    lock: Lock = field(default_factory=Lock)


AsRead = Callable[[Agreement], ReadAgreement | None]


def not_as_sealed(
    session: Session, seals: Seals, shown: Sequence[Sequence[object]], as_read: AsRead
) -> list[tuple[str, ...]]:
    """Say of each, with what it is shown with, which tables hold other rows than were sealed.

    `as_read` gives the rows that an agreement was made of, read in this session: they are compared
    themselves. Of all else the rows are read.
    """
    if not any(shown):
        return [() for _ in shown]
    with seals.lock:
        return _not_as_sealed(session, seals.book, shown, as_read)


def _not_as_sealed(
    session: Session, book: Book, shown: Sequence[Sequence[object]], as_read: AsRead
) -> list[tuple[str, ...]]:
    try:
        book.refresh(session)
        is_whole = True
    except SealBroken:
        # The process may know of links that this snapshot is too old for. One that is taken under
        # the lock shows them all, and then the rows are read again.
        session.rollback()
        as_read = _unknown
        is_whole = _is_refreshed(session, book)
    of_each = [_asked(of_it, as_read) for of_it in shown]
    asked = frozenset[SealedRegister]().union(*(registers for registers, _ in of_each))
    unlike = _unlike_seals(session, book, asked) if is_whole else asked
    found = [
        {r.table for r in registers & unlike}
        | {r.table for r in read if not is_whole or book.expected(r.name) != r.digest}
        for registers, read in of_each
    ]
    if any(found) and is_whole:
        log.critical("seal_broken", registers=sorted(set().union(*found)))
    return [tuple(sorted(tables)) for tables in found]


def _unknown(_agreement: Agreement) -> None:
    return None


def _asked(
    of_it: Sequence[object], as_read: AsRead
) -> tuple[frozenset[SealedRegister], Sequence[ReadRegister]]:
    """Return what is to be read of it, and what was read."""
    registers: set[SealedRegister] = set()
    read: list[ReadRegister] = []
    for one in of_it:
        known = as_read(one) if isinstance(one, Agreement) else None
        if known is None:
            registers.update(REGISTERS[type(one)](one))
        else:
            read += known.registers
    return frozenset(registers), read


def recorded(session: Session, book: Book, table: str) -> TableAgainstSeals:
    """Hold every register of a table that was ever sealed against its seal."""
    is_whole = _is_refreshed(session, book)
    sealed = BY_NAME[table]
    values = set(_sealed_values(book, sealed))
    unlike = set(_unlike(session, book, table, values))
    found = read(session, sealed, unlike) if unlike else {}
    head = read_frontier(session)
    return TableAgainstSeals(
        gone=frozenset(str(value) for value in unlike if not found.get(value)),
        altered=frozenset(str(value) for value in unlike if found.get(value)),
        is_whole=is_whole,
        number=book.number,
        seal=book.head or "",
        log_size=head.size,
        log_root=head.root().hex(),
    )


READ_AS: Mapping[type, Callable[[str], object]] = {int: int, UUID: UUID}
"""What stands in the name of a register, as its column has it; else it is a text."""


def _sealed_values(book: Book, sealed: Sealed) -> Iterator[object]:
    """Return the values that a table's registers are named by, as their column has them."""
    column = sealed.table.c[str(sealed.by)]
    for name in book.registers():
        table, _, value = name.partition("/")
        if table == sealed.table.name:
            yield READ_AS.get(column.type.python_type, str)(value)


def _is_refreshed(session: Session, book: Book) -> bool:
    try:
        book.refresh(session)
    except SealBroken as error:
        log.critical("seal_broken", detail=str(error))
        return False
    return True


def _unlike_seals(
    session: Session, book: Book, asked: frozenset[SealedRegister]
) -> frozenset[SealedRegister]:
    """Return which of these registers hold other rows than were sealed."""
    values: defaultdict[str, set[object]] = defaultdict(set)
    for register in asked:
        values[register.table].add(register.value)
    return frozenset(
        SealedRegister(table, value)
        for table, wanted in values.items()
        for value in _unlike(session, book, table, wanted)
    )


def _unlike(session: Session, book: Book, table: str, values: set[object]) -> Iterable[object]:
    sealed = BY_NAME[table]
    try:
        found = read_as_stored(session, sealed, values)
    except UNREADABLE as error:
        log.critical("seal_broken", register=table, exc_info=error)
        return values
    unlike = {value for value in values if not _is_as_sealed(book, sealed, value, found)}
    if unlike:
        log.critical("seal_broken", register=table, registers=len(unlike))
    return unlike


def _is_as_sealed(
    book: Book, sealed: Sealed, value: object, found: Mapping[object, Sequence[StoredRow]]
) -> bool:
    try:
        return digest_as_read(found.get(value, ())) == book.expected(sealed.register(value))
    except UNREADABLE as error:
        log.critical("seal_broken", register=sealed.table.name, exc_info=error)
        return False
