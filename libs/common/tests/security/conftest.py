"""Keys of the tests' own. Making one takes a moment, so each is made once."""

import pytest

from common.security.keys import Signer, generate_jwk


@pytest.fixture(scope="session")
def signer():
    return Signer(generate_jwk())


@pytest.fixture(scope="session")
def stranger():
    return Signer(generate_jwk())
