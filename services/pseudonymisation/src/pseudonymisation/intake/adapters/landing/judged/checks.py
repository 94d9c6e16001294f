"""What makes a row bad, as SQL: written from the catalogue, judged a vector at a time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from catalogue import DAYS, MOMENTS, NUMBERS, CatalogueField, Check, ColumnType, DataSet
from common import postcodes
from pseudonymisation.engine.session import identifier, literal

MISSING: Final = "VALUE_MISSING"
NUMBER: Final = "NHS_NUMBER_INVALID"
POSTCODE: Final = "POSTCODE_INVALID"
DATE: Final = "DATE_INVALID"
FUTURE: Final = "DATE_IN_FUTURE"
PERIOD: Final = "OUTSIDE_PERIOD"
CODE: Final = "CODE_UNKNOWN"
PATTERN: Final = "PATTERN_MISMATCH"
LENGTH: Final = "TOO_LONG"
INTEGER: Final = "NOT_AN_INTEGER"
DECIMAL: Final = "NOT_A_NUMBER"
DATETIME: Final = "DATETIME_INVALID"
TIME: Final = "TIME_INVALID"
RANGE: Final = "OUT_OF_RANGE"
NAME: Final = "NAME_UNKNOWN"

UK_POSTCODE: Final = f"(?i:{postcodes.COMPACT}|{postcodes.SPACED})"
WHOLE: Final = "-?[0-9]{1,18}"
FRACTION: Final = r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?"
CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
DAY_AND_CLOCK: Final = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{CLOCK}"


@dataclass(frozen=True, slots=True)
class Reason:
    """A column, what may be wrong with it, and the SQL that says it is."""

    column: str
    code: str
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of one file: its data set, the columns that it has, its months and the day."""

    data_set: DataSet
    columns: Sequence[str]
    first: date
    last: date
    """Of the period, both inclusive."""
    today: date

    def reasons(self) -> Iterator[Reason]:
        """Return everything that may be wrong, column by column."""
        for name in self.columns:
            field = self.data_set.by_name[name]
            column = identifier(name)
            if field.mandatory:
                yield Reason(name, MISSING, f"{column} IS NULL")
            if has_shape(field):
                shape = literal(shape_of(field))
                yield Reason(name, code_of(field), f"NOT regexp_full_match({column}, {shape})")
            yield from self._of_content(field)

    def _of_content(self, field: CatalogueField) -> Iterator[Reason]:
        """What is not told by the shape of a value. Null where the value is."""
        column, name = identifier(field.name), field.name
        if field.check is Check.NHS_NUMBER:
            yield Reason(name, NUMBER, f"NOT {identifier(valid_of(name))}")
        elif field.type is ColumnType.TEXT and (field.codes is None or field.separator):
            yield Reason(name, LENGTH, f"length({column}) > {field.length_max}")
        elif field.type is ColumnType.DATE:
            date_ = identifier(date_of(name))
            # The engine would also read 2018-4-1 and 2018/04/01.
            exact = f"{date_} IS NOT NULL AND {date_}::VARCHAR = {column}"
            yield Reason(name, DATE, f"{column} IS NOT NULL AND NOT ({exact})")
        elif field.type in MOMENTS:
            code = DATETIME if field.type is ColumnType.DATETIME else TIME
            none = f"{column} IS NOT NULL AND {identifier(moment_of(name))} IS NULL"
            yield Reason(name, code, none)
        elif (limits := _limits(field)) is not None:
            yield Reason(name, RANGE, f"NOT (TRY_CAST({column} AS DOUBLE) {limits})")
        if field.type in DAYS and field.check is Check.NOT_IN_FUTURE:
            today = f"DATE {literal(self.today.isoformat())}"
            yield Reason(name, FUTURE, f"{identifier(date_of(name))} > {today}")
        if name == self.data_set.periods.field:
            first, last = literal(self.first.isoformat()), literal(self.last.isoformat())
            between = f"{identifier(date_of(name))} BETWEEN DATE {first} AND DATE {last}"
            yield Reason(name, PERIOD, f"NOT ({between})")


def date_of(name: str) -> str:
    """Name the column that has a date field's value as a date, null where it is none."""
    return f"{name}__date"


def moment_of(name: str) -> str:
    """Name the column that has a time of day's value as one, null where it is none."""
    return f"{name}__moment"


def valid_of(name: str) -> str:
    """Name the column that says whether a field's value is a valid NHS number."""
    return f"{name}__valid"


def has_shape(field: CatalogueField) -> bool:
    """Return whether the row's expression tells about this field."""
    if field.check is Check.POSTCODE or field.type in NUMBERS | MOMENTS:
        return True
    is_text = field.type is ColumnType.TEXT and field.check is not Check.NHS_NUMBER
    return is_text and (field.codes is not None or field.pattern is not None)


def shape_of(field: CatalogueField) -> str:
    """A regular expression that a value matches as a whole, without anchors."""
    if field.check is Check.POSTCODE:
        return UK_POSTCODE
    if field.type is ColumnType.INTEGER:
        return WHOLE
    if field.type is ColumnType.DECIMAL:
        return FRACTION
    if field.type is ColumnType.DATETIME:
        return DAY_AND_CLOCK
    if field.type is ColumnType.TIME:
        return CLOCK
    if field.codes is not None:
        one = f"(?:{'|'.join(re.escape(code) for code in field.codes)})"
    else:
        one = f"(?:{_without_anchors(field.pattern or '')})"
    return one if field.separator is None else f"{one}(?:{re.escape(field.separator)}{one})*"


def code_of(field: CatalogueField) -> str:  # noqa: PLR0911 - a kind of value a line
    """What to say of a value of another shape."""
    if field.check is Check.POSTCODE:
        return POSTCODE
    if field.type is ColumnType.INTEGER:
        return INTEGER
    if field.type is ColumnType.DECIMAL:
        return DECIMAL
    if field.type is ColumnType.DATETIME:
        return DATETIME
    if field.type is ColumnType.TIME:
        return TIME
    if field.lookup is not None:
        return NAME
    return CODE if field.codes is not None else PATTERN


def _limits(field: CatalogueField) -> str | None:
    """Return SQL of what a number can be at all; None where that is not said."""
    if field.minimum is not None and field.maximum is not None:
        return f"BETWEEN {field.minimum} AND {field.maximum}"
    if field.minimum is not None:
        return f">= {field.minimum}"
    return None if field.maximum is None else f"<= {field.maximum}"


_ANCHOR: Final = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|[\^$]")
"""An escape, a character class (kept), or an anchor (taken out)."""


def _without_anchors(pattern: str) -> str:
    """Patterns of the catalogue mean the whole value, with or without anchors."""
    return _ANCHOR.sub(lambda found: found[1] or "", pattern)
