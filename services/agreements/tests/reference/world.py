"""A small world in plain values: every fact that a decision may rest on, as rows one can read.

`sound()` is a world in which the three questions of `questions` are answered yes at `NOON`. Tests
and the generator spoil it, one thing or several at a time. Nothing here is our own code's.
"""

import copy
import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
NOON = datetime(2018, 6, 1, 11, 0, tzinfo=UTC)
"""12:00 in London, in summer time."""

REFERENCE = "DARS-NIC-123456-A1B2C"
CCG, OTHER_CCG, CSU, OTHER_CSU, PREDECESSOR, TRUST = "02P", "03L", "0DF", "0CX", "5JE", "R0A"
ENVIRONMENT = "00000000-0000-7000-8000-0000000000e1"
OTHER_ENVIRONMENT = "00000000-0000-7000-8000-0000000000e2"
CLIENT, CCG_CLIENT, STRANGER = "csu-0df", "ccg-02p", "stranger"
PRACTICE_MAP = "00000000-0000-7000-8000-0000000000a1"
POSTCODE_MAP = "00000000-0000-7000-8000-0000000000a2"
PERMIT = "00000000-0000-7000-8000-0000000000b1"
HOLDING = "00000000-0000-7000-8000-0000000000c1"
EXTRACT = "00000000-0000-7000-8000-0000000000d1"
FILE = "00000000-0000-7000-8000-0000000000f1"
CAG = "CAG 7-07(c)/2013"
RISK_CAG = "CAG 7-04(a)/2013"
RISK_ENVIRONMENT = "00000000-0000-7000-8000-0000000000e3"
RISK_CLIENT = "rs-0df"
PRACTICE, MERGED_PRACTICE = "J81002", "J81009"
PRACTICE_CLIENT = "practice-1"
PRACTICE_ENVIRONMENT = "00000000-0000-7000-8000-0000000000e4"

Json = dict[str, Any]


def london(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=LONDON).astimezone(UTC)


def sha(value: object) -> str:
    """The digest of ASCII JSON, as RFC 8785 would write it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def field(name: str, class_: str, *treatments: str, **more: Any) -> Json:
    return {"name": name, "class": class_, "treatments": list(treatments), **more}


def rules(name: str, version: int, **changes: Any) -> Json:
    """How files are taken in: one version."""
    base: Json = {
        "version": version,
        "digest": sha(["rules", name, version]),
        "from": date(2008, 4, 1),
        "safe_from": 2,
    }
    return base | changes


def made(name: str, class_: str, of: str, form: str, **more: Any) -> Json:
    """A column that landing makes of another one."""
    return field(name, class_, "derived", of=of, form=form, **more)


def data_set(name: str, *, gate: bool = False) -> Json:
    """A data set with one field for each row of domain.md 4.2."""
    return {
        "data_set": name,
        "version": "1.0",
        "digest": sha(["catalogue", name]),
        "gate": gate,
        "disclosure_rule": "HES",
        "landing_rules": [rules(name, 1), rules(name, 2)],
        "reasons": {"S": None, "P": None, "G": "practice", "H": "postcode", "R": None, "C": None},
        "measures": ["records"],
        "joined": {},
        "set_by_agreement": False,
        "groups": {
            "Provider_Code": ["Provider_Code__icb", "Provider_Code__region"],
            "Practice": ["Practice__sub_icb"],
        },
        "fields": [
            field("NHS_Number", "DI", "as_is", "pseudonym", identifier="nhs_number"),
            field("Date_of_Birth", "DI", "as_is", "year", identifier="date_of_birth", date=True),
            field("Postcode", "DI", "as_is", identifier="postcode"),
            field("Name", "DI", "as_is", identifier="local"),
            field("Hospital_Spell_No", "LI", "as_is", "pseudonym", identifier="local"),
            field("Consultant_Code", "STAFF", "as_is", "pseudonym", identifier="staff"),
            field("Sex", "QI", "as_is", codes=["0", "1", "2", "9"], categories=True),
            field("Episode_Start_Date", "QI", "as_is", "month", date=True),
            field("Discharge_Date", "QI", "as_is", "month", date=True),
            made(
                "Der_Age_Band",
                "DER",
                "Date_of_Birth",
                "age_band",
                source="date_of_birth",
                categories=True,
            ),
            made(
                "Der_Age", "QI", "Date_of_Birth", "age_years", source="date_of_birth", number=True
            ),
            made("Der_Birth_Month", "QI", "Date_of_Birth", "month", source="date_of_birth"),
            made("Der_LSOA", "QI", "Postcode", "lsoa", source="postcode", categories=True),
            made(
                "Der_Sector",
                "QI",
                "Postcode",
                "postcode_sector",
                source="postcode",
                categories=True,
                **{"in": ["Der_LSOA"]},
            ),
            made("Der_Start_Month", "DER", "Episode_Start_Date", "month"),
            field("Diagnosis", "CLIN", "as_is", scan=True),
            field("Legal_Status", "SEN", "as_is"),
            field("Provider_Code", "ORG", "as_is", categories=True),
            field("Practice", "ORG", "as_is", categories=True, practice=True),
            field("Admission_Method", "ADM", "as_is"),
            field("Grid_Easting", "QI"),
        ],
    }


def line(**changes: Any) -> Json:
    base: Json = {
        "number": 1,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "catalogue_version": "1.0",
        "catalogue_digest": sha(["catalogue", "SUS_APC"]),
        "group": None,
        "classification": "PSEUDO_ANONYMISED",
        "sensitivity": "NON_SENSITIVE",
        "periods": {"from": "2018-04", "to": "2019-03"},
        "fields": [
            {"name": "Sex", "treatment": "as_is", "reason": "case mix"},
            {"name": "Hospital_Spell_No", "treatment": "pseudonym", "reason": "spells"},
            {"name": "Episode_Start_Date", "treatment": "month", "reason": "trends"},
            {"name": "Diagnosis", "treatment": "as_is", "reason": "case mix"},
            {"name": "Der_LSOA", "treatment": "derived", "reason": "need by area"},
        ],
        "population": {"rule": "own", "commissioners": [CCG], "reasons": ["G", "H", "R", "C"]},
        "recipient_environment": {"organisation": CSU, "kind": "analytics"},
        "opt_out": {"applied": False, "reason": "no_identifying_data"},
        "dissemination_power": "s261_1_and_s261_2_b_ii",
        "confidentiality": {"route": "not_identifiable", "section_251": None},
        "frequency": "monthly",
        "access_method": "ONGOING",
        "disclosure_rule": "HES",
    }
    return base | changes


def identifiable_line(**changes: Any) -> Json:
    """Invoice validation in the CSU's controlled environment, by section 251."""
    return (
        line(
            number=2,
            purpose="IV",
            classification="IDENTIFIABLE",
            sensitivity="SENSITIVE",
            fields=[
                {"name": "NHS_Number", "treatment": "as_is", "reason": "to confirm backing data"},
                {
                    "name": "Hospital_Spell_No",
                    "treatment": "as_is",
                    "reason": "to confirm backing data",
                },
            ],
            recipient_environment={"organisation": CSU, "kind": "ceff"},
            opt_out={"applied": True, "reason": None},
            dissemination_power="s261_7",
            confidentiality={"route": "section_251", "section_251": CAG},
        )
        | changes
    )


def with_risk_stratification(world: Json) -> Json:
    """A third line in good order: who may be used is known by the national check [4.1]."""
    for drafted in (world["agreement"] or {"versions": []})["versions"]:
        drafted["snapshot"]["lines"].append(
            identifiable_line(
                number=3,
                purpose="RS",
                fields=[{"name": "NHS_Number", "treatment": "as_is", "reason": "to find who"}],
                recipient_environment={"organisation": CSU, "kind": "rs_supplier"},
                confidentiality={"route": "section_251", "section_251": RISK_CAG},
            )
        )
    world["environments"].append(
        {
            "id": RISK_ENVIRONMENT,
            "organisation": CSU,
            "kind": "rs_supplier",
            "clients": [RISK_CLIENT],
        }
    )
    world["approvals"].append(
        {
            "reference": RISK_CAG,
            "purposes": ["RS"],
            "controllers": None,
            "start": date(2013, 4, 1),
            "end": date(2020, 9, 30),
        }
    )
    return world


def bases(ods: str) -> Json:
    """A controller with what Standard 2 asks of it."""
    return {
        "ods": ods,
        "legal_name": ods,
        "contract_reference": None,
        "gdpr_article_6": ["6(1)(e)"],
        "gdpr_article_9": ["9(2)(h)"],
        "dpa_2018_schedule_1": ["paragraph 2"],
    }


def number(ods: str) -> str:
    """Under which an organisation is registered with the ICO."""
    return f"Z{ods:0>7}"


def snapshot(lines: list[Json]) -> Json:
    return {
        "schema": "dsfc-snapshot/1",
        "application_id": "00000000-0000-7000-8000-000000000001",
        "reference": REFERENCE,
        "version": "v1.0",
        "revision": 1,
        "kind": "new",
        "title": "Commissioning",
        "purpose": "COM",
        "start": "2018-04-01",
        "end": "2021-03-31",
        "territory": "england_and_wales",
        "commercial": False,
        "sub_licence": False,
        "controllers": [bases(ods) for ods in (CCG, OTHER_CCG)],
        "processors": [],
        "locations": [],
        "assurance": [],
        "ico_registrations": [
            {"ods": ods, "number": number(ods), "expires": "2019-01-15"} for ods in (CCG, CSU)
        ],
        "lines": lines,
        "linkage": [{"data_sets": ["SUS_APC", "DIDS"], "key": "person", "mitigation": "none left"}],
        "special_conditions": [],
        "sections": {
            "9": {"purposes": [{"code": "COM", "objective": "Plan care"}]},
            "10": {"activities": "Counting admissions"},
            "11": {"outputs": [{"title": "A report"}]},
            "12": {"benefits": [{"description": "Fewer waits"}], "yielded": []},
        },
    }


def version(number: str = "v1.0", sequence: int = 1, **changes: Any) -> Json:
    base: Json = {
        "number": number,
        "sequence": sequence,
        "start": date(2018, 4, 1),
        "end": date(2021, 3, 31),
        "controllers": [CCG],
        "processors": [CSU],
        "signed": {
            CCG: london(2018, 3, 20, 10),
            CSU: london(2018, 3, 21, 10),
            "body": london(2018, 3, 19, 10),
        },
        "conditions": [
            {"id": "1", "due": date(2018, 12, 31), "owner": CSU, "fulfilled_at": None},
        ],
        "snapshot": snapshot([line(), identifiable_line()]),
    }
    return base | changes


def sound() -> Json:
    """Everything is in order."""
    return {
        "agreement": {
            "reference": REFERENCE,
            "terminated_at": None,
            "versions": [version()],
            "holds": [],
        },
        "organisations": [
            organisation(CCG, "CCG", to=date(2022, 6, 30)),
            organisation(CCG, "SUB_ICB_LOCATION", entity="QF7", start=date(2022, 7, 1)),
            organisation("QF7", "ICB", start=date(2022, 7, 1)),
            organisation(OTHER_CCG, "CCG"),
            organisation(PREDECESSOR, "CCG", to=date(2018, 3, 31)),
            organisation(CSU, "CSU"),
            organisation(OTHER_CSU, "CSU"),
            organisation(TRUST, "NHS_TRUST"),
        ],
        "instruments": [],
        "domain_transfers": [],
        "contracts": [contract(CCG)],
        "relationships": [relationship(CCG, csu=CSU)],
        "assurance": [assurance(CCG), assurance(CSU)],
        "ico": [ico(CCG), ico(CSU)],
        "approvals": [
            {
                "reference": CAG,
                "purposes": ["IV"],
                "controllers": None,
                "start": date(2013, 4, 1),
                "end": date(2020, 9, 30),
            }
        ],
        "publications": [],
        "environments": [
            {"id": ENVIRONMENT, "organisation": CSU, "kind": "analytics", "clients": [CLIENT]},
            {"id": OTHER_ENVIRONMENT, "organisation": CSU, "kind": "ceff", "clients": ["ceff-0df"]},
        ],
        "listed": [
            {"kind": kind, "organisation": CSU, "for": None, "from": date(2013, 4, 1), "to": None}
            for kind in ("ceff", "rs_supplier")
        ],
        "maps": [
            {"id": PRACTICE_MAP, "kind": "practice", "valid_from": date(2017, 4, 1)},
            {"id": POSTCODE_MAP, "kind": "postcode", "valid_from": date(2017, 4, 1)},
        ],
        "catalogue": [data_set("SUS_APC"), data_set("CSDS", gate=True)],
        "reserved": {},
        "held": [],
        "void": False,
        "destroyed": False,
        "recalled": [],
        "last_decision_at": None,
    }


def organisation(
    ods: str,
    kind: str,
    *,
    entity: str | None = None,
    start: date = date(2013, 4, 1),
    to: date | None = None,
) -> Json:
    return {"ods": ods, "kind": kind, "entity": entity or ods, "from": start, "to": to}


def contract(ods: str, **changes: Any) -> Json:
    base: Json = {
        "reference": f"CON-00{ods}1-A1B2C",
        "organisation": ods,
        "start": date(2018, 1, 1),
        "end": date(2020, 12, 31),
        "signed_at": london(2017, 12, 1, 9),
        "body_signed_at": london(2017, 12, 2, 9),
        "terminated_at": None,
    }
    return base | changes


def relationship(commissioner: str, **changes: Any) -> Json:
    base: Json = {
        "reference": f"LCR-{commissioner}",
        "commissioner": commissioner,
        "csu": None,
        "processors": [],
        "from": date(2018, 1, 1),
        "to": None,
        "activated_at": london(2018, 1, 1, 9),
    }
    return base | changes


def assurance(ods: str, **changes: Any) -> Json:
    base: Json = {
        "organisation": ods,
        "kind": "DSPT",
        "edition": "18/19",
        "status": "STANDARDS_MET",
        "published_on": date(2018, 4, 2),
        "expires_on": None,
        "seen_on": date(2018, 4, 3),
        "reviewed": True,
        "plan_accepted": False,
        "plan_until": None,
        "locations_covered": False,
    }
    return base | changes


def ico(ods: str, **changes: Any) -> Json:
    base: Json = {
        "organisation": ods,
        "number": number(ods),
        "from": date(2018, 1, 1),
        "to": date(2019, 1, 15),
    }
    return base | changes


# Questions


def request(**changes: Any) -> Json:
    base: Json = {
        "action": "request",
        "client": CLIENT,
        "organisation": CSU,
        "agreement": REFERENCE,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "periods": ["2018-04", "2018-05"],
        "fields": ["Sex", "Hospital_Spell_No"],
        "formats": ["parquet"],
    }
    return base | changes


def risk_request(**changes: Any) -> Json:
    """For the line of `with_risk_stratification`."""
    asked: Json = {
        "client": RISK_CLIENT,
        "purpose": "RS",
        "classification": "IDENTIFIABLE",
        "fields": ["NHS_Number"],
    }
    return request(**(asked | changes))


def domain(**changes: Any) -> Json:
    base: Json = {
        "controllers": [CCG],
        "agreement": REFERENCE,
        "purpose": "COM",
        "environment": ENVIRONMENT,
        "opt_out": "not_applied",
        "data_sets": ["DIDS", "SUS_APC"],
    }
    return base | changes


def permit(**changes: Any) -> Json:
    """What was permitted when `request` was asked."""
    base: Json = {
        "id": PERMIT,
        "extract_id": EXTRACT,
        "client": CLIENT,
        "organisation": CSU,
        "environment": ENVIRONMENT,
        "agreement": REFERENCE,
        "line": 1,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "catalogue_digest": sha(["catalogue", "SUS_APC"]),
        "fields": {"Sex": "as_is", "Hospital_Spell_No": "pseudonym", "Diagnosis": "as_is"},
        "periods": ["2018-04", "2018-05"],
        "formats": ["parquet", "csv"],
        "codes": [CCG],
        "reasons": ["G", "H", "R", "C"],
        "domain": domain(),
        "applied": False,
        "disclosure_rule": "HES",
    }
    return base | changes


def file(**changes: Any) -> Json:
    """What the haven attests of a file that was prepared under `permit`."""
    base: Json = {
        "id": FILE,
        "extract_id": EXTRACT,
        "permit_id": PERMIT,
        "preparation_id": PERMIT,
        "format": "parquet",
        "line": 1,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "catalogue_digest": sha(["catalogue", "SUS_APC"]),
        "columns": [
            {"name": "Token", "treatment": "pseudonym", "class": "DER"},
            {"name": "Reason_For_Access", "treatment": "derived", "class": "DER"},
            {"name": "Sex", "treatment": "as_is", "class": "QI"},
            {"name": "Hospital_Spell_No", "treatment": "pseudonym", "class": "LI"},
            {"name": "Diagnosis", "treatment": "as_is", "class": "CLIN"},
        ],
        "periods": ["2018-04", "2018-05"],
        "codes": [CCG],
        "reasons": ["G", "C"],
        "maps": [PRACTICE_MAP, POSTCODE_MAP],
        "rows_without_reason": 0,
        "domain": sha(domain()),
        "opt_out": {"applied": False, "list_date": None},
        "scan": {"rule": "pcd-scan/2", "columns": ["Diagnosis", "Sex"], "hits": 0},
        "caps": {},
        "disclosure_rule": "HES",
        "order": "token",
        "editions": [
            {
                "id": "edition-1",
                "from": "2018-04",
                "to": "2018-05",
                "rules": sha(["rules", "SUS_APC", 2]),
            }
        ],
    }
    return base | changes


def release(**changes: Any) -> Json:
    base: Json = {
        "action": "release",
        "file_id": FILE,
        "extract_id": EXTRACT,
        "file": file(),
        "permit": permit(),
    }
    return base | changes


def fetch(**changes: Any) -> Json:
    base: Json = {
        "action": "fetch",
        "client": CLIENT,
        "organisation": CSU,
        "agreement": REFERENCE,
        "environment": ENVIRONMENT,
        "file": file(),
    }
    return base | changes


def match(**changes: Any) -> Json:
    """For the identifiable line, from its controlled environment for finance."""
    asked: Json = {
        "action": "match",
        "client": "ceff-0df",
        "purpose": "IV",
        "classification": "IDENTIFIABLE",
        "periods": ["2018-04"],
        "fields": [],
        "formats": [],
    }
    return request(**(asked | changes))


def return_scores(**changes: Any) -> Json:
    """By the line of `with_risk_stratification`, from its supplier."""
    asked: Json = {
        "action": "return_scores",
        "client": RISK_CLIENT,
        "purpose": "RS",
        "classification": "IDENTIFIABLE",
        "periods": ["2018-04"],
        "fields": [],
        "formats": [],
    }
    return request(**(asked | changes))


def reidentify(**changes: Any) -> Json:
    """For the line of `with_risk_stratification`, by a practice of `with_practices`."""
    base: Json = {
        "action": "reidentify",
        "client": "practice-j81002",
        "organisation": PRACTICE,
        "agreement": REFERENCE,
        "purpose": "RS",
        "data_set": "SUS_APC",
        "classification": "IDENTIFIABLE",
    }
    return base | changes


def with_practices(world: Json) -> Json:
    """One that is open and assured, and one that closed when it merged with the first."""
    world["organisations"] += [
        organisation(PRACTICE, "GP_PRACTICE"),
        organisation(MERGED_PRACTICE, "GP_PRACTICE", to=date(2018, 3, 31)),
    ]
    world["assurance"] += [assurance(PRACTICE), assurance(MERGED_PRACTICE)]
    return world


def with_line_for_a_practice(world: Json, **changes: Any) -> Json:
    """A line by which a practice, that is no party, is given scores or records of its patients."""
    with_practices(world)
    for drafted in (world["agreement"] or {"versions": []})["versions"]:
        drafted["snapshot"]["lines"].append(
            identifiable_line(
                **(
                    {
                        "number": 5,
                        "purpose": "RS",
                        "fields": [{"name": "Sex", "treatment": "as_is", "reason": "to care"}],
                        "recipient_environment": {
                            "organisation": PRACTICE,
                            "kind": "gp_practice",
                        },
                        "confidentiality": {"route": "section_251", "section_251": RISK_CAG},
                    }
                    | changes
                )
            )
        )
    world["environments"].append(
        {
            "id": PRACTICE_ENVIRONMENT,
            "organisation": PRACTICE,
            "kind": "gp_practice",
            "clients": [PRACTICE_CLIENT],
        }
    )
    return world


def request_by_practice(**changes: Any) -> Json:
    """By the line of `with_line_for_a_practice`."""
    asked: Json = {
        "client": PRACTICE_CLIENT,
        "organisation": PRACTICE,
        "purpose": "RS",
        "classification": "IDENTIFIABLE",
        "fields": ["Sex"],
    }
    return request(**(asked | changes))


def copied(world: Json) -> Json:
    return copy.deepcopy(world)


def uuid(number: int) -> UUID:
    return UUID(int=(7 << 76) | (1 << 63) | number)
