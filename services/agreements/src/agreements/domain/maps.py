"""Maps from practice or postcode to commissioner: dated, immutable, known by their digest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from agreements.domain.layouts.maps import MapKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSnapshot:
    """It governs from `valid_from` until another of its kind does."""

    id: UUID
    kind: MapKind
    valid_from: date
    digest: str
    entries: int
    bytes: int


def governing(snapshots: Iterable[MapSnapshot], day: date) -> MapSnapshot | None:
    """Return the map that governs on `day`: the latest begun, and of those the latest taken in.

    Ids are in order of creation.
    """
    begun = [s for s in snapshots if s.valid_from <= day]
    return max(begun, key=lambda s: (s.valid_from, s.id), default=None)
