"""In whose name a processor acts is read from what agreements or we ourselves signed."""

import pytest

from dissemination.domain.acting import on_behalf_of

OWN = {"02P00": "02P", "0DF00": "0DF"}


def own(code):
    return OWN.get(code, code)


def test_a_processor_acts_for_the_controllers_of_the_domain():
    assert on_behalf_of("0DF", {"domain": {"controllers": ["02P", "03L"]}}, own=own) == "02P,03L"


def test_a_controller_acts_for_itself():
    assert on_behalf_of("02P", {"domain": {"controllers": ["02P", "03L"]}}, own=own) is None


@pytest.mark.parametrize("claims", [{}, {"domain": 1}, {"domain": {"controllers": "02P"}}])
def test_a_statement_without_controllers_names_nobody(claims):
    assert on_behalf_of("0DF", claims, own=own) is None


@pytest.mark.parametrize(
    ("organisation", "controllers", "acts_for"),
    [
        ("02P00", ["02P", "03L"], None),
        ("02P", ["02P00"], None),
        ("0DF00", ["02P00", "02P", "03L"], "02P,03L"),
    ],
)
def test_codes_are_compared_in_the_form_that_stands_for_itself(organisation, controllers, acts_for):
    assert on_behalf_of(organisation, {"domain": {"controllers": controllers}}, own=own) == acts_for
