"""Company numbers are read in one form, by a dated list with its sources."""

from datetime import date

import pytest

from common.field import company_numbers

TODAY = date(2024, 1, 1)


def read(written, day=TODAY):
    return company_numbers.load().read(written, day)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("01234567", "01234567"),
        ("1234567", "01234567"),
        ("123456", "00123456"),
        ("12345678", "12345678"),
        ("sc123456", "SC123456"),
        (" SC 123 456 ", "SC123456"),
        ("NI-012345", "NI012345"),
        ("\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "01234567"),
        ("OC301234", "OC301234"),
        ("R0000123", "R0000123"),
        ("RS00592C", "RS00592C"),
        ("SL00123A", "SL00123A"),
    ],
)
def test_a_number_is_read_as_companies_house_has_it(written, number):
    assert read(written) == number


@pytest.mark.parametrize(
    "written",
    [
        *("", "12345", "123456789", "99999999", "XX123456", "SC12345", "SC1234567", "SC12345A"),
        *("COMPANY1", "0123456A", "N/A", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667"),
    ],
)
def test_what_is_no_number_is_none(written):
    assert read(written) is None


def test_a_prefix_is_one_from_the_day_of_its_law_on():
    assert read("OC301234", date(2001, 4, 5)) is None
    assert read("OC301234", date(2001, 4, 6)) == "OC301234"


def test_codes_of_ods_are_not_meant_for_numbers():
    assert not any(
        company_numbers.is_meant(code) for code in ("02P", "RR801", "A81001", "89997", "8J094")
    )
    # Nor are those of areas, by which local authorities are known: longer than either.
    assert not any(map(company_numbers.is_meant, ("E06000057", "E08000016", "E10000029")))
    assert company_numbers.is_meant("E01000016")  # a small area is nobody
    assert all(company_numbers.is_meant(code) for code in ("123456", "1234567", "SC123456"))


def test_every_prefix_names_its_source_and_says_whether_it_is_assumed():
    listed = company_numbers.load().prefixes
    assert all(p.source and p.title for p in listed)
    assert {p.prefix for p in listed if p.assumed} == {"RS", "CE", "CS", "SG", "OE"}
    assert len({p.prefix for p in listed}) == len(listed)
