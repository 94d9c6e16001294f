"""What recipients hold, and by when it must go: read out of holdings, agreements and breaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.destruction.certificate import Certificate, Destruction
from agreements.records.domain.destruction.ledger import (
    Grounds,
    LedgerFile,
    LedgerLine,
    approvals_of,
    ledger,
)
from agreements.records.domain.destruction.recorded import RecordedHolding
from agreements.records.use_cases.context import Compared, Context, compared, compared_by, scope
from agreements.records.use_cases.contracts import FactsAbout, standing_of
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day
from common.grouping import grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingWithLedger:
    """A released file, where it is held, and by when it must be destroyed."""

    agreement: Agreement
    holding: RecordedHolding
    line: LedgerLine
    at: datetime


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[HoldingWithLedger]]:
    """Return what is held under every agreement that the caller may know of: X01's ledger."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.holdings.page(part, scope=scope(tx, ctx))
        listed = unreadable.together(
            found, lambda some: _listed(tx, some, at, ctx), key=lambda one: one.id
        )
        return compared_by(tx, listed, by=lambda one: [one.agreement, one])


def _listed(
    tx: Transaction, found: Sequence[RecordedHolding], at: datetime, ctx: Context
) -> list[HoldingWithLedger]:
    """Say of files by when each must go; what that rests on is asked of all of them at once."""
    agreements = {a.reference: a for a in tx.agreements.named({one.agreement for one in found})}
    rests_on = grounds_of(tx, [*agreements.values()], at, ctx)
    destroyed = {one.id: one for one in tx.destroyed_files.among("id", [one.id for one in found])}
    listed = []
    for one in found:
        agreement = agreements[one.agreement]
        gone = destroyed.get(one.id)
        # A bridging file is destroyed with either of its agreements.
        is_of_it = gone is not None and (one.bridges or gone.agreement_id == agreement.id)
        file = _file(one, gone.destroyed_at if gone is not None and is_of_it else None)
        [line] = ledger(agreement, [file], rests_on[agreement.id], at)
        if one.bridges is not None:
            line = line.with_the_other(_seen_from_the_other(tx, one, at, ctx))
        listed.append(HoldingWithLedger(agreement=agreement, holding=one, line=line, at=at))
    return listed


def _seen_from_the_other(
    tx: Transaction, held: RecordedHolding, at: datetime, ctx: Context
) -> LedgerLine:
    """Say the same of a bridging file by the other one of its two agreements."""
    other = tx.agreements.get(held.bridges or "", scope=None)
    [seen] = [one for one in tx.holdings.of(other.reference) if one.id == held.id]
    [line] = ledger(other, _held(tx, other, [seen]), grounds(tx, other, at, ctx), at)
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsStatement:
    """All that is held under the agreements of whoever asks; what must go first is first."""

    at: datetime
    held: tuple[Compared[HoldingWithLedger], ...]
    is_whole: bool
    """Whether these are all; there may be more than are read at once."""
    unreadable: tuple[UUID, ...]


STATEMENT_MAX = 2_000
"""Files of one statement."""


def statement(*, ctx: Context) -> HoldingsStatement:
    """Say on one sheet what is held, and what must go by when."""
    at = ctx.clock.now()
    found = page(Slice(after=None, rows=STATEMENT_MAX + 1), ctx=ctx)
    missing = unreadable.noted()
    out = [one for one in found[:STATEMENT_MAX] if one.one.line.file.is_out]
    out.sort(
        key=lambda one: (
            date.max if one.one.line.due is None else one.one.line.due.by,
            one.one.holding.agreement,
            one.one.holding.id,
        )
    )
    return HoldingsStatement(
        at=at, held=tuple(out), is_whole=len(found) <= STATEMENT_MAX, unreadable=missing
    )


def get(reference: str, *, ctx: Context) -> Compared[Destruction]:
    """Return what is held under an agreement, what must go, and what was certified of it."""
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        shown = unreadable.read(
            agreement, lambda one: destruction_of(tx, one, ctx.clock.now(), ctx)
        )
    return compared([shown], by=lambda one: [agreement, one], ctx=ctx)[0]


def destruction_of(
    tx: Transaction, agreement: Agreement, at: datetime, ctx: Context
) -> Destruction:
    """Gather all of an agreement's destruction as it stands."""
    files = files_of(tx, agreement)
    certificates: Sequence[Certificate] = tx.certificates.find(agreement_id=agreement.id)
    return Destruction(
        agreement_id=agreement.id,
        reference=agreement.reference,
        lines=ledger(agreement, files, grounds(tx, agreement, at, ctx), at),
        certificates=tuple(certificates),
        acceptances=tuple(tx.acceptances.find(agreement_id=agreement.id)),
        at=at,
    )


def files_of(tx: Transaction, agreement: Agreement) -> list[LedgerFile]:
    """Return what may be held under an agreement."""
    return _held(tx, agreement, tx.holdings.of(agreement.reference))


def grounds(tx: Transaction, agreement: Agreement, at: datetime, ctx: Context) -> Grounds:
    """Gather what destruction rests on that is not the agreement's own."""
    return grounds_of(tx, [agreement], at, ctx)[agreement.id]


def grounds_of(
    tx: Transaction, agreements: Sequence[Agreement], at: datetime, ctx: Context
) -> Mapping[UUID, Grounds]:
    """Gather the same of several agreements, by the id of each; all of them are asked at once."""
    facts = FactsAbout(tx, agreements, at, ctx)
    wanted = {one.id: approvals_of(one, at) for one in agreements}
    every = sorted({reference for some in wanted.values() for reference in some})
    approvals = grouped(tx.section_251_approvals.among("reference", every), lambda a: a.reference)
    ids = [one.id for one in agreements]
    breaches = grouped(tx.breaches.of_agreements(ids), lambda b: b.agreement_id)
    shares = grouped(tx.onward_shares.among("agreement_id", ids), lambda s: s.agreement_id)
    controllers = {code for one in agreements for code in one.shown(at).controllers()}
    standing = standing_of(tx, controllers, legal_day(at), ctx)
    counting = sorted({code for codes in standing.values() for code in codes})
    contracts = grouped(tx.contracts.among("organisation", counting), lambda c: c.organisation)
    instruments = tx.instruments.all()
    return {
        one.id: Grounds(
            circumstances=facts.of(one),
            rules=ctx.reference.destruction,
            breaches=breaches.get(one.id, ()),
            approvals={
                reference: approvals[reference][0]
                for reference in sorted(wanted[one.id])
                if len(approvals.get(reference, ())) == 1
            },
            contracts={
                code: [contract for each in standing[code] for contract in contracts.get(each, ())]
                for code in one.shown(at).controllers()
            },
            shares=shares.get(one.id, ()),
            instruments=instruments,
        )
        for one in agreements
    }


def destroyed_of(
    tx: Transaction, agreement: Agreement, found: Sequence[RecordedHolding]
) -> Mapping[UUID, datetime]:
    """Say which of an agreement's files are destroyed, and when that was accepted.

    A bridging file is destroyed with either of its agreements, whichever had it accepted.
    """
    known = tx.destroyed_files.find(agreement_id=agreement.id)
    bridging = [one.id for one in found if one.bridges is not None]
    others = tx.destroyed_files.among("id", bridging)
    return {one.id: one.destroyed_at for one in (*known, *others)}


def _held(
    tx: Transaction, agreement: Agreement, found: Sequence[RecordedHolding]
) -> list[LedgerFile]:
    """Return what may be held: a file that gave way before anybody fetched it is nobody's."""
    destroyed = destroyed_of(tx, agreement, found)
    return [_file(one, destroyed.get(one.id)) for one in found]


def _file(one: RecordedHolding, destroyed_at: datetime | None) -> LedgerFile:
    return LedgerFile(
        holding_id=one.id,
        file_id=one.file_id,
        extract_id=one.extract_id,
        key=one.key,
        line=one.line,
        version=one.version,
        holder=one.holder,
        released_at=one.released_at,
        is_fetched=one.is_fetched,
        is_void=one.is_void,
        destroyed_at=destroyed_at,
    )
