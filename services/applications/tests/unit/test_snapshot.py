"""What is frozen: the contract with agreements (spec section 4)."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest
from pydantic import ValidationError

from applications.domain.facts import AssuranceFact
from applications.domain.sections.forms import Kind
from applications.domain.sections.terms import Condition
from applications.domain.snapshot import assemble
from applications.use_cases import snapshots
from common.ids import canonical, digest_of
from services.applications.tests.answers import (
    CCG,
    CSU,
    DATA_SETS,
    RULES,
    TODAY,
    answers_of,
    complete,
    known,
    party,
    with_identifiable_line,
)

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

WIRE = json.loads("""
{
 "schema": "dsfc-snapshot/1",
 "application_id": "uuid",
 "reference": "DARS-NIC-123456-A1B2C",
 "version": "v0.0",
 "revision": 1,
 "kind": "new",
 "title": "…",
 "purpose": "COM",
 "start": "2018-04-01",
 "end": "2021-03-31",
 "territory": "england_and_wales",
 "commercial": false,
 "sub_licence": false,
 "controllers": [
  {
   "ods": "02P",
   "legal_name": "…",
   "contract_reference": "CON-…",
   "gdpr_article_6": [
    "6(1)(e)"
   ],
   "gdpr_article_9": [
    "9(2)(h)"
   ],
   "dpa_2018_schedule_1": [
    "paragraph 2"
   ]
  }
 ],
 "processors": [
  {
   "ods": "0DF",
   "legal_name": "…",
   "role": "…",
   "documented_instructions": true
  }
 ],
 "locations": [
  {
   "address": "…",
   "postcode": "…",
   "country": "GB-ENG",
   "operator": "0DF",
   "kinds": [
    "processing",
    "storage"
   ]
  }
 ],
 "assurance": [
  {
   "ods": "0DF",
   "kind": "DSPT",
   "reference": "…"
  }
 ],
 "ico_registrations": [
  {
   "ods": "02P",
   "number": "Z1234567",
   "expires": "2019-03-31"
  }
 ],
 "lines": [
  {
   "number": 1,
   "purpose": "COM",
   "data_set": "SUS_APC",
   "catalogue_version": "1.0",
   "catalogue_digest": "sha256:…",
   "group": null,
   "classification": "PSEUDO_ANONYMISED",
   "sensitivity": "NON_SENSITIVE",
   "periods": {
    "from": "2018-04",
    "to": "2019-03"
   },
   "fields": [
    {
     "name": "Sex",
     "treatment": "as_is",
     "reason": "…"
    }
   ],
   "population": {
    "rule": "own",
    "commissioners": [
     "02P"
    ],
    "reasons": [
     "G",
     "H",
     "R",
     "C"
    ]
   },
   "recipient_environment": {
    "organisation": "0DF",
    "kind": "analytics"
   },
   "opt_out": {
    "applied": false,
    "reason": "no_identifying_data"
   },
   "dissemination_power": "s261_1_and_s261_2_b_ii",
   "confidentiality": {
    "route": "not_identifiable",
    "section_251": null
   },
   "frequency": "monthly",
   "access_method": "ONGOING",
   "disclosure_rule": "HES"
  }
 ],
 "linkage": [
  {
   "data_sets": [
    "SUS_APC",
    "DIDS"
   ],
   "key": "person",
   "mitigation": "…"
  }
 ],
 "special_conditions": [
  {
   "id": "1",
   "text": "…",
   "due": "2018-12-31",
   "owner": "0DF"
  }
 ],
 "sections": {
  "1": {},
  "20": {}
 }
}
""")
"""The contract as it was written down before either side was built."""


def assembled(raw=None, facts=None, **changes):
    return assemble(
        answers_of(raw or complete()),
        **{
            "application_id": ID,
            "reference": "DARS-NIC-123456-A1B2C",
            "version": "v0.0",
            "revision": 1,
            "kind": Kind.NEW,
            "title": "Admissions",
            "data_sets": DATA_SETS,
            "facts": facts or known(),
            "rules": RULES,
            "day": TODAY,
            **changes,
        },
    )


def as_json(*given, **named):
    return snapshots.as_json(assembled(*given, **named))


def shape(value):
    """Members and types, however deep; the first of a list stands for all."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items() if name != "sections"}
        case list():
            return [shape(value[0])] if value else []
        case None:
            return "nothing or text"
        case str():
            return "text"
        case _:
            return type(value).__name__


def test_it_has_the_shape_that_was_agreed():
    raw = complete()
    raw[10]["linkage"] = [{"data_sets": ["SUS_APC", "DIDS"], "mitigation": "Tokens."}]
    raw[14]["conditions"] = [{"id": "1", "text": "Do.", "due": "2021-12-31", "owner": CSU}]

    assert shape(as_json(raw)) == shape(WIRE)


def test_values_are_those_that_were_answered_or_resolved():
    found = as_json()
    (line,) = found["lines"]
    data_set = DATA_SETS.get("SUS_APC")

    assert found["schema"] == "dsfc-snapshot/1"
    assert (found["purpose"], found["start"], found["end"]) == ("COM", "2021-06-01", "2024-05-31")
    assert found["controllers"][0]["contract_reference"] == "CON-338307-D8Z0G"
    assert (line["catalogue_version"], line["catalogue_digest"]) == (
        data_set.version,
        data_set.digest,
    )
    assert line["disclosure_rule"] == data_set.disclosure_rule
    assert line["opt_out"] == {"applied": False, "reason": "no_identifying_data"}
    assert sorted(found["sections"], key=int) == [str(n) for n in range(1, 21)]


def test_sections_stand_as_they_were_answered():
    found = as_json()["sections"]

    for number, answers in complete().items():
        given = answers_of({number: answers}).sections[number]
        assert found[str(number)] == given.model_dump(mode="json", by_alias=True)


def test_it_fits_its_own_schema_and_the_schema_is_one():
    schema = snapshots.schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(as_json(), schema)
    jsonschema.validate(as_json(with_identifiable_line(complete())), schema)
    assert schema["$id"].endswith("/applications/snapshot.v1.schema.json")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json() | {"unknown": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({k: v for k, v in as_json().items() if k != "lines"}, schema)


def test_the_checked_in_schema_is_that_of_the_code():
    file = Path(__file__).parents[4] / "contracts" / "applications" / "snapshot.v1.schema.json"

    assert json.loads(file.read_text("utf-8")) == snapshots.schema()


def test_the_hash_is_that_of_the_canonical_bytes():
    frozen = snapshots.freeze(assembled())

    assert frozen.content == canonical(json.loads(frozen.content))
    assert frozen.hash == digest_of(json.loads(frozen.content))
    assert snapshots.freeze(assembled()) == frozen
    assert snapshots.freeze(assembled(title="Another")).hash != frozen.hash


def test_a_contract_that_was_named_stays_and_one_that_nobody_has_is_null():
    raw = complete()
    raw[2]["controllers"][0]["contract_reference"] = "CON-11111-A1B2C"

    assert as_json(raw)["controllers"][0]["contract_reference"] == "CON-11111-A1B2C"
    without = known(_02P=party(CCG, contracts=()))
    assert as_json(facts=without)["controllers"][0]["contract_reference"] is None


def test_what_nobody_says_about_opt_outs_means_that_they_are_upheld():
    raw = complete()
    raw[8]["lines"] = []

    assert as_json(raw)["lines"][0]["opt_out"] == {"applied": True, "reason": None}


def test_support_is_named_by_its_reference():
    line = as_json(with_identifiable_line(complete()))["lines"][1]

    assert line["confidentiality"] == {"route": "section_251", "section_251": "CAG 7-07(b)/2013"}


@pytest.mark.scenario("A14")
def test_an_accepted_plan_becomes_a_special_condition_with_its_time():
    assurance = AssuranceFact(
        accepted=True, reason="APPROACHING", has_plan=True, plan_until=date(2021, 9, 30)
    )

    (condition,) = as_json(facts=known(_0DF=party(CSU, assurance=assurance)))["special_conditions"]

    assert (condition["id"], condition["due"], condition["owner"]) == (
        "assurance-plan-0DF",
        "2021-09-30",
        "0DF",
    )


def test_identifiable_data_on_unreviewed_evidence_carry_a_review_as_condition():
    assurance = AssuranceFact(accepted=True, reason="STANDARDS_MET", needs_review=True)
    facts = known(_0DF=party(CSU, assurance=assurance))

    (condition,) = as_json(with_identifiable_line(complete()), facts)["special_conditions"]

    assert (condition["id"], condition["due"]) == ("assurance-review-0DF", "2021-12-01")
    assert as_json(facts=facts)["special_conditions"] == []


def test_conditions_of_the_decision_make_another_snapshot_and_none_the_same():
    frozen = snapshots.freeze(assembled())
    condition = Condition(id="c1", text="Do.", due=date(2021, 12, 31), owner=CCG)

    changed = snapshots.as_decided(frozen.content, [condition], {})

    assert snapshots.as_decided(frozen.content, [], {}) == frozen
    assert changed.hash != frozen.hash
    before, after = json.loads(frozen.content), json.loads(changed.content)
    assert after.pop("special_conditions") == [condition.model_dump(mode="json")]
    assert after == {k: v for k, v in before.items() if k != "special_conditions"}


def test_what_is_not_complete_does_not_come_to_a_snapshot():
    raw = complete()
    del raw[20]

    with pytest.raises(ValidationError):
        assembled(raw)
    with pytest.raises(LookupError):
        assembled(complete() | {16: {"lines": []}})
    with pytest.raises(LookupError):
        assembled(complete() | {9: {"purposes": []}})


def test_facts_are_only_those_of_the_parties():
    facts = replace(known(), parties={CCG: party(CCG)})

    assert as_json(facts=facts)["processors"][0]["ods"] == CSU


def test_what_is_signed_is_spelled_as_it_is_on_record():
    raw = with_identifiable_line(complete())
    raw[2]["controllers"][0] |= {
        "legal_name": "barnsley clinical commissioning group",
        "gdpr_article_6": ["Article 6(1)(e)", "6(1)(e)"],
        "gdpr_article_9": ["art 9.2.h"],
        "dpa_2018_schedule_1": ["para 2"],
    }
    raw[3]["processors"][0]["legal_name"] = "South Central & West CSU"
    raw[5]["evidence"][0]["reference"] = "2020/21"
    raw[6]["registrations"][0]["number"] = "z 1234567"
    raw[16]["lines"][1]["section_251"]["reference"] = "CAG 7-07 (B)/2013"

    found = as_json(raw)

    (controller,) = found["controllers"]
    assert controller["legal_name"] == "NHS Barnsley CCG"
    assert controller["gdpr_article_6"] == ["6(1)(e)"]
    assert controller["gdpr_article_9"] == ["9(2)(h)"]
    assert controller["dpa_2018_schedule_1"] == ["paragraph 2"]
    assert found["processors"][0]["legal_name"] == "NHS South, Central and West CSU"
    assert found["assurance"][0]["reference"] == "20/21"
    assert found["ico_registrations"][0]["number"] == "Z1234567"
    assert found["lines"][1]["confidentiality"]["section_251"] == "CAG 7-07(b)/2013"
    assert found["sections"]["2"]["controllers"][0]["gdpr_article_9"] == ["art 9.2.h"]


def test_filters_of_a_line_are_frozen_and_read_back_and_a_line_without_any_is_as_it_was():
    raw = complete()
    before = snapshots.as_json(assembled(raw))
    raw[7]["lines"][0]["filters"] = [
        {"column": "Sex", "any_of": ["2", "1", "2"]},
    ]
    after = snapshots.freeze(assembled(raw))

    assert "filters" not in json.dumps(before)
    assert json.loads(after.content)["lines"][0]["filters"] == [
        {"column": "Sex", "any_of": ["1", "2"]}
    ]
