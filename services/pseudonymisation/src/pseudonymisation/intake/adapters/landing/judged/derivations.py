"""Safe forms of identifying columns, made once, at landing (domain.md 8.3), as SQL.

Everything here is an expression over the columns of one row: dates are `<field>__date`
(`checks.date_of`), postcodes are normalised as `<field>__postcode`, and the maps that
agreements serves are joined as `<field>__practice` and `<field>__home`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from catalogue import (
    AREAS,
    MOMENTS,
    OLDEST,
    ColumnType,
    DataSet,
    Derivation,
    DerivedField,
    Identifier,
    Reason,
)
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.checks import date_of, moment_of
from pseudonymisation.intake.adapters.landing.organisations import Organisations, entity

BAND_YEARS: Final = 5
DEFAULT_POSTCODES: Final = "ZZ99"
MAP_KEY, MAP_COMMISSIONER = "map_key", "map_commissioner"
MAP_AUTHORITY, MAP_UPPER_AUTHORITY = "map_authority", "map_upper_authority"
"""Columns of the maps in a session."""
POSTCODE_MAP: Final = "postcode_map"
"""The directory in a session."""
UPPER_REASON: Final = "reason_l_upper"
"""The upper tier of the local authority; the lower one is the reason L."""
Letter = Literal["S", "P", "G", "H", "R", "C", "L"]
LETTERS: Final[tuple[Letter, ...]] = ("S", "P", "G", "H", "R", "C", "L")
"""Reasons for Access (domain.md 6.11), in the order of the landed columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivations:
    """The derived columns and the reasons of one file."""

    data_set: DataSet
    columns: Sequence[str]
    provider: str
    """Who submitted: the reason S."""
    organisations: Organisations
    later: Sequence[date] = ()
    """When other directories, or other deciles, come into force within the file's period."""

    @property
    def postcodes(self) -> list[str]:
        """Fields that hold the postcode of a place where somebody lives."""
        return [
            field.name
            for field in self.data_set.fields
            if field.identifier is Identifier.POSTCODE and field.name in self.columns
        ]

    @property
    def practices(self) -> list[str]:
        """Fields whose commissioner is looked up in the practice map."""
        return self._looked_up("practice")

    @property
    def homes(self) -> list[str]:
        """Fields whose commissioner or area is looked up in the postcode map."""
        mapped = {*AREAS, Derivation.RESIDENCE_COMMISSIONER}
        derived = [d.source for d in self.data_set.derived if d.derivation in mapped]
        by_reason = {*self._looked_up("postcode"), *self._looked_up("local_authority")}
        return sorted({n for n in derived if n in self.columns} | by_reason)

    @property
    def area_homes(self) -> list[str]:
        """Fields whose areas are looked up in the directory."""
        derived = self.data_set.derived
        return sorted(
            {d.source for d in derived if d.derivation in AREAS and d.source in self.columns}
        )

    @property
    def days(self) -> list[str]:
        """Fields whose year, month and day are asked for."""
        wanted = {
            Derivation.AGE_YEARS,
            Derivation.AGE_BAND,
            Derivation.YEAR,
            Derivation.MONTH_OF_YEAR,
            Derivation.FINANCIAL_YEAR,
        }
        made = [d for d in self.data_set.made_at_landing if d.derivation in wanted]
        return sorted({n for d in made for n in (d.source, d.at) if n in self.columns and n})

    @property
    def organisation_codes(self) -> list[str]:
        """Fields whose code is looked up in the map of organisations: all but the provider's."""
        fields = {*self._looked_up("organisation"), *self._looked_up("commissioner")}
        return sorted(fields - {self.data_set.person.provider})

    def _looked_up(self, source: str) -> list[str]:
        reasons = self.data_set.population.values()
        return sorted(
            {r.field for r in reasons if r.source == source and r.field in self.columns if r.field}
        )

    def derived(self, derived: DerivedField) -> str:
        """SQL of one derived column, of which the file has what it is made of."""
        if derived.derivation is Derivation.BAND:
            return self._banded(derived)
        if derived.derivation in AREAS:
            return self._area(derived)
        return FORMS[derived.derivation](derived)

    def _area(self, derived: DerivedField) -> str:
        """SQL of an area by the directory in force on the day; a default postcode has none."""
        column, home = map_column(derived.derivation), home_of(derived.source)
        day = identifier(date_of(self.data_set.periods.field))
        whens = "".join(
            f" WHEN {day} >= DATE {literal(f'{start}')}"
            f" THEN {identifier(at_place(home, place))}.{column}"
            for place, start in reversed([*enumerate(self.later, start=1)])
        )
        kind = f"::{type_of(derived.derivation)}"
        default = f"WHEN {_is_default(derived.source)} THEN NULL"
        return f"(CASE {default}{whens} ELSE {identifier(home)}.{column} END){kind}"

    def _banded(self, derived: DerivedField) -> str:
        """SQL of the band in which a number is, or the hour of a time of day."""
        source = self.data_set.by_name[derived.source]
        column = identifier(derived.source)
        if source.type in MOMENTS:
            number = f"hour({identifier(moment_of(derived.source))})"
        else:
            number = f"TRY_CAST({column} AS {_NUMBER[source.type]})"
        listed = ", ".join(map(literal, derived.labels()))
        begun = " + ".join(f"({number} >= {edge})::INTEGER" for edge in derived.edges)
        return f"list_extract([{listed}], {begun} + 1)"

    @property
    def submitter(self) -> str:
        """SQL of who submitted, which is the same in all rows."""
        return f"{literal(self.provider)}::VARCHAR"

    def reason(self, letter: Letter) -> str:
        """SQL of the commissioner by one letter that the file has."""
        return self._commissioner(self.data_set.population[letter])

    @property
    def upper_authority(self) -> str:
        """SQL of the upper tier of the reason L."""
        return self._authority(self.data_set.population["L"].field or "", MAP_UPPER_AUTHORITY)

    @staticmethod
    def _authority(field: str, column: str) -> str:
        home = f"{identifier(home_of(field))}.{column}"
        return f"CASE WHEN NOT {_is_default(field)} THEN {home} END"

    def has_reason(self, letter: Letter) -> bool:
        """Say whether the data set and the file can name a commissioner by a letter."""
        reason = self.data_set.population.get(letter)
        return reason is not None and (reason.field is None or reason.field in self.columns)

    def _commissioner(self, reason: Reason) -> str:
        field = reason.field or ""
        match reason.source:
            case "submitter":
                return self.submitter
            case "practice":
                return f"{identifier(practice_of(field))}.{MAP_COMMISSIONER}"
            case "postcode":
                return f"{identifier(home_of(field))}.{MAP_COMMISSIONER}"
            case "local_authority":
                return self._authority(field, MAP_AUTHORITY)
            case "organisation" | "commissioner" if field == self.data_set.person.provider:
                return self.organisations.provider(f"r.{identifier(field)}")
            case "organisation" | "commissioner":
                return entity(field)


_NUMBER: Final = {ColumnType.INTEGER: "BIGINT", ColumnType.DECIMAL: "DOUBLE"}


def type_of(derivation: Derivation) -> str:
    """The engine's type of a derived column."""
    match derivation:
        case (
            Derivation.AGE_YEARS
            | Derivation.YEAR
            | Derivation.MONTH_OF_YEAR
            | Derivation.HOUR
            | Derivation.WEEKDAY
            | Derivation.DEPRIVATION_DECILE
        ):
            return "SMALLINT"
        case Derivation.DAYS:
            return "INTEGER"
        case Derivation.DATE:
            return "DATE"
        case Derivation.DEFAULT_POSTCODE:
            return "BOOLEAN"
        case _:
            return "VARCHAR"


def postcode_of(field: str) -> str:
    """Name the column with the postcode in upper case, a space before its last three."""
    return f"{field}__postcode"


def practice_of(field: str) -> str:
    """Name the joined row of the practice map."""
    return f"{field}__practice"


def home_of(field: str) -> str:
    """Name the joined row of the postcode map."""
    return f"{field}__home"


def map_column(area: Derivation) -> str:
    """Name the column of the directory in a session."""
    return f"map_{area}"


def at_place(name: str, place: int) -> str:
    """Name what is of the directory that comes into force at that place within the period."""
    return f"{name}_{place}" if place else name


def normalised_postcode(field: str) -> str:
    """SQL of a postcode as it is sealed and looked up."""
    bare = f"upper(replace({identifier(field)}, ' ', ''))"
    return f"left({bare}, length({bare}) - 3) || ' ' || right({bare}, 3)"


def month_of(field: str) -> str:
    """SQL of the month `YYYY-MM` of a date field that is known to be one."""
    return f"left({identifier(field)}, 7)"


def day_number(field: str) -> str:
    """Name the column that has a date field's value as the number YYYYMMDD.

    Each year, month or day that is asked of a date has the engine make a table of all dates first,
    for each thread.
    """
    return f"{field}__day_number"


def as_day_number(field: str) -> str:
    """SQL of that number."""
    return _number_of(identifier(date_of(field)))


def across(form: Derivation, first: str, last: str) -> str:
    """SQL of what is made of two days that stand in rows of two tables."""
    match form:
        case Derivation.DAYS:
            return _days_between(first, last)
        case Derivation.AGE_YEARS | Derivation.AGE_BAND:
            born, then = (_number_of(day) for day in (first, last))
            age = _completed(first, last, born, then)
            return _band(age) if form is Derivation.AGE_BAND else f"({age})::SMALLINT"
        case _:
            raise LookupError(form)


def _number_of(day: str) -> str:
    return f"TRY_CAST(strftime({day}, '%Y%m%d') AS INTEGER)"


def _date(derived: DerivedField) -> str:
    return identifier(date_of(derived.source))


def _age(derived: DerivedField) -> str:
    birth, event = _date(derived), identifier(date_of(derived.at or ""))
    born, then = day_number(derived.source), day_number(derived.at or "")
    return _completed(birth, event, identifier(born), identifier(then))


def _completed(birth: str, event: str, born: str, then: str) -> str:
    """Completed years, up to the oldest: born on 29 February is a year older on 1 March.

    Null for a birth after the event. (`least` passes over nulls, so it stands inside.) Both days
    are given as such and as the number YYYYMMDD.
    """
    years = f"({then} - {born}) // 10000"
    return f"CASE WHEN {birth} <= {event} THEN least({years}, {OLDEST}) END"


def _year(field: str) -> str:
    return f"({identifier(day_number(field))} // 10000)"


def _month(field: str) -> str:
    return f"({identifier(day_number(field))} // 100 % 100)"


def _days(derived: DerivedField) -> str:
    return _days_between(_date(derived), identifier(date_of(derived.at or "")))


def _days_between(first: str, last: str) -> str:
    """Write the days from one date to the other; null where the other is before it."""
    return f"CASE WHEN {first} <= {last} THEN ({last} - {first})::INTEGER END"


def _band(age: str) -> str:
    labels = [f"{low}-{low + BAND_YEARS - 1}" for low in range(0, OLDEST, BAND_YEARS)] + [
        f"{OLDEST}+"
    ]
    listed = ", ".join(map(literal, labels))
    return f"list_extract([{listed}], ({age})::INTEGER // {BAND_YEARS} + 1)"


def _financial_year(field: str) -> str:
    first = f"({_year(field)} - ({_month(field)} < 4)::INTEGER)"
    return f"{first} || '/' || lpad((({first} + 1) % 100)::VARCHAR, 2, '0')"


def _is_default(field: str) -> str:
    return f"starts_with({identifier(postcode_of(field))}, {literal(DEFAULT_POSTCODES)})"


def _placed(field: str, form: str) -> str:
    """A default postcode is a flag and no geography."""
    postcode = form.format(identifier(postcode_of(field)))
    return f"CASE WHEN NOT {_is_default(field)} THEN {postcode} END"


FORMS: Final[Mapping[Derivation, Callable[[DerivedField], str]]] = {
    Derivation.AGE_YEARS: lambda derived: f"({_age(derived)})::SMALLINT",
    Derivation.AGE_BAND: lambda derived: _band(_age(derived)),
    Derivation.YEAR: lambda derived: f"TRY_CAST({_year(derived.source)} AS SMALLINT)",
    Derivation.MONTH_OF_YEAR: lambda derived: f"{_month(derived.source)}::SMALLINT",
    Derivation.MONTH: lambda derived: month_of(derived.source),
    Derivation.FINANCIAL_YEAR: lambda derived: _financial_year(derived.source),
    Derivation.DATE: _date,
    Derivation.HOUR: lambda derived: f"hour({identifier(moment_of(derived.source))})::SMALLINT",
    Derivation.WEEKDAY: lambda derived: f"isodow({_date(derived)})::SMALLINT",
    Derivation.DEFAULT_POSTCODE: lambda derived: _is_default(derived.source),
    Derivation.POSTCODE_SECTOR: lambda derived: _placed(
        derived.source, "left({0}, length({0}) - 2)"
    ),
    Derivation.POSTCODE_DISTRICT: lambda derived: _placed(
        derived.source, "left({0}, length({0}) - 4)"
    ),
    Derivation.DAYS: _days,
    Derivation.RESIDENCE_COMMISSIONER: lambda derived: (
        f"{identifier(home_of(derived.source))}.{MAP_COMMISSIONER}"
    ),
}
"""How each derivation is written, but bands and areas."""
