"""An edition: what was landed of one data set, provider and period; the newest is read.

In bulk it is of one part of the period. What it replaces is shown before it is accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import JsonValue

from catalogue import DataSet, Protocol, stages
from common.replacement import Change, Judgement, ReplacementStatus, State
from pseudonymisation.intake.domain.events import (
    EditionSuperseded,
    EditionUnsafe,
    SourceKind,
    SourceTakenBack,
)
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.written import BulkPart


class Status(StrEnum):
    """How final an edition is, by its calendar or the way it is refreshed (ruling 10)."""

    CURRENT = "current"
    PROVISIONAL = "provisional"
    FINAL = "final"
    FLEX = "flex"
    """It was there at the reconciliation inclusion date."""
    FREEZE = "freeze"
    """It was there at the post-reconciliation inclusion date."""
    AFTER_FREEZE = "after_freeze"
    """It came later: no part of what was agreed of the month."""
    PRIMARY = "primary"
    """It was there when the primary submission of the month was over."""
    REFRESH = "refresh"
    """It was there when the refresh submission of the month was over."""
    RESUBMISSION = "resubmission"
    """It came in a window of a later month."""
    SINGLE_WINDOW = "single_window"
    """It came in the one window that the month has."""
    AFTER_WINDOWS = "after_windows"
    """It came when every window of the month was over."""

    @classmethod
    def of(cls, data_set: DataSet, period: Period, sent_at: datetime) -> "Status":
        """Say it by the calendar of the data set, where it has stages, or by its kind of refresh.

        A file of several months is as final as the last of them.
        """
        calendar = stages().of(data_set.data_set, period.last)
        if calendar is not None:
            return cls(calendar.stage_of(period.last, sent_at))
        return {
            "replaced": cls.CURRENT,
            "editions": cls.PROVISIONAL,
            "final_at_publication": cls.FINAL,
        }[data_set.refresh]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapVersion:
    """Which map gave rows their commissioners: an immutable snapshot of agreements."""

    id: UUID
    digest: str


@dataclass(frozen=True, slots=True)
class FurtherMap:
    """A map besides: a directory of a later day of the period, or deciles of deprivation."""

    kind: Literal["postcode", "deprivation"]
    version: MapVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesVersion:
    """The landing rules by which a file was taken in."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of a measure; None: the edition has no such column, or a number that is too large."""

    field: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    rows: Change
    people: Change | None
    """People by their tokens. Who has neither number nor identifier is one of each edition.

    None: the edition in force cannot be read any more.
    """
    totals: tuple[Total, ...]
    emptied: tuple[str, ...] = ()
    """Months at an end of the period that have rows now and would have none (domain.md 0.1)."""

    def as_json(self) -> dict[str, JsonValue]:
        """Write it down; sums as text, so that no digit is lost."""
        return {
            "rows": self.rows.as_json(),
            "people": None if self.people is None else self.people.as_json(),
            "totals": [
                {"field": one.field, "before": _text(one.before), "after": _text(one.after)}
                for one in self.totals
            ],
            "emptied": [*self.emptied],
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        return cls(
            rows=Change(**said["rows"]),
            people=None if said["people"] is None else Change(**said["people"]),
            totals=tuple(
                Total(one["field"], _number(one["before"]), _number(one["after"]))
                for one in said["totals"]
            ),
            emptied=tuple(said["emptied"]),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """What of a provider's data set an edition is: exactly this gives way to the next one."""

    period: Period
    part: BulkPart | None = None
    """None: all that the provider has in the period."""

    def clashes_with(self, other: "Place") -> bool:
        """Return whether both would have the same records, and neither takes the other's place."""
        if self == other or not self.period.overlaps(other.period):
            return False
        return self.part is None or other.part is None or self.part == other.part


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    id: UUID
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: Period
    provider: str
    number: int
    """Counts the editions of one data set, provider and period from 1."""
    status: Status
    submission_id: UUID
    object_key: str
    rows: int
    """Records that were landed, those that come again in it among them."""
    bytes: int
    practice_map: MapVersion | None
    postcode_map: MapVersion | None
    landed_at: datetime
    standing: ReplacementStatus
    """Whether it is in force, as far as none supersedes it, or waits for a second person."""
    landing_rules: RulesVersion | None = None
    """None: landed before there were rules, or of a data set that has none."""
    organisation_map: MapVersion | None = None
    """By which codes of organisations were read; None: as text, before there was one."""
    further_maps: tuple[FurtherMap, ...] = ()
    """What its areas were told by, besides `postcode_map`."""
    areas_untold: tuple[str, ...] = ()
    """What its maps did not tell of postcodes: columns of these are not released of it."""
    superseded_by: UUID | None = None
    """None: the one to read, where it is in force."""
    part: BulkPart | None = None
    """Of which part of the period it is, where it was sent in bulk."""
    protocol: Protocol = Protocol.WHOLE_PERIOD
    columns: tuple[str, ...] = ()
    """Of its file, in its order; none: landed before they were kept."""
    deleted_key: str | None = None
    """The object with the keys of what net changes took back."""
    left_out_at_source: int | None = None
    """People whom its sender left out (ruling 28); None: nobody has to be counted."""
    replaced: Replaced | None = None
    """What gave way to it, or would; None: nothing was there."""
    sums: tuple[Sums, ...] = ()
    """What it adds up to, where another data set is held against it."""
    rows_repeated: int | None = None
    """Of `rows`: records that come again, of which another is released; None: not counted then."""
    unsafe_at: datetime | None = None
    """When it was found that its landing rules let too much through; it is not released since."""
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""
    pending: tuple[EditionSuperseded | SourceTakenBack | EditionUnsafe, ...] = ()
    """Events not yet stored."""

    @property
    def place(self) -> Place:
        return Place(self.period, self.part)

    def become_unsafe(self, *, at: datetime) -> Self:
        """Say that nothing is released of it any more, nor fetched of what was."""
        event = EditionUnsafe(
            edition_id=self.id,
            data_set=self.data_set,
            period=str(self.period),
            provider=self.provider,
            at=at,
        )
        return replace(self, unsafe_at=at, pending=(*self.pending, event))

    def supersede(self, by: "Edition", *, at: datetime) -> Self:
        """Return way to a resubmission. What was released from this one stays as it is."""
        event = EditionSuperseded(
            edition_id=self.id,
            superseded_by=by.id,
            data_set=self.data_set,
            period=str(self.period),
            provider=self.provider,
            at=at,
        )
        return replace(
            self,
            superseded_by=by.id,
            standing=self.standing.supersede(at=at),
            pending=(*self.pending, event),
        )

    @property
    def is_read(self) -> bool:
        """Return whether it is the one in force of its period."""
        return self.superseded_by is None and self.standing.is_effective

    def take_back(
        self,
        judgement: Judgement | None,
        *,
        instead: "Edition | None",
        by: str,
        reason: str,
        at: datetime,
    ) -> Self:
        """Take back what is or was in force: what was made with it is void at once.

        `instead` is in force then, where there is one: `judgement` is of the change to it.

        Raises:
            SecondPersonNeeded, ReplacementDecided

        """
        standing = (
            self.standing.take_back(
                judgement, by=by, reason=reason, at=at, against=name_of(instead)
            )
            if self.superseded_by is None
            else self.standing.recall(by=by, reason=reason, at=at)
        )
        is_told = self.standing.state is State.LEAVING
        event = SourceTakenBack(
            kind=SourceKind.EDITION,
            source_id=self.id,
            replaced_by=None if instead is None else instead.id,
            at=at,
        )
        return replace(
            self, standing=standing, pending=self.pending if is_told else (*self.pending, event)
        )

    def restore(self, *, by: str, reason: str, at: datetime) -> Self:
        """Be in force again, since the one that took its place was taken back."""
        standing = self.standing.restore(by=by, reason=reason, at=at)
        return replace(self, superseded_by=None, standing=standing)


def name_of(edition: Edition | None) -> str:
    """Name what an edition is held against."""
    return "none" if edition is None else str(edition.id)


def emptied(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Return the months before the first or behind the last of `after` that are in `before`.

    A month in the middle without rows is judged by how many rows go, as everything is.
    """
    if not after:
        return tuple(sorted(before))
    return tuple(month for month in sorted(before) if not min(after) <= month <= max(after))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
