"""Facts that a document states are those of law, catalogue and record; warnings keep their word.

Applications warns of what the decision will refuse later (`PROMISES` of its checks; docs/adr/0028).
"""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from agreements.decision.domain.codes import Code
from services.agreements.tests.reference import spoiling
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CAG, CCG, CSU, OTHER_CCG, london
from services.agreements.tests.unit.decision.test_scenarios import codes

CHECKS = (
    Path(__file__).parents[4] / "applications/src/applications/domain/checks/codes.py"
).read_text("utf-8")
AFTER = london(2019, 1, 16, 9)
"""On the day after the fees of all parties were paid until."""
IDENTIFIABLE = {
    "client": "ceff-0df",
    "purpose": "IV",
    "classification": "IDENTIFIABLE",
    "fields": ["NHS_Number"],
}


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def snapshot(world):
    return world["agreement"]["versions"][0]["snapshot"]


@pytest.mark.parametrize("name", ["gdpr_article_6", "gdpr_article_9", "dpa_2018_schedule_1"])
@pytest.mark.parametrize("written", ["banana", "", "6(1)(z)", "9(2)(z)", "paragraph 5", "6(1)"])
@pytest.mark.parametrize("question", [plain.request, plain.release, plain.fetch])
def test_a_basis_that_the_law_does_not_have_opens_nothing(world, snapshot, name, written, question):
    snapshot["controllers"][0][name] = [written]

    assert ("LEGAL_BASIS_UNKNOWN", CCG) in codes(world, question())


@pytest.mark.parametrize("value", [[], None, "6(1)(e)", [["6(1)(e)"]], {}])
def test_no_basis_and_one_of_another_form_open_nothing(world, snapshot, value):
    snapshot["controllers"][0]["gdpr_article_6"] = value

    assert codes(world, plain.request()) == {("LEGAL_BASIS_UNKNOWN", CCG)}


def test_a_controller_that_the_snapshot_does_not_have_has_no_basis(world, snapshot):
    snapshot["controllers"] = [plain.bases(OTHER_CCG)]

    assert codes(world, plain.request()) == {("LEGAL_BASIS_UNKNOWN", CCG)}


@pytest.mark.parametrize("written", ["6(1)(e)", "Article 6(1)(e)", "6.1.e"])
def test_a_basis_is_read_as_it_was_spelled_when_it_was_signed(world, snapshot, written):
    snapshot["controllers"][0]["gdpr_article_6"] = [written]

    assert codes(world, plain.request()) == set()


@pytest.mark.parametrize("rule", ["SHMI", "CSDS", "mine", "hes"])
def test_a_rule_that_is_not_the_data_sets_opens_nothing(world, snapshot, rule):
    snapshot["lines"][0]["disclosure_rule"] = rule

    assert codes(world, plain.request()) == {("DISCLOSURE_RULE_UNKNOWN", None)}


@pytest.mark.parametrize("name", ["sensitivity", "frequency", "access_method"])
def test_a_word_of_the_line_that_is_in_no_vocabulary_opens_nothing(world, snapshot, name):
    snapshot["lines"][0][name] = "banana"

    assert codes(world, plain.request()) == {("CLAUSE_UNKNOWN", name)}


def test_anothers_ico_number_opens_nothing(world, snapshot):
    snapshot["ico_registrations"] = [{"ods": CCG, "number": plain.number(CSU)}]

    assert codes(world, plain.request()) == {("ICO_NUMBER_DIFFERS", CCG)}


# Warnings that promise


def asked_to_be_reviewed(world):
    """Nobody asks for the review that was promised."""
    world["assurance"][1]["reviewed"] = False
    world["agreement"]["versions"][0]["conditions"] = []
    return plain.request(**IDENTIFIABLE), plain.NOON


def under_plan(world):
    """The plan's condition is not met in its time."""
    world["agreement"]["versions"][0]["conditions"] = [
        {
            "id": f"assurance-plan-{CSU}",
            "due": date(2018, 5, 31),
            "owner": CSU,
            "fulfilled_at": None,
        }
    ]
    return plain.request(), plain.NOON


def expires(world):
    world["agreement"]["versions"][0]["conditions"] = []
    return plain.request(), AFTER


def not_on_record(world):
    world["ico"] = []
    return plain.request(), plain.NOON


def ends_with_its_support(world):
    world["approvals"][0]["end"] = date(2018, 5, 31)
    return plain.request(**IDENTIFIABLE), plain.NOON


def support_not_on_record(world):
    world["approvals"] = []
    return plain.request(**IDENTIFIABLE), plain.NOON


def others_people(world):
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    line["population"] |= {"rule": "union", "commissioners": [CCG, OTHER_CCG]}
    world["relationships"].append(plain.relationship(OTHER_CCG, csu=CSU))
    return plain.request(), plain.NOON


def undone(world, fields):
    """The haven did not do what the warning said."""
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    line["fields"] = [{"name": n, "treatment": t, "reason": "need"} for n, t in fields.items()]
    classes = {f["name"]: f["class"] for f in plain.data_set("SUS_APC")["fields"]}
    columns = [{"name": n, "treatment": t, "class": classes[n]} for n, t in fields.items()]
    return plain.fetch(file=plain.file(columns=columns)), plain.NOON


def told_in_full(world):
    return undone(world, {"Der_Sector": "derived", "Der_LSOA": "derived"})


def oldest_told(world):
    return undone(world, {"Date_of_Birth": "year"})


def chosen_by_what_it_does_not_belong_to(world):
    """Wards belong to nothing that has a town."""
    spoiling.in_groups(world)
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    line["fields"] = [
        {"name": name, "treatment": "as_is", "reason": "need"} for name in spoiling.IN_GROUPS
    ]
    line["filters"] = [{"column": "People.Town", "any_of": ["X"]}]
    return plain.request(fields=["Visits.Kind", "Wards.Kind"]), plain.NOON


PROOFS = {
    "ASSURANCE_TO_BE_REVIEWED": (asked_to_be_reviewed, ("ASSURANCE_LAPSED", CSU)),
    "ASSURANCE_UNDER_PLAN": (under_plan, ("CONDITION_OVERDUE", f"assurance-plan-{CSU}")),
    "COLUMN_WITHHELD": (told_in_full, ("CAP_UNDONE", "Der_LSOA")),
    "FILTER_LEAVES_GROUP_OUT": (
        chosen_by_what_it_does_not_belong_to,
        ("FILTER_OVER_GROUPS", "People.Town"),
    ),
    "OLDEST_CAPPED": (oldest_told, ("CAP_UNDONE", "Date_of_Birth")),
    "ICO_EXPIRES_IN_TERM": (expires, ("ICO_LAPSED", CCG)),
    "ICO_EXPIRY_CORRECTED": (expires, ("ICO_LAPSED", CSU)),
    "ICO_NOT_ON_RECORD": (not_on_record, ("ICO_LAPSED", CCG)),
    "LINE_CAPPED_BY_S251": (ends_with_its_support, ("S251_EXPIRED", CAG)),
    "POPULATION_NOT_OWN": (others_people, ("OUT_OF_POPULATION", OTHER_CCG)),
    "S251_NOT_ON_RECORD": (support_not_on_record, ("S251_EXPIRED", CAG)),
}


@pytest.mark.parametrize("warning", sorted(PROOFS))
def test_what_a_warning_promises_the_decision_keeps(world, warning):
    spoil, refusal = PROOFS[warning]
    question, now = spoil(world)

    assert refusal in codes(world, question, now)
    sound = plain.sound()
    assert refusal not in codes(sound, question, plain.NOON + timedelta(0))


def test_every_promise_of_applications_is_kept_here():
    """Services know one another by contracts only, so the table is read as text."""
    table = CHECKS[CHECKS.index("PROMISES") : CHECKS.index("NO_PROMISE")]
    promised = dict(re.findall(r'^    "([A-Z0-9_]+)": "([A-Z0-9_]+)",$', table, re.MULTILINE))

    assert promised == {warning: refusal[0] for warning, (_, refusal) in PROOFS.items()}
    assert set(promised.values()) <= set(Code)
