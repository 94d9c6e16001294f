"""Reads the haven's dated rules, strictly: a misspelt key is an error."""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pseudonymisation.intake.domain.national_check.life import CheckRule


class _CheckRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    days_max: Annotated[int, Field(ge=0)]
    answer_minutes: Annotated[int, Field(ge=1)]
    request_bytes_max: Annotated[int, Field(ge=1)]
    asked_floor: Annotated[int, Field(ge=0)]
    cleared_share_min: Annotated[Decimal, Field(ge=0, le=1)]
    everybody_cleared_max: Annotated[int, Field(ge=0)]
    source: Annotated[str, Field(min_length=1)]


@lru_cache(maxsize=1)
def check_rules() -> tuple[CheckRule, ...]:
    text = files("pseudonymisation").joinpath("rules", "national_check.yaml").read_text("utf-8")
    rows = TypeAdapter(list[_CheckRow]).validate_python(yaml.safe_load(text))
    return tuple(CheckRule(**row.model_dump(exclude={"source"})) for row in rows)


def check_rule(day: date) -> CheckRule:
    """Return the rule of a day."""
    return next((rule for rule in check_rules() if rule.holds_on(day)), CheckRule.none(day))
