"""Reads records by the landing rules: what they mean, which are bad, and what is found in them.

Nearly all rows of a file are plain and do not come here (`plain`). The others are brought into
their normal form, without placeholders (`values`), signals are read, and they are judged rule by
rule. A rule has one of three effects: the record is set aside, the value is taken as none, or it is
only counted. What is found is listed in the row (`findings`) as `column number:code`, never with a
value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from catalogue import (
    DAYS,
    MOMENTS,
    CatalogueField,
    ColumnType,
    Comparison,
    DataSet,
    Days,
    Effect,
    LandingRules,
    Validity,
)
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.checks import (
    MISSING,
    Checks,
    date_of,
    moment_of,
    valid_of,
)
from pseudonymisation.intake.adapters.landing.judged.signals import LEFT_IN, UNKNOWN, Signals
from pseudonymisation.intake.adapters.landing.judged.values import ValueReader
from pseudonymisation.intake.adapters.landing.judged.voids import Voids

READ: Final = "read__values"
VOIDS: Final = "void__values"
NOTHING: Final = "adds__nothing"
WITHHELD: Final = "identity_withheld"
FINDINGS: Final = "findings"
LEFT_OUT: Final = "left_out"
"""The function that counts rows that add nothing, under this name in the session."""
OWN_BIRTH: Final = "own__birth"
"""The birth date as it came: also one that cannot be is looked for in text."""
TODAY: Final = "today"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A column, what may be wrong with it, the SQL that says it is, and what that costs."""

    column: str
    code: str
    holds: str
    effect: Effect


class Reading:
    """The records of one file, as SQL over its numbered lines."""

    def __init__(
        self,
        *,
        data_set: DataSet,
        rules: LandingRules,
        columns: Sequence[str],
        first: date,
        last: date,
        today: date,
        set_aside: str,
        more: Sequence["Judgement"] = (),
        deleting: Sequence[str] = (),
        needed: Sequence[str] = (),
    ) -> None:
        """`data_set` is as its files are read (`LandingRules.taken_in`); `set_aside` a function.

        `deleting` is SQL of what a deletion is known by, where the rules have such; `needed` are
        columns that a deletion is set aside for where they are wrong.
        """
        self.data_set = data_set
        self.rules = rules
        self._columns = columns
        self.fields = [data_set.by_name[name] for name in columns]
        self.today = today
        self._set_aside = set_aside
        self._more = more
        self._deleting = deleting
        self._needed = frozenset(needed)
        self.voids = Voids(rules.void)
        self._dates = [f.name for f in self.fields if f.type in DAYS]
        self._moments = [f for f in self.fields if f.type in MOMENTS]
        self._checks = Checks(
            data_set=data_set,
            columns=columns,
            first=first,
            last=last,
            today=today,
        )
        self.signals = Signals(rules, data_set, columns)
        self.values = ValueReader(data_set, rules, columns, self.signals.read)

    def rows(self, records: str) -> str:
        """Return the kept rows: values in normal form, dates, `identity_withheld`, findings.

        Bad ones leave by the function, with all their reasons and their values as they came.
        """
        return self._emptied(self._kept(self._signalled(self._read(records))))

    # --- read -------------------------------------------------------------------------------------

    def is_key(self, field: CatalogueField) -> bool:
        """Say whether a placeholder is none in this column even where it fits its format."""
        return field.name not in self.signals.read and self.voids.is_key(field)

    def _read(self, records: str) -> str:
        """Bring values into their normal form, without placeholders, and read dates."""
        came = [f"{identifier(name)} AS {identifier(_as_came(name))}" for name in self._columns]
        call = f"{ValueReader.NAME}({', '.join(map(identifier, self._columns))})"
        called = f"SELECT line, {', '.join(came)}, {call} AS {READ} FROM {records}"
        made = [
            *(identifier(_as_came(name)) for name in self._columns),
            *(
                f"{READ}.{ValueReader.value(place)} AS {identifier(name)}"
                for place, name in enumerate(self._columns)
            ),
            *(
                f"{READ}.{ValueReader.valid(place)} AS {identifier(valid_of(self._columns[place]))}"
                for place in self.values.numbers
            ),
        ]
        values = (
            f"SELECT line, {', '.join(made)}, {READ}.{ValueReader.VOIDS} AS {VOIDS} FROM ({called})"
        )
        typed = [f"{self._as_date(name)} AS {identifier(date_of(name))}" for name in self._dates]
        typed += [f"{_as_moment(f)} AS {identifier(moment_of(f.name))}" for f in self._moments]
        return f"SELECT {', '.join(['*', *typed])} FROM ({values})"

    def _signalled(self, read: str) -> str:
        """Return which rows are no activity, and of which nobody is to know whom they are about."""
        return (
            f"SELECT *, {self.signals.nothing} AS {NOTHING},"
            f" ({self.signals.withheld}) AS {WITHHELD} FROM ({read})"
        )

    # --- judged -----------------------------------------------------------------------------------

    def _kept(self, signalled: str) -> str:
        """Leave out what adds nothing, and set aside what is bad."""
        judged = list(self._judgements())
        bad = self._listed(
            (j.column, j.code, j.holds) for j in judged if j.effect is Effect.QUARANTINE
        )
        found = self._listed(
            [
                *((j.column, j.code, j.holds) for j in judged if j.effect is not Effect.QUARANTINE),
                *((name, UNKNOWN, holds) for name, holds in self.signals.unknown()),
                *(
                    (name, LEFT_IN, f"{WITHHELD} AND {identifier(name)} IS NOT NULL")
                    for name in self._columns
                    if name in self.signals.dropped
                ),
            ]
        )
        birth = self.data_set.person.date_of_birth
        own = identifier(birth) if birth in self._columns and birth else "NULL::VARCHAR"
        came = ", ".join(identifier(_as_came(name)) for name in self._columns)
        reasons = (
            f"SELECT *, {own} AS {OWN_BIRTH},"
            f" CASE WHEN {NOTHING} IS NOT NULL"
            f" THEN {self._of_deletions(judged)} ELSE {bad} END AS why__bad,"
            f" nullif(concat_ws(' ', {VOIDS}, nullif({found}, '')), '') AS {FINDINGS}"
            f" FROM ({signalled})"
        )
        return (
            f"SELECT * FROM ({reasons}) WHERE CASE"
            f" WHEN why__bad <> '' THEN {self._set_aside}(line, why__bad, {came})"
            f" WHEN {NOTHING} IS NOT NULL THEN {LEFT_OUT}({', '.join([NOTHING, *self._deleting])})"
            f" ELSE true END"
        )

    def _of_deletions(self, judged: Sequence[Judgement]) -> str:
        """List what is wrong with a deletion of a net change: it is judged by what it needs."""
        codes = [when.code for when in self.rules.adds_nothing if when.cancels]
        if not self._needed or not codes:
            return "''"
        bad = self._listed(
            (j.column, j.code, j.holds)
            for j in judged
            if j.effect is Effect.QUARANTINE and (j.column in self._needed or j in self._more)
        )
        named = ", ".join(map(literal, codes))
        return f"CASE WHEN {NOTHING} IN ({named}) THEN {bad} ELSE '' END"

    def _emptied(self, kept: str) -> str:
        """Take as none what the rules say is none."""
        holds: dict[str, list[str]] = {}
        for judged in self._judgements():
            if judged.effect is Effect.EMPTY:
                holds.setdefault(judged.column, []).append(judged.holds)
        replaced = []
        for name, conditions in holds.items():
            none = f"coalesce({' OR '.join(conditions)}, false)"
            for column in self._all_of(name):
                value = identifier(column)
                replaced += [f"CASE WHEN {none} THEN NULL ELSE {value} END AS {value}"]
        return f"SELECT * REPLACE ({', '.join(replaced)}) FROM ({kept})" if replaced else kept

    def _judgements(self) -> Iterator[Judgement]:
        """Everything that may be wrong with a row, column by column.

        Of a row without identity the columns are not judged that it does not have.
        """
        dropped = self.signals.dropped
        for reason in self._checks.reasons():
            field = self.data_set.by_name[reason.column]
            effect = self.rules.otherwise(reason.column)
            if reason.code == MISSING:
                effect = self.rules.missing(field) or Effect.QUARANTINE
            holds = reason.holds
            if reason.column in dropped:
                holds = f"NOT {WITHHELD} AND ({holds})"
            yield Judgement(reason.column, reason.code, holds, effect)
        yield from self._more
        for judged in self._validity():
            holds = judged.holds
            if judged.column in dropped:
                holds = f"NOT {WITHHELD} AND ({holds})"
            yield Judgement(judged.column, judged.code, holds, judged.effect)

    def _validity(self) -> Iterator[Judgement]:
        for rule in self.rules.validity:
            holds = self._compared(rule)
            if holds is not None:
                yield Judgement(rule.column, rule.code, holds, rule.effect)

    def _compared(self, rule: Validity) -> str | None:
        """SQL of a comparison, null where a value is not there; None where a column is not."""
        value, than = self._value(rule.column), self._than(rule.than)
        if value is None or than is None:
            return None
        match rule.is_:
            case Comparison.BELOW:
                return f"{value} < {than}"
            case Comparison.ABOVE:
                return f"{value} > {than}"
            case Comparison.DIFFERS:
                return f"{value} <> {than}"

    def _than(self, than: date | int | str | Days) -> str | None:
        match than:
            case Days(start=start, end=end):
                first, last = self._value(start), self._value(end)
                return first and last and f"date_diff('day', {first}, {last})"
            case date():
                return f"DATE {literal(than.isoformat())}"
            case int():
                return str(than)
            case name if name == TODAY:
                return f"DATE {literal(self.today.isoformat())}"
            case name:
                return self._value(name)

    def _value(self, name: str) -> str | None:
        if name not in self._columns:
            return None
        match self.data_set.by_name[name].type:
            case ColumnType.DATE | ColumnType.DATETIME:
                return identifier(date_of(name))
            case ColumnType.TIME:
                return identifier(moment_of(name))
            case ColumnType.INTEGER:
                return f"TRY_CAST({identifier(name)} AS BIGINT)"
            case ColumnType.DECIMAL:
                return f"TRY_CAST({identifier(name)} AS DOUBLE)"
            case ColumnType.TEXT:
                return identifier(name)

    # --- helpers ----------------------------------------------------------------------------------

    def _as_date(self, name: str) -> str:
        """Return SQL of a value's day; of a date-time the engine takes it for one first."""
        column = identifier(name)
        if self.data_set.by_name[name].type is ColumnType.DATETIME:
            return f"TRY_CAST(TRY_CAST({column} AS TIMESTAMP) AS DATE)"
        return f"TRY_CAST({column} AS DATE)"

    def _all_of(self, name: str) -> Iterator[str]:
        """Return the columns that hold a field's value in one form or the other."""
        yield name
        if name in self._dates:
            yield date_of(name)
        if self.data_set.by_name[name].type in MOMENTS:
            yield moment_of(name)

    def _listed(self, found: "Iterator[tuple[str, str, str]] | list[tuple[str, str, str]]") -> str:
        """Return SQL that lists `column number:code` for what holds, a space between."""
        places = {name: place for place, name in enumerate(self._columns)}
        cases = [
            f"CASE WHEN {holds} THEN '{places[column]}:{code}' END" for column, code, holds in found
        ]
        return f"concat_ws(' ', {', '.join(cases)})" if cases else "''"


def _as_moment(field: CatalogueField) -> str:
    kind = "TIMESTAMP" if field.type is ColumnType.DATETIME else "TIME"
    return f"TRY_CAST({identifier(field.name)} AS {kind})"


def _as_came(name: str) -> str:
    return f"{name}__came"
