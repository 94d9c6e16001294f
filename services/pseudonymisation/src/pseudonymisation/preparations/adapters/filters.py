"""A permit's filters as SQL over the landed rows (docs/adr/0050).

They ask for what the column would tell in the file: where it is capped, for what it is capped to.
"""

from collections.abc import Iterator, Mapping

from catalogue import DataSet, filterable
from pseudonymisation.engine.session import identifier, literal
from statements.filters import Filters, RowFilter


def conditions(filters: Filters, data_set: DataSet, capped: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a row `s` has to meet; a row without a value meets none."""
    return tuple(
        condition
        for one in filters
        for condition in _of(
            one,
            capped.get(one.column, f"s.{identifier(one.column)}"),
            _separator(one.column, data_set),
        )
    )


def _of(one: RowFilter, column: str, separator: str | None) -> Iterator[str]:
    if one.any_of:
        values = ", ".join(map(literal, one.any_of))
        text = f"CAST({column} AS VARCHAR)"
        if separator is None:
            yield f"{text} IN ({values})"
        else:
            yield f"list_has_any(string_split({text}, {literal(separator)}), [{values}])"
    if one.at_least is not None:
        yield f"({column}) >= {one.at_least}"
    if one.at_most is not None:
        yield f"({column}) <= {one.at_most}"


def _separator(name: str, data_set: DataSet) -> str | None:
    allowed = filterable(data_set, name)
    return None if allowed is None else allowed.separator
