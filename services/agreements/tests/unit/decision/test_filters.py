"""Filters of a line narrow what may be asked; nothing widens them, before the release or after."""

import pytest

from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.unit.decision.test_scenarios import codes, decided
from statements.filters import RowFilter

AGE = {"name": "Der_Age", "treatment": "derived", "reason": "need by age"}
MEN, WOMEN = {"column": "Sex", "any_of": ["1"]}, {"column": "Sex", "any_of": ["2"]}
ADULTS = {"column": "Der_Age", "at_least": 18}


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def line(world):
    found = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    found["fields"].append(AGE)
    return found


def asked(*filters):
    return plain.request(filters=list(filters))


def made(*filters, question=plain.release):
    """A file that was made with these filters, as it was permitted."""
    found = question()
    for name in ("file", "permit"):
        if name in found:
            found[name]["filters"] = list(filters)
    return found


def test_what_is_permitted_is_the_lines_rows_and_of_these_those_that_are_asked_for(world, line):
    line["filters"] = [{"column": "Sex", "any_of": ["2", "1"]}, ADULTS]

    whole = decided(world, asked())
    narrowed = decided(world, asked(WOMEN, {"column": "Der_Age", "at_most": 64}))

    assert isinstance(whole, Permission)
    assert isinstance(narrowed, Permission)
    assert whole.filters == (
        RowFilter(column="Der_Age", at_least=18),
        RowFilter(column="Sex", any_of=("1", "2")),
    )
    assert narrowed.filters == (
        RowFilter(column="Der_Age", at_least=18, at_most=64),
        RowFilter(column="Sex", any_of=("2",)),
    )


def test_a_line_without_filters_can_be_asked_for_in_part_also_by_a_column_that_is_not_wanted(
    world, line
):
    decision = decided(world, plain.request(fields=["Hospital_Spell_No"], filters=[MEN]))

    assert isinstance(decision, Permission)
    assert decision.filters == (RowFilter(column="Sex", any_of=("1",)),)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"column": "Shoe_Size", "any_of": ["44"]}, "FILTER_COLUMN_UNKNOWN"),
        ({"column": "Provider_Code", "any_of": ["RR8"]}, "FILTER_COLUMN_NOT_IN_DSA"),
        ({"column": "Hospital_Spell_No", "any_of": ["S1"]}, "FILTER_COLUMN_NOT_IN_DSA"),
        ({"column": "NHS_Number", "any_of": ["1"]}, "FILTER_COLUMN_NOT_IN_DSA"),
        ({"column": "Episode_Start_Date", "any_of": ["2018-04"]}, "FILTER_COLUMN_NOT_IN_DSA"),
        ({"column": "Sex"}, "FILTER_EMPTY"),
        ({"column": "Sex", "any_of": []}, "FILTER_EMPTY"),
        ({"column": "Der_Age", "at_least": 65, "at_most": 64}, "FILTER_EMPTY"),
        ({"column": "Sex", "at_least": 1}, "FILTER_UNSUITABLE"),
        ({"column": "Der_Age", "any_of": ["64"]}, "FILTER_UNSUITABLE"),
        ({"column": "Sex", "any_of": ["1", "7"]}, "FILTER_CODE_UNKNOWN"),
    ],
)
def test_a_filter_that_the_line_cannot_have_is_refused_of_line_and_request_alike(
    world, line, one, code
):
    assert codes(world, asked(one)) == {(code, one["column"])}

    line["filters"] = [one]

    assert codes(world, asked()) == {(code, one["column"])}


@pytest.mark.parametrize(
    "wider",
    [
        {"column": "Sex", "any_of": ["1", "2"]},
        {"column": "Der_Age", "at_least": 17},
        {"column": "Der_Age", "at_least": 18, "at_most": 65},
    ],
)
def test_a_request_never_widens_the_lines_filter(world, line, wider):
    line["filters"] = [WOMEN, {"column": "Der_Age", "at_least": 18, "at_most": 64}]

    assert codes(world, asked(wider)) == {("FILTER_NOT_IN_DSA", wider["column"])}


@pytest.mark.parametrize("question", [plain.release, plain.fetch])
def test_a_file_of_rows_that_the_line_leaves_out_by_now_is_not_given(world, line, question):
    assert codes(world, made(question=question)) == set()

    line["filters"] = [WOMEN]

    assert codes(world, made(question=question)) == {("FILTER_NOT_IN_DSA", "Sex")}
    assert codes(world, made(MEN, question=question)) == {("FILTER_NOT_IN_DSA", "Sex")}
    assert codes(world, made(WOMEN, question=question)) == set()


def test_a_file_that_was_filtered_otherwise_than_permitted_is_not_released(world, line):
    release = made(WOMEN)
    release["file"]["filters"] = []

    assert codes(world, release) == {("ATTESTATION_INVALID", "filters")}


@pytest.mark.parametrize(
    "strange",
    [
        "women",
        ["women"],
        [{"column": "Sex", "any_of": "2"}],
        [{"column": "Sex", "any_of": ["2"]}, {"column": "Sex", "any_of": ["1"]}],
        [{"column": "Der_Age", "at_least": "18"}],
        [{"any_of": ["2"]}],
    ],
)
def test_filters_that_nobody_can_read_deny(world, line, strange):
    line["filters"] = strange

    assert codes(world, asked()) == {("CLAUSE_UNKNOWN", "filters")}
