"""Which worker runs which tests: a module's stay together, and journeys are one worker's.

Left to itself `--dist loadgroup` hands out tests that have no group one after the other, each to
the worker that is free: every worker then makes the fixtures of nearly every module, and starts the
processes that all four services are forked from. And it begins with the groups of most tests, so
that journeys of one test over four services come last, when there is nothing left for the others.
"""

from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

LONG = "long"
"""As if it were a group: of tests that are long by nature each goes to whoever is free."""
QUICK = "/unit/"
"""What is left for the end: modules that take a moment and wait for nothing."""
JOURNEYS = ("tests/e2e/", "tests/faults/")
"""Over running services: where another worker has begun with them, the next waits for its scene."""


class ByModule(LoadGroupScheduling):  # type: ignore[misc]  # as above: it has no types
    """One worker a group (`xdist_group`), and one a module but for its long tests.

    The first worker begins with journeys, which others take once there is nothing else.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope = str(super()._split_scope(nodeid))
        return nodeid if scope == LONG else scope.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is not self.nodes[0]:
            units = self.workqueue.items()
            others = (name for name, unit in units if not any(map(is_journey, unit)))
            if name := next(others, None):
                self.workqueue.move_to_end(name, last=False)
        super()._assign_work_unit(node)


def is_journey(nodeid: str) -> bool:
    """Whether a test needs services that run."""
    return nodeid.startswith(JOURNEYS)


def turn(nodeid: str) -> int:
    """Return when it is a test's turn: journeys, groups, what is long, services, what is quick.

    Of what is long that of the whole suite begins: one test of it takes minutes.
    """
    if is_journey(nodeid):
        return 0
    if "@" in (last := nodeid.rpartition("]")[2]):
        if not last.endswith(f"@{LONG}"):
            return 1
        return 2 if nodeid.startswith("tests/") else 3
    return 5 if QUICK in nodeid else 4
