"""A file in which one column tells what another one hides does not leave (docs/adr/0031)."""

from dataclasses import replace

import pytest

from agreements.decision.domain.decide import Permission, decide
from catalogue import Cap
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.asking import attested
from services.agreements.tests.reference.facts_of import (
    facts_of,
    permit_of,
    present_of,
    question_of,
)
from services.agreements.tests.reference.world import CCG, CSU, NOON
from services.agreements.tests.unit.decision.test_scenarios import codes
from statements.attestation import Attestation
from statements.permit import Permit, PermittedCaps

CLASSES = {f["name"]: f["class"] for f in plain.data_set("SUS_APC")["fields"]}
SMALL_AREAS = {"Der_Sector": "derived", "Der_LSOA": "derived"}
BIRTH = {"Der_Age": "derived", "Date_of_Birth": "year"}


@pytest.fixture
def world():
    return plain.sound()


def listing(world, fields):
    """Let the line list these fields, and give the questions about a file that has them."""
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    line["fields"] = [{"name": n, "treatment": t, "reason": "need"} for n, t in fields.items()]
    return line


def file_of(fields, caps=None, **changes):
    columns = [{"name": n, "treatment": t, "class": CLASSES[n]} for n, t in fields.items()]
    return plain.file(columns=columns, caps=caps or {}, **changes)


def asked_of(fields, caps=None):
    """The release and the fetch of a file with these columns."""
    file = file_of(fields, caps)
    yield plain.release(file=file, permit=plain.permit(fields=fields))
    yield plain.fetch(file=file)


UNDONE = [
    (SMALL_AREAS, "Der_LSOA", Cap.WITHHELD),
    ({"Der_Start_Month": "derived", "Episode_Start_Date": "as_is"}, "Episode_Start_Date",
     Cap.WITHHELD),
    ({"Der_Birth_Month": "derived", "Der_LSOA": "derived"}, "Der_Birth_Month", Cap.WITHHELD),
    ({"Der_Birth_Month": "derived"}, "Der_Birth_Month", Cap.WITHHELD_OF_OLDEST),
    ({"Date_of_Birth": "year"}, "Date_of_Birth", Cap.CAPPED),
    ({"Der_Age": "derived", "Der_Age_Band": "derived"}, "Der_Age_Band", Cap.CAPPED_TOGETHER),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "column", "cap"), UNDONE)
def test_what_undoes_a_cap_is_refused_unless_the_file_hides_as_much(world, fields, column, cap):
    listing(world, fields)
    enough = dict.fromkeys(fields, "withheld")

    for at, done in enumerate([None, *Cap]):
        caps = (
            {**enough, column: done} if done else {n: c for n, c in enough.items() if n != column}
        )
        for asked in asked_of(fields, caps):
            expected = set() if done and done.hides(cap) else {("CAP_UNDONE", column)}
            assert codes(world, asked) == expected, at


def test_a_file_from_before_there_were_caps_is_prepared_anew(world):
    listing(world, SMALL_AREAS)

    for asked in asked_of(SMALL_AREAS):
        assert codes(world, asked) == {("CAP_UNDONE", "Der_LSOA")}
    assert codes(world, plain.request(fields=list(SMALL_AREAS))) == set()


def test_a_file_with_half_of_the_columns_tells_no_more_beside_the_other_half(world):
    """Two extracts of one line, asked for one after the other, are had side by side."""
    listing(world, SMALL_AREAS)

    for asked in asked_of({"Der_LSOA": "derived"}):
        assert codes(world, asked) == {("CAP_UNDONE", "Der_LSOA")}
    for asked in asked_of({"Der_Sector": "derived"}):
        assert codes(world, asked) == set()


def permitted(world, fields):
    decision = decide(
        question_of(plain.request(fields=list(fields))), facts_of(world), present_of(world, NOON)
    )
    assert isinstance(decision, Permission)
    return dict(decision.caps.columns) if decision.caps else {}


def test_a_line_in_force_goes_on_being_served_and_its_permit_says_what_is_hidden(world):
    listing(world, SMALL_AREAS | BIRTH)

    assert permitted(world, ["Der_LSOA"]) == {"Der_LSOA": Cap.WITHHELD}
    assert permitted(world, ["Der_Sector"]) == {}
    assert permitted(world, BIRTH) == {"Der_Age": Cap.CAPPED, "Date_of_Birth": Cap.CAPPED}


def beside(world, **changes):
    """A second line, whose people may have the same tokens, that lists the sector."""
    listing(world, {"Der_LSOA": "derived"})
    world["agreement"]["versions"][0]["snapshot"]["lines"].append(
        plain.line(
            number=3,
            classification="AGGREGATE_SUPPRESSED",
            fields=[{"name": "Der_Sector", "treatment": "derived", "reason": "need"}],
        )
        | changes
    )


def test_another_line_of_the_same_people_hides_as_well(world):
    beside(world)

    assert permitted(world, ["Der_LSOA"]) == {"Der_LSOA": Cap.WITHHELD}


def test_how_its_recipient_is_spelt_is_no_way_out(world):
    beside(world, recipient_environment={"organisation": CSU.lower(), "kind": "analytics"})

    assert permitted(world, ["Der_LSOA"]) == {"Der_LSOA": Cap.WITHHELD}


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "RS"},
        {"recipient_environment": {"organisation": CCG, "kind": "analytics"}},
        {"recipient_environment": {"organisation": CSU, "kind": "ash"}},
        {"opt_out": {"applied": True, "reason": None}},
        {"data_set": "CSDS", "catalogue_digest": plain.sha(["catalogue", "CSDS"])},
    ],
    ids=["purpose", "recipient", "environment", "opt-outs", "data set"],
)
def test_a_line_of_other_tokens_hides_nothing(world, changes):
    beside(world, **changes)

    assert permitted(world, ["Der_LSOA"]) == {}


def test_a_linked_data_set_hides_as_well(world):
    beside(world, data_set="CSDS", catalogue_digest=plain.sha(["catalogue", "CSDS"]))
    snapshot = world["agreement"]["versions"][0]["snapshot"]
    snapshot["linkage"] = [{"data_sets": ["SUS_APC", "CSDS"], "key": "person", "mitigation": "x"}]

    assert permitted(world, ["Der_LSOA"]) == {"Der_LSOA": Cap.WITHHELD}


def test_an_attestation_is_read_with_what_was_done_and_without():
    permit = permit_of(plain.permit(fields={"Sex": "as_is"}))
    caps = {"rule": "caps/4", "columns": {"Sex": "withheld", "Age": "capped", "X": "reversed"}}

    said = Attestation.read(attested(permit, caps=caps))

    assert said.done_to("Sex") is Cap.WITHHELD
    assert said.done_to("Age") is Cap.CAPPED
    assert said.done_to("X") is None
    assert Attestation.read(attested(permit)).done_to("Sex") is None


def test_a_permit_says_what_is_to_be_hidden_and_nothing_where_nothing_is():
    permit = permit_of(plain.permit())

    assert "caps" not in permit.said.claims()
    hidden = PermittedCaps(rule="caps/4", columns={"Sex": "withheld"})
    said = replace(permit.said, caps=hidden)
    assert said.claims()["caps"] == {"rule": "caps/4", "columns": {"Sex": "withheld"}}
    assert Permit.read(said.claims()) == said


# How files are looked through (domain.md 8.6)


@pytest.mark.parametrize(
    ("rule", "released", "fetched"),
    [("pcd-scan/2", set(), set()), ("pcd-scan/1", {("PCD_LEAK", "rule")}, set())],
)
def test_what_the_first_scan_looked_through_is_fetched_and_never_released_again(
    world, rule, released, fetched
):
    file = plain.file(scan={"rule": rule, "columns": ["Diagnosis", "Sex"], "hits": 0})

    assert codes(world, plain.release(file=file)) == released
    assert codes(world, plain.fetch(file=file)) == fetched


@pytest.mark.parametrize(("rule", "covered"), [("pcd-scan/2", False), ("pcd-scan/1", True)])
def test_every_text_that_leaves_as_it_is_was_looked_through(world, rule, covered):
    """The first scan was to look at marked fields, the second at every text."""
    file = plain.file(scan={"rule": rule, "columns": ["Diagnosis"], "hits": 0})

    assert codes(world, plain.fetch(file=file)) == (set() if covered else {("PCD_LEAK", "Sex")})
