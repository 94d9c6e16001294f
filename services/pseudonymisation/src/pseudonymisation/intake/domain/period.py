"""The months that a file is about: one, or a closed range of them."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from catalogue import DataSet
from pseudonymisation.intake.domain.errors import PeriodInvalid

TEXT: Final = re.compile(r"(?P<first>\d{4}-\d{2})(?:/(?P<last>\d{4}-\d{2}))?")
MONTHS_MAX: Final = 120


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`2017-03`, or `2016-07/2017-03` with both ends inclusive."""

    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """:raises PeriodInvalid:"""
        found = TEXT.fullmatch(text)
        if found is None:
            raise PeriodInvalid("A period is a month YYYY-MM, or two with a slash between.")
        period = cls(found["first"], found["last"] or found["first"])
        try:
            months = period.months
        except ValueError:
            raise PeriodInvalid("A month is between 01 and 12.") from None
        if not 1 <= months <= MONTHS_MAX:
            raise PeriodInvalid(f"A range goes forward, over {MONTHS_MAX} months at most.")
        return period

    @property
    def first_day(self) -> date:
        return date.fromisoformat(f"{self.first}-01")

    @property
    def last_day(self) -> date:
        year, month = map(int, self.last.split("-"))
        return date(year, month, calendar.monthrange(year, month)[1])

    @property
    def months(self) -> int:
        end = date.fromisoformat(f"{self.last}-01")
        return (end.year - self.first_day.year) * 12 + end.month - self.first_day.month + 1

    def __iter__(self) -> Iterator[str]:
        """Yield the months, in order."""
        year, month = map(int, self.first.split("-"))
        for n in range(month - 1, month - 1 + self.months):
            yield f"{year + n // 12}-{n % 12 + 1:02d}"

    def overlaps(self, other: "Period") -> bool:
        """Say whether they share a month. Months are in the order of their text."""
        return self.first <= other.last and other.first <= self.last

    def require_of(self, data_set: DataSet) -> None:
        """:raises PeriodInvalid: where the data set has no such months"""
        latest = data_set.periods.latest
        if self.first < data_set.periods.earliest or (latest is not None and self.last > latest):
            raise PeriodInvalid(
                f"{data_set.data_set} is from {data_set.periods.earliest}"
                + (f" to {latest}." if latest else " on.")
            )

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}/{self.last}"
