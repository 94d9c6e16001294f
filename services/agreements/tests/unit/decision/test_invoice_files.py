"""Who has the NHS number to validate an invoice, and that nobody else has (docs/adr/0167)."""

from datetime import date

import pytest

from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.evaluator import evaluate
from services.agreements.tests.reference.world import CAG, CCG, CSU, NOON, OTHER_CCG
from services.agreements.tests.unit.decision.test_scenarios import codes

OWN_7_07, HAVEN_7_07, HAVEN_2_03 = (
    f"CAG {name}/2013" for name in ("7-07(b)", "7-07(a)", "2-03(a)")
)
WITHOUT_ROUTE = ("IDENTITY_WITHOUT_ROUTE", "NHS_Number")
QUESTION = plain.request(
    client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
)


@pytest.fixture
def world():
    """A world whose line has the NHS number, by a version of the data set that gives it."""
    sound = plain.sound()
    described = sound["catalogue"][0]
    described["identified_by"] = ["section_251"]
    number = next(one for one in described["fields"] if one["name"] == "NHS_Number")
    number["treatments"] = ["identified"]
    line_of(sound)["fields"] = [
        {"name": "NHS_Number", "treatment": "identified", "reason": "to confirm backing data"}
    ]
    return sound


def line_of(world):
    return world["agreement"]["versions"][0]["snapshot"]["lines"][1]


def refused(world, asked=QUESTION):
    """Say what is refused, by the service and by the reference alike."""
    found = codes(world, asked)
    assert found == evaluate(world, asked, NOON)
    return found


def to(world, *, organisation=CSU, kind="ceff", approval=CAG):
    """Let the line's data land in that environment, by that approval."""
    line_of(world)["recipient_environment"] = {"organisation": organisation, "kind": kind}
    line_of(world)["confidentiality"]["section_251"] = approval
    world["environments"][1] |= {"organisation": organisation, "kind": kind}
    world["listed"] = [{**one, "organisation": organisation} for one in world["listed"]]
    world["approvals"] = [{**one, "reference": approval} for one in world["approvals"]]
    return world


def of(world, kind):
    """Let the controller be of that kind."""
    for row in world["organisations"]:
        if row["ods"] == CCG:
            row["kind"] = kind
    return world


def test_the_commissioner_who_pays_has_it_in_the_unit_s_controlled_environment(world):
    assert refused(world) == set()


@pytest.mark.parametrize("kind", ["analytics", "rs_supplier", "gp_practice"])
def test_no_other_kind_of_environment_has_it(world, kind):
    found = refused(to(world, kind=kind))

    assert ("FORM_NOT_ALLOWED", "IDENTIFIABLE") in found
    assert ("S251_EXPIRED", CAG) in found


@pytest.mark.parametrize(
    ("organisation", "kind", "approval"),
    [
        (CCG, "ceff", CAG),
        (CSU, "ceff", OWN_7_07),
        (CSU, "ceff", HAVEN_7_07),
        (CSU, "ceff", HAVEN_2_03),
        (CSU, "ash", CAG),
        (CSU, "ash", OWN_7_07),
    ],
)
def test_an_approval_is_about_the_environments_that_it_names(world, organisation, kind, approval):
    """(a) safe havens, (b) a commissioner's, (c) a commissioning support unit's."""
    asked = QUESTION | {"organisation": organisation}

    assert refused(to(world, organisation=organisation, kind=kind, approval=approval), asked) == {
        ("S251_EXPIRED", approval)
    }


@pytest.mark.parametrize(
    ("organisation", "kind", "approval"),
    [(CCG, "ceff", OWN_7_07), (CSU, "ash", HAVEN_7_07), (CSU, "ash", HAVEN_2_03)],
)
def test_each_of_the_others_has_it_by_its_own_approval(world, organisation, kind, approval):
    asked = QUESTION | {"organisation": organisation}

    assert refused(to(world, organisation=organisation, kind=kind, approval=approval), asked) == (
        set()
    )


def hosted(world, listed_for):
    """Another commissioner hosts it as a processor, and is listed for that one."""
    to(world, organisation=OTHER_CCG, approval=OWN_7_07)
    version = world["agreement"]["versions"][0]
    version["processors"] = [CSU, OTHER_CCG]
    version["signed"][OTHER_CCG] = version["signed"][CSU]
    version["snapshot"]["ico_registrations"].append(
        {"ods": OTHER_CCG, "number": plain.number(OTHER_CCG), "expires": "2019-01-15"}
    )
    world["assurance"].append(plain.assurance(OTHER_CCG))
    world["ico"].append(plain.ico(OTHER_CCG))
    world["relationships"] = [plain.relationship(CCG, csu=CSU, processors=[OTHER_CCG])]
    world["listed"] = [{**one, "for": listed_for} for one in world["listed"]]
    return QUESTION | {"organisation": OTHER_CCG}


def test_another_commissioner_hosts_it_as_processor_where_it_is_listed_for_this_one(world):
    assert refused(world, hosted(world, CCG)) == set()


def test_it_is_not_hosted_for_somebody_else(world):
    assert refused(world, hosted(world, "5JE")) == {("ENVIRONMENT_NOT_LISTED", OTHER_CCG)}


def test_whoever_hosts_without_a_relationship_to_the_commissioner_is_refused(world):
    asked = hosted(world, CCG)
    world["relationships"] = [plain.relationship(CCG, csu=CSU)]

    assert refused(world, asked) == {("LCR_MISSING", CCG)}


@pytest.mark.parametrize("kind", ["NHS_TRUST", "LOCAL_AUTHORITY", "SUPPLIER", "NHS_ENGLAND"])
def test_nobody_has_it_who_does_not_pay_for_these_people(world, kind):
    assert refused(of(world, kind)) >= {("IDENTITY_NOT_FOR_RECIPIENT", CCG), WITHOUT_ROUTE}


@pytest.mark.parametrize(("route", "power"), [("consent", "s261_2_c"), ("other_law", "s261_5_d")])
def test_it_is_given_by_section_251_alone(world, route, power):
    line = line_of(world)
    line["confidentiality"] = {"route": route, "section_251": None}
    line["dissemination_power"] = power

    assert refused(world) == {("IDENTITY_NOT_FOR_RECIPIENT", CCG), WITHOUT_ROUTE}


@pytest.mark.parametrize("rule", ["list", "national"])
def test_it_is_given_of_one_s_own_people_alone(world, rule):
    line_of(world)["population"]["rule"] = rule

    assert refused(world) >= {("IDENTITY_NOT_FOR_RECIPIENT", CCG), WITHOUT_ROUTE}


@pytest.mark.parametrize("purpose", ["COM", "RS", "OTHER"])
def test_for_no_other_purpose_does_the_number_leave(world, purpose):
    line_of(world)["purpose"] = purpose

    assert WITHOUT_ROUTE in refused(world, QUESTION | {"purpose": purpose})


@pytest.mark.parametrize(
    ("name", "class_", "treatment"),
    [("Date_of_Birth", "DI", "identified"), ("Postcode", "DI", "identified")],
)
def test_beside_the_number_nothing_is_above_the_ceiling_of_invoices(world, name, class_, treatment):
    described = world["catalogue"][0]
    field = next(one for one in described["fields"] if one["name"] == name)
    field["treatments"] = [treatment]
    assert field["class"] == class_
    line_of(world)["fields"].append({"name": name, "treatment": treatment, "reason": "to be sure"})

    assert refused(world, QUESTION | {"fields": ["NHS_Number", name]}) == {
        ("FORM_NOT_ALLOWED", name)
    }


def test_the_reference_and_the_service_agree_on_the_last_day(world):
    world["approvals"][0]["end"] = date(2018, 5, 31)

    assert refused(world) == {("S251_EXPIRED", CAG)}
