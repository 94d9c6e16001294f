"""A register of environments: `organisation,hosted_for,valid_from,valid_to`, whole as of a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    ALL_NAMED_MAX,
    Remainder,
    Stretch,
    day,
    overlapping,
    records,
    text_of,
)

LAYOUT = "environments"
COLUMNS = ("organisation", "hosted_for", "valid_from", "valid_to")
FORM = "YYYY-MM-DD"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEnvironment:
    organisation: str
    hosted_for: str | None
    valid_from: date
    valid_to: date | None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRegister:
    listed: tuple[RegisteredEnvironment, ...]
    remainder: Remainder
    """To which the lists of organisations may add."""


def read(content: bytes) -> EnvironmentRegister:
    """Read a register.

    Raises:
        ImportRefused: it is not what its layout says, or is empty.

    """
    remainder = Remainder(LAYOUT, named_max=ALL_NAMED_MAX)
    rows = records(text_of(content), remainder, needed=COLUMNS)
    found = [one for line, row in rows if (one := _listed(line, row, remainder)) is not None]
    if not found:
        remainder.left_out(taken=0)
    stretches = (
        Stretch(one.line, (one.organisation, one.hosted_for), one.valid_from, one.valid_to)
        for one in found
    )
    remainder.contradict("valid_from", overlapping(stretches))
    return EnvironmentRegister(listed=tuple(found), remainder=remainder)


def _listed(
    line: int, row: Mapping[str, str], remainder: Remainder
) -> RegisteredEnvironment | None:
    organisation, hosted_for = row["organisation"].upper(), row["hosted_for"].upper()
    first, last = day(row["valid_from"], FORM), day(row["valid_to"], FORM)
    if not ODS.fullmatch(organisation):
        remainder.add(line, "organisation", "not a code")
    elif hosted_for and not ODS.fullmatch(hosted_for):
        remainder.add(line, "hosted_for", "not a code")
    elif first is None or (last is None and row["valid_to"]):
        remainder.add(line, "valid_from" if first is None else "valid_to", "not a date")
    elif last is not None and last < first:
        remainder.add(line, "valid_to", "before the first day")
    else:
        return RegisteredEnvironment(
            organisation=organisation,
            hosted_for=hosted_for or None,
            valid_from=first,
            valid_to=last,
            line=line,
        )
    return None
