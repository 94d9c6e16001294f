"""A request has one digest, and a permit contradicts neither itself nor what it does not know."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.ids import digest_of
from statements.form import Malformed
from statements.permit import DomainFacts, DomainGoesOn, Permit
from statements.request import AgreementResource, ExtractRequest

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return json.loads(json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))["canonical"])


ASKED = ExtractRequest(
    extract_id="018f0000-0000-7000-8000-000000000001",
    agreement="DARS-NIC-123456-A1B2C",
    purpose="COM",
    data_set="SUS_APC",
    classification="PSEUDO_ANONYMISED",
    periods=("2018-04",),
    fields=("Sex",),
    formats=("csv",),
)


def test_the_digest_of_a_request_is_over_all_of_it():
    others = [
        replace(ASKED, extract_id="2"),
        replace(ASKED, agreement="DARS-NIC-654321-Z9Y8X"),
        replace(ASKED, purpose="RS"),
        replace(ASKED, data_set="DIDS"),
        replace(ASKED, classification="IDENTIFIABLE"),
        replace(ASKED, periods=("2018-05",)),
        replace(ASKED, fields=("Sex", "Diagnosis")),
        replace(ASKED, formats=("parquet",)),
    ]

    assert len({r.digest for r in (ASKED, *others)}) == 9
    assert ASKED.digest == digest_of(
        {
            "extract_id": "018f0000-0000-7000-8000-000000000001",
            "agreement": "DARS-NIC-123456-A1B2C",
            "purpose": "COM",
            "data_set": "SUS_APC",
            "classification": "PSEUDO_ANONYMISED",
            "periods": ["2018-04"],
            "fields": ["Sex"],
            "formats": ["csv"],
        }
    )
    assert ExtractRequest.read(ASKED.claims()) == ASKED


@pytest.mark.parametrize("name", ["permit", "permit-by-check", "permit-national"])
def test_a_permit_that_was_given_does_not_contradict_itself(name):
    assert list(Permit.read(golden(name)).contradictions()) == []


def spoiled(change):
    """Return a permit that was given, with some members changed and its domain named anew."""
    permit = Permit.read(golden("permit"))
    changed = change(permit)
    if changed.domain == permit.domain:
        return changed
    made = replace(changed.domain, id=digest_of(changed.domain.as_json()))
    return replace(changed, domain=made)


def domain(**members):
    return lambda permit: replace(permit, domain=replace(permit.domain, **members))


CONTRADICTORY = {
    "domain.agreement": domain(agreement="DARS-NIC-654321-Z9Y8X"),
    "domain.purpose": domain(purpose="RS"),
    "domain.data_sets": domain(data_sets=("DIDS",)),
    "domain.opt_out": lambda p: replace(
        p, opt_out=replace(p.opt_out, applied=not p.opt_out.applied)
    ),
    "population.codes": lambda p: replace(p, population=replace(p.population, codes=())),
    "population.reasons": lambda p: replace(p, population=replace(p.population, reasons=())),
    "periods": lambda p: replace(p, periods=p.periods * 2),
    "fields": lambda p: replace(p, fields=p.fields * 2),
    "formats": lambda p: replace(p, formats=p.formats * 2),
    "route": lambda p: replace(p, route="other_law"),
    "goes_on": lambda p: replace(p, goes_on=DomainGoesOn(environment="e2", times=0)),
}


@pytest.mark.parametrize("member", CONTRADICTORY)
def test_a_permit_names_the_one_member_that_contradicts_the_others(member):
    """Guard: each line of `Permit.contradictions`; a domain of another agreement is its own."""
    assert list(spoiled(CONTRADICTORY[member]).contradictions()) == [member]


@pytest.mark.parametrize("member", ["periods", "fields", "formats"])
def test_a_permit_of_nothing_contradicts_itself(member):
    permit = Permit.read(golden("permit"))

    assert list(replace(permit, **{member: ()}).contradictions()) == [member]


def test_a_permit_says_where_its_domain_goes_on_and_else_it_is_where_it_began():
    permit = Permit.read(golden("permit"))
    moved = replace(permit, goes_on=DomainGoesOn(environment="e2", times=1))

    assert permit.environment == permit.domain.environment
    assert "goes_on" not in permit.claims()
    assert (moved.environment, moved.domain) == ("e2", permit.domain)
    assert Permit.read(moved.claims()) == moved
    assert list(moved.contradictions()) == []


def test_a_domain_under_anothers_name_is_contradictory():
    permit = Permit.read(golden("permit"))

    named = replace(permit, domain=replace(permit.domain, id="0" * 64))
    assert list(named.contradictions()) == ["domain.id"]


@pytest.mark.parametrize(
    "change",
    [
        {"unheard_of": 1},
        {"epoch": "1"},
        {"epoch": True},
        {"periods": "2018-04"},
        {"formats": ["exe"]},
        {"extract_id": "extract"},
        {"opt_out": {"applied": "yes", "list_age_days_max": 7}},
        {"opt_out": {"applied": True, "list_age_days_max": 7, "unless": "x"}},
        {"jti": None},
    ],
)
def test_a_permit_is_read_strictly_and_closed(change):
    with pytest.raises(Malformed) as malformed:
        Permit.read(golden("permit") | change)

    assert malformed.value.members == tuple(change)


def test_what_is_missing_of_a_permit_is_named():
    for member in golden("permit"):
        rest = {k: v for k, v in golden("permit").items() if k != member}
        with pytest.raises(Malformed, match=f"malformed: {member}$"):
            Permit.read(rest)


def test_a_domain_is_named_by_the_digest_of_what_makes_it():
    domain = Permit.read(golden("permit")).domain

    assert domain.id == digest_of(domain.as_json())
    assert DomainFacts.stored(domain.as_json()) == domain


def test_what_is_wanted_is_the_request_but_for_its_extract():
    asked = {
        "purpose": "COM",
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "periods": ["2018-04"],
        "fields": ["Sex"],
        "formats": ["parquet"],
        "changes_since": "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10",
        "filters": [{"column": "Sex", "any_of": ["1"]}],
    }
    resource = AgreementResource.model_validate(
        {"type": "agreement", "id": "DARS-NIC-12345-A1B2C", "properties": asked}
    )
    request = replace(resource.wanted, extract_id="an extract")

    assert not resource.wanted.extract_id
    assert request.claims() == {**asked, "agreement": resource.id, "extract_id": "an extract"}
    assert resource.wanted is resource.wanted
