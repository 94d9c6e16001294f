"""Reads records by the landing rules: what they mean, which are bad, and what is found in them.

Nearly all rows are plain: written as the formats say, without placeholders or signals, with dates
that can be. They are told by one judgement (`plain`), and of them nothing more is asked. Only the
others are brought into their normal form, void values taken out, signals read, and judged rule by
rule; each layer leaves plain rows as they are. A rule has one of three effects: the record is set
aside, the value is taken as none, or it is only counted. What is found is listed in the row
(`findings`) as `column number:code`, never with a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from catalogue import (
    DAYS,
    MOMENTS,
    CatalogueField,
    Check,
    ColumnType,
    Comparison,
    DataSet,
    Days,
    Effect,
    LandingRules,
    Normal,
    Validity,
)
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.checks import (
    MISSING,
    VALID_NUMBER,
    Checks,
    date_of,
    has_shape,
    moment_of,
    shape_of,
    valid_of,
)
from pseudonymisation.intake.adapters.landing.judged.signals import LEFT_IN, UNKNOWN, Signals
from pseudonymisation.intake.adapters.landing.judged.voids import Voids

PLAIN: Final = "is__plain"
RAW: Final = "raw__record"
NOTHING: Final = "adds__nothing"
WITHHELD: Final = "identity_withheld"
FINDINGS: Final = "findings"
LEFT_OUT: Final = "left_out"
"""The function that counts rows that add nothing, under this name in the session."""
OWN_BIRTH: Final = "own__birth"
"""The birth date as it came: also one that cannot be is looked for in text."""
VOID: Final = "VALUE_VOID"
UNIT, CODED = "\x1f", "\x1e"
"""Before a key, and before a clinical code, where both are looked through at once."""
FLAGS: Final = "void__flags"
SPACES: Final = " \t\u00a0\u2007\u200b\u200c\u200d\u200e\u200f\u202f\u2060\u3000\ufeff"
"""What goes at both ends of a value: also what is not seen, as a byte order mark left by `cat`."""
TODAY: Final = "today"
DASHES: Final = "[-\u2010-\u2015\u2212]"
"""Hyphens, as they are typed and as programs write them."""


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
        self._numbers = [f.name for f in self.fields if f.check is Check.NHS_NUMBER]
        self._dates = [f.name for f in self.fields if f.type in DAYS]
        self._moments = [f for f in self.fields if f.type in MOMENTS]
        self._named = [f for f in self.fields if f.lookup is not None or f.recode]
        self._checks = Checks(
            data_set=data_set,
            columns=columns,
            first=first,
            last=last,
            today=today,
            judged=frozenset(self._numbers),
        )
        self.signals = Signals(rules, data_set, columns)

    def rows(self, records: str) -> str:
        """Return the kept rows: values in normal form, dates, `identity_withheld`, findings.

        Bad ones leave by the function, with all their reasons and their values as they came.
        """
        return self._emptied(self._kept(self._signalled(self._freed(self._normal(records)))))

    # --- plain rows -------------------------------------------------------------------------------

    def _normal(self, records: str) -> str:
        dated = self._with_dates(self._with_codes(records))
        numbers = "".join(
            f", {VALID_NUMBER}({identifier(name)}) AS {identifier(valid_of(name))}"
            for name in self._numbers
        )
        judged = f"SELECT *{numbers} FROM ({dated})"
        plain = f"SELECT *, {self.plain} AS {PLAIN} FROM ({judged})"
        record = "concat_ws(',', {})".format(
            ", ".join(
                f"coalesce('\"' || replace({name}, '\"', '\"\"') || '\"', '')"
                for name in map(identifier, self._came)
            )
        )
        normal = (_unless_plain(f.name, self._normalised(f)) for f in self.fields)
        return (
            f"SELECT * REPLACE ({', '.join(normal)}),"
            f" CASE WHEN {PLAIN} THEN NULL ELSE {record} END AS {RAW} FROM ({plain})"
        )

    @cached_property
    def plain(self) -> str:
        """SQL that is true where nothing has to be asked of a row; never null."""
        tests = [self._checks.is_good]
        keys = [f.name for f in self.fields if self.is_key(f)]
        coded, codes = self.signals.coded
        looked_for = [self.voids.among(UNIT)] if keys else []
        looked_for += [f"[^A-Z0-9]{codes}"] if coded else []
        if found := "|".join(filter(None, looked_for)):
            parts = [part for name in keys for part in (literal(UNIT), identifier(name))]
            parts += [literal(UNIT)]
            parts += [part for name in coded for part in (literal(CODED), identifier(name))]
            text = f"concat({', '.join(parts)})"
            tests.append(f"NOT regexp_matches({text}, {literal(f'(?i){found}')})")
        tests += self._in_normal_form()
        tests += self.signals.silent
        tests += [self.voids.usual(identifier(date_of(name))) for name in self._dates]
        tests += [
            f"coalesce(NOT ({judged.holds}), true)" for judged in (*self._validity(), *self._more)
        ]
        return " AND ".join(tests)

    def _in_normal_form(self) -> Iterator[str]:
        """SQL of what a value's own format may allow, and its normal form does not."""
        open_ = [f for f in self.fields if may_have_edges(f)]
        if open_:
            # Something at the ends that is not seen would make another key, or another word.
            text = f", {literal(UNIT)}, ".join(identifier(field.name) for field in open_)
            edges = literal(f"{UNIT}[{SPACES}]|[{SPACES}]{UNIT}")
            between = f"concat({literal(UNIT)}, {text}, {literal(UNIT)})"
            yield f"NOT regexp_matches({between}, {edges})"
        for field in open_:
            if self.normals_of(field):
                column = identifier(field.name)
                yield f"({column} IS NULL OR coalesce({column} = {self._normalised(field)}, false))"

    def normals_of(self, field: CatalogueField) -> tuple[Normal, ...]:
        """What is done to a value, by the data set and by the format of the rules."""
        format_ = self.rules.format_of(field.name)
        return (*field.normal, *(format_.normal if format_ else ()))

    def is_key(self, field: CatalogueField) -> bool:
        """Say whether a placeholder is none in this column even where it fits its format."""
        return field.name not in self.signals.read and self.voids.is_key(field)

    # --- the others, in normal form -----------------------------------------------------------

    def _normalised(self, field: CatalogueField) -> str:
        """SQL of a value as it is compared: without white space at its ends, in its normal form."""
        value = f"trim({identifier(field.name)}, {literal(SPACES)})"
        if field.check is Check.POSTCODE:
            value = rf"upper(regexp_replace({value}, '[[:space:]\x{{a0}}]+', '', 'g'))"
        for normal in self.normals_of(field):
            match normal:
                case Normal.UPPER:
                    value = f"upper({value})"
                case Normal.NO_SPACES:
                    value = f"replace({value}, ' ', '')"
                case Normal.NO_DOTS:
                    value = f"replace({value}, '.', '')"
                case Normal.NO_DASHES:
                    value = f"regexp_replace({value}, {literal(DASHES)}, '', 'g')"
        return f"nullif({value}, '')"

    def _freed(self, normal: str) -> str:
        """Take void values out, and read dates and numbers again."""
        fields = [f for f in self.fields if f.name not in self.signals.read]
        flags = self.voids.flags([field.name for field in fields])
        void = {
            field.name: self.voids.holds(
                field, f"{FLAGS}[{place}]", shape_of(field) if has_shape(field) else None
            )
            for place, field in enumerate(fields, start=1)
        }
        normal = f"SELECT *, CASE WHEN NOT {PLAIN} THEN {flags} END AS {FLAGS} FROM ({normal})"
        freed = (
            _unless_plain(name, f"CASE WHEN {holds} THEN NULL ELSE {identifier(name)} END")
            for name, holds in void.items()
        )
        before = ", ".join(f"{identifier(name)} AS {_before(name)}" for name in void)
        found = self._listed(
            (name, VOID, f"{identifier(name)} IS NULL AND {_before(name)} IS NOT NULL")
            for name in void
        )
        taken_out = (
            f"SELECT *, CASE WHEN {PLAIN} THEN NULL ELSE {found} END AS void__values"
            f" FROM (SELECT * REPLACE ({', '.join(freed)}), {before} FROM ({normal}))"
        )
        again = [
            *(_unless_plain(date_of(name), self._as_date(name)) for name in self._dates),
            *(_unless_plain(moment_of(f.name), _as_moment(f)) for f in self._moments),
        ] + [
            _unless_plain(valid_of(name), f"{VALID_NUMBER}({identifier(name)})")
            for name in self._numbers
        ]
        return f"SELECT * REPLACE ({', '.join(again)}) FROM ({taken_out})" if again else taken_out

    def _signalled(self, freed: str) -> str:
        """Return which rows are no activity, and of which nobody is to know whom they are about."""
        return (
            f"SELECT *, CASE WHEN {PLAIN} THEN NULL ELSE {self.signals.nothing} END AS {NOTHING},"
            f" CASE WHEN {PLAIN} THEN false ELSE ({self.signals.withheld}) END AS {WITHHELD}"
            f" FROM ({freed})"
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
        reasons = (
            f"SELECT *, {own} AS {OWN_BIRTH},"
            f" CASE WHEN {PLAIN} THEN '' WHEN {NOTHING} IS NOT NULL"
            f" THEN {self._of_deletions(judged)} ELSE {bad} END AS why__bad,"
            f" CASE WHEN {PLAIN} THEN NULL"
            f" ELSE nullif(concat_ws(' ', nullif(void__values, ''), nullif({found}, '')), '') END"
            f" AS {FINDINGS} FROM ({signalled})"
        )
        return (
            f"SELECT * FROM ({reasons}) WHERE CASE WHEN {PLAIN} THEN true"
            f" WHEN why__bad <> '' THEN {self._set_aside}(line, why__bad, {RAW})"
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
            none = f"NOT {PLAIN} AND coalesce({' OR '.join(conditions)}, false)"
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

    def _with_dates(self, records: str) -> str:
        dates = "".join(
            f", {self._as_date(name)} AS {identifier(date_of(name))}" for name in self._dates
        )
        moments = "".join(
            f", {_as_moment(f)} AS {identifier(moment_of(f.name))}" for f in self._moments
        )
        return f"SELECT *{dates}{moments} FROM {records}"

    def _with_codes(self, records: str) -> str:
        """Put codes in place of what stands for them, and keep what came beside them."""
        if not self._named:
            return records
        replaced, came = [], []
        for field in self._named:
            column = identifier(field.name)
            known, name = field.recode, f"trim({column}, {literal(SPACES)})"
            if field.lookup is not None:
                known = self.data_set.lookups[field.lookup].by_folded
                name = f"upper(trim(regexp_replace({column}, {literal(f'[{SPACES}]+')}, ' ', 'g')))"
            names, codes = (", ".join(map(literal, said)) for said in (known, known.values()))
            code = f"map([{names}], [{codes}])[{name}]"
            replaced.append(f"coalesce({code}, {column}) AS {column}")
            came.append(f"{column} AS {identifier(_as_came(field.name))}")
        return f"(SELECT * REPLACE ({', '.join(replaced)}), {', '.join(came)} FROM {records})"

    @property
    def _came(self) -> Iterator[str]:
        """Return, for each column of the file, the one that has its value as it came."""
        named = {field.name for field in self._named}
        return (_as_came(name) if name in named else name for name in self._columns)

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


def may_have_edges(field: CatalogueField) -> bool:
    """Say whether what a value may be is open: of codes, numbers and postcodes it is listed."""
    is_listed = field.codes is not None or field.check is not None
    return field.type is ColumnType.TEXT and not is_listed


def _as_moment(field: CatalogueField) -> str:
    kind = "TIMESTAMP" if field.type is ColumnType.DATETIME else "TIME"
    return f"TRY_CAST({identifier(field.name)} AS {kind})"


def _as_came(name: str) -> str:
    return f"{name}__came"


def _before(name: str) -> str:
    return identifier(f"{name}__before")


def _unless_plain(column: str, value: str) -> str:
    name = identifier(column)
    return f"CASE WHEN {PLAIN} THEN {name} ELSE {value} END AS {name}"
