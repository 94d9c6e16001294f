"""Whatever has states has a life, or says here why it has none (docs/adr/0205)."""

import importlib
import pkgutil
from collections.abc import Iterator
from enum import StrEnum

import pytest

from common.lives import DateState
from dsfc_cli.generated.states import PACKAGES
from dsfc_testing.lives import declared

WITHOUT = {
    "Step": "the decided part of a relationship's state, whose life is RelationshipState's",
    "CodeState": "what a code means on a day, told by the lists",
    "Status": "a word of others: of DSPT, or how final an edition is by its calendar",
    "OrganisationStatus": "what agreements says of a code on a day",
    "EditionStanding": "the standing of a replacement as quality shows it",
    "BoardState": "what a landing board says of a month, told by the days and what was landed",
    "PeriodState": "what became of a month of an order, told by its extract",
    "KeyState": "a lock that is set once, by the custody of keys",
}
ENDINGS = ("State", "Status", "Standing", "Step")


def states(package: str) -> Iterator[type[StrEnum]]:
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if ".migrations" in module.name:
            continue
        for name, kind in vars(importlib.import_module(module.name)).items():
            is_own = isinstance(kind, type) and kind.__module__ == module.name
            if is_own and issubclass(kind, StrEnum) and name.endswith(ENDINGS):
                yield kind


def alive(package: str) -> set[type]:
    return {type(state) for life in declared(package).values() for state in life.moves}


@pytest.mark.parametrize("package", PACKAGES)
def test_whatever_has_states_has_a_life(package: str) -> None:
    found = {*states(package)} - alive(package) - {DateState}

    assert {kind.__name__ for kind in found} <= set(WITHOUT)
    for life in declared(package).values():
        kind: type[StrEnum] = type(next(iter(life.moves)))
        assert kind is DateState or set(life.moves) == set(kind), f"{life.name} leaves a state out"


def test_nothing_is_named_as_without_a_life_that_is_not_there_or_has_one() -> None:
    found = [kind for package in PACKAGES for kind in {*states(package)} - alive(package)]

    assert set(WITHOUT) <= {kind.__name__ for kind in found}
