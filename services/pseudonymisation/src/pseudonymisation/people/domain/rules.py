"""What may be asked about people, by the rules of a day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from common.clock import is_between
from pseudonymisation.people.domain import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationRule:
    first: date | None
    last: date | None
    people_max: int
    """Of one request."""
    people_day_max: int
    """Of all requests of a practice in one legal day."""
    second_person_above: int
    to_fetch: timedelta
    to_confirm: timedelta
    list_days_max: int
    """How many legal days old the list of registrations may be."""
    reasons: Mapping[str, str]
    """By code, in words."""

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)

    def require(self, *, people: int, reason: str) -> None:
        """Raise TooManyPeople, ReasonUnknown."""
        if people > self.people_max:
            raise errors.TooManyPeople(
                f"A request may be about {self.people_max} people, and `tokens` has {people}. Ask"
                " about those whom you are about to see.",
                people_max=self.people_max,
            )
        if reason not in self.reasons:
            known = ", ".join(sorted(self.reasons))
            raise errors.ReasonUnknown(f"`reason_code` is one of: {known}.", field="reason_code")

    def needs_second_person(self, people: int) -> bool:
        return people > self.second_person_above


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectAccessRule:
    first: date | None
    last: date | None
    to_confirm: timedelta
    to_fetch: timedelta

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceMatchRule:
    first: date | None
    last: date | None
    numbers_max: int
    """Of one question."""
    numbers_day_max: int
    alert_after_no: int
    """In a row: after each so many somebody is to look."""
    alert_after_no_day: int
    """In a legal day, in a row or not."""

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)

    def require(self, numbers: int) -> None:
        """Raise TooManyPeople."""
        if numbers > self.numbers_max:
            raise errors.TooManyPeople(
                f"A question may be about {self.numbers_max} people, and `nhs_numbers` has"
                f" {numbers}. Ask in several questions.",
                people_max=self.numbers_max,
            )

    def require_day(self, numbers: int) -> None:
        """Raise DailyLimitReached."""
        require_day(numbers, self.numbers_day_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScoresRule:
    first: date | None
    last: date | None
    people_max: int
    """Of one file."""

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)


def require_day(people: int, people_max: int) -> None:
    """Raise DailyLimitReached where so many are more than may be asked about in a legal day."""
    if people > people_max:
        raise errors.DailyLimitReached(
            f"With this question your organisation would have asked about {people} people today;"
            f" {people_max} is the most. Ask about the rest tomorrow.",
            people_max=people_max,
        )
