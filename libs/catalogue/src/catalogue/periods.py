"""To which period a record belongs, when what is published of it is there, how final a file is.

A period of the payment data sets is agreed in two steps: what was there at the reconciliation
inclusion date (flex), and at the post-reconciliation inclusion date (freeze; domain.md 0.1). Where
the calendar has the dates of a month they count, and else the rule.
"""

import calendar
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from itertools import combinations
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from catalogue.words import MONTH, Name, Strict, Text, versions_of, without

Stage = Literal[
    "provisional",
    "final",
    "flex",
    "freeze",
    "after_freeze",
    "primary",
    "refresh",
    "resubmission",
    "single_window",
    "after_windows",
]
LONDON = ZoneInfo("Europe/London")
YEAR_MONTHS: Final = 12
YEAR_BEGINS = 4
"""The month with which a financial year begins."""
A_MONTH: Final = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class PeriodForm(StrEnum):
    """How a period of an extract may be named."""

    MONTH = "month"
    """`2018-04`; of an edition, the last month that it covers."""
    QUARTER = "quarter"
    """`2018-Q3`: cumulative, from April 2018 to December, the third quarter of 2018/19."""
    FINANCIAL_YEAR = "financial_year"
    """`2018/19`: from April 2018 to March 2019."""
    EDITION = "edition"
    """`2016-04/2019-03`: the edition of the months from the one to the other."""


NAMES_OF_PERIODS = {
    PeriodForm.MONTH: "2018-04",
    PeriodForm.QUARTER: "2018-Q3",
    PeriodForm.FINANCIAL_YEAR: "2018/19",
    PeriodForm.EDITION: "2016-04/2019-03",
}
"""One name of each form."""
NAMED: Final = re.compile(
    rf"(?P<month>{A_MONTH})"
    r"|(?P<quarter>(?:19|20)[0-9]{2}-Q[1-4])"
    r"|(?P<financial_year>(?:19|20)[0-9]{2}/[0-9]{2})"
    rf"|(?P<edition>{A_MONTH}/{A_MONTH})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPeriod:
    """What a name of a period means, whichever data set it is of."""

    name: str
    form: PeriodForm
    first: date
    """The first day of its first month."""
    last: date
    """The first day of its last month."""

    @property
    def count(self) -> int:
        """How many months it has."""
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def months(self) -> tuple[str, ...]:
        """Give the months by which it is landed and judged: of an edition its last alone."""
        if self.form is PeriodForm.EDITION:
            return (f"{self.last:%Y-%m}",)
        return tuple(f"{added(self.first, n):%Y-%m}" for n in range(self.count))


def named_period(name: str) -> NamedPeriod | None:
    """Say what a name of a period means; None where it is none."""
    found = NAMED.fullmatch(name)
    if found is None:
        return None
    form = PeriodForm(str(found.lastgroup))
    year = int(name[:4])
    first = date(year, YEAR_BEGINS, 1)
    match form:
        case PeriodForm.QUARTER:
            last = added(first, 3 * int(name[-1]) - 1)
        case PeriodForm.FINANCIAL_YEAR:
            if int(name[-2:]) != (year + 1) % 100:
                return None
            last = added(first, 11)
        case _:
            first = date.fromisoformat(f"{name[:7]}-01")
            last = date.fromisoformat(f"{name[-7:]}-01")
    if last < first:
        return None
    return NamedPeriod(name=name, form=form, first=first, last=last)


EDITIONS: Final = (PeriodForm.EDITION, PeriodForm.MONTH)
OF_MONTHS: Final = (PeriodForm.MONTH, PeriodForm.QUARTER, PeriodForm.FINANCIAL_YEAR)


class Snapshots(Strict):
    """In which months of the year something is extracted, from one month on."""

    earliest: Annotated[str, Field(alias="from", pattern=MONTH)]
    months: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]
    """Of the calendar year: 3 is March."""
    codes: tuple[Text, ...] = ()
    """Of these categories alone, by the column that `snapshots_by` names; none: of all."""

    def has(self, month: str) -> bool:
        """Say whether there is one of a month `YYYY-MM`."""
        return self.earliest <= month and int(month[5:]) in self.months


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
    snapshots: tuple[Snapshots, ...] = ()
    """Months that there are, where not every month is extracted: those of any of these."""
    snapshots_by: Name | None = None
    """The column with whose codes the months differ."""
    asked_by: Annotated[tuple[PeriodForm, ...], Field(min_length=1)] | None = None
    """How a request may name its periods: month, quarter (cumulative), financial_year, edition.
    Where nothing is said: an edition by its name or its last month, anything else by month,
    quarter or financial year."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        problems = []
        if self.latest is not None and self.latest < self.earliest:
            problems.append("`to` is before `from`")
        if (self.unit == "edition") != (self.months is not None):
            problems.append("an edition, and only an edition, covers a number of `months`")
        if (self.unit == "edition") < (PeriodForm.EDITION in (self.asked_by or ())):
            problems.append("only an edition is asked for by an edition's name")
        if self.snapshots and self.unit != "month":
            problems.append("only what is sent by the month has `snapshots`")
        if any(one.codes for one in self.snapshots) != (self.snapshots_by is not None):
            problems.append("`snapshots_by` names the column of the `codes` under `snapshots`")
        if self.unit == "edition" and not set(self.forms) <= {*EDITIONS}:
            problems.append("an edition is asked for by its name or by its last month")
        return without(self, problems)

    @property
    def forms(self) -> tuple[PeriodForm, ...]:
        """How a request may name its periods."""
        if self.asked_by is not None:
            return self.asked_by
        return EDITIONS if self.unit == "edition" else OF_MONTHS

    def exists(self, month: str, codes: Collection[str] = ()) -> bool:
        """Say whether there is a month, or anything of it with one of these codes."""
        if not self.snapshots:
            return True
        return any(
            not (one.codes and codes) or not set(codes).isdisjoint(one.codes)
            for one in self.snapshots
            if one.has(month)
        )

    def has_any(self, first: str, last: str, codes: Collection[str] = ()) -> bool:
        """Say whether there is any month from one to another, or anything of these codes in it."""
        start, end = (date.fromisoformat(f"{month}-01") for month in (first, last))
        count = (end.year - start.year) * YEAR_MONTHS + end.month - start.month + 1
        return any(self.exists(f"{added(start, n):%Y-%m}", codes) for n in range(count))

    def codes_in(self, months: Iterable[str], codes: Iterable[str]) -> tuple[str, ...]:
        """Give those of the codes of which there is anything in any of the months."""
        months = tuple(months)
        return tuple(c for c in codes if any(self.exists(month, (c,)) for month in months))

    def nearest(self, month: str, codes: Collection[str] = ()) -> tuple[str, ...]:
        """Give the months next before and after that exist, as far as there are any."""
        day = date.fromisoformat(f"{month}-01")
        near = [
            next((m for m in away if self.within(m) and self.exists(m, codes)), None)
            for away in (
                [f"{added(day, -n):%Y-%m}" for n in range(1, YEAR_MONTHS + 1)],
                [f"{added(day, n):%Y-%m}" for n in range(1, YEAR_MONTHS + 1)],
            )
        ]
        return tuple(found for found in near if found is not None)

    def within(self, month: str) -> bool:
        """Say whether a month is between the first and the last."""
        return self.earliest <= month and (self.latest is None or month <= self.latest)

    def has(self, named: NamedPeriod) -> bool:
        """Say whether the data set has a period of that name."""
        if named.form is PeriodForm.EDITION and named.count != self.months:
            return False
        return named.form in self.forms

    def names(self) -> str:
        """Say how its periods are named, each form with an example."""
        return ", ".join(f"{form} ({NAMES_OF_PERIODS[form]})" for form in self.forms)

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


class Inclusion(Strict):
    """A stage of a month: what has come by then is in it."""

    stage: Stage
    months: Annotated[int, Field(ge=0, le=24)]
    """After the month, or after the last one of its financial year."""
    day: Annotated[int, Field(ge=1, le=28)]

    def last_day(self, month: date) -> date:
        return added(month.replace(day=1), self.months).replace(day=self.day)


class PublishedDates(Strict):
    """The inclusion dates of one month, from a timetable that was published."""

    month: Annotated[str, Field(pattern=MONTH)]
    dates: Annotated[tuple[date, ...], Field(min_length=1)]
    """One for each stage, in their order."""
    source: Text


class Calendar(Strict):
    """The stages of some data sets, of all months or of those that it names."""

    data_sets: Annotated[tuple[Name, ...], Field(min_length=1)]
    earliest: Annotated[str | None, Field(alias="from", pattern=MONTH)] = None
    """The first month whose stages are these."""
    latest: Annotated[str | None, Field(alias="to", pattern=MONTH)] = None
    """The last one."""
    counted_from: Literal["month", "financial_year"]
    until: time
    """On the last day, in London."""
    stages: Annotated[tuple[Inclusion, ...], Field(min_length=1)]
    afterwards: Stage
    published: tuple[PublishedDates, ...] = ()
    source: Text
    assumed: bool = False
    """The days of the rule are not from a published text."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        order = [(one.months, one.day) for one in self.stages]
        if order != sorted(set(order)):
            yield "stages end one after the other"
        for row in self.published:
            if len(row.dates) != len(self.stages) or list(row.dates) != sorted(set(row.dates)):
                yield f"{row.month} has not one date a stage, in their order"
        if len({row.month for row in self.published}) != len(self.published):
            yield "a month is published twice"
        if self.earliest and self.latest and self.latest < self.earliest:
            yield "`to` is before `from`"

    def has(self, month: str) -> bool:
        """Say whether a month `YYYY-MM` has these stages."""
        return (self.earliest or month) <= month <= (self.latest or month)

    def overlaps(self, other: "Calendar") -> bool:
        """Say whether both are of a month of one data set."""
        begins = max(self.earliest or "", other.earliest or "")
        ends = [one for one in (self.latest, other.latest) if one is not None]
        is_of_one = not set(self.data_sets).isdisjoint(other.data_sets)
        return is_of_one and (not ends or begins <= min(ends))

    def last_days(self, month: str) -> tuple[date, ...]:
        """Give the last day of each stage of a month."""
        found = next((row.dates for row in self.published if row.month == month), None)
        if found is not None:
            return found
        first = date.fromisoformat(f"{month}-01")
        if self.counted_from == "financial_year":
            year = first.year + (first.month >= YEAR_BEGINS)
            first = date(year, YEAR_BEGINS - 1, 1)
        return tuple(stage.last_day(first) for stage in self.stages)

    def closes_at(self, month: str) -> tuple[datetime, ...]:
        """Give the instants at which the stages of a month are over, in their order."""
        return tuple(datetime.combine(day, self.until, LONDON) for day in self.last_days(month))

    def stage_of(self, month: str, received_at: datetime) -> Stage:
        """Say in which stage of a month something is that came at an instant."""
        local = received_at.astimezone(LONDON)
        for stage, last in zip(self.stages, self.last_days(month), strict=True):
            if local < datetime.combine(last, self.until, LONDON):
                return stage.stage
        return self.afterwards


class Stages(Strict):
    """One version of the calendars."""

    rule: Annotated[str, Field(pattern=r"^stages/\d+$")]
    calendars: tuple[Calendar, ...]

    @model_validator(mode="after")
    def _each_month_has_one(self) -> Self:
        twice = {
            name
            for one, other in combinations(self.calendars, 2)
            if one.overlaps(other)
            for name in set(one.data_sets) & set(other.data_sets)
        }
        return without(self, [f"two calendars of {', '.join(sorted(twice))}"] if twice else [])

    def of(self, data_set: str, month: str) -> Calendar | None:
        """Give the calendar of a data set's month; None where it has no stages."""
        return next((c for c in self.of_all_months(data_set) if c.has(month)), None)

    def of_all_months(self, data_set: str) -> tuple[Calendar, ...]:
        """Give the calendars of a data set, each of other months; none where it has no stages."""
        return tuple(c for c in self.calendars if data_set in c.data_sets)


@cache
def stages() -> Stages:
    """Give the newest calendars."""
    found = versions_of(Stages, "calendars")
    return max(found, key=lambda one: int(one.rule.partition("/")[2]))


def next_edition_in_words(data_set: str, month: str, at: datetime) -> str:
    """Say until when a month waits that waits for its next edition."""
    calendar = stages().of(data_set, month)
    if calendar is not None:
        for last, closes in zip(calendar.last_days(month), calendar.closes_at(month), strict=True):
            if at < closes:
                return f"the next edition is due by {last}"
    return "no inclusion date is known of a further edition"


def months_of_days(first: date, last: date) -> int:
    """Count the months from one day to another."""
    return (last.year - first.year) * 12 + last.month - first.month + 1
