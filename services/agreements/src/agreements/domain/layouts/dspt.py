"""DSPT status of organisations on a day, as the toolkit's public search exports it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agreements.domain.assurance import NO_EDITION, Status
from agreements.domain.layouts.ods import ODS
from agreements.domain.layouts.reading import Mistakes, day, records, text_of

STATUS = re.compile(
    r"(?P<edition>[0-9]{2}/[0-9]{2}) "
    r"(?P<status>Standards Met|Standards Exceeded|Approaching Standards|Standards Not Met)"
)
NOT_PUBLISHED = "Not Published"
STATUSES: Mapping[str, Status] = {
    "Standards Met": Status.MET,
    "Standards Exceeded": Status.EXCEEDED,
    "Approaching Standards": Status.APPROACHING,
    "Standards Not Met": Status.NOT_MET,
}


class Layout(StrEnum):
    DSPT_CSU = "dspt_csu"
    DSPT_ICB = "dspt_icb"
    DSPT_CCG = "dspt_ccg"


SHARED = ("Code", "Organisation Name", "Status", "Date Of Publication", "Primary Sector")
NEEDED: Mapping[Layout, tuple[str, ...]] = {
    Layout.DSPT_CSU: SHARED,
    Layout.DSPT_ICB: (*SHARED, "ICB23CDH"),
    Layout.DSPT_CCG: (*SHARED, "National Grouping"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    organisation: str
    edition: str
    status: Status
    published_on: date | None


def read(content: bytes, layout: Layout) -> tuple[Entry, ...]:
    """Read an export.

    Raises:
        ImportRefused: it is not what its layout says; nothing of it is taken.

    """
    mistakes = Mistakes(layout)
    entries: dict[str, Entry] = {}
    for line, row in records(text_of(content), needed=NEEDED[layout]):
        entry = _entry(line, row, mistakes)
        if entry is None:
            continue
        if entry.organisation in entries:
            mistakes.add(line, "Code", "listed twice")
        entries[entry.organisation] = entry
    mistakes.refuse_if_any()
    return tuple(entries.values())


def _entry(line: int, row: Mapping[str, str], mistakes: Mistakes) -> Entry | None:
    if not ODS.fullmatch(row["Code"]):
        mistakes.add(line, "Code", "not a code")
        return None
    written = row["Date Of Publication"]
    published_on = day(written, "DD/MM/YYYY")
    if published_on is None and written:
        mistakes.add(line, "Date Of Publication", "not a date")
        return None
    if row["Status"] == NOT_PUBLISHED:
        return Entry(
            organisation=row["Code"],
            edition=NO_EDITION,
            status=Status.NOT_PUBLISHED,
            published_on=published_on,
        )
    found = STATUS.fullmatch(row["Status"])
    if found is None:
        mistakes.add(line, "Status", "not a status of the toolkit")
        return None
    if published_on is None:
        mistakes.add(line, "Date Of Publication", "missing")
        return None
    return Entry(
        organisation=row["Code"],
        edition=found["edition"],
        status=STATUSES[found["status"]],
        published_on=published_on,
    )
