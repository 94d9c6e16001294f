"""Which files are expected, and by when: dated data, for each provider and data set."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

from catalogue import Availability, DataSet
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.quality.domain.errors import ExpectationInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRule:
    """When a file of a data set is due after its period."""

    data_set: str
    """`*`: of every other."""
    valid_from: date
    due: Availability
    is_assumed: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkRule:
    """From which loss of rows on a period counts as shrunk."""

    valid_from: date
    share: float
    rows_min: int
    source: str

    def has_shrunk(self, rows: int, before: int) -> bool:
        lost = before - rows
        return lost >= self.rows_min and lost > self.share * before


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One provider should send one data set, from one month on."""

    id: UUID
    data_set: str
    provider: str
    first: str
    """A month; the last is included too."""
    last: str | None
    every: int
    """Months from one file to the next; weeks, where the data set is sent by the week."""
    recorded_at: datetime
    recorded_by: str
    reason: str
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""

    def end(self, last: str, *, reason: str) -> Self:
        """Say with which month it ends; what was expected before stays.

        Raises:
            ExpectationInvalid

        """
        if last < self.first:
            raise ExpectationInvalid(
                f"`to` is before {self.first}, with which the expectation begins.", field="to"
            )
        return replace(self, last=last, reason=reason)

    def overlaps(self, other: "Expectation") -> bool:
        return (
            (self.data_set, self.provider) == (other.data_set, other.provider)
            and (other.last is None or self.first <= other.last)
            and (self.last is None or other.first <= self.last)
        )

    def periods(self, data_set: DataSet, *, first: str, last: str) -> Iterator[Period]:
        """Yield what is expected in a window of months."""
        end = min(filter(None, (self.last, last, data_set.periods.latest)))
        begin = max(self.first, data_set.periods.earliest)
        if begin > end:
            return
        if data_set.periods.unit == "week":
            yield from self._weeks(begin, first, end)
            return
        for place, month in enumerate(Period(begin, end)):
            is_due = place % self.every == 0 and month >= first
            if is_due and data_set.periods.exists(month):
                yield Period(month, month)

    def _weeks(self, begin: str, first: str, end: str) -> Iterator[Period]:
        monday = Period(begin, begin).first_day
        monday += timedelta(days=-monday.weekday() % 7)
        last_day = Period(end, end).last_day
        while monday <= last_day:
            year, week, _ = monday.isocalendar()
            if f"{monday:%Y-%m}" >= first:
                yield Period.parse(f"{year}-W{week:02d}")
            monday += timedelta(weeks=self.every)


def due_on(period: Period, data_set: DataSet, rules: Iterable[DueRule]) -> date:
    """Return the day until which a file of a period is due.

    Raises:
        LookupError: where no rule is in force; there is one for every data set

    """
    if data_set.availability is not None:
        return data_set.availability.expected(period.last_day)
    begun = [
        one
        for one in rules
        if one.data_set in {"*", data_set.data_set} and one.valid_from <= period.last_day
    ]
    if not begun:
        raise LookupError("no rule says when a file is due")
    found = max(begun, key=lambda one: (one.data_set != "*", one.valid_from))
    return found.due.expected(period.last_day)
