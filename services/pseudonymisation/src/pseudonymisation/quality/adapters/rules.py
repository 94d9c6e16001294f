"""Reads the dated rules of data quality, strictly: a misspelt key is an error."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from catalogue import Availability
from disclosure import rule
from pseudonymisation.quality.domain.disclosure import SmallNumbers
from pseudonymisation.quality.domain.schedule import DueRule, ShrinkRule

Row = TypeVar("Row", bound=BaseModel)


class _DatedRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    valid_from: Annotated[date, Field(alias="from")]
    source: Annotated[str, Field(min_length=1)]


class _SmallRow(_DatedRow):
    rule: str
    hidden_by: str
    basis: Literal["rounded", "unrounded"] | None = None
    records_min: Annotated[int, Field(ge=1)]


@cache
def small_numbers() -> tuple[SmallNumbers, ...]:
    """Return how small numbers are hidden, by disclosure rule and day.

    Raises:
        disclosure.problems.RuleUnknown: a row names a rule of tables that there is not.

    """
    return tuple(
        SmallNumbers(
            rule=row.rule,
            valid_from=row.valid_from,
            smallest=table_rule.small_from,
            largest=table_rule.small_to,
            basis=row.basis or table_rule.percentages,
            records_min=row.records_min,
            source=row.source,
        )
        for row in _read("small_numbers.yaml", _SmallRow)
        for table_rule in (rule(row.hidden_by),)
    )


def _read(name: str, kind: type[Row]) -> list[Row]:
    text = files("pseudonymisation").joinpath("rules", name).read_text("utf-8")
    return TypeAdapter(list[kind]).validate_python(yaml.safe_load(text))  # type: ignore[valid-type]


class _DueRow(_DatedRow):
    data_set: str
    due: Availability
    assumed: bool


class _ShrinkRow(_DatedRow):
    share: Annotated[float, Field(gt=0, lt=1)]
    rows_min: Annotated[int, Field(ge=1)]


@cache
def due_rules() -> tuple[DueRule, ...]:
    """Return when files are due after their period."""
    return tuple(
        DueRule(
            data_set=row.data_set,
            valid_from=row.valid_from,
            due=row.due,
            is_assumed=row.assumed,
            source=row.source,
        )
        for row in _read("schedules.yaml", _DueRow)
    )


@cache
def _shrink_rules() -> tuple[ShrinkRule, ...]:
    return tuple(
        ShrinkRule(
            valid_from=row.valid_from, share=row.share, rows_min=row.rows_min, source=row.source
        )
        for row in _read("shrinking.yaml", _ShrinkRow)
    )


def shrink_rule(day: date) -> ShrinkRule:
    """Return from which loss of rows on a period counts as shrunk, by the rule of a day.

    Raises:
        LookupError: where none is in force yet

    """
    begun = [rule for rule in _shrink_rules() if rule.valid_from <= day]
    if not begun:
        raise LookupError("no rule says what has shrunk")
    return max(begun, key=lambda rule: rule.valid_from)
