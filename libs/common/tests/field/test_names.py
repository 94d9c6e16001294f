"""Names of organisations by their normal form, legal bases by the lists of law."""

from datetime import date

import pytest

from common.field import legal_bases, names
from common.field.names import Match

DAY = date(2021, 5, 25)


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        ("NHS BARNSLEY CCG", "NHS Barnsley CCG"),
        ("Barnsley CCG", "NHS Barnsley CCG"),
        ("The NHS  Barnsley\tC.C.G.", "NHS Barnsley CCG"),
        ("NHS Barnsley Clinical Commissioning Group", "NHS Barnsley CCG"),
        ("South, Central & West Commissioning Support Unit", "NHS South, Central and West CSU"),
        ("ACME DATA LIMITED", "Acme Data Ltd."),
        ("Acme Data Public Limited Company", "ACME DATA PLC"),
        (
            "KING\N{RIGHT SINGLE QUOTATION MARK}S COLLEGE HOSPITAL NHS FT",
            "King's College Hospital NHS Foundation Trust",
        ),
        ("Ynys Môn Health Ltd", "YNYS MON HEALTH LIMITED"),
        (
            "\uff2e\uff28\uff33 Barnsley CCG",
            "NHS Barnsley CCG",
        ),
    ],
)
def test_case_spaces_punctuation_and_abbreviations_are_spelling(written, recorded):
    assert names.compare(written, recorded, DAY) is Match.SPELLED_OTHERWISE


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        ("NHS Wakefield CCG", "NHS Barnsley CCG"),
        ("NHS Barnsley", "NHS Barnsley CCG"),
        ("Barnsley Hospital NHS Foundation Trust", "NHS Barnsley CCG"),
        ("NHS", "NHS Barnsley CCG"),
        ("", "NHS Barnsley CCG"),
        ("...", "NHS Barnsley CCG"),
        ("Barnsley CCG NHS Barnsley CCG", "NHS Barnsley CCG"),
        ("NHS North Barnsley CCG", "NHS Barnsley CCG"),
        ("Acme Data plc", "Acme Data Limited"),
        ("CCG Barnsley", "NHS Barnsley CCG"),
    ],
)
def test_every_other_word_makes_another_name(written, recorded):
    assert names.compare(written, recorded, DAY) is Match.ANOTHER


@pytest.mark.parametrize(
    ("written", "recorded"), [("--", "…"), ("", "."), ("’", "NHS Barnsley CCG")]
)
def test_names_of_which_nothing_is_left_are_not_the_same(written, recorded):
    """Guard: `form and` of `compare`."""
    assert names.compare(written, recorded, DAY) is Match.ANOTHER


def test_an_abbreviation_is_read_from_its_day_on():
    long, short = "NHS South Yorkshire Integrated Care Board", "NHS South Yorkshire ICB"

    assert names.compare(long, short, date(2022, 7, 1)) is Match.SPELLED_OTHERWISE
    assert names.compare(long, short, date(2022, 6, 30)) is Match.ANOTHER


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("6(1)(e)", "6(1)(e)"),
        ("Article 6(1)(e)", "6(1)(e)"),
        ("UK GDPR Art. 6 (1) (e)", "6(1)(e)"),
        ("6.1.E", "6(1)(e)"),
    ],
)
def test_a_basis_is_read_in_any_spelling(written, code):
    assert legal_bases.load().article_6.code(written, DAY) == code


@pytest.mark.parametrize(
    "written",
    ["banana", "", "6", "6(1)", "6(1)(g)", "9(2)(h)", "6(2)(e)", "66(1)(e)", "6(1)(e)(f)"],
)
def test_what_the_law_does_not_have_is_no_basis(written):
    assert legal_bases.load().article_6.find(written, DAY) is None


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("paragraph 2", "paragraph 2"),
        ("Schedule 1, Part 1, paragraph 2", "paragraph 2"),
        ("DPA 2018 Sch 1 Part 1 para. 2", "paragraph 2"),
        ("2", "paragraph 2"),
        ("Condition 18", "paragraph 18"),
    ],
)
def test_a_condition_of_schedule_1_is_read_in_any_spelling(written, code):
    found = legal_bases.load().schedule_1.find(written, DAY)

    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("written", ["paragraph 5", "paragraph 29", "paragraph", "Part 1", "0"])
def test_a_paragraph_that_is_no_condition_is_none(written):
    assert legal_bases.load().schedule_1.find(written, DAY) is None


def test_every_basis_that_needs_a_condition_names_ones_that_are_there():
    bases = legal_bases.load()

    needing = {e.code for e in bases.article_9.entries.values() if e.schedule_1}
    assert needing == {"9(2)(b)", "9(2)(g)", "9(2)(h)", "9(2)(i)", "9(2)(j)"}
    for entry in bases.article_9.entries.values():
        assert entry.schedule_1 <= set(bases.schedule_1.entries)
