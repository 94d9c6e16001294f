"""Names of organisations, compared by a normal form (docs/adr/0028; domain.md 1.3).

Case, spaces, punctuation and the dated abbreviations of `names.yaml` are spelling; everything
else is another name. Nothing here guesses: two names are the same or they are not.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from importlib.resources import files

import yaml

PUNCTUATION = re.compile(r"[^\w]+|_")
NO_LETTERS = re.compile("['\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}`.]")


class Match(Enum):
    """How a written name stands to the one on record."""

    SAME = "same"
    SPELLED_OTHERWISE = "spelled_otherwise"
    ANOTHER = "another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abbreviation:
    long: tuple[str, ...]
    short: str
    valid_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Spellings:
    abbreviations: tuple[Abbreviation, ...]
    prefixes: frozenset[str]


@lru_cache(maxsize=1)
def spellings() -> Spellings:
    """Read the dated spellings that ship with the package."""
    content = yaml.safe_load((files("common.field") / "names.yaml").read_text("utf-8"))
    return Spellings(
        abbreviations=tuple(
            sorted(
                (
                    Abbreviation(
                        long=tuple(row["long"].split()), short=row["short"], valid_from=row["from"]
                    )
                    for row in content["abbreviations"]
                ),
                key=lambda a: -len(a.long),
            )
        ),
        prefixes=frozenset(content["prefixes"]),
    )


@lru_cache(maxsize=4096)
def normal_form(name: str, day: date) -> str:
    """Return what two spellings of one name have in common on `day`."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = NO_LETTERS.sub("", text).replace("&", " and ")
    words = PUNCTUATION.sub(" ", _without_accents(text)).split()
    rules = spellings()
    for abbreviation in rules.abbreviations:
        if abbreviation.valid_from <= day:
            words = _shortened(words, abbreviation)
    while len(words) > 1 and words[0] in rules.prefixes:
        words = words[1:]
    return " ".join(words)


def compare(written: str, recorded: str, day: date) -> Match:
    """Say whether `written` is the recorded name, a spelling of it, or another name."""
    if written == recorded:
        return Match.SAME
    form = normal_form(written, day)
    if form and form == normal_form(recorded, day):
        return Match.SPELLED_OTHERWISE
    return Match.ANOTHER


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def _shortened(words: list[str], abbreviation: Abbreviation) -> list[str]:
    long, found, at = list(abbreviation.long), [], 0
    while at < len(words):
        if words[at : at + len(long)] == long:
            found.append(abbreviation.short)
            at += len(long)
        else:
            found.append(words[at])
            at += 1
    return found
