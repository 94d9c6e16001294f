"""What people copy out of pages, addresses and mails hides nothing by its escapes."""

import pytest

from common.personal_data import PersonalDataKind, find_personal_data
from common.personal_data.escapes import undo

NUMBER = "9990000018"
SPACED = ("999", "000", "0018")

HIDDEN = [
    "".join(f"&#{ord(c)};" for c in NUMBER),
    "".join(f"&#x{ord(c):x};" for c in NUMBER),
    "".join(f"%{ord(c):02X}" for c in NUMBER),
    "".join(f"\\u{ord(c):04x}" for c in NUMBER),
    *(
        escape.join(SPACED)
        for escape in (
            *("&nbsp;", "&#160;", "&#xA0;", "&thinsp;", "&shy;", "&amp;nbsp;", "&nbsp"),
            *("%20", "%2520", "%C2%A0", "%E2%80%8B", "+", "%2B"),
            *("\\u0020", "\\xa0", "\\n", "\\t", "=20", "=\n", "=C2=A0"),
            *("<br>", "<br/>", "</td><td>", '<span class="x1">', "<b></b>"),
            *("\u200d", "\u2060", "\ufeff", "\u00ad", "\u2009", "&zwj;", "&zwnj;&nbsp;"),
        )
    ),
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_number_behind_escapes_is_found_where_it_stands(hidden):
    text = f"A letter about {hidden} was sent."

    [found] = find_personal_data(text)

    assert found.kind is PersonalDataKind.NHS_NUMBER
    assert text[found.start : found.end] == hidden


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("She was born on 31&nbsp;January&nbsp;1970.", PersonalDataKind.DATE_OF_BIRTH),
        ("born%20on%2031%20January%201970", PersonalDataKind.DATE_OF_BIRTH),
        ("She lives at S70&#160;1AA.", PersonalDataKind.POSTCODE),
    ],
)
def test_so_are_births_and_homes(text, kind):
    assert kind in {found.kind for found in find_personal_data(text)}


@pytest.mark.parametrize(
    "text",
    [
        *("Waits & harms", "50% of 20% = 10%", "a <= b", "AT&T; R&D", "x = 20, y = 30", "<1 week"),
        *("https://www.nhs.uk/notice?id=12%2F34&lang=en", "5 &lt; 7", "C:\\users\\notes"),
        *("&#57;&#57;", "%39%39%39", "&#99999999;", "\\u12", "%zz"),
    ],
)
def test_texts_without_personal_data_stay_taken(text):
    assert find_personal_data(text) == ()


def test_what_has_no_escape_is_read_as_it_is():
    assert undo("Plan care") is None
    assert undo("a & b") is None
