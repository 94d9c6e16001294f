"""Tables beside one another: in whichever order they end, told in theirs, within one's limits."""

import threading

import pytest

from pseudonymisation.engine.session import EngineLimits
from pseudonymisation.intake.adapters.landing.related import landing

WAIT_SECONDS = 60


def test_what_is_made_beside_one_another_comes_in_the_order_of_its_names() -> None:
    second_is_made = threading.Event()

    def made(name: str) -> str:
        if name == "first":
            assert second_is_made.wait(WAIT_SECONDS)  # so that the second one runs beside it
        if name == "second":
            second_is_made.set()
        return name.upper()

    assert [*landing._beside(made, ["first", "second", "third"], 2)] == ["FIRST", "SECOND", "THIRD"]


def test_of_several_that_fail_the_first_is_told_whichever_failed_before() -> None:
    second_failed = threading.Event()

    def made(name: str) -> str:
        if name == "second":
            second_failed.set()
        elif name == "first":
            assert second_failed.wait(WAIT_SECONDS)
        raise LookupError(name)

    with pytest.raises(LookupError, match="first"):
        list(landing._beside(made, ["first", "second"], 2))


@pytest.mark.parametrize(
    ("memory", "threads", "lanes"),
    [
        (1_000_000_000, 2, 2),
        (1_000_000_000, 8, 2),
        (1_000_000_000, 1, 1),
        (300_000_000, 2, 1),  # too little to be halved
        (799_999_999, 2, 1),
        (800_000_000, 2, 2),
    ],
)
def test_all_lanes_together_take_no_more_than_one_may(memory, threads, lanes) -> None:
    limits = EngineLimits(memory_bytes=memory, threads=threads, spill_bytes=9)

    found, each = landing._lanes(limits)

    assert found == lanes
    assert found * each.memory_bytes <= memory
    assert found * each.spill_bytes <= 9
    assert each.threads >= 1
    assert found * each.threads <= threads


def test_records_of_tables_that_are_landed_beside_one_another_are_added_up() -> None:
    told: list[int] = []
    progress = landing._Told(told.append)
    first, second = progress.of("first"), progress.of("second")

    first(10)
    second(5)
    first(20)
    second(7)

    assert told == [10, 15, 25, 27]
