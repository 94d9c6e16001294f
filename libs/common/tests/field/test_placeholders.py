"""A text that only fills its field is told from one that says something."""

from datetime import date, timedelta

import pytest

from common.field import placeholders
from common.field.placeholders import Placeholders, is_placeholder, load

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    "text",
    [
        *("tbc", "TBC.", "T.B.C.", " n/a ", "N\u200b/A", "te\u200bst", "Test!", "xxx", "XXXXXX"),
        *("---", "..."),
        *("To be confirmed", "to  be\tconfirmed", "(to be agreed)", "Lorem ipsum dolor sit amet"),
        *("\uff54\uff45\uff53\uff54", "aaaaaaa", "0000", "?", "null", "[insert text here]"),
    ],
)
def test_a_placeholder_is_found_however_it_is_spelled(text):
    assert is_placeholder(text, day=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "Waits differ by sex.", "Testing for cancer is planned.", "Plan care"),
        *("Unknown primary cancers are counted.", "No evidence is needed, by section 7.", "24/25"),
        *("N", "1", "Test centre, Leeds", "Not applicable to under-16s, who are left out."),
    ],
)
def test_what_says_something_is_none(text):
    assert not is_placeholder(text, day=TODAY)


def test_the_list_says_from_when_it_is():
    assert all(row.valid_from and row.words for row in load())


def test_a_text_is_judged_by_the_list_of_its_day(monkeypatch):
    older = Placeholders(valid_from=TODAY, words=frozenset({"tbc"}), begins=("lorem",))
    newer = Placeholders(
        valid_from=TODAY + timedelta(days=9), words=frozenset({"dunno"}), begins=("ipsum",)
    )
    monkeypatch.setattr(placeholders, "load", lambda: (newer, older))

    for days, text, is_one in [
        *((-999, "tbc", True), (0, "tbc", True), (8, "tbc", True), (9, "tbc", False)),
        *((0, "dunno", False), (8, "dunno", False), (9, "dunno", True)),
        *((8, "Lorem x", True), (9, "Lorem x", False), (9, "Ipsum x", True)),
    ]:
        assert is_placeholder(text, day=TODAY + timedelta(days=days)) is is_one
