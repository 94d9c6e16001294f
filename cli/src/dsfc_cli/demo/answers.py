"""What an applicant answers to the 20 Standards, for commissioning by one CCG with its CSU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import catalogue
from catalogue.flows import flow_rules, is_local_flow

Sections = dict[int, dict[str, Any]]

TOOLKIT_OPENS = 7
"""July: the month in which a new edition of the DSPT opens."""
OBJECTIVES: Mapping[str, str] = {
    "COM": "Plan and buy hospital care for the people of the area.",
    "OTHER": "Plan public health by who of the residents was born, and who died of what.",
    "IV": "Pay each provider for what it did, and for nobody else's patients.",
    "RS": "Find groups of people who would gain from care before they need a hospital.",
}
REASON = "Needed to compare activity and waits between providers; no coarser column shows it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One data set that is wanted: columns with their treatments, and months."""

    data_set: str
    fields: Mapping[str, str]
    first_month: str
    last_month: str
    purpose: str = "COM"
    reasons: Sequence[str] = ("G", "H", "R", "C")
    """Reasons for Access; none: it is about nobody's people, and the line is national."""
    sensitivity: str = "NON_SENSITIVE"
    classification: str = "PSEUDO_ANONYMISED"
    disclosure_parameters: Mapping[str, Any] | None = None
    """Of a disclosure rule that is set for each application."""
    as_published: str = ""
    """Why the approver lets its tables be by the rule alone, if so."""
    change_sets: bool = False
    """Whether the changes between two extracts may be had besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an application asks for."""

    controller: str
    controller_name: str
    processor: str
    processor_name: str
    flows: Sequence[Flow]
    today: date
    opt_outs_applied: bool = False

    @property
    def lines(self) -> Sequence[int]:
        """Numbers of the lines."""
        return range(1, len(self.flows) + 1)

    @property
    def approval(self) -> dict[str, Any]:
        """What the approver says."""
        told = [
            {"line": number, "reason": flow.as_published}
            for number, flow in zip(self.lines, self.flows, strict=True)
            if flow.as_published
        ]
        return {"as_published": told} if told else {}


def _rule_of(wanted: Wanted) -> str:
    """Name the disclosure rule of the first data set: an output names one of those asked for."""
    if not wanted.flows:
        return "HES"
    named = wanted.flows[0].data_set
    if is_local_flow(named):
        return flow_rules().disclosure_rules[0]
    return catalogue.load().get(named).disclosure_rule


def toolkit(today: date) -> str:
    """Name the edition of the Data Security and Protection Toolkit that is open, as 26/27."""
    first = today.year if today.month >= TOOLKIT_OPENS else today.year - 1
    return f"{first % 100}/{first % 100 + 1}"


def lines_of(wanted: Wanted) -> list[dict[str, Any]]:
    """Annex B: one line a data set."""
    return [
        {
            "number": number,
            "purpose": flow.purpose,
            "data_set": flow.data_set,
            "classification": flow.classification,
            "sensitivity": flow.sensitivity,
            "periods": {"from": flow.first_month, "to": flow.last_month},
            "fields": [
                {"name": name, "treatment": treatment, "reason": REASON}
                for name, treatment in flow.fields.items()
            ],
            "population": {
                "rule": "own" if flow.reasons else "national",
                "commissioners": [wanted.controller] if flow.reasons else [],
                "reasons": list(flow.reasons),
            },
            "recipient_environment": {"organisation": wanted.processor, "kind": "analytics"},
            "dissemination_power": "s261_1_and_s261_2_b_ii",
            "frequency": "monthly",
            "access_method": "ONGOING",
        }
        | (
            {}
            if flow.disclosure_parameters is None
            else {"disclosure_parameters": dict(flow.disclosure_parameters)}
        )
        | ({"change_sets": True} if flow.change_sets else {})
        for number, flow in zip(wanted.lines, wanted.flows, strict=True)
    ]


def sections_of(wanted: Wanted) -> Sections:
    """Return all twenty, by number of the Standard (domain.md 2.4)."""
    parties = (wanted.controller, wanted.processor)
    # The day before the same one in two years, also where today is a leap day.
    end = wanted.today.replace(year=wanted.today.year + 2, day=1)
    end += timedelta(days=wanted.today.day - 2)
    return {
        1: {
            "start": wanted.today.isoformat(),
            "end": end.isoformat(),
            "justification": "Two contract years are planned, bought and reviewed with these data.",
        },
        2: {
            "controllers": [
                {
                    "ods": wanted.controller,
                    "legal_name": wanted.controller_name,
                    "gdpr_article_6": ["6(1)(e)"],
                    "gdpr_article_9": ["9(2)(h)"],
                    "dpa_2018_schedule_1": ["paragraph 2"],
                }
            ]
        },
        3: {
            "processors": [
                {
                    "ods": wanted.processor,
                    "legal_name": wanted.processor_name,
                    "role": "Analyses activity for the commissioner",
                    "documented_instructions": True,
                }
            ]
        },
        4: {
            "locations": [
                {
                    "address": "Data centre 1",
                    "postcode": "SO50 5PB",
                    "country": "GB-ENG",
                    "operator": wanted.processor,
                    "kinds": ["processing", "storage"],
                }
            ]
        },
        5: {
            "evidence": [
                {"ods": p, "kind": "DSPT", "reference": toolkit(wanted.today)} for p in parties
            ]
        },
        6: {
            "registrations": [
                {"ods": p, "number": f"Z00{p[-5:]:0>5}", "expires": end.isoformat()}
                for p in parties
            ]
        },
        7: {
            "lines": lines_of(wanted),
            "less_intrusive_form": "Aggregates cannot be joined to contract lines.",
            "sensitive_justification": "Causes and places of care differ between the areas."
            if any(flow.sensitivity == "SENSITIVE" for flow in wanted.flows)
            else "",
            "consultation": {"organisation": wanted.processor, "on": wanted.today.isoformat()},
        },
        8: {
            "lines": [
                {"line": number, "applied": True}
                if wanted.opt_outs_applied
                else {"line": number, "applied": False, "reason": "no_identifying_data"}
                for number in wanted.lines
            ]
        },
        9: {
            "purposes": [
                {"code": code, "objective": OBJECTIVES[code], "gdpr_article_6": "6(1)(e)"}
                for code in dict.fromkeys(flow.purpose for flow in wanted.flows)
            ],
            "data_subjects": "Patients registered or living in the area.",
        },
        10: {
            "activities": "Activity is counted, compared and modelled by month and provider.",
            "flows": [
                {
                    "from": wanted.processor,
                    "to": wanted.controller,
                    "level": "AGGREGATE_SUPPRESSED",
                    "description": "Reports with small numbers suppressed.",
                }
            ],
            "no_re_identification_statement": True,
            "substantive_staff_only": True,
        },
        11: {
            "outputs": [
                {
                    "title": "Monthly activity report",
                    "level": "AGGREGATE_SUPPRESSED",
                    "disclosure_rule": _rule_of(wanted),
                    "target": end.isoformat(),
                }
            ],
            "dissemination_plan": "To the governing body, monthly.",
        },
        12: {
            "benefits": [
                {
                    "description": "Shorter waits for planned care.",
                    "beneficiaries": "Patients of the area.",
                    "magnitude": "A tenth fewer waits above 18 weeks.",
                    "measure": "Published referral-to-treatment waits.",
                    "due": end.isoformat(),
                }
            ]
        },
        13: {"commercial": False},
        14: {"conditions": []},
        15: {
            "outcome": "not_required",
            "explanation": "Commissioning is not research.",
        },
        16: {"lines": [{"line": n, "route": "not_identifiable"} for n in wanted.lines]},
        17: {"relied_on": False},
        18: {"sub_licence": False},
        19: {"confirmed": True, "last_checked": wanted.today.isoformat()},
        20: {"territory": "england_and_wales"},
    }
