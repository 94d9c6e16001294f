"""Rights to submit for another provider, in a layout of our own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    Collected,
    LeftOut,
    Remainder,
    day,
    records,
    text_of,
)

LAYOUT = "submission_rights"
COLUMNS = ("submitter", "provider", "valid_from", "valid_to", "evidence")
EVIDENCE_CHARACTERS_MAX = 4_000
NOTHING_LEFT_OUT = LeftOut(lines=0, repeated=0, named=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRight:
    submitter: str
    provider: str
    valid_from: date
    valid_to: date | None
    evidence: str
    line: int = field(default=0, compare=False)
    """Where a list says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsList:
    listed: tuple[ListedRight, ...]
    remainder: Remainder
    """To which the lists of organisations may add."""


def read(content: bytes) -> RightsList:
    """Read a list.

    Raises:
        ImportRefused: it is not what its layout says; nothing of it is taken.
        ImportContradicts: a right ends on two days.

    """
    remainder = Remainder(LAYOUT)
    found: Collected[tuple[str, str, date], ListedRight] = Collected(remainder, "provider")
    for line, row in records(text_of(content), remainder, needed=COLUMNS):
        listed = _listed(line, row, remainder)
        if listed is not None:
            found.add(line, (listed.submitter, listed.provider, listed.valid_from), listed)
    return RightsList(listed=tuple(found.values().values()), remainder=remainder)


def _listed(line: int, row: Mapping[str, str], remainder: Remainder) -> ListedRight | None:
    codes = {name: row[name].upper() for name in ("submitter", "provider")}
    begin, end = day(row["valid_from"], "YYYY-MM-DD"), day(row["valid_to"], "YYYY-MM-DD")
    if wrong := [name for name, code in codes.items() if not ODS.fullmatch(code)]:
        remainder.add(line, wrong[0], "not a code")
    elif begin is None or (end is None and row["valid_to"]):
        remainder.add(line, "valid_from" if begin is None else "valid_to", "not a date")
    elif end is not None and end < begin:
        remainder.add(line, "valid_to", "before the first day")
    elif not 0 < len(row["evidence"]) <= EVIDENCE_CHARACTERS_MAX:
        remainder.add(line, "evidence", "empty or too long")
    else:
        return ListedRight(
            **codes, valid_from=begin, valid_to=end, evidence=row["evidence"], line=line
        )
    return None
