"""A complete application for commissioning by one CCG with its CSU, to be spoilt by tests.

Everything holds on TODAY; the codes are real ones of 2021 (domain.md 1.3).
"""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime

import catalogue
from applications.adapters import reference
from applications.domain import checks
from applications.domain.facts import (
    AgreementFact,
    AgreementsFacts,
    ApprovalFact,
    AssuranceFact,
    ContractFact,
    EvidenceFact,
    OrganisationFact,
    PartyFacts,
    RegistrationFact,
)
from applications.domain.sections import SECTIONS, Answers
from applications.domain.sections.forms import Kind

TODAY = date(2021, 5, 25)
NOW = datetime(2021, 5, 25, 9, 0, tzinfo=UTC)
CCG, CSU, SECOND = "02P", "0DF", "00L"
NAMES = {
    CCG: "NHS Barnsley CCG",
    CSU: "NHS South, Central and West CSU",
    SECOND: "NHS Northumberland CCG",
}
CONTRACTS = {CCG: "CON-338307-D8Z0G", SECOND: "CON-338308-E8Z0G"}
ICO = {CCG: "Z1234567", CSU: "Z7654321", SECOND: "Z2345678"}
RULES, DATA_SETS = reference.load(), catalogue.load()
AMENDED = "DARS-NIC-54727-S3Y1T"


def line(number=1, **changes):
    return {
        "number": number,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "sensitivity": "NON_SENSITIVE",
        "periods": {"from": "2018-04", "to": "2024-05"},
        "fields": [
            {"name": "Sex", "treatment": "as_is", "reason": "Waits differ by sex."},
            {"name": "Admission_Date", "treatment": "month", "reason": "Waits are by month."},
            {"name": "Local_Patient_ID", "treatment": "pseudonym", "reason": "Counts people."},
        ],
        "population": {"rule": "own", "commissioners": [CCG], "reasons": ["G", "H", "R", "C"]},
        "recipient_environment": {"organisation": CSU, "kind": "analytics"},
        "dissemination_power": "s261_1_and_s261_2_b_ii",
        "frequency": "monthly",
        "access_method": "ONGOING",
        **changes,
    }


def identifiable(number=1, **changes):
    """Invoice validation in a controlled environment, relying on section 251."""
    return line(
        number,
        **{
            "purpose": "IV",
            "classification": "IDENTIFIABLE",
            "fields": [
                {"name": "NHS_Number", "treatment": "as_is", "reason": "Confirms the invoice."}
            ],
            "recipient_environment": {"organisation": CSU, "kind": "ceff"},
            "dissemination_power": "s261_7",
            **changes,
        },
    )


def support(number=1, expires="2025-09-30"):
    return {
        "line": number,
        "route": "section_251",
        "section_251": {"reference": "CAG 7-07(b)/2013", "purpose": "IV", "expires": expires},
    }


def complete():
    """The raw answers, by number of the section, as an applicant sends them."""
    return deepcopy(_COMPLETE)


def with_identifiable_line(raw, *, expires="2025-09-30", alone=False):
    """Add a line that relies on section 251, or put it in place of the other."""
    number = 1 if alone else 2
    lines = raw[7]["lines"]
    raw[7]["lines"] = [*([] if alone else lines), identifiable(number)]
    raw[7]["identifiable_justification"] = "An invoice names one person."
    raw[8]["lines"] = [] if alone else raw[8]["lines"]
    raw[9]["purposes"] = [
        *([] if alone else raw[9]["purposes"]),
        {"code": "IV", "objective": "Pay the right amount.", "gdpr_article_6": "6(1)(e)"},
    ]
    raw[16]["lines"] = [*([] if alone else raw[16]["lines"]), support(number, expires)]
    return raw


def with_second_controller(raw):
    raw[2]["controllers"].append(
        {**raw[2]["controllers"][0], "ods": SECOND, "legal_name": NAMES[SECOND]}
    )
    raw[5]["evidence"].append({"ods": SECOND, "kind": "DSPT", "reference": "20/21"})
    raw[6]["registrations"].append(
        {"ods": SECOND, "number": ICO[SECOND], "expires": "2025-01-01", "name": NAMES[SECOND]}
    )
    return raw


def as_renewal(raw):
    """Of an agreement that ends on the last day of May 2021."""
    raw[12]["yielded"] = [{"description": "Waits fell by a twentieth.", "on": "2021-03-31"}]
    return raw


def answers_of(raw):
    return Answers(
        {number: SECTIONS[number].model_validate(given) for number, given in raw.items()}
    )


def party(ods, **changes):
    facts = PartyFacts(
        organisation=OrganisationFact(
            ods=ods, name=NAMES[ods], legal_entity=ods, kind="CCG", valid_from=date(2013, 4, 1)
        ),
        contracts=(
            ContractFact(
                reference=CONTRACTS[ods],
                organisation=ods,
                legal_name=NAMES[ods],
                start=date(2018, 4, 1),
                end=None,
            ),
        )
        if ods in CONTRACTS
        else (),
        assurance=AssuranceFact(
            accepted=True,
            reason="STANDARDS_MET",
            kind="DSPT",
            recorded=(EvidenceFact(kind="DSPT", reference="20/21"),),
        ),
        registrations=(
            RegistrationFact(number=ICO[ods], name=NAMES[ods], valid_to=date(2025, 1, 1)),
        ),
    )
    return replace(facts, **changes)


def known(**parties):
    """Facts under which the complete application has no finding; `_02P=party(…)` changes one."""
    given = {name.removeprefix("_"): facts for name, facts in parties.items()}
    return AgreementsFacts(
        parties={ods: party(ods) for ods in NAMES} | given, approvals=(approval(),)
    )


def approval(**changes):
    """The support that identifiable lines rely on, as the Body has it on record."""
    return ApprovalFact(
        **{
            "reference": "CAG 7-07(b)/2013",
            "purposes": frozenset({"IV"}),
            "controllers": None,
            "valid_from": date(2013, 11, 22),
            "valid_to": date(2025, 9, 30),
            **changes,
        }
    )


def agreement(**changes):
    return AgreementFact(
        **{
            "reference": AMENDED,
            "version": "v1.0",
            "highest": "v1.0",
            "is_under_way": True,
            "start": date(2018, 6, 1),
            "end": date(2021, 5, 31),
            "controllers": (CCG,),
            **changes,
        }
    )


def case(raw=None, facts=None, *, kind=Kind.NEW, day=TODAY, **changes):
    return checks.Case(
        **{
            "kind": kind,
            "organisation": CCG,
            "amends": None if kind is Kind.NEW else AMENDED,
            "answers": answers_of(raw if raw is not None else complete()),
            "day": day,
            "rules": RULES,
            "data_sets": DATA_SETS,
            "facts": facts if facts is not None else known(),
            **changes,
        }
    )


_COMPLETE = {
    1: {
        "start": "2021-06-01",
        "end": "2024-05-31",
        "justification": "Three contract years are planned with these data.",
    },
    2: {
        "controllers": [
            {
                "ods": CCG,
                "legal_name": NAMES[CCG],
                "gdpr_article_6": ["6(1)(e)"],
                "gdpr_article_9": ["9(2)(h)"],
                "dpa_2018_schedule_1": ["paragraph 2"],
            }
        ]
    },
    3: {
        "processors": [
            {
                "ods": CSU,
                "legal_name": NAMES[CSU],
                "role": "Analyses activity",
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
                "operator": CSU,
                "kinds": ["processing", "storage"],
            }
        ]
    },
    5: {"evidence": [{"ods": ods, "kind": "DSPT", "reference": "20/21"} for ods in (CCG, CSU)]},
    6: {
        "registrations": [
            {"ods": ods, "number": ICO[ods], "expires": "2025-01-01", "name": NAMES[ods]}
            for ods in (CCG, CSU)
        ]
    },
    7: {
        "lines": [line()],
        "less_intrusive_form": "Aggregates cannot be joined to contract lines.",
        "consultation": {"organisation": CSU, "on": "2021-04-20"},
    },
    8: {"lines": [{"line": 1, "applied": False, "reason": "no_identifying_data"}]},
    9: {
        "purposes": [
            {
                "code": "COM",
                "objective": "Plan and buy hospital care.",
                "gdpr_article_6": "6(1)(e)",
            }
        ],
        "data_subjects": "Patients registered or living in the area.",
    },
    10: {
        "activities": "Activity is counted and compared by month and provider.",
        "flows": [
            {
                "from": CSU,
                "to": CCG,
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
                "disclosure_rule": "HES",
                "target": "2022-06-30",
            }
        ]
    },
    12: {
        "benefits": [
            {
                "description": "Shorter waits for planned care.",
                "measure": "Published referral-to-treatment waits.",
                "due": "2023-06-30",
            }
        ]
    },
    13: {"commercial": False},
    14: {"conditions": []},
    15: {"outcome": "not_required", "explanation": "Commissioning is not research."},
    16: {"lines": [{"line": 1, "route": "not_identifiable"}]},
    17: {"relied_on": False},
    18: {"sub_licence": False},
    19: {"confirmed": True, "notice_url": "https://barnsley.example/privacy"},
    20: {"territory": "england_and_wales"},
}
