"""What has to hold for a change set: each refusal by its code, and nothing besides."""

import pytest

from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of

EARLIER = "00000000-0000-7000-8000-00000000e00d"
NOT_HELD = {("EARLIER_EXTRACT_NOT_HELD", EARLIER)}
OTHER_ROWS = "EARLIER_EXTRACT_OF_OTHER_ROWS"


def decided(world, question):
    return decide(question_of(question), facts_of(world), present_of(world, plain.NOON))


def codes(world, question):
    decision = decided(world, question)
    return (
        set() if isinstance(decision, Permission) else {(one.code, one.subject) for one in decision}
    )


@pytest.fixture
def world():
    world = plain.sound()
    world["agreement"]["versions"][0]["snapshot"]["lines"][0]["change_sets"] = True
    return world


@pytest.fixture
def line(world):
    return world["agreement"]["versions"][0]["snapshot"]["lines"][0]


@pytest.fixture
def earlier(world):
    made = plain.file(extract_id=EARLIER)
    world["held"] = [{"file": made, "may_have_left": True}]
    return made


def wanted(earlier, **changes):
    fields = [c["name"] for c in earlier["columns"][2:]]
    asked = plain.request(changes_since=EARLIER, fields=fields, periods=earlier["periods"])
    return asked | changes


def test_where_the_line_allows_it_and_the_recipient_holds_the_earlier_one_it_is_permitted(
    world, earlier
):
    assert codes(world, wanted(earlier)) == set()


@pytest.mark.parametrize("said", [{}, {"change_sets": False}])
def test_where_the_line_does_not_allow_it_it_is_refused(world, line, earlier, said):
    del line["change_sets"]
    line |= said

    assert codes(world, wanted(earlier)) == {("CHANGE_SET_NOT_IN_DSA", None)}
    assert codes(world, wanted(earlier, changes_since=None)) == set()


@pytest.mark.parametrize("said", ["yes", 1, None])
def test_a_term_that_is_neither_yes_nor_no_is_a_clause_that_nobody_can_evaluate(world, line, said):
    line["change_sets"] = said

    assert codes(world, plain.request()) == {("CLAUSE_UNKNOWN", "change_sets")}


@pytest.mark.parametrize(
    "held",
    [
        {"may_have_left": False},
        {"environment": plain.OTHER_ENVIRONMENT},
        {"extract_id": "00000000-0000-7000-8000-00000000e00e"},
        {"changes": "00000000-0000-7000-8000-00000000e00c"},
    ],
    ids=["never fetched", "in another environment", "another extract", "a change set itself"],
)
def test_what_the_recipient_does_not_hold_is_refused(world, earlier, held):
    where = world["held"][0]
    of_file = {"extract_id", "changes"} & held.keys()
    (where["file"] if of_file else where).update(held)

    assert codes(world, wanted(earlier)) == NOT_HELD


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"purpose": "IV"}, {("EARLIER_EXTRACT_OF_ANOTHER_LINE", EARLIER)}),
        ({"domain": plain.sha("another")}, {("DOMAIN_MISMATCH", EARLIER)}),
        ({"periods": ["2018-04"]}, {(OTHER_ROWS, EARLIER)}),
        ({"filters": [{"column": "Sex", "any_of": ["1"]}]}, {(OTHER_ROWS, EARLIER)}),
        ({"format": "csv"}, {(OTHER_ROWS, "formats")}),
    ],
    ids=["line", "domain", "months", "filters", "format"],
)
def test_what_is_not_alike_is_refused_by_its_code(world, earlier, file, expected):
    asked = wanted(earlier)
    earlier.update(file)

    assert codes(world, asked) == expected


def test_an_extract_under_another_agreement_is_of_another_line(world, earlier):
    world["held"][0]["agreement"] = "DARS-NIC-654321-Z9Y8X"

    assert codes(world, wanted(earlier)) == {("EARLIER_EXTRACT_OF_ANOTHER_LINE", EARLIER)}


def test_each_column_that_differs_or_is_in_another_form_is_named(world, earlier):
    asked = wanted(earlier)
    earlier["columns"] = [
        c | ({"treatment": "derived"} if c["name"] == "Diagnosis" else {})
        for c in earlier["columns"]
        if c["name"] != "Sex"
    ]

    code = "EARLIER_EXTRACT_OF_OTHER_COLUMNS"
    assert codes(world, asked) == {(code, "Sex"), (code, "Diagnosis")}


def released(world, earlier, **file):
    question = plain.release()
    question["permit"]["changes_since"] = EARLIER
    question["file"]["changes"] = EARLIER
    question["file"]["columns"].append({"name": "Change", "treatment": "derived", "class": "DER"})
    question["file"].update(file)
    return question


def test_a_change_set_is_released_where_its_permit_was_leave_for_it(world, earlier):
    assert codes(world, released(world, earlier)) == set()


@pytest.mark.parametrize(
    ("permitted", "attested", "subject"),
    [(None, EARLIER, "changes"), (EARLIER, plain.EXTRACT, "changes"), (EARLIER, None, "Change")],
    ids=["not permitted", "since another extract", "a column of no change set"],
)
def test_what_the_permit_is_no_leave_for_is_not_released(
    world, earlier, permitted, attested, subject
):
    question = released(world, earlier, changes=attested)
    question["permit"]["changes_since"] = permitted

    assert ("ATTESTATION_INVALID", subject) in codes(world, question)


def test_a_line_that_allows_it_no_more_ends_release_and_fetch(world, line, earlier):
    line["change_sets"] = False
    question = released(world, earlier)

    assert codes(world, question) == {("CHANGE_SET_NOT_IN_DSA", None)}
    fetch = plain.fetch(file=question["file"])
    assert codes(world, fetch) == {("CHANGE_SET_NOT_IN_DSA", None)}
