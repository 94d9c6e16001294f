"""Days of publication: `data_set,period,published_on`, whole for each data set that it names."""

import calendar
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import catalogue
from agreements.records.domain.lists.layouts.reading import (
    ALL_NAMED_MAX,
    Collected,
    LeftOut,
    Remainder,
    day,
    records,
    text_of,
)

LAYOUT = "publications"
COLUMNS = ("data_set", "period", "published_on")
DATA_SET = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
WORDS = {"data_set": "data set", "period": "period of it"}
LATEST = "9999-12"
PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}(/[0-9]{4}-[0-9]{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPublication:
    data_set: str
    period: str
    published_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationList:
    listed: tuple[ListedPublication, ...]
    left_out: LeftOut


def read(content: bytes) -> PublicationList:
    """Read a list.

    Raises:
        ImportRefused: it is not what its layout says, or a line cannot be taken, by which a period
            would be unsaid; nothing of it is taken.
        ImportContradicts: a period was published on two days.

    """
    remainder = Remainder(LAYOUT, named_max=ALL_NAMED_MAX)
    found: Collected[tuple[str, str], ListedPublication] = Collected(remainder, "published_on")
    for line, row in records(text_of(content), remainder, needed=COLUMNS):
        listed = _listed(line, row, remainder)
        if listed is not None:
            found.add(line, (listed.data_set, listed.period), listed)
    values = tuple(found.values().values())
    remainder.require_none()
    return PublicationList(listed=values, left_out=remainder.left_out(taken=len(values)))


def _listed(line: int, row: Mapping[str, str], remainder: Remainder) -> ListedPublication | None:
    data_set, period = row["data_set"].upper(), row["period"]
    published_on = day(row["published_on"], "YYYY-MM-DD")
    last = last_day(period)
    if not DATA_SET.fullmatch(data_set):
        remainder.add(line, "data_set", "not the name of a data set")
    elif last is not None and (column := unknown_in(data_set, period)) is not None:
        remainder.add(line, column, f"the catalogue has no such {WORDS[column]}")
    elif last is None:
        remainder.add(line, "period", "not a month or a range of months")
    elif published_on is None:
        remainder.add(line, "published_on", "not a date")
    elif published_on <= last:
        remainder.add(line, "published_on", "before the period was over")
    else:
        return ListedPublication(data_set=data_set, period=period, published_on=published_on)
    return None


def unknown_in(data_set: str, period: str) -> str | None:
    """Return which of both the catalogue does not know; None: it knows the data set's period."""
    span = _spans().get(data_set)
    if span is None:
        return "data_set"
    first, _, last = period.partition("/")
    return None if span[0] <= first and (last or first) <= span[1] else "period"


@cache
def _spans() -> Mapping[str, tuple[str, str]]:
    """Return from when to when there are periods of each data set, in any version of it."""
    versions: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in catalogue.load():
        versions[one.data_set].append((one.periods.earliest, one.periods.latest or LATEST))
    return {
        name: (min(first for first, _ in spans), max(last for _, last in spans))
        for name, spans in versions.items()
    }


def last_day(period: str) -> date | None:
    """Return the last day of a month or a range of months; None: it is neither."""
    if not PERIOD.fullmatch(period):
        return None
    first, _, last = period.partition("/")
    year, month = map(int, (last or first).split("-"))
    if not 1 <= month <= 12 or not 1 <= int(first[5:]) <= 12 or (last and last < first):
        return None
    return date(year, month, calendar.monthrange(year, month)[1])
