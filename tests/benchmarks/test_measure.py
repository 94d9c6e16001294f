"""What the benchmarks rest on; the benchmarks themselves are no tests (`make bench`)."""

from importlib import import_module

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.measure import Result, Turns, turns


def test_they_take_turns_and_the_first_turn_is_thrown_away():
    order = []

    found = turns(lambda: order.append("c"), lambda: order.append("f"), rounds=3)

    assert order == ["c", "f"] * 4
    assert [len(s) for s in (found.contender, found.floor)] == [3, 3]
    assert [len(s) for s in (found.contender_cpu, found.floor_cpu)] == [3, 3]


def test_the_ratio_is_the_median_of_the_rounds_and_not_of_the_times():
    found = Turns([1.0, 8.0, 30.0], [1.0, 4.0, 10.0], [6.0], [2.0])

    assert found.ratio == 2.0
    assert found.cpu_ratio == 3.0
    assert found.spread == "1.00 to 3.00 in 3 rounds"


@pytest.mark.parametrize(
    ("ratio", "goal", "better", "line"),
    [
        (160.0, 150, "higher", "job: 160.00 (goal at least 150)"),
        (150.0, 150, "higher", "job: 150.00 (goal at least 150)"),
        (149.0, 150, "higher", "job: 149.00 (goal at least 150)  NOT MET"),
        (1.2, 1.45, "lower", "job: 1.20 (goal at most 1.45)"),
        (1.5, 1.45, "lower", "job: 1.50 (goal at most 1.45)  NOT MET"),
        (4.0, None, "lower", "job: 4.00 (no goal, lower is better)"),
        (None, None, "lower", "job: not measured"),
    ],
)
def test_a_line_says_ratio_and_goal_and_whether_it_is_missed(ratio, goal, better, line):
    result = Result(name="job", ratio=ratio, goal=goal, better=better, told="")

    assert result.line() == line
    assert result.as_json()["is_met"] is not line.endswith("NOT MET")


def test_the_record_says_what_machine_it_was():
    assert benchmarks.machine().keys() == {"cpu", "cores", "python", "system"}


@pytest.mark.long
@pytest.mark.parametrize("name", benchmarks.NAMES)
def test_every_benchmark_still_runs(name, tmp_path):
    """At a thousandth of its rows: what it measures moves, and nobody measures every day.

    Beside programs that `make peers` installs, and CI does not, nothing is measured without them.
    """
    results = import_module(f"tests.benchmarks.{name}").run(0.001, tmp_path)

    ratios = [result.ratio for result in results if not result.name.startswith("tables_beside_")]
    assert ratios
    assert all(ratio > 0 for ratio in ratios)
