"""What landing must make of a record: written row by row from domain.md, slow and obvious.

Nothing of the code under test is used here, but the catalogue's files. Sections are named
where a rule comes from.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

REFUSED = {str(d) * 10 for d in range(10)} | {f"{d}00000000{d}" for d in range(1, 10)}
MARKERS = ("_<NHS_No>_", "_<PC_", "_<DoB_")


def is_nhs_number(text: str) -> bool:
    """8.1: ten digits, modulus 11, and none of the refused patterns."""
    if not re.fullmatch("[0-9]{10}", text) or text in REFUSED:
        return False
    total = sum(
        int(digit) * weight for digit, weight in zip(text[:9], range(10, 1, -1), strict=True)
    )
    check = 11 - total % 11
    return (0 if check == 11 else check) == int(text[9])


def postcode(text: str) -> str:
    """Upper case, one space before the last three."""
    bare = text.upper().replace(" ", "")
    return f"{bare[:-3]} {bare[-3:]}"


def age_at(birth: date, event: date) -> int | None:
    """8.3: completed years; born on 29 February, a year older on 1 March; none before birth."""
    if birth > event:
        return None
    had_birthday = (event.month, event.day) >= (birth.month, birth.day)
    return event.year - birth.year - (not had_birthday)


def band(age: int) -> str:
    low = age // 5 * 5
    return "90+" if age >= 90 else f"{low}-{low + 4}"


def financial_year(day: date) -> str:
    first = day.year if day.month >= 4 else day.year - 1
    return f"{first}/{(first + 1) % 100:02d}"


@dataclass(frozen=True)
class Own:
    """The record's own values, to be looked for in other columns (8.6)."""

    number: str | None
    postcode: str | None
    birth: str | None

    def spellings(self) -> list[tuple[str, str]]:
        """Every spelling in ASCII, as a pattern for upper case: whatever parts the characters."""
        found: list[tuple[str, str]] = []
        if self.number:
            found.append((MARKERS[0], _parted(self.number)))
        if self.postcode:
            found.append((MARKERS[1], _parted(self.postcode.replace(" ", ""))))
        if self.birth:
            found += [(MARKERS[2], pattern) for pattern in _births(*self.birth.split("-"))]
        return found


NAMES = [
    "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER",
    "OCTOBER", "NOVEMBER", "DECEMBER",
]  # fmt: skip
ANY = r"[\W_]*"


def _parted(text: str) -> str:
    return ANY.join(text)


def _births(year: str, month: str, day: str) -> list[str]:
    """In any order: parts in digits with nought or without, years of two digits, months by name.

    Without a nought a year of two digits is told from the rest by what parts it.
    """
    found = []
    for order in itertools.permutations("ymd"):
        for y, m, d in itertools.product(
            (year, year[2:]), (month, str(int(month))), (day, str(int(day)))
        ):
            part = {"y": y, "m": m, "d": d}
            is_short = len(y) == 2 and len(m + d) < 4
            between = r"[\W_]+" if is_short else ANY
            found.append(between.join(_parted(part[letter]) for letter in order))
        for name, y in itertools.product(
            {NAMES[int(month) - 1], NAMES[int(month) - 1][:3]}, (year, year[2:])
        ):
            ordinal = f"0?{ANY}{_parted(str(int(day)))}{ANY}(?:ST|ND|RD|TH)?{ANY}(?:OF)?"
            part = {"y": _parted(y), "m": _parted(name), "d": ordinal}
            found.append(ANY.join(part[letter] for letter in order))
    return found


def masked(text: str, own: Own) -> str:
    """8.6: own values and anybody's number become markers; what overlaps is one hit.

    Anybody's number is here one of the range for tests, with three separators at most between two
    digits; nothing reaches over what was found before.
    """
    hits: list[tuple[int, int, int]] = []
    for marker, pattern in own.spellings():
        compiled = re.compile(pattern)
        for start in range(len(text)):
            match = compiled.match(text.upper(), start)
            if match and text[start].isalnum():
                hits.append((start, match.end(), MARKERS.index(marker)))
    rest = text
    for start, end, _ in hits:
        rest = rest[:start] + "x" * (end - start) + rest[end:]
    for start in range(len(rest)):
        found = re.match(r"9(?:[\W_]{0,3}[0-9]){9}", rest[start:])
        digits = re.sub("[^0-9]", "", found[0]) if found else ""
        if found and digits.startswith("999") and is_nhs_number(digits):
            hits.append((start, start + found.end(), 0))
    hits.sort()
    merged: list[list[int]] = []
    for start, end, kind in hits:
        if merged and start < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
            merged[-1][2] = min(merged[-1][2], kind)
        else:
            merged.append([start, end, kind])
    for start, end, kind in reversed(merged):
        text = text[:start] + MARKERS[kind] + text[end:]
    return text


@dataclass(frozen=True)
class World:
    provider: str
    practices: Mapping[str, str]
    postcodes: Mapping[str, tuple[str, str]]
    """Postcode to commissioner and area."""
    organisations: Mapping[str, str] = field(default_factory=dict)
    """Code to entity as at the day, by list and role (ruling 23); "" is a default code's."""

    areas: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the directory says of a postcode besides, by the name of the derivation."""
    deciles: Mapping[str, int] = field(default_factory=dict)
    """Of deprivation, by LSOA of 2011."""

    def entity(self, code: str | None) -> str | None:
        """A code that no list has stays as it is; a default code names nobody."""
        return None if code is None else self.organisations.get(code, code) or None


def derived(form: str, source: str | None, event: str | None, world: World) -> Any:  # noqa: C901, PLR0911 - a rule a line
    """8.3, by the name of the derivation."""
    if source is None or (form in {"age_years", "age_band", "days"} and event is None):
        return None
    if form == "days":  # none backwards
        days = (date.fromisoformat(event or "") - date.fromisoformat(source)).days
        return days if days >= 0 else None
    if form in {"age_years", "age_band"}:
        age = age_at(date.fromisoformat(source), date.fromisoformat(event or ""))
        if age is None:
            return None
        return min(age, 90) if form == "age_years" else band(age)
    if form in {"year", "month", "month_of_year", "financial_year"}:
        day = date.fromisoformat(source)
        return {
            "year": day.year,
            "month": f"{day.year:04d}-{day.month:02d}",
            "month_of_year": day.month,
            "financial_year": financial_year(day),
        }[form]
    place = postcode(source)
    is_default = place.startswith("ZZ99")
    if form == "default_postcode":
        return is_default
    if form in {"postcode_sector", "postcode_district"}:
        if is_default:
            return None
        return place[:-2] if form == "postcode_sector" else place.split(" ")[0]
    commissioner, area = world.postcodes.get(place, (None, None))
    if form != "residence_commissioner" and is_default:
        return None  # a flag, and no geography
    if form == "deprivation_decile":
        return world.deciles.get(area or "")
    if form not in {"lsoa", "residence_commissioner"}:
        return world.areas.get(place, {}).get(form)
    return area if form == "lsoa" else world.entity(commissioner)


def reason(source: str, value: str | None, world: World) -> str | None:
    """6.11, by where the letter comes from."""
    if source == "submitter":
        return world.provider
    if value is None:
        return None
    if source == "practice":
        return world.entity(world.practices.get(value))
    if source == "postcode":
        return world.entity(world.postcodes.get(postcode(value), (None, None))[0])
    if source == "local_authority":  # ruling 30: who lives there, but for whom nobody knows where
        place = postcode(value)
        is_default = place.startswith("ZZ99")
        return None if is_default else world.areas.get(place, {}).get("local_authority")
    return world.entity(value)
