"""What the safe haven has records of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedMonth:
    """A month for which the haven has records of a data set."""

    month: str
    providers: int
    landed_at: datetime
    editions: tuple[UUID, ...] = ()
    """That would be read; for agreements, not for those who ask us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What the haven would read of a data set at this moment, and who would be left out of it."""

    months: tuple[LandedMonth, ...]
    opt_out_lists: tuple[str, ...] = ()
    """What decides that; for agreements, not for those who ask us. Empty where none is in force."""

    def of(self, periods: Collection[str]) -> tuple[LandedMonth, ...]:
        return tuple(month for month in self.months if month.month in periods)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedField:
    """How complete and valid one field is: whole per cent, `*` hidden, `-` none."""

    field: str
    is_submitted: bool
    completeness: str
    validity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEdition:
    """What an edition that an extract read is like, as far as it may be said."""

    edition_id: UUID
    provider: str
    period: str
    landed_on: date
    records: str
    fields: tuple[StatedField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """The short form of data quality that goes with an extract."""

    data_set: str
    rule: str
    note: str | None
    editions: tuple[StatedEdition, ...]
