"""The rules of the products, as dated data: what is hidden, how the rest is rounded, what is said.

A rule is one YAML file of this folder. `rule()` reads one, as it is in force on a day; a rule whose
parameters stand in an agreement (GPW) is asked for with them. `strictest()` joins those of a linked
output. What a rule does to single values is here; what a table needs is `protect`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from math import isfinite, lcm
from typing import Any, Final, Literal

import yaml

from disclosure.problems import (
    CountFractional,
    CountNegative,
    LevelNotAllowed,
    MeasureWithoutRule,
    RuleInvalid,
    RuleMissing,
    RuleNotInForce,
    RuleUnknown,
)

HIDDEN: Final = "*"
NOT_APPLICABLE: Final = "-"


class Profile(StrEnum):
    """How far protection goes."""

    PROTECTED = "protected"
    """The published rule, and what keeps its hidden cells hidden."""
    AS_PUBLISHED = "as_published"
    """The published rule alone, so that a table equals the national publication."""


class Measure(StrEnum):
    """What a number counts, as far as rules distinguish it."""

    PEOPLE = "people"
    EVENTS = "events"
    HEADCOUNT = "headcount"
    OTHER = "other"
    """Organisations, sites, beds: no people. Not restricted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one product's rule does to a count, in whole numbers.

    A count from `small_from` to `small_to` is hidden; any other is rounded to the nearest
    `base`, halves up. `national_exact` lets the nation's counts through as they are.
    """

    code: str
    version: int
    title: str
    source: str
    valid_from: date | None
    """First day in force; None where none is known."""
    valid_until: date | None
    small_from: int
    small_to: int
    base: int
    national_exact: bool
    percentages: Literal["rounded", "unrounded"]
    """What percentages are made from."""
    footnotes: tuple[str, ...]
    nation_follows_for: frozenset[str] = frozenset()
    """Topics of which the nation's counts are treated as all others are."""
    national_min_units: int = 3
    """Extra protection: fewer units with a count make the nation follow the rule."""
    measures: frozenset[str] | None = None
    """None: every measure."""
    fte_base: Decimal | None = None
    """To which full-time equivalents are rounded; None: they are shown as they are."""
    min_practices: int = 0
    """Output of fewer practices than this is not allowed."""

    @property
    def name(self) -> str:
        """Code and version; of a linked output the codes alone, since each has its version."""
        return self.code if "+" in self.code else f"{self.code} {self.version}"

    # -- counts

    def hides(self, count: int) -> bool:
        """Say whether a raw count is small (docs/domain/7-disclosure.md 7.1)."""
        return self.small_from <= count <= self.small_to

    def rounded(self, count: int) -> int:
        """Round to the nearest `base`, halves up, in whole numbers."""
        return self.base * ((2 * count + self.base) // (2 * self.base))

    def behind(self, shown: int) -> tuple[int, int]:
        """Return the lowest and highest raw count that is shown as this number below the nation.

        Raises:
            RuleInvalid: no count is shown so.

        """
        low = max(0, shown - self.base // 2)
        high = shown + (self.base - 1) // 2
        if self.small_from <= low <= self.small_to:
            low = 0 if shown == 0 and self.small_from > 0 else self.small_to + 1
        if shown == 0 and self.small_from > 0:
            high = min(high, self.small_from - 1)
        if low > high or self.rounded(low) != shown:
            raise RuleInvalid(f"Under {self.code} no count is shown as this number.")
        return low, high

    def exempts_nation(self, topics: frozenset[str] = frozenset()) -> bool:
        """Say whether the nation's counts are exact in a table on these topics."""
        return self.national_exact and not topics & self.nation_follows_for

    def count(
        self,
        count: int | None,
        *,
        national: bool = False,
        topics: frozenset[str] = frozenset(),
        measure: str = Measure.PEOPLE,
    ) -> str:
        """Return one count as it is shown; None (not submitted, not offered) is `-`.

        Raises:
            CountNegative, CountFractional, MeasureWithoutRule.

        """
        if count is None:
            return NOT_APPLICABLE
        whole = whole_count(count)
        self.require(measure)
        if measure == Measure.OTHER or (national and self.exempts_nation(topics)):
            return str(whole)
        return HIDDEN if self.hides(whole) else str(self.rounded(whole))

    def require(self, measure: str) -> None:
        """Raise MeasureWithoutRule where the rule's parameters leave a measure out."""
        if self.measures is not None and measure not in self.measures:
            raise MeasureWithoutRule(
                f"`measure`: {self.code} covers {', '.join(sorted(self.measures))}; "
                "ask for one of these, or amend the agreement."
            )

    # -- what is made from counts

    def percentage(
        self,
        numerator: int | None,
        denominator: int | None,
        *,
        national: bool = False,
        topics: frozenset[str] = frozenset(),
        profile: Profile = Profile.PROTECTED,
    ) -> str:
        """Return a percentage in whole per cent, halves up, hidden where its counts are.

        The profile `protected` hides it too where what is missing to the denominator is small.
        Made from rounded or raw counts as the rule says; `-` where the denominator is 0.
        """
        if numerator is None or denominator is None:
            return NOT_APPLICABLE
        part, whole = whole_count(numerator), whole_count(denominator)
        if part > whole:
            raise RuleInvalid("`numerator`: more than its denominator; swap them.")
        if not (national and self.exempts_nation(topics)):
            complement = profile is Profile.PROTECTED and self.hides(whole - part)
            if self.hides(part) or self.hides(whole) or complement:
                return HIDDEN
            if self.percentages == "rounded":
                part, whole = self.rounded(part), self.rounded(whole)
        if whole == 0:
            return NOT_APPLICABLE
        return f"{(200 * part + whole) // (2 * whole)}%"

    def statistic(self, value: Decimal | str | None, n: int, *, national: bool = False) -> str:
        """Return a mean or a median as it is, hidden where the count behind it is."""
        if value is None or n == 0:
            return NOT_APPLICABLE
        exempt = national and self.national_exact
        return HIDDEN if self.hides(whole_count(n)) and not exempt else str(value)

    def rate(self, value: Decimal | str | None) -> str:
        """Return a standardised rate, a confidence limit or a regression result: unrestricted."""
        return NOT_APPLICABLE if value is None else str(value)

    def with_observed(self, observed: str, *values: Decimal | str | None) -> tuple[str, ...]:
        """Return expected, ratio and band as shown beside an observed count.

        Observed is expected times ratio, so all of them are hidden with it.
        """
        if observed == HIDDEN:
            return tuple(HIDDEN for _ in values)
        return tuple(self.rate(value) for value in values)

    def fte(self, value: Decimal | str | None, headcount: int | None) -> str:
        """Return full-time equivalents, hidden where their headcount is."""
        if value is None or headcount is None:
            return NOT_APPLICABLE
        if self.hides(whole_count(headcount)):
            return HIDDEN
        if self.fte_base is None:
            return str(value)
        steps = (Decimal(value) / self.fte_base).quantize(Decimal(1), ROUND_HALF_UP)
        return str(steps * self.fte_base)

    def require_practices(self, practices: int) -> None:
        """Raise LevelNotAllowed where a cell is of fewer practices than the agreement allows."""
        if practices < self.min_practices:
            raise LevelNotAllowed(
                f"`dimensions`: {self.code} of this agreement needs {self.min_practices} practices "
                "in a cell; ask for a coarser area."
            )


def whole_count(count: object) -> int:
    """Return a count as an integer.

    Raises:
        CountNegative: below 0.
        CountFractional: not a whole number; booleans and texts are none either.

    """
    if isinstance(count, bool) or not isinstance(count, int | float | Decimal):
        raise CountFractional("`count`: not a whole number; counts are integers.")
    if not isfinite(count) or count != int(count):
        raise CountFractional("`count`: not a whole number; counts are integers.")
    if count < 0:
        raise CountNegative("`count`: negative; counts are 0 or more.")
    return int(count)


@cache
def _files() -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for file in files(__name__).iterdir():
        if file.name.endswith(".yaml"):
            told = yaml.safe_load(file.read_text("utf-8"))
            found.setdefault(told["code"], []).append(told)
    return {code: tuple(sorted(of, key=lambda r: r["version"])) for code, of in found.items()}


def codes() -> tuple[str, ...]:
    """Return the codes of all rules."""
    return tuple(sorted(_files()))


PARAMETERS: Final = frozenset(
    {
        "suppress_min",
        "suppress_max",
        "round_base",
        "national_exempt",
        "zero_shown",
        "measures",
        "min_practices",
        "fte_base",
    }
)
"""What an agreement says of GP Workforce (docs/domain/7-disclosure.md 7.7)."""


def rule(
    code: str | None, *, on: date | None = None, parameters: Mapping[str, Any] | None = None
) -> Rule:
    """Return a rule by its code, as it is in force on a day (today's is not assumed: None is any).

    Raises:
        RuleMissing: no code, or its parameters stand in the agreement and were not handed in.
        RuleUnknown: no rule of this code.
        RuleNotInForce: none of its versions was in force that day.
        RuleInvalid: parameters that are no rule.

    """
    if not code:
        raise RuleMissing("`rule`: name one of " + ", ".join(codes()) + ".")
    versions = _files().get(code)
    if versions is None:
        raise RuleUnknown("`rule`: not known; there are " + ", ".join(codes()) + ".")
    fitting = [v for v in versions if on is None or _in_force(v, on)]
    if not fitting:
        there = sorted(
            other for other, of in _files().items() if on and any(_in_force(v, on) for v in of)
        )
        raise RuleNotInForce(
            f"`rule`: {code} was not in force on {on}; in force were {', '.join(there)}.",
            in_force=there,
        )
    told = fitting[-1]
    if told.get("parameters") == "agreement":
        if not parameters:
            raise RuleMissing(
                f"`parameters`: {code} is set for each application; none are in the agreement."
            )
        return _from_agreement(told, parameters)
    if parameters:
        raise RuleInvalid(f"`parameters`: {code} takes none; leave them out.")
    return _read(told)


def rule_for(
    codes: Sequence[str], *, on: date | None = None, parameters: Mapping[str, Any] | None = None
) -> Rule:
    """Return the rule of a table that was made from data of all these rules: the strictest.

    `parameters` are the agreement's, of whichever takes them.

    Raises:
        RuleMissing, RuleUnknown, RuleNotInForce, RuleInvalid: as for one; and `parameters` for
            none of them.

    """
    named = tuple(dict.fromkeys(codes))
    taking = {code for code in named if _takes_parameters(code)}
    if parameters and named and not taking:
        raise RuleInvalid(f"`parameters`: {' and '.join(named)} take none; leave them out.")
    return strictest(
        [rule(code, on=on, parameters=parameters if code in taking else None) for code in named]
    )


def _takes_parameters(code: str) -> bool:
    return any(told.get("parameters") == "agreement" for told in _files().get(code, ()))


def _in_force(told: Mapping[str, Any], on: date) -> bool:
    return (told["from"] or date.min) <= on <= (told["until"] or date.max)


def _read(told: Mapping[str, Any]) -> Rule:
    small_from, small_to = told["small"]
    if told["zero"] == "hidden":
        small_from = 0
    return checked(
        Rule(
            code=told["code"],
            version=told["version"],
            title=told["title"],
            source=told["source"],
            valid_from=told["from"],
            valid_until=told["until"],
            small_from=small_from,
            small_to=small_to,
            base=told["base"],
            national_exact=told["nation"] == "exact",
            nation_follows_for=frozenset(told.get("nation_follows_for", ())),
            percentages=told["percentages"],
            footnotes=tuple(told["footnotes"]),
        )
    )


def _from_agreement(told: Mapping[str, Any], parameters: Mapping[str, Any]) -> Rule:
    unknown = set(parameters) - PARAMETERS
    needed = {"suppress_min", "suppress_max", "round_base"}
    missing = needed - set(parameters)
    if unknown or missing:
        raise RuleInvalid(
            f"`parameters`: need {', '.join(sorted(needed))}; may have "
            f"{', '.join(sorted(PARAMETERS - needed))}.",
            missing=sorted(missing),
            unknown=sorted(unknown),
        )
    numbers = {
        name: parameters[name] for name in (*sorted(needed), "min_practices") if name in parameters
    }
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers.values()):
        raise RuleInvalid(f"`parameters`: whole numbers from 0 for {', '.join(numbers)}.")
    small_from, small_to = parameters["suppress_min"], parameters["suppress_max"]
    zero_shown = parameters.get("zero_shown", small_from > 0)
    if zero_shown and small_from == 0:
        raise RuleInvalid("`parameters.zero_shown`: not with `suppress_min` 0; make it 1.")
    fte = parameters.get("fte_base")
    base = parameters["round_base"]
    footnotes = (
        *told["footnotes"],
        f"Numbers of {small_from} to {small_to} are hidden; others are rounded to {base}.",
    )
    return checked(
        Rule(
            code=told["code"],
            version=told["version"],
            title=told["title"],
            source=told["source"],
            valid_from=told["from"],
            valid_until=told["until"],
            small_from=small_from if zero_shown else 0,
            small_to=small_to,
            base=base,
            national_exact=bool(parameters.get("national_exempt", False)),
            percentages="rounded",
            footnotes=footnotes,
            measures=frozenset(parameters["measures"]) if "measures" in parameters else None,
            fte_base=None if fte is None else Decimal(str(fte)),
            min_practices=parameters.get("min_practices", 0),
        )
    )


def checked(a_rule: Rule) -> Rule:
    """Return a rule that can be carried out.

    Raises:
        RuleInvalid: the small numbers are no range, or one that is shown would round to 0.

    """
    if not 0 <= a_rule.small_from <= a_rule.small_to or a_rule.small_from > 1:
        raise RuleInvalid("The small numbers have to be a range that begins with 0 or 1.")
    if not 1 <= a_rule.base <= 1000:
        raise RuleInvalid("The base of rounding has to be 1 to 1000.")
    if a_rule.fte_base is not None and a_rule.fte_base <= 0:
        raise RuleInvalid("`parameters.fte_base`: more than 0.")
    if a_rule.rounded(a_rule.small_to + 1) == 0:
        raise RuleInvalid(
            f"{a_rule.small_to + 1} is shown and would be rounded to 0; hide more, "
            "or round to less."
        )
    return a_rule


def strictest(rules: Sequence[Rule]) -> Rule:
    """Return the rule of a linked output: what any of them hides is hidden.

    Raises:
        RuleMissing: there is none to join.

    """
    if not rules:
        raise RuleMissing("`rule`: a table needs the rule of each data set that it is made from.")
    if len(rules) == 1:
        return rules[0]
    first = rules[0]
    froms = [r.valid_from for r in rules if r.valid_from]
    untils = [r.valid_until for r in rules if r.valid_until]
    ftes = [r.fte_base for r in rules if r.fte_base]
    measures = [r.measures for r in rules if r.measures is not None]
    joined = replace(
        first,
        code="+".join(dict.fromkeys(r.code for r in rules)),
        title="Linked output: " + ", ".join(dict.fromkeys(r.title for r in rules)),
        source="docs/domain/7-disclosure.md 7.1 (linked output). "
        + " ".join(dict.fromkeys(r.source for r in rules)),
        valid_from=max(froms, default=None),
        valid_until=min(untils, default=None),
        small_from=min(r.small_from for r in rules),
        small_to=max(r.small_to for r in rules),
        base=lcm(*(r.base for r in rules)),
        national_exact=all(r.national_exact for r in rules),
        nation_follows_for=frozenset().union(*(r.nation_follows_for for r in rules)),
        national_min_units=max(r.national_min_units for r in rules),
        percentages="rounded" if any(r.percentages == "rounded" for r in rules) else "unrounded",
        measures=frozenset.intersection(*measures) if measures else None,
        fte_base=max(ftes, default=None),
        min_practices=max(r.min_practices for r in rules),
    )
    nation = "England is exact." if joined.national_exact else "England is treated alike."
    return checked(
        replace(
            joined,
            footnotes=(
                f"Linked output; the strictest of {joined.code} holds.",
                f"`*` stands for a number of {joined.small_from} to {joined.small_to}.",
                f"Other numbers are rounded to the nearest {joined.base}. {nation}",
            ),
        )
    )
