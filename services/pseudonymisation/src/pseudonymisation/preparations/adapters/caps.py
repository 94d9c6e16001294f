"""Caps of a line as SQL over the landed rows (`catalogue.capping`; domain.md 8.3).

Landed forms are what landing made of each row; here those of the oldest people are made alike.
How old somebody is follows from what else was landed of the same date of birth; where nothing
says it, nothing is told of anybody.
"""

from collections.abc import Mapping
from typing import Final

from catalogue import Cap, Caps, DataSet, Derivation, Form, Treatment
from pseudonymisation.engine.session import identifier, literal

FINER_THAN_A_YEAR: Final = frozenset({Derivation.MONTH, Derivation.FINANCIAL_YEAR})


def capped_columns(
    rule: Caps,
    data_set: DataSet,
    columns: Mapping[str, Treatment],
    done: Mapping[str, Cap] | None = None,
) -> dict[str, str]:
    """Return SQL for each column of a line that is not told as it was landed, without a name.

    What is done is by the columns alone, where nothing else is said of it.
    """
    if done is None:
        done = rule.on_line(data_set, columns)
    derived = data_set.forms
    found = {}
    for name, cap in done.items():
        column = f"s.{identifier(name)}"
        if cap is Cap.WITHHELD:
            found[name] = f"CASE WHEN false THEN {column} END"
        elif cap is Cap.WITHHELD_OF_OLDEST:
            oldest = _is_oldest(rule, data_set, derived[name])
            found[name] = f"CASE WHEN NOT {oldest} THEN {column} END"
        elif cap is Cap.CAPPED_TOGETHER:
            found[name] = _as_the_oldest(rule, data_set, derived[name])
        else:
            limit, compared = str(rule.oldest), ">"
            if derived[name].derivation is Derivation.YEAR:
                limit, compared = f"({_latest_year(data_set, derived[name])} - {rule.oldest})", "<"
            found[name] = (
                f"CASE WHEN {column} {compared} {limit} THEN {limit}::SMALLINT ELSE {column} END"
            )
    return found


def _as_the_oldest(rule: Caps, data_set: DataSet, derived: Form) -> str:
    """Return SQL of an age that is the cap where any age of the person in the record is."""
    column = f"s.{identifier(derived.name)}"
    match derived.derivation:
        case Derivation.AGE_BAND:
            limit = f"'{rule.oldest}+'"
        case Derivation.BAND:
            limit = literal(derived.band_of(rule.oldest))
        case _:
            limit = f"{rule.oldest}::SMALLINT"
    oldest = _is_oldest(rule, data_set, derived)
    return f"CASE WHEN {column} IS NOT NULL AND {oldest} THEN {limit} ELSE {column} END"


def _latest_year(data_set: DataSet, derived: Form) -> str:
    """Return SQL of the year of the latest date at which anything tells the person's age."""
    dates = {f.at for f in data_set.forms.values() if f.at and f.source == derived.source}
    dates.add(data_set.periods.field)
    return f"greatest({', '.join(f'year(s.{identifier(name)})' for name in sorted(dates))})"


def _is_oldest(rule: Caps, data_set: DataSet, derived: Form) -> str:
    told = []
    for other in data_set.forms.values():
        if other.source != derived.source:
            continue
        column = f"s.{identifier(other.name)}"
        year = f"{_latest_year(data_set, derived)} - {rule.oldest}"
        match other.derivation:
            case Derivation.AGE_YEARS:
                told.append(f"{column} >= {rule.oldest}")
            case Derivation.BAND if other.edges[-1] == rule.oldest:
                told.append(f"{column} = {literal(other.labels[-1])}")
            case Derivation.AGE_BAND:
                told.append(f"{column} = '{rule.oldest}+'")
            case Derivation.YEAR:
                told.append(f"{column} < {year}")
            case Derivation.MONTH | Derivation.FINANCIAL_YEAR:
                told.append(f"left({column}, 4)::INTEGER < {year}")
    if not told:
        return "true"
    return f"({' OR '.join(f'coalesce({one}, false)' for one in told)})"
