"""Reads the haven's dated rules, strictly: a misspelt key is an error."""

from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pseudonymisation.intake.domain.opt_out_check import CheckAge


class _AgeRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    days_max: Annotated[int, Field(ge=0)]
    source: Annotated[str, Field(min_length=1)]


@lru_cache(maxsize=1)
def check_ages() -> tuple[CheckAge, ...]:
    text = files("pseudonymisation").joinpath("rules", "check_ages.yaml").read_text("utf-8")
    rows = TypeAdapter(list[_AgeRow]).validate_python(yaml.safe_load(text))
    return tuple(CheckAge(first=r.first, last=r.last, days_max=r.days_max) for r in rows)


def check_age(day: date) -> CheckAge:
    """Return the rule of a day."""
    return next((age for age in check_ages() if age.holds_on(day)), CheckAge.none(day))
