"""Reads the dated rule of re-identification, strictly: a misspelt key is an error."""

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pseudonymisation.people.domain.rules import ReidentificationRule

CODE = r"^[a-z][a-z_]{1,63}$"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    people_max: Annotated[int, Field(ge=1)]
    second_person_above: Annotated[int, Field(ge=0)]
    minutes_to_fetch: Annotated[int, Field(ge=1)]
    hours_to_confirm: Annotated[int, Field(ge=1)]
    list_days_max: Annotated[int, Field(ge=0)]
    reasons: Annotated[dict[Annotated[str, Field(pattern=CODE)], str], Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]

    @property
    def rule(self) -> ReidentificationRule:
        return ReidentificationRule(
            first=self.first,
            last=self.last,
            people_max=self.people_max,
            second_person_above=self.second_person_above,
            to_fetch=timedelta(minutes=self.minutes_to_fetch),
            to_confirm=timedelta(hours=self.hours_to_confirm),
            list_days_max=self.list_days_max,
            reasons=self.reasons,
        )


@lru_cache(maxsize=1)
def reidentification_rules() -> tuple[ReidentificationRule, ...]:
    text = files("pseudonymisation").joinpath("rules", "re_identification.yaml").read_text("utf-8")
    return tuple(row.rule for row in TypeAdapter(list[_Row]).validate_python(yaml.safe_load(text)))


def reidentification_rule(day: date) -> ReidentificationRule:
    """Return the rule of a day. Raise LookupError where the file has none, or two."""
    found = [rule for rule in reidentification_rules() if rule.holds_on(day)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rules of re-identification hold on {day}")
    return found[0]
