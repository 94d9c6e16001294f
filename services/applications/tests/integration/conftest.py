import pytest

from applications.db.repository import unit_of_work
from applications.use_cases.context import World
from dsfc_testing.codes import ListedCodes
from services.applications.tests.answers import DATA_SETS, NOW, RULES, known


class FixedFacts:
    """What agreements would say; the real adapter has its own tests."""

    def __init__(self):
        self.known = known()
        self.asked = []

    def facts(self, asked):
        self.asked.append(asked)
        if isinstance(self.known, Exception):
            raise self.known
        return self.known


@pytest.fixture
def engine(migrated):
    return migrated("applications")


@pytest.fixture
def facts():
    return FixedFacts()


@pytest.fixture
def world(engine, clock, facts):
    clock.set(NOW)
    return World(
        uow=unit_of_work(engine),
        clock=clock,
        agreements=facts,
        rules=RULES,
        data_sets=DATA_SETS,
        codes=ListedCodes({"02P00": "02P"}),
    )
