"""Company numbers: in one form, of a dated list of prefixes (`company_numbers.yaml`).

Who is not in the lists of ODS is recorded by it (domain.md 3.2; docs/adr/0028).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

import yaml

SPELLING = re.compile(r"[\s.\-/]+")
ODS_CHARACTERS_MAX, ODS_DIGITS_MAX = 6, 5
"""Of a code of ODS of a kind that is recorded here, and of one that is digits alone."""

AUTHORITY = re.compile(r"E(?:0[6-9]|10)[0-9]{6}")
"""The code of the ONS of a unitary authority, district, metropolitan district, borough or county,
by which residents are known (domain.md ruling 30)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    prefix: str
    title: str
    rest: re.Pattern[str]
    source: str
    valid_from: date | None = None
    assumed: bool = False
    """Whether it comes from others' lists and not from Companies House."""

    def takes(self, number: str, day: date) -> bool:
        return (
            number.startswith(self.prefix)
            and self.rest.fullmatch(number, len(self.prefix)) is not None
            and (self.valid_from is None or self.valid_from <= day)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    characters: int
    prefixes: tuple[Prefix, ...]

    def read(self, written: str, day: date) -> str | None:
        """Return the number as Companies House has it on `day`; None: it is none."""
        text = SPELLING.sub("", unicodedata.normalize("NFKC", written)).upper()
        if is_meant(text) and text.isdigit():
            text = text.zfill(self.characters)
        if len(text) != self.characters:
            return None
        return text if any(p.takes(text, day) for p in self.prefixes) else None


@lru_cache(maxsize=1)
def load() -> Numbers:
    """Read the list that ships with the package; a wrong file stops the start."""
    content = yaml.safe_load((files("common.field") / "company_numbers.yaml").read_text("utf-8"))
    return Numbers(
        characters=content["characters"],
        prefixes=tuple(_prefix(row, content["rest"]) for row in content["prefixes"]),
    )


def is_meant(code: str) -> bool:
    """Whether a code can only be meant for a company number: it is too long for one of ODS.

    A local authority goes by the code of its area, which is longer than either.
    """
    if AUTHORITY.fullmatch(code):
        return False
    digits_alone = code.isascii() and code.isdigit()
    return len(code) > (ODS_DIGITS_MAX if digits_alone else ODS_CHARACTERS_MAX)


def _prefix(row: Mapping[str, object], rest: str) -> Prefix:
    begin = row.get("from")
    return Prefix(
        prefix=str(row["prefix"]),
        title=str(row["title"]),
        rest=re.compile(str(row.get("rest", rest))),
        source=str(row["source"]),
        valid_from=begin if isinstance(begin, date) else None,
        assumed=row.get("assumed") is True,
    )
