"""Personal data in single texts: the table of domain.md 8.6, spellings, and what is harmless."""

from datetime import date

import pytest

from common.personal_data import (
    Own,
    PersonalDataFound,
    PersonalDataKind,
    find_in_record,
    find_personal_data,
    is_nhs_number,
)

OWN = Own("9990000018", "AB1 2CD", date(1970, 1, 31))
NUMBER, POSTCODE, BIRTH = PersonalDataKind


def kinds(text: str, own: Own = OWN) -> list[PersonalDataKind]:
    return [finding.kind for finding in find_in_record(text, own)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RAX9990000018-2", (NUMBER, 3, 13)),
        ("999 000 0018", (NUMBER, 0, 12)),
        ("AB12CD77", (POSTCODE, 0, 6)),
        ("X19700131", (BIRTH, 1, 9)),
        ("31011970", (BIRTH, 0, 8)),
        ("9990000026", (NUMBER, 0, 10)),
    ],
)
def test_the_table_of_the_domain_holds(text, found):
    assert find_in_record(text, OWN) == (PersonalDataFound(*found),)


@pytest.mark.parametrize(
    "text",
    [
        "9990000018", "999-000-0018", "999  000  0018", "999 - 000 - 0018", "9.9.9.0.0.0.0.0.1.8",
        "１２９９９００００018７", "9\u200b990000018", "٩٩٩٠٠٠٠٠١٨", "999\u2009000\u00a00018",
        "72019999000001812", "９９９ ０００ ００１８", "①999/000/0018",
    ],
)  # fmt: skip
def test_an_own_number_is_found_in_any_spelling(text):
    assert kinds(text) == [NUMBER]


@pytest.mark.parametrize(
    "text",
    [
        "ab12cd",
        "AB 1 2CD",
        "ab1-2cd",
        "AB1  2CD",
        "x AB12CDx",
        "Ａb１２cd",
        "AB1\u200b2CD",
        "AB1\u00a02CD",
    ],
)
def test_an_own_postcode_is_found_in_any_spelling(text):
    assert kinds(text) == [POSTCODE]


@pytest.mark.parametrize(
    "text",
    [
        "31/1/70", "31.1.1970", "1970-1-31", "1/31/1970", "31 Jan 1970", "31JAN70", "310170",
        "31st of January, 1970", "January 31, 1970", "Jan 31 '70", "1970 January 31", "700131",
        "31 / 01 / 1970", "1970\u201001\u201031", "３１.０１.１９７０", "31011970x", "01-31-70",
    ],
)  # fmt: skip
def test_an_own_birth_date_is_found_in_any_spelling(text):
    assert kinds(text) == [BIRTH]


@pytest.mark.parametrize(
    "text",
    [
        "1234567890", "07700 900123", "020 7946 0018", "+44 7700 900123", "+44 (0)7700 900123",
        "0113 496 0123", "1240581000000104", "999000011000001104", "000049245011", "E01012365",
        "4,567,890,123", "£4,567,890.12", "2019-04-01 12:30", "01/04/2019", "S704", "AB1 3CD",
        "30/1/1970", "31 Mar 1970", "31/12/70", "", "DARS-NIC-123456-A1B2C", "9999999999",
    ],
)  # fmt: skip
def test_what_is_harmless_is_left_alone(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    "prefix",
    ["07700 9001{:02}", "+44 7700 9001{:02}", "+44 330 496 01{:02}", "+44 (0)7700 9001{:02}"],
)
def test_no_telephone_number_is_taken_for_a_number(prefix):
    assert [t for t in map(prefix.format, range(100)) if find_personal_data(t)] == []


@pytest.mark.parametrize(
    "text",
    [
        "9990000026",
        "999 000 0026",
        "no.9990000026-2",
        "999-000-0026, 4",
        "9 9 9 0 0 0 0 0 2 6",
        "0009990000026",
    ],
)
def test_somebody_elses_number_is_known_by_its_check_digit(text):
    assert kinds(text) == [NUMBER]


def test_a_number_does_not_go_on_over_letters_or_many_separators():
    assert kinds("99900a00026") == []
    assert kinds("99900 ---- 00026") == []


def test_overlapping_findings_are_one_named_by_the_first_kind():
    own = Own("9990000018", None, date(2018, 1, 1))
    assert find_in_record("999000001801012018", own)[0].kind is NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "9990000018 9990000026", "99900000189990000026", "31011970 1 2AB and 999 000 0026",
        "999 000 0026 99 90 00 00 34", "AB12CD31011970", "999000 310119700018 9990000034",
    ],
)  # fmt: skip
def test_nothing_is_found_where_everything_found_was_replaced(text):
    own = Own("9990000018", "B1 2AB", date(1970, 1, 31))
    markers = dict(zip(PersonalDataKind, ("_<NHS_No>_", "_<PC_", "_<DoB_"), strict=True))
    masked = text
    for finding in reversed(find_in_record(text, own)):
        masked = masked[: finding.start] + markers[finding.kind] + masked[finding.end :]

    assert masked != text
    assert find_in_record(masked, own) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The patient 999 000 0018 asked", [NUMBER]),
        ("d.o.b. 31/01/70", [BIRTH]),
        ("who was born on 31 January 1970", [BIRTH]),
        ("DOB:31011970", [BIRTH]),
        ("Date of birth is 1970-01-31", [BIRTH]),
        ("lives at 12 High Street, AB1 2CD", [POSTCODE]),
        ("lives at A B 1 2 C D", [POSTCODE]),
        ("home postcode AB12-CD", [POSTCODE]),
        ("born 1951/2/3", [BIRTH]),
        ("born 1 2 3", []),
        ("living at home, 4 of 5 in the CCG", []),
        ("patient's postcode AB12CD", [POSTCODE]),
        ("Our office: 7 Wellington Place, Leeds LS1 4AP", []),
        ("children born between 01/09/2010 and 31/08/2011", []),
        ("people born before 1 April 1940", []),
        ("The project begins on 01/04/2019", []),
        ("Ask 0113 496 0123 or 07700 900123; DARS-NIC-123456-A1B2C", []),
    ],
)
def test_texts_that_people_write(text, found):
    assert [finding.kind for finding in find_personal_data(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "999 00O 0018", "999 OOO 0018", "999 ooo 00l8", "9990O00OI8", "NHS no. 999-0O0-OO18.",
        "999 \u041e\u041e\u041e 0018", "999\u039f\u039f\u039f00\u03998",
        "999      000      0018", "999\t\t\t\t000\n\n\n\n\n0018",
        "999<!-- x -->000<!-- -->0018", "999<b></b>000<i>0018</i>", "999&#48;&#x30;&#48;0018",
        "999%200%30%300018", "999\u2060000\u200d0018", "<![CDATA[999]]>0000018",
        "999&zwnj;000&shy;0018", "999**000**0018", "999_000_0018", "999\\u00300\\u00300018",
        "\U0001d7d7\U0001d7d7\U0001d7d7 000 0018", "\u2079\u2079\u2079 000 0018",
        "999 / 000 / 0018",
    ],
)  # fmt: skip
def test_a_number_that_is_written_so_as_not_to_be_found_is_found(text):
    assert NUMBER in {finding.kind for finding in find_personal_data(text)}, ascii(text)
    assert NUMBER in {finding.kind for finding in find_personal_data(f"Of {text} we know.")}


@pytest.mark.parametrize(
    "text",
    [
        "OIL and 10 000 000 litres", "I will look at 2018 to 2021, in all 1 000 000 people",
        "Il 10 ottobre 2018, 1000 lire", "COVID-19 in 2020, 2021 and 2022", "IO 1234 5678 90",
        "E01012365 to E01012399", "ICD-10 I10, I11 and I20 to I25 (2018/19)",
        "SNOMED 1240581000000104", "columns I, II and III of 10 tables",
        "0113 496 0123 or O113 496 O123", "DARS-NIC-100018-O1L1I", "10      000      2018",
        "a total of 4 500 000 000 GBP", "LO 10.10.2018 10:10", "[1] and [[2]]",
    ],
)  # fmt: skip
def test_words_and_sums_are_no_disguised_numbers(text):
    assert find_personal_data(text) == ()


@pytest.mark.parametrize("text", ["", " ", "\u200b", "."])
def test_nothing_is_found_in_nothing(text):
    assert find_personal_data(text) == ()


def test_the_check_digit_is_the_one_of_the_domain():
    assert is_nhs_number("9990000018")
    assert not is_nhs_number("9990000019")
    assert not is_nhs_number("9999999999")
    assert not is_nhs_number("٩٩٩٠٠٠٠٠١٨")


IDS = [  # each has ten digits in it that are a valid number
    "09f47aac-cc47-4244-9fab-f39990000018",
    "99900000-1800-4491-8a93-749729536043",
    "01A2210F-9BA5-76D6-94A4-9990000018AA",
    f"sha256:{'ab' * 20}9990000018{'c' * 14}",
]


@pytest.mark.parametrize("opaque", IDS)
@pytest.mark.parametrize("text", ["{}", "of {}", "extracts/{}, again", "({}), {}", "order:{}\n"])
def test_an_id_or_digest_in_a_text_is_no_number(opaque, text):
    """Guard: `OPAQUE`. One in a thousand has the digits of a valid number in it."""
    assert find_personal_data(text.replace("{}", opaque)) == ()


@pytest.mark.parametrize("opaque", IDS)
def test_a_number_beside_an_id_is_found_where_it_stands(opaque):
    before = f"of {opaque}: "

    (found,) = find_personal_data(f"{before}999 000 0018 again")

    assert (found.start, found.end) == (len(before), len(before) + 12)


@pytest.mark.parametrize(
    "text", ["f39990000018", "sha256:9990000018", f"{'9990000018' * 4}", f"x{IDS[0]}", f"{IDS[0]}0"]
)
def test_what_only_looks_like_an_id_is_looked_through(text):
    assert find_personal_data(text)
