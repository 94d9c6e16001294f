"""Who may ask whether somebody was at a provider: a controlled environment for finance alone."""

import pytest

from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CCG, CCG_CLIENT, CLIENT, CSU
from services.agreements.tests.unit.decision.test_scenarios import codes, decided


@pytest.fixture
def world():
    return plain.sound()


def test_the_environment_of_the_line_is_told_whose_people_count(world):
    allowed = decided(world, plain.match())

    assert isinstance(allowed, Permission)
    assert (allowed.codes, allowed.fields) == ((CCG,), ())
    assert allowed.line.opt_outs_applied  # ruling 27: until a letter waives them


@pytest.mark.scenario("R10")
@pytest.mark.parametrize(("client", "organisation"), [(CLIENT, CSU), (CCG_CLIENT, CCG)])
def test_a_commissioning_team_of_the_same_organisation_is_refused(world, client, organisation):
    asked = plain.match(client=client, organisation=organisation)

    assert codes(world, asked) == {("ENVIRONMENT_MISMATCH", None)}


@pytest.mark.parametrize("purpose", ["COM", "RS"])
def test_nobody_is_looked_for_by_a_line_for_another_purpose(world, purpose):
    world = plain.with_risk_stratification(world)
    classification = "PSEUDO_ANONYMISED" if purpose == "COM" else "IDENTIFIABLE"
    client = CLIENT if purpose == "COM" else plain.RISK_CLIENT
    asked = plain.match(purpose=purpose, classification=classification, client=client)

    assert ("INVOICE_VALIDATION_ONLY", "purpose") in codes(world, asked)


def test_a_month_outside_the_line_is_refused(world):
    assert ("PERIOD_NOT_IN_DSA", "2030-01") in codes(world, plain.match(periods=["2030-01"]))


def test_section_251_ends_it_as_it_ends_the_line(world):
    for approval in world["approvals"]:
        approval["end"] = plain.NOON.date().replace(month=5)

    assert any(code == "S251_EXPIRED" for code, _ in codes(world, plain.match()))
