"""What a DSCRO role needs of whoever acts in it: policies, training, a secondment (ruling 18).

Staff of a DSCRO are seconded into the Body (domain.md 1.1). A person is known by the subject of
their token alone. Which policies and which training there are is dated data
(`reference/oversight`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import DscroNotProved, StaffNotCleared, StaffRecordEnds
from agreements.records.domain.parties.relationship import DSCRO_CODES
from common.clock import is_between
from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day
from common.security.principal import BODY


class StaffRecordKind(StrEnum):
    POLICY = "policy"
    """Signed by the person."""
    TRAINING = "training"
    SECONDMENT = "secondment"
    """Of a CSU's staff into the Body."""


class StaffCommand(StrEnum):
    END = "POST /v1/staff-records/{record_id}/ending"


_GIVEN_LAST_DAY = "it is given a last day"
STAFF_RECORD = Life(
    name="Record of a policy, training or secondment, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (
            FIRST_DAY,
            Move(to=DateState.AWAITED, why=_GIVEN_LAST_DAY, command=StaffCommand.END),
        ),
        DateState.IN_FORCE: (
            LAST_DAY,
            Move(to=DateState.IN_FORCE, why=_GIVEN_LAST_DAY, command=StaffCommand.END),
            Move(
                to=DateState.LAPSED,
                why=f"{_GIVEN_LAST_DAY} that is over",
                command=StaffCommand.END,
            ),
        ),
        DateState.LAPSED: (),
    },
    otherwise={StaffCommand.END: None},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRecord:
    """One policy signed, one training done, or one secondment, and the days on which it counts."""

    id: UUID
    subject: str
    """`sub` of the person's token; nothing else tells who it is."""
    organisation: str
    """Who employs the person."""
    kind: StaffRecordKind
    reference: str
    """Which policy or training; of a secondment, the DSCRO."""
    valid_from: date
    valid_to: date | None
    version: int = 0

    def holds_on(self, day: date) -> bool:
        return self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        return on_day(day, self.valid_from, self.valid_to)

    def end(self, last_day: date) -> Self:
        """End it after a day; an earlier end that stands is not put off.

        Raises:
            StaffRecordEnds: it would end before it begins.

        """
        if last_day < self.valid_from:
            raise StaffRecordEnds(
                f"`last_day` lies before the record's first day, {self.valid_from}."
            )
        if self.valid_to is not None and self.valid_to <= last_day:
            return self
        return replace(self, valid_to=last_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRequirement:
    """What every DSCRO role needs on the days of this rule."""

    kind: StaffRecordKind
    reference: str
    title: str
    source: str
    valid_from: date
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a person lacks on a day."""

    kind: StaffRecordKind
    reference: str | None
    """None: any."""
    lapsed_on: date | None
    """Its last day; None: there never was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Whether a person may act in a DSCRO role on a day, and until when that stays so."""

    day: date
    missing: tuple[Missing, ...]
    until: date | None
    """The last day on which all that is needed is there; None: no end is known, or it is not."""

    @property
    def is_cleared(self) -> bool:
        return not self.missing

    def require(self) -> None:
        """Raise StaffNotCleared where something is missing; it names all of it."""
        if self.is_cleared:
            return
        raise StaffNotCleared(
            f"On {self.day} the records of your policies, training and secondment do not allow a"
            f" DSCRO role: {', '.join(map(_words, self.missing))}. Ask information governance to"
            " record what is missing.",
            missing=[
                {"kind": one.kind.value, "reference": one.reference or ""} for one in self.missing
            ],
        )


def clearance(
    records: Sequence[StaffRecord],
    requirements: Iterable[StaffRequirement],
    *,
    organisation: str,
    day: date,
) -> Clearance:
    """Judge a person's records on a day.

    Whoever belongs to another organisation than the Body needs a secondment from there as well.
    """
    needed: list[tuple[StaffRecordKind, str | None]] = [
        (rule.kind, rule.reference) for rule in requirements if rule.holds_on(day)
    ]
    if organisation != BODY:
        needed.append((StaffRecordKind.SECONDMENT, None))
    missing: list[Missing] = []
    ends: list[date | None] = []
    for kind, reference in needed:
        own = [
            r
            for r in records
            if r.kind is kind
            and reference in (None, r.reference)
            and (kind is not StaffRecordKind.SECONDMENT or r.organisation == organisation)
        ]
        held = [r for r in own if r.holds_on(day)]
        if held:
            ends.append(max(held, key=lambda r: r.valid_to or date.max).valid_to)
            continue
        past = [r.valid_to for r in own if r.valid_to is not None and r.valid_to < day]
        missing.append(Missing(kind=kind, reference=reference, lapsed_on=max(past, default=None)))
    known = [end for end in ends if end is not None]
    until = min(known, default=None) if not missing else None
    return Clearance(day=day, missing=tuple(missing), until=until)


def dscro_of(records: Iterable[StaffRecord], *, organisation: str, day: date) -> str:
    """Say for which DSCRO a person acts on a day.

    By the organisation of their token, where that is a DSCRO; otherwise by their secondment from
    there, which somebody else recorded.

    Raises:
        DscroNotProved: neither says it.

    """
    if organisation in DSCRO_CODES:
        return organisation
    for record in records:
        if (
            record.kind is StaffRecordKind.SECONDMENT
            and record.organisation == organisation
            and record.holds_on(day)
        ):
            return record.reference
    raise DscroNotProved(
        f"The organisation of your token is no DSCRO, and on {day} no secondment to one is recorded"
        " for you. Ask information governance to record it (POST /v1/staff-records)."
    )


def _words(one: Missing) -> str:
    named = one.kind.value if one.reference is None else f"{one.kind.value} `{one.reference}`"
    return f"{named} is missing" if one.lapsed_on is None else f"{named} ended on {one.lapsed_on}"
