"""The periods that a body names, and which months of a data set they are."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from catalogue import Catalogue, NamedPeriod, PeriodForm, Periods, UnknownDataSet, named_period
from common.errors import InvalidPeriods, PeriodNotOffered
from statements.filters import WantedFilter

MONTHS_MAX = 120
"""Ten years in one extract is more than any agreement's line."""
CUMULATIVE = frozenset({PeriodForm.QUARTER, PeriodForm.FINANCIAL_YEAR})
REQUESTED_MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


RequestedMonth = Annotated[
    str, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2018-04"])
]


RequestedPeriod = Annotated[
    str,
    Field(
        pattern=r"^(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(/(19|20)[0-9]{2}-(0[1-9]|1[0-2]))?"
        r"|-Q[1-4]|/[0-9]{2})$",
        description="A month `2018-04`; a quarter `2018-Q3`, cumulative: April to December 2018;"
        " a financial year `2018/19`; an edition by its name `2016-04/2019-03`, or by its last"
        " month. The catalogue says by which of these a data set is asked for"
        " (`periods.asked_by`).",
        examples=["2018-04", "2018-Q3", "2018/19", "2016-04/2019-03"],
    ),
]


class MonthRange(Sent):
    first: Annotated[RequestedMonth, Field(alias="from", description="First month of the range.")]
    last: Annotated[RequestedMonth, Field(alias="to", description="Last month, inclusive.")]


def months_of(
    periods: Sequence[str] | MonthRange,
    data_set: str,
    known: Catalogue,
    filters: Sequence[WantedFilter] = (),
) -> tuple[str, ...]:
    """Return the months that a body names, in order, each once.

    Of a range, a quarter or a year these are the months that the data set has: not every one has
    each of them, and one that took another's place within it begins or ends there (R20).

    Raises:
        InvalidPeriods, PeriodNotOffered: as `WantedExtract.months_in` does.

    """
    if isinstance(periods, MonthRange):
        every = _within(months(periods.first, periods.last), data_set, known)
        found = tuple(month for month in every if _is_there(month, data_set, known, filters))
        if not found:
            _require_there(every, data_set, known, filters)
        return found
    named = _named(periods)
    for one in named:
        _require_offered(one, data_set, known)
    listed = _in_order(
        [
            _within(one.months(), data_set, known) if one.form in CUMULATIVE else one.months()
            for one in named
        ]
    )
    _require_there(listed, data_set, known, filters)
    return listed


def _within(every: Sequence[str], data_set: str, known: Catalogue) -> Sequence[str]:
    """Leave out months before its first and after its last; all, where it has none of them."""
    versions = [one.periods for one in known if one.data_set == data_set]
    own = [month for month in every if any(periods.within(month) for periods in versions)]
    return own or every


def _is_there(month: str, data_set: str, known: Catalogue, filters: Sequence[WantedFilter]) -> bool:
    """Say whether the data set has anything of a month that could pass the filters."""
    try:
        periods = known.for_period(data_set, month).periods
    except UnknownDataSet:
        return True
    return periods.exists(month, _codes(periods, filters))


def _require_there(
    listed: Sequence[str], data_set: str, known: Catalogue, filters: Sequence[WantedFilter]
) -> None:
    gone = next((m for m in listed if not _is_there(m, data_set, known, filters)), None)
    if gone is None:
        return
    periods = known.for_period(data_set, gone).periods
    codes = _codes(periods, filters)
    of = f" of {periods.snapshots_by} {', '.join(codes)}" if codes else ""
    near = " or ".join(periods.nearest(gone, codes))
    raise PeriodNotOffered(
        f"{data_set} has nothing{of} in {gone}: it is not extracted every month. The nearest month"
        f" that it has: {near}.",
        period=gone,
        asked_by=[str(form) for form in periods.forms],
    )


def _codes(periods: Periods, filters: Sequence[WantedFilter]) -> tuple[str, ...]:
    """Return the codes that are asked for of the column with which snapshots differ."""
    return next((f.any_of for f in filters if f.column == periods.snapshots_by), ())


def months(first: str, last: str) -> tuple[str, ...]:
    """Return every month from `first` to `last`, both inclusive.

    Raises:
        InvalidPeriods: they are not months in order, or too many.

    """
    start, end = _ordinal(first), _ordinal(last)
    if end < start:
        raise InvalidPeriods(f"{last} is before {first}.")
    if end - start >= MONTHS_MAX:
        raise InvalidPeriods(f"More than {MONTHS_MAX} months were asked for at once.")
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(start, end + 1))


def listed(periods: Sequence[str]) -> tuple[str, ...]:
    """Return the months of periods in order, each once.

    Raises:
        InvalidPeriods: one of them is no period, or there are too many months.

    """
    return _in_order([one.months() for one in _named(periods)])


def _named(periods: Sequence[str]) -> Sequence[NamedPeriod]:
    found = [named_period(name) for name in periods]
    named = [one for one in found if one is not None]
    if len(named) < len(found):
        raise InvalidPeriods(
            "A period is a month (2018-04), a cumulative quarter (2018-Q3), a financial year"
            " (2018/19) or an edition (2016-04/2019-03)."
        )
    return named


def _in_order(named: Sequence[Sequence[str]]) -> tuple[str, ...]:
    found = sorted({month for one in named for month in one})
    if len(found) > MONTHS_MAX:
        raise InvalidPeriods(f"More than {MONTHS_MAX} months were asked for at once.")
    return tuple(found)


def _require_offered(named: NamedPeriod, data_set: str, known: Catalogue) -> None:
    try:
        periods = known.for_period(data_set, f"{named.last:%Y-%m}").periods
    except UnknownDataSet:
        return
    if not periods.has(named):
        covers = f", which covers {periods.months} months" if periods.months else ""
        raise PeriodNotOffered(
            f"{data_set} has no period {named.name}. Its periods are named by"
            f" {periods.names()}{covers}.",
            period=named.name,
            asked_by=[str(form) for form in periods.forms],
        )


def _ordinal(month: str) -> int:
    if REQUESTED_MONTH.fullmatch(month) is None:
        raise InvalidPeriods("A period is a month, written YYYY-MM.")
    return int(month[:4]) * 12 + int(month[5:]) - 1
