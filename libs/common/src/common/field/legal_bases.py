"""Legal bases under data-protection law: closed, dated lists (`legal_bases.yaml`)."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml
from pydantic_core import to_jsonable_python

from common.clock import is_between
from common.ids import digest_of

ARTICLE = re.compile(r"(?:uk)?(?:gdpr)?(?:article|art)?")
WORDS_OF_SCHEDULE_1 = re.compile(
    r"^(?:(?:dpa|data protection act) ?(?:2018)? ?)?(?:sch(?:edule)? ?1 ?)?(?:part [12] ?)?"
    r"(?:paragraph|para|condition)? ?([0-9]{1,2})$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalBasis:
    """One basis or condition, as law names it."""

    code: str
    title: str
    source: str
    valid_from: date | None = None
    valid_to: date | None = None
    schedule_1: frozenset[str] = frozenset()
    """Conditions of Schedule 1 of which it needs one; none: it needs none."""
    public_interest: bool = False
    consent: bool = False

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True)
class BasisList:
    """One list: article 6, article 9, or Schedule 1."""

    entries: Mapping[str, LegalBasis]
    by_form: Mapping[str, str]

    def find(self, written: str, day: date) -> LegalBasis | None:
        """Return what `written` names on `day`, in whatever spelling; None where it is nothing."""
        found = self.entries.get(written) or self.entries.get(
            self.by_form.get(_form(written), ""), None
        )
        return found if found is not None and found.holds_on(day) else None

    def code(self, written: str, day: date) -> str:
        """Return the code as the list spells it, or what was written where there is none."""
        found = self.find(written, day)
        return written if found is None else found.code

    def codes(self, day: date) -> tuple[str, ...]:
        return tuple(entry.code for entry in self.entries.values() if entry.holds_on(day))


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalBases:
    article_6: BasisList
    article_9: BasisList
    schedule_1: BasisList
    digest: str
    """Of what was read: logged with decisions that rest on it."""


@lru_cache(maxsize=1)
def load() -> LegalBases:
    """Read the lists that ship with the package; a wrong file stops the start."""
    content = yaml.safe_load((files("common.field") / "legal_bases.yaml").read_text("utf-8"))
    lists = {name: _list(content[name]) for name in ("article_6", "article_9", "schedule_1")}
    return LegalBases(**lists, digest=digest_of(to_jsonable_python(content)))


def _list(rows: Iterable[Mapping[str, Any]]) -> BasisList:
    entries = {row["code"]: _entry(row) for row in rows}
    return BasisList(
        MappingProxyType(entries), MappingProxyType({_form(code): code for code in entries})
    )


def _entry(row: Mapping[str, Any]) -> LegalBasis:
    return LegalBasis(
        code=row["code"],
        title=row["title"],
        source=row["source"],
        valid_from=row.get("from"),
        valid_to=row.get("to"),
        schedule_1=frozenset(row.get("schedule_1", ())),
        public_interest=row.get("public_interest", False),
        consent=row.get("consent", False),
    )


def _form(written: str) -> str:
    """Reduce to digits and letters, without the words that only say where it stands."""
    text = unicodedata.normalize("NFKC", written).casefold()
    words = " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())
    if condition := WORDS_OF_SCHEDULE_1.fullmatch(words):
        return f"p{condition.group(1)}"
    compact = words.replace(" ", "")
    return ARTICLE.sub("", compact, count=1) if compact else ""
