"""The landing board: who should have sent what by when, what came, what is late, what shrank."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from common.clock import legal_day
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.quality.domain.schedule import ShrinkRule


class BoardState(StrEnum):
    DUE = "due"
    """Nothing came, and it need not have."""
    LATE = "late"
    """Nothing came, and it should have."""
    REJECTED = "rejected"
    """What came last was refused, and nothing is in force."""
    UNDER_WAY = "under_way"
    """Announced, received or being landed; nothing is in force yet."""
    WAITING = "waiting"
    """Landed; a second person has to let it into force."""
    LANDED = "landed"


@dataclass(frozen=True, slots=True, order=True)
class BoardKey:
    """Where a line stands on the board: the newest periods first, in pages by this key."""

    period: str
    data_set: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedEdition:
    """An edition of a period, as the board looks at it."""

    id: UUID
    data_set: str
    provider: str
    period: Period
    number: int
    """Counts those of the same period and part."""
    is_in_force: bool
    rows: int
    """Different records."""
    landed_at: datetime
    sums: tuple[Sums, ...] = ()
    """What it adds up to, while it is in force and another data set is held against it."""
    part: str = ""
    """Of the period, where it was sent in bulk; all parts in force are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A submission without an edition in force."""

    id: UUID
    data_set: str
    provider: str
    period: Period
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLine:
    data_set: str
    provider: str
    period: Period
    is_expected: bool
    due_on: date
    state: BoardState
    is_late: bool
    """Due and not in force, or in force for the first time after it was due."""
    edition_id: UUID | None
    submission_id: UUID | None
    """What came last, where nothing is in force."""
    landed_at: datetime | None
    """When the period was in force first."""
    rows: int | None
    rows_of_period_before: int | None
    rows_of_edition_before: int | None
    has_shrunk: bool
    differences: int | None = None
    """Sums of the period that patient level and aggregate do not agree on; None: none is held."""

    @property
    def key(self) -> BoardKey:
        return BoardKey(str(self.period), self.data_set, self.provider)


Expected = tuple[str, str, Period]
"""Data set, provider, period."""


def lines(
    expected: Iterable[Expected],
    editions: Sequence[LandedEdition],
    sent: Sequence[SentFile],
    *,
    due: Callable[[str, Period], date],
    shrinks: ShrinkRule,
    today: date,
) -> list[BoardLine]:
    """Hold what came against what should have come.

    A file of several months is what came of each of them. What came unexpected is shown as well.
    """
    wanted = set(expected)
    came: dict[tuple[str, str], list[LandedEdition]] = defaultdict(list)
    tried: dict[tuple[str, str], list[SentFile]] = defaultdict(list)
    awaited: dict[tuple[str, str], list[Period]] = defaultdict(list)
    for data_set, provider, period in wanted:
        awaited[data_set, provider].append(period)
    for edition in editions:
        came[edition.data_set, edition.provider].append(edition)
    for file in sent:
        tried[file.data_set, file.provider].append(file)
    known = set(wanted)
    arrived = [(one.data_set, one.provider, one.period) for one in editions]
    arrived += [(one.data_set, one.provider, one.period) for one in sent]
    for data_set, provider, of in arrived:
        if not any(_covers(of, period) for period in awaited[data_set, provider]):
            known.add((data_set, provider, of))
    return [
        _line(
            data_set,
            provider,
            period,
            is_expected=(data_set, provider, period) in wanted,
            editions=came[data_set, provider],
            sent=tried[data_set, provider],
            due_on=due(data_set, period),
            shrinks=shrinks,
            today=today,
        )
        for data_set, provider, period in known
    ]


def _line(
    data_set: str,
    provider: str,
    period: Period,
    *,
    is_expected: bool,
    editions: Sequence[LandedEdition],
    sent: Sequence[SentFile],
    due_on: date,
    shrinks: ShrinkRule,
    today: date,
) -> BoardLine:
    of_period = [one for one in editions if _covers(one.period, period)]
    present = next((one for one in of_period if one.is_in_force), None)
    last = max(
        (one for one in sent if _covers(one.period, period)),
        key=lambda one: (one.created_at, one.id),
        default=None,
    )
    first_landed = min((one.landed_at for one in of_period), default=None) if present else None
    before = _period_before(editions, present)
    in_force = [one for one in of_period if one.is_in_force]
    rows = sum(one.rows for one in in_force) if in_force else None
    replaced = _rows_before(in_force, of_period)
    held_against = [count for count in (before, replaced) if count is not None]
    day = today if first_landed is None else legal_day(first_landed)
    return BoardLine(
        data_set=data_set,
        provider=provider,
        period=period,
        is_expected=is_expected,
        due_on=due_on,
        state=_state(present, last, is_due=today > due_on),
        is_late=is_expected and day > due_on,
        edition_id=None if present is None else present.id,
        submission_id=last.id if last and not present else None,
        landed_at=first_landed,
        rows=rows,
        rows_of_period_before=before,
        rows_of_edition_before=replaced,
        has_shrunk=rows is not None
        and any(shrinks.has_shrunk(rows, count) for count in held_against),
    )


def _rows_before(
    in_force: Sequence[LandedEdition], of_period: Sequence[LandedEdition]
) -> int | None:
    """Count the records of the editions that were replaced, each by the next of its part."""
    former = {
        one.id: max(
            (o for o in of_period if o.part == one.part and o.number < one.number),
            key=lambda other: other.number,
            default=None,
        )
        for one in in_force
    }
    if all(one is None for one in former.values()):
        return None
    # A part that replaced nothing is as it was.
    return sum((former[one.id] or one).rows for one in in_force)


def _state(present: LandedEdition | None, last: SentFile | None, *, is_due: bool) -> BoardState:
    if present is not None:
        return BoardState.LANDED
    if last is not None:
        return SENT[last.state]
    return BoardState.LATE if is_due else BoardState.DUE


SENT: Mapping[str, BoardState] = {
    "open": BoardState.UNDER_WAY,
    "received": BoardState.UNDER_WAY,
    "landing": BoardState.UNDER_WAY,
    "waiting": BoardState.WAITING,
    "rejected": BoardState.REJECTED,
    "accepted": BoardState.REJECTED,
}
"""By the state of a submission. Accepted, with no edition in force: it was taken back."""


def _period_before(editions: Sequence[LandedEdition], present: LandedEdition | None) -> int | None:
    """Count the records in force of the nearest period before, of the same length."""
    if present is None:
        return None
    earlier = [
        one
        for one in editions
        if one.is_in_force
        and one.period.first_day < present.period.first_day
        and (one.period.week is None) == (present.period.week is None)
        and one.period.months == present.period.months
    ]
    if not earlier:
        return None
    nearest = max(one.period.first_day for one in earlier)
    return sum(one.rows for one in earlier if one.period.first_day == nearest)


def _covers(came: Period, wanted: Period) -> bool:
    if came.week is not None or wanted.week is not None:
        return came == wanted
    return came.first <= wanted.first and wanted.last <= came.last
