"""Organisations, as ODS publishes them, and in a layout of our own for the rest.

Of published files only code, name, parent and dates are kept: no address, no telephone number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from agreements.domain.layouts.reading import Mistakes, day, records, rows, text_of
from agreements.domain.organisation import BODY, Kind

ODS = re.compile(r"[A-Z0-9]{3,9}")
NAME_CHARACTERS_MAX = 200

# Positions in eccg.csv and etr.csv, which have no header and 27 columns.
CODE, NAME, HIGH_LEVEL, OPEN, CLOSE, SUB_TYPE, COLUMNS = 0, 1, 3, 10, 11, 13, 27


class Layout(StrEnum):
    ECCG = "eccg"
    ETR = "etr"
    PRACTICES = "practices"
    DSFC = "dsfc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One code in one stretch of time, as a file lists it."""

    ods: str
    name: str
    kind: Kind
    legal_entity: str
    parent: str | None
    valid_from: date
    valid_to: date | None


def read(content: bytes, layout: Layout, *, icbs_from: date) -> tuple[Listed, ...]:
    """Read a file; `icbs_from` is the day on which locations of ICBs took the CCGs' place.

    Raises:
        ImportRefused: it is not what its layout says; nothing of it is taken.

    """
    text = text_of(content)
    mistakes = Mistakes(layout)
    readers: Mapping[Layout, Callable[[], dict[tuple[str, date], Listed]]] = {
        Layout.ECCG: lambda: _eccg(text, mistakes, icbs_from),
        Layout.ETR: lambda: _etr(text, mistakes),
        Layout.PRACTICES: lambda: _practices(text, mistakes),
        Layout.DSFC: lambda: _dsfc(text, mistakes),
    }
    listed = readers[layout]()
    mistakes.refuse_if_any()
    return tuple(listed.values())


def _eccg(text: str, mistakes: Mistakes, icbs_from: date) -> dict[tuple[str, date], Listed]:
    """Sub-ICB locations (sub-type C) and NHS England's hubs (H).

    A code older than the ICBs was a clinical commissioning group, its own legal entity, until
    the day before; since then it is a location of the ICB in the fourth column (domain.md 1.1).
    """
    found: dict[tuple[str, date], Listed] = {}
    for line, cells in rows(text):
        published = _published(line, cells, mistakes)
        if published is None:
            continue
        ods, name, begin, end = published
        if cells[SUB_TYPE] == "H":
            _add(
                found,
                Listed(
                    ods=ods,
                    name=name,
                    kind=Kind.NHS_ENGLAND_HUB,
                    legal_entity=BODY,  # Q99 is no ICB (ruling 4)
                    parent=cells[HIGH_LEVEL] or None,
                    valid_from=begin,
                    valid_to=end,
                ),
                mistakes,
                line,
            )
        elif cells[SUB_TYPE] == "C" and ODS.fullmatch(cells[HIGH_LEVEL]):
            for listed in _before_and_since(ods, name, cells[HIGH_LEVEL], begin, end, icbs_from):
                _add(found, listed, mistakes, line)
        else:
            mistakes.add(line, "sub-type", "not C with an ICB, nor H")
    return found


def _before_and_since(
    ods: str, name: str, icb: str, begin: date, end: date | None, icbs_from: date
) -> list[Listed]:
    stretches = []
    last_as_ccg = icbs_from - timedelta(days=1)
    if begin < icbs_from:
        stretches.append(
            Listed(
                ods=ods,
                name=name,
                kind=Kind.CCG,
                legal_entity=ods,
                parent=None,
                valid_from=begin,
                valid_to=last_as_ccg if end is None else min(end, last_as_ccg),
            )
        )
    if end is None or end >= icbs_from:
        stretches.append(
            Listed(
                ods=ods,
                name=name,
                kind=Kind.SUB_ICB_LOCATION,
                legal_entity=icb,
                parent=icb,
                valid_from=max(begin, icbs_from),
                valid_to=end,
            )
        )
    return stretches


def _etr(text: str, mistakes: Mistakes) -> dict[tuple[str, date], Listed]:
    found: dict[tuple[str, date], Listed] = {}
    for line, cells in rows(text):
        published = _published(line, cells, mistakes)
        if published is None:
            continue
        ods, name, begin, end = published
        _add(
            found,
            Listed(
                ods=ods,
                name=name,
                kind=Kind.NHS_TRUST,
                legal_entity=ods,
                parent=cells[HIGH_LEVEL] or None,
                valid_from=begin,
                valid_to=end,
            ),
            mistakes,
            line,
        )
    return found


def _practices(text: str, mistakes: Mistakes) -> dict[tuple[str, date], Listed]:
    """One row a practice and edition; the latest edition of a practice is kept."""
    latest: dict[str, tuple[str, Listed]] = {}
    for line, row in records(text, needed=("Code", "Name", "Start", "Close", "open_at")):
        begin, edition = day(row["Start"], "YYYY-MM-DD"), day(row["open_at"], "YYYY-MM-DD")
        end = None if row["Close"] in ("", "NA") else day(row["Close"], "YYYY-MM-DD")
        if end is None and row["Close"] not in ("", "NA"):
            mistakes.add(line, "Close", "not a date")
        if begin is None or edition is None:
            mistakes.add(line, "Start" if begin is None else "open_at", "not a date")
        elif _is_named(line, row["Code"], row["Name"], mistakes):
            listed = Listed(
                ods=row["Code"],
                name=row["Name"],
                kind=Kind.GP_PRACTICE,
                legal_entity=row["Code"],
                parent=None,
                valid_from=begin,
                valid_to=end,
            )
            former = latest.get(listed.ods)
            if former is None or former[0] <= row["open_at"]:
                latest[listed.ods] = (row["open_at"], listed)
    return {(listed.ods, listed.valid_from): listed for _, listed in latest.values()}


DSFC_COLUMNS = ("ods", "name", "kind", "legal_entity", "parent", "valid_from", "valid_to")


def _dsfc(text: str, mistakes: Mistakes) -> dict[tuple[str, date], Listed]:
    """Our own layout, for kinds that no published file in our hands lists: ICBs, CSUs, suppliers.

    An empty `legal_entity` is the code itself.
    """
    found: dict[tuple[str, date], Listed] = {}
    for line, row in records(text, needed=DSFC_COLUMNS):
        begin = day(row["valid_from"], "YYYY-MM-DD")
        end = day(row["valid_to"], "YYYY-MM-DD")
        if begin is None or (end is None and row["valid_to"]):
            mistakes.add(line, "valid_from" if begin is None else "valid_to", "not a date")
            continue
        if row["kind"] not in set(Kind):
            mistakes.add(line, "kind", f"not one of {', '.join(Kind)}")
            continue
        codes = {"legal_entity": row["legal_entity"], "parent": row["parent"]}
        if wrong := [name for name, code in codes.items() if code and not ODS.fullmatch(code)]:
            mistakes.add(line, wrong[0], "not a code")
            continue
        if _is_named(line, row["ods"], row["name"], mistakes):
            _add(
                found,
                Listed(
                    ods=row["ods"],
                    name=row["name"],
                    kind=Kind(row["kind"]),
                    legal_entity=row["legal_entity"] or row["ods"],
                    parent=row["parent"] or None,
                    valid_from=begin,
                    valid_to=end,
                ),
                mistakes,
                line,
            )
    return found


def _published(
    line: int, cells: list[str], mistakes: Mistakes
) -> tuple[str, str, date, date | None] | None:
    """Read what eccg and etr share: code, name, first day, last day."""
    if len(cells) != COLUMNS:
        mistakes.add(line, "", f"{len(cells)} columns instead of {COLUMNS}")
        return None
    begin, end = day(cells[OPEN], "YYYYMMDD"), day(cells[CLOSE], "YYYYMMDD")
    if begin is None or (end is None and cells[CLOSE]):
        mistakes.add(line, "open date" if begin is None else "close date", "not a date")
        return None
    if not _is_named(line, cells[CODE], cells[NAME], mistakes):
        return None
    return cells[CODE], cells[NAME], begin, end


def _is_named(line: int, ods: str, name: str, mistakes: Mistakes) -> bool:
    if not ODS.fullmatch(ods):
        mistakes.add(line, "code", "not a code")
        return False
    if not 0 < len(name) <= NAME_CHARACTERS_MAX:
        mistakes.add(line, "name", "empty or too long")
        return False
    return True


def _add(
    found: dict[tuple[str, date], Listed], listed: Listed, mistakes: Mistakes, line: int
) -> None:
    if (listed.ods, listed.valid_from) in found:
        mistakes.add(line, "code", "listed twice")
    if listed.valid_to is not None and listed.valid_to < listed.valid_from:
        mistakes.add(line, "close date", "before the first day")
    found[listed.ods, listed.valid_from] = listed
