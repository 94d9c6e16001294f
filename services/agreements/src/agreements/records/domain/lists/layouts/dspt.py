"""DSPT status of organisations on a day, as the toolkit's public search exports it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    Collected,
    LeftOut,
    Remainder,
    day,
    records,
    text_of,
)
from agreements.records.domain.parties.assurance import NO_EDITION, Status

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


class DsptLayout(StrEnum):
    DSPT_CSU = "dspt_csu"
    DSPT_ICB = "dspt_icb"
    DSPT_CCG = "dspt_ccg"


SHARED = ("Code", "Organisation Name", "Status", "Date Of Publication", "Primary Sector")
NEEDED: Mapping[DsptLayout, tuple[str, ...]] = {
    DsptLayout.DSPT_CSU: SHARED,
    DsptLayout.DSPT_ICB: (*SHARED, "ICB23CDH"),
    DsptLayout.DSPT_CCG: (*SHARED, "National Grouping"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    organisation: str
    edition: str
    status: Status
    published_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DsptList:
    entries: tuple[Entry, ...]
    left_out: LeftOut


def read(content: bytes, layout: DsptLayout) -> DsptList:
    """Read an export.

    Raises:
        ImportRefused: it is not what its layout says; nothing of it is taken.
        ImportContradicts: an organisation has two statuses.

    """
    remainder = Remainder(layout)
    found: Collected[str, Entry] = Collected(remainder, "Code")
    for line, row in records(text_of(content), remainder, needed=NEEDED[layout]):
        entry = _entry(line, row, remainder)
        if entry is not None:
            found.add(line, entry.organisation, entry)
    entries = tuple(found.values().values())
    return DsptList(entries=entries, left_out=remainder.left_out(taken=len(entries)))


def _entry(line: int, row: Mapping[str, str], remainder: Remainder) -> Entry | None:
    code = row["Code"].upper()
    if not ODS.fullmatch(code):
        remainder.add(line, "Code", "not a code")
        return None
    written = row["Date Of Publication"]
    published_on = day(written, "DD/MM/YYYY")
    if published_on is None and written:
        remainder.add(line, "Date Of Publication", "not a date")
        return None
    if row["Status"].casefold() == NOT_PUBLISHED.casefold():
        return Entry(
            organisation=code,
            edition=NO_EDITION,
            status=Status.NOT_PUBLISHED,
            published_on=published_on,
        )
    found = STATUS.fullmatch(row["Status"])
    if found is None:
        remainder.add(line, "Status", "not a status of the toolkit")
        return None
    if published_on is None:
        remainder.add(line, "Date Of Publication", "missing")
        return None
    return Entry(
        organisation=code,
        edition=found["edition"],
        status=STATUSES[found["status"]],
        published_on=published_on,
    )
