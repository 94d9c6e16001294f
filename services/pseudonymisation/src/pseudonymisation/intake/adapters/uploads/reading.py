"""Gives a stored content as what landing reads: CSV in standard quoting, whatever was sent."""

from collections.abc import Iterator

from catalogue import DataSet
from pseudonymisation.engine.objects import Objects
from pseudonymisation.intake.adapters.uploads import quoting
from pseudonymisation.intake.adapters.uploads.parquet import Table
from pseudonymisation.intake.domain.written import ContentForm


def csv_of(
    objects: Objects, key: str, data_key: bytes, form: ContentForm, data_set: DataSet
) -> Iterator[bytes]:
    """Open a content, a chunk at a time.

    Raises:
        ContentRefused: what of a Parquet file shows only when its values are read
        ObjectDamaged, Unavailable

    """
    if form is not ContentForm.PARQUET:
        # What was compressed was opened as it came in, and is kept as CSV.
        return quoting.standard(objects.read(key, data_key), data_set.file)
    return _table(objects, key, data_key, data_set)


def _table(objects: Objects, key: str, data_key: bytes, data_set: DataSet) -> Iterator[bytes]:
    with objects.opened(key, data_key) as file:
        yield from Table.of(file, data_set).lines()
