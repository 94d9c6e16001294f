"""Runs the tests marked with a scenario of domain.md section 11, and counts the 84.

python -m tests.scenarios            # all
python -m tests.scenarios R14 A25    # some
"""

import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
TITLES: dict[str, str] = yaml.safe_load((HERE / "scenarios.yaml").read_text("utf-8"))


class Count:
    """Collects, for each scenario, how its tests ended."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self.outcomes: dict[str, set[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [i for i in items if self._wanted & numbers_of(i)]
        for item in items:
            item.user_properties += [("scenario", number) for number in sorted(numbers_of(item))]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for name, value in report.user_properties:
                if name == "scenario":
                    self.outcomes.setdefault(str(value), set()).add(report.outcome)


def numbers_of(item: pytest.Item) -> set[str]:
    """The scenarios a test is marked with. Raises UsageError for one that is not of the 84."""
    numbers = {str(number) for mark in item.iter_markers("scenario") for number in mark.args}
    if unknown := numbers - set(TITLES):
        raise pytest.UsageError(f"{item.nodeid}: no such scenario: {', '.join(sorted(unknown))}")
    return numbers


def standing(outcomes: set[str] | None) -> str:
    """`passes`, `fails` or `missing`; a skipped test shows nothing."""
    if not outcomes or outcomes == {"skipped"}:
        return "missing"
    return "fails" if "failed" in outcomes else "passes"


def main() -> int:
    wanted = set(sys.argv[1:]) or set(TITLES)
    count = Count(wanted)
    pytest.main(
        ["-q", "--no-header", "--tb=line", "-m", "scenario and not docker"], plugins=[count]
    )
    for number, title in TITLES.items():
        if number in wanted:
            print(f"{number}  {standing(count.outcomes.get(number)):8}{title}")
    passing = sum(standing(count.outcomes.get(n)) == "passes" for n in wanted)
    failing = sum(standing(count.outcomes.get(n)) == "fails" for n in wanted)
    print(f"{passing} of {len(wanted)} scenarios pass")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
