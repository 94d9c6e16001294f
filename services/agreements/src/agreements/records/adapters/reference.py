"""Dated reference data that ships with the service, read once and validated."""

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import TypeAdapter

from agreements.records.adapters.directories import spooled
from agreements.records.domain.agreement import LapseRule
from agreements.records.domain.destruction.ledger import DestructionRule
from agreements.records.domain.lists.layouts.directories import AreaLayouts
from agreements.records.domain.oversight.lapses import WarningRule, YearlyAuditRule
from agreements.records.domain.oversight.staff import StaffRequirement
from agreements.records.domain.parties.assurance import AssuranceRule, AssuranceRules, Edition
from agreements.records.domain.parties.codes import CodeRules
from agreements.records.use_cases.ports import Reference

EDITIONS = TypeAdapter(tuple[Edition, ...])
RULES = TypeAdapter(tuple[AssuranceRule, ...])
LAPSES = TypeAdapter(tuple[LapseRule, ...])
DESTRUCTION = TypeAdapter(tuple[DestructionRule, ...])
CODES = TypeAdapter(CodeRules)
AREAS = TypeAdapter(AreaLayouts)
STAFF = TypeAdapter(tuple[StaffRequirement, ...])
WARNINGS = TypeAdapter(tuple[WarningRule, ...])
YEARLY_AUDIT = TypeAdapter(tuple[YearlyAuditRule, ...])
DAY = TypeAdapter(date)
DAYS = TypeAdapter(frozenset[date])


@cache
def load() -> Reference:
    """Read what the wheel carries."""
    assurance, agreements = _yaml("assurance"), _yaml("agreements")
    oversight = _yaml("oversight")
    return Reference(
        assurance=AssuranceRules(
            editions=EDITIONS.validate_python(assurance["editions"]),
            rules=RULES.validate_python(assurance["rules"]),
        ),
        lapse=LAPSES.validate_python(agreements["lapse"]),
        destruction=DESTRUCTION.validate_python(agreements["destruction"]),
        icbs_from=DAY.validate_python(agreements["icbs_from"]["day"]),
        codes=CODES.validate_python(_yaml("organisation_codes")),
        spool=spooled,
        areas=AREAS.validate_python(_yaml("postcode_directory")),
        staff=STAFF.validate_python(oversight["staff"]),
        warnings=WARNINGS.validate_python(oversight["warnings"]),
        yearly_audit=YEARLY_AUDIT.validate_python(oversight["yearly_audit"]),
        bank_holidays=DAYS.validate_python(_yaml("bank_holidays")["days"]),
    )


def _yaml(name: str) -> dict[str, Any]:
    file = resources.files("agreements") / "reference" / f"{name}.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content
