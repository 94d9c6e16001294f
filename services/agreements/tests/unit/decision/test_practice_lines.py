"""A practice is a recipient by the line and no party: records of its own patients (ruling 29)."""

import pytest

from agreements.decision.domain.decide import PRACTICE as CAPACITY
from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CCG, CLIENT, CSU, PRACTICE, PRACTICE_CLIENT
from services.agreements.tests.unit.decision.test_scenarios import codes, decided

NOT_FOUND = {("AGREEMENT_NOT_FOUND", None)}


@pytest.fixture
def world():
    return plain.with_line_for_a_practice(plain.with_risk_stratification(plain.sound()))


def lines(world):
    for version in world["agreement"]["versions"]:
        yield from (x for x in version["snapshot"]["lines"] if x["number"] == 5)


def test_a_practice_that_signed_nothing_is_given_its_own_patients_alone(world):
    allowed = decided(world, plain.request_by_practice())

    assert isinstance(allowed, Permission)
    assert (allowed.capacity, allowed.on_behalf_of) == (CAPACITY, ())
    assert allowed.registered_with == (PRACTICE,)
    assert allowed.domain.environment == plain.PRACTICE_ENVIRONMENT
    assert allowed.line.opt_outs_applied


def test_whoever_else_receives_is_given_whoevers_patients(world):
    asked = plain.request_by_practice(
        client=plain.RISK_CLIENT, organisation=CSU, fields=["NHS_Number"]
    )

    assert decided(world, asked).registered_with == ()


def test_another_practice_learns_of_no_agreement(world):
    world["organisations"].append(plain.organisation("A81001", "GP_PRACTICE"))
    world["assurance"].append(plain.assurance("A81001"))

    assert (
        codes(world, plain.request_by_practice(client="practice-2", organisation="A81001"))
        == NOT_FOUND
    )
    assert (
        codes(world, plain.request_by_practice(purpose="COM", classification="PSEUDO_ANONYMISED"))
        == NOT_FOUND
    )


def test_another_client_of_the_practice_and_a_party_are_not_of_its_environment(world):
    for client, organisation in (("practice-2", PRACTICE), (CLIENT, CSU)):
        asked = plain.request_by_practice(client=client, organisation=organisation)
        assert ("ENVIRONMENT_MISMATCH", None) in codes(world, asked)


def test_without_security_assurance_it_is_given_nothing(world):
    world["assurance"] = [one for one in world["assurance"] if one["organisation"] != PRACTICE]

    assert codes(world, plain.request_by_practice()) == {("ASSURANCE_LAPSED", PRACTICE)}


def test_a_practice_that_merged_is_given_nothing_under_its_old_code(world):
    for line in lines(world):
        line["recipient_environment"]["organisation"] = plain.MERGED_PRACTICE
    world["environments"][-1]["organisation"] = plain.MERGED_PRACTICE
    asked = plain.request_by_practice(organisation=plain.MERGED_PRACTICE)

    assert ("ORGANISATION_CLOSED", plain.MERGED_PRACTICE) in codes(world, asked)


def test_who_is_no_practice_has_no_patients(world):
    for line in lines(world):
        line["recipient_environment"]["organisation"] = CCG
    world["environments"][-1]["organisation"] = CCG

    assert ("DIRECT_CARE_ONLY", CCG) in codes(world, plain.request_by_practice(organisation=CCG))


@pytest.mark.parametrize("said", [None, ["A81001"], [PRACTICE, "A81001"]])
def test_a_file_that_may_have_others_patients_in_it_is_not_released(world, said):
    file = plain.file(
        purpose="RS",
        classification="IDENTIFIABLE",
        line=5,
        registered=said,
    )
    asked = plain.release(file=file, permit=plain.permit(**_permitted()))

    assert ("OUT_OF_POPULATION", PRACTICE) in codes(world, asked)
    file["registered"] = [PRACTICE]
    assert ("OUT_OF_POPULATION", PRACTICE) not in codes(world, asked)


def _permitted():
    return {
        "client": PRACTICE_CLIENT,
        "organisation": PRACTICE,
        "purpose": "RS",
        "classification": "IDENTIFIABLE",
    }
