"""What lapses, the warnings before it does, 90, 30 and 7 days, and that it did: once each.

Each warning is about one thing and its last day as it stands: an end that was put off is warned of
anew. After a standstill the one warning that is still true is given, and none that is not; of an
end that fell into it, that it is over. How many days before, and how long after, is dated data.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from agreements.records.domain.events import LapseAhead

OVER = 0
"""Which warning says that the last day is over."""


class LapseKind(StrEnum):
    CONTRACT = "contract"
    AGREEMENT = "agreement"
    SPECIAL_CONDITION = "special_condition"
    SECTION_251 = "section_251"
    SECTION_251_REVIEW = "section_251_review"
    ASSURANCE = "assurance"
    ICO_REGISTRATION = "ico_registration"
    LISTED_ENVIRONMENT = "listed_environment"
    SUBMISSION_RIGHT = "submission_right"
    RELATIONSHIP = "relationship"
    POLICY = "policy"
    TRAINING = "training"
    SECONDMENT = "secondment"
    DIRECTION = "direction"
    OPT_OUT_WAIVER = "opt_out_waiver"
    INTERNAL_INSTRUCTION = "internal_instruction"
    AUDIT_ACTION = "audit_action"
    YEARLY_AUDIT = "yearly_audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """Something, and the last day on which it counts."""

    kind: LapseKind
    subject_id: UUID
    reference: str
    """By which people find it."""
    organisations: tuple[str, ...]
    """Whose affair it is; empty: the Body's alone."""
    ends_on: date
    facts: tuple[object, ...] = field(default=(), compare=False, repr=False)
    """What says so, to be held against its seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRule:
    """How many days before an end somebody is warned, from a day on."""

    valid_from: date
    days: tuple[int, ...]
    told_for: int
    """For so many days after an end it is still told that it is over."""

    def window(self, today: date) -> tuple[date, date]:
        """Return between which days lies what is told of today; both count."""
        return today - timedelta(days=self.told_for), today + timedelta(days=max(self.days))


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyAuditRule:
    """How many months after one audit of the service the next is due."""

    valid_from: date
    months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LapseWarning:
    """A warning that was given."""

    id: UUID
    kind: LapseKind
    subject_id: UUID
    reference: str
    organisations: tuple[str, ...]
    ends_on: date
    days: int
    """Which of the warnings it is: so many days before, or fewer after a standstill; `OVER`."""
    warned_at: datetime
    version: int = 0

    def event(self) -> LapseAhead:
        return LapseAhead(
            warning_id=self.id,
            kind=self.kind.value,
            subject_id=self.subject_id,
            reference=self.reference,
            organisations=self.organisations,
            ends_on=self.ends_on,
            days=self.days,
            at=self.warned_at,
        )


def rule_of_warnings(rules: Iterable[WarningRule], day: date) -> WarningRule | None:
    """Return the rule of a day; None before the first: nobody is warned."""
    known = [rule for rule in rules if rule.valid_from <= day]
    return max(known, key=lambda rule: rule.valid_from, default=None)


def due(
    lapses: Iterable[Lapse], given: Collection[LapseWarning], *, today: date, days: Iterable[int]
) -> Iterator[tuple[Lapse, int]]:
    """Return what is to be warned of today, and which warning it is.

    The narrowest that is reached is given; after the last day, that it is over. Who was given it,
    or a narrower one, was warned.
    """
    narrowest: dict[tuple[LapseKind, UUID, str, date], int] = {}
    for one in given:
        key = (one.kind, one.subject_id, one.reference, one.ends_on)
        narrowest[key] = min(one.days, narrowest.get(key, one.days))
    reached = sorted(days)
    for lapse in lapses:
        left = (lapse.ends_on - today).days
        step = OVER if left < 0 else next((d for d in reached if left <= d), None)
        if step is None:
            continue
        key = (lapse.kind, lapse.subject_id, lapse.reference, lapse.ends_on)
        if step < narrowest.get(key, step + 1):
            narrowest[key] = step
            yield lapse, step
