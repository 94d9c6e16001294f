"""Every answer in the services' tests is looked at for the headers of safety.

Each service's tests ask every route with every role, and with nobody's token, by a client that
looks at each answer: routes are not asked once more here.
"""

import pytest

from dsfc_testing import safety
from tests.repository import ROOT, text_of

HOOK = f"{safety.__name__.rpartition('.')[2]}.{safety.look_at.__name__}"
ASKS_EVERY_ROUTE = {
    "services/applications/tests/api/conftest.py": (
        "services/applications/tests/api/test_permissions.py"
    ),
    "services/agreements/tests/api/conftest.py": (
        "services/agreements/tests/api/test_permissions.py"
    ),
    "services/pseudonymisation/tests/submitting.py": (
        "services/pseudonymisation/tests/api/test_routes_and_roles.py"
    ),
    "services/dissemination/tests/conftest.py": (
        "services/dissemination/tests/api/test_routes_and_roles.py"
    ),
}
"""Where the client is made, and by which test it asks every route."""


@pytest.mark.parametrize("made", ASKS_EVERY_ROUTE)
def test_every_answer_in_a_services_tests_is_looked_at(made: str) -> None:
    assert HOOK in text_of(ROOT / made)
    asks = text_of(ROOT / ASKS_EVERY_ROUTE[made])
    assert "route_permissions(" in asks
    assert "for role in Role" in asks or "list(Role)" in asks


def test_so_are_the_pages_and_errors_that_all_services_share() -> None:
    assert HOOK in text_of(ROOT / "libs/common/tests/test_web.py")


def test_so_is_the_second_port_of_the_haven() -> None:
    assert HOOK in text_of(ROOT / "services/pseudonymisation/tests/api/test_routes_and_roles.py")
