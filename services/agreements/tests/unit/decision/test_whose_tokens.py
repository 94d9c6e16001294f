"""Whose pseudonym domain it is once the standing of a controller has passed on (ruling 4)."""

from datetime import date

import pytest

from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG, london
from services.agreements.tests.unit.decision.test_scenarios import decided

THIRD = "26A"
OF_ALL_CONTROLLERS = {"rule": "own", "commissioners": [], "reasons": ["G", "H", "R", "C"]}
PASSED = date(2018, 4, 10)
SIGNED = {1: london(2018, 3, 21, 10), 2: london(2018, 4, 20, 10), 3: london(2018, 5, 2, 10)}


def history(*controllers, instruments=()):
    """A version for each list of controllers, all signed; and who passed to whom, and when."""
    world = plain.sound()
    world["agreement"]["versions"] = [
        plain.version(
            f"v1.{number}",
            number,
            controllers=[*named],
            signed=dict.fromkeys([*named, CSU, "body"], SIGNED[number]),
            snapshot=plain.snapshot([plain.line(population=OF_ALL_CONTROLLERS)])
            | {"controllers": [plain.bases(ods) for ods in (CCG, OTHER_CCG, THIRD)]},
        )
        for number, named in enumerate(controllers, start=1)
    ]
    world["organisations"].append(plain.organisation(THIRD, "CCG"))
    for ods in (OTHER_CCG, THIRD):
        world["contracts"].append(plain.contract(ods))
        world["relationships"].append(plain.relationship(ods, csu=CSU, reference=f"LCR-{ods}"))
        world["assurance"].append(plain.assurance(ods))
        world["ico"].append(plain.ico(ods))
    world["instruments"] = [
        {"predecessor": former, "successor": later, "from": day}
        for former, later, day in instruments
    ]
    return world


def whose(world):
    answer = decided(world, plain.request())
    assert isinstance(answer, Permission), answer
    return answer.domain.controllers


TO_OTHER = (CCG, OTHER_CCG, PASSED)
TO_THIRD = (OTHER_CCG, THIRD, date(2018, 4, 30))
OF_THIRD = (THIRD, OTHER_CCG, PASSED)


@pytest.mark.parametrize(
    ("controllers", "instruments", "began_with"),
    [
        ([[CCG]], [], [CCG]),
        ([[CCG]], [TO_OTHER], [CCG]),
        ([[CCG], [OTHER_CCG]], [TO_OTHER], [CCG]),
        ([[CCG], [OTHER_CCG], [THIRD]], [TO_OTHER, TO_THIRD], [CCG]),
        ([[CCG, THIRD], [OTHER_CCG]], [TO_OTHER, OF_THIRD], [CCG, THIRD]),
        ([[CCG, OTHER_CCG], [OTHER_CCG]], [TO_OTHER], [CCG, OTHER_CCG]),
        ([[CCG], [OTHER_CCG]], [], [OTHER_CCG]),
        ([[CCG], [OTHER_CCG]], [(CCG, OTHER_CCG, date(2018, 5, 10))], [OTHER_CCG]),
        ([[OTHER_CCG]], [TO_OTHER], [OTHER_CCG]),
    ],
    ids=[
        "nobody passed on",
        "passed on and not amended",
        "the successor is named",
        "and its successor",
        "two in one",
        "into one that was named already",
        "another controller by an amendment alone",
        "named before it passed on",
        "a predecessor that was never named",
    ],
)
def test_tokens_pass_with_the_standing_and_by_nothing_else(controllers, instruments, began_with):
    assert whose(history(*controllers, instruments=instruments)) == tuple(sorted(began_with))
