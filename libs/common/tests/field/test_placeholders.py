"""A text that only fills its field is told from one that says something."""

import pytest

from common.field.placeholders import is_placeholder, load


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
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "Waits differ by sex.", "Testing for cancer is planned.", "Plan care"),
        *("Unknown primary cancers are counted.", "No evidence is needed, by section 7.", "24/25"),
        *("N", "1", "Test centre, Leeds", "Not applicable to under-16s, who are left out."),
    ],
)
def test_what_says_something_is_none(text):
    assert not is_placeholder(text)


def test_the_list_says_from_when_it_is():
    assert all(row.valid_from and row.words for row in load())
