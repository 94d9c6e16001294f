"""One stack for all tests of the folder."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.containers import stack as running
from tests.containers.world import World


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="Twenty kills in place of five.")
    parser.addoption("--kept", action="store_true", help="On the stack that is up, left as it is.")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[None]:
    """The stack, made from nothing and healthy; gone afterwards, with its volumes."""
    running.needs_an_engine()
    if request.config.getoption("--kept", default=False):
        yield
        return
    try:
        running.up()
        yield
    finally:
        running.down()


@pytest.fixture(scope="session")
def world(stack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as opened:
        yield World.create(opened, tmp_path_factory.mktemp("world"))
