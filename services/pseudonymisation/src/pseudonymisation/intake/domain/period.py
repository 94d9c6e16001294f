"""The months that a file is about: one, or a closed range of them; or one week."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

from catalogue import DataSet
from pseudonymisation.intake.domain.errors import PeriodInvalid

WEEK: Final = re.compile(r"(?P<year>\d{4})-W(?P<week>\d{2})")
TEXT: Final = re.compile(r"(?P<first>\d{4}-\d{2})(?:/(?P<last>\d{4}-\d{2}))?")
MONTHS_MAX: Final = 120


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`2017-03`, `2016-07/2017-03` with both ends inclusive, or the week `2019-W15`."""

    first: str
    last: str
    """Months; of a week those in which it begins and ends."""
    week: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise PeriodInvalid."""
        if week := WEEK.fullmatch(text):
            return cls._of_week(text, int(week["year"]), int(week["week"]))
        found = TEXT.fullmatch(text)
        if found is None:
            raise PeriodInvalid(
                "`period` must be a month YYYY-MM, or two months with a slash between them."
            )
        period = cls(found["first"], found["last"] or found["first"])
        try:
            months = period.months
        except ValueError:
            raise PeriodInvalid("The month of `period` must be between 01 and 12.") from None
        if not 1 <= months <= MONTHS_MAX:
            raise PeriodInvalid(
                f"The range of `period` must go forward and have at most {MONTHS_MAX} months."
            )
        return period

    @classmethod
    def _of_week(cls, text: str, year: int, week: int) -> Self:
        try:
            monday = date.fromisocalendar(year, week, 1)
        except ValueError:
            raise PeriodInvalid("A year has no such week.") from None
        return cls(f"{monday:%Y-%m}", f"{monday + timedelta(days=6):%Y-%m}", text)

    @classmethod
    def stored(cls, first: str, last: str) -> Self:
        """Read it from two columns: a week stands in both."""
        return cls.parse(first if first == last else f"{first}/{last}")

    @property
    def columns(self) -> tuple[str, str]:
        """How it is stored in two columns."""
        return (self.week or self.first, self.week or self.last)

    @property
    def monday(self) -> date | None:
        """The first day of a week, where it is one."""
        found = WEEK.fullmatch(self.week or "")
        return found and date.fromisocalendar(int(found["year"]), int(found["week"]), 1)

    @property
    def first_day(self) -> date:
        if self.monday is not None:
            return self.monday
        return date.fromisoformat(f"{self.first}-01")

    @property
    def last_day(self) -> date:
        if self.monday is not None:
            return self.monday + timedelta(days=6)
        year, month = map(int, self.last.split("-"))
        return date(year, month, calendar.monthrange(year, month)[1])

    @property
    def months(self) -> int:
        end = date.fromisoformat(f"{self.last}-01")
        year, month = map(int, self.first.split("-"))
        return (end.year - year) * 12 + end.month - month + 1

    def __iter__(self) -> Iterator[str]:
        """Yield the months, in order."""
        year, month = map(int, self.first.split("-"))
        for n in range(month - 1, month - 1 + self.months):
            yield f"{year + n // 12}-{n % 12 + 1:02d}"

    def overlaps(self, other: "Period") -> bool:
        """Return whether they share a month. Months are in the order of their text.

        Two weeks share days only where they are one.
        """
        if self.week is not None and other.week is not None:
            return self.week == other.week
        return self.first <= other.last and other.first <= self.last

    def require_of(self, data_set: DataSet) -> None:
        """Raise PeriodInvalid where the data set has no such months."""
        latest = data_set.periods.latest
        if self.first < data_set.periods.earliest or (latest is not None and self.last > latest):
            raise PeriodInvalid(
                f"{data_set.data_set} has periods from {data_set.periods.earliest}"
                + (f" to {latest}." if latest else " onwards.")
            )
        if self.week is None and (
            gone := next((m for m in self if not data_set.periods.exists(m)), None)
        ):
            near = " or ".join(data_set.periods.nearest(gone))
            raise PeriodInvalid(
                f"{data_set.data_set} has no {gone}: it is not extracted every month. The nearest"
                f" that it has: {near}."
            )

    def require_sent(self, data_set: DataSet) -> None:
        """Raise PeriodInvalid where files of the data set are of other periods."""
        unit = data_set.periods.unit
        if (unit == "week") != (self.week is not None):
            raise PeriodInvalid(
                f"{data_set.data_set} is sent week by week, YYYY-Www."
                if unit == "week"
                else f"{data_set.data_set} is sent month by month, YYYY-MM."
            )
        if unit == "edition" and self.first != self.last:
            raise PeriodInvalid(
                f"An edition of {data_set.data_set} is named by the last month that it covers."
            )

    def __str__(self) -> str:
        if self.week is not None:
            return self.week
        return self.first if self.first == self.last else f"{self.first}/{self.last}"
