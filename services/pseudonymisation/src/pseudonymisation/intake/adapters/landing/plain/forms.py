"""Safe forms of identifying columns of plain rows: what `derivations` says in SQL, in columns.

Both are held against one oracle, and against each other (tests).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import AREAS, OLDEST, Derivation, DerivedField
from pseudonymisation.intake.adapters.landing.judged.derivations import (
    BAND_YEARS,
    DEFAULT_POSTCODES,
    MAP_COMMISSIONER,
    map_column,
)
from pseudonymisation.intake.adapters.landing.plain.lookups import SortedMap

FIRST_DAY, LAST_DAY = -719_162, 150_000
"""0001-01-01 and 2380-09-07, as days from 1970-01-01: dates outside are no plain ones."""
APRIL: Final = 4

Days = npt.NDArray[np.int64]


class Calendar(NamedTuple):
    """What is to be said of each day, from the first one on."""

    year: npt.NDArray[np.int16]
    month: npt.NDArray[np.int16]
    month_and_day: npt.NDArray[np.int16]
    months: npt.NDArray[np.int64]
    """The place of the month's text."""
    month_texts: pa.Array
    financial_years: npt.NDArray[np.int64]
    financial_year_texts: pa.Array


@cache
def calendar() -> Calendar:
    days = np.arange(FIRST_DAY, LAST_DAY + 1).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (days - months).astype(np.int64) + 1
    place = months.astype(np.int64) - months[0].astype(np.int64)
    first = year - (month < APRIL)
    return Calendar(
        year.astype(np.int16),
        month.astype(np.int16),
        (month * 100 + day).astype(np.int16),
        place,
        pa.array([str(text) for text in np.unique(months)]),
        first - first[0],
        pa.array([f"{y}/{(y + 1) % 100:02}" for y in range(int(first[0]), int(first[-1]) + 1)]),
    )


@dataclass(frozen=True, slots=True)
class Dates:
    """A column of dates: the day's place in the calendar, 0 where there is none."""

    places: Days
    absent: npt.NDArray[np.bool_]
    values: pa.Array

    @classmethod
    def of(cls, values: pa.Array) -> "Dates":
        """Take dates that are in the calendar."""
        absent = values.is_null().to_numpy(zero_copy_only=False)
        days = values.cast(pa.int32()).fill_null(FIRST_DAY).to_numpy().astype(np.int64)
        return cls(np.clip(days - FIRST_DAY, 0, LAST_DAY - FIRST_DAY), absent, values)


@dataclass(frozen=True, slots=True)
class Postcodes:
    """A column of postcodes, by the values that differ."""

    normal: pa.Array
    """In normal form, each once."""
    is_default: pa.Array
    places: Sequence[pa.Array]
    """In each of the directories, of each."""
    indices: pa.Array

    @classmethod
    def of(cls, column: pa.Array, homes: Sequence[SortedMap]) -> "Postcodes":
        """Take postcodes whose form is right, in either case, with a space or none."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        bare = pc.ascii_upper(pc.replace_substring(encoded.dictionary, " ", ""))
        outward, inward = pc.utf8_slice_codeunits(bare, 0, -3), pc.utf8_slice_codeunits(bare, -3)
        normal = pc.binary_join_element_wise(outward, inward, " ")
        is_default = pc.starts_with(normal, DEFAULT_POSTCODES)
        places = [one.places(normal) for one in homes]
        return cls(normal, is_default, places, encoded.indices)

    @property
    def values(self) -> pa.Array:
        return self.normal.take(self.indices)

    def placed(self, less: int) -> pa.Array:
        """Give all but the last characters; a default postcode is a flag and no geography."""
        cut = pc.utf8_slice_codeunits(self.normal, 0, -less)
        return self._each(pc.if_else(self.is_default, None, cut))

    def mapped(self, homes: Sequence[SortedMap], name: str) -> pa.Array:
        """Give what the directory says that is in force when the period begins."""
        return self._each(homes[0].at(self.places[0], name))

    def area(self, homes: Sequence[SortedMap], name: str, place: int = 0) -> pa.Array:
        """Give what one of the directories says; a default postcode has no geography."""
        found = homes[place].at(self.places[place], name)
        return self._each(pc.if_else(self.is_default, None, found))

    def _each(self, values: pa.Array) -> pa.DictionaryArray:
        """Give every row what is said of its postcode."""
        return pa.DictionaryArray.from_arrays(self.indices, values)


@dataclass(frozen=True, slots=True)
class Sources:
    """What derived columns are made of."""

    dates: Mapping[str, Dates]
    postcodes: Mapping[str, Postcodes]
    homes: Sequence[SortedMap]
    """The directory in force when the period begins, and those that come later in it."""
    later: Sequence[int]
    """When these come into force, as places in the calendar."""
    day: Dates
    """By which a record has its directory."""
    numbers: Mapping[str, pa.Array]
    """Numbers as they came, and of times of day the hour."""


def _of(texts: pa.Array, places: npt.NDArray[Any], absent: npt.NDArray[np.bool_]) -> pa.Array:
    """Give the text at each place, where there is one."""
    numbers = pa.array(places.astype(np.int32), mask=absent)
    return pa.DictionaryArray.from_arrays(numbers, texts)


def _ages(
    made: DerivedField, sources: Sources
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]:
    born, event = sources.dates[made.source], sources.dates[made.at or ""]
    days = calendar()
    years = days.year[event.places] - days.year[born.places]
    years -= days.month_and_day[event.places] < days.month_and_day[born.places]
    unknown = born.absent | event.absent | (born.places > event.places)
    return np.minimum(years, OLDEST).astype(np.int16), unknown


def _age(made: DerivedField, sources: Sources) -> pa.Array:
    years, unknown = _ages(made, sources)
    return pa.array(years, mask=unknown)


BANDS: Final = pa.array(
    [f"{low}-{low + BAND_YEARS - 1}" for low in range(0, OLDEST, BAND_YEARS)] + [f"{OLDEST}+"]
)


def _band(made: DerivedField, sources: Sources) -> pa.Array:
    years, unknown = _ages(made, sources)
    return _of(BANDS, years // BAND_YEARS, unknown)


def _year(made: DerivedField, sources: Sources) -> pa.Array:
    date = sources.dates[made.source]
    return pa.array(calendar().year[date.places], mask=date.absent)


def _month_of_year(made: DerivedField, sources: Sources) -> pa.Array:
    date = sources.dates[made.source]
    return pa.array(calendar().month[date.places], mask=date.absent)


def month(date: Dates) -> pa.Array:
    """Give the month of each date as `YYYY-MM`."""
    days = calendar()
    return _of(days.month_texts, days.months[date.places], date.absent)


def _financial_year(made: DerivedField, sources: Sources) -> pa.Array:
    days, date = calendar(), sources.dates[made.source]
    return _of(days.financial_year_texts, days.financial_years[date.places], date.absent)


def _banded(made: DerivedField, sources: Sources) -> pa.Array:
    number = sources.numbers[made.source]
    begun = [pc.greater_equal(number, edge).cast(pa.int8()) for edge in made.edges]
    place = begun[0]
    for one in begun[1:]:
        place = pc.add(place, one)
    return pa.array(made.labels()).take(place)


def _days(made: DerivedField, sources: Sources) -> pa.Array:
    first, last = sources.dates[made.source], sources.dates[made.at or ""]
    unknown = first.absent | last.absent | (first.places > last.places)
    return pa.array((last.places - first.places).astype(np.int32), mask=unknown)


def _area(made: DerivedField, sources: Sources) -> pa.Array:
    postcodes, column = sources.postcodes[made.source], map_column(made.derivation)
    values = postcodes.area(sources.homes, column)
    for place, start in enumerate(sources.later, start=1):
        newer = postcodes.area(sources.homes, column, place)
        values = pc.if_else(
            pa.array(sources.day.places >= start),
            newer.dictionary_decode(),
            values.dictionary_decode() if pa.types.is_dictionary(values.type) else values,
        )
    return values


def _weekday(made: DerivedField, sources: Sources) -> pa.Array:
    return pc.day_of_week(sources.dates[made.source].values, count_from_zero=False).cast(pa.int16())


FORMS: Final[Mapping[Derivation, Callable[[DerivedField, Sources], pa.Array]]] = {
    Derivation.AGE_YEARS: _age,
    Derivation.AGE_BAND: _band,
    Derivation.YEAR: _year,
    Derivation.MONTH_OF_YEAR: _month_of_year,
    Derivation.MONTH: lambda made, sources: month(sources.dates[made.source]),
    Derivation.FINANCIAL_YEAR: _financial_year,
    Derivation.DATE: lambda made, sources: sources.dates[made.source].values,
    Derivation.WEEKDAY: _weekday,
    Derivation.HOUR: lambda made, sources: sources.numbers[made.source].cast(pa.int16()),
    Derivation.BAND: _banded,
    Derivation.DEFAULT_POSTCODE: lambda made, sources: _is_default(sources.postcodes[made.source]),
    Derivation.POSTCODE_SECTOR: lambda made, sources: sources.postcodes[made.source].placed(2),
    Derivation.POSTCODE_DISTRICT: lambda made, sources: sources.postcodes[made.source].placed(4),
    Derivation.DAYS: _days,
    **dict.fromkeys(AREAS, _area),
    Derivation.RESIDENCE_COMMISSIONER: lambda made, sources: sources.postcodes[made.source].mapped(
        sources.homes, MAP_COMMISSIONER
    ),
}
"""How each derivation is made. A data set with another one has no plain rows."""


def _is_default(postcodes: Postcodes) -> pa.Array:
    return postcodes.is_default.take(postcodes.indices)
