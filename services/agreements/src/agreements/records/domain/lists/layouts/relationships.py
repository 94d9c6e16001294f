"""Relationships in the columns of the published spreadsheet (domain.md 5.3).

One file is one published edition: rows of two editions in it were put together by somebody. Who
is named has to be an organisation in the loaded lists, which the use case looks up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agreements.records.domain.errors import DscroUnknown
from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    ALL_NAMED_MAX,
    Collected,
    FilePosition,
    Remainder,
    day,
    records,
    refused,
    text_of,
)
from agreements.records.domain.lists.register import RELATIONSHIP_COLUMNS
from agreements.records.domain.parties.relationship import ChangeKind, require_dscro

LAYOUT = "lcr_register"
REFERENCE = re.compile(r"[A-Z0-9][A-Z0-9/-]{3,39}")
SEPARATOR = re.compile(r"[;|]")
"""Between the codes of other processors."""
FORM = "YYYY-MM-DD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRelationship:
    reference: str
    commissioner: str
    commissioner_type: str
    area_team: str | None
    csu: str | None
    dscro: str
    processors: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    change_kind: ChangeKind
    line: int = field(default=0, compare=False)

    @property
    def involved(self) -> tuple[str, ...]:
        """Return the codes that have to be known."""
        others = [code for code in (self.csu, self.area_team) if code]
        return (self.commissioner, *others, *self.processors)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipList:
    listed: tuple[ListedRelationship, ...]
    published_on: date
    remainder: Remainder
    """To which the lists of organisations may add."""


def read(content: bytes) -> RelationshipList:
    """Read an edition.

    Raises:
        ImportRefused: it is not what its layout says, or of two editions; nothing of it is taken.
        ImportContradicts: every reference stands for two relationships.

    """
    remainder = Remainder(LAYOUT, named_max=ALL_NAMED_MAX)
    found: Collected[str, ListedRelationship] = Collected(remainder, "lcr_ref")
    editions: dict[tuple[str, str], int] = {}
    for line, row in records(text_of(content), remainder, needed=RELATIONSHIP_COLUMNS):
        listed = _listed(line, row, remainder)
        if listed is not None:
            editions.setdefault((row["publication_version"], row["published_on"]), line)
            found.add(line, listed.reference, listed)
    values = tuple(found.undisputed())
    if not values:
        remainder.left_out(taken=0)
    return RelationshipList(
        listed=values, published_on=_published_on(editions), remainder=remainder
    )


def _published_on(editions: Mapping[tuple[str, str], int]) -> date:
    if len(editions) != 1:
        places = [
            FilePosition(line=line, column="publication_version", detail="another edition begins")
            for line in sorted(editions.values())
        ]
        raise refused("The file has rows of several editions; send one edition.", places)
    [((version, published), line)] = editions.items()
    published_on = day(published, FORM)
    if published_on is None or not version.isdigit():
        raise refused(
            "The edition has no number or no day of publication.",
            [
                FilePosition(
                    line=line, column="published_on", detail="not a date, or no number beside it"
                )
            ],
        )
    return published_on


def _listed(line: int, row: Mapping[str, str], remainder: Remainder) -> ListedRelationship | None:
    reference, processors = row["lcr_ref"].upper(), _codes(row["other_processors"])
    csu, team = row["csu_ods"].upper() or None, row["nhse_area_team"].upper() or None
    codes = {
        "commissioner_ods": row["commissioner_ods"].upper(),
        "csu_ods": csu or "X",
        "nhse_area_team": team or "X",
        **{f"other_processors {n}": code for n, code in enumerate(processors)},
    }
    begin, end = day(row["effective_from"], FORM), day(row["effective_to"], FORM)
    dscro = _dscro(row)
    wrong = next((name for name, code in codes.items() if not _is_code(code)), None)
    if not REFERENCE.fullmatch(reference):
        remainder.add(line, "lcr_ref", "not a reference")
    elif wrong is not None:
        remainder.add(line, wrong.split()[0], "not a code")
    elif begin is None or (end is None and row["effective_to"]):
        remainder.add(line, "effective_from" if begin is None else "effective_to", "not a date")
    elif end is not None and end < begin:
        remainder.add(line, "effective_to", "before the first day")
    elif dscro is None:
        remainder.add(line, "dscro_ods", "not a DSCRO, or two different ones")
    elif row["change_kind"].upper() not in ChangeKind.__members__:
        remainder.add(line, "change_kind", "not a kind of change")
    else:
        return ListedRelationship(
            reference=reference,
            commissioner=codes["commissioner_ods"],
            commissioner_type=row["commissioner_type"].upper(),
            area_team=team,
            csu=csu,
            dscro=dscro,
            processors=processors,
            valid_from=begin,
            valid_to=end,
            change_kind=ChangeKind[row["change_kind"].upper()],
            line=line,
        )
    return None


def _codes(cell: str) -> tuple[str, ...]:
    """Read codes out of one cell, as a spreadsheet or our own register writes them."""
    found = (code.strip(" []\"'").upper() for code in SEPARATOR.split(cell))
    return tuple(dict.fromkeys(code for code in found if code))


def _is_code(code: str) -> bool:
    return code == "X" or ODS.fullmatch(code) is not None


def _dscro(row: Mapping[str, str]) -> str | None:
    """Return the DSCRO, which stands by name or by code; None: it is none, or they are two."""
    said = [text for text in (row["dscro_ods"].upper(), row["dscro_name"].casefold()) if text]
    try:
        for one in said:
            require_dscro(one)
    except DscroUnknown:
        return None
    return said[0] if len(said) == 1 else None
