"""What landing of a table hands on to the groups and to nothing else: days of birth.

An age at an event of another table is made where both stand side by side. Until then the day lies
with the table's sealed rows, in the attempt's own directory, as the upload does; an edition has the
age alone (docs/adr/0241).
"""

from catalogue import CatalogueField, ColumnType, DataSet, Derivation, DerivedField
from catalogue.relations import Relations, split


def with_days(name: str, table: DataSet, relations: Relations) -> DataSet:
    """Give a table as it is landed: with the days of birth of which groups make something."""
    named = {made.source for group in relations.groups for made in group.derived}
    passed = tuple(
        DerivedField.model_construct(
            name=day_of(field),
            source=field.name,
            at=None,
            derivation=Derivation.DATE,
            type=ColumnType.DATE,
        )
        for of, column in sorted(map(split, named))
        if of == name and (field := table.by_name[column]).identifier is not None
    )
    said = {word: getattr(table, word) for word in DataSet.model_fields}
    return DataSet.model_construct(**(said | {"derived": (*table.derived, *passed)}))


def day_of(field: CatalogueField) -> str:
    """Name the landed column with a date's day: that of a birth is no column of a file."""
    return field.name if field.identifier is None else f"{field.name}__day"
