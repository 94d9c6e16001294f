"""Every permission says why opt-outs are upheld, or are not: of the line, never of anybody."""

import dataclasses
from datetime import date

import pytest

from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.world import CCG, NOON
from services.agreements.tests.unit.decision.test_scenarios import decided
from services.agreements.tests.unit.decision.test_uses import with_identity
from statements.line import OptOutGround

BY_INVOICE = {
    "client": "ceff-0df", "purpose": "IV", "classification": "IDENTIFIABLE",
    "fields": ["NHS_Number"],
}  # fmt: skip


@pytest.fixture
def world():
    return plain.sound()


def ground(world, **asked):
    found = decided(world, plain.request(**asked))
    assert isinstance(found, Permission), found
    return found.opt_out_ground


def line_of(world, number):
    return world["agreement"]["versions"][0]["snapshot"]["lines"][number - 1]


def test_of_records_that_identify_nobody_the_rule_leaves_them_out(world):
    assert ground(world) == OptOutGround(
        by="rule",
        reason="not confidential patient information",
        source='domain.md 4.3, "Does not apply"',
    )


def test_of_invoices_the_rule_upholds_them_until_a_letter_is_on_record(world):
    found = ground(world, **BY_INVOICE)

    assert (found.by, found.letter) == ("rule", None)
    assert "ruling 27" in found.source


def test_a_line_may_uphold_them_though_no_rule_asks_for_it(world):
    line_of(world, 1)["opt_out"] = {"applied": True, "reason": None}

    found = ground(world)
    assert (found.by, found.reason) == ("line", "not confidential patient information")


def test_consent_is_named_where_the_line_rests_on_it(world):
    line_of(world, 2).update(
        purpose="OTHER",
        opt_out={"applied": False, "reason": "consent"},
        dissemination_power="s261_2_c",
        confidentiality={"route": "consent", "section_251": None},
    )

    found = ground(world, **BY_INVOICE | {"purpose": "OTHER"})
    assert (found.by, found.reason) == ("consent", "upheld unless the people consented")


def test_of_births_and_deaths_the_statute_is_named(world):
    line, asked = with_identity(world, kind="LOCAL_AUTHORITY")
    line["opt_out"] = {"applied": False, "reason": "exemption"}
    line["population"] |= {"rule": "own", "reasons": ["H"]}
    asked |= {"client": plain.CLIENT}

    found = decided(world, asked)

    assert isinstance(found, Permission), found
    assert found.opt_out_ground.by == "statute"
    assert "s42(4)" in found.opt_out_ground.reason
    assert found.opt_out_ground.since == date(2013, 4, 1)
    assert CCG in found.codes


def test_a_letter_is_named_with_its_date_where_it_waives_them(world):
    line_of(world, 2)["opt_out"] = {"applied": False, "reason": "exemption"}
    facts, day = facts_of(world), date(2018, 5, 1)
    rule = facts.rules.opt_out(
        NOON.date(), purpose="IV", data_set="SUS_APC", classification="IDENTIFIABLE"
    )
    letter = "CAG 7-07, letter of 2018-05-01"
    waived = dataclasses.replace(rule, applied=False, first=day, letter=letter)
    rules = dataclasses.replace(facts.rules, opt_outs=(waived, *facts.rules.opt_outs))
    question = question_of(plain.request(**BY_INVOICE))

    found = decide(question, dataclasses.replace(facts, rules=rules), present_of(world, NOON))

    assert isinstance(found, Permission), found
    assert found.opt_out_ground.by == "rule"
    assert (found.opt_out_ground.since, found.opt_out_ground.letter) == (day, letter)
