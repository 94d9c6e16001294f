"""The public registers of contracts, agreements and relationships (domain.md 5.3, 9).

Each can be read whole, line by line by a link that stays, and with a statement of how it stands to
what this service sealed: whether a line is gone, altered, or cannot be read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from uuid import UUID

import orjson
from pydantic import JsonValue

import catalogue
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import ContractState
from agreements.records.domain.errors import ContractNotFound, OrganisationNotFound
from agreements.records.domain.lists.agreement_register import RegisteredAgreement, registered
from agreements.records.domain.lists.notice import Use, uses
from agreements.records.domain.lists.register import (
    EditionDifference,
    RegisteredContract,
    RelationshipEdition,
    Row,
    difference,
)
from agreements.records.domain.oversight.audits import RegisteredAudit
from agreements.records.domain.parties.organisation import holders, predecessors
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.use_cases.agreements import facts_about
from agreements.records.use_cases.context import (
    Compared,
    World,
    compared,
    compared_by,
    require_as_sealed,
)
from agreements.records.use_cases.contracts import ContractWithState, FactsAbout
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.oversight import audits
from agreements.records.use_cases.passing import onward
from agreements.records.use_cases.ports import Slice, TableAgainstSeals, Transaction
from common import texts, unreadable
from common.clock import legal_day
from common.errors import AgreementNotFound, EditionNotFound
from common.ids import digest_of

PUBLISHED = frozenset(
    {
        ContractState.SIGNED,
        ContractState.IN_FORCE,
        ContractState.EXPIRED,
        ContractState.TERMINATED,
    }
)
"""A contract that is not signed is nobody's business yet."""

IN_FORCE = frozenset({AgreementState.ACTIVE, AgreementState.SUSPENDED, AgreementState.LAPSED_HOLD})
"""States in which a controller may have data, so that its notice tells of it."""

LINES_AT_ONCE = 200


class PublicRegister(StrEnum):
    """Which register."""

    CONTRACTS = "contracts"
    AGREEMENTS = "agreements"
    RELATIONSHIPS = "relationships"
    ONWARD_SHARES = "onward-shares"
    AUDITS = "audits"


SEALED_TABLE: Mapping[PublicRegister, str] = {
    PublicRegister.CONTRACTS: "contract",
    PublicRegister.AGREEMENTS: "agreement",
    PublicRegister.RELATIONSHIPS: "relationship_edition",
    PublicRegister.ONWARD_SHARES: "onward_share",
    PublicRegister.AUDITS: "audit",
}
"""Where the seals name what a register has: organisation, reference, number of the edition; of
what went on the agreement, which is told by its reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What has no line in the register, and is not what was sealed: it may have had one."""

    reference: str
    not_as_sealed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPage:
    rows: Sequence[Compared[ContractWithState]]
    hidden: tuple[Hidden, ...]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementLines:
    """The lines of one agreement: one a version that took effect."""

    agreement: Agreement
    lines: tuple[RegisteredAgreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementPage:
    rows: Sequence[Compared[AgreementLines]]
    hidden: tuple[Hidden, ...]
    unreadable: tuple[UUID, ...]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterStatement:
    """How a register stands to what this service sealed, at an instant."""

    register: PublicRegister
    as_of: datetime
    rows: int
    digest: str
    """Over its rows, in order, in canonical JSON (RFC 8785)."""
    missing: tuple[str, ...]
    """What was sealed and is not there: organisations, references, numbers of editions."""
    not_as_sealed: tuple[str, ...]
    """What is not as it was sealed, in the same words."""
    unreadable: tuple[UUID, ...]
    recorded: TableAgainstSeals

    @property
    def is_complete(self) -> bool:
        found = self.missing or self.not_as_sealed or self.unreadable
        return self.recorded.is_whole and not found


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    controller: str
    name: str
    as_of: datetime
    uses: tuple[Use, ...]
    not_as_sealed: tuple[str, ...]


# Contracts


def contracts(part: Slice, *, ctx: World) -> RegisterPage:
    """Return the signed contracts; `part.rows` are looked at, fewer may be shown."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.contracts.page(Slice(after=part.after, rows=part.rows + 1))
    looked_at = found[: part.rows]
    every = [ContractWithState(contract=c, state=c.state_at(at)) for c in looked_at]
    shown = compared(every, by=lambda one: [one.contract], ctx=ctx)
    return RegisterPage(
        rows=[one for one in shown if _is_public(one.one)],
        hidden=tuple(
            Hidden(reference=one.one.contract.reference, not_as_sealed=one.not_as_sealed)
            for one in shown
            if one.not_as_sealed and not _is_public(one.one)
        ),
        next=looked_at[-1].id if len(found) > part.rows else None,
    )


def contract(reference: str, *, ctx: World) -> Compared[ContractWithState]:
    """Return the line of one contract.

    Raises:
        ContractNotFound: there is none of that reference that is signed.
        UnlikeSeal: what is recorded of it says that it is not signed, and is not what was sealed.

    """
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.contracts.one(reference=reference)
    if found is not None:
        shown = ContractWithState(contract=found, state=found.state_at(at))
        if _is_public(shown):
            return compared([shown], by=lambda one: [one.contract], ctx=ctx)[0]
        require_as_sealed("What is recorded of the contract is", found, ctx=ctx)
    raise ContractNotFound(f"The register has no contract {reference}.")


def _is_public(shown: ContractWithState) -> bool:
    return shown.contract.in_force_from() is not None and shown.state in PUBLISHED


# Agreements


def agreements(part: Slice, *, ctx: World) -> AgreementPage:
    """Return the agreements that took effect; `part.rows` are looked at, fewer may be shown."""
    page = _agreements(part, ctx)
    return replace(
        page,
        rows=[shown for shown in page.rows if shown.one.lines],
        hidden=tuple(
            Hidden(reference=shown.one.agreement.reference, not_as_sealed=shown.not_as_sealed)
            for shown in page.rows
            if shown.not_as_sealed and not shown.one.lines
        ),
    )


def _agreements(part: Slice, ctx: World) -> AgreementPage:
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.agreements.page(Slice(after=part.after, rows=part.rows + 1), scope=None)
        looked_at = found[: part.rows]
        facts = FactsAbout(tx, looked_at, at, ctx)
        shown = unreadable.each(looked_at, lambda a: _lines(a, facts, at), key=lambda a: a.id)
        rows = compared_by(tx, shown, by=lambda one: [one.agreement])
    missing = unreadable.noted()
    passed = sorted([*(a.id for a in looked_at), *missing])
    return AgreementPage(
        rows=rows,
        hidden=(),
        unreadable=missing,
        next=passed[-1] if len(found) > part.rows else None,
    )


def agreement(reference: str, *, ctx: World) -> Compared[AgreementLines]:
    """Return the lines of one agreement.

    Raises:
        AgreementNotFound: there is none of that reference that took effect.
        RecordUnreadable: a document of it cannot be read.
        UnlikeSeal: what is recorded of it says that it never took effect, and is not what was
            sealed.

    """
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.agreements.find(reference)
        lines = (
            None
            if found is None
            else unreadable.read(found, lambda a: _lines(a, FactsAbout(tx, [a], at, ctx), at))
        )
    if lines is not None and lines.lines:
        return compared([lines], by=lambda one: [one.agreement], ctx=ctx)[0]
    if found is not None:
        require_as_sealed("What is recorded of the agreement is", found, ctx=ctx)
    raise AgreementNotFound(f"The register has no agreement {reference}.")


def _lines(found: Agreement, facts: FactsAbout, at: datetime) -> AgreementLines:
    state = found.state_at(at, facts.of(found))
    return AgreementLines(agreement=found, lines=tuple(registered(found, state.value, at)))


def _state(tx: Transaction, found: Agreement, at: datetime, ctx: World) -> AgreementState:
    return found.state_at(at, facts_about(tx, found, at, ctx))


# Relationships


def relationships(number: int | None, *, ctx: World) -> Compared[RelationshipEdition] | None:
    """Return an edition, by default the latest; None while nothing was published.

    Raises:
        EditionNotFound: there is no edition of that number.

    """
    with ctx.uow.reading() as tx:
        found = tx.editions.latest() if number is None else tx.editions.get(number)
    if found is None:
        if number is None:
            return None
        raise EditionNotFound(f"There is no edition {number}.")
    [shown] = compared([found], by=lambda one: [one], ctx=ctx)
    return shown


def compare_editions(
    earlier: int, later: int, *, ctx: World
) -> tuple[EditionDifference, tuple[str, ...]]:
    """Return how two editions differ, and the tables whose rows of them are not as sealed.

    Raises:
        EditionNotFound: one of them was never published.

    """
    found = [relationships(number, ctx=ctx) for number in (earlier, later)]
    first, second = (one for one in found if one is not None)
    unlike = {table for one in (first, second) for table in one.not_as_sealed}
    return difference(first.one, second.one), tuple(sorted(unlike))


# Whole, and how it stands


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEntry:
    """What a register says of one thing, by the name that the seals have for it."""

    name: str
    rows: tuple[Row, ...]
    is_as_sealed: bool


def whole(register: PublicRegister, *, ctx: World) -> Iterator[Row]:
    """Return every line in order.

    Texts in which personal data stand are withheld (ruling 25). What cannot be read is noted
    (`common.unreadable`).
    """
    for entry in _entries(register, ctx):
        yield from entry.rows


def _entries(register: PublicRegister, ctx: World) -> Iterator[RegisterEntry]:
    match register:
        case PublicRegister.CONTRACTS:
            return _of_contracts(ctx)
        case PublicRegister.AGREEMENTS:
            return _of_agreements(ctx)
        case PublicRegister.RELATIONSHIPS:
            return _of_relationships(ctx)
        case PublicRegister.ONWARD_SHARES:
            return _of_onward_shares(ctx)
        case PublicRegister.AUDITS:
            return _of_audits(ctx)


def _of_contracts(ctx: World) -> Iterator[RegisterEntry]:
    after: UUID | None = None
    while True:
        page = contracts(Slice(after=after, rows=LINES_AT_ONCE), ctx=ctx)
        for shown in page.rows:
            line = RegisteredContract.of(shown.one.contract, shown.one.state.value)
            yield _entry(line.ods_code, [line], shown.not_as_sealed)
        if (after := page.next) is None:
            return


def _of_agreements(ctx: World) -> Iterator[RegisterEntry]:
    after: UUID | None = None
    unread: list[UUID] = []
    while True:
        page = _agreements(Slice(after=after, rows=LINES_AT_ONCE), ctx)
        for shown in page.rows:
            yield _entry(shown.one.agreement.reference, shown.one.lines, shown.not_as_sealed)
        unread += page.unreadable
        if (after := page.next) is None:
            break
    for one in unread:
        unreadable.note(one, ValueError("an agreement of the register"))


def _of_relationships(ctx: World) -> Iterator[RegisterEntry]:
    found = relationships(None, ctx=ctx)
    if found is not None:
        yield _entry(str(found.one.number), found.one.shown(), found.not_as_sealed)


def _of_onward_shares(ctx: World) -> Iterator[RegisterEntry]:
    after: UUID | None = None
    while True:
        page = onward.published(Slice(after=after, rows=LINES_AT_ONCE), ctx=ctx)
        for shown in page.rows:
            line = shown.one.line
            yield _entry(line.reference, [line], shown.not_as_sealed)
        if (after := page.next) is None:
            return


def _of_audits(ctx: World) -> Iterator[RegisterEntry]:
    for shown in audits.published(ctx=ctx).rows:
        line = RegisteredAudit.of(shown.one)
        yield _entry(line.reference, [line], shown.not_as_sealed)


def _entry(name: str, lines: Sequence[object], unlike: Sequence[str]) -> RegisterEntry:
    rows: list[Row] = orjson.loads(orjson.dumps([*lines], option=orjson.OPT_UTC_Z))
    return RegisterEntry(name=name, rows=tuple(map(texts.shown_in, rows)), is_as_sealed=not unlike)


def statement(register: PublicRegister, *, ctx: World) -> RegisterStatement:
    """Compare a register with what this service sealed: what is gone, altered or unreadable."""
    recorded = ctx.uow.recorded(SEALED_TABLE[register])
    entries = list(_entries(register, ctx))
    unread = unreadable.noted()
    rows: list[JsonValue] = [row for entry in entries for row in entry.rows]
    altered = {entry.name for entry in entries if not entry.is_as_sealed}
    named = _named(register, ctx)
    return RegisterStatement(
        register=register,
        as_of=ctx.clock.now(),
        rows=len(rows),
        digest=digest_of(rows),
        missing=tuple(sorted(map(named, recorded.gone))),
        not_as_sealed=tuple(sorted({*altered, *map(named, recorded.altered)})),
        unreadable=unread,
        recorded=recorded,
    )


def _named(register: PublicRegister, ctx: World) -> Callable[[str], str]:
    """Return how what the seals name is told: by what the register's own lines are named by."""
    if register is PublicRegister.ONWARD_SHARES:
        return lambda name: onward.reference_of(UUID(name), ctx=ctx)
    return str


# Notices


def notice(ods: str, *, ctx: World) -> Notice:
    """Return what a controller's agreements in force let it do with data about people.

    What passed to it by a transfer instrument is told of it, and no more of its predecessor.

    Raises:
        OrganisationNotFound: nobody of that code is in the loaded lists.

    """
    at = ctx.clock.now()
    found: list[tuple[Agreement, tuple[Use, ...]]] = []
    with ctx.uow.reading() as tx:
        day = legal_day(at)
        listed = tx.organisations.find(ods=ods)
        if not listed:
            raise OrganisationNotFound(f"No organisation {ods} is in the loaded lists.")
        spelled = _standing_with(tx, ods, day, ctx)
        titles = {**_titles(), **tx.data_sets.titles()}
        for one in _agreements_of(tx, spelled):
            version = one.governing(at)
            made: list[Use] = []
            if version is not None and _state(tx, one, at, ctx) in IN_FORCE:
                for name in sorted(spelled & set(version.controllers())):
                    made += uses(one, version, name, titles=titles)
            found.append((one, tuple(made)))
    on_the_day = [o for o in listed if o.valid_from <= day <= (o.valid_to or day)]
    shown = compared(found, by=lambda one: [one[0]], ctx=ctx)
    return Notice(
        controller=ods,
        name=(on_the_day or listed)[-1].name,
        as_of=at,
        uses=tuple(use for one in shown for use in one.one[1]),
        not_as_sealed=tuple(sorted({t for one in shown for t in one.not_as_sealed})),
    )


def _standing_with(tx: Transaction, ods: str, day: date, ctx: World) -> frozenset[str]:
    """Return the names of the controllers whose standing is this one's that day (ruling 4).

    Itself, unless it passed on, and those that passed to it by a transfer instrument.
    """
    instruments = tx.instruments.all()
    own = codes.own(tx, ods, day, ctx.reference)
    every = [
        one
        for one in (own, *predecessors(own, day, instruments))
        if own in holders(one, day, instruments)
    ]
    spelled = (codes.spellings(tx, one, day, ctx.reference) for one in every)
    return frozenset().union(*spelled)


def _agreements_of(tx: Transaction, parties: frozenset[str]) -> Iterator[Agreement]:
    after: UUID | None = None
    while found := tx.agreements.page(Slice(after=after, rows=LINES_AT_ONCE), scope=parties):
        yield from found
        after = found[-1].id


@cache
def _titles() -> Mapping[str, str]:
    return {one.digest: one.title for one in catalogue.load()}
