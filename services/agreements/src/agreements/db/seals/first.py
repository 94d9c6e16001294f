"""Sealing what was recorded before there were seals, once, and what was put right after a break.

First everything is held against the audit log: what people signed, drafted, held, lifted and ended,
each in both directions, and every row against some leaf of its instant. What differs is named and
nothing is sealed.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import Session

from agreements.db import tables as t
from agreements.db.agreements import SqlAgreements
from agreements.db.decisions import seal_first as decision_seal_first
from agreements.db.epoch import stamp
from agreements.db.errors import NotSealed
from agreements.db.read.known import KnownAgreements
from agreements.db.seals import chain as seals
from agreements.db.seals import receipts
from agreements.db.seals.chain import BROKEN, Book, Sealer
from agreements.db.seals.sealed import SEALED, RowWithParts, digest_of_rows, read_all
from agreements.db.seals.tables import SignatureReceiptRow
from agreements.db.store import SqlFacts
from agreements.records.domain.contract import Contract
from agreements.records.domain.hold import PEOPLE_TO_LIFT
from common.audit import Entry
from common.clock import Clock
from common.db import engine as engines
from common.db.tables import audit_leaf, table_of
from common.db.unit_of_work import translated
from common.ids import canonical, digest
from common.replacement import person_of

LeavesByAction = Mapping[str, Sequence[Mapping[str, Any]]]
"""Leaves of the audit log by their action."""


def seal_all(
    engine: Engine, sealer: Sealer, *, clock: Clock, renew: Sequence[str] = ()
) -> Sequence[str]:
    """Seal every register, or those that are to be renewed; return their names.

    Facts and what decisions wrote have a chain each: what has none yet is sealed.

    Raises:
        NotSealed: rows and audit log differ, or a register is not one that could be renewed.
        SealBroken: the chain itself is not the one that this service wrote.

    """
    with translated(), Session(engines.writing(engine)) as session, session.begin():
        at = clock.now()
        if differences := [*_differences(session), *decision_seal_first.differences(session)]:
            raise NotSealed(differences)
        facts = Book(sealer)
        facts.refresh(session)
        decisions = decision_seal_first.book_of(session, sealer)
        of_facts = _registers_to_seal(session, facts, renew)
        of_decisions = decision_seal_first.to_be_sealed(session, decisions, renew)
        changes = {**of_facts, **of_decisions}
        if wrong := [name for name in renew if name not in changes]:
            raise NotSealed([f"{register} is not broken, or is none." for register in wrong])
        if not changes:
            raise NotSealed(["Everything was sealed before; name what is to be renewed."])
        if of_facts:
            epoch = stamp(session, at=at)
            if facts.number < 0:
                _give_receipts(session, sealer, epoch, at)
                of_facts = dict(_registers(session))
            seals.append(session, facts, of_facts, epoch=epoch, at=at)
        if of_decisions:
            decision_seal_first.seal(session, decisions, of_decisions, at=at)
        return sorted({**of_facts, **of_decisions})


def _registers(session: Session) -> Iterator[tuple[str, str]]:
    for sealed in SEALED.values():
        for value, rows in read_all(session, sealed).items():
            yield sealed.register(value), digest_of_rows(o.record() for o in rows) or BROKEN


def _registers_to_seal(session: Session, book: Book, renew: Sequence[str]) -> dict[str, str]:
    found = dict(_registers(session))
    if book.number < 0:
        return found
    return {
        name: found[name] for name in renew if found.get(name) not in (None, book.expected(name))
    }


def _give_receipts(session: Session, sealer: Sealer, epoch: int, at: datetime) -> None:
    """Vouch for the signatures that the audit log tells of, in the name of who gave them."""
    by_action = _leaves_by_action(session)
    for contract in SqlFacts(session, t.ContractRow, Contract).find():
        for signed in receipts.of_contract(contract):
            leaf = _signing(by_action["contract-signed"], f"contracts/{contract.reference}", signed)
            receipts.give(session, sealer, [signed], epoch=epoch, audit=_by(leaf, at))
    agreements = SqlAgreements(session, sealer, KnownAgreements())
    for reference in session.execute(
        select(table_of(t.AgreementRow).c.reference).where(
            table_of(t.AgreementRow).c.superseded_epoch.is_(None)
        )
    ).scalars():
        for version in agreements.get(reference, scope=None).versions:
            for signed in receipts.of_version(version):
                leaf = _signing(by_action["agreement-signed"], f"agreements/{reference}", signed)
                receipts.give(session, sealer, [signed], epoch=epoch, audit=_by(leaf, at))


def _signing(
    leaves: Sequence[Mapping[str, Any]], resource: str, signed: receipts.Signed
) -> Mapping[str, Any]:
    return next(
        leaf
        for leaf in leaves
        if leaf["resource"] == resource
        and leaf["detail"]["party"] == signed.party
        and datetime.fromisoformat(leaf["at"]) == signed.signed_at
    )


def _by(leaf: Mapping[str, Any], at: datetime) -> Entry:
    return Entry(
        at=at,
        action=leaf["action"],
        resource=leaf["resource"],
        subject=leaf["subject"],
        client_id=leaf["client_id"],
        organisation=leaf["organisation"],
        role=leaf["role"],
    )


def _leaves_by_action(session: Session) -> LeavesByAction:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    query = select(audit_leaf.c.entry).order_by(audit_leaf.c.index)
    for entry in session.execute(query).scalars():
        leaf = json.loads(entry)
        if leaf["decision_id"] is None:
            found[leaf["action"]].append(leaf)
    return found


def _differences(session: Session) -> Iterator[str]:
    by_action = _leaves_by_action(session)
    yield from _undated(session, by_action)
    agreements = {
        row.id: row.reference for row in session.execute(select(*table_of(t.AgreementRow).c))
    }
    yield from _both("version", _logged_versions(by_action), _versions(session, agreements))
    yield from _both("signature", _logged_signatures(by_action), _signatures(session, agreements))
    yield from _both("contract's signature", _logged_contracts(by_action), _contracts(session))
    yield from _both("hold", _logged_holds(by_action), _holds(session, agreements))
    yield from _both("end", _logged_ends(by_action), _ends(session))
    yield from _lifted(session, by_action)
    yield from _documents(session)


def _both(what: str, told: set[tuple[Any, ...]], found: set[tuple[Any, ...]]) -> Iterator[str]:
    for one in sorted(map(str, told - found)):
        yield f"The audit log tells of a {what} that is not recorded: {one}."
    for one in sorted(map(str, found - told)):
        yield f"A {what} is recorded that the audit log does not tell of: {one}."


def _undated(session: Session, by_action: LeavesByAction) -> Iterator[str]:
    """Yield rows that were not recorded at the instant of some leaf."""
    instants = {
        datetime.fromisoformat(leaf["at"]) for leaves in by_action.values() for leaf in leaves
    }
    for sealed in SEALED.values():
        if sealed.row is SignatureReceiptRow:
            continue
        for (at,) in session.execute(select(sealed.table.c.recorded_at).distinct()):
            if at not in instants:
                yield f"{sealed.table.name} has rows of {at.isoformat()}; the audit log has none."


def _logged_versions(by_action: LeavesByAction) -> set[tuple[Any, ...]]:
    return {
        (leaf["resource"], leaf["detail"]["version"], leaf["detail"]["snapshot_hash"])
        for leaf in by_action["agreement-drafted"]
    }


def _versions(session: Session, agreements: Mapping[Any, str]) -> set[tuple[Any, ...]]:
    return {
        (f"agreements/{agreements.get(row.agreement_id)}", row.number, row.snapshot_hash)
        for row in session.execute(select(*table_of(t.AgreementVersionRow).c))
    }


def _logged_signatures(by_action: LeavesByAction) -> set[tuple[Any, ...]]:
    return {
        (leaf["resource"], leaf["detail"]["party"], leaf["detail"]["document_hash"], _at(leaf))
        for leaf in by_action["agreement-signed"]
    }


def _signatures(session: Session, agreements: Mapping[Any, str]) -> set[tuple[Any, ...]]:
    versions = {
        row.id: row.agreement_id
        for row in session.execute(select(*table_of(t.AgreementVersionRow).c))
    }
    return {
        (
            f"agreements/{agreements.get(versions.get(row.agreement_version_id))}",
            row.party,
            row.document_hash,
            row.signed_at,
        )
        for row in session.execute(select(*table_of(t.SignatureRow).c))
    }


def _logged_contracts(by_action: LeavesByAction) -> set[tuple[Any, ...]]:
    return {
        (leaf["resource"], leaf["detail"]["party"], _at(leaf))
        for leaf in by_action["contract-signed"]
    }


def _contracts(session: Session) -> set[tuple[Any, ...]]:
    return {
        (f"contracts/{contract.reference}", signed.party, signed.signed_at)
        for contract in SqlFacts(session, t.ContractRow, Contract).find()
        for signed in receipts.of_contract(contract)
    }


def _logged_holds(by_action: LeavesByAction) -> set[tuple[Any, ...]]:
    return {(leaf["resource"], leaf["detail"]["hold"], _at(leaf)) for leaf in by_action["hold-set"]}


def _holds(session: Session, agreements: Mapping[Any, str]) -> set[tuple[Any, ...]]:
    return {
        (f"agreements/{agreements.get(row.agreement_id)}", str(row.id), row.set_at)
        for row in session.execute(select(*table_of(t.HoldRow).c))
    }


def _logged_ends(by_action: LeavesByAction) -> set[tuple[Any, ...]]:
    ends = (*by_action["agreement-terminated"], *by_action["contract-terminated"])
    return {(leaf["resource"], _at(leaf)) for leaf in ends}


def _ends(session: Session) -> set[tuple[Any, ...]]:
    return {
        (f"{kind}/{row.reference}", row.terminated_at)
        for kind, table in (
            ("agreements", table_of(t.AgreementRow)),
            ("contracts", table_of(t.ContractRow)),
        )
        for row in session.execute(select(*table.c).where(table.c.terminated_at.is_not(None)))
    }


def _lifted(session: Session, by_action: LeavesByAction) -> Iterator[str]:
    """Yield holds that were lifted by fewer people than it takes, or by one not in the log."""
    people: defaultdict[str, set[str]] = defaultdict(set)
    for leaf in by_action["hold-lift-approved"]:
        people[leaf["detail"]["hold"]].add(person_of(leaf["subject"]))
    hold, lift = table_of(t.HoldRow), table_of(t.HoldLiftRow)
    for row in session.execute(select(*hold.c).where(hold.c.lifted_at.is_not(None))):
        if len(people[str(row.id)]) < PEOPLE_TO_LIFT:
            yield f"Hold {row.id} is lifted, and the audit log tells of fewer than two people."
    for row in session.execute(select(*lift.c)):
        if person_of(row.approved_by) not in people[str(row.hold_id)]:
            yield f"Hold {row.hold_id} has a reason to lift that the audit log does not tell of."


def _documents(session: Session) -> Iterator[str]:
    """Yield documents that do not hold the logged snapshot, or whose lines are not the rows'."""
    for found in (
        one for rows in read_all(session, SEALED[t.AgreementVersionRow]).values() for one in rows
    ):
        row = found.row
        try:
            document = json.loads(row.document)
            is_whole = (
                digest(row.document.encode()) == row.document_hash
                and digest(canonical(document["snapshot"])) == row.snapshot_hash
                and _lines(document["parties"]) == _lines(_parties(found))
                and document["snapshot"]["start"] == row.valid_from.isoformat()
                and document["snapshot"]["end"] == row.valid_to.isoformat()
                and _lines(document["snapshot"]["lines"])
                == _lines([line["content"] for line in found.parts["agreement_line"]])
            )
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if not is_whole:
            yield f"Version {row.number} ({row.id}) is not the document of its approved snapshot."


def _parties(found: RowWithParts) -> list[dict[str, Any]]:
    names = ("ods", "capacity", "legal_name")
    return [{n: p[n] for n in names} for p in found.parts["agreement_party"]]


def _lines(lines: Sequence[Any]) -> list[bytes]:
    return sorted(canonical(line) for line in lines)


def _at(leaf: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(leaf["at"])
