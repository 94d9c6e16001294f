"""Sealing what decisions wrote before there were seals of it, once, and what was put right since.

First it is held against the log of decisions, and that against the audit log, whose leaves have a
digest of each: a permit, a file, what became of it, a treatment that is taken. What differs is
named and nothing is sealed. What the haven attested of a file's list is in its own log alone.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlmodel import Session

from agreements.db.decisions.registers import FATE, HOLDING, ROW_DIGEST, TREATMENT, registers
from agreements.db.decisions.rows import decision_of, permit_of
from agreements.db.decisions.seals import (
    CHAIN,
    PERMIT,
    digest_of_row,
    is_anything_there,
    is_genuine,
    seals_of_permits,
)
from agreements.db.decisions.tables import DecisionRow
from agreements.db.seals.chain import Book, Sealer
from agreements.db.seals.chain import append as append_link
from agreements.db.seals.sealed import columns_of
from agreements.decision.domain.permits import GivenPermit, treatment_of
from agreements.decision.use_cases.ports import Fate
from common.db.tables import audit_leaf, table_of
from common.unreadable import UNREADABLE
from statements import attestation
from statements.vocabulary import LineKey

DECISION = table_of(DecisionRow)
PERMITS = PERMIT.name
DECISIONS = DECISION.name
"""Stand among the registers for all permits and decisions, each of which has a seal of its own."""
SIGNED = frozenset({PERMITS, DECISIONS})
AT_ONCE = 1_000


def book_of(session: Session, sealer: Sealer) -> Book:
    """Read the chain. Raises SealBroken."""
    book = Book(sealer, CHAIN)
    book.refresh(session)
    return book


def is_to_be_begun(session: Session, book: Book) -> bool:
    """Check whether there is something that was never sealed."""
    return book.number < 0 and is_anything_there(session)


def to_be_sealed(session: Session, book: Book, renew: Collection[str]) -> Mapping[str, str]:
    """Return what is to be sealed, by name: what never was, and of the rest what is to be renewed.

    Each has the digest of what is there. Permits count as one, and decisions: those that the key
    in use did not sign are to be signed by it. What was fetched before there were fates gets one.
    """
    is_first = is_to_be_begun(session, book)
    before = _digests(session)
    never = {DECISIONS} if _is_unmarked(session) else set()
    unlike = _unlike(session, book, before)
    if is_first:
        return {name: now for name, now in unlike.items() if name != DECISIONS}  # with the rest
    # Fates that were as they were sealed, until some were given to what had none.
    fates = (name for name in unlike if name.startswith(f"{FATE.name}/"))
    never |= {name for name in fates if before.get(name) == book.expected(name)}
    return {name: now for name, now in unlike.items() if name in never or name in renew}


def _unlike(session: Session, book: Book, found: Mapping[str, str]) -> dict[str, str]:
    _give_digests(session)
    _give_fates(session)
    unlike = {
        name: now
        for name, now in _digests(session).items()
        if not book.expected(name) == now == found.get(name)
    }
    own = Sealer(book.sealer.signer)
    if any(not is_genuine(own, row) for row in session.execute(select(*PERMIT.c))):
        unlike[PERMITS] = ""
    if any(True for _ in _not_marked(session, book.sealer)):
        unlike[DECISIONS] = ""
    return unlike


def seal(session: Session, book: Book, changes: Mapping[str, str], *, at: datetime) -> None:
    """Seal these registers as they are. Before, look at `differences`."""
    if PERMITS in changes:
        _sign_permits(session, book.sealer, at)
    _mark_decisions(session, book.sealer)
    said = {name: new for name, new in changes.items() if name not in SIGNED}
    append_link(session, book, said, epoch=book.number + 2, at=at)


def _digests(session: Session) -> dict[str, str]:
    return {r.name: str(rows.digest()) for r, rows in registers(session)}


def _give_digests(session: Session) -> None:
    for row in session.execute(select(*HOLDING.c)).all():
        columns = columns_of(row)
        if (now := digest_of_row(columns)) != columns[ROW_DIGEST]:
            session.execute(update(HOLDING).where(HOLDING.c.id == row.id).values({ROW_DIGEST: now}))


def _sign_permits(session: Session, sealer: Sealer, at: datetime) -> None:
    own = Sealer(sealer.signer)
    unsigned = [r for r in session.execute(select(*PERMIT.c)).all() if not is_genuine(own, r)]
    seals = seals_of_permits(sealer, [columns_of(row) for row in unsigned], at=at)
    for row, seal_ in zip(unsigned, seals, strict=True):
        session.execute(update(PERMIT).where(PERMIT.c.id == row.id).values(seal=seal_))


def _give_fates(session: Session) -> None:
    """Write down of what was fetched before there were fates that it was: a row can be deleted."""
    fates = set(session.execute(select(FATE.c.holding_id)).scalars())
    held = set(session.execute(select(HOLDING.c.id)).scalars())
    fetched = session.execute(
        select(DECISION.c.inputs, func.min(DECISION.c.at))
        .where(DECISION.c.action == "fetch", DECISION.c.permitted.is_(True))
        .group_by(DECISION.c.inputs)
    )
    first: dict[UUID, datetime] = {}
    for inputs, at in fetched:
        holding = UUID(json.loads(inputs)["holding"])
        first[holding] = min(at, first.get(holding, at))
    given = [
        {"holding_id": id_, "fate": Fate.FETCHED.value, "at": at}
        for id_, at in sorted(first.items())
        if id_ in held - fates
    ]
    if given:
        session.execute(insert(FATE), given)


def _is_unmarked(session: Session) -> bool:
    """Whether a decision was logged before decisions were marked."""
    query = select(DECISION.c.id).where(DECISION.c.seal.is_(None)).limit(1)
    return session.execute(query).first() is not None


def _not_marked(session: Session, sealer: Sealer) -> Iterator[Row[Any]]:
    own, last = Sealer(sealer.signer), UUID(int=0)
    ordered = select(*DECISION.c).order_by(DECISION.c.id).limit(AT_ONCE)
    while rows := session.execute(ordered.where(DECISION.c.id > last)).all():
        yield from (r for r in rows if not own.made(r.seal, decision_of(r).row_digest))
        last = rows[-1].id


def _mark_decisions(session: Session, sealer: Sealer) -> None:
    own = Sealer(sealer.signer)
    for row in _not_marked(session, sealer):
        mark = own.mark(decision_of(row).row_digest)
        session.execute(update(DECISION).where(DECISION.c.id == row.id).values(seal=mark))


@dataclass(frozen=True, slots=True)
class _Said:
    """A permission in the log of decisions."""

    row: Any
    inputs: Mapping[str, Any]
    outcome: Mapping[str, Any]


@dataclass(slots=True)
class _Log:
    """What the log of decisions permitted, by what it gave."""

    permits: dict[str, _Said] = field(default_factory=dict)
    holdings: dict[str, _Said] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)

    def add(self, said: _Said) -> None:
        match said.row.action:
            case "request":
                self.permits[str(said.outcome.get("permit"))] = said
            case "release":
                self.holdings[str(said.outcome.get("holding"))] = said
                self.void.update(said.outcome.get("void", ()))
            case "fetch":
                self.fetched.add(str(said.inputs.get("holding")))


def differences(session: Session) -> Iterator[str]:
    """Name what is not as the log of decisions and the audit log have it."""
    log = _Log()
    yield from _decisions(session, log.add)
    permits: list[GivenPermit] = []
    yield from _permits(session, log, permits)
    yield from _holdings(session, log, {str(p.id): p for p in permits})
    yield from _treatments(session, permits)
    yield from _fates(session, log)


def unlike_the_tree(session: Session) -> Iterator[str]:
    """Name every decision that is not as the audit log tells of it, or that is missing."""
    return _decisions(session, lambda _: None)


def _decisions(session: Session, add: Callable[[_Said], None]) -> Iterator[str]:
    told = {
        leaf["decision_id"]: leaf
        for leaf in map(json.loads, session.execute(select(audit_leaf.c.entry)).scalars())
        if leaf["decision_id"] is not None
    }
    for row in session.execute(select(*DECISION.c).order_by(DECISION.c.id)):
        leaf = told.pop(str(row.id), None)
        if leaf is None or not _is_told(row, leaf):
            yield f"Decision {row.id} is not one that the audit log tells of."
        elif row.permitted:
            add(_Said(row, json.loads(row.inputs), json.loads(row.outcome)))
    for id_ in sorted(told):
        yield f"The audit log tells of decision {id_}, which is not recorded."


def _is_told(row: Any, leaf: Mapping[str, Any]) -> bool:
    detail, decision = leaf["detail"], decision_of(row)
    return (
        leaf["action"] == f"{row.action}-{'permitted' if row.permitted else 'refused'}"
        and leaf["resource"] == f"agreements/{row.agreement}"
        and (leaf["client_id"], leaf["organisation"]) == (row.client_id, row.organisation)
        and datetime.fromisoformat(leaf["at"]) == row.at
        and detail["about"] == row.subject
        and detail["decision"] == decision.digest
        # From before there was one, the leaf has no digest of the whole row.
        and detail.get("row", decision.row_digest) == decision.row_digest
    )


def _permits(session: Session, log: _Log, found: list[GivenPermit]) -> Iterator[str]:
    missing = dict(log.permits)
    for row in session.execute(select(*PERMIT.c).order_by(PERMIT.c.issued_at, PERMIT.c.id)):
        said = missing.pop(str(row.id), None)
        permit = None if said is None else _permit(row, said)
        if permit is None:
            yield f"Permit {row.id} is not what a decision gave."
        else:
            found.append(permit)
    for id_ in sorted(missing):
        yield f"The log of decisions tells of permit {id_}, which is not recorded."


def _permit(row: Any, logged: _Said) -> GivenPermit | None:
    """Read a permit; None where it is not what the decision said."""
    try:
        given = permit_of(row)
        said, line = given.said, given.said.line
        is_same = (
            not any(said.contradictions())
            and row.decision_id == said.decision_id == logged.row.id
            and row.issued_at == logged.row.at
            and row.expires_at == given.expires_at
            and row.agreement == said.agreement.reference == logged.row.agreement
            and said.agreement.document_hash == logged.row.document_hash
            and row.extract_id == said.extract_id == logged.row.subject
            and (said.client_id, row.organisation) == (row.client_id, logged.row.organisation)
            and row.client_id == logged.row.client_id
            and str(row.environment_id) == logged.outcome["environment"]
            and said.domain.id == logged.outcome["domain"]
            and list(said.population.codes) == logged.outcome["codes"]
            and {f.name: f.treatment for f in said.fields} == logged.outcome["fields"]
            and list(said.periods) == logged.inputs["periods"]
            and line.number == logged.row.line
            and (row.purpose, row.data_set, row.classification) == line.key
            and line.key
            == tuple(logged.inputs[n] for n in ("purpose", "data_set", "classification"))
        )
    except UNREADABLE:
        return None
    return given if is_same else None


def _holdings(session: Session, log: _Log, permits: Mapping[str, GivenPermit]) -> Iterator[str]:
    missing = dict(log.holdings)
    for row in session.execute(select(*HOLDING.c).order_by(HOLDING.c.id)):
        said = missing.pop(str(row.id), None)
        permit = permits.get(str(row.permit_id))
        if said is None or permit is None or not _is_released(row, said, permit):
            yield f"File {row.id} is not what a decision released."
    for id_ in sorted(missing):
        yield f"The log of decisions tells of file {id_}, which is not recorded."


def _is_released(row: Any, logged: _Said, permit: GivenPermit) -> bool:
    try:
        file, inputs = attestation.FORM.read(row.file), logged.inputs
        return (
            row.decision_id == logged.row.id
            and row.released_at == logged.row.at
            and row.file_id == file.file_id == logged.row.subject
            and row.extract_id == file.extract_id == inputs["extract_id"]
            and str(row.permit_id) == file.permit_id == inputs["permit"]
            and row.attestation_digest == inputs["attestation"]
            and row.digest == file.file.digest == inputs["digest"]
            and row.agreement == permit.said.agreement.reference == logged.row.agreement
            and (row.version, row.document_hash, row.line)
            == (logged.row.version, logged.row.document_hash, logged.row.line)
            and row.environment_id == permit.environment_id
            and (row.client_id, row.organisation) == (permit.said.client_id, permit.organisation)
            and LineKey(row.purpose, row.data_set, row.classification) == permit.key
            and file.line.data_set == row.data_set
            and file.opt_out.applied == permit.said.opt_out.applied
            and (row.format, row.bytes) == (file.file.format, file.file.bytes)
            and json.loads(row.periods) == list(file.periods)
        )
    except UNREADABLE:
        return False


def _treatments(session: Session, permits: Sequence[GivenPermit]) -> Iterator[str]:
    """Yield months of a permit that none of its takers has, or about which they disagree."""
    by: defaultdict[tuple[UUID, str, str], dict[UUID, GivenPermit]] = defaultdict(dict)
    for permit in permits:
        for month in permit.said.periods:
            by[permit.environment_id, permit.said.line.data_set, month][permit.id] = permit
    for row in session.execute(select(*TREATMENT.c)):
        place = (row.environment_id, row.data_set, row.month)
        if not _is_taken(row, by.pop(place, {})):
            yield f"The treatment of {row.data_set} {row.month} is not what a permit took."
    for _, data_set, month in sorted(by):
        yield f"A permit took the treatment of {data_set} {month}, which is not recorded."


def _is_taken(row: Any, permits: Mapping[UUID, GivenPermit]) -> bool:
    first = permits.get(row.permit_id)
    return (
        first is not None
        and row.reserved_at == first.issued_at
        and {treatment_of(p.said.opt_out.applied) for p in permits.values()} == {row.treatment}
    )


def _fates(session: Session, log: _Log) -> Iterator[str]:
    """Yield files that are void by no release, or whose fetch was never written."""
    fates = {str(row.holding_id): row.fate for row in session.execute(select(*FATE.c))}
    yield from _fates_of(fates, Fate.VOID, log.void, log.void - log.fetched)
    yield from _fates_of(fates, Fate.FETCHED, log.fetched, ())
    for id_ in sorted(log.fetched & log.void):
        yield f"File {id_} was fetched, and made void."
    for id_ in sorted(fates.keys() - log.holdings.keys()):
        yield f"Something became of file {id_}, which was never released."


def _fates_of(
    fates: Mapping[str, str], fate: Fate, told: Collection[str], demanded: Collection[str]
) -> Iterator[str]:
    found = {id_ for id_, one in fates.items() if one == fate.value}
    for id_ in sorted(found - set(told)):
        yield f"File {id_} is {fate.value}, and the log of decisions does not tell of it."
    for id_ in sorted(set(demanded) - found):
        yield f"The log of decisions tells that file {id_} is {fate.value}; it is not recorded."
