"""A register of environments: `organisation,hosted_for,valid_from,valid_to`, whole as of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    Remainder,
    day,
    records,
    text_of,
)

LAYOUT = "environments"
COLUMNS = ("organisation", "hosted_for", "valid_from", "valid_to")
ROWS_NAMED_MAX = 20_000
FORM = "YYYY-MM-DD"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEnvironment:
    organisation: str
    hosted_for: str | None
    valid_from: date
    valid_to: date | None
    line: int = field(default=0, compare=False)

    def is_over_before(self, other: "RegisteredEnvironment") -> bool:
        """Say whether it is of the same environment and does not outlast the other."""
        if (self.organisation, self.hosted_for) != (other.organisation, other.hosted_for):
            return False
        return (self.valid_to or date.max) <= (other.valid_to or date.max)

    def overlaps(self, other: "RegisteredEnvironment") -> bool:
        """Say whether both speak of the same days of the same environment."""
        if (self.organisation, self.hosted_for) != (other.organisation, other.hosted_for):
            return False
        ends = [end for end in (self.valid_to, other.valid_to) if end is not None]
        return all(max(self.valid_from, other.valid_from) <= end for end in ends)


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
    remainder = Remainder(LAYOUT, named_max=ROWS_NAMED_MAX)
    rows = records(text_of(content), remainder, needed=COLUMNS)
    found = [one for line, row in rows if (one := _listed(line, row, remainder)) is not None]
    if not found:
        remainder.left_out(taken=0)
    remainder.contradict("valid_from", _overlapping(found))
    return EnvironmentRegister(listed=tuple(found), remainder=remainder)


def _overlapping(found: Sequence[RegisteredEnvironment]) -> list[list[int]]:
    in_order = sorted(
        found, key=lambda one: (one.organisation, one.hosted_for or "", one.valid_from)
    )
    pairs: list[list[int]] = []
    reaching: RegisteredEnvironment | None = None  # of one environment, what lasts longest
    for one in in_order:
        if reaching is not None and reaching.overlaps(one):
            pairs.append([reaching.line, one.line])
        if reaching is None or not one.is_over_before(reaching):
            reaching = one
    return pairs


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
