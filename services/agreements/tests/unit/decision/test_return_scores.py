"""Who may send scores of risk stratification back: the supplier of a line of records alone."""

import pytest

from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CCG, CCG_CLIENT, CLIENT, CSU
from services.agreements.tests.unit.decision.test_scenarios import codes, decided


@pytest.fixture
def world():
    return plain.with_risk_stratification(plain.sound())


def test_the_supplier_is_told_by_whose_tokens_it_knows_the_people(world):
    allowed = decided(world, plain.return_scores())

    assert isinstance(allowed, Permission)
    assert (allowed.domain.purpose, allowed.fields) == ("RS", ())
    assert allowed.domain.environment == plain.RISK_ENVIRONMENT


@pytest.mark.parametrize(("client", "organisation"), [(CLIENT, CSU), (CCG_CLIENT, CCG)])
def test_who_is_not_of_the_suppliers_environment_sends_none(world, client, organisation):
    asked = plain.return_scores(client=client, organisation=organisation)

    assert ("ENVIRONMENT_MISMATCH", None) in codes(world, asked)


@pytest.mark.parametrize(
    ("purpose", "classification", "client"),
    [("COM", "PSEUDO_ANONYMISED", CLIENT), ("IV", "IDENTIFIABLE", "ceff-0df")],
)
def test_no_scores_come_back_by_a_line_for_another_purpose(world, purpose, classification, client):
    asked = plain.return_scores(purpose=purpose, classification=classification, client=client)

    assert codes(world, asked) == {("RISK_STRATIFICATION_ONLY", "purpose")}


def test_by_a_line_that_lands_elsewhere_than_with_a_supplier_none_come_back(world):
    for version in world["agreement"]["versions"]:
        for line in version["snapshot"]["lines"]:
            if line["purpose"] == "RS":
                line["classification"] = "PSEUDO_ANONYMISED"
                line["recipient_environment"] = {"organisation": CSU, "kind": "analytics"}
    asked = plain.return_scores(classification="PSEUDO_ANONYMISED", client=CLIENT)

    assert ("RISK_STRATIFICATION_ONLY", "purpose") in codes(world, asked)


def test_section_251_ends_it_as_it_ends_the_line(world):
    for approval in world["approvals"]:
        approval["end"] = plain.NOON.date().replace(month=5)

    assert any(code == "S251_EXPIRED" for code, _ in codes(world, plain.return_scores()))
