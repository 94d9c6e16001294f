"""Columns of any data set, made from what its file in the catalogue says of them.

Nothing here knows a data set: a value is one of the codes, or written by the pattern; people,
practices, postcodes and organisations are the world's, so that they are the same over data sets.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from catalogue import (
    AREAS,
    CatalogueField,
    ColumnType,
    DataSet,
    Derivation,
    FieldClass,
    Identifier,
    members,
)
from dsfc_cli.synthetic.world import World

Strings = npt.NDArray[np.str_]
Days = npt.NDArray[np.datetime64]

POOL: Final = 40
"""So many different values has a column that is written by a pattern."""
EMPTY_SHARE: Final = 0.05
"""Of values that need not be there."""
SEXES: Final = frozenset({"1", "2", "9"})
REPEATS_MAX: Final = 4
"""So much longer than it has to be is a value at most."""
LATER: Final = re.compile(
    r"(?:^|_)(?:END|CLOSE|CLOSURE|LEFT)|DIS(?:CHARGE_?)?DATE|DISCHARGE|DEPART|EPIEND", re.IGNORECASE
)
"""How dates are named that come after what a record is about."""
SPANS: Final = {ColumnType.INTEGER: 100, ColumnType.DECIMAL: 100}


LEFT_OUT_EVERY: Final = 40
"""One person in so many is left out at the source, where a data set has such."""


def left_out(people: int) -> npt.NDArray[np.bool_]:
    """Say of each person whether a sender leaves them out."""
    gone: npt.NDArray[np.bool_] = np.arange(people) % LEFT_OUT_EVERY == LEFT_OUT_EVERY - 1
    return gone


class Maker:
    """The columns of one data set for one chunk of rows."""

    def __init__(
        self,
        data_set: DataSet,
        world: World,
        rng: np.random.Generator,
        start: int,
        seen: Days,
        *,
        unique: frozenset[str] = frozenset(),
    ) -> None:
        """`unique` are columns of which no two records have the same value."""
        self._unique = unique
        self._data_set = data_set
        self._world = world
        self._rng = rng
        self._seen = seen
        self._count = len(seen)
        self._serial = np.arange(start, start + self._count)
        self.person = rng.integers(0, len(world.nhs_numbers), self._count)

    def leave_out(self) -> None:
        """Put others in the place of the people whom the sender leaves out."""
        gone = left_out(len(self._world.nhs_numbers))
        self.person = np.where(gone[self.person], self.person - 1, self.person)

    def columns(self) -> dict[str, Strings]:
        """Give every column by its name in the catalogue, in the file's order."""
        return {field.name: self._values(field) for field in self._data_set.fields}

    def _values(self, field: CatalogueField) -> Strings:
        made = self._of(field)
        if field.identifier is not None or field.mandatory or self._is_needed(field):
            return made
        return np.where(self._rng.random(self._count) < EMPTY_SHARE, "", made)

    def _is_needed(self, field: CatalogueField) -> bool:
        named = {reason.field for reason in self._data_set.population.values()}
        return field.name in {*named, self._data_set.periods.field}

    def _of(self, field: CatalogueField) -> Strings:  # noqa: PLR0911 - a type a line
        if field.identifier is not None:
            kind = Identifier.LOCAL if field.name in self._unique else field.identifier
            return self._identifying(field, kind)
        if field.tells is not None:
            return self._given_form(field, field.tells)
        match field.type:
            case ColumnType.DATE:
                return as_text(self._days(field))
            case ColumnType.DATETIME:
                return np.char.add(np.char.add(as_text(self._days(field)), " "), self._times())
            case ColumnType.TIME:
                return self._times()
            case ColumnType.INTEGER | ColumnType.DECIMAL:
                return self._numbers(field)
            case ColumnType.TEXT:
                return self._text(field)

    # --- who --------------------------------------------------------------------------------------

    def _identifying(self, field: CatalogueField, kind: Identifier) -> Strings:
        world = self._world
        match kind:
            case Identifier.NHS_NUMBER:
                return world.nhs_numbers[self.person].astype("U10")
            case Identifier.DATE_OF_BIRTH:
                return as_text(self._births)
            case Identifier.POSTCODE:
                return world.postcodes[world.postcode_of[self.person]].astype("U8")
            case Identifier.LOCAL_PATIENT:
                return np.char.add("L", np.char.zfill(self.person.astype(str), 7))
            case Identifier.LOCAL:
                return self._keys()
            case Identifier.STAFF:
                pool = np.array(samples(field.pattern or "[A-Z][0-9]{6}", POOL))
                return pool[self.person % len(pool)]

    @property
    def _births(self) -> Days:
        """Nobody is born after what is recorded."""
        return np.minimum(self._world.births[self.person], self._seen)

    def _keys(self) -> Strings:
        """Make numbers that no other month has: a record is known again by its key."""
        months = self._seen.astype("datetime64[M]").astype(np.int64)
        letters = np.array(list("ABCDEFGHIJKL"))[months % 12]
        years = np.char.add((months // 12 + 1970).astype(str), letters)
        return np.char.add(years, np.char.zfill(self._serial.astype(str), 7)).astype("U12")

    def _given_form(  # noqa: PLR0911 - a form a line
        self, field: CatalogueField, form: Derivation
    ) -> Strings:
        world = self._world
        ages = (self._seen - self._births).astype(np.int64) * 4 // 1461
        match form:
            case Derivation.AGE_YEARS:
                return ages.astype(str)
            case Derivation.AGE_BAND:
                lows = np.array([_low(code) for code in field.codes or ()])
                order = np.argsort(lows)
                codes = np.array(field.codes)[order]
                return codes[np.maximum(np.searchsorted(lows[order], ages, "right") - 1, 0)]
            case Derivation.YEAR:
                return as_text(self._births).astype("U4")
            case Derivation.MONTH:
                return as_text(self._births).astype("U7")
            case Derivation.MONTH_OF_YEAR:
                return (self._births.astype("datetime64[M]").astype(np.int64) % 12 + 1).astype(str)
            case Derivation.LSOA:
                return world.lsoas[world.postcode_of[self.person]].astype("U9")
            case Derivation.DEPRIVATION_DECILE:
                lsoas = world.lsoas[world.postcode_of[self.person]]
                return np.array([str(world.deciles[str(lsoa)]) for lsoa in lsoas])
            case area if area in AREAS:
                return world.areas[area.value][world.postcode_of[self.person]].astype("U9")
            case _:
                homes = world.postcodes[world.postcode_of[self.person]]
                cut = 2 if form is Derivation.POSTCODE_SECTOR else 4
                return np.array([home[:-cut] for home in homes])

    # --- what -------------------------------------------------------------------------------------

    def _days(self, field: CatalogueField) -> Days:
        if field.name == self._data_set.periods.field:
            return self._seen
        away = self._rng.integers(0, 10, self._count).astype("timedelta64[D]")
        days: Days = self._seen + away if LATER.search(field.name) else self._seen - away
        return days

    def _times(self) -> Strings:
        minutes = self._rng.integers(0, 24 * 60, self._count)
        hour, minute = (np.char.zfill(part.astype(str), 2) for part in divmod(minutes, 60))
        return np.char.add(np.char.add(hour, ":"), minute)

    def _numbers(self, field: CatalogueField) -> Strings:
        low = field.minimum if field.minimum is not None else 0
        high = field.maximum if field.maximum is not None else low + SPANS[field.type]
        if field.type is ColumnType.INTEGER:
            return self._rng.integers(int(low), int(high) + 1, self._count).astype(str)
        hundredths = self._rng.integers(int(low * 100), int(high * 100) + 1, self._count)
        return np.array([f"{number / 100:.2f}" for number in hundredths])

    def _text(self, field: CatalogueField) -> Strings:
        if field.lookup is not None:
            return self._rng.choice(
                np.array(list(self._data_set.lookups[field.lookup].values)), self._count
            )
        if field.members is not None and (listed := members(field.members)) is not None:
            first, last = (day.astype(date) for day in (self._seen.min(), self._seen.max()))
            return self._rng.choice(np.array(listed.codes(first, last)), self._count)
        organisation = self._organisation(field)
        if organisation is not None:
            return organisation
        if field.codes is not None and set(field.codes) >= SEXES:
            return self._world.sexes[self.person]
        pool = values_of(field)
        one = self._rng.choice(np.array(pool), self._count)
        if field.separator is None:
            return one
        other = self._rng.choice(np.array(pool), self._count)
        both = np.char.add(np.char.add(one, field.separator), other)
        return np.where(self._rng.random(self._count) < 0.5, both, one)

    def _organisation(self, field: CatalogueField) -> Strings | None:
        """Give the world's organisations, where a column names some."""
        data_set, world = self._data_set, self._world
        practice = world.practice_of[self.person]
        providers = self._rng.choice(np.array(world.providers), self._count)
        homes = world.postcode_commissioners[world.postcode_of[self.person]]
        sources = {
            reason.source for reason in data_set.population.values() if reason.field == field.name
        }
        if field.name == data_set.person.provider or "organisation" in sources:
            return providers
        if "practice" in sources:
            return world.practices[practice].astype("U6")
        if "commissioner" in sources:
            return homes.astype("U5")
        if field.class_ is not FieldClass.ORG or field.pattern is None:
            return None
        for made in (
            world.practices[practice].astype("U6"),
            np.char.add(providers, "01"),
            providers,
        ):
            if re.fullmatch(field.pattern, str(made[0])) and "{3,12}" not in field.pattern:
                return made
        return np.char.add(providers, "01") if "{3,12}" in field.pattern else None


def values_of(field: CatalogueField) -> Sequence[str]:
    """Give the values that a column of text has."""
    listed = field.examples or field.codes
    return listed or samples(field.pattern or "[A-Z]{1,8}", POOL, field.length_max)


def as_text(days: Days) -> Strings:
    return np.datetime_as_string(days, unit="D").astype("U10")


def _low(code: str) -> int:
    found = re.search(r"[0-9]+", code)
    return -1 if found is None or code.startswith("<") else int(found[0])


@cache
def samples(pattern: str, count: int, length_max: int = 255) -> Sequence[str]:
    """Give texts that are written by a pattern: the same ones for the same pattern."""
    parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]  # noqa: SLF001 - the library's own
    rng = np.random.default_rng(list(pattern.encode()))
    return tuple(_sample(parsed, rng)[:length_max] for _ in range(count))


def _sample(parsed: Any, rng: np.random.Generator) -> str:
    return "".join(_item(str(kind), value, rng) for kind, value in parsed)


def _item(kind: str, value: Any, rng: np.random.Generator) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "IN":
            members = [chr(code) for code in _members(value)]
            return str(rng.choice(members))
        case "BRANCH":
            return _sample(value[1][int(rng.integers(len(value[1])))], rng)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, body = value
            times = int(rng.integers(least, min(int(most), least + REPEATS_MAX) + 1))
            return "".join(_sample(body, rng) for _ in range(times))
        case "SUBPATTERN":
            return _sample(value[-1], rng)
        case "AT":
            return ""
        case _:
            raise ValueError(f"no sample is made of {kind}")


def _members(value: Sequence[tuple[Any, Any]]) -> Iterator[int]:
    for kind, said in value:
        if str(kind) == "RANGE":
            yield from range(said[0], said[1] + 1)
        elif str(kind) == "LITERAL":
            yield said
        else:
            raise ValueError(f"no sample is made of {kind}")
