"""A question as JSON and its answer, in this process and in one of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure import DisclosureProblem, problems
from disclosure.asked import answered

CELLS = [
    {"labels": ["England"], "value": "104"},
    {"labels": ["RA1"], "value": "*"},
    {"labels": ["RB1"], "value": "95"},
]
TRUST = {"name": "trust", "categories": ["RA1", "RB1"], "total": "England", "is_geography": True}
CHECK: dict[str, Any] = {
    "action": "check", "rule": "SHMI", "dimensions": [TRUST], "cells": CELLS
}  # fmt: skip
RAW = [{"labels": ["RA1"], "value": "7"}, {"labels": ["RB1"], "value": "97"}]
PROTECT = CHECK | {"action": "protect", "cells": RAW}


def pairs(*told: str) -> list[dict[str, str]]:
    return [{"child": one[0], "parent": one[1]} for one in told]


def test_a_check_tells_which_cell_to_which_counts_and_from_which_sum() -> None:
    answer = answered(CHECK)
    assert not answer["is_safe"]
    assert answer["findings"] == [
        {
            "cell": ["RA1"],
            "low": 7,
            "high": 7,
            "verdict": "recovered",
            "because": ["[England: 104] = [RA1: 1 to 7] + [RB1: 93 to 97]"],
        }
    ]


def test_what_is_protected_passes_its_own_check() -> None:
    shown = answered(PROTECT)
    assert shown["hidden"] >= 1
    assert "104" not in {cell["value"] for cell in shown["cells"]}
    assert answered(CHECK | {"cells": shown["cells"]})["is_safe"]


def one(name: str, **changes: Any) -> Any:
    return changes, getattr(problems, name)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        one("CountNegative", cells=[{"labels": ["RA1"], "value": "-7"}]),
        one("CountFractional", cells=[{"labels": ["RA1"], "value": "7.5"}]),
        one("TotalIsNotTheSum", cells=[*RAW, {"labels": ["England"], "value": "103"}]),
        one("HierarchyCycle", dimensions=[{"name": "t", "hierarchies": [pairs("AB", "BA")]}]),
        one(
            "HierarchyTwoParents",
            dimensions=[{"name": "t", "hierarchies": [pairs("AB", "AC", "BD", "CD")]}],
        ),
        one("HierarchyInvalid", dimensions=[{"name": "t", "hierarchies": [pairs("AB", "CD")]}]),
        one("AlreadyProtected", cells=[*RAW, {"labels": ["England"], "value": "*"}]),
        one(
            "TableTooLarge",
            dimensions=[
                {"name": n, "categories": [f"{n}{at}" for at in range(2200)]} for n in "ab"
            ],
        ),
        one("RuleNotInForce", rule="HES_PRE2018", on="2020-01-01"),
        one("RuleUnknown", rule="NONE"),
        one("RuleMissing", rule="GPW"),
        one("RuleInvalid", rule="SHMI", parameters={"suppress_min": 1}),
        one("TableInvalid", cells=[{"labels": ["RX1"], "value": "9"}]),
        one("TableInvalid", cells=[*RAW, RAW[0]]),
        one("TableInvalid", cells=[]),
        one("TableInvalid", dimensions=[TRUST, TRUST]),
        one("TableInvalid", dimensions=[TRUST | {"categories": ["RA1", "RA1"]}]),
        one("TableInvalid", dimensions=[{"name": "t"}]),
        one("TableInvalid", action="publish"),
    ],
)
def test_what_is_wrong_is_named_by_its_code(
    changes: dict[str, Any], problem: type[DisclosureProblem]
) -> None:
    with pytest.raises(problem):
        answered(PROTECT | changes)


def test_ten_million_cells_are_too_many_to_check_too() -> None:
    wide = [{"name": n, "categories": [f"{n}{at}" for at in range(3200)]} for n in "ab"]
    with pytest.raises(problems.TableTooLarge):
        answered(CHECK | {"dimensions": wide})


LABELS = st.sampled_from(["RA1", "RB1", "England", "N", ""])
VALUES = st.sampled_from(["*", "-", "0", "3", "7", "10", "95", "104", "-1", "1.5"])
DIMENSIONS = st.one_of(
    st.builds(
        lambda of, nation: {"name": "t", "categories": of, "is_geography": nation},
        st.lists(LABELS, max_size=3),
        st.booleans(),
    ),
    st.builds(
        lambda of: {"name": "t", "hierarchies": [of]},
        st.lists(st.builds(lambda c, p: {"child": c, "parent": p}, LABELS, LABELS), max_size=4),
    ),
)
QUESTIONS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["check", "protect"]),
        "rule": st.sampled_from(["SHMI", "CSDS", "HES_PRE2018", "GPW", "X"]),
        "dimensions": st.lists(DIMENSIONS, min_size=1, max_size=2),
        "cells": st.lists(
            st.builds(
                lambda labels, value: {"labels": labels, "value": value},
                st.lists(LABELS, min_size=1, max_size=2),
                VALUES,
            ),
            max_size=6,
        ),
        "seconds": st.just(1),
    }
)


@settings(max_examples=200, deadline=None)
@given(QUESTIONS)
def test_every_question_has_an_answer_or_a_problem(question: dict[str, Any]) -> None:
    try:
        answer = answered(question)
    except DisclosureProblem:
        pass  # each kind has its code
    else:
        json.dumps(answer)
        if question["action"] == "protect":
            assert answer["is_safe"]


def run(question: object, memory: int = 1 << 30) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "disclosure.asked", str(memory), "60"],
        input=json.dumps(question).encode(),
        capture_output=True,
        check=False,
        timeout=120,
        env={"OPENBLAS_NUM_THREADS": "1"},
    )


def test_a_process_of_its_own_answers_with_nothing_but_the_answer() -> None:
    done = run(CHECK)
    assert json.loads(done.stdout) == {"answer": answered(CHECK)}
    refused = json.loads(run(CHECK | {"rule": "NONE"}).stdout)
    assert refused["problem"]["code"] == "DISCLOSURE_RULE_UNKNOWN"


def test_a_process_of_its_own_ends_where_its_memory_does() -> None:
    """It is set when the library is loaded: what needs no more memory than that is answered."""
    names = [f"N{at}" for at in range(70)]
    large = {
        "action": "protect",
        "rule": "SHMI",
        "dimensions": [{"name": name, "categories": names} for name in "ab"],
        "cells": [
            {"labels": [one, other], "value": str((7 * i + 5 * j) % 12)}
            for i, one in enumerate(names)
            for j, other in enumerate(names)
        ],
    }
    done = run(large, memory=24 << 20)
    assert done.returncode != 0
    assert done.stdout == b""
