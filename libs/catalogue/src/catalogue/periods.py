"""To which period a record belongs, and when what is published of a period is there."""

import calendar
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from catalogue.words import MONTH, Name, Strict, without

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Periods(Strict):
    unit: Literal["month", "week", "edition"]
    """Of a submission. A week is released by the months of its records; an edition is several
    months in one file that stay together, and is named by the last of them."""
    months: Annotated[int | None, Field(ge=1, le=120)] = None
    """How many an edition covers."""
    earliest: Annotated[str, Field(alias="from", pattern=MONTH)]
    latest: Annotated[str | None, Field(alias="to", pattern=MONTH)] = None
    field: Name
    """The date that decides to which month a row belongs."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        problems = []
        if self.latest is not None and self.latest < self.earliest:
            problems.append("`to` is before `from`")
        if (self.unit == "edition") != (self.months is not None):
            problems.append("an edition, and only an edition, covers a number of `months`")
        return without(self, problems)

    def first_day(self, day: date) -> date:
        """Give the first day that a file covers whose period's own first day is that."""
        if self.months is None:
            return day
        return added(day, 1 - self.months)


class Availability(Strict):
    """When a period is expected to be published. It never opens the gate: publication does."""

    months: Annotated[int | None, Field(ge=0, le=24)] = None
    """After the period's last month."""
    day: Annotated[int, Field(ge=1, le=28)] = 15
    """Of that month."""
    days: Annotated[int | None, Field(ge=0, le=366)] = None
    """After the period's last day."""
    weekday: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None
    ) = None
    """The first such day then."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        both = (self.months is None) == (self.days is None)
        problems = ["says either `months` or `days` after the period"] if both else []
        if self.weekday is not None and self.days is None:
            problems.append("a weekday comes so many `days` after")
        return without(self, problems)

    def expected(self, last: date) -> date:
        """Say when a period is expected that ends on a day."""
        if self.months is not None:
            return added(last.replace(day=1), self.months).replace(day=self.day)
        day = last + timedelta(days=self.days or 0)
        if self.weekday is not None:
            day += timedelta(days=(WEEKDAYS.index(self.weekday) - day.weekday()) % 7)
        return day

    def __str__(self) -> str:
        if self.months is not None:
            return f"day {self.day} of the month {self.months} months after the last"
        first = f"the first {self.weekday.capitalize()} from " if self.weekday else ""
        return f"{first}{self.days} days after the last day"


def added(day: date, months: int) -> date:
    """Give the same day of another month, or its last where there is none such."""
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
