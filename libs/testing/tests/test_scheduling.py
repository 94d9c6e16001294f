"""A module is one worker's, and so is a group, but not what is long; journeys are one worker's."""

from types import SimpleNamespace

import pytest

from dsfc_testing import plugin, scheduling

COLLECTED = [
    "libs/common/tests/test_ids.py::test_one",
    "services/agreements/tests/unit/test_codes.py::test_one",
    "services/agreements/tests/api/test_lives.py::test_one[a::b]",
    "services/agreements/tests/api/test_lives.py::test_two",
    "services/agreements/tests/api/test_lives.py::test_three[kafka]@kafka",
    "services/agreements/tests/api/test_lives.py::test_four@long",
    "services/agreements/tests/api/test_lives.py::test_five@long",
    "tests/architecture/test_names.py::test_one",
    "tests/benchmarks/test_memory.py::test_one@long",
    "tests/e2e/test_journey.py::test_one@kafka",
    "tests/e2e/test_lists.py::test_one[user@example]",
]


class Worker:
    """As much of a worker as hands are given to."""

    shutting_down = False

    def __init__(self, name):
        self.gateway = SimpleNamespace(id=name)
        self.given = []

    def send_runtest_some(self, indices):
        self.given.append(indices)

    def shutdown(self):
        self.shutting_down = True


def scheduler_of(dist, workers=2):
    options = {"dist": dist, "tx": [f"{workers}*popen"]}
    config = SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=True, debug=False),
        getoption=options.get,
        getvalue=options.get,
    )
    return plugin.pytest_xdist_make_scheduler(config, None)


JOURNEY, LISTS = "tests/e2e/test_journey.py::test_one@kafka", COLLECTED[10]
KAFKA = ["services/agreements/tests/api/test_lives.py::test_three[kafka]@kafka", JOURNEY]
LIVES = COLLECTED[2:4]
LONG = [COLLECTED[8], *COLLECTED[5:7]]
NAMES = COLLECTED[7]
LIBRARY, QUICK = COLLECTED[:2]


def handed_out(workers):
    """Who is given what, in turns: each worker runs all it has before the next one runs."""
    collected = sorted(COLLECTED, key=scheduling.turn)
    scheduler = scheduler_of("loadgroup", len(workers))
    for worker in workers:
        scheduler.add_node(worker)
    for worker in workers:
        scheduler.add_node_collection(worker, collected)

    scheduler.schedule()
    given = {worker.gateway.id: [] for worker in workers}
    while any(worker.given for worker in workers):
        for worker in workers:
            units, worker.given = worker.given, []
            for unit in units:
                given[worker.gateway.id].append([collected[index] for index in unit])
                for index in unit:
                    scheduler.mark_test_complete(worker, index)

    assert scheduler.tests_finished
    assert all(worker.shutting_down for worker in workers)
    return given


def test_journeys_begin_and_what_is_quick_is_left_for_the_end():
    assert sorted(COLLECTED, key=scheduling.turn) == [
        JOURNEY,
        LISTS,
        KAFKA[0],
        *LONG,
        LIBRARY,
        *LIVES,
        NAMES,
        QUICK,
    ]


def test_a_module_and_a_group_go_to_one_worker_and_what_is_long_to_whoever_is_free():
    given = handed_out([Worker("one"), Worker("two")])

    units = [sorted(unit) for units in given.values() for unit in units]
    alone = [LISTS, *LONG, LIBRARY, NAMES, QUICK]
    assert sorted(units) == sorted([sorted(KAFKA), LIVES, *([one] for one in alone)])


def test_the_first_worker_begins_with_journeys_and_no_other_as_long_as_there_is_something_else():
    given = handed_out([Worker("one"), Worker("two"), Worker("three")])

    assert [sorted(unit) for unit in given["one"][:2]] == [sorted(KAFKA), [LISTS]]
    assert given["two"][0] == [LONG[0]]
    assert given["three"][0] == [LONG[1]]


def test_another_worker_takes_journeys_once_there_is_nothing_else():
    one, two = Worker("one"), Worker("two")
    scheduler = scheduler_of("loadgroup")
    journeys = [f"tests/faults/test_{n}.py::test_{m}" for n in range(3) for m in range(3)]
    for worker in (one, two):
        scheduler.add_node(worker)
    for worker in (one, two):
        scheduler.add_node_collection(worker, [*journeys, QUICK])

    scheduler.schedule()

    assert one.given == [[0, 1, 2]]
    assert two.given == [[9], [3, 4, 5]]


@pytest.mark.parametrize("dist", ["load", "no", "worksteal"])
def test_whoever_asks_for_another_way_to_hand_out_gets_it(dist):
    assert scheduler_of(dist) is None
