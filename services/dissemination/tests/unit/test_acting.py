"""In whose name a processor acts is read from what agreements or we ourselves signed."""

import pytest

from dissemination.domain.acting import on_behalf_of


def test_a_processor_acts_for_the_controllers_of_the_domain():
    assert on_behalf_of("0DF", {"domain": {"controllers": ["02P", "03L"]}}) == "02P,03L"


def test_a_controller_acts_for_itself():
    assert on_behalf_of("02P", {"domain": {"controllers": ["02P", "03L"]}}) is None


@pytest.mark.parametrize("claims", [{}, {"domain": 1}, {"domain": {"controllers": "02P"}}])
def test_a_statement_without_controllers_names_nobody(claims):
    assert on_behalf_of("0DF", claims) is None
