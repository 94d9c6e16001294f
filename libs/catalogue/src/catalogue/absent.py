"""Data sets that agreements name and that have no file yet, and columns that files lack; and why.

Columns are those that a source names of a data set that is there (docs/adr/0203).
"""

from datetime import date
from functools import cache
from typing import Annotated

from pydantic import Field

from catalogue.words import Name, Strict, Text, versions_of


class AbsentDataSet(Strict):
    """One of them."""

    title: Text
    of: Text
    """What its records are about."""
    reason: Text
    """Why there is no file, as whoever looks for it is told."""
    looked_for: Text
    """Where, and when last."""
    source: Text
    """Who names it."""


class AbsentColumns(Strict):
    """Columns that a source names of a data set, and that its file has not."""

    data_set: Name
    table: Text
    """Where the source has them."""
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    reason: Text
    looked_for: Text
    source: Text


class Absences(Strict):
    """One version of the list."""

    rule: Annotated[str, Field(pattern=r"^absent/\d+$")]
    valid_from: date
    data_sets: tuple[AbsentDataSet, ...]
    columns: tuple[AbsentColumns, ...] = ()


@cache
def _newest() -> Absences:
    found = versions_of(Absences, "absent")
    return max(found, key=lambda one: (one.valid_from, int(one.rule.partition("/")[2])))


def absent() -> tuple[AbsentDataSet, ...]:
    """Give the newest list."""
    return _newest().data_sets


def absent_columns(data_set: str) -> tuple[AbsentColumns, ...]:
    """Give the columns of a data set that are not there, by the newest list."""
    return tuple(one for one in _newest().columns if one.data_set == data_set)
