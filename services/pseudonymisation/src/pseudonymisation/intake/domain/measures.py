"""How good the values of each field are: every value that was judged is of exactly one kind.

Written down with each edition, out of what landing counted for its report, so that landing
counts nothing twice and the history of a field is there without reading a file again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self

from pydantic import JsonValue

from catalogue import DataSet, Effect, LandingRules
from catalogue.relations import qualified, split

MISSING: Final = "VALUE_MISSING"
VOID: Final = "VALUE_VOID"
LEFT_IN: Final = "IDENTIFIER_LEFT_IN"
BY_COLUMN: Final = ("columns", "reasons", "findings", "default_codes")
"""What a report lists by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMeasure:
    """What the values of one field are; the kinds add up to `judged`."""

    field: str
    is_submitted: bool
    """Whether the file had the column; without it every value is missing."""
    judged: int
    """Landed records, and those that were set aside because of this field."""
    valid: int
    missing: int
    invalid: int
    default: int
    """Placeholders, default codes and default postcodes: they say that nothing is known."""
    withheld: int
    """Rightly left out: the record withholds the identity of its person."""
    duplicate: int | None
    """Records whose key came before in the file, where the field is part of the key."""

    @property
    def given(self) -> int:
        """Return how many values were given and can be held against the rules."""
        return self.judged - self.missing - self.withheld

    @property
    def expected(self) -> int:
        """Return how many values could have been given."""
        return self.judged - self.withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionMeasures:
    """What an edition is like: of the file, and of each field."""

    records: int
    """In the file, without those that add nothing."""
    landed: int
    set_aside: int
    repeated: int
    withheld: int
    fields: tuple[FieldMeasure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """How much landed records add up to, of one provider, month and key (docs/adr/0055)."""

    provider: str
    month: str
    key: tuple[str | None, ...]
    totals: Mapping[str, Decimal | None]
    """By measure; None: a number of it cannot be summed exactly."""

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "provider": self.provider,
            "month": self.month,
            "key": [*self.key],
            "totals": {
                name: None if total is None else f"{total:f}" for name, total in self.totals.items()
            },
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        return cls(
            provider=said["provider"],
            month=said["month"],
            key=tuple(said["key"]),
            totals={
                name: None if total is None else Decimal(total)
                for name, total in said["totals"].items()
            },
        )


def measured(
    report: Mapping[str, JsonValue], *, data_set: DataSet, rules: LandingRules | None
) -> EditionMeasures:
    """Measure an edition by the report of its landing.

    `rules` are those by which it was landed: what a finding costs is theirs to say.
    """
    totals: Mapping[str, int] = report["totals"]  # type: ignore[assignment]
    landed, set_aside = totals.get("landed", 0), totals.get("quarantined", 0)
    return EditionMeasures(
        records=landed + set_aside,
        landed=landed,
        set_aside=set_aside,
        repeated=totals.get("repeated", 0),
        withheld=totals.get("withheld", 0),
        fields=tuple(_fields(report, data_set, rules)),
    )


def _fields(
    report: Mapping[str, Any], data_set: DataSet, rules: LandingRules | None
) -> Iterator[FieldMeasure]:
    """Measure each column by the records of the table that has it."""
    tables = report.get("tables")
    if tables is None:
        said = _Report(report, data_set, rules)
        yield from (said.field(column) for column in said.columns)
        return
    for totals in tables:
        table = totals["table"]
        described = data_set.by_table[table]
        own = rules and rules.of_table(described)
        said = _Report(_alone(report, table, totals), described, own)
        for column in said.columns:
            measure = said.field(column)
            yield replace(measure, field=qualified(table, measure.field))


def _alone(report: Mapping[str, Any], table: str, totals: Mapping[str, Any]) -> dict[str, Any]:
    """Read one table out of the report of several, its columns by their own names."""
    own = {
        name: [
            entry | {"column": split(entry["column"])[1]}
            for entry in report.get(name, ())
            if split(entry["column"] or "")[0] == table
        ]
        for name in BY_COLUMN
    }
    return {**report, "totals": totals, **own}


class _Report:
    """The report, read by field."""

    def __init__(
        self, report: Mapping[str, Any], data_set: DataSet, rules: LandingRules | None
    ) -> None:
        self.totals: Mapping[str, int] = report["totals"]
        self.columns: Iterable[Mapping[str, Any]] = report["columns"]
        self._report = report
        self._person = data_set.person
        self._reasons = _by_column(report.get("reasons", ()), "lines")
        self._findings = _by_column(report.get("findings", ()), "rows")
        self._defaults = _by_column(report.get("default_codes", ()), "rows", code="meaning")
        self._rules = rules
        self._effects = {rule.code: rule.effect for rule in rules.validity} if rules else {}
        self._key = rules.record.key if rules and rules.record else ()
        hold = rules.withhold_of(data_set) if rules else None
        self._dropped = frozenset(hold.drop) if hold else frozenset()

    def field(self, column: Mapping[str, Any]) -> FieldMeasure:
        name, landed = column["column"], self.totals.get("landed", 0)
        without = min(self._without(column), landed)
        withheld = min(self.totals.get("withheld", 0), without) if name in self._dropped else 0
        found = self._findings.get(name, {})
        is_sent = bool(column["submitted"])
        void = min(found.get(VOID, 0), without - withheld)
        emptied = min(self._cost(name, Effect.EMPTY), without - withheld - void)
        kept_bad = min(self._cost(name, Effect.WARN), landed - without)
        kept_default = min(self._default(name), landed - without - kept_bad)
        missing_aside, invalid_aside = self._aside(column)
        judged = landed + missing_aside + invalid_aside
        missing = without - withheld - void - emptied + missing_aside
        invalid, default = emptied + kept_bad + invalid_aside, void + kept_default
        return FieldMeasure(
            field=name,
            is_submitted=is_sent,
            judged=judged,
            valid=judged - missing - invalid - default - withheld,
            missing=missing,
            invalid=invalid,
            default=default,
            withheld=withheld,
            duplicate=self.totals.get("repeated", 0) if name in self._key else None,
        )

    def _without(self, column: Mapping[str, Any]) -> int:
        """Return how many landed records have no value."""
        if column["column"] == self._person.nhs_number:
            return int(self._report["nhs_number"]["missing"])
        return int(column["missing"])

    def _aside(self, column: Mapping[str, Any]) -> tuple[int, int]:
        """Return the records set aside because of the field: without a value, and with a bad one.

        A record has at most one value of it, however many reasons that one gives.
        """
        reasons = self._reasons.get(column["column"], {})
        lines = column.get("set_aside", sum(reasons.values()))
        lines = min(lines, self.totals.get("quarantined", 0))
        missing = min(reasons.get(MISSING, 0), lines)
        return missing, lines - missing

    def _cost(self, name: str, effect: Effect) -> int:
        return sum(
            rows
            for code, rows in self._findings.get(name, {}).items()
            if code not in {MISSING, VOID, LEFT_IN} and self._effect(name, code) is effect
        )

    def _effect(self, name: str, code: str) -> Effect:
        if code in self._effects:
            return self._effects[code]
        found = self._rules.otherwise(name) if self._rules else Effect.WARN
        return Effect.WARN if found is Effect.QUARANTINE else found

    def _default(self, name: str) -> int:
        postcodes = self._report.get("default_postcodes", 0) if name == self._person.postcode else 0
        return int(postcodes) + sum(self._defaults.get(name, {}).values())


def _by_column(
    entries: Iterable[Mapping[str, Any]], count: str, *, code: str = "code"
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for entry in entries:
        by_code = found.setdefault(entry["column"] or "", {})
        by_code[entry[code]] = by_code.get(entry[code], 0) + entry[count]
    return found
