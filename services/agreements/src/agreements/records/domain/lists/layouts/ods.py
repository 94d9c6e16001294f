"""Organisations, as ODS publishes them, and in a layout of our own for the rest.

Of published files only code, name, parent and dates are kept: no address, no telephone number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from agreements.records.domain.lists.layouts.reading import (
    ALL_NAMED_MAX,
    NAMED_MAX,
    Collected,
    LeftOut,
    Remainder,
    Stretch,
    contradict,
    day,
    overlapping,
    records,
    rows,
    text_of,
)
from agreements.records.domain.parties.organisation import OrganisationKind
from common.field import company_numbers
from common.personal_data import find_personal_data
from common.security.principal import BODY

ODS = re.compile(r"[A-Z0-9]{3,9}")
NAME_CHARACTERS_MAX = 200
NO_NUMBER = (
    "neither a code of ODS nor a company number; write it as Companies House has it: 8 digits, or a"
    " prefix such as SC and 6"
)

# Positions in eccg.csv, etr.csv and ets.csv, which have no header and 27 columns.
CODE, NAME, HIGH_LEVEL, OPEN, CLOSE, SUB_TYPE, PARENT, COLUMNS = 0, 1, 3, 10, 11, 13, 14, 27


class OdsLayout(StrEnum):
    ECCG = "eccg"
    ETR = "etr"
    ETS = "ets"
    PRACTICES = "practices"
    DSFC = "dsfc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrganisation:
    """One code in one stretch of time, as a file lists it."""

    ods: str
    name: str
    kind: OrganisationKind
    legal_entity: str
    parent: str | None
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OdsList:
    listed: tuple[ListedOrganisation, ...]
    left_out: LeftOut


Stretches = Collected[tuple[str, date], ListedOrganisation]


def read(content: bytes, layout: OdsLayout, *, icbs_from: date) -> OdsList:
    """Read a file; `icbs_from` is the day on which locations of ICBs took the CCGs' place.

    Raises:
        ImportRefused: it is not what its layout says, or a line of our own layout cannot be taken,
            by which a stretch of its code would be unsaid; nothing of it is taken.
        ImportContradicts: a code is two things at once, or on one day.

    """
    text = text_of(content)
    is_ours = layout is OdsLayout.DSFC
    remainder = Remainder(layout, named_max=ALL_NAMED_MAX if is_ours else NAMED_MAX)
    found: Stretches = Collected(remainder, "code")
    readers: Mapping[OdsLayout, Callable[[], None]] = {
        OdsLayout.ECCG: lambda: _eccg(text, remainder, found, icbs_from),
        OdsLayout.ETR: lambda: _trusts(text, remainder, found, OrganisationKind.NHS_TRUST),
        OdsLayout.ETS: lambda: _trusts(text, remainder, found, OrganisationKind.SITE),
        OdsLayout.PRACTICES: lambda: _practices(text, remainder, found),
        OdsLayout.DSFC: lambda: _dsfc(text, remainder, found),
    }
    readers[layout]()
    listed = tuple(found.values().values())
    contradict(
        "valid_from",
        overlapping(Stretch(line, o.ods, o.valid_from, o.valid_to) for line, o in found.lines()),
    )
    if is_ours:
        remainder.require_none()
    return OdsList(listed=listed, left_out=remainder.left_out(taken=len(listed)))


def _eccg(text: str, remainder: Remainder, found: Stretches, icbs_from: date) -> None:
    """Sub-ICB locations (sub-type C) and NHS England's hubs (H).

    A code older than the ICBs was a clinical commissioning group, its own legal entity, until
    the day before; since then it is a location of the ICB in the fourth column (domain.md 1.1).
    """
    for line, cells in rows(text, remainder):
        published = _published(line, cells, remainder)
        if published is None:
            continue
        ods, name, begin, end = published
        icb = cells[HIGH_LEVEL].upper()
        if cells[SUB_TYPE].upper() == "H":
            hub = ListedOrganisation(
                ods=ods,
                name=name,
                kind=OrganisationKind.NHS_ENGLAND_HUB,
                legal_entity=BODY,  # Q99 is no ICB (ruling 4)
                parent=icb or None,
                valid_from=begin,
                valid_to=end,
            )
            found.add(line, (ods, begin), hub)
        elif cells[SUB_TYPE].upper() == "C" and ODS.fullmatch(icb):
            for listed in _before_and_since(ods, name, icb, begin, end, icbs_from):
                found.add(line, (ods, listed.valid_from), listed)
        else:
            remainder.add(line, "sub-type", "not C with an ICB, nor H")


def _before_and_since(
    ods: str, name: str, icb: str, begin: date, end: date | None, icbs_from: date
) -> list[ListedOrganisation]:
    stretches = []
    last_as_ccg = icbs_from - timedelta(days=1)
    if begin < icbs_from:
        stretches.append(
            ListedOrganisation(
                ods=ods,
                name=name,
                kind=OrganisationKind.CCG,
                legal_entity=ods,
                parent=None,
                valid_from=begin,
                valid_to=last_as_ccg if end is None else min(end, last_as_ccg),
            )
        )
    if end is None or end >= icbs_from:
        stretches.append(
            ListedOrganisation(
                ods=ods,
                name=name,
                kind=OrganisationKind.SUB_ICB_LOCATION,
                legal_entity=icb,
                parent=icb,
                valid_from=max(begin, icbs_from),
                valid_to=end,
            )
        )
    return stretches


def _trusts(text: str, remainder: Remainder, found: Stretches, kind: OrganisationKind) -> None:
    """NHS trusts, each its own legal entity; or their sites, which are parts of a trust."""
    for line, cells in rows(text, remainder):
        published = _published(line, cells, remainder)
        if published is None:
            continue
        ods, name, begin, end = published
        trust = cells[PARENT].upper()
        if kind is OrganisationKind.SITE and not ODS.fullmatch(trust):
            remainder.add(line, "parent", "not a code")
            continue
        listed = ListedOrganisation(
            ods=ods,
            name=name,
            kind=kind,
            legal_entity=trust if kind is OrganisationKind.SITE else ods,
            parent=trust if kind is OrganisationKind.SITE else cells[HIGH_LEVEL] or None,
            valid_from=begin,
            valid_to=end,
        )
        found.add(line, (ods, begin), listed)


def _practices(text: str, remainder: Remainder, found: Stretches) -> None:
    """Return one row per practice: its latest edition."""
    editions: Collected[tuple[str, date], ListedOrganisation] = Collected(remainder, "Code")
    for line, row in records(text, remainder, needed=("Code", "Name", "Start", "Close", "open_at")):
        begin, edition = day(row["Start"], "YYYY-MM-DD"), day(row["open_at"], "YYYY-MM-DD")
        close = "" if row["Close"] == "NA" else row["Close"]
        end = day(close, "YYYY-MM-DD")
        if begin is None or edition is None:
            remainder.add(line, "Start" if begin is None else "open_at", "not a date")
        elif end is None and close:
            remainder.add(line, "Close", "not a date")
        elif _is_whole(line, row["Code"].upper(), row["Name"], begin, end, remainder):
            listed = ListedOrganisation(
                ods=row["Code"].upper(),
                name=row["Name"],
                kind=OrganisationKind.GP_PRACTICE,
                legal_entity=row["Code"].upper(),
                parent=None,
                valid_from=begin,
                valid_to=end,
            )
            editions.add(line, (listed.ods, edition), listed)
    latest: dict[str, tuple[date, ListedOrganisation]] = {}
    for (code, edition), listed in editions.values().items():
        former = latest.get(code)
        if former is None or former[0] < edition:
            latest[code] = (edition, listed)
    for _, listed in latest.values():
        found.add(0, (listed.ods, listed.valid_from), listed)


DSFC_COLUMNS = ("ods", "name", "kind", "legal_entity", "parent", "valid_from", "valid_to")


def _dsfc(text: str, remainder: Remainder, found: Stretches) -> None:
    """Our own layout, for kinds that no published file in our hands lists: ICBs, CSUs, suppliers.

    An empty `legal_entity` is the code itself.
    """
    for line, row in records(text, remainder, needed=DSFC_COLUMNS):
        begin = day(row["valid_from"], "YYYY-MM-DD")
        end = day(row["valid_to"], "YYYY-MM-DD")
        ods = _code_or_number(row["ods"].upper(), begin)
        codes = {
            name: _code_or_number(row[name].upper(), begin) for name in ("legal_entity", "parent")
        }
        if begin is None or (end is None and row["valid_to"]):
            remainder.add(line, "valid_from" if begin is None else "valid_to", "not a date")
        elif company_numbers.is_meant(ods) and company_numbers.load().read(ods, begin) is None:
            remainder.add(line, "ods", NO_NUMBER)
        elif row["kind"].upper() not in set(OrganisationKind):
            remainder.add(line, "kind", f"not one of {', '.join(OrganisationKind)}")
        elif wrong := [name for name, code in codes.items() if code and not ODS.fullmatch(code)]:
            remainder.add(line, wrong[0], "not a code")
        elif _is_whole(line, ods, row["name"], begin, end, remainder):
            listed = ListedOrganisation(
                ods=ods,
                name=row["name"],
                kind=OrganisationKind(row["kind"].upper()),
                legal_entity=codes["legal_entity"] or ods,
                parent=codes["parent"] or None,
                valid_from=begin,
                valid_to=end,
            )
            found.add(line, (ods, begin), listed)


def _code_or_number(code: str, begin: date | None) -> str:
    """Return a company number as Companies House has it, and any other code as it is."""
    if begin is None or not company_numbers.is_meant(code):
        return code
    return company_numbers.load().read(code, begin) or code


def _published(
    line: int, cells: list[str], remainder: Remainder
) -> tuple[str, str, date, date | None] | None:
    """Read what the published lists share: code, name, first day, last day."""
    if len(cells) != COLUMNS:
        remainder.add(line, "", f"{len(cells)} columns instead of {COLUMNS}")
        return None
    begin, end = day(cells[OPEN], "YYYYMMDD"), day(cells[CLOSE], "YYYYMMDD")
    if begin is None or (end is None and cells[CLOSE]):
        remainder.add(line, "open date" if begin is None else "close date", "not a date")
        return None
    ods = cells[CODE].upper()
    if not _is_whole(line, ods, cells[NAME], begin, end, remainder):
        return None
    return ods, cells[NAME], begin, end


def _is_whole(
    line: int, ods: str, name: str, begin: date, end: date | None, remainder: Remainder
) -> bool:
    if not ODS.fullmatch(ods):
        remainder.add(line, "code", "not a code")
    elif not 0 < len(name) <= NAME_CHARACTERS_MAX:
        remainder.add(line, "name", "empty or too long")
    elif find_personal_data(name):
        remainder.add(line, "name", "personal data stand in it")
    elif end is not None and end < begin:
        remainder.add(line, "close date", "before the first day")
    else:
        return True
    return False
