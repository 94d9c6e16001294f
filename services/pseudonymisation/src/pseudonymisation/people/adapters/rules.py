"""Reads the dated rules of people, strictly: a misspelt key is an error."""

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pseudonymisation.people.domain.rules import (
    InvoiceMatchRule,
    ReidentificationRule,
    RiskScoresRule,
    SubjectAccessRule,
)

CODE = r"^[a-z][a-z_]{1,63}$"


class _Dated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    source: Annotated[str, Field(min_length=1)]


class _Reidentification(_Dated):
    people_max: Annotated[int, Field(ge=1)]
    people_day_max: Annotated[int, Field(ge=1)]
    second_person_above: Annotated[int, Field(ge=0)]
    minutes_to_fetch: Annotated[int, Field(ge=1)]
    hours_to_confirm: Annotated[int, Field(ge=1)]
    list_days_max: Annotated[int, Field(ge=0)]
    reasons: Annotated[dict[Annotated[str, Field(pattern=CODE)], str], Field(min_length=1)]

    @property
    def rule(self) -> ReidentificationRule:
        return ReidentificationRule(
            first=self.first,
            last=self.last,
            people_max=self.people_max,
            people_day_max=self.people_day_max,
            second_person_above=self.second_person_above,
            to_fetch=timedelta(minutes=self.minutes_to_fetch),
            to_confirm=timedelta(hours=self.hours_to_confirm),
            list_days_max=self.list_days_max,
            reasons=self.reasons,
        )


class _InvoiceMatching(_Dated):
    numbers_max: Annotated[int, Field(ge=1)]
    numbers_day_max: Annotated[int, Field(ge=1)]
    alert_after_no: Annotated[int, Field(ge=1)]
    alert_after_no_day: Annotated[int, Field(ge=1)]

    @property
    def rule(self) -> InvoiceMatchRule:
        return InvoiceMatchRule(
            first=self.first,
            last=self.last,
            numbers_max=self.numbers_max,
            numbers_day_max=self.numbers_day_max,
            alert_after_no=self.alert_after_no,
            alert_after_no_day=self.alert_after_no_day,
        )


class _SubjectAccess(_Dated):
    hours_to_confirm: Annotated[int, Field(ge=1)]
    hours_to_fetch: Annotated[int, Field(ge=1)]

    @property
    def rule(self) -> SubjectAccessRule:
        return SubjectAccessRule(
            first=self.first,
            last=self.last,
            to_confirm=timedelta(hours=self.hours_to_confirm),
            to_fetch=timedelta(hours=self.hours_to_fetch),
        )


class _RiskScores(_Dated):
    people_max: Annotated[int, Field(ge=1)]

    @property
    def rule(self) -> RiskScoresRule:
        return RiskScoresRule(first=self.first, last=self.last, people_max=self.people_max)


class _OfDays(Protocol):
    def holds_on(self, day: date) -> bool: ...


Rule = TypeVar("Rule", bound=_OfDays)
Row = TypeVar("Row", bound=_Dated)


@lru_cache(maxsize=1)
def reidentification_rules() -> tuple[ReidentificationRule, ...]:
    return tuple(row.rule for row in _rows("re_identification", list[_Reidentification]))


@lru_cache(maxsize=1)
def subject_access_rules() -> tuple[SubjectAccessRule, ...]:
    return tuple(row.rule for row in _rows("subject_access", list[_SubjectAccess]))


@lru_cache(maxsize=1)
def invoice_match_rules() -> tuple[InvoiceMatchRule, ...]:
    return tuple(row.rule for row in _rows("invoice_matching", list[_InvoiceMatching]))


@lru_cache(maxsize=1)
def risk_scores_rules() -> tuple[RiskScoresRule, ...]:
    return tuple(row.rule for row in _rows("risk_scores", list[_RiskScores]))


def risk_scores_rule(day: date) -> RiskScoresRule:
    """Return the rule of a day. Raise LookupError where the file has none, or two."""
    return _of(risk_scores_rules(), day)


def invoice_match_rule(day: date) -> InvoiceMatchRule:
    """Return the rule of a day. Raise LookupError where the file has none, or two."""
    return _of(invoice_match_rules(), day)


def reidentification_rule(day: date) -> ReidentificationRule:
    """Return the rule of a day. Raise LookupError where the file has none, or two."""
    return _of(reidentification_rules(), day)


def subject_access_rule(day: date) -> SubjectAccessRule:
    """Return the rule of a day. Raise LookupError where the file has none, or two."""
    return _of(subject_access_rules(), day)


def _rows(name: str, form: type[list[Row]]) -> list[Row]:
    text = files("pseudonymisation").joinpath("rules", f"{name}.yaml").read_text("utf-8")
    return TypeAdapter(form).validate_python(yaml.safe_load(text))


def _of(rules: tuple[Rule, ...], day: date) -> Rule:
    found = [rule for rule in rules if rule.holds_on(day)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rules of people hold on {day}")
    return found[0]
