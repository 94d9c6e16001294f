"""To whom agreements are issued from a template: a spreadsheet of our own layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import Remainder, day, records, text_of
from common.ids import DARS_REFERENCE

LAYOUT = "bulk_issue"
COLUMNS = ("controller", "title", "start", "end", "reference")
TITLE_CHARACTERS_MAX = 200
ROWS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAgreement:
    line: int
    controller: str
    title: str
    start: date
    end: date
    reference: str | None
    """Of the agreement of which it is the next version; None: a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkIssueList:
    listed: tuple[ListedAgreement, ...]
    remainder: Remainder
    """To which records may add. Nothing is issued unless it is empty."""


def read(content: bytes) -> BulkIssueList:
    """Read a spreadsheet.

    Raises:
        ImportRefused: it has not the columns of the layout, or no row.

    """
    remainder = Remainder(LAYOUT, named_max=ROWS_MAX)
    listed: list[ListedAgreement] = []
    for line, row in records(text_of(content), remainder, needed=COLUMNS):
        one = _listed(line, row, remainder)
        if one is not None and len(listed) >= ROWS_MAX:
            remainder.add(line, "", f"more than {ROWS_MAX} rows")
        elif one is not None:
            listed.append(one)
    _require_apart(listed, remainder)
    if not listed:
        remainder.left_out(taken=0)
    return BulkIssueList(listed=tuple(listed), remainder=remainder)


def _listed(line: int, row: Mapping[str, str], remainder: Remainder) -> ListedAgreement | None:
    code, reference = row["controller"].upper(), row["reference"].upper()
    begin, end = day(row["start"], "YYYY-MM-DD"), day(row["end"], "YYYY-MM-DD")
    if not ODS.fullmatch(code):
        remainder.add(line, "controller", "not a code")
    elif not 0 < len(row["title"]) <= TITLE_CHARACTERS_MAX:
        remainder.add(line, "title", f"empty or longer than {TITLE_CHARACTERS_MAX} characters")
    elif begin is None or end is None:
        remainder.add(line, "start" if begin is None else "end", "not a date (YYYY-MM-DD)")
    elif end < begin:
        remainder.add(line, "end", "before the first day")
    elif reference and not DARS_REFERENCE.fullmatch(reference):
        remainder.add(line, "reference", "not a reference of an agreement, without a version")
    else:
        return ListedAgreement(
            line=line,
            controller=code,
            title=row["title"],
            start=begin,
            end=end,
            reference=reference or None,
        )
    return None


def _require_apart(listed: list[ListedAgreement], remainder: Remainder) -> None:
    """Name rows that would be issued twice: one agreement, or one commissioner's days."""
    for position, one in enumerate(listed):
        for other in listed[:position]:
            if one.reference is not None and one.reference == other.reference:
                remainder.add(one.line, "reference", f"line {other.line} has the same agreement")
                break
            is_of_same = one.controller == other.controller
            if is_of_same and max(one.start, other.start) <= min(one.end, other.end):
                remainder.add(
                    one.line, "controller", f"line {other.line} has it in some of the same days"
                )
                break
