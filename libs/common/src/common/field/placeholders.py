"""Texts that fill a field and say nothing: a dated list (`placeholders.yaml`)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

import yaml

NO_WORD = re.compile(r"[\W_]+")
UNSEEN = frozenset({"Mn", "Me", "Cf"})
"""Categories of characters that are not seen, or only on another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    valid_from: date
    words: frozenset[str]
    begins: tuple[str, ...]


@lru_cache(maxsize=1)
def load() -> tuple[Placeholders, ...]:
    """Read the list that ships with the package; a wrong file stops the start."""
    content = yaml.safe_load((files("common.field") / "placeholders.yaml").read_text("utf-8"))
    return tuple(
        Placeholders(
            valid_from=row["from"], words=frozenset(row["words"]), begins=tuple(row["begins"])
        )
        for row in content
    )


def on(day: date) -> Placeholders:
    """Return the list of that day; before the first one the first."""
    lists = sorted(load(), key=lambda p: p.valid_from)
    return next((p for p in reversed(lists) if p.valid_from <= day), lists[0])


def is_placeholder(text: str, *, day: date) -> bool:
    """Check whether a text that is not empty says nothing, by the list of that day."""
    if not text.strip():
        return False
    plain = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(c for c in plain if unicodedata.category(c) not in UNSEEN and c != ".")
    words = NO_WORD.sub(" ", letters).strip()
    compact = words.replace(" ", "")
    if not compact or (len(compact) > 1 and len(set(compact)) == 1):
        return True
    listed = on(day)
    return words in listed.words or words.startswith(listed.begins)
