"""The normal form of an organisation's code on a day (ruling 23).

Commissioners and providers often come as five characters ending in `00`, or as a site of theirs;
what counts is the entity. Which it is goes by the loaded lists and the role in them at the date,
never by the text alone: `Y00500` ends in `00` by itself. Default codes are no organisations; they
are meanings. Hubs count for NHS England.

A location of an ICB stays what it is: people belong to it, and who stands behind it in law is
another question (`Organisation.legal_entity`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agreements.records.domain.parties.organisation import Organisation, OrganisationKind, on
from common.clock import is_between
from common.field import company_numbers

OF_ANOTHER = frozenset({OrganisationKind.SITE, OrganisationKind.AREA})
"""Kinds of codes that count for the organisation that the list names (rulings 23 and 30)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultCode:
    """A code that stands for no organisation, in a stretch of days; both ends inclusive."""

    code: str
    meaning: str
    source: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Under which code an entity goes in a stretch of days; both ends inclusive."""

    entity: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengthened:
    """The long form in which codes of some kinds come: so many characters, and an ending."""

    characters: int
    ending: str
    kinds: frozenset[OrganisationKind]

    def short(self, text: str) -> str | None:
        """Return the code that the text would lengthen; whether it does the lists tell."""
        if not self.kinds:
            return None
        if len(text) == self.characters + len(self.ending) and text.endswith(self.ending):
            return text[: self.characters]
        return None

    def of(self, short: str) -> str | None:
        """Return the long form that a code would have; whether it is one the lists tell."""
        return short + self.ending if self.kinds and len(short) == self.characters else None

    def long(self, listed: Organisation) -> str | None:
        """Return the long form of a listed code, where its kind comes in one."""
        if listed.kind in self.kinds and len(listed.ods) == self.characters:
            return listed.ods + self.ending
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRules:
    """Dated data: `reference/organisation_codes.yaml`."""

    defaults: tuple[DefaultCode, ...]
    commissioning_body: tuple[Name, ...]
    """NHS England as a commissioner, by date."""
    bodies_codes: frozenset[str]
    """Codes that count for it whether a list has them or not."""
    bodies_kinds: frozenset[OrganisationKind]
    """Kinds that count for it."""
    lengthened: Lengthened

    def body_on(self, day: date) -> str | None:
        return next((n.entity for n in self.commissioning_body if n.holds_on(day)), None)

    def bodies_names(self) -> frozenset[str]:
        """Return every code under which it ever went."""
        return frozenset(n.entity for n in self.commissioning_body)

    def candidates(self, code: str) -> frozenset[str]:
        """Return the codes that have to be looked up in the lists to read this one."""
        text = tidy(code)
        short = self.lengthened.short(text)
        return frozenset({text} if short is None else {text, short})


NO_RULES = CodeRules(
    defaults=(),
    commissioning_body=(),
    bodies_codes=frozenset(),
    bodies_kinds=frozenset(),
    lengthened=Lengthened(characters=0, ending="", kinds=frozenset()),
)
"""Every code is what it says."""


class CodeState(StrEnum):
    """Whether a code is one on a day."""

    OPEN = "open"
    CLOSED = "closed"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


def tidy(code: str) -> str:
    """Return a code without what is only spelling, also of a company number."""
    text = code.strip().upper()
    if not company_numbers.is_meant(text):
        return text
    return company_numbers.load().read(text, date.max) or text


def standing_on(day: date, rows: Sequence[Organisation]) -> CodeState:
    """Say how a code stands on a day, by its rows in the lists."""
    if not rows:
        return CodeState.UNKNOWN
    if on(day, rows) is not None:
        return CodeState.OPEN
    return CodeState.CLOSED if any(r.valid_from <= day for r in rows) else CodeState.NOT_YET


class Codes:
    """Normal forms on one day, each found once."""

    def __init__(
        self, day: date, organisations: Mapping[str, Sequence[Organisation]], rules: CodeRules
    ) -> None:
        self._day = day
        self._organisations = organisations
        self._rules = rules
        self._found: dict[str, str] = {}

    def meaning(self, code: str) -> str | None:
        """Return what a default code means on the day; None where it is none."""
        text = tidy(code)
        return next(
            (d.meaning for d in self._rules.defaults if d.code == text and d.holds_on(self._day)),
            None,
        )

    def normal(self, code: str) -> str:
        """Return the entity that the code counts for; what no list has stays as it is."""
        text = tidy(code)
        if text not in self._found:
            self._found[text] = self._normal(text, frozenset())
        return self._found[text]

    def own(self, code: str) -> str:
        """Return whose the code is: of a site or a long form, the code that stands for itself.

        Unlike `normal` it leaves a hub a hub: who commissions is one question, whose rows count
        for whom another.
        """
        text, passed = tidy(code), {tidy(code)}
        while True:
            row = self.listed(text)
            if row is not None and row.kind not in OF_ANOTHER:
                return text
            short = self._rules.lengthened.short(text) if row is None else row.legal_entity
            if short is None or (row is None and not self._is_lengthened(short)):
                return text
            if short in passed:
                return text
            passed.add(short)
            text = short

    def counts_as(self, code: str) -> frozenset[str]:
        """Return every code under which rows of this one may be counted, on whatever day."""
        body = self._rules.body_on(self._day)
        if body is not None and self.normal(code) == body:
            return frozenset({code}) | self._rules.bodies_names()
        return frozenset({code})

    def listed(self, code: str) -> Organisation | None:
        """Return what the lists say of the code on the day, or else of the nearest day before.

        A code that had closed, or had not begun, is still of its kind.
        """
        rows = self._organisations.get(code, ())
        begun = [r for r in rows if r.valid_from <= self._day]
        return on(self._day, rows) or max(begun or rows, key=lambda r: r.valid_from, default=None)

    def _normal(self, text: str, passed: frozenset[str]) -> str:
        if text in passed or self.meaning(text) is not None:
            return text
        row = self.listed(text)
        if row is None:
            short = self._rules.lengthened.short(text)
            if short is None or not self._is_lengthened(short):
                return self._named(text)
            return self._normal(short, passed | {text})
        if row.kind in OF_ANOTHER:
            return self._normal(row.legal_entity, passed | {text})
        return self._named(text, row)

    def _is_lengthened(self, short: str) -> bool:
        row = self.listed(short)
        if row is None:
            return short in self._rules.bodies_codes
        return self._rules.lengthened.long(row) is not None

    def _named(self, text: str, row: Organisation | None = None) -> str:
        counts_for_body = text in self._rules.bodies_codes or (
            row is not None and row.kind in self._rules.bodies_kinds
        )
        return (self._rules.body_on(self._day) if counts_for_body else None) or text

    def rows(self) -> Iterator["CodeRow"]:
        """Yield every code that is known on the day, each once, in order."""
        found: dict[str, CodeRow] = {}
        for code, rows in self._organisations.items():
            standing = standing_on(self._day, rows)
            if standing is CodeState.NOT_YET:
                continue
            found[code] = CodeRow(code=code, entity=self.normal(code), standing=standing)
            row = self.listed(code)
            long = None if row is None else self._rules.lengthened.long(row)
            if long is not None and long not in self._organisations:
                found[long] = CodeRow(code=long, entity=self.normal(long), standing=standing)
        for code in self._rules.bodies_codes:
            for text in (code, code + self._rules.lengthened.ending):
                if text not in found:
                    found[text] = CodeRow(
                        code=text, entity=self.normal(text), standing=CodeState.OPEN
                    )
        for default in self._rules.defaults:
            if default.holds_on(self._day):
                found[default.code] = CodeRow(code=default.code, meaning=default.meaning)
        yield from (found[code] for code in sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One line of the map from codes to entities."""

    code: str
    entity: str = ""
    """Empty: a default code, which stands for nobody."""
    meaning: str = ""
    """Of a default code, by name."""
    standing: CodeState | None = None


COLUMNS = ("code", "entity", "meaning", "standing")


def canonical(codes: Codes) -> tuple[bytes, int]:
    """Return the map in canonical form, and how many entries it has."""
    lines = [f"{r.code},{r.entity},{r.meaning},{r.standing or ''}" for r in codes.rows()]
    return ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode(), len(lines)
