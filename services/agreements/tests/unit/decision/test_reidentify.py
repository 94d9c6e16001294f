"""Who may be told whom a token stands for: a practice, for direct care, and nobody else (8.4)."""

from datetime import date

import pytest

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.question import Asker, Reidentify
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG
from statements.permit import DomainFacts
from statements.vocabulary import LineKey

PRACTICE, CLOSED = plain.PRACTICE, plain.MERGED_PRACTICE
RISK = LineKey("RS", "SUS_APC", "IDENTIFIABLE")


@pytest.fixture
def world():
    return plain.with_practices(plain.with_risk_stratification(plain.sound()))


def decided(world, organisation=PRACTICE, client="practice-j81002", key=RISK):
    asker = Asker(client_id=client, organisation=organisation)
    question = Reidentify(asker=asker, agreement=plain.REFERENCE, key=key)
    return decide(question, facts_of(world), present_of(world))


def codes(world, **asked):
    decision = decided(world, **asked)
    return set() if isinstance(decision, Permission) else {(r.code, r.subject) for r in decision}


@pytest.mark.scenario("G01")
def test_a_practice_is_given_the_domain_of_the_suppliers_file(world):
    allowed = decided(world)

    assert isinstance(allowed, Permission)
    assert allowed.capacity == "practice"
    assert allowed.on_behalf_of == ()  # it asks for its own patients, in nobody's name
    assert allowed.domain == DomainFacts.of(
        controllers=(CCG,),
        agreement=plain.REFERENCE,
        purpose="RS",
        environment=plain.RISK_ENVIRONMENT,
        opt_out="applied",
        data_sets=("DIDS", "SUS_APC"),
    )
    assert allowed.fields == ()


@pytest.mark.scenario("G03")
@pytest.mark.parametrize(
    ("organisation", "client"), [(CCG, plain.CCG_CLIENT), (CSU, plain.RISK_CLIENT)]
)
def test_commissioner_and_csu_are_refused_though_the_agreement_is_theirs(
    world, organisation, client
):
    assert codes(world, organisation=organisation, client=client) == {
        ("DIRECT_CARE_ONLY", organisation)
    }


@pytest.mark.parametrize("organisation", [OTHER_CCG, "ZZ9"])
def test_who_is_neither_party_nor_practice_is_told_of_no_agreement(world, organisation):
    assert codes(world, organisation=organisation) == {("AGREEMENT_NOT_FOUND", None)}


def test_a_practice_that_closed_or_merged_is_refused(world):
    assert codes(world, organisation=CLOSED) == {("ORGANISATION_CLOSED", CLOSED)}


def test_a_practice_without_assurance_is_refused(world):
    """Ruling 29: practices are no parties, and need security assurance all the same."""
    world["assurance"] = [a for a in world["assurance"] if a["organisation"] != PRACTICE]

    assert codes(world) == {("ASSURANCE_LAPSED", PRACTICE)}


def test_tokens_of_another_purpose_lead_back_to_nobody(world):
    commissioning = LineKey("COM", "SUS_APC", "PSEUDO_ANONYMISED")

    assert codes(world, key=commissioning) == {("DIRECT_CARE_ONLY", "purpose")}


def test_section_251_ends_it_as_it_ends_the_line(world):
    for approval in world["approvals"]:
        approval["end"] = date(2018, 5, 31)

    assert ("S251_EXPIRED", plain.RISK_CAG) in codes(world)


def test_a_held_agreement_or_line_ends_it(world):
    world["agreement"]["holds"] = [
        {"whole": True, "lines": [], "set_at": plain.NOON, "lifted_at": None}
    ]

    assert codes(world) == {("BREACH_OPEN", None)}


def test_a_relationship_that_ended_ends_it(world):
    world["relationships"] = []

    assert codes(world) == {("LCR_MISSING", CCG)}


def test_without_the_line_there_is_nothing_to_lead_back(world):
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"] = [x for x in version["snapshot"]["lines"] if x["number"] != 3]

    assert codes(world) == {("LINE_NOT_IN_DSA", None)}
