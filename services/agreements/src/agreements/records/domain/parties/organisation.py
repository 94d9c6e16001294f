"""Organisations: codes for a time, who stands behind them, and who succeeded whom.

A code is valid for a time and may be a part of another legal entity in that time: 02P was a
clinical commissioning group until 2022-06-30 and is a location of QF7 since (domain.md 1.1, 1.3).
Nothing passes to a successor by itself, only by a dated transfer instrument (ruling 4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from agreements.records.domain.errors import (
    NotALegalEntity,
    OrganisationUnknown,
    TransferInCircle,
    TransferRecorded,
    TransferTookEffect,
)
from common.clock import is_between
from common.lives import FIRST_DAY, DateState, Life, Move, on_day

DAY = timedelta(days=1)


class OrganisationKind(StrEnum):
    CCG = "CCG"
    SUB_ICB_LOCATION = "SUB_ICB_LOCATION"
    ICB = "ICB"
    NHS_ENGLAND = "NHS_ENGLAND"
    NHS_ENGLAND_HUB = "NHS_ENGLAND_HUB"
    NHS_ENGLAND_REGION = "NHS_ENGLAND_REGION"
    BODY = "BODY"
    CSU = "CSU"
    DSCRO = "DSCRO"
    NHS_TRUST = "NHS_TRUST"
    SITE = "SITE"
    """A part of a provider with a code of its own; its legal entity is the provider."""
    AREA = "AREA"
    """A code of the ONS for the area of a commissioner or local authority (`E38…`, `E07…`); its
    legal entity is the organisation that the area belongs to."""
    GP_PRACTICE = "GP_PRACTICE"
    LOCAL_AUTHORITY = "LOCAL_AUTHORITY"
    INDEPENDENT_PROVIDER = "INDEPENDENT_PROVIDER"
    SUPPLIER = "SUPPLIER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """One code in one stretch of time. `valid_to` is inclusive; None: still open."""

    id: UUID
    ods: str
    name: str
    kind: OrganisationKind
    legal_entity: str
    parent: str | None
    valid_from: date
    valid_to: date | None
    source: str
    version: int = 0

    def is_valid_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


class InstrumentCommand(StrEnum):
    WITHDRAW = "POST /v1/transfer-instruments/{instrument_id}/withdrawal"


INSTRUMENT = Life(
    name="Transfer instrument, by its day",
    begins=frozenset({DateState.AWAITED, DateState.IN_FORCE}),
    moves={
        DateState.AWAITED: (
            FIRST_DAY,
            Move(
                to=DateState.WITHDRAWN,
                why="nothing passes by it",
                command=InstrumentCommand.WITHDRAW,
            ),
        ),
        DateState.IN_FORCE: (),
        DateState.WITHDRAWN: (),
    },
    otherwise={
        InstrumentCommand.WITHDRAW: {
            DateState.IN_FORCE: TransferTookEffect,
            DateState.WITHDRAWN: None,
        }
    },
)
"""What passed on its day passes back by an instrument of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferInstrument:
    id: UUID
    predecessor: str
    successor: str
    valid_from: date
    evidence: str
    withdrawn_at: datetime | None = None
    """Before its day: nothing passed by it."""
    withdrawal_reason: str | None = None

    def date_state(self, day: date) -> DateState:
        is_gone = self.withdrawn_at is not None
        return on_day(day, self.valid_from, None, is_withdrawn=is_gone)

    def can_be_withdrawn(self, day: date) -> bool:
        """Say whether it can still be taken back; False: it was.

        Raises:
            TransferTookEffect: what passed on its day is the successor's.

        """
        return INSTRUMENT.permits(
            self.date_state(day),
            InstrumentCommand.WITHDRAW,
            f"It took effect on {self.valid_from}: what was {self.predecessor}'s is"
            f" {self.successor}'s. What is to go back passes by an instrument of its own.",
            effective_from=self.valid_from.isoformat(),
        )


def on(day: date, known: Iterable[Organisation]) -> Organisation | None:
    """Return the row of one code that is valid on `day`; the latest where lists overlap."""
    valid = [o for o in known if o.is_valid_on(day)]
    return max(valid, key=lambda o: o.valid_from, default=None)


def legal_entity(ods: str, day: date, known: Sequence[Organisation]) -> str:
    """Return the code of the legal entity behind `ods` on `day`.

    Raises:
        OrganisationUnknown: the code is not in the loaded list on that day.

    """
    found = on(day, [o for o in known if o.ods == ods])
    if found is None:
        raise OrganisationUnknown(f"{ods} is not in the loaded list on {day}.", organisation=ods)
    return found.legal_entity


def require_listed_within(ods: str, first: date, last: date, known: Sequence[Organisation]) -> None:
    """Demand that there was such an organisation on some of these days.

    Raises:
        OrganisationUnknown: the code is not in the loaded list on any of them.

    """
    if not any(
        o.ods == ods and o.valid_from <= last and (o.valid_to or date.max) >= first for o in known
    ):
        raise OrganisationUnknown(
            f"{ods} is not in the loaded list on any day from {first} to {last}.",
            organisation=ods,
        )


def require_legal_entity(ods: str, day: date, known: Sequence[Organisation]) -> None:
    """Contracts, assurance and fees are the legal entity's (ruling 4).

    Raises:
        OrganisationUnknown: the code is not in the loaded list on that day.
        NotALegalEntity: it is a part of another.

    """
    entity = legal_entity(ods, day, known)
    if entity != ods:
        raise NotALegalEntity(
            f"{ods} is a part of {entity} on {day}.", organisation=ods, legal_entity=entity
        )


def require_no_circle(
    predecessor: str, successor: str, instruments: Iterable[TransferInstrument]
) -> None:
    """Demand that what passes on does not come back, on whatever day.

    Raises:
        TransferInCircle: to itself, or to somebody whose own standing it has.

    """
    if predecessor == successor:
        raise TransferInCircle(
            f"{predecessor} would pass to itself. Name who comes after it.",
            predecessor=predecessor,
            successor=successor,
        )
    if successor in predecessors(predecessor, date.max, instruments):
        raise TransferInCircle(
            f"{predecessor} has what was {successor}'s. Look at GET /v1/transfer-instruments.",
            predecessor=predecessor,
            successor=successor,
        )


def require_new(
    predecessor: str, successor: str, instruments: Iterable[TransferInstrument]
) -> None:
    """Demand that it does not pass to the same successor already, on whatever day.

    Raises:
        TransferRecorded: two dates for one transfer leave days of which nobody could say whose
            they are.

    """
    for one in instruments:
        if (one.predecessor, one.successor) == (predecessor, successor):
            raise TransferRecorded(
                f"{predecessor} passes to {successor} on {one.valid_from} already. Before that day"
                " it can be withdrawn, and recorded anew.",
                transfer_instrument=str(one.id),
                effective_from=one.valid_from.isoformat(),
            )


def predecessors(ods: str, day: date, instruments: Iterable[TransferInstrument]) -> tuple[str, ...]:
    """Return every code whose standing passed to `ods` by `day`, through chains too, sorted."""
    effective = [i for i in instruments if i.valid_from <= day]
    found: set[str] = set()
    open_codes = {ods}
    while open_codes:
        successors = open_codes
        open_codes = {i.predecessor for i in effective if i.successor in successors} - found - {ods}
        found |= open_codes
    return tuple(sorted(found))


def holders(ods: str, day: date, instruments: Iterable[TransferInstrument]) -> tuple[str, ...]:
    """Return who holds what was a code's on a day: itself, or those to whom it passed, sorted.

    The instruments are followed to their ends; a circle of them ends where it began.
    """
    effective = [i for i in instruments if i.valid_from <= day]

    def last_of(code: str, passed: frozenset[str]) -> frozenset[str]:
        successors = {i.successor for i in effective if i.predecessor == code} - {code}
        if code in passed or not successors:
            return frozenset({code})
        return frozenset().union(*(last_of(s, passed | {code}) for s in successors))

    return tuple(sorted(last_of(ods, frozenset())))


def related(codes: Iterable[str], instruments: Sequence[TransferInstrument]) -> set[str]:
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
