"""Maps from practice or postcode to commissioner: dated, immutable, known by their digest.

What a map says never changes; how it stands does: one that changes much waits for a second person,
and one may be taken back (ruling 20). From whom it takes people is known, so that nothing is
permitted to them meanwhile.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from agreements.records.domain.lists.layouts.directories import OWNERS
from agreements.records.domain.lists.layouts.maps import MapKind
from common import replacement
from common.replacement import Change, ReplacementStatus, State

PENDING = frozenset({State.WAITING, State.LEAVING})
"""For a second person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSnapshot:
    """It governs from `valid_from` until another of its kind does."""

    id: UUID
    kind: MapKind
    valid_from: date
    digest: str
    entries: int
    bytes: int
    standing: ReplacementStatus | None = field(default=None, compare=False)
    """None: it was there before the guard, or is made of facts that have their own."""
    takes_from: frozenset[str] = field(default=frozenset(), compare=False)
    """Commissioners who lose people by what waits: by its coming, or by its leaving."""
    standing_version: int = field(default=0, compare=False)

    @property
    def is_in_force(self) -> bool:
        return self.standing is None or self.standing.is_effective

    @property
    def is_pending(self) -> bool:
        return self.standing is not None and self.standing.state in PENDING

    @property
    def is_known(self) -> bool:
        """Whether it is in force, or waits: neither taken back nor given up."""
        return self.is_in_force or self.is_pending


def governing(snapshots: Iterable[MapSnapshot], day: date) -> MapSnapshot | None:
    """Return the map that governs on `day`: the latest begun, and of those the latest taken in.

    Ids are in order of creation.
    """
    begun = [s for s in snapshots if s.is_in_force and s.valid_from <= day]
    return max(begun, key=lambda s: (s.valid_from, s.id), default=None)


def of_late(
    begun: Iterable[MapSnapshot], day: date, *, at: datetime, days: int
) -> tuple[MapSnapshot, ...]:
    """Return what governed on `day` when a window began, and what was taken in for it since.

    By when a map was taken in and not by its own day: a map for each of ten quarters, sent in one
    hour, is ten changes of that hour. What two people looked at ends what was before it.
    """
    start = at - timedelta(days=days)
    listed = [*begun]
    first = governing((m for m in listed if _stands(m).since <= start), day)
    since = [m for m in listed if _stands(m).since > start]
    return replacement.of_late(
        [*([] if first is None else [first]), *since], standing=_stands, at=at, days=days
    )


def _stands(snapshot: MapSnapshot) -> ReplacementStatus:
    return snapshot.standing or ReplacementStatus(
        state=State.ACCEPTED,
        change=Change(before=0, after=snapshot.entries, added=snapshot.entries, removed=0),
        proposed_by="",
        proposed_at=BEFORE_THE_GUARD,
    )


BEFORE_THE_GUARD = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one map says otherwise than another, and who loses people by it."""

    change: Change
    takes_from: frozenset[str]


def compare(before: Iterable[bytes], after: Iterable[bytes]) -> Difference:
    """Compare two maps in canonical form, line by line: both are in order of their keys."""
    counts = {"before": 0, "after": 0, "added": 0, "removed": 0, "changed": 0}
    losing: set[bytes] = set()
    owned: list[Sequence[int]] = []
    for old, new in _together(_entries(before, owned), _entries(after, owned)):
        counts["before"] += old is not None
        counts["after"] += new is not None
        if old is None:
            counts["added"] += 1
        elif new is None:
            counts["removed"] += 1
            losing |= _owners(old, owned[0])
        elif old != new:
            counts["changed"] += 1
            losing |= _owners(old, owned[0]) - _owners(new, owned[1])
    return Difference(
        change=Change(**counts), takes_from=frozenset(code.decode() for code in losing - {b""})
    )


Entry = tuple[bytes, bytes]


def _entries(pieces: Iterable[bytes], owned: list[Sequence[int]]) -> Iterator[Entry]:
    """Yield keys and values; note first which cells of a value say whose people somebody is."""
    rest = b""
    is_header = True
    place = len(owned)
    owned.append(())
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if is_header:
                names = line.decode().split(",")[1:]
                owned[place] = [at for at, name in enumerate(names) if name in OWNERS]
                is_header = False
                continue
            key, _, value = line.partition(b",")
            yield key, value


def _together(
    before: Iterator[Entry], after: Iterator[Entry]
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield what each says of a key, one key after the other."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None, "one of them is there"
            yield old[1], None
            old = next(before, None)
        elif old is None or new[0] < old[0]:
            yield None, new[1]
            new = next(after, None)
        else:
            yield old[1], new[1]
            old, new = next(before, None), next(after, None)


def _owners(value: bytes, places: Sequence[int]) -> set[bytes]:
    """Return whose people somebody is: commissioner, and the local authority in both tiers."""
    cells = value.split(b",")
    return {cells[at] for at in places}
