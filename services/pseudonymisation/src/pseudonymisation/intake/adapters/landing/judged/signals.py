"""What a row says of itself by its control fields, as SQL: it adds nothing, or names nobody.

Values are compared in upper case and without what stands between letters and digits. A word for
"unknown" is no void value here: whoever writes that a reason is unknown says that there is one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalogue import DataSet, LandingRules, Protocol, When, Withhold, matches
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.checks import date_of
from pseudonymisation.intake.adapters.landing.judged.voids import BLANK, begins_with, is_one_of

UNKNOWN: Final = "SIGNAL_UNKNOWN"
LEFT_IN: Final = "IDENTIFIER_LEFT_IN"


@dataclass(frozen=True)
class Signals:
    """The signals of one file. What every field asks of them is found once."""

    rules: LandingRules
    data_set: DataSet
    columns: Sequence[str]

    @cached_property
    def withhold(self) -> Withhold | None:
        return self.rules.withhold_of(self.data_set)

    @cached_property
    def dropped(self) -> frozenset[str]:
        """Columns that a row without identity does not have."""
        hold = self.withhold
        return frozenset(hold.drop) if hold else frozenset()

    @property
    def withheld(self) -> str:
        """SQL that says whether nobody is to know whom the row is about; never null."""
        whens = self.withhold.when if self.withhold else ()
        return " OR ".join(filter(None, map(self._says, whens))) or "false"

    @property
    def nothing(self) -> str:
        """SQL of the code by which the row is no activity, or null."""
        cases = [
            f" WHEN {says} THEN {literal(when.code)}"
            for when in self.rules.adds_nothing
            if (says := self._says(when))
        ]
        return f"CASE{''.join(cases)} END" if cases else "NULL::VARCHAR"

    @property
    def silence(self) -> Iterator[tuple[str, tuple[str, ...], bool]]:
        """Give columns, words, and whether a value that says nothing is one of them or none."""
        for when in self._whens():
            for name in self._columns(when):
                if when.other_than is not None:
                    yield name, when.other_than, True
                elif when.values:
                    known = tuple(code for code in when.known if code not in when.values)
                    yield name, known or when.values, bool(known)

    @property
    def coded(self) -> tuple[list[str], str]:
        """The columns whose codes say something, and an expression that finds such a code."""
        whens = [when for when in self._whens() if when.begins]
        names = dict.fromkeys(name for when in whens for name in self._columns(when))
        codes = tuple(code for when in whens for code in when.begins)
        return list(names), begins_with(codes) if names else ""

    @cached_property
    def read(self) -> frozenset[str]:
        """Columns whose values are read as they are: no void value, no finding of their own."""
        return frozenset(
            name for when in self._whens() if not when.begins for name in self._columns(when)
        )

    def unknown(self) -> Iterator[tuple[str, str]]:
        """Return columns, and SQL that says that a code of theirs is none that is known."""
        for when in self._whens():
            if when.known:
                known = (*when.known, *when.values, *(when.other_than or ()))
                for name in self._columns(when):
                    value = _value(name)
                    yield name, f"({value} <> '' AND NOT {is_one_of(value, known)})"

    def _whens(self) -> tuple[When, ...]:
        return (*self.rules.adds_nothing, *(self.withhold.when if self.withhold else ()))

    def _columns(self, when: When) -> list[str]:
        if when.columns not in self._named:
            self._named[when.columns] = [
                n for n in self.columns if any(matches(pattern, n) for pattern in when.columns)
            ]
        return self._named[when.columns]

    @cached_property
    def _named(self) -> dict[tuple[str, ...], list[str]]:
        """The file's columns by the patterns that name them."""
        return {}

    def _says(self, when: When) -> str:
        """Return SQL of one signal, never null; empty where the file has none of its columns."""
        names = self._columns(when)
        if not names:
            return ""
        if when.begins:
            text = f"concat_ws(' ', {', '.join(map(identifier, names))})"
            pattern = rf"(?i)(?:^|[^A-Z0-9]){begins_with(when.begins)}"
            found = f"regexp_matches({text}, {literal(pattern)})"
        else:
            found = " OR ".join(self._one(when, name) for name in names)
        day = identifier(date_of(self.data_set.periods.field))
        since = f"coalesce({day} >= DATE {literal(when.valid_from.isoformat())}, true)"
        until = ""
        if when.valid_to is not None:
            until = f" AND coalesce({day} <= DATE {literal(when.valid_to.isoformat())}, true)"
        unless = ""
        if when.unless is not None and when.unless.column in self.columns:
            unless = f" AND NOT {is_one_of(_value(when.unless.column), when.unless.values)}"
        return f"(({found}) AND {since}{until}{unless})"

    @staticmethod
    def _one(when: When, name: str) -> str:
        value = _value(name)
        if when.other_than is None:
            return is_one_of(value, when.values)
        return f"({value} <> '' AND NOT {is_one_of(value, when.other_than)})"


def _value(name: str) -> str:
    """Return SQL of a control field's value; empty where there is none."""
    bare = f"regexp_replace({identifier(name)}, {literal(f'{BLANK}+')}, '', 'g')"
    return f"upper(coalesce({bare}, ''))"


def contradicting(
    rules: LandingRules, protocol: Protocol, columns: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Return the column in which a row says how it came, and SQL that says that it is not so."""
    stated = rules.protocols.stated if rules.protocols else None
    if stated is None or protocol is Protocol.WHOLE_PERIOD or stated.column not in columns:
        return
    others = tuple(v for way, vs in stated.values.items() if way is not protocol for v in vs)
    if others:
        yield stated.column, is_one_of(_value(stated.column), others)
