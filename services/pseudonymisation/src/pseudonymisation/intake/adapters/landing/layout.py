"""Which columns a landed edition has, with the engine's types (LAYOUT.md section 1).

What a file has no columns for is left out of its edition: of a hundred columns of nothing the
engine's writer made a fifth of its work. Who reads an edition puts them back (`with_nothing_in`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from catalogue import CatalogueField, ColumnType, DataSet
from pseudonymisation.engine.sealing import is_sealed, may_be_long
from pseudonymisation.engine.session import identifier
from pseudonymisation.intake.adapters.landing.judged.derivations import type_of

TYPES: Final[Mapping[ColumnType, str]] = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.DATE: "DATE",
    ColumnType.DATETIME: "TIMESTAMP",
    ColumnType.TIME: "TIME",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "DOUBLE",
}


GROUP: Final = "landed__group"
"""Of which group a row is, in an edition of several tables."""


@dataclass(frozen=True, slots=True)
class LandedColumn:
    """A landed column: its name, the engine's type, and what it is made of."""

    name: str
    kind: str
    sql: str
    is_there: bool = True
    """Whether rows differ in it; else `sql` is what all have."""


def left_out(
    data_set: DataSet, columns: Collection[str], controls: Collection[str] = ()
) -> dict[str, str]:
    """Return what an edition lacks that was landed of a file with these columns, with its type."""
    lacking: dict[str, str] = {}
    for field in data_set.fields:
        if field.name not in columns and field.name not in controls:
            lacking |= _landed(field, data_set)
            if field.name == data_set.other.nhs_number:
                lacking[kind_of_other(field.name)] = "UTINYINT"
    for made in data_set.made_at_landing:
        if not {made.source, made.at or made.source} <= set(columns):
            lacking[made.name] = type_of(made.derivation)
    return lacking


def kind_of_other(name: str) -> str:
    """Name the column that says how a second person is known, by that of the number."""
    return f"{name}__kind"


def with_nothing_in(lacking: Mapping[str, str], source: str) -> str:
    """Read `source`, SQL of an edition, with the columns besides that it lacks."""
    if not lacking:
        return source
    nothing = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in lacking.items())
    return f"(SELECT *, {nothing} FROM {source})"


def _landed(field: CatalogueField, data_set: DataSet) -> Iterator[tuple[str, str]]:
    """Give the columns that a field is landed in: the person's own number has none."""
    if is_sealed(field, data_set):
        yield f"{field.name}__0", "UBIGINT"
        yield f"{field.name}__1", "UBIGINT"
        if may_be_long(field):
            yield f"{field.name}__rest", "BLOB"
    elif field.identifier is None:
        yield field.name, TYPES[field.type]
