"""One definition of a postcode, whatever the width in which it is sent."""

import re

import pytest

from common import postcodes


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("M1 1AE", "M1 1AE"),
        ("M11AE", "M1 1AE"),
        ("M1   1AE", "M1 1AE"),
        ("M1  1AE", "M1 1AE"),
        ("  m1 1ae ", "M1 1AE"),
        ("NE616BL", "NE61 6BL"),
        ("NE61 6BL", "NE61 6BL"),
        ("ec1a1bb", "EC1A 1BB"),
        ("W1A\u00a00AX", "W1A 0AX"),
        ("GIR 0AA", "GIR 0AA"),
        ("gir0aa", "GIR 0AA"),
        ("GIR  0AA", "GIR 0AA"),
        ("ZZ993VZ", "ZZ99 3VZ"),
        ("JE2 3NG", "JE2 3NG"),
    ],
)
def test_a_postcode_has_one_normal_form(written, normal):
    assert postcodes.normal(written) == normal
    assert re.fullmatch(postcodes.SPACED, normal)
    assert postcodes.normal(normal) == normal


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "M1",
        "M1 1A",
        "S75 2P",
        "GIR 1AA",
        "1M1 1AE",
        "M1-1AE",
        "M1 1AEE",
        "ABC1 1AA",
        "Ｍ１１AE",
    ],
)
def test_what_is_no_postcode_has_none(written):
    assert postcodes.normal(written) is None
