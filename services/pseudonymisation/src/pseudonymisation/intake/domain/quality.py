"""What became of a file, in counts: the data quality report that goes back to the provider.

Counts, names of columns and numbers of lines; never a value.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import JsonValue

import catalogue
from catalogue import DataSet
from catalogue.relations import qualified
from pseudonymisation.intake.domain.measures import Sums

OUTSIDE_PERIOD = "OUTSIDE_PERIOD"
SENDER_ONLY = "contradictions"
"""The part of the report that nobody is shown but who sent the file."""

QUARANTINE_REASONS: Mapping[str, str] = {
    "VALUE_MISSING": "A value is needed.",
    "NHS_NUMBER_INVALID": "Ten digits whose check digit fits; leave it empty where unknown.",
    "POSTCODE_INVALID": "Not a postcode.",
    "DATE_INVALID": "Not a date of the calendar, written YYYY-MM-DD.",
    "DATE_IN_FUTURE": "The date is later than the day of submission.",
    OUTSIDE_PERIOD: "The date is not in the period of the submission.",
    "CODE_UNKNOWN": "Not one of the codes that the catalogue lists.",
    "PATTERN_MISMATCH": "Not written as the catalogue says.",
    "TOO_LONG": "Longer than the catalogue allows.",
    "NOT_AN_INTEGER": "Not a whole number.",
    "NOT_A_NUMBER": "Not a number with a decimal point.",
    "DATETIME_INVALID": "Not a date and a time of day, written YYYY-MM-DD HH:MM.",
    "TIME_INVALID": "Not a time of day, written HH:MM.",
    "OUT_OF_RANGE": "A number that this column cannot have.",
    "NAME_UNKNOWN": "Not one of the names of organisations that the data set lists.",
    "TOO_FEW_VALUES": "The record has fewer values than the header has columns.",
    "TOO_MANY_VALUES": "The record has more values than the header has columns.",
    "TRAILING_DELIMITER": "A delimiter stands behind the last value; end the line with the value.",
    "INDEX_COLUMN": "The number of the row stands before its values; write the file without it.",
    "DELIMITER_WRONG": "The values are delimited in another way than the header.",
    "LINE_BREAK_IN_VALUE": "A value has a line break in it; put a space there.",
    "QUOTE_NOT_CLOSED": "A quote is not closed on its line; values have no line breaks.",
    "QUOTE_MISPLACED": "A quote stands inside a value; double it and quote the whole value.",
    "CONTROL_CHARACTER": "The line has a control character in it.",
    "NOT_READABLE": "The line cannot be read as a record.",
    "PROVIDER_WITHOUT_RIGHT": "The record is another provider's, for whom no right to submit is"
    " recorded in the period.",
    "VALUE_VOID": "A placeholder for unknown, taken as no value; leave it empty.",
    "SIGNAL_UNKNOWN": "Not one of the codes of this control field; the stricter meaning is taken.",
    "PROTOCOL_CONTRADICTED": "The row says that it came by another protocol than the file.",
    "KEY_REPEATED": "Another row of the table has the same key: nobody can say which counts.",
    "PARENT_NOT_LANDED": "The row that it belongs to is not among the good rows of its table: it is"
    " missing, or was set aside itself.",
    "IDENTIFIER_LEFT_IN": "The record withholds the identity; this was left in, and was dropped.",
}
"""What the provider can do about each reason. The landing rules have texts of their own."""


@cache
def text_of(code: str) -> str:
    """Return what a code means: of this list, or of the landing rules."""
    for rules in catalogue.load().landing_rules:
        for rule in rules.validity:
            if rule.code == code:
                return rule.text
    return QUARANTINE_REASONS[code]


@dataclass(frozen=True, slots=True, order=True)
class QuarantineEntry:
    """Why one line was set aside."""

    line: int
    column: str
    """Empty where it is the line as a whole."""
    code: str

    @property
    def detail(self) -> str:
        return text_of(self.code)


@dataclass(frozen=True, slots=True, order=True)
class Contradiction:
    """One local identifier on two lines or more, of people who cannot be the same."""

    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a net change did to the edition in force, in records."""

    inserted: int
    replaced: int
    deleted: int
    without_match: int
    """Deletions of what is not there."""
    ignored: int
    """Older than what is there, or than another row of the same file."""
    kept: int = 0
    """Rows of the edition in force that stay."""
    has_deleted: bool = False
    """Whether keys of what was taken back are written down beside the edition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsOfRows:
    """What was counted in some of the landed rows."""

    missing: Mapping[str, int]
    """Rows without a value, by column."""
    without_number: int
    findings: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOutcome:
    """What landing counted."""

    columns: Sequence[str]
    """That the file had, in its order."""
    records: int
    landed: int
    quarantined: int
    withheld: int = 0
    """Landed without their identity (domain.md, rulings 21 and 26; R23)."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows that are no activity, by the code of the landing rules."""
    deletions_without_match: int = 0
    """Of the deletions, those of records that are not before them in the file."""
    merged: Merged | None = None
    """Of a net change; `landed` is what is there after it."""
    entries: Sequence[QuarantineEntry] = ()
    """The first of them, in order of the lines."""
    reasons: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many lines were set aside for what: by column and code."""
    set_aside: Mapping[str, int] = field(default_factory=dict)
    """Lines set aside because of a column, each counted once."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Of the landed rows, by column."""
    personal_data: Mapping[str, int] = field(default_factory=dict)
    """Cells in which personal data were found, by column."""
    personal_data_of_others: Mapping[str, int] = field(default_factory=dict)
    """Of these, cells in which nothing was the record's own person's."""
    number_status: Mapping[str, int] = field(default_factory=dict)
    """Landed rows by the status indicator of their NHS number; "" where there is none."""
    findings: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What was found in landed rows, by column and code."""
    default_codes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Codes that stand for no organisation, by column and what they mean."""
    repeated: int = 0
    """Rows of records that are in the file again: of each one is released."""
    contradictions: int = 0
    contradicting: Sequence[Contradiction] = ()
    """The first of them."""
    without_number: int = 0
    default_postcodes: int = 0
    without_commissioner: int = 0
    sums: Sequence[Sums] = ()
    """Of data sets that are held against another (`catalogue.substantiations`)."""
    bytes: int = 0
    """Of the landed object."""
    tables: Mapping[str, "LandingOutcome"] = field(default_factory=dict)
    """Where several tables were landed, what became of each; the counts above are of all."""

    @classmethod
    def of_tables(cls, tables: Mapping[str, "LandingOutcome"], *, bytes_: int) -> "LandingOutcome":
        """Count several tables together, each column with its table."""
        every = tuple(tables.items())
        entries = [
            replace(one, column=_of_table(name, one.column))
            for name, o in every
            for one in o.entries
        ]
        return cls(
            columns=[qualified(name, column) for name, o in every for column in o.columns],
            records=sum(o.records for _, o in every),
            landed=sum(o.landed for _, o in every),
            quarantined=sum(o.quarantined for _, o in every),
            left_out=_added(o.left_out for _, o in every),
            entries=entries,
            reasons={
                (_of_table(name, column), code): lines
                for name, o in every
                for (column, code), lines in o.reasons.items()
            },
            bytes=bytes_,
            tables=tables,
        )

    def without(
        self,
        lost: Mapping[tuple[str, str], int],
        entries: Sequence[QuarantineEntry],
        lines: int,
        counted: "CountsOfRows",
    ) -> "LandingOutcome":
        """Take off rows that were good by themselves, and not beside the rows of other tables.

        `counted` is what was counted in them when they were taken for good.
        """
        reasons, columns = Counter(self.reasons), Counter(self.set_aside)
        for (column, code), count in lost.items():
            reasons[column, code] += count
            columns[column] += count
        return replace(
            self,
            landed=self.landed - lines,
            quarantined=self.quarantined + lines,
            reasons=dict(reasons),
            set_aside=dict(columns),
            entries=sorted([*self.entries, *entries]),
            missing=_less(self.missing, counted.missing),
            without_number=self.without_number - counted.without_number,
            findings=_less(self.findings, counted.findings),
        )

    @property
    def main_reason(self) -> str:
        """Return what most of the bad lines have in common; empty where none is bad."""
        if not self.reasons:
            return ""
        (column, code), lines = max(self.reasons.items(), key=lambda item: (item[1], item[0]))
        where = f" in {column}" if column else ""
        return f"{code}{where} in {lines} lines: {text_of(code)}"

    @property
    def bad_share(self) -> float:
        return self.quarantined / self.records if self.records else 0.0


def report(
    outcome: LandingOutcome,
    *,
    data_set: DataSet,
    is_rejected: bool = False,
    left_out_at_source: int | None = None,
) -> dict[str, JsonValue]:
    """Write the data quality report.

    Its sums agree: records are those that were landed (or `not_landed`, all that are good of a
    rejected file), quarantined, and of `adds_nothing`. Of the good records `repeated` come again,
    of which each is released once, and `different` are left; `withheld` among them have no
    identity. `left_out_at_source` are people, and no records: whom the sender left out, as it said.
    Of a net change `landed` are the records that are there after it: `kept`, `inserted` and
    `replaced`. Of each column, and of NHS numbers, valid and missing are the good records.
    """
    person = data_set.person
    left_out = {} if left_out_at_source is None else {"left_out_at_source": left_out_at_source}
    good = {"landed": outcome.landed}
    if is_rejected:
        good = {"landed": 0, "not_landed": outcome.landed}
    if outcome.tables:
        return _of_several(outcome, data_set, is_rejected=is_rejected)
    return {
        "schema": "dsfc-quality-report/1",
        "data_set": data_set.data_set,
        "catalogue_version": data_set.version,
        "totals": {
            "records": outcome.records,
            **good,
            "quarantined": outcome.quarantined,
            "withheld": outcome.withheld,
            "adds_nothing": sum(outcome.left_out.values()),
            "repeated": outcome.repeated,
            "different": outcome.landed - outcome.repeated,
            **left_out,
            **_of_change(outcome.merged),
        },
        "columns": [_column(name, outcome, data_set) for name in data_set.by_name],
        "nhs_number": {
            "present": outcome.landed - outcome.without_number,
            "missing": outcome.without_number,
            "invalid": outcome.reasons.get((person.nhs_number or "", "NHS_NUMBER_INVALID"), 0),
            "status": dict(outcome.number_status),
        },
        "default_postcodes": outcome.default_postcodes,
        "outside_period": outcome.reasons.get((data_set.periods.field, OUTSIDE_PERIOD), 0),
        "without_commissioner": outcome.without_commissioner,
        "masked_cells": sum(
            count
            for name, count in outcome.personal_data.items()
            if data_set.by_name[name].identifier is None
        ),
        "reasons": [
            {"column": column or None, "code": code, "lines": count, "detail": text_of(code)}
            for (column, code), count in sorted(outcome.reasons.items())
        ],
        "findings": [
            {"column": column, "code": code, "rows": count, "detail": text_of(code)}
            for (column, code), count in sorted(outcome.findings.items())
        ],
        "repeated_records": outcome.repeated,
        "default_codes": [
            {"column": column, "meaning": meaning, "rows": count}
            for (column, meaning), count in sorted(outcome.default_codes.items())
        ],
        "adds_nothing": [
            {"code": code, "rows": count} for code, count in sorted(outcome.left_out.items())
        ],
        "deletions_without_match": outcome.deletions_without_match,
        SENDER_ONLY: {
            "local_identifiers_of_different_people": outcome.contradictions,
            "lines": [[pair.first_line, pair.last_line] for pair in outcome.contradicting],
        },
    }


def _of_several(
    outcome: LandingOutcome, data_set: DataSet, *, is_rejected: bool
) -> dict[str, JsonValue]:
    """Write one report of several tables: their counts together, and each column with its table."""
    reports = {
        name: report(one, data_set=data_set.by_table[name], is_rejected=is_rejected)
        for name, one in outcome.tables.items()
    }
    about = [name for name in reports if data_set.by_table[name].person.nhs_number is not None]
    whole: dict[str, Any] = {}
    for name, one in reports.items():
        # Who a row is about says the table of people; other rows only whom they belong to.
        whole = _joined(whole, _with_table(name, one) if name in about else _nobody(name, one))
    whole |= {"data_set": data_set.data_set, "catalogue_version": data_set.version}
    whole["tables"] = [{"table": name, **one["totals"]} for name, one in reports.items()]  # type: ignore[dict-item]
    return whole


def _nobody(table: str, said: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {"present": 0, "missing": 0, "invalid": 0, "status": {}}
    return _with_table(table, said) | {"nhs_number": numbers, "without_commissioner": 0}


def _with_table(table: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Name the table with each column of a report."""
    named = {
        name: [
            one | {"column": _of_table(table, one["column"])}
            if isinstance(one, dict) and "column" in one
            else one
            for one in value
        ]
        if isinstance(value, list)
        else value
        for name, value in said.items()
    }
    return named | {SENDER_ONLY: said[SENDER_ONLY] | {"lines": []}}


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Add up two reports: numbers are added, lists stand one behind the other."""
    joined = dict(one)
    for name, value in other.items():
        match joined.get(name), value:
            case dict(before), dict(more):
                joined[name] = _joined(before, more)
            case list(before), list(more):
                joined[name] = before + more
            case int(before), int(more):
                joined[name] = before + more
            case _:
                joined[name] = value
    return joined


def _of_table(table: str, column: str | None) -> str:
    """Name a column with its table; of a whole line, the table alone."""
    return qualified(table, column) if column else table


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(found)


def _less(all_: Mapping[Any, int], some: Mapping[Any, int]) -> dict[Any, int]:
    left = {key: count - some.get(key, 0) for key, count in all_.items()}
    return {key: count for key, count in left.items() if count or key not in some}


def _of_change(merged: Merged | None) -> dict[str, JsonValue]:
    if merged is None:
        return {}
    return {
        "kept": merged.kept,
        "inserted": merged.inserted,
        "replaced": merged.replaced,
        "deleted": merged.deleted,
        "ignored": merged.ignored,
    }


def _column(name: str, outcome: LandingOutcome, data_set: DataSet) -> dict[str, JsonValue]:
    """Count a column: landed with a value, landed without, and set aside because of it."""
    is_submitted = name in outcome.columns
    missing = outcome.missing.get(name, 0) if is_submitted else outcome.landed
    if is_submitted and name == data_set.person.nhs_number:
        missing = outcome.without_number  # the number itself is not in the written file
    found = outcome.personal_data.get(name, 0)
    of_others = outcome.personal_data_of_others.get(name, 0)
    return {
        "column": name,
        "submitted": is_submitted,
        "valid": outcome.landed - missing,
        "missing": missing,
        "invalid": sum(n for (column, _), n in outcome.reasons.items() if column == name),
        "set_aside": outcome.set_aside.get(name, 0),
        "personal_data_found": found,
        "own_found": found - of_others,
        "others_found": of_others,
    }
