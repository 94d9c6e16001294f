"""Data sets that agreements name and that have no file here yet, each with the reason."""

from datetime import date
from functools import cache
from typing import Annotated

from pydantic import Field

from catalogue.words import Strict, Text, versions_of


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


class Absences(Strict):
    """One version of the list."""

    rule: Annotated[str, Field(pattern=r"^absent/\d+$")]
    valid_from: date
    data_sets: tuple[AbsentDataSet, ...]


@cache
def absent() -> tuple[AbsentDataSet, ...]:
    """Give the newest list."""
    found = versions_of(Absences, "absent")
    return max(found, key=lambda one: (one.valid_from, int(one.rule.partition("/")[2]))).data_sets
